/* SPDX-License-Identifier: Apache-2.0 */
/* What a panic needs of x86-64: the registers of a trap's frame, and NMIs that stop the other CPUs. Any context. */
#include "../machine/panic_impl.h"
#include "apic.h"
#include "insn.h"
#include "traps.h"
#include <core/hal.h>

_Noreturn void hal_halt(void)
{
	for (;;) {
		insn_cli();
		insn_hlt();
	}
}

void panic_arch_irqs_off(void)
{
	insn_cli();
}

void panic_arch_stop(unsigned cpu)
{
	apic_send_nmi(hal_cpu_hwid(cpu));
}

void panic_arch_where(const struct trap_frame *f, uint64_t *pc, uint64_t *fp)
{
	*pc = f->rip;
	*fp = f->rbp;
}

void panic_arch_registers(const struct trap_frame *f)
{
	panic_line("  rip %016llx  rsp %016llx  rbp %016llx  flags %llx", (unsigned long long)f->rip,
		   (unsigned long long)f->rsp, (unsigned long long)f->rbp, (unsigned long long)f->rflags);
	panic_line("  rax %016llx  rbx %016llx  rcx %016llx  rdx %016llx", (unsigned long long)f->rax,
		   (unsigned long long)f->rbx, (unsigned long long)f->rcx, (unsigned long long)f->rdx);
	panic_line("  rsi %016llx  rdi %016llx  r8  %016llx  r9  %016llx", (unsigned long long)f->rsi,
		   (unsigned long long)f->rdi, (unsigned long long)f->r8, (unsigned long long)f->r9);
	panic_line("  r10 %016llx  r11 %016llx  r12 %016llx  r13 %016llx", (unsigned long long)f->r10,
		   (unsigned long long)f->r11, (unsigned long long)f->r12, (unsigned long long)f->r13);
	panic_line("  r14 %016llx  r15 %016llx  vector %llx  error %llx", (unsigned long long)f->r14,
		   (unsigned long long)f->r15, (unsigned long long)f->vector, (unsigned long long)f->error);
	panic_line("  cr0 %llx  cr2 %016llx  cr3 %llx  cr4 %llx", (unsigned long long)insn_read_cr0(),
		   (unsigned long long)insn_read_cr2(), (unsigned long long)insn_read_cr3(),
		   (unsigned long long)insn_read_cr4());
}

__attribute__((no_stack_protector)) uint64_t stack_guard_seed(void)
{
	uint64_t v = insn_rdtsc(), r;
	unsigned char ok = 0;

	if (insn_cpuid(1, 0).c & (1u << 30))
		__asm__ volatile("rdrand %0; setc %1" : "=r"(r), "=qm"(ok) : : "cc");
	/* Without RDRAND the counter's jitter since power-on is what there is. */
	return ok ? v ^ r : v;
}
