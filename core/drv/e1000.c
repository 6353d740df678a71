/* SPDX-License-Identifier: Apache-2.0 */
/* Intel 82540EM family and 82574L as an uplink: legacy descriptors, one queue each way. CPU 0: interrupts read the cause
 * and post work; frames move in the loop without allocation. MSI where the chip has it, else the interrupt line, and a
 * timer that polls where no interrupt arrives. Lengths and states in descriptors are the device's word and checked. */
#include "drivers.h"
#include "e1000_regs.h"
#include <core/arith.h>
#include <core/fmt.h>
#include <core/l2port.h>
#include <core/log.h>
#include <core/mmio.h>
#include <core/page.h>
#include <core/pci.h>
#include <core/task.h>
#include <string.h>

#define RING 128u /* a multiple of 8 (SDM 13.4.27) */
#define BUF_BYTES 2048u
#define BUF_ORDER 6
#define RX_BUDGET 64
#define FRAME_MIN 14
#define IRQ_MASK (ICR_LSC | ICR_RXDMT0 | ICR_RXO | ICR_RXT0)
#define ITR_8000_PER_S 488 /* units of 256 ns */
#define RESET_WAIT_NS (100 * NS_PER_MS)
#define EERD_POLLS 100000u
#define POLL_FAST_NS (2 * NS_PER_MS)
#define POLL_SLOW_NS (1 * NS_PER_S)

_Static_assert(PAGE_SIZE << BUF_ORDER == RING * BUF_BYTES, "a ring's buffers are one block");

struct e1000_model { uint16_t device; const char *name; bool pcie; };
static const struct e1000_model e1000_models[] = {
	{0x100e, "82540EM", false},
	{0x100f, "82545EM", false},
	{0x10d3, "82574L", true},
};

struct e1000 {
	struct l2port port;
	struct pci_dev *pci;
	const struct e1000_model *model;
	volatile void *regs;
	uint8_t *rx_ring, *tx_ring; /* RING descriptors each, one page */
	uint8_t *rx_mem, *tx_mem;   /* RING buffers each */
	unsigned rx_next;           /* next descriptor to look at */
	unsigned tx_next, tx_used;  /* next to fill; how many are with the device */
	bool rx_skip;               /* in the middle of a frame that is too long */
	bool dead, irq_ok;
	atomic_bool irq_seen;
	atomic_uint causes;
	struct work work;
	struct timer poll;
};

static uint32_t e1000_read(struct e1000 *n, unsigned reg)
{
	return mmio_read32(n->regs, reg);
}

static void e1000_write(struct e1000 *n, unsigned reg, uint32_t v)
{
	mmio_write32(n->regs, reg, v);
}

static void e1000_wait(uint64_t ns)
{
	uint64_t until = hal_clock_ns() + ns;

	while (hal_clock_ns() < until)
		arch_relax();
}

static void e1000_set_link(struct e1000 *n, bool up)
{
	if (up == n->port.link_up)
		return;
	n->port.link_up = up;
	log_info(n->port.name, "link %s", up ? "up" : "down");
	if (n->port.link)
		n->port.link(n->port.ctx, up);
}

static void e1000_kill(struct e1000 *n, const char *why)
{
	log_error(n->port.name, "switched off: %s", why);
	n->dead = true;
	pci_disable_dma(n->pci);
	e1000_write(n, REG_IMC, UINT32_MAX);
	e1000_set_link(n, false);
}

/* ---- receive */

static void e1000_deliver(struct e1000 *n, const uint8_t *frame, unsigned len, uint8_t status, uint8_t errors)
{
	bool whole = (status & RXD_EOP) && !n->rx_skip;

	n->rx_skip = !(status & RXD_EOP);
	if (!whole || errors & RXD_ERRORS_BAD || len < FRAME_MIN || len > L2_FRAME_MAX || !n->port.rx) {
		n->port.rx_dropped++;
		return;
	}
	n->port.rx_frames++;
	n->port.rx_bytes += len;
	n->port.rx(n->port.ctx, frame, len);
}

/* Gives descriptor i back; its address is written anew, for the device had the old one in its hands. */
static void e1000_arm_rx(struct e1000 *n, unsigned i)
{
	uint8_t *d = n->rx_ring + (size_t)i * DESC_BYTES;

	put_le64(d + 8, 0);
	put_le64(d + DESC_ADDR, hal_hpa_of(n->rx_mem + (size_t)i * BUF_BYTES).v);
}

