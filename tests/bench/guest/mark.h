/* SPDX-License-Identifier: Apache-2.0 */
/* Marks that the bench's plugin counts at, shared by the guests, the KVM monitor and tests/bench/counted.py, which reads this file: MARK(number)
 * of ARCH/mark_insn.h is one instruction that does nothing and causes no exit at any level.
 * Of a pair of marks the even one begins and the odd one, behind it, ends. */
#ifndef BENCH_MARK_H
#define BENCH_MARK_H
#include "mark_insn.h"

enum {
	/* A launch begins: of these numbers each is followed by MARK_ENTERED at the next entry into a guest. */
	MARK_MONITOR = 0x100,  /* the KVM monitor: the first of main */
	MARK_START = 0x180,    /* Caisson: a place, where the API's handler begins */
	MARK_ENTERED = 0xfffe,
	/* Places on the way of a boot. */
	MARK_IMAGE = 0x300,    /* the image's entry, or the kernel's */
	MARK_API = 0x302,      /* the API has been opened */
	MARK_INIT = 0x200,     /* the guest's /init runs */
	MARK_HOST_INIT = 0x202, /* Linux as host: its /init runs */
	MARK_HOST_READY = 0x204, /* and KVM is loaded */
	MARK_CASES = 0x1000,   /* of case i of the exit guest: twice i above it, and the end one above that */
	MARK_END = 0xfff0,     /* all is done */
};

/* The cases of the exit guest; each architecture has some of them. */
#define CASES(X) \
	X(nothing) X(cpuid) X(hypercall) X(rdmsr) X(out) X(in) X(pmtimer) X(mmio_write) X(mmio_read) X(ioapic_read) X(notify_pio) X(notify_mmio) \
	X(timer_spin) X(timer_halt) X(touch_4k) X(touch_2m) X(sysreg) X(gicd_read) X(sgi_self) X(sgi)

#endif
