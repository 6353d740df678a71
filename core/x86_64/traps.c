/* SPDX-License-Identifier: Apache-2.0 */
/* What the stubs call. Exceptions are our own bugs and panic, but for a page fault that the tables contradict
 * (another CPU changed them, see paging.c) and a device not available while a guest's FPU is loaded. Interrupts go to irq.c. Runs on the interrupted CPU, interrupts off. */
#include "traps.h"
#include "../machine/panic_impl.h"
#include "apic.h"
#include "insn.h"
#include "irq.h"
#include "paging.h"
#include "percpu.h"

/* The same access may fault this often before we no longer believe that the TLB was stale. */
#define STALE_LIMIT 8

static bool (*fp_guard)(void); /* set before any guest runs */

static bool trap_fault_is_stale(const struct trap_frame *f)
{
	uint64_t va = insn_read_cr2();
	struct percpu *p = this_cpu();

	if (!paging_fault_is_stale(va, f->error, f->rflags))
		return false;
	if (p->fault_va != va || p->fault_rip != f->rip) {
		p->fault_va = va;
		p->fault_rip = f->rip;
		p->fault_repeats = 0;
	}
	return ++p->fault_repeats <= STALE_LIMIT;
}

static const char *trap_name(uint64_t vector)
{
	static const char *const names[] = {
		"divide error (#DE)", "debug exception (#DB)", "non-maskable interrupt", "breakpoint (#BP)",
		"overflow (#OF)", "bound range (#BR)", "invalid opcode (#UD)", "device not available (#NM)",
		"double fault (#DF)", "coprocessor overrun", "invalid TSS (#TS)", "segment not present (#NP)",
		"stack fault (#SS)", "general protection (#GP)", "page fault (#PF)", "reserved exception",
		"x87 error (#MF)", "alignment check (#AC)", "machine check (#MC)", "SIMD error (#XM)",
		"virtualization exception (#VE)", "control protection (#CP)",
	};

	return vector < sizeof(names) / sizeof(names[0]) ? names[vector] : "reserved exception";
}

/* Touches the guard page next to a stack slot? Then the double fault is an overflow. */
static bool trap_is_stack_overflow(const struct trap_frame *f)
{
	return f->vector == TRAP_DF && !paging_allows(f->rsp - 8, true, true);
}

static void trap_nmi(struct trap_frame *f)
{
	this_cpu()->nmis++;
	if (panic_in_progress())
		panic_stopped(f->rip, f->rbp);
	panic_at(f, "non-maskable interrupt: the hardware or a debugger asks for attention");
}

/* The first bank with a valid error says most (SDM 3B 16.3.2); all are in the CPU's registers for who looks closer. */
_Noreturn static void trap_machine_check(const struct trap_frame *f)
{
	unsigned banks = insn_rdmsr(MSR_MCG_CAP) & 0xff;

	for (unsigned i = 0; i < banks && i < 32; i++) {
		uint64_t status = insn_rdmsr(MSR_MC0_STATUS + 4 * i);

		if (status & MC_STATUS_VALID)
			panic_at(f, "machine check: bank %u, status %016llx, address %016llx", i, (unsigned long long)status,
				 (unsigned long long)(status & MC_STATUS_ADDRV ? insn_rdmsr(MSR_MC0_STATUS + 4 * i + 1) : 0));
	}
	panic_at(f, "machine check: no bank tells why");
}

void hal_fp_guard(bool (*fn)(void))
{
	fp_guard = fn;
}

void trap_dispatch(struct trap_frame *f)
{
	if (f->vector >= TRAP_FIRST_IRQ) {
		irq_dispatch((unsigned)f->vector);
		return;
	}
	if (f->vector == TRAP_PF && trap_fault_is_stale(f))
		return;
	if (f->vector == TRAP_NM && fp_guard && fp_guard())
		return;
	if (f->vector == TRAP_NMI) {
		trap_nmi(f);
		return;
	}
	if (f->vector == TRAP_MC)
		trap_machine_check(f);
	if (trap_is_stack_overflow(f))
		panic_at(f, "stack overflow at %p", (void *)f->rsp);
	if (f->vector == TRAP_PF)
		panic_at(f, "page fault: %s %p", f->error & 16 ? "executing" : f->error & 2 ? "writing" : "reading",
			 (void *)insn_read_cr2());
	panic_at(f, "%s, error code %llx", trap_name(f->vector), (unsigned long long)f->error);
}
