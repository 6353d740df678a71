/* SPDX-License-Identifier: Apache-2.0 */
/* Around vmx_exit_decode: each first exit of its sort, as rows of tests/unit/vmx_exits.h. */
#include "record.h"
#include "vmm/x86_64/vmx.h"

void __real_vmx_exit_decode(const struct vmx_exit_in *in, struct hv_exit *out, struct vmx_decoded *d);
void __wrap_vmx_exit_decode(const struct vmx_exit_in *in, struct hv_exit *out, struct vmx_decoded *d);

/* The bits of a qualification that say what sort of exit it is, not which address or value. */
static uint64_t sort(const struct vmx_exit_in *in)
{
	switch (in->reason & 0xffff) {
	case VMX_EXIT_EXCEPTION: return in->event;
	case VMX_EXIT_INTERRUPT: return in->event >> 31;
	case VMX_EXIT_IO: return in->qualification & 0x7f;
	case VMX_EXIT_CR: return in->qualification & 0x3f;
	case VMX_EXIT_DR: return in->qualification & 0x1f;
	case VMX_EXIT_EPT_VIOLATION: return in->qualification & 0x1fff;
	case VMX_EXIT_APIC_WRITE: return in->qualification;
	default: return 0;
	}
}

#define ACTION(name) [name] = #name
static const char *const actions[] = {
	ACTION(VMX_ACT_EXIT), ACTION(VMX_ACT_REFLECT), ACTION(VMX_ACT_SKIP), ACTION(VMX_ACT_DR), ACTION(VMX_ACT_CR), ACTION(VMX_ACT_INTERRUPT),
	ACTION(VMX_ACT_EOI), ACTION(VMX_ACT_APIC_WRITE), ACTION(VMX_ACT_NMI), ACTION(VMX_ACT_MACHINE_CHECK), ACTION(VMX_ACT_ENTRY_FAILED),
};

static bool reads_registers(uint32_t reason)
{
	return reason == VMX_EXIT_CPUID || reason == VMX_EXIT_VMCALL || reason == VMX_EXIT_IO || reason == VMX_EXIT_RDMSR || reason == VMX_EXIT_WRMSR ||
	       reason == VMX_EXIT_XSETBV;
}

void __wrap_vmx_exit_decode(const struct vmx_exit_in *in, struct hv_exit *out, struct vmx_decoded *d)
{
	struct record_line i = { .len = 0 }, o = { .len = 0 }, x = { .len = 0 };

	__real_vmx_exit_decode(in, out, d);
	if (!record_first(in->reason | sort(in) << 16 | (in->idt_event & GUEST_EVENT_VALID ? 8ull | GUEST_EVENT_TYPE(in->idt_event) : 0) << 60))
		return;
	record_field(&i, "in.reason", in->reason);
	record_field(&i, "in.event", in->event);
	record_field(&i, "in.event_error", in->event_error);
	record_field(&i, "in.idt_event", in->idt_event);
	record_field(&i, "in.idt_error", in->idt_error);
	record_field(&i, "in.insn_len", in->insn_len);
	record_field(&i, "in.qualification", in->qualification);
	record_field(&i, "in.physical", in->physical);
	if (reads_registers(in->reason))
		record_registers(&i, "", in->gpr);
	record_exit(&o, out);
	record_name(&x, "action", actions[d->action]);
	record_field(&x, "vector", d->vector);
	record_field(&x, "has_error", d->has_error);
	record_field(&x, "nmi_unblocked", d->nmi_unblocked);
	record_field(&x, "debug_bits", d->debug_bits);
	record_log("vmx", &i, &o, &x);
}
