/* SPDX-License-Identifier: Apache-2.0 */
/* Which VMX controls follow from capability MSRs: all models that guests run on, those that they cannot run on and why, and single bits
 * missing. Host only. */
#include "tap.h"
#include "vmx_msrs.h"

static void refused(struct vmx_msrs m, const char *part)
{
	struct vmx_caps c;
	char reason[HV_REASON_MAX] = "";

	ok(vmx_caps_decide(&m, &c, reason) == E_UNSUPPORTED && strstr(reason, part), "refused: %s", reason);
}

/* What each recorded model gets of what not all have. */
static void test_models(void)
{
	static const struct { const char *name; const struct vmx_msrs *msrs; bool interrupts, posted, ad, xsaves, pause_loop; } rows[] = {
		{ "Skylake", &skylake, true, true, true, true, true }, { "Ice Lake", &icelake, true, true, true, true, true },
		{ "Haswell", &haswell, true, false, true, false, true }, { "Ivy Bridge", &ivy_bridge, false, false, false, false, false },
	};
	char reason[HV_REASON_MAX];
	struct vmx_caps c;

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (!ok(vmx_caps_decide(rows[i].msrs, &c, reason) == OK, "%s runs guests", rows[i].name))
			continue;
		ok(!!(c.proc2 & VMX_PROC2_INTERRUPTS) == rows[i].interrupts && !!(c.proc2 & VMX_PROC2_X2APIC) == rows[i].interrupts,
		   "%s: virtual-interrupt delivery, and the x2APIC with it", rows[i].name);
		ok(!!(c.pin & VMX_PIN_POSTED) == rows[i].posted && !!(c.exit & VMX_EXIT_ACKNOWLEDGE) == rows[i].posted,
		   "%s: posted interrupts, and acknowledgement for them", rows[i].name);
		ok(c.ept_ad == rows[i].ad && !!(c.proc2 & VMX_PROC2_XSAVES) == rows[i].xsaves && !!(c.proc2 & VMX_PROC2_PAUSE_LOOP) == rows[i].pause_loop,
		   "%s: A/D bits, XSAVES, PAUSE loops", rows[i].name);
		ok(!(c.proc2 & 1) && !(c.proc2 & (1u << 8)), "%s: the xAPIC page stays with the monitor", rows[i].name);
	}
}

static void test_interrupt_controls(void)
{
	struct vmx_msrs m = skylake;
	char reason[HV_REASON_MAX];
	struct vmx_caps c;

	m.exit &= ~((uint64_t)VMX_EXIT_ACKNOWLEDGE << 32);
	ok(vmx_caps_decide(&m, &c, reason) == OK && (c.proc2 & VMX_PROC2_INTERRUPTS) && !(c.pin & VMX_PIN_POSTED), "no posting without acknowledgement");
	m = skylake;
	m.proc2 &= ~((uint64_t)VMX_PROC2_INTERRUPTS << 32);
	ok(vmx_caps_decide(&m, &c, reason) == OK && !(c.pin & VMX_PIN_POSTED) && !(c.exit & VMX_EXIT_ACKNOWLEDGE) && !(c.proc2 & VMX_PROC2_X2APIC),
	   "nor without virtual-interrupt delivery");
	m = skylake;
	m.proc &= ~((uint64_t)VMX_PROC_TPR_SHADOW << 32);
	ok(vmx_caps_decide(&m, &c, reason) == OK && !(c.proc2 & (VMX_PROC2_INTERRUPTS | VMX_PROC2_X2APIC)) && !(c.pin & VMX_PIN_POSTED),
	   "nothing of it without the TPR shadow");
	m = skylake;
	m.proc2 &= ~((uint64_t)VMX_PROC2_X2APIC << 32);
	ok(vmx_caps_decide(&m, &c, reason) == OK && (c.proc2 & VMX_PROC2_INTERRUPTS) && (c.pin & VMX_PIN_POSTED), "the x2APIC is a part of its own");
}

