/* SPDX-License-Identifier: Apache-2.0 */
/* From VMX's exit values to struct hv_exit (SDM 3C 28.2, appendix C). Pure functions of register values, so that recorded exits test
 * them on the host. Knows the VMCS's encodings; must not touch a VMCS, a vCPU or guest memory. */
#include "vmx.h"

static uint64_t edx_eax(const struct vmx_exit_in *in)
{
	return in->gpr[REG_RDX] << 32 | (in->gpr[REG_RAX] & 0xffffffff);
}

void vmx_exit_events(uint32_t idt_event, uint32_t idt_error, uint64_t *again, uint8_t *undelivered)
{
	*again = 0;
	*undelivered = 0;
	if (!(idt_event & GUEST_EVENT_VALID))
		return;
	switch (GUEST_EVENT_TYPE(idt_event)) {
	case GUEST_EVENT_INTR:
		*undelivered = idt_event & GUEST_EVENT_VECTOR;
		break;
	case GUEST_EVENT_NMI:
		*again = idt_event & (GUEST_EVENT_VALID | 0x7ff);
		break;
	case GUEST_EVENT_EXC:
		*again = idt_event & (GUEST_EVENT_VALID | 0xfff);
		if (idt_event & GUEST_EVENT_ERROR)
			*again |= (uint64_t)idt_error << 32;
		break;
	default: /* INT n, INT1, INT3, INTO: RIP still points there, and they run again */
		break;
	}
}

static void decode_exception(const struct vmx_exit_in *in, struct hv_exit *out, struct vmx_decoded *d)
{
	d->vector = in->event & GUEST_EVENT_VECTOR;
	d->nmi_unblocked = (in->event & VMX_EVENT_NMI_UNBLOCKED) && !(in->idt_event & GUEST_EVENT_VALID);
	if (GUEST_EVENT_TYPE(in->event) == GUEST_EVENT_NMI) {
		out->kind = HV_EXIT_HOST;
		d->action = VMX_ACT_NMI;
		return;
	}
	if (d->vector == 18)
		d->action = VMX_ACT_MACHINE_CHECK;
	d->has_error = in->event & GUEST_EVENT_ERROR;
	if (d->vector == 1)
		d->debug_bits = in->qualification & VMX_DB_BITS;
}

static void decode_io(const struct vmx_exit_in *in, struct hv_exit *out, struct vmx_decoded *d)
{
	const uint32_t q = (uint32_t)in->qualification, size = (q & 7) + 1;

	(void)d;
	out->pio.port = (uint16_t)(q >> 16);
	out->pio.size = (uint8_t)size;
	out->pio.write = !(q & VMX_IO_IN);
	out->pio.string = q & VMX_IO_STRING;
	out->pio.rep = q & VMX_IO_REP;
	out->pio.value = q & (VMX_IO_IN | VMX_IO_STRING) ? 0 : (uint32_t)in->gpr[REG_RAX] & (0xffffffffu >> (32 - 8 * size));
}

static void decode_ept(const struct vmx_exit_in *in, struct hv_exit *out, struct vmx_decoded *d)
{
	const uint64_t q = in->qualification;

	out->stage2.addr = GPA(in->physical);
	out->stage2.access = q & VMX_EPT_FETCH ? GMEM_X : q & VMX_EPT_WRITE ? GMEM_W : GMEM_R;
	out->stage2.walk = (q & VMX_EPT_LINEAR) && !(q & VMX_EPT_TRANSLATED);
	out->stage2.delivery = in->idt_event & GUEST_EVENT_VALID;
	out->stage2.insn_len = 0; /* VMX does not tell the bytes */
	d->nmi_unblocked = (q & VMX_EVENT_NMI_UNBLOCKED) && !(in->idt_event & GUEST_EVENT_VALID);
}

static void invalid(struct hv_exit *out, const char *text, uint64_t code)
{
	out->kind = HV_EXIT_INVALID;
	out->invalid.text = text;
	out->invalid.code = code;
}

static void entry_failed(const struct vmx_exit_in *in, struct hv_exit *out, struct vmx_decoded *d)
{
	d->action = VMX_ACT_ENTRY_FAILED;
	switch (in->reason & 0xffff) {
	case VMX_EXIT_GUEST_STATE:
		invalid(out, "invalid guest state", in->qualification);
		break;
	case VMX_EXIT_MSR_LOADING:
		invalid(out, "an MSR to be loaded was refused", in->qualification);
		break;
	case VMX_EXIT_ENTRY_MCE:
		d->action = VMX_ACT_MACHINE_CHECK;
		break;
	default:
		invalid(out, "no known cause", in->reason);
		break;
	}
}

