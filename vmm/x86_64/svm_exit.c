/* SPDX-License-Identifier: Apache-2.0 */
/* From SVM's exit values to struct hv_exit (APM 2 15.7-15.14, appendix C). Pure functions of register values, so that
 * recorded exits test them on the host. Knows the VMCB's encodings; must not touch a VMCB, a vCPU or guest memory. */
#include "svm.h"
#include <string.h>
#include <vmm/x86_64/decode.h>

/* Instruction intercepts: what stands at RIP, and what becomes of it. */
struct svm_insn_row {
	uint16_t code;
	uint8_t kind;        /* enum hv_exit_kind */
	uint8_t len, op[3];  /* opcode without prefixes */
};
static const struct svm_insn_row svm_insns[] = {
	{ SVM_EXIT_CPUID, HV_EXIT_CPUID, 2, { 0x0f, 0xa2 } },
	{ SVM_EXIT_HLT, HV_EXIT_IDLE, 1, { 0xf4 } },
	{ SVM_EXIT_PAUSE, HV_EXIT_PAUSE, 1, { 0x90 } },
	{ SVM_EXIT_VMMCALL, HV_EXIT_CALL, 3, { 0x0f, 0x01, 0xd9 } },
	{ SVM_EXIT_XSETBV, HV_EXIT_XSETBV, 3, { 0x0f, 0x01, 0xd1 } },
	/* Without meaning here, as WBINVD is on a coherent machine; skipped by the backend itself. */
	{ SVM_EXIT_INVD, HV_EXIT_HOST, 2, { 0x0f, 0x08 } },
	{ SVM_EXIT_WBINVD, HV_EXIT_HOST, 2, { 0x0f, 0x09 } },
	/* Not offered by CPUID. */
	{ SVM_EXIT_RSM, HV_EXIT_UNDEFINED, 2, { 0x0f, 0xaa } },
	{ SVM_EXIT_INVLPGA, HV_EXIT_UNDEFINED, 3, { 0x0f, 0x01, 0xdf } },
	{ SVM_EXIT_VMRUN, HV_EXIT_UNDEFINED, 3, { 0x0f, 0x01, 0xd8 } },
	{ SVM_EXIT_VMLOAD, HV_EXIT_UNDEFINED, 3, { 0x0f, 0x01, 0xda } },
	{ SVM_EXIT_VMSAVE, HV_EXIT_UNDEFINED, 3, { 0x0f, 0x01, 0xdb } },
	{ SVM_EXIT_STGI, HV_EXIT_UNDEFINED, 3, { 0x0f, 0x01, 0xdc } },
	{ SVM_EXIT_CLGI, HV_EXIT_UNDEFINED, 3, { 0x0f, 0x01, 0xdd } },
	{ SVM_EXIT_SKINIT, HV_EXIT_UNDEFINED, 3, { 0x0f, 0x01, 0xde } },
	{ SVM_EXIT_MONITOR, HV_EXIT_UNDEFINED, 3, { 0x0f, 0x01, 0xc8 } },
	{ SVM_EXIT_MWAIT, HV_EXIT_UNDEFINED, 3, { 0x0f, 0x01, 0xc9 } },
	{ SVM_EXIT_MWAIT_COND, HV_EXIT_UNDEFINED, 3, { 0x0f, 0x01, 0xc9 } },
	{ SVM_EXIT_RDPRU, HV_EXIT_UNDEFINED, 3, { 0x0f, 0x01, 0xfd } },
	{ SVM_EXIT_INVLPGB, HV_EXIT_UNDEFINED, 3, { 0x0f, 0x01, 0xfe } },
	{ SVM_EXIT_INVLPGB_ILLEGAL, HV_EXIT_UNDEFINED, 3, { 0x0f, 0x01, 0xfe } },
	{ SVM_EXIT_MCOMMIT, HV_EXIT_UNDEFINED, 3, { 0x0f, 0x01, 0xfa } },
	{ SVM_EXIT_TLBSYNC, HV_EXIT_UNDEFINED, 3, { 0x0f, 0x01, 0xff } },
};

