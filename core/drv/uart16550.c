/* SPDX-License-Identifier: Apache-2.0 */
/* 16550 serial port, in port space or memory. Output is polled from any CPU and context, panic included, with a bound
 * on each wait. Input runs in the loop of CPU 0: an interrupt posts work; a timer polls where no interrupt arrives.
 * Reference: PC16550D data sheet. Knows no terminal and no log. */
#include "uart_find.h"
#include <core/arith.h>
#include <core/hal.h>
#include <core/log.h>
#include <core/mmio.h>
#include <core/portio.h>
#include <core/spinlock.h>
#include <core/task.h>
#include <core/uart.h>

enum { RBR = 0, THR = 0, DLL = 0, IER = 1, DLM = 1, FCR = 2, LCR = 3, MCR = 4, LSR = 5, SCR = 7, NREGS = 8 };
enum { IER_RX = 0x01, FCR_ON = 0x07, LCR_8N1 = 0x03, LCR_DLAB = 0x80, MCR_DTR_RTS_OUT2 = 0x0b };
enum { LSR_DR = 0x01, LSR_BREAK = 0x10, LSR_THRE = 0x20 };

#define COM1_PORT 0x3f8
#define COM1_IRQ 4
#define FIFO_BYTES 16
#define TX_SPINS 200000     /* reads of LSR; one takes about a microsecond on real hardware */
#define LOCK_SPINS 10000000 /* then output goes on without the lock: it is for panics of its holder */
#define RX_BUDGET 64
#define POLL_FAST_NS (20 * NS_PER_MS)
#define POLL_SLOW_NS (500 * NS_PER_MS)

static struct {
	bool present;
	struct uart_place place;
	volatile void *base;
	bool tx_stuck; /* the last wait ran out: do not wait again until it drains */
	struct spinlock tx_lock;
	void (*rx)(void *ctx, char c);
	void *rx_ctx;
	struct work rx_work;
	struct timer poll;
	bool irq_ok;           /* an interrupt handler is installed */
	atomic_bool irq_seen;  /* an interrupt came since the last poll */
	bool running;
} uart;

static uint8_t uart_read(unsigned reg)
{
	if (!uart.place.mmio)
		return portio_read8((uint16_t)(uart.place.addr + reg));
	if (uart.place.stride == 4)
		return (uint8_t)mmio_read32(uart.base, (size_t)reg * 4);
	return mmio_read8(uart.base, (size_t)reg * uart.place.stride);
}

static void uart_put(unsigned reg, uint8_t v)
{
	if (!uart.place.mmio)
		portio_write8((uint16_t)(uart.place.addr + reg), v);
	else if (uart.place.stride == 4)
		mmio_write32(uart.base, (size_t)reg * 4, v);
	else
		mmio_write8(uart.base, (size_t)reg * uart.place.stride, v);
}

/* The scratch register keeps what was written; a floating bus does not. Some 16550s lack it, none of a PC's do. */
static bool uart_answers(void)
{
	uart_put(SCR, 0x5a);
	if (uart_read(SCR) != 0x5a)
		return false;
	uart_put(SCR, 0xa5);
	return uart_read(SCR) == 0xa5 && uart_read(LSR) != 0xff;
}

static void uart_setup(void)
{
	uart_put(IER, uart.running ? IER_RX : 0);
	if (!uart.place.keep_baud) {
		uart_put(LCR, LCR_DLAB | LCR_8N1);
		uart_put(DLL, 1); /* 115200 */
		uart_put(DLM, 0);
	}
	uart_put(LCR, LCR_8N1);
	uart_put(FCR, FCR_ON);
	uart_put(MCR, MCR_DTR_RTS_OUT2);
}

/* Takes the port at place when it answers. */
static bool uart_take(const struct uart_place *place)
{
	uart.place = *place;
	uart.base = NULL;
	if (place->mmio) {
		if (hal_map_device(HPA(place->addr), (uint64_t)NREGS * place->stride, HAL_MAP_RW | HAL_MAP_UC, &uart.base) != OK)
			return false;
	} else if (!portio_present()) {
		return false;
	}
	if (!uart_answers())
		return false;
	uart_setup();
	return true;
}

