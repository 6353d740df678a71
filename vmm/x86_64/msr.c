/* SPDX-License-Identifier: Apache-2.0 */
/* The MSRs of a guest: one const table with name, handlers and policy; what is not in it is #GP, counted and logged at a limited
 * rate. Own CPU of the vCPU. MSRs that a backend passes through to the guest are here as well, for backends that do not. */
#include <core/arith.h>
#include <core/hal.h>
#include <vmm/x86_64/lapic.h>
#include "x86.h"

struct msr_row {
	uint32_t first, last;
	const char *name;
	/* NULL: #GP. Each returns E_GUEST for #GP. */
	err_t (*read)(struct vcpu *v, uint32_t index, uint64_t *value);
	err_t (*write)(struct vcpu *v, uint32_t index, uint64_t value);
};

/* ---- policies shared by many ---- */
static err_t read_zero(struct vcpu *v, uint32_t index, uint64_t *value)
{
	(void)v, (void)index;
	*value = 0;
	return OK;
}

static err_t write_ignored(struct vcpu *v, uint32_t index, uint64_t value)
{
	(void)v, (void)index, (void)value;
	return OK;
}

/* ---- registers that the backend keeps ---- */
struct msr_reg { uint32_t index; enum x86_reg reg; bool canonical; };
static const struct msr_reg msr_regs[] = {
	{ 0x174, X86_SYSENTER_CS, false }, { 0x175, X86_SYSENTER_ESP, true }, { 0x176, X86_SYSENTER_EIP, true },
	{ 0xc0000081, X86_STAR, false }, { 0xc0000082, X86_LSTAR, true }, { 0xc0000083, X86_CSTAR, true }, { 0xc0000084, X86_SFMASK, false },
	{ 0xc0000100, X86_FS_BASE, true }, { 0xc0000101, X86_GS_BASE, true }, { 0xc0000102, X86_KERNEL_GS_BASE, true },
};

static const struct msr_reg *reg_of(uint32_t index)
{
	for (unsigned i = 0; i < ARRAY_LEN(msr_regs); i++)
		if (msr_regs[i].index == index)
			return &msr_regs[i];
	return NULL;
}

static bool is_canonical(uint64_t v)
{
	return (uint64_t)((int64_t)(v << 16) >> 16) == v;
}

static err_t read_reg(struct vcpu *v, uint32_t index, uint64_t *value)
{
	const struct msr_reg *r = reg_of(index);

	if (!r)
		return E_GUEST;
	*value = x86_reg(v, r->reg);
	return OK;
}

static err_t write_reg(struct vcpu *v, uint32_t index, uint64_t value)
{
	const struct msr_reg *r = reg_of(index);

	if (!r || (r->canonical && !is_canonical(value)))
		return E_GUEST;
	x86_reg_put(v, r->reg, value);
	return OK;
}

/* ---- time ---- */
static err_t read_tsc(struct vcpu *v, uint32_t index, uint64_t *value)
{
	(void)index;
	*value = hal_counter() + (uint64_t)v->counter_offset;
	return OK;
}

/* A write moves TSC_ADJUST along (SDM 3B 18.17.3). */
static err_t write_tsc(struct vcpu *v, uint32_t index, uint64_t value)
{
	uint64_t now = hal_counter() + (uint64_t)v->counter_offset, delta = value - now;

	(void)index;
	v->counter_offset = (int64_t)((uint64_t)v->counter_offset + delta);
	x86_of(v)->st.tsc_adjust += delta;
	return OK;
}

static err_t read_tsc_adjust(struct vcpu *v, uint32_t index, uint64_t *value)
{
	(void)index;
	*value = x86_of(v)->st.tsc_adjust;
	return OK;
}

static err_t write_tsc_adjust(struct vcpu *v, uint32_t index, uint64_t value)
{
	uint64_t delta = value - x86_of(v)->st.tsc_adjust;

	(void)index;
	v->counter_offset = (int64_t)((uint64_t)v->counter_offset + delta);
	x86_of(v)->st.tsc_adjust = value;
	return OK;
}

