/* SPDX-License-Identifier: Apache-2.0 */
/* Segmentation and the interrupt table (SDM 3A 3.4, 6.14, 8.7). Each CPU has its own GDT and TSS in its
 * percpu block, and all share one IDT. NMI, double fault and machine check run on stacks of their own. */
#include "segments.h"
#include "insn.h"
#include "traps.h"
#include <core/hal.h>

#define IST_STACK_BYTES (16 * 1024)

struct gate { uint16_t off0, sel; uint8_t ist, type; uint16_t off1; uint32_t off2, reserved; } __attribute__((packed));
_Static_assert(sizeof(struct gate) == 16, "SDM 3A figure 6-8");

struct table_ptr { uint16_t limit; uint64_t base; } __attribute__((packed));

static struct gate idt[256] __attribute__((aligned(16)));

void segments_build_idt(void)
{
	for (unsigned v = 0; v < 256; v++) {
		uint64_t a = (uint64_t)trap_stubs + v * TRAP_STUB_BYTES;
		uint8_t ist = v == TRAP_NMI ? IST_NMI : v == TRAP_DF ? IST_DF : v == TRAP_MC ? IST_MC : 0;

		idt[v] = (struct gate){.off0 = (uint16_t)a, .sel = SEG_CODE, .ist = ist, .type = 0x8e,
				       .off1 = (uint16_t)(a >> 16), .off2 = (uint32_t)(a >> 32)};
	}
}

void segments_load(struct percpu *p)
{
	uint64_t tss = (uint64_t)&p->tss;
	struct table_ptr gdtr = {sizeof(p->gdt) - 1, (uint64_t)p->gdt}, idtr = {sizeof(idt) - 1, (uint64_t)idt};

	p->tss.iomap = sizeof(p->tss); /* no I/O bitmap */
	p->gdt[0] = 0;
	p->gdt[SEG_CODE / 8] = 0x00af9b000000ffffull; /* 64-bit code, ring 0 */
	p->gdt[SEG_DATA / 8] = 0x00cf93000000ffffull;
	p->gdt[SEG_TSS / 8] = (sizeof(p->tss) - 1) | (tss & 0xffffff) << 16 | 0x89ull << 40 | (tss >> 24 & 0xff) << 56;
	p->gdt[SEG_TSS / 8 + 1] = tss >> 32;
	__asm__ volatile("lgdt %0\n\t"
			 "pushq %q1\n\t"
			 "leaq 1f(%%rip), %%rax\n\t"
			 "pushq %%rax\n\t"
			 "lretq\n"
			 "1:\n\t"
			 "movl %2, %%ds\n\tmovl %2, %%es\n\tmovl %2, %%ss\n\tmovl %3, %%fs\n\tmovl %3, %%gs"
			 : : "m"(gdtr), "r"((uint64_t)SEG_CODE), "r"(SEG_DATA), "r"(0) : "rax", "memory");
	insn_wrmsr(MSR_FS_BASE, 0);
	insn_wrmsr(MSR_GS_BASE, (uint64_t)p);
	__asm__ volatile("ltr %w0" : : "r"(SEG_TSS) : "memory");
	__asm__ volatile("lidt %0" : : "m"(idtr) : "memory");
}

err_t segments_alloc_stacks(struct percpu *p)
{
	static const unsigned which[] = {IST_NMI, IST_DF, IST_MC};

	for (unsigned i = 0; i < 3; i++) {
		void *top;
		err_t e = hal_stack_alloc(IST_STACK_BYTES, &top);

		if (e != OK) {
			segments_free_stacks(p);
			return e;
		}
		p->tss.ist[which[i] - 1] = (uint64_t)top;
	}
	return OK;
}

void segments_free_stacks(struct percpu *p)
{
	for (unsigned i = IST_NMI; i <= IST_MC; i++) {
		if (p->tss.ist[i - 1])
			hal_stack_free((void *)p->tss.ist[i - 1], IST_STACK_BYTES);
		p->tss.ist[i - 1] = 0;
	}
}