void uart_init(void)
{
	static const struct uart_place com1 = {.addr = COM1_PORT, .stride = 1, .gsi = COM1_IRQ};
	struct uart_place place;

	if (uart_find(&place) == OK) {
		/* PCs describe COM1 without its interrupt; it is always this one. */
		if (place.gsi < 0 && !place.mmio && place.addr == COM1_PORT)
			place.gsi = COM1_IRQ;
		if (uart.present && place.mmio == uart.place.mmio && place.addr == uart.place.addr)
			return;
		uart.present = uart_take(&place);
		if (uart.present)
			return;
	} else if (uart.present) {
		return;
	}
	uart.present = uart_take(&com1);
}

/* Waits until the transmit FIFO is empty. */
static bool uart_wait_tx(void)
{
	for (unsigned n = uart.tx_stuck ? 1 : TX_SPINS; n > 0; n--) {
		if (uart_read(LSR) & LSR_THRE) {
			uart.tx_stuck = false;
			return true;
		}
		arch_relax();
	}
	uart.tx_stuck = true;
	return false;
}

static bool uart_lock(void)
{
	for (unsigned n = 0; n < LOCK_SPINS; n++) {
		if (spin_trylock(&uart.tx_lock))
			return true;
		arch_relax();
	}
	return false;
}

void uart_write(const char *s, size_t n)
{
	unsigned room = 0;
	bool locked;

	if (!uart.present)
		return;
	locked = uart_lock();
	for (size_t i = 0; i < n; i++) {
		unsigned need = s[i] == '\n' ? 2 : 1;

		if (room < need) {
			if (!uart_wait_tx())
				break; /* nobody drains the line: the text is lost, the machine is not */
			room = FIFO_BYTES;
		}
		if (s[i] == '\n')
			uart_put(THR, '\r');
		uart_put(THR, (uint8_t)s[i]);
		room -= need;
	}
	if (locked)
		spin_unlock(&uart.tx_lock);
}

void uart_break_lock(void)
{
	spin_unlock(&uart.tx_lock);
}

/* Reads what has come; true when the budget ran out before the FIFO did. */
static bool uart_drain(bool *any)
{
	for (unsigned n = 0; n < RX_BUDGET; n++) {
		uint8_t lsr = uart_read(LSR), c;

		if (lsr == 0xff || !(lsr & LSR_DR))
			return false;
		c = uart_read(RBR);
		*any = true;
		if (!(lsr & LSR_BREAK))
			uart.rx(uart.rx_ctx, (char)c);
	}
	return true;
}

static void uart_rx_run(struct work *w)
{
	bool any = false;

	if (uart_drain(&any))
		work_post(0, w);
}

static void uart_irq(void *ctx)
{
	(void)ctx;
	atomic_store_explicit(&uart.irq_seen, true, memory_order_relaxed);
	work_post(0, &uart.rx_work);
}

/* Bytes that no interrupt announced mean that interrupts do not work here (or that one edge was lost): poll fast. */
static void uart_poll(struct timer *t)
{
	bool any = false, irq = atomic_exchange_explicit(&uart.irq_seen, false, memory_order_relaxed);

	if (uart_drain(&any))
		work_post(0, &uart.rx_work);
	if (any && !irq)
		uart.irq_ok = false;
	else if (irq)
		uart.irq_ok = true;
	timer_set(t, hal_clock_ns() + (uart.irq_ok ? POLL_SLOW_NS : POLL_FAST_NS));
}

void uart_set_rx(void (*rx)(void *ctx, char c), void *ctx)
{
	uart.rx = rx;
	uart.rx_ctx = ctx;
	if (!uart.present || uart.running)
		return;
	work_init(&uart.rx_work, uart_rx_run);
	timer_init(&uart.poll, uart_poll);
	uart.irq_ok = uart.place.gsi >= 0 && hal_gsi_route((unsigned)uart.place.gsi, uart_irq, NULL) == OK;
	if (!uart.irq_ok)
		log_warn("uart", "no interrupt: input is polled");
	uart.running = true;
	uart_put(IER, IER_RX);
	timer_set(&uart.poll, hal_clock_ns() + POLL_FAST_NS);
}