static bool offers(uint32_t leaf, uint8_t reg, unsigned bit)
{
	const struct cpuid_view view = { .nvcpus = 1 };
	struct cpuid_regs r;

	cpuid_read(&view, leaf, 0, &r);
	return (reg == CPUID_EAX ? r.eax : reg == CPUID_EBX ? r.ebx : reg == CPUID_ECX ? r.ecx : r.edx) & (1u << bit);
}

static err_t read_tsc_aux(struct vcpu *v, uint32_t index, uint64_t *value)
{
	(void)index;
	if (!offers(0x80000001, CPUID_EDX, 27))
		return E_GUEST;
	*value = x86_reg(v, X86_TSC_AUX);
	return OK;
}

static err_t write_tsc_aux(struct vcpu *v, uint32_t index, uint64_t value)
{
	(void)index;
	if (!offers(0x80000001, CPUID_EDX, 27) || value > UINT32_MAX)
		return E_GUEST;
	x86_reg_put(v, X86_TSC_AUX, value);
	return OK;
}

static err_t read_pvclock(struct vcpu *v, uint32_t index, uint64_t *value)
{
	return pvclock_msr_read(&x86_of(v)->pv, index, value);
}

static err_t write_pvclock(struct vcpu *v, uint32_t index, uint64_t value)
{
	return pvclock_msr_write(&x86_of(v)->pv, v, index, value);
}

/* ---- modes and memory types ---- */
static err_t read_efer(struct vcpu *v, uint32_t index, uint64_t *value)
{
	(void)index;
	*value = x86_reg(v, X86_EFER);
	return OK;
}

/* APM 2 3.1.7: reserved bits and a change of LME while paging are #GP; LMA is the CPU's. */
static err_t write_efer(struct vcpu *v, uint32_t index, uint64_t value)
{
	uint64_t old = x86_reg(v, X86_EFER), legal = X86_EFER_SCE | X86_EFER_LME | X86_EFER_LMA | X86_EFER_NXE;

	(void)index;
	if (offers(0x80000001, CPUID_EDX, 25))
		legal |= X86_EFER_FFXSR;
	if (value & ~legal)
		return E_GUEST;
	if (((old ^ value) & X86_EFER_LME) && (x86_reg(v, X86_CR0) & X86_CR0_PG))
		return E_GUEST;
	x86_reg_put(v, X86_EFER, (value & ~X86_EFER_LMA) | (old & X86_EFER_LMA));
	return OK;
}

static err_t read_pat(struct vcpu *v, uint32_t index, uint64_t *value)
{
	(void)index;
	*value = x86_reg(v, X86_PAT);
	return OK;
}

static err_t write_pat(struct vcpu *v, uint32_t index, uint64_t value)
{
	(void)index;
	for (unsigned i = 0; i < 8; i++) {
		uint8_t type = (uint8_t)(value >> (8 * i));

		if (type > 7 || type == 2 || type == 3)
			return E_GUEST;
	}
	x86_reg_put(v, X86_PAT, value);
	return OK;
}

/* No supervisor state is offered, so nothing can be switched on in it (SDM 1 13.2). */
static err_t read_xss(struct vcpu *v, uint32_t index, uint64_t *value)
{
	(void)v, (void)index;
	if (!cpuid_offers_xsaves())
		return E_GUEST;
	*value = 0;
	return OK;
}

static err_t write_xss(struct vcpu *v, uint32_t index, uint64_t value)
{
	(void)v, (void)index;
	return cpuid_offers_xsaves() && value == 0 ? OK : E_GUEST;
}

static err_t read_debugctl(struct vcpu *v, uint32_t index, uint64_t *value)
{
	(void)index;
	*value = x86_reg(v, X86_DEBUGCTL);
	return OK;
}

/* LBR and BTF are accepted and without effect: no branch records are offered. */
static err_t write_debugctl(struct vcpu *v, uint32_t index, uint64_t value)
{
	(void)v, (void)index;
	return value & ~3ull ? E_GUEST : OK;
}

