/* SPDX-License-Identifier: Apache-2.0 */
/* What a panic needs of aarch64: the registers of a trap's frame, and an interrupt that stops the other CPUs where they take one: in the
 * loop's window, idle, or in a guest. Any context. */
#include "../machine/panic_impl.h"
#include "gic_impl.h"
#include "percpu.h"
#include "traps.h"

_Noreturn void hal_halt(void)
{
	for (;;) {
		daif_mask();
		__asm__ volatile("wfi" : : : "memory");
	}
}

void panic_arch_irqs_off(void)
{
	daif_mask();
}

void panic_arch_stop(unsigned cpu)
{
	gic_send_sgi(cpu, SGI_STOP);
}

void panic_arch_where(const struct trap_frame *f, uint64_t *pc, uint64_t *fp)
{
	*pc = f->pc;
	*fp = f->x[29];
}

void panic_arch_registers(const struct trap_frame *f)
{
	panic_line("  pc  %016llx  sp  %016llx  lr  %016llx  pstate %llx", (unsigned long long)f->pc, (unsigned long long)f->sp,
		   (unsigned long long)f->x[30], (unsigned long long)f->pstate);
	panic_line("  esr %016llx  far %016llx  vector %llu", (unsigned long long)f->esr, (unsigned long long)f->far,
		   (unsigned long long)f->vector);
	for (unsigned i = 0; i < 28; i += 4)
		panic_line("  x%-2u %016llx  x%-2u %016llx  x%-2u %016llx  x%-2u %016llx", i, (unsigned long long)f->x[i], i + 1,
			   (unsigned long long)f->x[i + 1], i + 2, (unsigned long long)f->x[i + 2], i + 3, (unsigned long long)f->x[i + 3]);
	panic_line("  x28 %016llx  x29 %016llx", (unsigned long long)f->x[28], (unsigned long long)f->x[29]);
	panic_line("  sctlr %llx  ttbr %llx  hcr %llx", (unsigned long long)sysreg_sctlr(), (unsigned long long)sysreg_ttbr(),
		   (unsigned long long)(el_state.at2 ? SYSREG_READ("HCR_EL2") : 0));
}

__attribute__((no_stack_protector)) uint64_t stack_guard_seed(void)
{
	uint64_t v = SYSREG_READ("CNTVCT_EL0"), r = 0;

	/* RNDR clears the flags' Z when it gave a number (DDI0487, FEAT_RNG). Without it the counter's jitter since power-on is what there is. */
	if (SYSREG_READ("ID_AA64ISAR0_EL1") >> 60)
		__asm__ volatile("mrs %0, " REG_RNDR : "=r"(r) : : "cc");
	return v ^ r;
}
