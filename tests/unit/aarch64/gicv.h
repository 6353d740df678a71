/* SPDX-License-Identifier: Apache-2.0 */
/* The virtual CPU interface as hardware has it, acting on struct vgic_hw: what a guest's reads of ICC_IAR1_EL1 and writes of ICC_EOIR1_EL1 and
 * ICC_DIR_EL1 do to list registers and active priorities, and when maintenance is asked for (IHI0069 4.6, 6, 12.4). Five bits of
 * preemption. For tests, which it lets play a guest; knows nothing of the model under test. */
#ifndef TESTS_UNIT_AARCH64_GICV_H
#define TESTS_UNIT_AARCH64_GICV_H
#include <stdbool.h>
#include <vmm/aarch64/vgic.h>

#define GICV_NONE 1023u
#define GICV_VMCR 0xf0000002ull     /* VPMR 0xf0, VENG1 */
#define GICV_VMCR_EOIM (1ull << 9)

static unsigned gicv_deactivated[1024]; /* times that the host's interrupt was deactivated through a linked register */

static inline unsigned gicv_state(uint64_t lr) { return (unsigned)(lr >> 62); }
static inline unsigned gicv_intid(uint64_t lr) { return (unsigned)lr; }
static inline unsigned gicv_priority(uint64_t lr) { return (unsigned)(lr >> 48) & 0xff; }
static inline unsigned gicv_running(const struct vgic_hw *hw) { return hw->ap1r[0] ? (unsigned)__builtin_ctz(hw->ap1r[0]) << 3 : 0x100; }

/* Which list register would be signalled, VGIC_LR_MAX none. */
static inline unsigned gicv_signalled(const struct vgic_hw *hw)
{
	unsigned best = VGIC_LR_MAX, priority = (unsigned)(hw->vmcr >> 24) & 0xff;

	if (!(hw->hcr & 1) || !(hw->vmcr & 2))
		return VGIC_LR_MAX;
	for (unsigned i = 0; i < VGIC_LR_MAX; i++) {
		if (gicv_state(hw->lr[i]) != 1 || gicv_priority(hw->lr[i]) >= priority)
			continue;
		best = i;
		priority = gicv_priority(hw->lr[i]);
	}
	return best < VGIC_LR_MAX && (priority & 0xf8) < gicv_running(hw) ? best : VGIC_LR_MAX;
}

static inline unsigned gicv_ack(struct vgic_hw *hw)
{
	unsigned i = gicv_signalled(hw);

	if (i == VGIC_LR_MAX)
		return GICV_NONE;
	hw->lr[i] ^= 3ull << 62; /* pending becomes active */
	hw->ap1r[0] |= 1u << (gicv_priority(hw->lr[i]) >> 3);
	return gicv_intid(hw->lr[i]);
}

static inline void gicv_deactivate(struct vgic_hw *hw, unsigned intid)
{
	for (unsigned i = 0; i < VGIC_LR_MAX; i++) {
		if (!(gicv_state(hw->lr[i]) & 2) || gicv_intid(hw->lr[i]) != intid)
			continue;
		hw->lr[i] &= ~(1ull << 63);
		if (hw->lr[i] >> 61 & 1)
			gicv_deactivated[hw->lr[i] >> 32 & 0x3ff]++;
		return;
	}
	hw->hcr += hw->hcr >> 27 == 0x1f ? 0 : 1ull << 27; /* EOIcount */
}

/* Drops the priority; deactivates too unless the guest does so separately. */
static inline void gicv_eoi(struct vgic_hw *hw, unsigned intid)
{
	hw->ap1r[0] &= hw->ap1r[0] - 1;
	if (!(hw->vmcr & GICV_VMCR_EOIM))
		gicv_deactivate(hw, intid);
}

static inline bool gicv_maintenance(const struct vgic_hw *hw)
{
	bool pending = false, ended = false;

	for (unsigned i = 0; i < VGIC_LR_MAX; i++) {
		pending |= gicv_state(hw->lr[i]) == 1;
		ended |= gicv_state(hw->lr[i]) == 0 && !(hw->lr[i] >> 61 & 1) && (hw->lr[i] >> 41 & 1);
	}
	return (hw->hcr & 1) && (ended || (!pending && (hw->hcr & 1u << 3)) || (hw->hcr >> 27 && (hw->hcr & 1u << 2)));
}

/* What the hardware leaves undefined: linked and pending and active at once, one interrupt in two registers, a linked one without number. */
static inline bool gicv_legal(const struct vgic_hw *hw, unsigned registers)
{
	for (unsigned i = 0; i < VGIC_LR_MAX; i++) {
		bool linked = hw->lr[i] >> 61 & 1;

		if (i >= registers && hw->lr[i])
			return false;
		if (linked && (gicv_state(hw->lr[i]) == 3 || (hw->lr[i] >> 32 & 0x3ff) < 16))
			return false;
		for (unsigned j = 0; j < i; j++)
			if (gicv_state(hw->lr[i]) && gicv_state(hw->lr[j]) && gicv_intid(hw->lr[i]) == gicv_intid(hw->lr[j]))
				return false;
	}
	return true;
}

#endif
