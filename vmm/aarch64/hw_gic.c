/* SPDX-License-Identifier: Apache-2.0 */
/* The virtual CPU interface's registers (IHI0069 12.4) in and out of memory. While the host runs the interface is off and its list
 * registers are empty, so that it raises no maintenance interrupt and entries write only what is used. Own CPU. */
#include "hw.h"

#define READ(name) ({ uint64_t v_; __asm__ volatile("mrs %0, " name : "=r"(v_)); v_; })
#define WRITE(name, value) __asm__ volatile("msr " name ", %0" : : "r"((uint64_t)(value)) : "memory")
#define ISB() __asm__ volatile("isb" : : : "memory")

#define ICH_HCR "S3_4_C12_C11_0"
#define ICH_VTR "S3_4_C12_C11_1"
#define ICH_VMCR "S3_4_C12_C11_7"
#define ICC_HPPIR1 "S3_0_C12_C12_2"
#define ICC_SRE_EL1 "S3_0_C12_C12_5"
#define ICC_SRE_EL2 "S3_4_C12_C9_5"
#define SRE_SRE 1ull
#define SRE_ENABLE 8ull

#define LRS(X) \
	X(15, "S3_4_C12_C13_7") X(14, "S3_4_C12_C13_6") X(13, "S3_4_C12_C13_5") X(12, "S3_4_C12_C13_4") \
	X(11, "S3_4_C12_C13_3") X(10, "S3_4_C12_C13_2") X(9, "S3_4_C12_C13_1") X(8, "S3_4_C12_C13_0") \
	X(7, "S3_4_C12_C12_7") X(6, "S3_4_C12_C12_6") X(5, "S3_4_C12_C12_5") X(4, "S3_4_C12_C12_4") \
	X(3, "S3_4_C12_C12_3") X(2, "S3_4_C12_C12_2") X(1, "S3_4_C12_C12_1") X(0, "S3_4_C12_C12_0")
#define APRS(X) \
	X(3, "S3_4_C12_C8_3", "S3_4_C12_C9_3") X(2, "S3_4_C12_C8_2", "S3_4_C12_C9_2") \
	X(1, "S3_4_C12_C8_1", "S3_4_C12_C9_1") X(0, "S3_4_C12_C8_0", "S3_4_C12_C9_0")

uint64_t hw_gic_vtr(void) { return READ(ICH_VTR); }
unsigned hw_gic_next(void) { return (unsigned)READ(ICC_HPPIR1) & 0xffffff; }

void hw_gic_enable(void)
{
	WRITE(ICH_HCR, 0);
	/* The guest's ICC_SRE_EL1 says that there are system registers, and traps, because the bit under it is not virtual (IHI0069 12.2.24). */
	WRITE(ICC_SRE_EL1, READ(ICC_SRE_EL1) | SRE_SRE);
	ISB();
	WRITE(ICC_SRE_EL2, READ(ICC_SRE_EL2) & ~SRE_ENABLE);
	ISB();
#define CLEAR(n, name) if (n < lrs) WRITE(name, 0);
	unsigned lrs = (unsigned)(hw_gic_vtr() & 0x1f) + 1;

	LRS(CLEAR)
}

void hw_gic_load(const struct vgic_hw *hw, unsigned aprs)
{
#define LR_LOAD(n, name) case n + 1: WRITE(name, hw->lr[n]); __attribute__((fallthrough));
#define APR_LOAD(n, g0, g1) case n + 1: WRITE(g0, hw->ap0r[n]); WRITE(g1, hw->ap1r[n]); __attribute__((fallthrough));
	switch (hw->used) {
	LRS(LR_LOAD)
	default: break;
	}
	switch (aprs) {
	APRS(APR_LOAD)
	default: break;
	}
	WRITE(ICH_VMCR, hw->vmcr);
	WRITE(ICH_HCR, hw->hcr);
}

void hw_gic_save(struct vgic_hw *hw, unsigned aprs)
{
	hw->vmcr = READ(ICH_VMCR);
	hw->hcr = READ(ICH_HCR);
	WRITE(ICH_HCR, 0);
#define LR_SAVE(n, name) case n + 1: hw->lr[n] = READ(name); WRITE(name, 0); __attribute__((fallthrough));
#define APR_SAVE(n, g0, g1) case n + 1: hw->ap0r[n] = (uint32_t)READ(g0); hw->ap1r[n] = (uint32_t)READ(g1); __attribute__((fallthrough));
	switch (hw->used) {
	LRS(LR_SAVE)
	default: break;
	}
	switch (aprs) {
	APRS(APR_SAVE)
	default: break;
	}
	ISB();
}
