/* SPDX-License-Identifier: Apache-2.0 */
/* Local APIC registers: the xAPIC page and the x2APIC MSRs over one register file, and IA32_APIC_BASE (SDM 3A 11.4, 11.12). Own CPU,
 * vm->lock not held. A bad access is an ESR bit in xAPIC mode and #GP (E_GUEST) in x2APIC mode. */
#include "lapic_internal.h"

#define ICR_BUSY (1u << 12)
#define ICR_VALID 0xccfffu /* shorthand, trigger, level, destination mode, delivery mode, vector; busy reads as 0 */
#define ICR_X2_RESERVED 0xfff32000u

/* Bits that the guest may write in each LVT entry. */
static const uint32_t lvt_valid[LAPIC_LVTS] = {
	[LVT_TIMER] = 0x700ff, [LVT_THERMAL] = 0x107ff, [LVT_PERF] = 0x107ff,
	[LVT_LINT0] = 0x1a7ff, [LVT_LINT1] = 0x1a7ff, [LVT_ERROR] = 0x100ff,
};

/* Who may do what to a register: r, w in xAPIC mode, R, W in x2APIC mode. Missing: no such register. */
enum { XR = 1, XW = 2, X2R = 4, X2W = 8, RW = XR | XW | X2R | X2W, RO = XR | X2R, WO = XW | X2W };
static const uint8_t reg_access[0x40] = {
	[R_ID] = RO, [R_VERSION] = RO, [R_TPR] = RW, [R_APR] = XR, [R_PPR] = RO, [R_EOI] = WO | XR, [R_RRD] = XR,
	[R_LDR] = XR | XW | X2R, [R_DFR] = XR | XW, [R_SVR] = RW,
	[R_ISR] = RO, RO, RO, RO, RO, RO, RO, RO, [R_TMR] = RO, RO, RO, RO, RO, RO, RO, RO, [R_IRR] = RO, RO, RO, RO, RO, RO, RO, RO,
	[R_ESR] = RW, [R_ICR_LOW] = RW, [R_ICR_HIGH] = XR | XW, [R_LVT] = RW, RW, RW, RW, RW, RW,
	[R_TIMER_INITIAL] = RW, [R_TIMER_CURRENT] = RO, [R_TIMER_DIVIDE] = RW, [R_SELF_IPI] = X2W,
};
/* Reading EOI in the xAPIC page gives 0 rather than an error, as processors do. */

static uint32_t reg_read(struct lapic *l, unsigned reg)
{
	if (reg >= R_ISR && reg < R_ISR + 8)
		return vector_reg(l->isr[(reg - R_ISR) / 2], reg);
	if (reg >= R_TMR && reg < R_TMR + 8)
		return vector_reg(atomic_load(&l->tmr[(reg - R_TMR) / 2]), reg);
	if (reg >= R_IRR && reg < R_IRR + 8)
		return vector_reg(atomic_load(&l->irr[(reg - R_IRR) / 2]), reg);
	if (reg >= R_LVT && reg < R_LVT + LAPIC_LVTS)
		return l->lvt[reg - R_LVT];
	switch (reg) {
	case R_ID:
		return lapic_is_x2(l) ? l->v->index : l->v->index << 24;
	case R_VERSION:
		return LAPIC_VERSION;
	case R_TPR:
		return l->tpr;
	case R_PPR:
		return lapic_ppr(l);
	case R_LDR:
		return lapic_ldr_value(l);
	case R_DFR:
		return atomic_load(&l->dfr);
	case R_SVR:
		return l->svr;
	case R_ESR:
		return l->esr;
	case R_ICR_LOW:
		return l->icr_low;
	case R_ICR_HIGH:
		return l->icr_high;
	case R_TIMER_INITIAL:
		return l->timer_initial;
	case R_TIMER_CURRENT:
		return lapic_timer_current(l);
	case R_TIMER_DIVIDE:
		return l->timer_divide;
	default:
		return 0;
	}
}

