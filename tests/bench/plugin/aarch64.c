/* SPDX-License-Identifier: Apache-2.0 */
/* aarch64: guest mode begins at an ERET of EL2 to EL1 or EL0 while HCR_EL2.TGE is 0 (with it, EL0 is the host's own), and ends in EL2's
 * vectors for exceptions from below (DDI0487 D1.3.1). */
#include "target.h"

#define MOVZ_XZR_48 0xd2e0001fu /* MOVZ XZR, #number, LSL #48: does nothing, and no compiler makes it */
#define MOVZ_IMM 0x001fffe0u
#define ERET 0xd69f03e0u
#define WFI 0xd503207fu
#define HCR_TGE (1ull << 27)
#define PSTATE_EL 0xcu
#define EL2 0x8u
#define PSTATE_AARCH32 0x10u
#define VECTORS_BELOW 0x400
#define VECTOR_SIZE 0x80

static enum insn_kind kind(const uint8_t *b, size_t len, unsigned *mark)
{
	uint32_t insn = b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;

	if (len != 4)
		return INSN_OTHER;
	if ((insn & ~MOVZ_IMM) == MOVZ_XZR_48) {
		*mark = (insn & MOVZ_IMM) >> 5;
		return INSN_MARK;
	}
	return insn == ERET ? INSN_ENTRY : insn == WFI ? INSN_SLEEP : INSN_OTHER;
}

static bool at_el2(uint64_t pstate)
{
	return !(pstate & PSTATE_AARCH32) && (pstate & PSTATE_EL) == EL2;
}

static unsigned landings(uint64_t va, uint64_t at[TARGET_LANDINGS])
{
	uint64_t vectors;

	(void)va;
	if (!at_el2(reg_read("cpsr")) || at_el2(reg_read("SPSR_EL2")) || (reg_read("HCR_EL2") & HCR_TGE))
		return 0;
	vectors = reg_read("VBAR_EL2");
	for (unsigned i = 0; i < TARGET_LANDINGS; i++)
		at[i] = vectors + VECTORS_BELOW + i * VECTOR_SIZE;
	return TARGET_LANDINGS;
}

static bool landed(void)
{
	return at_el2(reg_read("cpsr"));
}

const struct target target_aarch64 = { .name = "aarch64", .kind = kind, .landings = landings, .landed = landed };