/* Takes up to RX_BUDGET frames; returns how many descriptors were done. */
static unsigned e1000_rx(struct e1000 *n)
{
	unsigned done = 0;

	while (done < RX_BUDGET && !n->dead) {
		unsigned i = n->rx_next;
		const uint8_t *d = n->rx_ring + (size_t)i * DESC_BYTES;
		uint8_t status = *(const volatile uint8_t *)(d + RXD_STATUS);

		if (!(status & RXD_DD))
			break;
		atomic_thread_fence(memory_order_acquire); /* the status before the rest */
		e1000_deliver(n, n->rx_mem + (size_t)i * BUF_BYTES, get_le16(d + RXD_LENGTH), status, d[RXD_ERRORS]);
		e1000_arm_rx(n, i);
		n->rx_next = (i + 1) % RING;
		done++;
	}
	/* The tail is the last free descriptor: one stays out, or a full ring would look empty (SDM 3.2.6). */
	if (done && !n->dead)
		e1000_write(n, REG_RDT, (n->rx_next + RING - 1) % RING);
	return done;
}

static void e1000_run(struct work *w)
{
	struct e1000 *n = container_of(w, struct e1000, work);
	uint32_t causes = atomic_exchange(&n->causes, 0);

	if (n->dead)
		return;
	if (causes & ICR_LSC)
		e1000_set_link(n, (e1000_read(n, REG_STATUS) & STATUS_LU) != 0);
	if (e1000_rx(n) == RX_BUDGET)
		work_post(0, w);
}

/* Reading the cause also clears it and drops the interrupt line (SDM 13.4.17). */
static void e1000_irq(void *ctx)
{
	struct e1000 *n = ctx;
	uint32_t causes = e1000_read(n, REG_ICR);

	if (causes == 0 || causes == UINT32_MAX)
		return; /* a neighbour's on a shared line, or the device is gone */
	atomic_fetch_or(&n->causes, causes);
	atomic_store_explicit(&n->irq_seen, true, memory_order_relaxed);
	work_post(0, &n->work);
}

/* Frames that no interrupt announced: interrupts do not work here, so poll fast. Also sees a device that vanished. */
static void e1000_poll(struct timer *t)
{
	struct e1000 *n = container_of(t, struct e1000, poll);
	bool irq = atomic_exchange_explicit(&n->irq_seen, false, memory_order_relaxed);
	uint32_t status;
	unsigned done;

	if (n->dead)
		return;
	status = e1000_read(n, REG_STATUS);
	if (status == UINT32_MAX) {
		e1000_kill(n, "the device is gone");
		return;
	}
	e1000_set_link(n, (status & STATUS_LU) != 0);
	done = e1000_rx(n);
	if (irq)
		n->irq_ok = true;
	else if (done)
		n->irq_ok = false;
	if (done == RX_BUDGET)
		work_post(0, &n->work);
	timer_set(t, hal_clock_ns() + (n->irq_ok ? POLL_SLOW_NS : POLL_FAST_NS));
}

/* ---- transmit */

static void e1000_reclaim(struct e1000 *n)
{
	while (n->tx_used > 0) {
		unsigned i = (n->tx_next + RING - n->tx_used) % RING;

		if (!(*(const volatile uint8_t *)(n->tx_ring + (size_t)i * DESC_BYTES + TXD_STATUS) & TXD_DD))
			return;
		n->tx_used--;
	}
}

static err_t e1000_send(struct l2port *p, const void *frame, size_t len)
{
	struct e1000 *n = container_of(p, struct e1000, port);
	unsigned i = n->tx_next;
	uint8_t *d = n->tx_ring + (size_t)i * DESC_BYTES, *buf = n->tx_mem + (size_t)i * BUF_BYTES;

	if (len < FRAME_MIN || len > L2_FRAME_MAX)
		return E_INVAL;
	if (n->dead)
		return E_IO;
	e1000_reclaim(n);
	if (n->tx_used >= RING - 1) {
		p->tx_dropped++;
		return E_AGAIN;
	}
	memcpy(buf, frame, len);
	put_le64(d + DESC_ADDR, hal_hpa_of(buf).v);
	put_le64(d + 8, 0);
	put_le16(d + TXD_LENGTH, (uint16_t)len);
	d[TXD_CMD] = TXD_CMD_EOP | TXD_CMD_IFCS | TXD_CMD_RS;
	n->tx_next = (i + 1) % RING;
	n->tx_used++;
	p->tx_frames++;
	p->tx_bytes += len;
	e1000_write(n, REG_TDT, n->tx_next);
	return OK;
}