static void svr_write(struct lapic *l, uint32_t v)
{
	l->svr = v & SVR_MASK;
	if (!(v & SVR_ENABLE)) /* SDM 3A 11.4.7.2: all LVT entries are masked */
		for (unsigned i = 0; i < LAPIC_LVTS; i++)
			l->lvt[i] |= LVT_MASKED;
	lapic_mode_update(l);
}

static void lvt_write(struct lapic *l, unsigned i, uint32_t v)
{
	v &= lvt_valid[i];
	if (!(l->svr & SVR_ENABLE))
		v |= LVT_MASKED;
	if (i != LVT_TIMER) {
		l->lvt[i] = v;
		return;
	}
	if (((v >> LVT_MODE_SHIFT) & 3) == 3)
		v &= ~(3u << LVT_MODE_SHIFT); /* reserved mode: treated as one-shot */
	lapic_timer_lvt_write(l, v);
}

static void icr_write(struct lapic *l, uint32_t v)
{
	uint32_t dest = l->icr_high >> 24;

	l->icr_low = v & ICR_VALID;
	lapic_icr_send(l, l->icr_low, dest == 0xff ? DEST_BROADCAST : dest);
}

/* A write that the table allows, in the current mode. */
static void reg_write(struct lapic *l, unsigned reg, uint32_t v)
{
	if (reg >= R_LVT && reg < R_LVT + LAPIC_LVTS) {
		lvt_write(l, reg - R_LVT, v);
		return;
	}
	switch (reg) {
	case R_TPR:
		l->tpr = v & 0xff;
		break;
	case R_EOI:
		lapic_eoi(l);
		break;
	case R_LDR:
		atomic_store(&l->ldr, v & 0xff000000);
		break;
	case R_DFR:
		atomic_store(&l->dfr, v | 0x0fffffff);
		break;
	case R_SVR:
		svr_write(l, v);
		break;
	case R_ESR: /* SDM 3A 11.5.3: a write makes what has gathered readable */
		l->esr = atomic_exchange(&l->esr_pending, 0);
		break;
	case R_ICR_LOW:
		icr_write(l, v);
		break;
	case R_ICR_HIGH:
		l->icr_high = v & 0xff000000;
		break;
	case R_TIMER_INITIAL:
		lapic_timer_initial_write(l, v);
		break;
	case R_TIMER_DIVIDE:
		lapic_timer_divide_write(l, v);
		break;
	default:
		break;
	}
}

/* ---- xAPIC page ---- */

static bool xapic_allowed(struct lapic *l, unsigned reg, unsigned right)
{
	if (reg < ARRAY_LEN(reg_access) && (reg_access[reg] & (XR | XW))) {
		return reg_access[reg] & right; /* writes to read-only registers are ignored */
	}
	lapic_error(l, ESR_ILLEGAL_REGISTER);
	return false;
}

bool lapic_mmio(struct vcpu *v, struct gpa a, unsigned size, bool write, uint64_t *value)
{
	struct lapic *l = lapic_of(v);
	uint64_t off;
	unsigned reg;

	if ((l->base_msr & (BASE_EN | BASE_EXTD)) != BASE_EN)
		return false;
	off = a.v - (l->base_msr & BASE_ADDR_MASK);
	if (off >= PAGE_SIZE)
		return false;
	if (!write)
		*value = 0;
	if (size != 4 || off % 16 != 0) /* only aligned 32-bit accesses are defined */
		return true;
	reg = (unsigned)(off / 16);
	if (!xapic_allowed(l, reg, write ? XW : XR))
		return true;
	if (write)
		reg_write(l, reg, (uint32_t)*value);
	else
		*value = reg_read(l, reg);
	return true;
}

/* ---- x2APIC MSRs ---- */

