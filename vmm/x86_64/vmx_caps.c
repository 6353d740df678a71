/* SPDX-License-Identifier: Apache-2.0 */
/* From VMX's capability MSRs to the controls that are used (SDM 3D appendix A). One row per control: required or wanted, and why.
 * The decision is pure, so that recorded values of many CPUs test it on the host. CPU 0, once. */
#include "vmx.h"
#include <core/fmt.h>

#define PIN VMX_WORD_PIN
#define PROC VMX_WORD_PROC
#define PROC2 VMX_WORD_PROC2
#define EXIT VMX_WORD_EXIT
#define ENTRY VMX_WORD_ENTRY
enum need {
	WANTED,            /* used where it is */
	REQUIRED,          /* no guests without */
	FOR_RDTSCP, FOR_INVPCID, /* required when guests are shown the instruction */
};
struct control { enum vmx_word word; uint32_t bit; enum need need; const char *name, *why; };

static const struct control controls[] = {
	/* The two that real machines lack come first, so that their names are the reason told. */
	{ PROC, VMX_PROC_SECONDARY, REQUIRED, "extended page tables (EPT)", "EPT is among the secondary controls" },
	{ PROC2, VMX_PROC2_EPT, REQUIRED, "extended page tables (EPT)", "guest memory is second-level page tables; no shadow paging" },
	{ PROC2, VMX_PROC2_UNRESTRICTED, REQUIRED, "unrestricted guest", "guests start in real mode and without paging" },

	{ PIN, VMX_PIN_INTERRUPTS, REQUIRED, "external-interrupt exiting", "the host gets its CPU back" },
	{ PIN, VMX_PIN_NMI, REQUIRED, "NMI exiting", "NMIs are the host's" },
	{ PIN, VMX_PIN_VIRTUAL_NMI, REQUIRED, "virtual NMIs", "tracks NMI blocking, and has a window" },
	{ PIN, VMX_PIN_POSTED, WANTED, "posted interrupts", "a vCPU hears of interrupts from other CPUs without an exit" },
	{ PIN, VMX_PIN_TIMER, WANTED, "preemption timer", "a guest's timer without an interrupt of the host's" },

	{ PROC, VMX_PROC_TSC_OFFSET, REQUIRED, "TSC offsetting", "guest time starts at 0" },
	{ PROC, VMX_PROC_HLT, REQUIRED, "HLT exiting", "an idle guest gives the CPU away" },
	{ PROC, VMX_PROC_MWAIT, REQUIRED, "MWAIT exiting", "not offered" },
	{ PROC, VMX_PROC_MONITOR, REQUIRED, "MONITOR exiting", "not offered" },
	{ PROC, VMX_PROC_RDPMC, REQUIRED, "RDPMC exiting", "the host's counters are none of the guest's" },
	{ PROC, VMX_PROC_MOV_DR, REQUIRED, "MOV-DR exiting", "debug registers are switched when they are used" },
	{ PROC, VMX_PROC_IO_BITMAPS, REQUIRED, "I/O bitmaps", "every port is the monitor's" },
	{ PROC, VMX_PROC_MSR_BITMAPS, REQUIRED, "MSR bitmaps", "the guest's own MSRs cost no exit" },
	{ PROC, VMX_PROC_TPR_SHADOW, WANTED, "TPR shadow", "CR8 without exits; else it is emulated" },

	{ PROC2, VMX_PROC2_X2APIC, WANTED, "x2APIC virtualization", "TPR, EOI and self IPI without exits" },
	{ PROC2, VMX_PROC2_INTERRUPTS, WANTED, "virtual-interrupt delivery", "interrupts enter when the guest can take them, without windows" },
	{ PROC2, VMX_PROC2_VPID, WANTED, "VPID", "translations outlive an exit" },
	{ PROC2, VMX_PROC2_RDTSCP, FOR_RDTSCP, "RDTSCP", "offered by CPUID, #UD without this" },
	{ PROC2, VMX_PROC2_INVPCID, FOR_INVPCID, "INVPCID", "offered by CPUID, #UD without this" },
	{ PROC2, VMX_PROC2_WBINVD, WANTED, "WBINVD exiting", "a guest cannot empty the caches of all" },
	{ PROC2, VMX_PROC2_PAUSE_LOOP, WANTED, "PAUSE-loop exiting", "long spins give the CPU away" },
	{ PROC2, VMX_PROC2_ENCLS, WANTED, "ENCLS exiting", "SGX is not offered" },
	{ PROC2, VMX_PROC2_XSAVES, WANTED, "XSAVES", "offered by CPUID where it is, #UD without this" },

	{ EXIT, VMX_EXIT_HOST_64, REQUIRED, "64-bit host", "that is what we are" },
	{ EXIT, VMX_EXIT_ACKNOWLEDGE, WANTED, "acknowledging interrupts on exit", "posted interrupts need it" },
	{ EXIT, VMX_EXIT_SAVE_DEBUG, REQUIRED, "saving debug controls", "DR7 and DEBUGCTL are the guest's" },
	{ EXIT, VMX_EXIT_SAVE_PAT, REQUIRED, "saving PAT", "the PAT is the guest's" },
	{ EXIT, VMX_EXIT_LOAD_PAT, REQUIRED, "loading PAT", "and the host's again" },
	{ EXIT, VMX_EXIT_SAVE_EFER, REQUIRED, "saving EFER", "LMA follows the guest's CR0.PG without exits" },
	{ EXIT, VMX_EXIT_LOAD_EFER, REQUIRED, "loading EFER", "and the host's again" },
	{ ENTRY, VMX_ENTRY_LOAD_DEBUG, REQUIRED, "loading debug controls", "DR7 and DEBUGCTL are the guest's" },
	{ ENTRY, VMX_ENTRY_LOAD_PAT, REQUIRED, "loading PAT", "the PAT is the guest's" },
	{ ENTRY, VMX_ENTRY_LOAD_EFER, REQUIRED, "loading EFER", "EFER is the guest's" },
};