static const struct l2port_ops e1000_ops = {.send = e1000_send};

/* ---- start */

static err_t e1000_reset(struct e1000 *n)
{
	e1000_write(n, REG_IMC, UINT32_MAX);
	e1000_write(n, REG_RCTL, 0);
	e1000_write(n, REG_TCTL, 0);
	e1000_wait(10 * NS_PER_MS); /* let DMA run dry */
	e1000_write(n, REG_CTRL, e1000_read(n, REG_CTRL) | CTRL_RST);
	e1000_wait(RESET_WAIT_NS / 4);
	for (unsigned i = 0; e1000_read(n, REG_CTRL) & CTRL_RST; i++) {
		if (i == 10)
			return E_TIMEOUT;
		e1000_wait(RESET_WAIT_NS / 10);
	}
	e1000_write(n, REG_IMC, UINT32_MAX);
	(void)e1000_read(n, REG_ICR);
	return OK;
}

/* One 16-bit word of the EEPROM; the PCIe chips have other bit positions (SDM 13.4.4, DS 10.2.2.5). */
static err_t e1000_eeprom(struct e1000 *n, unsigned word, uint16_t *out)
{
	uint32_t done = n->model->pcie ? 1u << 1 : 1u << 4, v;

	e1000_write(n, REG_EERD, word << (n->model->pcie ? 2 : 8) | EERD_START);
	for (unsigned i = 0; i < EERD_POLLS; i++) {
		v = e1000_read(n, REG_EERD);
		if (v & done) {
			*out = (uint16_t)(v >> 16);
			return OK;
		}
	}
	return E_TIMEOUT;
}

static bool e1000_mac_ok(const uint8_t *m)
{
	return !(m[0] & 1) && (m[0] | m[1] | m[2] | m[3] | m[4] | m[5]) != 0;
}

static err_t e1000_read_mac(struct e1000 *n)
{
	uint32_t high = e1000_read(n, REG_RAH0);

	put_le32(n->port.mac, e1000_read(n, REG_RAL0));
	put_le16(n->port.mac + 4, (uint16_t)high);
	if ((high & RAH_AV) && e1000_mac_ok(n->port.mac))
		return OK;
	for (unsigned i = 0; i < 3; i++) {
		uint16_t w;
		err_t e = e1000_eeprom(n, i, &w);

		if (e != OK)
			return e;
		put_le16(n->port.mac + 2 * i, w);
	}
	return e1000_mac_ok(n->port.mac) ? OK : E_CORRUPT;
}

static err_t e1000_alloc(struct e1000 *n)
{
	static const unsigned orders[4] = {0, 0, BUF_ORDER, BUF_ORDER};
	uint8_t **const where[4] = {&n->rx_ring, &n->tx_ring, &n->rx_mem, &n->tx_mem};

	for (unsigned i = 0; i < 4; i++) {
		struct hpa a;
		err_t e = page_alloc(&pool_core, orders[i], PAGE_HOST, &a);

		if (e != OK)
			return e;
		*where[i] = hal_direct(a);
	}
	return OK;
}

static void e1000_free(struct e1000 *n)
{
	if (n->rx_ring)
		page_free(&pool_core, hal_hpa_of(n->rx_ring), 0, PAGE_HOST);
	if (n->tx_ring)
		page_free(&pool_core, hal_hpa_of(n->tx_ring), 0, PAGE_HOST);
	if (n->rx_mem)
		page_free(&pool_core, hal_hpa_of(n->rx_mem), BUF_ORDER, PAGE_HOST);
	if (n->tx_mem)
		page_free(&pool_core, hal_hpa_of(n->tx_mem), BUF_ORDER, PAGE_HOST);
	pool_free(&pool_core, n, sizeof(*n));
}

static void e1000_set_ring(struct e1000 *n, unsigned base_low, const uint8_t *ring)
{
	uint64_t a = hal_hpa_of(ring).v;

	e1000_write(n, base_low, (uint32_t)a);
	e1000_write(n, base_low + 4, (uint32_t)(a >> 32));
	e1000_write(n, base_low + 8, RING * DESC_BYTES);
	e1000_write(n, base_low + 0x10, 0); /* head */
	e1000_write(n, base_low + 0x18, 0); /* tail */
}