static const struct svm_insn_row *insn_row(uint64_t code)
{
	for (unsigned i = 0; i < sizeof(svm_insns) / sizeof(svm_insns[0]); i++)
		if (svm_insns[i].code == code)
			return &svm_insns[i];
	return NULL;
}

unsigned svm_exit_insn_len(uint64_t code, uint64_t info1, const uint8_t *bytes, unsigned n, bool long_mode)
{
	static const struct svm_insn_row rdmsr = { .len = 2, .op = { 0x0f, 0x32 } }, wrmsr = { .len = 2, .op = { 0x0f, 0x30 } };
	const struct svm_insn_row *row = code == SVM_EXIT_MSR ? (info1 ? &wrmsr : &rdmsr) : insn_row(code);
	struct x86_prefixes p;

	if (!row)
		return 0;
	decode_prefixes(bytes, n, long_mode, &p);
	if (p.len + row->len > n || memcmp(bytes + p.len, row->op, row->len) != 0)
		return 0;
	return p.len + row->len;
}

void svm_exit_events(uint64_t int_info, uint64_t int_ctl, uint64_t *again, uint8_t *undelivered)
{
	uint8_t vector = int_info & GUEST_EVENT_VECTOR;

	*again = 0;
	*undelivered = int_ctl & SVM_V_IRQ ? (uint8_t)(int_ctl >> SVM_V_VECTOR_SHIFT) : 0;
	if (!(int_info & GUEST_EVENT_VALID))
		return;
	switch (GUEST_EVENT_TYPE(int_info)) {
	case GUEST_EVENT_INTR:
		*undelivered = vector;
		break;
	case GUEST_EVENT_NMI:
		*again = int_info & (GUEST_EVENT_VALID | 0x7ff);
		break;
	case GUEST_EVENT_EXC:
		/* TCG calls an interrupt in delivery an exception with a vector that no exception has. */
		if (vector > 31)
			*undelivered = vector;
		else if (vector != 3 && vector != 4) /* INT3, INTO: run again, as RIP still points there */
			*again = int_info & (0xffffffffull << 32 | GUEST_EVENT_VALID | 0xfff);
		break;
	default: /* INT n: runs again */
		break;
	}
}

static void decode_io(const struct svm_exit_in *in, struct hv_exit *out, struct svm_decoded *d)
{
	uint32_t i = (uint32_t)in->info1;

	out->kind = HV_EXIT_PIO;
	out->pio.port = (uint16_t)(i >> 16);
	out->pio.size = SVM_IO_SIZE(i) & 1 ? 1 : SVM_IO_SIZE(i) & 2 ? 2 : 4;
	out->pio.write = !(i & SVM_IO_IN);
	out->pio.string = i & SVM_IO_STR;
	out->pio.rep = i & SVM_IO_REP;
	if (out->pio.write && !out->pio.string)
		out->pio.value = in->rax & (0xffffffffull >> (32 - 8 * out->pio.size));
	d->next_rip = in->info2;
}

static void decode_npf(const struct svm_exit_in *in, struct hv_exit *out)
{
	out->kind = HV_EXIT_STAGE2;
	out->stage2.addr = GPA(in->info2);
	out->stage2.access = in->info1 & SVM_NPF_FETCH ? GMEM_X : in->info1 & SVM_NPF_W ? GMEM_W : GMEM_R;
	out->stage2.walk = in->info1 & SVM_NPF_WALK;
	out->stage2.delivery = in->int_info & GUEST_EVENT_VALID;
	if (in->insn_len && in->insn_len <= sizeof(out->stage2.insn)) {
		memcpy(out->stage2.insn, in->insn, in->insn_len);
		out->stage2.insn_len = in->insn_len;
	}
}

static void decode_msr(const struct svm_exit_in *in, struct hv_exit *out)
{
	out->kind = in->info1 & 1 ? HV_EXIT_WRMSR : HV_EXIT_RDMSR;
	out->msr.index = (uint32_t)in->rcx;
	if (in->info1 & 1)
		out->msr.value = (in->rdx & 0xffffffff) << 32 | (in->rax & 0xffffffff);
}