/* Those that come and go while a guest runs. */
static const struct { enum vmx_word word; uint32_t bit; const char *name; } changing[] = {
	{ PROC, VMX_PROC_INTERRUPT_WINDOW, "interrupt window" }, { PROC, VMX_PROC_NMI_WINDOW, "NMI window" }, { PROC, VMX_PROC_PAUSE, "PAUSE exiting" },
	{ PROC, VMX_PROC_CR8_LOAD, "CR8-load exiting" }, { PROC, VMX_PROC_CR8_STORE, "CR8-store exiting" }, { ENTRY, VMX_ENTRY_GUEST_64, "64-bit guest" },
};

const char *vmx_control_name(enum vmx_word word, uint32_t bit)
{
	for (unsigned i = 0; i < sizeof(controls) / sizeof(controls[0]); i++)
		if (controls[i].word == word && controls[i].bit == bit)
			return controls[i].name;
	for (unsigned i = 0; i < sizeof(changing) / sizeof(changing[0]); i++)
		if (changing[i].word == word && changing[i].bit == bit)
			return changing[i].name;
	return NULL;
}

/* CPUs whose preemption timer does not count at the rate that is told (Intel's specification updates: Westmere AAT59 and AAX65, Xeon 7500
 * BA86, Xeon E3-1220 V2). */
static const uint32_t timer_errata[] = { 0x20652, 0x20655, 0x206e6, 0x306a8 };

void vmx_caps_read(struct vmx_msrs *m)
{
	*m = (struct vmx_msrs){ .basic = cpu_rdmsr(MSR_VMX_BASIC), .misc = cpu_rdmsr(MSR_VMX_MISC) };
	bool exact = m->basic & VMX_BASIC_TRUE;

	m->pin = cpu_rdmsr(exact ? MSR_VMX_TRUE_PIN : MSR_VMX_PIN);
	m->proc = cpu_rdmsr(exact ? MSR_VMX_TRUE_PROC : MSR_VMX_PROC);
	m->exit = cpu_rdmsr(exact ? MSR_VMX_TRUE_EXIT : MSR_VMX_EXIT);
	m->entry = cpu_rdmsr(exact ? MSR_VMX_TRUE_ENTRY : MSR_VMX_ENTRY);
	m->cr0_fixed0 = cpu_rdmsr(MSR_VMX_CR0_FIXED0);
	m->cr0_fixed1 = cpu_rdmsr(MSR_VMX_CR0_FIXED1);
	m->cr4_fixed0 = cpu_rdmsr(MSR_VMX_CR4_FIXED0);
	m->cr4_fixed1 = cpu_rdmsr(MSR_VMX_CR4_FIXED1);
	if ((m->proc >> 32) & VMX_PROC_SECONDARY)
		m->proc2 = cpu_rdmsr(MSR_VMX_PROC2);
	if ((m->proc2 >> 32) & (VMX_PROC2_EPT | VMX_PROC2_VPID))
		m->ept_vpid = cpu_rdmsr(MSR_VMX_EPT_VPID);
	m->signature = cpu_leaf(1, 0).a;
	m->rdtscp = host_features.rdtscp;
	m->invpcid = cpu_leaf(0, 0).a >= 7 && (cpu_leaf(7, 0).b & (1u << 10));
	m->xsaves = host_features.xcr0 && (cpu_leaf(0xd, 1).a & (1u << 3));
}

static err_t refuse(char *reason, const char *what)
{
	fmt_buf(reason, HV_REASON_MAX, "Intel VT-x without %s is not supported", what);
	return E_UNSUPPORTED;
}

static bool needed(const struct control *c, const struct vmx_msrs *m)
{
	switch (c->need) {
	case REQUIRED: return true;
	case FOR_RDTSCP: return m->rdtscp;
	case FOR_INVPCID: return m->invpcid;
	default: return false;
	}
}

