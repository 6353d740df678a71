/* SPDX-License-Identifier: Apache-2.0 */
/* What the vectors call: names what happened by its syndrome (DDI0487, ESR_ELx) and panics. Host exceptions are our own bugs. TLB invalidations
 * are broadcast, so there are no stale translations to heal. Runs on the CPU's emergency stack, everything masked. */
#include "traps.h"
#include "../machine/panic_impl.h"
#include "paging.h"
#include "sysreg.h"
#include <core/arith.h>

extern const char boot_stack_guard[] __attribute__((visibility("hidden")));

static const char *trap_kind(uint64_t vector)
{
	static const char *const names[] = {"synchronous exception", "interrupt", "fast interrupt", "SError"};

	return names[vector & 3];
}

static const char *trap_class(unsigned ec)
{
	switch (ec) {
	case EC_UNKNOWN: return "undefined instruction";
	case EC_ILLEGAL: return "illegal execution state";
	case EC_SVC: return "SVC instruction";
	case EC_PC_ALIGN: return "misaligned PC";
	case EC_SP_ALIGN: return "misaligned stack pointer";
	case EC_SERROR: return "SError";
	case EC_BRK: return "BRK instruction";
	default: return "synchronous exception";
	}
}

/* An access near the stack pointer to a page that is not mapped: the guard below a stack, or next to it in its slot. */
static bool trap_is_stack_overflow(const struct trap_frame *f)
{
	uint64_t guard = (uint64_t)boot_stack_guard;

	if (ESR_EC(f->esr) != EC_DABORT || paging_allows(f->far, false, true))
		return false;
	return (f->far >= guard && f->far - guard < PAGE_SIZE) || (f->far >= paging_stacks && f->far - paging_stacks < PAGING_SPAN);
}

_Noreturn void trap_dispatch(const struct trap_frame *f)
{
	unsigned ec = ESR_EC(f->esr);

	if (f->vector >= 8)
		panic_at(f, "%s from a lower exception level, with no guest there", trap_kind(f->vector));
	if ((f->vector & 3) != 0)
		panic_at(f, "%s, syndrome %llx", trap_kind(f->vector), (unsigned long long)f->esr);
	if (trap_is_stack_overflow(f))
		panic_at(f, "stack overflow at %p", (void *)f->sp);
	if (ec == EC_DABORT || ec == EC_IABORT)
		panic_at(f, "page fault: %s %p, status %02llx", ec == EC_IABORT ? "executing" : f->esr & ESR_WNR ? "writing" : "reading",
			 (void *)f->far, (unsigned long long)(f->esr & ESR_DFSC));
	panic_at(f, "%s, syndrome %llx", trap_class(ec), (unsigned long long)f->esr);
}
