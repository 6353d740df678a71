/* SPDX-License-Identifier: Apache-2.0 */
/* Why a CPU refuses a guest's state: the checks of APM 2 15.5.1 in their order, and those of 15.20 for an event, made again in software for
 * the one VM that met them. Pure: a table of VMCBs tests it on the host. Must not change anything; it runs when something is wrong already. */
#include "svm.h"
#include <core/fmt.h>
#include <vmm/x86_64/cpuid.h>

#define EFER_LEGAL (X86_EFER_SCE | X86_EFER_LME | X86_EFER_LMA | X86_EFER_NXE | X86_EFER_SVME | X86_EFER_LMSLE | X86_EFER_FFXSR | X86_EFER_TCE | \
		    1ull << 17 /* MCOMMIT */ | 1ull << 18 /* INTWB */ | 1ull << 20 /* UAIE */ | 1ull << 21 /* AIBRSE */)
#define CR4_LEGAL 0xf71fffull /* APM 2 3.1.3: 13-15, 19 and what is above 23 must be zero */

struct look { char *why; size_t n; };

/* true: the rule is broken, and told. */
static bool broken(struct look *k, bool bad, const char *what, uint64_t value)
{
	if (bad)
		fmt_buf(k->why, k->n, "%s is 0x%llx", what, (unsigned long long)value);
	return bad;
}

static bool registers(struct look *k, const struct vmcb_save *s)
{
	return broken(k, !(s->efer & X86_EFER_SVME), "EFER (without SVME)", s->efer) ||
	       broken(k, !(s->cr0 & X86_CR0_CD) && (s->cr0 & X86_CR0_NW), "CR0 (NW without CD)", s->cr0) ||
	       broken(k, s->cr0 >> 32, "CR0 (upper half)", s->cr0) ||
	       broken(k, s->cr3 >> cpuid_phys_bits(), "CR3 (too wide)", s->cr3) ||
	       broken(k, s->cr4 & ~CR4_LEGAL, "CR4 (reserved bits)", s->cr4) ||
	       broken(k, s->dr6 >> 32, "DR6 (upper half)", s->dr6) || broken(k, s->dr7 >> 32, "DR7 (upper half)", s->dr7) ||
	       broken(k, s->efer & ~EFER_LEGAL, "EFER (reserved bits)", s->efer);
}

static bool long_mode(struct look *k, const struct vmcb_save *s)
{
	const bool wide = (s->efer & X86_EFER_LME) && (s->cr0 & X86_CR0_PG);

	return broken(k, wide && !(s->cr4 & X86_CR4_PAE), "CR4 (long mode without PAE)", s->cr4) ||
	       broken(k, wide && !(s->cr0 & X86_CR0_PE), "CR0 (long mode without PE)", s->cr0) ||
	       broken(k, wide && (s->cr4 & X86_CR4_PAE) && (s->cs.attr & SEG_ATTR_L) && (s->cs.attr & SEG_ATTR_DB), "CS (L excludes D), whose attributes", s->cs.attr);
}

static bool controls(struct look *k, const struct vmcb_control *c)
{
	const unsigned bits = cpuid_phys_bits(); /* the guest's are the host's */

	return broken(k, !(c->intercept2 & SVM_I2_VMRUN), "the intercept of VMRUN is off: the word", c->intercept2) ||
	       broken(k, c->iopm_pa >> bits, "the I/O permission map's address (too wide)", c->iopm_pa) ||
	       broken(k, c->msrpm_pa >> bits, "the MSR permission map's address (too wide)", c->msrpm_pa) ||
	       broken(k, !c->asid, "the ASID", c->asid) ||
	       broken(k, c->np_enable && c->n_cr3 >> bits, "nested CR3 (too wide)", c->n_cr3);
}

/* 15.20: types 1 and 5-7 are reserved; an exception has a vector that exceptions have. */
static bool event(struct look *k, uint64_t inj)
{
	const uint64_t type = GUEST_EVENT_TYPE(inj), vector = inj & GUEST_EVENT_VECTOR;

	if (!(inj & GUEST_EVENT_VALID))
		return false;
	return broken(k, type == 1 || type > GUEST_EVENT_SOFT, "EVENTINJ (reserved type)", inj) ||
	       broken(k, type == GUEST_EVENT_EXC && (vector > 31 || vector == 2), "EVENTINJ (an exception of no such vector)", inj);
}

bool svm_explain_state(const struct vmcb *b, char *why, size_t n)
{
	struct look k = { why, n };

	return registers(&k, &b->s) || long_mode(&k, &b->s) || controls(&k, &b->c) || event(&k, b->c.event_inj);
}
