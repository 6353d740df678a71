/* SPDX-License-Identifier: Apache-2.0 */
/* What the vendor-neutral x86_64 files of the monitor share: the vCPU's architecture state, guest address translation, MSRs, CPUID,
 * and emulation of device accesses. Own CPU of the vCPU, or vCPU parked. Knows the backend only by hv_current. */
#ifndef VMM_X86_64_X86_H
#define VMM_X86_64_X86_H
#include <core/arith.h>
#include <core/err.h>
#include <core/page.h>
#include <core/log.h>
#include <stdbool.h>
#include <stdint.h>
#include <vmm/hv.h>
#include <vmm/vm.h>
#include <vmm/x86_64/cpuid.h>
#include <vmm/x86_64/decode.h>
#include <vmm/x86_64/pvclock.h>
#include <vmm/x86_64/regs.h>

/* ---- gpt_walk.c: the guest's own page tables ---- */
struct gpt_mode {
	uint64_t cr0, cr3, cr4, efer;
	bool user;               /* CPL 3, or an access that counts as one */
	bool ac;                 /* RFLAGS.AC: SMAP lets supervisor accesses through */
};
enum { GPT_READ = 0, GPT_WRITE = 1, GPT_FETCH = 2, GPT_LEVELS = 5 };
struct gpt_fault { uint32_t error; uint64_t address; }; /* as #PF wants it */
/* A translation of a page by all that it depends on: while the entries are what they were, another walk would find the same. */
struct gpt_memo {
	struct gpt_mode mode;
	uint64_t page, gpa;      /* of the page: its linear address, and where it lies */
	unsigned access, n;      /* n: entries */
	struct gmem_spot code;   /* the page itself */
	struct gmem_seen seen[GPT_LEVELS];
	bool valid;
};
/* Translates one linear address. OK; E_PERM: the guest gets #PF with *fault; E_GUEST: its tables lie outside of RAM. E_NOMEM. */
err_t gpt_walk(struct gmem *m, const struct gpt_mode *mode, uint64_t linear, unsigned access, struct gpa *out, struct gpt_fault *fault) MUST_CHECK;
/* The same, faster where the memo still holds; afterwards it holds this translation, or nothing. */
err_t gpt_walk_again(struct gmem *m, const struct gpt_mode *mode, uint64_t linear, unsigned access, struct gpt_memo *memo, struct gpa *out,
		     struct gpt_fault *fault) MUST_CHECK;
/* Is the memo of such a translation? It holds while its entries do (gmem_seen_hold). */
static inline bool gpt_memo_is_of(const struct gpt_memo *memo, const struct gpt_mode *mode, uint64_t page, unsigned access)
{
	const struct gpt_mode *old = &memo->mode;

	return memo->valid && memo->page == page && memo->access == access && old->cr3 == mode->cr3 && old->cr0 == mode->cr0 && old->cr4 == mode->cr4 &&
	       old->efer == mode->efer && old->user == mode->user && old->ac == mode->ac;
}
static inline struct gpt_mode gpt_mode_of(const struct x86_mode *m)
{
	return (struct gpt_mode){ .cr0 = m->cr0, .cr3 = m->cr3, .cr4 = m->cr4, .efer = m->efer, .user = m->cpl == 3, .ac = m->rflags & X86_RFLAGS_AC };
}

/* v->arch. What is guest-visible in it is plain and travels. */
#define X86_STATE_VERSION 1
struct x86_state {
	uint32_t version;
	uint64_t misc_enable, tsc_adjust, hwcr, syscfg, mcg_status;
};
/* The bytes at RIP. */
struct x86_code {
	union { uint64_t words[2]; uint8_t b[X86_INSN_MAX]; }; /* zeros behind n */
	uint8_t n;
};
#define X86_FETCH_PAGES 4
#define X86_MSR_ROWS 32
struct x86_vcpu {
	struct x86_state st;
	struct pvclock pv;
	struct gpt_memo fetch[X86_FETCH_PAGES]; /* code pages of the last fetches, by their number's lowest bits */
	uint8_t msr_rows[X86_MSR_ROWS]; /* in msr.c's table: where numbers with these lowest bits were found last */
	/* The last instruction that touched a device, by all that its decoding depends on: drivers come back with the same few. */
	struct { struct x86_code code; uint8_t bits; bool plain; struct x86_insn in; } decoded; /* plain: a move that may become a portable exit */
};
static inline struct x86_vcpu *x86_of(struct vcpu *v) { return v->arch; }
static inline struct gpt_memo *x86_fetch_memo(struct vcpu *v, uint64_t linear) { return &x86_of(v)->fetch[linear / PAGE_SIZE % X86_FETCH_PAGES]; }

