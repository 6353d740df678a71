/* SPDX-License-Identifier: Apache-2.0 */
/* Why a CPU refuses a guest's state: the checks of SDM 3C 27.3.1 in their order, made again in software for the one VM that met them, and
 * the words for control bits and segments in its dump. Pure: reads the fields by a function, so that a table of states tests it on the host.
 * Must not change anything; it runs when something is wrong already. */
#include "vmx.h"
#include <core/fmt.h>
#include <vmm/x86_64/cpuid.h>

struct look {
	uint64_t (*read)(uint32_t field);
	char *why;
	size_t n;
	uint64_t cr0, cr4, rflags;
	bool wide, v86; /* IA-32e mode guest; virtual-8086 mode */
};

static const char *const seg_names[] = { "ES", "CS", "SS", "DS", "FS", "GS", "LDTR", "TR", "GDTR", "IDTR" };

/* true: the rule is broken, and told. */
static bool broken(struct look *k, bool bad, const char *what, uint64_t value)
{
	if (bad)
		fmt_buf(k->why, k->n, "%s is 0x%llx", what, (unsigned long long)value);
	return bad;
}

static bool seg_broken(struct look *k, bool bad, unsigned seg, const char *rule, uint64_t value)
{
	if (bad)
		fmt_buf(k->why, k->n, "%s: %s, is 0x%llx", seg_names[seg], rule, (unsigned long long)value);
	return bad;
}

static bool canonical(uint64_t v)
{
	return (uint64_t)((int64_t)(v << 16) >> 16) == v;
}

static bool pat_legal(uint64_t pat)
{
	for (unsigned i = 0; i < 64; i += 8) {
		uint8_t type = (uint8_t)(pat >> i);

		if (type > 7 || type == 2 || type == 3)
			return false;
	}
	return true;
}

/* ---- 27.3.1.1 */

static bool control_registers(struct look *k)
{
	const uint64_t fixed0 = vmx_caps.cr0_fixed0 & ~(X86_CR0_PE | X86_CR0_PG), cr3 = k->read(VMCS_GUEST_CR3);

	return broken(k, (k->cr0 & fixed0) != fixed0 || (k->cr0 & ~vmx_caps.cr0_fixed1), "CR0 (fixed bits)", k->cr0) ||
	       broken(k, (k->cr0 & X86_CR0_PG) && !(k->cr0 & X86_CR0_PE), "CR0 (PG without PE)", k->cr0) ||
	       broken(k, (k->cr4 & vmx_caps.cr4_fixed0) != vmx_caps.cr4_fixed0 || (k->cr4 & ~vmx_caps.cr4_fixed1), "CR4 (fixed bits)", k->cr4) ||
	       broken(k, k->wide && !(k->cr0 & X86_CR0_PG), "CR0 (64-bit guest without PG)", k->cr0) ||
	       broken(k, k->wide && !(k->cr4 & X86_CR4_PAE), "CR4 (64-bit guest without PAE)", k->cr4) ||
	       broken(k, !k->wide && (k->cr4 & X86_CR4_PCIDE), "CR4 (PCIDE without 64-bit guest)", k->cr4) ||
	       broken(k, cr3 >> cpuid_phys_bits(), "CR3 (too wide)", cr3);
}

static bool debug_and_msrs(struct look *k)
{
	const uint64_t efer = k->read(VMCS_GUEST_EFER), dr7 = k->read(VMCS_GUEST_DR7), pat = k->read(VMCS_GUEST_PAT),
		       debugctl = k->read(VMCS_GUEST_DEBUGCTL), esp = k->read(VMCS_GUEST_SYSENTER_ESP), eip = k->read(VMCS_GUEST_SYSENTER_EIP);
	const uint64_t efer_legal = X86_EFER_SCE | X86_EFER_LME | X86_EFER_LMA | X86_EFER_NXE;

	return broken(k, debugctl & ~0xffc3ull, "DEBUGCTL (reserved bits)", debugctl) || broken(k, dr7 >> 32, "DR7 (upper half)", dr7) ||
	       broken(k, !canonical(esp), "SYSENTER_ESP (not canonical)", esp) || broken(k, !canonical(eip), "SYSENTER_EIP (not canonical)", eip) ||
	       broken(k, !pat_legal(pat), "PAT (reserved type)", pat) || broken(k, efer & ~efer_legal, "EFER (reserved bits)", efer) ||
	       broken(k, !!(efer & X86_EFER_LMA) != k->wide, "EFER (LMA is not the entry control)", efer) ||
	       broken(k, (k->cr0 & X86_CR0_PG) && !(efer & X86_EFER_LMA) != !(efer & X86_EFER_LME), "EFER (LMA is not LME while paging)", efer);
}

