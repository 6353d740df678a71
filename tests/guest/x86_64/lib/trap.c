/* SPDX-License-Identifier: Apache-2.0 */
/* Traps of a guest test: an IDT that all CPUs share, handlers by vector, and instructions that may fault (CATCH in cpu.h). A trap that
 * nobody expected ends the test with its registers. */
#include "guest.h"

struct gate { uint16_t low; uint16_t selector; uint8_t ist, type; uint16_t mid; uint32_t high, zero; };
_Static_assert(sizeof(struct gate) == 16, "SDM 3A 6.14.1");
struct extable { uint64_t insn, next; };

extern char trap_entries[];
extern const struct extable extable_begin[], extable_end[];
static struct gate idt[256];
static trap_fn handlers[256];

void trap_set(unsigned vector, trap_fn fn)
{
	handlers[vector] = fn;
}

void trap_load(void)
{
	struct { uint16_t limit; uint64_t base; } __attribute__((packed)) p = {sizeof(idt) - 1, (uint64_t)idt};

	__asm__ volatile("lidt %0" : : "m"(p));
}

void trap_init(void)
{
	for (unsigned i = 0; i < 256; i++) {
		uint64_t at = (uint64_t)trap_entries + 16 * i;

		idt[i] = (struct gate){.low = (uint16_t)at, .selector = 8, .type = 0x8e, .mid = (uint16_t)(at >> 16), .high = (uint32_t)(at >> 32)};
	}
	trap_load();
}

static bool caught(struct frame *f)
{
	for (const struct extable *e = extable_begin; e < extable_end; e++) {
		struct cpu *c = cpu_self();

		if (e->insn != f->rip)
			continue;
		c->fault_error = f->error;
		__asm__ volatile("mov %%cr2, %0" : "=r"(*(uint64_t *)&c->fault_address));
		c->fault = (int)f->vector;
		f->rip = e->next;
		return true;
	}
	return false;
}

void trap_dispatch(struct frame *f);
void trap_dispatch(struct frame *f)
{
	uint64_t cr2;

	if (f->vector < 32 && f->vector != VEC_NMI && caught(f))
		return;
	if (handlers[f->vector]) {
		handlers[f->vector](f);
		return;
	}
	__asm__ volatile("mov %%cr2, %0" : "=r"(cr2));
	bail("vector %u on CPU %u: error %llx rip %llx rsp %llx rflags %llx cr2 %llx", (unsigned)f->vector, cpu_self()->index,
	     (unsigned long long)f->error, (unsigned long long)f->rip, (unsigned long long)f->rsp, (unsigned long long)f->rflags,
	     (unsigned long long)cr2);
}