/* ---- plain values of the vCPU ---- */
#define MISC_ENABLE_FAST_STRING 1ull
#define MCG_STATUS_LEGAL 7ull
/* HWCR: MonMwaitDis..., cache flush filter, INVD as WBINVD, TSC frequency select: set by firmware on real machines. */
#define HWCR_LEGAL (1ull << 3 | 1ull << 4 | 1ull << 6 | 1ull << 8 | 1ull << 18 | 1ull << 24)
#define SYSCFG_LEGAL 0x00ffffffull

static err_t read_state(struct vcpu *v, uint32_t index, uint64_t *value)
{
	const struct x86_state *s = &x86_of(v)->st;

	*value = index == 0x1a0 ? s->misc_enable : index == 0x17a ? s->mcg_status : index == 0xc0010015 ? s->hwcr : s->syscfg;
	return OK;
}

static err_t write_state(struct vcpu *v, uint32_t index, uint64_t value)
{
	struct x86_state *s = &x86_of(v)->st;

	switch (index) {
	case 0x1a0:
		s->misc_enable = value;
		return OK;
	case 0x17a:
		if (value & ~MCG_STATUS_LEGAL)
			return E_GUEST;
		s->mcg_status = value;
		return OK;
	case 0xc0010015:
		if (value & ~HWCR_LEGAL)
			return E_GUEST;
		s->hwcr = value;
		return OK;
	default:
		if (value & ~SYSCFG_LEGAL)
			return E_GUEST;
		s->syscfg = value;
		return OK;
	}
}

/* The revision that hypervisors show: new enough for guests' errata checks, and never updated. */
static err_t read_microcode(struct vcpu *v, uint32_t index, uint64_t *value)
{
	(void)v, (void)index;
	*value = 0x01000065;
	return OK;
}

/* SVM is locked off (APM 2 15.30.1). */
static err_t read_vm_cr(struct vcpu *v, uint32_t index, uint64_t *value)
{
	(void)v, (void)index;
	*value = 1u << 4 | 1u << 3;
	return OK;
}

/* DE_CFG bit 1 says that LFENCE serialises; only shown where CPUID says the same. */
static err_t read_de_cfg(struct vcpu *v, uint32_t index, uint64_t *value)
{
	(void)v, (void)index;
	*value = offers(0x80000021, CPUID_EAX, 2) ? 2 : 0;
	return OK;
}