/* ---- 27.3.1.2 */

struct seg { uint64_t sel, base, limit, rights; unsigned type, dpl; bool usable; };

static struct seg seg_read(struct look *k, unsigned i)
{
	struct seg s = { .sel = k->read(VMCS_GUEST_ES_SEL + 2 * i), .base = k->read(VMCS_GUEST_ES_BASE + 2 * i),
			 .limit = k->read(VMCS_GUEST_ES_LIMIT + 2 * i), .rights = k->read(VMCS_GUEST_ES_RIGHTS + 2 * i) };

	s.type = s.rights & 0xf;
	s.dpl = (s.rights >> 5) & 3;
	s.usable = !(s.rights & VMX_RIGHTS_UNUSABLE);
	return s;
}

#define RIGHTS_S (1u << 4)
#define RIGHTS_P (1u << 7)
#define RIGHTS_L (1u << 13)
#define RIGHTS_DB (1u << 14)
#define RIGHTS_G (1u << 15)
#define RIGHTS_RESERVED 0xfffe0f00u
#define SEL_TI 4u

/* What holds for every usable one. */
static bool seg_form(struct look *k, unsigned i, const struct seg *s, bool system)
{
	return seg_broken(k, !(s->rights & RIGHTS_S) != system, i, system ? "must be a system segment" : "must be code or data", s->rights) ||
	       seg_broken(k, !(s->rights & RIGHTS_P), i, "must be present", s->rights) ||
	       seg_broken(k, s->rights & RIGHTS_RESERVED, i, "rights have reserved bits", s->rights) ||
	       seg_broken(k, (s->limit & 0xfff) != 0xfff && (s->rights & RIGHTS_G), i, "a limit in bytes has no G", s->limit) ||
	       seg_broken(k, s->limit >> 20 && !(s->rights & RIGHTS_G), i, "a limit in pages has G", s->limit);
}

static bool code_segment(struct look *k, const struct seg *cs, const struct seg *ss)
{
	const bool data = cs->type == 3, conforming = cs->type == 13 || cs->type == 15, plain = cs->type == 9 || cs->type == 11;

	return seg_broken(k, !data && !conforming && !plain, SEG_CS, "type must be 3, 9, 11, 13 or 15", cs->type) ||
	       seg_broken(k, data && cs->dpl != 0, SEG_CS, "DPL of type 3 must be 0", cs->dpl) ||
	       seg_broken(k, plain && cs->dpl != ss->dpl, SEG_CS, "DPL must be that of SS", cs->dpl) ||
	       seg_broken(k, conforming && cs->dpl > ss->dpl, SEG_CS, "DPL must not be above that of SS", cs->dpl) ||
	       seg_broken(k, k->wide && (cs->rights & RIGHTS_L) && (cs->rights & RIGHTS_DB), SEG_CS, "L excludes D", cs->rights) ||
	       seg_form(k, SEG_CS, cs, false) || seg_broken(k, cs->base >> 32, SEG_CS, "base is too wide", cs->base);
}

static bool stack_segment(struct look *k, const struct seg *ss, const struct seg *cs)
{
	return seg_broken(k, (cs->type == 3 || !(k->cr0 & X86_CR0_PE)) && ss->dpl != 0, SEG_SS, "DPL must be 0 in real mode", ss->dpl) ||
	       (ss->usable && (seg_broken(k, ss->type != 3 && ss->type != 7, SEG_SS, "type must be 3 or 7", ss->type) ||
			       seg_form(k, SEG_SS, ss, false) || seg_broken(k, ss->base >> 32, SEG_SS, "base is too wide", ss->base)));
}

