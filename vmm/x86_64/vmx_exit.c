/* SPDX-License-Identifier: Apache-2.0 */
/* From VMX's exit values to struct hv_exit (SDM 3C 28.2, appendix C). Pure functions of register values, so that recorded exits test
 * them on the host. Knows the VMCS's encodings; must not touch a VMCS, a vCPU or guest memory. */
#include "vmx.h"
#include <string.h>

/* Exits without operands of their own. Reasons that are in no row and no case were not asked for. */
struct vmx_exit_row { uint8_t reason, kind /* enum hv_exit_kind */, action /* enum vmx_action */; };
static const struct vmx_exit_row vmx_rows[] = {
	{ VMX_EXIT_INTERRUPT, HV_EXIT_HOST, VMX_ACT_EXIT },
	{ VMX_EXIT_INIT, HV_EXIT_HOST, VMX_ACT_EXIT },  /* without meaning on a running node: nobody sends them */
	{ VMX_EXIT_SIPI, HV_EXIT_HOST, VMX_ACT_EXIT },
	{ VMX_EXIT_IO_SMI, HV_EXIT_HOST, VMX_ACT_EXIT },
	{ VMX_EXIT_OTHER_SMI, HV_EXIT_HOST, VMX_ACT_EXIT },
	{ VMX_EXIT_TRIPLE_FAULT, HV_EXIT_SHUTDOWN, VMX_ACT_EXIT },
	{ VMX_EXIT_IRQ_WINDOW, HV_EXIT_IRQ_WINDOW, VMX_ACT_EXIT },
	{ VMX_EXIT_NMI_WINDOW, HV_EXIT_IRQ_WINDOW, VMX_ACT_EXIT },
	{ VMX_EXIT_TPR, HV_EXIT_IRQ_WINDOW, VMX_ACT_EXIT },
	{ VMX_EXIT_HLT, HV_EXIT_IDLE, VMX_ACT_EXIT },
	{ VMX_EXIT_PAUSE, HV_EXIT_PAUSE, VMX_ACT_EXIT },
	{ VMX_EXIT_CR, HV_EXIT_SYSREG, VMX_ACT_CR },
	{ VMX_EXIT_DR, HV_EXIT_SYSREG, VMX_ACT_DR },
	/* Without meaning on a coherent machine. */
	{ VMX_EXIT_INVD, HV_EXIT_SYSREG, VMX_ACT_SKIP },
	{ VMX_EXIT_WBINVD, HV_EXIT_SYSREG, VMX_ACT_SKIP },
	{ VMX_EXIT_ENTRY_MCE, HV_EXIT_HOST, VMX_ACT_MACHINE_CHECK },
	/* Not offered by CPUID. */
	{ VMX_EXIT_GETSEC, HV_EXIT_UNDEFINED, VMX_ACT_EXIT },
	{ VMX_EXIT_RSM, HV_EXIT_UNDEFINED, VMX_ACT_EXIT },
	{ VMX_EXIT_MWAIT, HV_EXIT_UNDEFINED, VMX_ACT_EXIT },
	{ VMX_EXIT_MONITOR, HV_EXIT_UNDEFINED, VMX_ACT_EXIT },
	{ VMX_EXIT_INVEPT, HV_EXIT_UNDEFINED, VMX_ACT_EXIT },
	{ VMX_EXIT_INVVPID, HV_EXIT_UNDEFINED, VMX_ACT_EXIT },
	{ VMX_EXIT_VMFUNC, HV_EXIT_UNDEFINED, VMX_ACT_EXIT },
	{ VMX_EXIT_ENCLS, HV_EXIT_UNDEFINED, VMX_ACT_EXIT },
	{ VMX_EXIT_XSAVES, HV_EXIT_UNDEFINED, VMX_ACT_EXIT },
	{ VMX_EXIT_XRSTORS, HV_EXIT_UNDEFINED, VMX_ACT_EXIT },
	{ VMX_EXIT_UMWAIT, HV_EXIT_UNDEFINED, VMX_ACT_EXIT },
	{ VMX_EXIT_TPAUSE, HV_EXIT_UNDEFINED, VMX_ACT_EXIT },
};

static const struct vmx_exit_row *row_of(uint32_t reason)
{
	if (reason >= VMX_EXIT_VMCLEAR && reason <= VMX_EXIT_VMXON) {
		static const struct vmx_exit_row vmx_insn = { 0, HV_EXIT_UNDEFINED, VMX_ACT_EXIT };

		return &vmx_insn; /* VMX itself is not offered */
	}
	for (unsigned i = 0; i < sizeof(vmx_rows) / sizeof(vmx_rows[0]); i++)
		if (vmx_rows[i].reason == reason)
			return &vmx_rows[i];
	return NULL;
}

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
	out->kind = HV_EXIT_SYSREG;
	d->action = d->vector == 18 ? VMX_ACT_MACHINE_CHECK : VMX_ACT_REFLECT;
	d->has_error = in->event & GUEST_EVENT_ERROR;
	if (d->vector == 1)
		d->debug_bits = in->qualification & VMX_DB_BITS;
}