static inline uint64_t x86_reg(struct vcpu *v, enum x86_reg r) { return hv_current->arch->reg_get(v, r); }
/* What runs that follow each other left with the CPU is where everybody looks: before an access that may go anywhere. */
static inline void x86_settle(struct vcpu *v)
{
	if (hv_current->vcpu_settle)
		hv_current->vcpu_settle(v);
}
static inline bool x86_takes_interrupts(void) { return hv_current->arch->takes_interrupts && hv_current->arch->takes_interrupts(); }
static inline void x86_reg_put(struct vcpu *v, enum x86_reg r, uint64_t value) { hv_current->arch->reg_set(v, r, value); }

/* ---- cr4.c ---- */
/* The CR4 bits that CPUID offers this machine's guests. */
uint64_t x86_cr4_legal(void);
/* May a guest in this state write value to CR4? false: #GP. */
bool x86_cr4_may_be(uint64_t old, uint64_t value, uint64_t efer, uint64_t cr3);

/* ---- linear.c: guest-linear memory ---- */
static inline bool x86_is_64bit(const struct x86_mode *m) { return (m->efer & X86_EFER_LMA) && (m->cs.attr & SEG_ATTR_L); }
/* 16, 32 or 64: the code segment's operand mode. */
static inline uint8_t x86_code_bits(const struct x86_mode *m) { return x86_is_64bit(m) ? 64 : m->cs.attr & SEG_ATTR_DB ? 32 : 16; }
/* The bytes at RIP, X86_INSN_MAX of them, or fewer when the next page cannot be read. E_GUEST: none can. */
err_t x86_fetch(struct vcpu *v, const struct x86_mode *m, struct x86_code *out) MUST_CHECK;
static inline uint64_t x86_code_address(const struct x86_mode *m)
{
	return x86_is_64bit(m) ? m->rip : (m->rip + m->cs.base) & 0xffffffff;
}
/* The same without a call, where the last fetch found the page and its translation still holds. false: it does not. */
static inline __attribute__((always_inline)) MUST_CHECK bool x86_fetch_known(struct vcpu *v, const struct x86_mode *m, struct x86_code *out)
{
	const struct gpt_mode mode = gpt_mode_of(m);
	uint64_t linear = x86_code_address(m), into = linear & (PAGE_SIZE - 1);
	const struct gpt_memo *memo = x86_fetch_memo(v, linear);

	if (into > PAGE_SIZE - sizeof(out->words) || !gpt_memo_is_of(memo, &mode, linear - into, GPT_FETCH) ||
	    !gmem_seen_read128(v->vm->mem, &memo->code, memo->seen, memo->n, (unsigned)index_clamp(into, PAGE_SIZE - sizeof(out->words) + 1), out->words))
		return false;
	out->words[1] &= UINT64_MAX >> 8;
	out->n = X86_INSN_MAX;
	return true;
}
/* Eight bytes at a linear address without a walk, where the last fetch with the same CR3 found the page. The guest may have mapped another
 * one there since: for callers that know what must stand there and fetch when it does not. E_NOENT: not known, or the page ends before. */