#define ROW(index, name, rd, wr) { index, index, name, rd, wr }
static const struct msr_row msr_rows[] = {
	ROW(0x10, "TSC", read_tsc, write_tsc),
	ROW(0x17, "PLATFORM_ID", read_zero, NULL),
	ROW(0x1b, "APIC_BASE", lapic_msr_read, lapic_msr_write),
	ROW(0x3b, "TSC_ADJUST", read_tsc_adjust, write_tsc_adjust),
	ROW(0x79, "UCODE_WRITE", NULL, write_ignored),
	ROW(0x8b, "PATCH_LEVEL", read_microcode, write_ignored),
	{ 0x174, 0x176, "SYSENTER", read_reg, write_reg },
	ROW(0x179, "MCG_CAP", read_zero, NULL), /* no banks */
	ROW(0x17a, "MCG_STATUS", read_state, write_state),
	ROW(0x1a0, "MISC_ENABLE", read_state, write_state),
	ROW(0x1d9, "DEBUGCTL", read_debugctl, write_debugctl),
	{ 0x1db, 0x1de, "LAST_BRANCH", read_zero, NULL },
	ROW(0x277, "PAT", read_pat, write_pat),
	ROW(0x6e0, "TSC_DEADLINE", lapic_msr_read, lapic_msr_write),
	{ MSR_X2APIC_FIRST, MSR_X2APIC_LAST, "X2APIC", lapic_msr_read, lapic_msr_write },
	ROW(0xda0, "XSS", read_xss, write_xss),
	{ MSR_KVM_WALL_CLOCK, MSR_KVM_SYSTEM_TIME, "KVM_CLOCK", read_pvclock, write_pvclock },
	ROW(MSR_KVM_STEAL_TIME, "KVM_STEAL_TIME", read_pvclock, write_pvclock),
	ROW(0xc0000080, "EFER", read_efer, write_efer),
	{ 0xc0000081, 0xc0000084, "SYSCALL", read_reg, write_reg },
	{ 0xc0000100, 0xc0000102, "SEGMENT_BASE", read_reg, write_reg },
	ROW(0xc0000103, "TSC_AUX", read_tsc_aux, write_tsc_aux),
	ROW(0xc0010010, "SYSCFG", read_state, write_state),
	ROW(0xc0010015, "HWCR", read_state, write_state),
	{ 0xc0010016, 0xc001001a, "IORR_TOP_MEM", read_zero, NULL },
	ROW(0xc001001d, "TOM2", read_zero, NULL),
	ROW(0xc001001f, "NB_CFG", read_zero, write_ignored),
	ROW(0xc0010020, "PATCH_LOADER", NULL, write_ignored),
	ROW(0xc0010055, "INT_PENDING", read_zero, write_ignored),
	ROW(0xc0010058, "MMIO_CONF_BASE", read_zero, NULL),
	{ 0xc0010112, 0xc0010113, "SMM_SEGMENT", read_zero, NULL },
	ROW(0xc0010114, "VM_CR", read_vm_cr, NULL),
	ROW(0xc0011020, "LS_CFG", read_zero, write_ignored),
	ROW(0xc0011022, "DC_CFG", read_zero, write_ignored),
	ROW(0xc0011023, "BU_CFG", read_zero, write_ignored),
	ROW(0xc0011029, "DE_CFG", read_de_cfg, write_ignored),
	ROW(0xc001102a, "BU_CFG2", read_zero, write_ignored),
};

static inline bool msr_is(const struct msr_row *r, uint32_t index)
{
	return index - r->first <= r->last - r->first;
}

static __attribute__((noinline)) const struct msr_row *msr_search(uint32_t index, uint8_t *found)
{
	unsigned lo = 0, hi = ARRAY_LEN(msr_rows);

	while (lo < hi) {
		unsigned mid = (lo + hi) / 2;

		if (index < msr_rows[mid].first) {
			hi = mid;
		} else if (index > msr_rows[mid].last) {
			lo = mid + 1;
		} else {
			*found = (uint8_t)mid;
			return &msr_rows[mid];
		}
	}
	return NULL;
}

/* Guests come back with the same few: the timer's deadline, the end of an interrupt. */
static inline const struct msr_row *msr_find(struct vcpu *v, uint32_t index)
{
	uint8_t *at = &x86_of(v)->msr_rows[index % X86_MSR_ROWS];

	return msr_is(&msr_rows[*at], index) ? &msr_rows[*at] : msr_search(index, at);
}

const char *msr_name(uint32_t index)
{
	uint8_t found;
	const struct msr_row *r = msr_search(index, &found);

	return r ? r->name : NULL;
}

static err_t unknown(struct vcpu *v, const char *what, uint32_t index)
{
	atomic_fetch_add_explicit(&v->vm->counters.unknown_msrs, 1, memory_order_relaxed);
	if (vm_log_allowed(v->vm))
		log_debug("vm", "%s: vcpu %u: %s of MSR 0x%x refused", v->vm->name, v->index, what, index);
	return E_GUEST;
}

err_t msr_read(struct vcpu *v, uint32_t index, uint64_t *value)
{
	const struct msr_row *r = msr_find(v, index);

	return r && r->read ? r->read(v, index, value) : unknown(v, "read", index);
}

err_t msr_write(struct vcpu *v, uint32_t index, uint64_t value)
{
	const struct msr_row *r = msr_find(v, index);

	return r && r->write ? r->write(v, index, value) : unknown(v, "write", index);
}

void msr_reset(struct vcpu *v)
{
	x86_of(v)->st = (struct x86_state){ .version = X86_STATE_VERSION, .misc_enable = MISC_ENABLE_FAST_STRING };
}