/* Low half: bits that must be 1; high half: bits that may be 1 (appendix A.3.1). */
static err_t decide_words(const struct vmx_msrs *m, uint32_t words[VMX_WORDS], char *reason)
{
	const uint64_t msrs[VMX_WORDS] = { m->pin, m->proc, m->proc2, m->exit, m->entry };

	for (unsigned w = 0; w < VMX_WORDS; w++)
		words[w] = (uint32_t)msrs[w];
	for (unsigned i = 0; i < sizeof(controls) / sizeof(controls[0]); i++) {
		const struct control *c = &controls[i];

		if ((uint32_t)(msrs[c->word] >> 32) & c->bit)
			words[c->word] |= c->bit;
		else if (needed(c, m))
			return refuse(reason, c->name);
	}
	return OK;
}

/* The rest of EPT, and which instructions flush. */
static err_t decide_translations(const struct vmx_msrs *m, struct vmx_caps *c, char *reason)
{
	const uint64_t e = m->ept_vpid;

	if (!(e & VMX_EPT_4_LEVELS) || !(e & VMX_EPT_WB) || !(e & VMX_EPT_2M))
		return refuse(reason, "EPT of four levels, write-back, with 2 MiB pages");
	if (!(e & VMX_EPT_INVEPT) || !(e & (VMX_EPT_INVEPT_ONE | VMX_EPT_INVEPT_ALL)))
		return refuse(reason, "INVEPT");
	c->ept_ad = e & VMX_EPT_AD;
	c->invept_one = e & VMX_EPT_INVEPT_ONE;
	c->vpid = (c->proc2 & VMX_PROC2_VPID) && (e & VMX_VPID_INVVPID) && (e & VMX_VPID_INVVPID_ALL);
	c->invvpid_one = e & VMX_VPID_INVVPID_ONE;
	if (!c->vpid)
		c->proc2 &= ~VMX_PROC2_VPID; /* then each entry flushes */
	return OK;
}

/* What stands on what: posted interrupts on virtual-interrupt delivery and acknowledgement, that on the TPR shadow (SDM 3C 27.2.1.1). */
static void decide_interrupts(struct vmx_caps *c)
{
	if (!(c->proc & VMX_PROC_TPR_SHADOW))
		c->proc2 &= ~VMX_PROC2_INTERRUPTS;
	if (!(c->proc2 & VMX_PROC2_INTERRUPTS)) {
		c->proc2 &= ~VMX_PROC2_X2APIC;
		c->pin &= ~VMX_PIN_POSTED;
	}
	if (!(c->exit & VMX_EXIT_ACKNOWLEDGE))
		c->pin &= ~VMX_PIN_POSTED;
	if (!(c->pin & VMX_PIN_POSTED))
		c->exit &= ~VMX_EXIT_ACKNOWLEDGE; /* else the loop's window takes them all */
}

static bool timer_is_wrong(uint32_t signature)
{
	for (unsigned i = 0; i < sizeof(timer_errata) / sizeof(timer_errata[0]); i++)
		if (timer_errata[i] == signature)
			return true;
	return false;
}

err_t vmx_caps_decide(const struct vmx_msrs *m, struct vmx_caps *out, char *reason)
{
	struct vmx_caps c = { 0 };
	uint32_t words[VMX_WORDS];
	err_t err = decide_words(m, words, reason);

	if (err != OK)
		return err;
	c.pin = words[PIN];
	c.proc = words[PROC];
	c.proc2 = words[PROC2];
	c.exit = words[EXIT];
	c.entry = words[ENTRY] & ~VMX_ENTRY_GUEST_64; /* follows EFER.LMA */
	if (!(c.proc & VMX_PROC_TPR_SHADOW)) {
		const uint32_t both = VMX_PROC_CR8_LOAD | VMX_PROC_CR8_STORE;

		if (((uint32_t)(m->proc >> 32) & both) != both)
			return refuse(reason, "TPR shadow or CR8 exiting");
		c.proc |= both;
	}
	c.timer_rate = VMX_MISC_TIMER_RATE(m->misc);
	if (timer_is_wrong(m->signature))
		c.pin &= ~VMX_PIN_TIMER;
	if (!m->xsaves)
		c.proc2 &= ~VMX_PROC2_XSAVES; /* IA32_XSS may be missing, too */
	decide_interrupts(&c);
	c.pause = (m->proc >> 32) & VMX_PROC_PAUSE;
	err = decide_translations(m, &c, reason);
	if (err != OK)
		return err;
	if (!(m->misc & VMX_MISC_STORES_LMA))
		return refuse(reason, "storing EFER.LMA on exit");
	if (m->basic & VMX_BASIC_ADDRESS_32)
		return refuse(reason, "structures beyond 4 GiB");
	if (VMX_BASIC_MEMORY_TYPE(m->basic) != VMX_MEMORY_WB) /* ours lie in plain RAM */
		return refuse(reason, "structures in write-back memory");
	c.revision = (uint32_t)(m->basic & VMX_BASIC_REVISION);
	c.cr0_fixed0 = m->cr0_fixed0;
	c.cr0_fixed1 = m->cr0_fixed1;
	c.cr4_fixed0 = m->cr4_fixed0;
	c.cr4_fixed1 = m->cr4_fixed1;
	*out = c;
	return OK;
}
