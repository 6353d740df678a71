/* SPDX-License-Identifier: Apache-2.0 */
/* The console's serial port, whatever its kind. Output is polled from any CPU and context, panic included, with a bound
 * on each wait. Input runs in the loop of CPU 0: an interrupt posts work; a timer polls where no interrupt arrives.
 * Knows no register, terminal or log. */
#include "uart_ops.h"
#include <core/arch.h>
#include <core/arith.h>
#include <core/hal.h>
#include <core/log.h>
#include <core/spinlock.h>
#include <core/task.h>
#include <core/uart.h>

#define COM1_PORT 0x3f8
#define COM1_IRQ 4
#define TX_SPINS 200000     /* looks at the transmitter; one takes about a microsecond on real hardware */
#define LOCK_SPINS 10000000 /* then output goes on without the lock: it is for panics of its holder */
#define RX_BUDGET 64
#define POLL_FAST_NS (20 * NS_PER_MS)
#define POLL_SLOW_NS (500 * NS_PER_MS)

static struct {
	bool present;
	const struct uart_ops *ops; /* of place.kind */
	struct uart_place place;
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

/* Takes the port at place when it answers. */
static bool uart_take(const struct uart_place *place)
{
	uart.place = *place;
	uart.ops = place->kind == UART_KIND_16550 ? &uart_16550 : &uart_pl011;
	return uart.ops->open(place, uart.running);
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

/* Waits until a burst fits. */
static bool uart_wait_tx(void)
{
	for (unsigned n = uart.tx_stuck ? 1 : TX_SPINS; n > 0; n--) {
		if (uart.ops->tx_ready()) {
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

static bool uart_send(char c, unsigned *room)
{
	if (*room == 0) {
		if (!uart_wait_tx())
			return false;
		*room = uart.ops->burst;
	}
	uart.ops->put((uint8_t)c);
	--*room;
	return true;
}

void uart_write(const char *s, size_t n)
{
	unsigned room = 0;
	bool locked;

	if (!uart.present)
		return;
	locked = uart_lock();
	for (size_t i = 0; i < n; i++) {
		if ((s[i] == '\n' && !uart_send('\r', &room)) || !uart_send(s[i], &room))
			break; /* nobody drains the line: the text is lost, the machine is not */
	}
	if (locked)
		spin_unlock(&uart.tx_lock);
}

void uart_break_lock(void)
{
	spin_init(&uart.tx_lock);
}

/* Reads what has come; true when the budget ran out before the FIFO did. */
static bool uart_drain(bool *any)
{
	for (unsigned n = 0; n < RX_BUDGET; n++) {
		int c = uart.ops->get();

		if (c == UART_NOTHING)
			return false;
		*any = true;
		if (c != UART_NOISE)
			uart.rx(uart.rx_ctx, (char)c);
	}
	return true;
}

static void uart_rx_run(struct work *w)
{
	bool any = false;

	if (uart_drain(&any))
		work_post(0, w);
	else if (uart.place.level)
		uart.ops->rx_irq(true);
}

static void uart_irq(void *ctx)
{
	(void)ctx;
	if (uart.place.level)
		uart.ops->rx_irq(false); /* the line stays up until the bytes are read, which is the loop's work */
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
	uart.ops->rx_irq(true);
	timer_set(&uart.poll, hal_clock_ns() + POLL_FAST_NS);
}
