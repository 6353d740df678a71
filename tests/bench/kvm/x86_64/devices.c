/* SPDX-License-Identifier: Apache-2.0 */
/* The monitor's devices: COM1 (16550), ACPI's and the keyboard controller's ways to switch off, and notifications by ioeventfd that nobody
 * waits for. Every other port reads as zero: 0xff from the RTC would cost Linux a second. */
#include "machine.h"
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum {
	COM1 = 0x3f8, COM1_IRQ = 4, PM1_CONTROL = 0x604, SLEEP_ENABLE = 0x20, /* of its high byte */
	KEYBOARD_COMMAND = 0x64, PULSE_RESET = 0xfe,
};
enum { DATA, IER, IIR, LCR, MCR, LSR, MSR, SCR };
enum { IER_EMPTY = 2, LCR_DLAB = 0x80, IIR_NONE = 0xc1, IIR_EMPTY = 0xc2, LSR_EMPTY = 0x60, MSR_READY = 0xb0 };

static struct { uint8_t ier, lcr, mcr, scr; int pending; char out[4096]; size_t len; } com1;

static void flush(void)
{
	if (com1.len && write(1, com1.out, com1.len) < 0)
		die("output");
	com1.len = 0;
}

/* The line is edge-triggered: down, and up again when there is something to say. */
static void interrupt(struct guest *g, int level)
{
	struct kvm_irq_level l = { .irq = COM1_IRQ };

	com1.pending = level;
	ioctl(g->vm, KVM_IRQ_LINE, &l);
	l.level = 1;
	if (level)
		ioctl(g->vm, KVM_IRQ_LINE, &l);
}

static void com1_write(struct guest *g, unsigned reg, uint8_t v)
{
	if (reg == LCR) {
		com1.lcr = v;
	} else if (reg == MCR) {
		com1.mcr = v;
	} else if (reg == SCR) {
		com1.scr = v;
	} else if (reg == IER && !(com1.lcr & LCR_DLAB)) {
		com1.ier = v;
		interrupt(g, v & IER_EMPTY);
	} else if (reg == DATA && !(com1.lcr & LCR_DLAB)) {
		com1.out[com1.len++] = (char)v;
		if (v == '\n' || com1.len == sizeof com1.out)
			flush();
		if (com1.ier & IER_EMPTY)
			interrupt(g, 1);
	}
}

static uint8_t com1_read(struct guest *g, unsigned reg)
{
	switch (reg) {
	case IER: return com1.lcr & LCR_DLAB ? 0 : com1.ier;
	case IIR:
		if (!com1.pending)
			return IIR_NONE;
		interrupt(g, 0);
		return IIR_EMPTY;
	case LCR: return com1.lcr;
	case MCR: return com1.mcr;
	case LSR: return LSR_EMPTY;
	case MSR: return MSR_READY;
	case SCR: return com1.scr;
	default: return 0;
	}
}

int port_access(struct guest *g, unsigned port, int write, unsigned size, uint8_t *data)
{
	if (port >= COM1 && port < COM1 + 8) {
		if (write)
			com1_write(g, port - COM1, *data);
		else
			*data = com1_read(g, port - COM1);
	} else if (!write) {
		memset(data, 0, size);
	} else if ((port == PM1_CONTROL && size == 2 && data[1] & SLEEP_ENABLE) || (port == KEYBOARD_COMMAND && *data == PULSE_RESET)) {
		flush();
		return 0;
	}
	return 1;
}

void notify_init(struct guest *g)
{
	int event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	struct kvm_ioeventfd by_port = { .addr = MONITOR_PORT_NOTIFY, .len = 2, .fd = event, .flags = KVM_IOEVENTFD_FLAG_PIO };
	struct kvm_ioeventfd by_memory = { .addr = MONITOR_NOTIFY, .len = 2, .fd = event };

	if (event < 0 || ioctl(g->vm, KVM_IOEVENTFD, &by_port) < 0 || ioctl(g->vm, KVM_IOEVENTFD, &by_memory) < 0)
		die("notifications");
}