static bool data_segment(struct look *k, unsigned i)
{
	const struct seg s = seg_read(k, i);
	const bool based = i == SEG_FS || i == SEG_GS; /* these have 64 bits, usable or not */

	if (seg_broken(k, based && !canonical(s.base), i, "base is not canonical", s.base))
		return true;
	return s.usable && (seg_broken(k, !(s.type & 1), i, "must be accessed", s.type) ||
			    seg_broken(k, (s.type & 8) && !(s.type & 2), i, "code must be readable", s.type) || seg_form(k, i, &s, false) ||
			    seg_broken(k, !based && s.base >> 32, i, "base is too wide", s.base));
}

static bool v86_segment(struct look *k, unsigned i)
{
	const struct seg s = seg_read(k, i);

	return seg_broken(k, s.base != s.sel << 4, i, "base must be selector * 16 in virtual-8086 mode", s.base) ||
	       seg_broken(k, s.limit != 0xffff, i, "limit must be ffff in virtual-8086 mode", s.limit) ||
	       seg_broken(k, s.rights != 0xf3, i, "rights must be f3 in virtual-8086 mode", s.rights);
}

static bool system_segments(struct look *k)
{
	const struct seg tr = seg_read(k, SEG_TR), ldtr = seg_read(k, SEG_LDTR);

	return seg_broken(k, tr.sel & SEL_TI, SEG_TR, "must be in the GDT", tr.sel) || seg_broken(k, !canonical(tr.base), SEG_TR, "base is not canonical", tr.base) ||
	       seg_broken(k, !tr.usable, SEG_TR, "must be usable", tr.rights) ||
	       seg_broken(k, tr.type != 11 && (k->wide || tr.type != 3), SEG_TR, k->wide ? "type must be 11" : "type must be 3 or 11", tr.type) ||
	       seg_form(k, SEG_TR, &tr, true) ||
	       (ldtr.usable && (seg_broken(k, ldtr.sel & SEL_TI, SEG_LDTR, "must be in the GDT", ldtr.sel) ||
				seg_broken(k, !canonical(ldtr.base), SEG_LDTR, "base is not canonical", ldtr.base) ||
				seg_broken(k, ldtr.type != 2, SEG_LDTR, "type must be 2", ldtr.type) || seg_form(k, SEG_LDTR, &ldtr, true)));
}

static bool segments(struct look *k)
{
	const struct seg cs = seg_read(k, SEG_CS), ss = seg_read(k, SEG_SS);

	if (k->v86) {
		for (unsigned i = 0; i <= SEG_GS; i++)
			if (v86_segment(k, i))
				return true;
		return system_segments(k);
	}
	if (code_segment(k, &cs, &ss) || stack_segment(k, &ss, &cs) || data_segment(k, SEG_ES))
		return true;
	for (unsigned i = SEG_DS; i <= SEG_GS; i++)
		if (data_segment(k, i))
			return true;
	return system_segments(k);
}

/* ---- 27.3.1.3 */

static bool tables(struct look *k)
{
	for (unsigned i = SEG_GDTR; i <= SEG_IDTR; i++) {
		const uint64_t base = k->read(VMCS_GUEST_ES_BASE + 2 * i), limit = k->read(VMCS_GUEST_ES_LIMIT + 2 * i);

		if (seg_broken(k, !canonical(base), i, "base is not canonical", base) || seg_broken(k, limit >> 16, i, "limit is too wide", limit))
			return true;
	}
	return false;
}

/* ---- 27.3.1.4 */

static bool rip_and_flags(struct look *k)
{
	const uint64_t rip = k->read(VMCS_GUEST_RIP), event = k->read(VMCS_ENTRY_EVENT);
	const bool code64 = k->wide && (k->read(VMCS_GUEST_ES_RIGHTS + 2 * SEG_CS) & RIGHTS_L);

	return broken(k, !code64 && rip >> 32, "RIP (32-bit code)", rip) || broken(k, code64 && !canonical(rip), "RIP (not canonical)", rip) ||
	       broken(k, (k->rflags & ~0x3f7fd7ull) || !(k->rflags & X86_RFLAGS_FIXED), "RFLAGS (reserved bits)", k->rflags) ||
	       broken(k, k->v86 && (k->wide || !(k->cr0 & X86_CR0_PE)), "RFLAGS (VM in this mode)", k->rflags) ||
	       broken(k, guest_event_is(event, GUEST_EVENT_INTR) && !(k->rflags & X86_RFLAGS_IF), "RFLAGS (interrupt injected with IF clear)", k->rflags);
}