static void decode_interrupt(const struct vmx_exit_in *in, struct hv_exit *out, struct vmx_decoded *d)
{
	(void)out;
	if (!(in->event & GUEST_EVENT_VALID))
		return;
	d->action = VMX_ACT_INTERRUPT; /* acknowledged: it is pending nowhere else */
	d->vector = in->event & GUEST_EVENT_VECTOR;
}

static void decode_cpuid(const struct vmx_exit_in *in, struct hv_exit *out, struct vmx_decoded *d)
{
	(void)d;
	out->cpuid.leaf = (uint32_t)in->gpr[REG_RAX];
	out->cpuid.subleaf = (uint32_t)in->gpr[REG_RCX];
}

/* KVM's convention: number in RAX, arguments in RBX, RCX, RDX, RSI. */
static void decode_call(const struct vmx_exit_in *in, struct hv_exit *out, struct vmx_decoded *d)
{
	(void)d;
	out->call.nr = in->gpr[REG_RAX];
	out->call.args[0] = in->gpr[REG_RBX];
	out->call.args[1] = in->gpr[REG_RCX];
	out->call.args[2] = in->gpr[REG_RDX];
	out->call.args[3] = in->gpr[REG_RSI];
}

/* No counters: every index is out of range (SDM 2B RDPMC). */
static void decode_rdpmc(const struct vmx_exit_in *in, struct hv_exit *out, struct vmx_decoded *d)
{
	(void)in, (void)out;
	d->vector = 13;
	d->has_error = true;
}

static void decode_rdmsr(const struct vmx_exit_in *in, struct hv_exit *out, struct vmx_decoded *d)
{
	(void)d;
	out->msr.index = (uint32_t)in->gpr[REG_RCX];
	out->msr.value = 0;
	out->msr.fault = false;
}

static void decode_wrmsr(const struct vmx_exit_in *in, struct hv_exit *out, struct vmx_decoded *d)
{
	(void)d;
	out->msr.index = (uint32_t)in->gpr[REG_RCX];
	out->msr.value = edx_eax(in);
	out->msr.fault = false;
}

static void decode_xsetbv(const struct vmx_exit_in *in, struct hv_exit *out, struct vmx_decoded *d)
{
	(void)d;
	out->xsetbv.index = (uint32_t)in->gpr[REG_RCX];
	out->xsetbv.value = edx_eax(in);
	out->xsetbv.fault = false;
}

static void decode_misconfig(const struct vmx_exit_in *in, struct hv_exit *out, struct vmx_decoded *d)
{
	(void)d; /* ours to explain, too */
	invalid(out, "an EPT entry is misconfigured", in->physical);
}

static void decode_task_switch(const struct vmx_exit_in *in, struct hv_exit *out, struct vmx_decoded *d)
{
	(void)d;
	invalid(out, "hardware task switches are not supported", in->qualification);
}

/* What each reason means and needs. An instruction's exit is never in an event's delivery, all others may be. Reasons without a row were not
 * asked for. */