/* SDM 14.4, 14.5: receive and transmit initialisation. */
static void e1000_configure(struct e1000 *n)
{
	const uint8_t *m = n->port.mac;
	uint32_t ctrl = e1000_read(n, REG_CTRL);

	ctrl &= ~(CTRL_LRST | CTRL_ILOS | CTRL_PHY_RST | CTRL_VME);
	e1000_write(n, REG_CTRL, ctrl | CTRL_SLU | CTRL_ASDE);
	e1000_write(n, REG_RAL0, get_le32(m));
	e1000_write(n, REG_RAH0, get_le16(m + 4) | RAH_AV);
	for (unsigned i = 0; i < 128; i++)
		e1000_write(n, REG_MTA + 4 * i, UINT32_MAX); /* every multicast group: IPv6 needs several */
	for (unsigned i = 0; i < RING; i++)
		e1000_arm_rx(n, i);
	e1000_set_ring(n, REG_RDBAL, n->rx_ring);
	e1000_set_ring(n, REG_TDBAL, n->tx_ring);
	e1000_write(n, REG_RDTR, 0);
	e1000_write(n, REG_RADV, 0);
	e1000_write(n, REG_ITR, ITR_8000_PER_S);
	if (n->model->pcie) {
		e1000_write(n, REG_RFCTL, 0); /* legacy descriptors */
		e1000_write(n, REG_TXDCTL, TXDCTL_82574);
	}
	e1000_write(n, REG_TIPG, TIPG_COPPER);
	e1000_write(n, REG_TCTL, TCTL_EN | TCTL_PSP | TCTL_CT | TCTL_COLD | (n->model->pcie ? TCTL_MULR : 0));
	e1000_write(n, REG_RCTL, RCTL_EN | RCTL_BAM | RCTL_SECRC);
	e1000_write(n, REG_RDT, RING - 1);
}

static err_t e1000_start(struct e1000 *n)
{
	uint64_t size = 0;
	err_t e;

	pci_enable(n->pci);
	e = pci_map_bar(n->pci, 0, &n->regs, &size);
	if (e == OK && size < REG_BYTES_USED)
		e = E_CORRUPT;
	if (e != OK)
		return e == E_UNSUPPORTED ? E_CORRUPT : e;
	e = e1000_reset(n);
	if (e == OK)
		e = e1000_read_mac(n);
	if (e == OK)
		e = e1000_alloc(n);
	return e;
}

static const char *e1000_hook_irq(struct e1000 *n)
{
	n->irq_ok = true;
	if (pci_msi_setup(n->pci, 0, e1000_irq, n) == OK)
		return "MSI";
	if (pci_intx_setup(n->pci, e1000_irq, n) == OK)
		return "INTx";
	n->irq_ok = false;
	return "polling";
}

static const struct e1000_model *e1000_find_model(const struct pci_dev *d)
{
	for (unsigned i = 0; i < ARRAY_LEN(e1000_models); i++)
		if (d->vendor == 0x8086 && d->device == e1000_models[i].device)
			return &e1000_models[i];
	return NULL;
}

static err_t e1000_probe(struct pci_dev *d)
{
	const struct e1000_model *model = e1000_find_model(d);
	const char *how;
	struct e1000 *n;
	err_t e;

	if (!model)
		return E_UNSUPPORTED;
	if (l2_nuplinks == L2_MAX_UPLINKS)
		return E_LIMIT;
	n = pool_alloc(&pool_core, sizeof(*n));
	if (!n)
		return E_NOMEM;
	n->pci = d;
	n->model = model;
	n->port.ops = &e1000_ops;
	work_init(&n->work, e1000_run);
	timer_init(&n->poll, e1000_poll);
	fmt_buf(n->port.name, sizeof(n->port.name), "net%u", l2_nuplinks);
	e = e1000_start(n);
	if (e != OK) {
		pci_disable_dma(d);
		e1000_free(n);
		return e;
	}
	how = e1000_hook_irq(n);
	e1000_configure(n);
	n->port.link_up = (e1000_read(n, REG_STATUS) & STATUS_LU) != 0;
	log_info(n->port.name, "%s at " PCI_FMT ", %02x:%02x:%02x:%02x:%02x:%02x, link %s, %s", model->name, PCI_ARGS(d),
	         n->port.mac[0], n->port.mac[1], n->port.mac[2], n->port.mac[3], n->port.mac[4], n->port.mac[5],
	         n->port.link_up ? "up" : "down", how);
	l2_register_uplink(&n->port);
	e1000_write(n, REG_IMS, IRQ_MASK);
	timer_set(&n->poll, hal_clock_ns() + POLL_FAST_NS);
	return OK;
}

const struct pci_driver e1000_driver = {.name = "e1000", .probe = e1000_probe};