/* Reserved bits of registers that have some, beyond the upper half (SDM 3A 11.12.1.2). */
static bool x2_write_legal(unsigned reg, uint64_t v)
{
	if (reg == R_ICR_LOW)
		return (v & ICR_X2_RESERVED) == 0;
	if (v >> 32)
		return false;
	if (reg >= R_LVT && reg < R_LVT + LAPIC_LVTS) /* delivery status and remote IRR are read-only, not reserved */
		return (v & ~(uint64_t)(lvt_valid[reg - R_LVT] | 0x5000)) == 0 && !(reg == R_LVT && ((v >> LVT_MODE_SHIFT) & 3) == 3);
	switch (reg) {
	case R_TPR:
	case R_SELF_IPI:
		return v <= 0xff;
	case R_EOI:
	case R_ESR:
		return v == 0;
	case R_SVR:
		return (v & ~(uint64_t)SVR_MASK) == 0;
	case R_TIMER_DIVIDE:
		return (v & ~0xbull) == 0;
	default:
		return true;
	}
}

static err_t x2_read(struct lapic *l, unsigned reg, uint64_t *value)
{
	if (!lapic_is_x2(l) || reg >= ARRAY_LEN(reg_access) || !(reg_access[reg] & X2R))
		return E_GUEST;
	*value = reg_read(l, reg);
	if (reg == R_ICR_LOW)
		*value |= (uint64_t)l->icr_high << 32;
	return OK;
}

static err_t x2_write(struct lapic *l, unsigned reg, uint64_t v)
{
	if (!lapic_is_x2(l) || reg >= ARRAY_LEN(reg_access) || !(reg_access[reg] & X2W) || !x2_write_legal(reg, v))
		return E_GUEST;
	if (reg == R_ICR_LOW) {
		l->icr_low = (uint32_t)v & ICR_VALID;
		l->icr_high = (uint32_t)(v >> 32);
		lapic_icr_send(l, l->icr_low, l->icr_high);
	} else if (reg == R_SELF_IPI) {
		if (v < 16)
			lapic_error(l, ESR_SEND_ILLEGAL);
		else
			lapic_accept(l, (uint8_t)v, false);
	} else {
		reg_write(l, reg, (uint32_t)v);
	}
	return OK;
}

/* ---- IA32_APIC_BASE, SDM 3A 11.12.5 figure 11-27 ---- */

static err_t base_write(struct lapic *l, uint64_t v)
{
	uint64_t old = l->base_msr, was = old & (BASE_EN | BASE_EXTD), now = v & (BASE_EN | BASE_EXTD);

	if (v & ~(BASE_ADDR_MASK | BASE_BSP | BASE_EXTD | BASE_EN))
		return E_GUEST;
	if (now == BASE_EXTD || (was == (BASE_EN | BASE_EXTD) && now == BASE_EN) || (was == 0 && now == (BASE_EN | BASE_EXTD)))
		return E_GUEST;
	l->base_msr = (v & ~BASE_BSP) | (old & BASE_BSP);
	if (was != 0 && now == 0)
		lapic_init_state(l); /* disabled: comes back as after reset, SDM 3A 11.4.3 */
	else
		lapic_mode_update(l);
	return OK;
}

err_t lapic_msr_read(struct vcpu *v, uint32_t index, uint64_t *value)
{
	struct lapic *l = lapic_of(v);

	if (index == MSR_APIC_BASE) {
		*value = l->base_msr;
		return OK;
	}
	if (index == MSR_TSC_DEADLINE) {
		*value = lapic_timer_tsc_read(l);
		return OK;
	}
	if (index < MSR_X2APIC_FIRST || index > MSR_X2APIC_LAST)
		return E_GUEST;
	return x2_read(l, index - MSR_X2APIC_FIRST, value);
}

err_t lapic_msr_write(struct vcpu *v, uint32_t index, uint64_t value)
{
	struct lapic *l = lapic_of(v);

	if (index == MSR_APIC_BASE)
		return base_write(l, value);
	if (index == MSR_TSC_DEADLINE) {
		lapic_timer_tsc_write(l, value);
		return OK;
	}
	if (index < MSR_X2APIC_FIRST || index > MSR_X2APIC_LAST)
		return E_GUEST;
	return x2_write(l, index - MSR_X2APIC_FIRST, value);
}

/* ---- state that can travel ---- */

_Static_assert(sizeof(struct lapic_state) == 44 * 4 + 4 * 8, "no padding in what travels");