static void decode_exception(const struct svm_exit_in *in, struct svm_decoded *d)
{
	d->vector = (uint8_t)(in->code - SVM_EXIT_EXC);
	d->action = d->vector == 18 ? SVM_ACT_MACHINE_CHECK : SVM_ACT_REFLECT;
	d->has_error = d->vector == 17;
}

static void invalid(struct hv_exit *out, const char *text, uint64_t code)
{
	out->kind = HV_EXIT_INVALID;
	out->invalid.text = text;
	out->invalid.code = code;
}

/* Intercepts of instructions without operands of their own. */
static void decode_plain(const struct svm_exit_in *in, const struct svm_insn_row *row, struct hv_exit *out)
{
	out->kind = row->kind;
	switch (in->code) {
	case SVM_EXIT_CPUID:
		out->cpuid.leaf = (uint32_t)in->rax;
		out->cpuid.subleaf = (uint32_t)in->rcx;
		break;
	case SVM_EXIT_VMMCALL: /* KVM's convention: number in RAX, arguments in RBX, RCX, RDX, RSI */
		out->call.nr = in->rax;
		out->call.args[0] = in->rbx;
		out->call.args[1] = in->rcx;
		out->call.args[2] = in->rdx;
		out->call.args[3] = in->rsi;
		break;
	case SVM_EXIT_XSETBV:
		out->xsetbv.index = (uint32_t)in->rcx;
		out->xsetbv.value = (in->rdx & 0xffffffff) << 32 | (in->rax & 0xffffffff);
		break;
	default:
		break;
	}
}

void svm_exit_decode(const struct svm_exit_in *in, struct hv_exit *out, struct svm_decoded *d)
{
	const struct svm_insn_row *row = insn_row(in->code);

	memset(out, 0, sizeof(*out));
	*d = (struct svm_decoded){ .action = SVM_ACT_EXIT, .next_rip = in->next_rip };
	out->kind = HV_EXIT_HOST;
	if (row) {
		decode_plain(in, row, out);
		return;
	}
	if ((uint32_t)in->code == SVM_EXIT_INVALID || (uint32_t)in->code == SVM_EXIT_BUSY) {
		invalid(out, "the CPU refused to enter this guest state", in->code);
		return;
	}
	if (in->code >= SVM_EXIT_DR_READ && in->code <= SVM_EXIT_DR_LAST) {
		d->action = SVM_ACT_DR;
		return;
	}
	if (in->code >= SVM_EXIT_EXC && in->code <= SVM_EXIT_EXC_LAST) {
		decode_exception(in, d);
		return;
	}
	switch (in->code) {
	case SVM_EXIT_INTR:
	case SVM_EXIT_NMI:
	case SVM_EXIT_SMI:
	case SVM_EXIT_INIT:
		break;
	case SVM_EXIT_VINTR:
		out->kind = HV_EXIT_IRQ_WINDOW;
		break;
	case SVM_EXIT_CR8_WRITE:
		out->kind = HV_EXIT_IRQ_WINDOW;
		d->action = SVM_ACT_CR8_WRITE;
		break;
	case SVM_EXIT_IRET:
		d->action = SVM_ACT_IRET;
		break;
	case SVM_EXIT_RDPMC: /* no counters: every index is out of range (APM 3 RDPMC) */
		d->action = SVM_ACT_REFLECT;
		d->vector = 13;
		d->has_error = true;
		break;
	case SVM_EXIT_IOIO:
		decode_io(in, out, d);
		break;
	case SVM_EXIT_MSR:
		decode_msr(in, out);
		break;
	case SVM_EXIT_NPF:
		decode_npf(in, out);
		break;
	case SVM_EXIT_TASK_SWITCH:
		invalid(out, "hardware task switches are not supported", in->code);
		break;
	case SVM_EXIT_FERR_FREEZE:
		invalid(out, "legacy FPU error reporting (CR0.NE clear) is not supported", in->code);
		break;
	case SVM_EXIT_SHUTDOWN:
		out->kind = HV_EXIT_SHUTDOWN;
		break;
	default:
		invalid(out, "an exit that was not asked for", in->code);
		break;
	}
}