/* ---- 27.3.1.5 */

enum { ACTIVE = 0, HALTED = 1, WAIT_FOR_SIPI = 3 };

static bool shadows(struct look *k)
{
	const uint64_t held = k->read(VMCS_GUEST_INTERRUPTIBILITY), event = k->read(VMCS_ENTRY_EVENT);
	const bool sti = held & VMX_BLOCKED_BY_STI, ss = held & VMX_BLOCKED_BY_SS;

	return broken(k, held & ~0x1full, "interruptibility (reserved bits)", held) || broken(k, sti && ss, "interruptibility (STI and MOV SS)", held) ||
	       broken(k, sti && !(k->rflags & X86_RFLAGS_IF), "interruptibility (STI with IF clear)", held) ||
	       broken(k, guest_event_is(event, GUEST_EVENT_INTR) && (sti || ss), "interruptibility (interrupt injected in a shadow)", held) ||
	       broken(k, guest_event_is(event, GUEST_EVENT_NMI) && (ss || (held & VMX_BLOCKED_BY_NMI)), "interruptibility (NMI injected while blocked)", held);
}

static bool activity(struct look *k)
{
	const uint64_t state = k->read(VMCS_GUEST_ACTIVITY), held = k->read(VMCS_GUEST_INTERRUPTIBILITY),
		       pending = k->read(VMCS_GUEST_PENDING_DEBUG), link = k->read(VMCS_LINK);
	const bool shadow = held & (VMX_BLOCKED_BY_STI | VMX_BLOCKED_BY_SS);
	const bool step = (k->rflags & X86_RFLAGS_TF) && !(k->read(VMCS_GUEST_DEBUGCTL) & 2);

	return broken(k, state > WAIT_FOR_SIPI, "activity (no such state)", state) ||
	       broken(k, state == HALTED && seg_read(k, SEG_SS).dpl != 0, "activity (halted outside of ring 0)", state) ||
	       broken(k, state != ACTIVE && shadow, "activity (not active in a shadow)", state) || shadows(k) ||
	       broken(k, pending & ~0x1580full, "pending debug exceptions (reserved bits)", pending) ||
	       broken(k, (shadow || state == HALTED) && !!(pending & VMX_PENDING_STEP) != step, "pending debug exceptions (single step and TF differ)", pending) ||
	       broken(k, link != UINT64_MAX, "VMCS link", link);
}

/* ---- 27.3.1.6 */

static bool pdptes(struct look *k)
{
	const uint64_t reserved = 0x1e6ull | ~((1ull << cpuid_phys_bits()) - 1);

	if (k->wide || !(k->cr0 & X86_CR0_PG) || !(k->cr4 & X86_CR4_PAE))
		return false;
	for (unsigned i = 0; i < 4; i++) {
		const uint64_t e = k->read(VMCS_GUEST_PDPTE0 + 2 * i);

		if (broken(k, (e & 1) && (e & reserved), "a PAE directory entry (reserved bits)", e))
			return true;
	}
	return false;
}

bool vmx_explain_state(uint64_t (*read)(uint32_t field), char *why, size_t n)
{
	struct look k = { .read = read, .why = why, .n = n, .cr0 = read(VMCS_GUEST_CR0), .cr4 = read(VMCS_GUEST_CR4), .rflags = read(VMCS_GUEST_RFLAGS),
			  .wide = read(VMCS_ENTRY_CONTROLS) & VMX_ENTRY_GUEST_64 };

	k.v86 = k.rflags & X86_RFLAGS_VM;
	return control_registers(&k) || debug_and_msrs(&k) || segments(&k) || tables(&k) || rip_and_flags(&k) || activity(&k) || pdptes(&k);
}

/* ---- words */

void vmx_explain_rights(uint32_t rights, char *buf, size_t n)
{
	if (rights & VMX_RIGHTS_UNUSABLE)
		fmt_buf(buf, n, "unusable");
	else
		x86_seg_describe((uint16_t)((rights & 0xff) | ((rights >> 4) & 0xf00)), buf, n);
}