void lapic_save(const struct vcpu *v, struct lapic_state *out)
{
	const struct lapic *l = lapic_of(v);
	struct lapic_state s = {
		.version = LAPIC_STATE_VERSION, .tpr = l->tpr, .ldr = atomic_load(&l->ldr), .dfr = atomic_load(&l->dfr), .svr = l->svr,
		.esr_latched = l->esr, .esr_pending = atomic_load(&l->esr_pending), .icr_low = l->icr_low, .icr_high = l->icr_high,
		.timer_divide = l->timer_divide, .timer_initial = l->timer_initial, .signals = atomic_load(&l->signals),
		.wait_sipi = l->wait_sipi, .base_msr = l->base_msr, .timer_start_ns = l->timer_start_ns,
		.timer_deadline_ns = l->timer_deadline_ns, .tsc_deadline = l->tsc_deadline,
	};

	for (unsigned i = 0; i < LAPIC_LVTS; i++)
		s.lvt[i] = l->lvt[i];
	for (unsigned i = 0; i < 8; i++) {
		s.isr[i] = vector_reg(l->isr[i / 2], i);
		s.irr[i] = vector_reg(atomic_load(&l->irr[i / 2]), i);
		s.tmr[i] = vector_reg(atomic_load(&l->tmr[i / 2]), i);
	}
	*out = s;
}

static bool state_legal(const struct lapic_state *s)
{
	if (s->version != LAPIC_STATE_VERSION || s->tpr > 0xff || (s->svr & ~SVR_MASK) || (s->ldr & 0xffffff) ||
	    (s->dfr & 0xfffffff) != 0xfffffff || ((s->esr_latched | s->esr_pending) & ~ESR_MASK) || (s->icr_low & ~ICR_VALID) ||
	    (s->timer_divide & ~0xbu) || (s->signals & ~SIG_MASK) || s->wait_sipi > 1 || s->reserved)
		return false;
	if ((s->base_msr & ~(BASE_ADDR_MASK | BASE_BSP | BASE_EXTD | BASE_EN)) || (s->base_msr & (BASE_EN | BASE_EXTD)) == BASE_EXTD)
		return false;
	for (unsigned i = 0; i < LAPIC_LVTS; i++)
		if (s->lvt[i] & ~lvt_valid[i])
			return false;
	if (((s->lvt[LVT_TIMER] >> LVT_MODE_SHIFT) & 3) == 3)
		return false;
	return ((s->isr[0] | s->irr[0]) & 0xffff) == 0; /* vectors 0..15 are never accepted */
}

static uint64_t vector_word(const uint32_t regs[8], unsigned i)
{
	return regs[2 * i] | (uint64_t)regs[2 * i + 1] << 32;
}

err_t lapic_load(struct vcpu *v, const struct lapic_state *s)
{
	struct lapic *l = lapic_of(v);

	if (!state_legal(s) || !(s->base_msr & BASE_BSP) != (v->index != 0))
		return E_CORRUPT;
	l->base_msr = s->base_msr;
	l->tpr = s->tpr;
	l->svr = s->svr;
	l->esr = s->esr_latched;
	l->icr_low = s->icr_low;
	l->icr_high = s->icr_high;
	l->timer_divide = s->timer_divide;
	l->timer_initial = s->timer_initial;
	l->timer_start_ns = s->timer_start_ns;
	l->timer_deadline_ns = s->timer_deadline_ns;
	l->tsc_deadline = s->tsc_deadline;
	l->wait_sipi = s->wait_sipi;
	for (unsigned i = 0; i < LAPIC_LVTS; i++)
		l->lvt[i] = s->lvt[i];
	for (unsigned i = 0; i < VECTOR_WORDS; i++) {
		l->isr[i] = vector_word(s->isr, i);
		atomic_store(&l->irr[i], vector_word(s->irr, i));
		atomic_store(&l->tmr[i], vector_word(s->tmr, i));
	}
	atomic_store(&l->ldr, s->ldr);
	atomic_store(&l->dfr, s->dfr);
	atomic_store(&l->esr_pending, s->esr_pending);
	atomic_store(&l->signals, s->signals);
	lapic_mode_update(l);
	return OK;
}