static inline err_t x86_fetch_hint(struct vcpu *v, uint64_t linear, uint64_t cr3, uint64_t *bytes)
{
	const struct gpt_memo *f = x86_fetch_memo(v, linear);
	uint64_t into = linear & (PAGE_SIZE - 1);

	if (!f->valid || f->mode.cr3 != cr3 || f->page != linear - into || into > PAGE_SIZE - sizeof(*bytes))
		return E_NOENT;
	return gmem_spot_read64(v->vm->mem, &f->code, (unsigned)index_clamp(into, PAGE_SIZE - sizeof(*bytes) + 1), bytes) ? OK : E_NOENT;
}
/* SDM 3A 3.3.7.1: the bits above those that are translated are copies of the highest of them. */
static inline bool x86_is_canonical(const struct x86_mode *m, uint64_t linear)
{
	unsigned shift = m->cr4 & X86_CR4_LA57 ? 64 - 57 : 64 - 48;

	return (uint64_t)((int64_t)(linear << shift) >> shift) == linear;
}
/* Linear address of size bytes at offset in a segment, as the CPU forms it. E_PERM: #GP or #SS is queued. */
err_t x86_linear_segment(struct vcpu *v, const struct x86_mode *m, unsigned seg, uint64_t offset, unsigned size, uint64_t *out) MUST_CHECK;
static inline MUST_CHECK err_t x86_linear(struct vcpu *v, const struct x86_mode *m, unsigned seg, uint64_t offset, unsigned size, uint64_t *out)
{
	if (!x86_is_64bit(m) || seg == SEG_FS || seg == SEG_GS || !x86_is_canonical(m, offset))
		return x86_linear_segment(v, m, seg, offset, size, out);
	*out = offset; /* the other segments begin at 0 there, and have no limit */
	return OK;
}
/* Up to 8 bytes that may cross a page: translated first, accessed afterwards. */
struct mem_ref { struct gpa at[2]; uint8_t len[2]; };
/* E_PERM: #PF is queued; E_GUEST, E_NOMEM: the guest is over (crashed already). */
err_t x86_translate(struct vcpu *v, const struct x86_mode *m, uint64_t linear, unsigned size, unsigned access, struct mem_ref *out) MUST_CHECK;
/* RAM, the LAPIC page, a device, or nothing (all ones, counted). E_GUEST: the guest is over (crashed already). */
err_t x86_mem_read(struct vcpu *v, const struct mem_ref *m, uint64_t *value) MUST_CHECK;
err_t x86_mem_write(struct vcpu *v, const struct mem_ref *m, uint64_t value) MUST_CHECK;
/* One access on a bus of the VM, counted when nobody claims it. */
void x86_bus(struct vcpu *v, struct bus *b, uint64_t addr, unsigned size, bool write, uint64_t *value);

/* ---- emulate.c, emulate_string.c: device accesses ---- */
/* A stage-2 fault outside of RAM. true: done; false: *e is a plain HV_EXIT_MMIO for the portable dispatch. */
bool x86_emulate_mmio(struct vcpu *v, struct hv_exit *e);
/* String instructions, as many elements as fit the batch. port: for INS and OUTS. */
void x86_emulate_string(struct vcpu *v, const struct x86_mode *m, const struct x86_insn *in, uint16_t port);
void x86_emulate_string_io(struct vcpu *v, const struct hv_exit *e);
/* Register write-back and step of a plain MMIO exit. */
void x86_mmio_finish(struct vcpu *v, const struct hv_exit *e);
uint64_t x86_size_mask(unsigned bytes);
/* Writes a register operand as instructions do: 32 bits clear the upper half, 8 and 16 leave the rest. */
void x86_gpr_put(struct vcpu *v, uint8_t reg, unsigned size, bool high, uint64_t value);

void x86_inject(struct vcpu *v, uint8_t vector, bool has_error, uint32_t error, uint64_t address);
#define X86_EXC_UD 6
#define X86_EXC_SS 12
#define X86_EXC_GP 13
#define X86_EXC_PF 14

/* ---- msr.c ---- */
/* E_GUEST: #GP. Counts and logs what is unknown. */
err_t msr_read(struct vcpu *v, uint32_t index, uint64_t *value) MUST_CHECK;
err_t msr_write(struct vcpu *v, uint32_t index, uint64_t value) MUST_CHECK;
void msr_reset(struct vcpu *v);
const char *msr_name(uint32_t index); /* NULL when unknown */

#endif