static void test_caps(void)
{
	struct vmx_msrs m = skylake;
	struct vmx_caps c;
	char reason[HV_REASON_MAX] = "";

	if (!ok(vmx_caps_decide(&m, &c, reason) == OK, "all there"))
		tap_note("%s", reason);
	ok(c.vpid && c.ept_ad && c.invept_one && c.invvpid_one && c.revision == 0x2b, "VPID, A/D bits, exact flushes");
	ok((c.proc & VMX_PROC_TPR_SHADOW) && !(c.proc & (VMX_PROC_CR8_LOAD | VMX_PROC_CR8_STORE)), "TPR shadow, no CR8 exits");
	ok(!(c.entry & VMX_ENTRY_GUEST_64), "64-bit mode follows EFER");
	ok((c.pin & 0x16) == 0x16 && (c.proc & 0x04006172) == 0x04006172, "bits that must be 1 are");
	ok(c.proc2 & VMX_PROC2_XSAVES, "XSAVES");
	m.xsaves = false;
	ok(vmx_caps_decide(&m, &c, reason) == OK && !(c.proc2 & VMX_PROC2_XSAVES), "not where CPUID does not tell of it");
	m = skylake;
	m.proc2 &= ~((uint64_t)VMX_PROC2_XSAVES << 32);
	ok(vmx_caps_decide(&m, &c, reason) == OK && !(c.proc2 & VMX_PROC2_XSAVES), "nor where there is no control");

	ok((c.pin & VMX_PIN_TIMER) && c.timer_rate == 0, "the preemption timer at the rate of the TSC");
	m = skylake;
	m.misc |= 5;
	ok(vmx_caps_decide(&m, &c, reason) == OK && c.timer_rate == 5, "or slower");
	m.pin &= ~((uint64_t)VMX_PIN_TIMER << 32);
	ok(vmx_caps_decide(&m, &c, reason) == OK && !(c.pin & VMX_PIN_TIMER), "not where there is none");
	m = skylake;
	m.signature = 0x306a8;
	ok(vmx_caps_decide(&m, &c, reason) == OK && !(c.pin & VMX_PIN_TIMER), "nor where it counts wrongly");

	refused(lynnfield, "unrestricted guest");
	refused(penryn, "extended page tables");
	m.proc2 &= ~((uint64_t)VMX_PROC2_EPT << 32);
	refused(m, "extended page tables");
	m = skylake;
	m.proc &= ~((uint64_t)VMX_PROC_SECONDARY << 32);
	m.proc2 = 0;
	refused(m, "extended page tables");
	m = skylake;
	m.proc2 &= ~((uint64_t)VMX_PROC2_UNRESTRICTED << 32);
	refused(m, "unrestricted guest");
	m = skylake;
	m.proc2 &= ~((uint64_t)VMX_PROC2_INVPCID << 32);
	refused(m, "INVPCID");
	m.invpcid = false;
	ok(vmx_caps_decide(&m, &c, reason) == OK && !(c.proc2 & VMX_PROC2_INVPCID), "which is not needed when guests are not shown it");
	m = skylake;
	m.ept_vpid &= ~VMX_EPT_INVEPT;
	refused(m, "INVEPT");
	m = skylake;
	m.basic |= VMX_BASIC_ADDRESS_32;
	refused(m, "4 GiB");
	m = skylake;
	m.misc &= ~VMX_MISC_STORES_LMA;
	refused(m, "EFER.LMA");
	m = skylake;
	m.basic &= ~(0xfull << 50);
	refused(m, "write-back memory");
	m = skylake;
	m.ept_vpid &= ~VMX_VPID_INVVPID_ALL;
	ok(vmx_caps_decide(&m, &c, reason) == OK && !c.vpid && !(c.proc2 & VMX_PROC2_VPID), "no VPID without its flush");
	m = skylake;
	m.proc &= ~((uint64_t)VMX_PROC_TPR_SHADOW << 32);
	ok(vmx_caps_decide(&m, &c, reason) == OK && (c.proc & VMX_PROC_CR8_LOAD) && (c.proc & VMX_PROC_CR8_STORE), "CR8 exits without TPR shadow");
}

int main(void)
{
	test_caps();
	test_models();
	test_interrupt_controls();
	return tap_done();
}