#define ROW(kind, action, needs, operands) { true, HV_EXIT_##kind, VMX_ACT_##action, needs, operands }
#define IDT VMX_NEEDS_IDT
#define QUAL VMX_NEEDS_QUALIFICATION
#define LAPIC VMX_NEEDS_LAPIC
#define REFUSED ROW(UNDEFINED, EXIT, LAPIC, NULL) /* not offered by CPUID: #UD */
const struct vmx_exit_row vmx_exit_rows[VMX_EXIT_REASONS] = {
	[VMX_EXIT_EXCEPTION] = ROW(SYSREG, REFLECT, QUAL | IDT | VMX_NEEDS_EVENT | LAPIC, decode_exception),
	[VMX_EXIT_INTERRUPT] = ROW(HOST, EXIT, IDT | VMX_NEEDS_EVENT | LAPIC, decode_interrupt),
	[VMX_EXIT_TRIPLE_FAULT] = ROW(SHUTDOWN, EXIT, IDT | LAPIC, NULL),
	[VMX_EXIT_INIT] = ROW(HOST, EXIT, IDT | LAPIC, NULL), /* without meaning on a running node: nobody sends them */
	[VMX_EXIT_SIPI] = ROW(HOST, EXIT, IDT | LAPIC, NULL),
	[VMX_EXIT_IO_SMI] = ROW(HOST, EXIT, IDT | LAPIC, NULL),
	[VMX_EXIT_OTHER_SMI] = ROW(HOST, EXIT, IDT | LAPIC, NULL),
	[VMX_EXIT_IRQ_WINDOW] = ROW(IRQ_WINDOW, EXIT, IDT | LAPIC, NULL),
	[VMX_EXIT_NMI_WINDOW] = ROW(IRQ_WINDOW, EXIT, IDT | LAPIC, NULL),
	[VMX_EXIT_TASK_SWITCH] = ROW(INVALID, EXIT, QUAL | IDT | LAPIC, decode_task_switch),
	[VMX_EXIT_CPUID] = ROW(CPUID, EXIT, 0, decode_cpuid),
	[VMX_EXIT_GETSEC] = REFUSED,
	[VMX_EXIT_HLT] = ROW(IDLE, EXIT, LAPIC, NULL),
	[VMX_EXIT_INVD] = ROW(SYSREG, SKIP, LAPIC, NULL), /* without meaning on a coherent machine */
	[VMX_EXIT_RDPMC] = ROW(SYSREG, REFLECT, LAPIC, decode_rdpmc),
	[VMX_EXIT_RSM] = REFUSED,
	[VMX_EXIT_VMCALL] = ROW(CALL, EXIT, 0, decode_call),
	[VMX_EXIT_VMCLEAR ... VMX_EXIT_VMXON] = REFUSED, /* VMX itself */
	[VMX_EXIT_CR] = ROW(SYSREG, CR, QUAL | LAPIC, NULL),
	[VMX_EXIT_DR] = ROW(SYSREG, DR, LAPIC, NULL),
	[VMX_EXIT_IO] = ROW(PIO, EXIT, QUAL, decode_io),
	[VMX_EXIT_RDMSR] = ROW(RDMSR, EXIT, VMX_NEEDS_MSR, decode_rdmsr),
	[VMX_EXIT_WRMSR] = ROW(WRMSR, EXIT, LAPIC, decode_wrmsr),
	[VMX_EXIT_MWAIT] = REFUSED,
	[VMX_EXIT_MONITOR] = REFUSED,
	[VMX_EXIT_PAUSE] = ROW(PAUSE, EXIT, LAPIC, NULL),
	[VMX_EXIT_ENTRY_MCE] = ROW(HOST, MACHINE_CHECK, IDT | LAPIC, NULL),
	[VMX_EXIT_TPR] = ROW(IRQ_WINDOW, EXIT, IDT | LAPIC, NULL),
	[VMX_EXIT_EOI] = ROW(SYSREG, EOI, QUAL | IDT | LAPIC, NULL),
	[VMX_EXIT_EPT_VIOLATION] = ROW(STAGE2, EXIT, QUAL | IDT | VMX_NEEDS_PHYSICAL, decode_ept),
	[VMX_EXIT_EPT_MISCONFIG] = ROW(INVALID, ENTRY_FAILED, IDT | VMX_NEEDS_PHYSICAL | LAPIC, decode_misconfig),
	[VMX_EXIT_INVEPT] = REFUSED,
	[VMX_EXIT_TIMER] = ROW(TIMER, EXIT, IDT | LAPIC, NULL),
	[VMX_EXIT_INVVPID] = REFUSED,
	[VMX_EXIT_WBINVD] = ROW(SYSREG, SKIP, LAPIC, NULL),
	[VMX_EXIT_XSETBV] = ROW(XSETBV, EXIT, LAPIC, decode_xsetbv),
	[VMX_EXIT_APIC_WRITE] = ROW(SYSREG, APIC_WRITE, QUAL | IDT | LAPIC, NULL),
	[VMX_EXIT_VMFUNC] = REFUSED,
	[VMX_EXIT_ENCLS] = REFUSED,
	[VMX_EXIT_XSAVES] = REFUSED,
	[VMX_EXIT_XRSTORS] = REFUSED,
	[VMX_EXIT_UMWAIT] = REFUSED,
	[VMX_EXIT_TPAUSE] = REFUSED,
};

void vmx_exit_decode(const struct vmx_exit_in *in, struct hv_exit *out, struct vmx_decoded *d)
{
	const uint32_t basic = in->reason & 0xffff;
	const struct vmx_exit_row *row = basic < VMX_EXIT_REASONS && vmx_exit_rows[basic].asked ? &vmx_exit_rows[basic] : NULL;

	out->undelivered = 0;
	out->quick = false;
	*d = (struct vmx_decoded){ .action = VMX_ACT_EXIT };
	if (in->reason & VMX_REASON_ENTRY_FAILED) {
		out->kind = HV_EXIT_HOST;
		entry_failed(in, out, d);
	} else if (row) {
		out->kind = row->kind;
		d->action = row->action;
		if (row->operands)
			row->operands(in, out, d);
	} else {
		invalid(out, "an exit that was not asked for", in->reason);
	}
}