static void decode_io(const struct vmx_exit_in *in, struct hv_exit *out)
{
	out->kind = HV_EXIT_PIO;
	out->pio.port = (uint16_t)(in->qualification >> 16);
	out->pio.size = (in->qualification & 7) + 1;
	out->pio.write = !(in->qualification & VMX_IO_IN);
	out->pio.string = in->qualification & VMX_IO_STRING;
	out->pio.rep = in->qualification & VMX_IO_REP;
	if (out->pio.write && !out->pio.string)
		out->pio.value = in->gpr[REG_RAX] & (0xffffffffull >> (32 - 8 * out->pio.size));
}

static void decode_ept(const struct vmx_exit_in *in, struct hv_exit *out, struct vmx_decoded *d)
{
	const uint64_t q = in->qualification;

	out->kind = HV_EXIT_STAGE2;
	out->stage2.addr = GPA(in->physical);
	out->stage2.access = q & VMX_EPT_FETCH ? GMEM_X : q & VMX_EPT_WRITE ? GMEM_W : GMEM_R;
	out->stage2.walk = (q & VMX_EPT_LINEAR) && !(q & VMX_EPT_TRANSLATED);
	out->stage2.delivery = in->idt_event & GUEST_EVENT_VALID;
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

static void decode_msr(const struct vmx_exit_in *in, struct hv_exit *out, bool write)
{
	out->kind = write ? HV_EXIT_WRMSR : HV_EXIT_RDMSR;
	out->msr.index = (uint32_t)in->gpr[REG_RCX];
	if (write)
		out->msr.value = edx_eax(in);
}

static void decode_operands(const struct vmx_exit_in *in, struct hv_exit *out, struct vmx_decoded *d)
{
	switch (in->reason & 0xffff) {
	case VMX_EXIT_EXCEPTION:
		decode_exception(in, out, d);
		break;
	case VMX_EXIT_CPUID:
		out->kind = HV_EXIT_CPUID;
		out->cpuid.leaf = (uint32_t)in->gpr[REG_RAX];
		out->cpuid.subleaf = (uint32_t)in->gpr[REG_RCX];
		break;
	case VMX_EXIT_VMCALL: /* KVM's convention: number in RAX, arguments in RBX, RCX, RDX, RSI */
		out->kind = HV_EXIT_CALL;
		out->call.nr = in->gpr[REG_RAX];
		out->call.args[0] = in->gpr[REG_RBX];
		out->call.args[1] = in->gpr[REG_RCX];
		out->call.args[2] = in->gpr[REG_RDX];
		out->call.args[3] = in->gpr[REG_RSI];
		break;
	case VMX_EXIT_RDPMC: /* no counters: every index is out of range (SDM 2B RDPMC) */
		out->kind = HV_EXIT_SYSREG;
		d->action = VMX_ACT_REFLECT;
		d->vector = 13;
		d->has_error = true;
		break;
	case VMX_EXIT_IO:
		decode_io(in, out);
		break;
	case VMX_EXIT_RDMSR:
	case VMX_EXIT_WRMSR:
		decode_msr(in, out, (in->reason & 0xffff) == VMX_EXIT_WRMSR);
		break;
	case VMX_EXIT_XSETBV:
		out->kind = HV_EXIT_XSETBV;
		out->xsetbv.index = (uint32_t)in->gpr[REG_RCX];
		out->xsetbv.value = edx_eax(in);
		break;
	case VMX_EXIT_EPT_VIOLATION:
		decode_ept(in, out, d);
		break;
	case VMX_EXIT_EPT_MISCONFIG:
		d->action = VMX_ACT_ENTRY_FAILED; /* ours to explain, too */
		invalid(out, "an EPT entry is misconfigured", in->physical);
		break;
	case VMX_EXIT_TASK_SWITCH:
		invalid(out, "hardware task switches are not supported", in->qualification);
		break;
	default:
		invalid(out, "an exit that was not asked for", in->reason);
		break;
	}
}

void vmx_exit_decode(const struct vmx_exit_in *in, struct hv_exit *out, struct vmx_decoded *d)
{
	const struct vmx_exit_row *row = row_of(in->reason & 0xffff);

	memset(out, 0, sizeof(*out));
	*d = (struct vmx_decoded){ .action = VMX_ACT_EXIT };
	out->kind = HV_EXIT_HOST;
	if (in->reason & VMX_REASON_ENTRY_FAILED) {
		entry_failed(in, out, d);
	} else if (row) {
		out->kind = row->kind;
		d->action = row->action;
	} else {
		decode_operands(in, out, d);
	}
}
