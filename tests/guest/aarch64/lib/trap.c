/* SPDX-License-Identifier: Apache-2.0 */
/* Exceptions of a guest test: handlers by kind, and instructions that may fault (CATCH in cpu.h). One that nobody expected ends the test
 * with its registers. */
#include "guest.h"

struct extable { uint64_t insn, next; };
extern const struct extable extable_begin[], extable_end[];
static trap_fn handlers[TRAP_KINDS];

void trap_set(unsigned kind, trap_fn fn)
{
	handlers[kind] = fn;
}

static uint64_t next_of(uint64_t elr)
{
	for (const struct extable *e = extable_begin; e < extable_end; e++)
		if (e->insn == elr)
			return e->next;
	return cpu_self()->catch_at == elr ? elr + 4 : 0;
}

static bool caught(struct frame *f)
{
	struct cpu *c = cpu_self();
	uint64_t next = next_of(f->elr), ec = f->esr >> 26 & 0x3f;

	/* A hypervisor call's exception points behind it; it is HVC's own only if the machine has no EL2 that takes it. */
	if (!next && (ec == EC_HVC || ec == EC_SMC || ec == EC_SVC))
		next = next_of(f->elr - 4) ? f->elr : 0;
	if (!next)
		return false;
	c->fault_error = f->esr & 0x1ffffff;
	c->fault_address = f->far;
	c->fault = (int)ec;
	f->elr = next;
	return true;
}

void trap_dispatch(struct frame *f);
void trap_dispatch(struct frame *f)
{
	unsigned kind = f->vector % TRAP_KINDS;

	if (kind == TRAP_SYNC && caught(f))
		return;
	if (handlers[kind]) {
		handlers[kind](f);
		return;
	}
	if (kind == TRAP_IRQ) {
		irq_dispatch(f);
		return;
	}
	bail("vector %u on CPU %u: esr %llx elr %llx far %llx spsr %llx lr %llx", (unsigned)f->vector, cpu_self()->index, (unsigned long long)f->esr,
	     (unsigned long long)f->elr, (unsigned long long)f->far, (unsigned long long)f->spsr, (unsigned long long)f->x[30]);
}
