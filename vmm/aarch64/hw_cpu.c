/* SPDX-License-Identifier: Apache-2.0 */
/* Control registers of EL2: what is set once per CPU and stays, what follows the vCPU, and the reasons of the last exit. Own CPU. Knows
 * encodings alone; el2_cpu.c decides the values. */
#include "hw.h"
#include <core/aarch64/el2.h>

#define READ(name) ({ uint64_t v_; __asm__ volatile("mrs %0, " name : "=r"(v_)); v_; })
#define WRITE(name, value) __asm__ volatile("msr " name ", %0" : : "r"((uint64_t)(value)) : "memory")
#define ISB() __asm__ volatile("isb" : : : "memory")

/* Registers of extensions, which the assembler need not know. */
#define HCRX_EL2 "S3_4_C1_C2_2"
#define MPAM2_EL2 "S3_4_C10_C5_0"
#define MPAM2_TRAP_EL1 (3ull << 48) /* MPAM0_EL1 and MPAM1_EL1 */

uint64_t hw_midr(void) { return READ("midr_el1"); }
uint64_t hw_revidr(void) { return READ("revidr_el1"); }
uint64_t hw_cptr(void) { return READ("cptr_el2"); }
uint64_t hw_mdcr(void) { return READ("mdcr_el2"); }

void hw_syndrome(struct hw_syndrome *s)
{
	s->esr = READ("esr_el2");
	s->far = READ("far_el2");
	s->hpfar = READ("hpfar_el2");
}

/* Fine-grained traps: off, which for the features with an "n" in their bit's name means trapped. */
static void fine_grained_off(const struct hw_setup *s)
{
	WRITE("S3_4_C1_C1_4", 0); /* HFGRTR_EL2 */
	WRITE("S3_4_C1_C1_5", 0); /* HFGWTR_EL2 */
	WRITE("S3_4_C1_C1_6", 0); /* HFGITR_EL2 */
	WRITE("S3_4_C3_C1_4", 0); /* HDFGRTR_EL2 */
	WRITE("S3_4_C3_C1_5", 0); /* HDFGWTR_EL2 */
	if (s->amu)
		WRITE("S3_4_C3_C1_6", 0); /* HAFGRTR_EL2 */
	if (!s->fgt2)
		return;
	WRITE("S3_4_C3_C1_0", 0); /* HDFGRTR2_EL2 */
	WRITE("S3_4_C3_C1_1", 0); /* HDFGWTR2_EL2 */
	WRITE("S3_4_C3_C1_2", 0); /* HFGRTR2_EL2 */
	WRITE("S3_4_C3_C1_3", 0); /* HFGWTR2_EL2 */
	WRITE("S3_4_C3_C1_7", 0); /* HFGITR2_EL2 */
}

void hw_cpu_enable(const struct hw_setup *s)
{
	WRITE("vbar_el2", (uintptr_t)hw_vectors);
	WRITE("vtcr_el2", s->vtcr);
	WRITE("vttbr_el2", s->vttbr);
	WRITE("hstr_el2", 0);
	WRITE("vpidr_el2", s->midr);
	WRITE("mdcr_el2", s->mdcr);
	WRITE("cnthctl_el2", READ("cnthctl_el2") & ~s->cnthctl_clear);
	if (s->hcx)
		WRITE(HCRX_EL2, 0);
	if (s->fgt)
		fine_grained_off(s);
	if (s->mpam)
		WRITE(MPAM2_EL2, READ(MPAM2_EL2) | MPAM2_TRAP_EL1);
	WRITE("oslar_el1", 0); /* the OS lock would hold back the guests' debug exceptions (DDI0487, OSLSR_EL1) */
	WRITE("mdscr_el1", 0);
	ISB();
}

void hw_cpu_disable(void)
{
	WRITE("vbar_el2", (uintptr_t)trap_vectors);
	ISB();
}

void hw_set_mdcr(uint64_t v) { WRITE("mdcr_el2", v); }
void hw_set_vmpidr(uint64_t v) { WRITE("vmpidr_el2", v); }
void hw_set_vttbr(uint64_t v) { WRITE("vttbr_el2", v); }
void hw_set_cntvoff(uint64_t v) { WRITE("cntvoff_el2", v); }
