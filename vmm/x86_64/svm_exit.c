/* SPDX-License-Identifier: Apache-2.0 */
/* From SVM's exit values to struct hv_exit (APM 2 15.7-15.14, appendix C). Pure functions of the control area and the general registers, so
 * that recorded exits test them on the host. Must not touch a vCPU or guest memory. */
#include "svm.h"
#include <core/arith.h>
#include <string.h>

/* Where the rest of an exit's values is to be found. */
enum values {
	NOT_ASKED, /* none of the exits that vmcb_init asks for */
	NONE, OF_CPUID, OF_CALL, OF_XSETBV, OF_IO, OF_MSR, OF_NPF, OF_EXCEPTION, OF_RDPMC, OF_TASK_SWITCH, OF_FERR, OF_ENTRY,
};
struct svm_exit_row {
	uint8_t kind;   /* enum hv_exit_kind */
	uint8_t action; /* enum svm_action */
	uint8_t values;
};
#define UNDEFINED { HV_EXIT_UNDEFINED, SVM_ACT_EXIT, NONE } /* not offered by CPUID */
static const struct svm_exit_row svm_exits[] = {
	[SVM_EXIT_CR4_WRITE] = { HV_EXIT_SYSREG, SVM_ACT_CR_WRITE, NONE },
	[SVM_EXIT_CR8_WRITE] = { HV_EXIT_IRQ_WINDOW, SVM_ACT_CR_WRITE, NONE },
	[SVM_EXIT_DR_READ ... SVM_EXIT_DR_LAST] = { HV_EXIT_HOST, SVM_ACT_DR, NONE },
	[SVM_EXIT_EXC ... SVM_EXIT_EXC_LAST] = { HV_EXIT_HOST, SVM_ACT_REFLECT, OF_EXCEPTION },
	[SVM_EXIT_INTR] = { HV_EXIT_HOST, SVM_ACT_EXIT, NONE },
	[SVM_EXIT_NMI] = { HV_EXIT_HOST, SVM_ACT_EXIT, NONE },
	[SVM_EXIT_SMI] = { HV_EXIT_HOST, SVM_ACT_EXIT, NONE },
	[SVM_EXIT_INIT] = { HV_EXIT_HOST, SVM_ACT_EXIT, NONE },
	[SVM_EXIT_VINTR] = { HV_EXIT_IRQ_WINDOW, SVM_ACT_EXIT, NONE },
	[SVM_EXIT_RDPMC] = { HV_EXIT_HOST, SVM_ACT_REFLECT, OF_RDPMC },
	[SVM_EXIT_CPUID] = { HV_EXIT_CPUID, SVM_ACT_EXIT, OF_CPUID },
	[SVM_EXIT_RSM] = UNDEFINED,
	[SVM_EXIT_IRET] = { HV_EXIT_HOST, SVM_ACT_IRET, NONE },
	/* Without meaning on a coherent machine. */
	[SVM_EXIT_INVD] = { HV_EXIT_SYSREG, SVM_ACT_SKIP, NONE },
	[SVM_EXIT_WBINVD] = { HV_EXIT_SYSREG, SVM_ACT_SKIP, NONE },
	[SVM_EXIT_PAUSE] = { HV_EXIT_PAUSE, SVM_ACT_EXIT, NONE },
	[SVM_EXIT_HLT] = { HV_EXIT_IDLE, SVM_ACT_EXIT, NONE },
	[SVM_EXIT_INVLPGA] = UNDEFINED,
	[SVM_EXIT_IOIO] = { HV_EXIT_PIO, SVM_ACT_EXIT, OF_IO },
	[SVM_EXIT_MSR] = { HV_EXIT_RDMSR, SVM_ACT_EXIT, OF_MSR },
	[SVM_EXIT_TASK_SWITCH] = { HV_EXIT_INVALID, SVM_ACT_EXIT, OF_TASK_SWITCH },
	[SVM_EXIT_FERR_FREEZE] = { HV_EXIT_INVALID, SVM_ACT_EXIT, OF_FERR },
	[SVM_EXIT_SHUTDOWN] = { HV_EXIT_SHUTDOWN, SVM_ACT_EXIT, NONE },
	[SVM_EXIT_VMRUN] = UNDEFINED,
	[SVM_EXIT_VMMCALL] = { HV_EXIT_CALL, SVM_ACT_EXIT, OF_CALL },
	[SVM_EXIT_VMLOAD] = UNDEFINED,
	[SVM_EXIT_VMSAVE] = UNDEFINED,
	[SVM_EXIT_STGI] = UNDEFINED,
	[SVM_EXIT_CLGI] = UNDEFINED,
	[SVM_EXIT_SKINIT] = UNDEFINED,
	[SVM_EXIT_MONITOR] = UNDEFINED,
	[SVM_EXIT_MWAIT] = UNDEFINED,
	[SVM_EXIT_MWAIT_COND] = UNDEFINED,
	[SVM_EXIT_XSETBV] = { HV_EXIT_XSETBV, SVM_ACT_EXIT, OF_XSETBV },
	[SVM_EXIT_RDPRU] = UNDEFINED,
	[SVM_EXIT_INVLPGB] = UNDEFINED,
	[SVM_EXIT_INVLPGB_ILLEGAL] = UNDEFINED,
	[SVM_EXIT_MCOMMIT] = UNDEFINED,
	[SVM_EXIT_TLBSYNC] = UNDEFINED,
};

/* Codes beyond those that count up. */
static const struct svm_exit_row *far_row(uint64_t code)
{
	static const struct svm_exit_row npf = { HV_EXIT_STAGE2, SVM_ACT_EXIT, OF_NPF }, not_asked = { HV_EXIT_INVALID, SVM_ACT_EXIT, NOT_ASKED },
					 refused = { HV_EXIT_INVALID, SVM_ACT_ENTRY_FAILED, OF_ENTRY };

	if (code == SVM_EXIT_NPF)
		return &npf;
	return (uint32_t)code == SVM_EXIT_INVALID || (uint32_t)code == SVM_EXIT_BUSY ? &refused : &not_asked; /* TCG writes 32 bits of it */
}

struct svm_undone svm_exit_events(uint64_t int_info, uint64_t int_ctl)
{
	uint8_t vector = int_info & GUEST_EVENT_VECTOR;
	struct svm_undone u = { .vector = int_ctl & SVM_V_IRQ ? (uint8_t)(int_ctl >> SVM_V_VECTOR_SHIFT) : 0 };

	if (!(int_info & GUEST_EVENT_VALID))
		return u;
	switch (GUEST_EVENT_TYPE(int_info)) {
	case GUEST_EVENT_INTR:
		u.vector = vector;
		break;
	case GUEST_EVENT_NMI:
		u.again = int_info & (GUEST_EVENT_VALID | 0x7ff);
		break;
	case GUEST_EVENT_EXC:
		/* TCG calls an interrupt in delivery an exception with a vector that no exception has. */
		if (vector > 31)
			u.vector = vector;
		else if (vector != 3 && vector != 4) /* INT3, INTO: run again, as RIP still points there */
			u.again = int_info & (0xffffffffull << 32 | GUEST_EVENT_VALID | 0xfff);
		break;
	default: /* INT n: runs again */
		break;
	}
	return u;
}

static uint64_t edx_eax(const uint64_t *gpr)
{
	return gpr[REG_RDX] << 32 | (uint32_t)gpr[REG_RAX];
}

static void decode_io(const struct vmcb_control *c, const uint64_t *gpr, struct hv_exit *out, struct svm_decoded *d)
{
	/* By the bits SZ8, SZ16, SZ32, of which one is set. */
	static const struct { uint32_t size, mask; } sizes[8] = {
		{ 4, 0xffffffff }, { 1, 0xff }, { 2, 0xffff }, { 4, 0xffffffff }, { 4, 0xffffffff }, { 4, 0xffffffff }, { 4, 0xffffffff }, { 4, 0xffffffff },
	};
	uint32_t i = (uint32_t)c->exit_info1;

	out->pio.port = (uint16_t)(i >> 16);
	out->pio.size = (uint8_t)sizes[SVM_IO_SIZE(i)].size;
	out->pio.write = !(i & SVM_IO_IN);
	out->pio.string = out->pio.rep = false;
	if (i & (SVM_IO_STR | SVM_IO_REP)) {
		out->pio.string = i & SVM_IO_STR;
		out->pio.rep = i & SVM_IO_REP;
	}
	out->pio.value = i & (SVM_IO_IN | SVM_IO_STR) ? 0 : gpr[REG_RAX] & sizes[SVM_IO_SIZE(i)].mask;
	d->next_rip = c->exit_info2;
}

/* The instruction's bytes: a CPU without decode assists leaves their number 0, as it is from the start. */
static void decode_npf(const struct vmcb_control *c, struct hv_exit *out)
{
	out->stage2.addr = GPA(c->exit_info2);
	out->stage2.access = c->exit_info1 & SVM_NPF_FETCH ? GMEM_X : c->exit_info1 & SVM_NPF_W ? GMEM_W : GMEM_R;
	out->stage2.walk = c->exit_info1 & SVM_NPF_WALK;
	out->stage2.delivery = c->exit_int_info & GUEST_EVENT_VALID;
	out->stage2.insn_len = c->insn_len & 0xf;
	if (out->stage2.insn_len)
		memcpy(out->stage2.insn, c->insn, sizeof(out->stage2.insn));
}

static void decode_msr(const struct vmcb_control *c, const uint64_t *gpr, struct hv_exit *out)
{
	bool write = c->exit_info1 & 1;

	out->kind = write ? HV_EXIT_WRMSR : HV_EXIT_RDMSR;
	out->msr.index = (uint32_t)gpr[REG_RCX];
	out->msr.value = write ? edx_eax(gpr) : 0;
	out->msr.fault = false;
}

/* KVM's convention: number in RAX, arguments in RBX, RCX, RDX, RSI. */
static void decode_call(const uint64_t *gpr, struct hv_exit *out)
{
	out->call.nr = gpr[REG_RAX];
	out->call.args[0] = gpr[REG_RBX];
	out->call.args[1] = gpr[REG_RCX];
	out->call.args[2] = gpr[REG_RDX];
	out->call.args[3] = gpr[REG_RSI];
}

static void decode_exception(uint64_t code, struct svm_decoded *d)
{
	d->vector = (uint8_t)(code - SVM_EXIT_EXC);
	d->has_error = d->vector == 17;
	if (d->vector == 18)
		d->action = SVM_ACT_MACHINE_CHECK;
}

static void invalid(struct hv_exit *out, const char *text, uint64_t code)
{
	out->kind = HV_EXIT_INVALID;
	out->invalid.text = text;
	out->invalid.code = code;
}

void svm_exit_decode(const struct vmcb_control *c, const uint64_t *gpr, struct hv_exit *out, struct svm_decoded *d)
{
	const uint64_t code = c->exit_code;
	const struct svm_exit_row *row = code < ARRAY_LEN(svm_exits) ? &svm_exits[code] : far_row(code);

	*d = (struct svm_decoded){ .action = row->action };
	out->kind = row->kind;
	out->undelivered = 0;
	out->quick = false;
	switch ((enum values)row->values) {
	case NONE:
		break;
	case OF_CPUID:
		out->cpuid.leaf = (uint32_t)gpr[REG_RAX];
		out->cpuid.subleaf = (uint32_t)gpr[REG_RCX];
		break;
	case OF_CALL:
		decode_call(gpr, out);
		break;
	case OF_XSETBV:
		out->xsetbv.index = (uint32_t)gpr[REG_RCX];
		out->xsetbv.value = edx_eax(gpr);
		out->xsetbv.fault = false;
		break;
	case OF_IO:
		decode_io(c, gpr, out, d);
		break;
	case OF_MSR:
		decode_msr(c, gpr, out);
		break;
	case OF_NPF:
		decode_npf(c, out);
		break;
	case OF_EXCEPTION:
		decode_exception(code, d);
		break;
	case OF_RDPMC: /* no counters: every index is out of range (APM 3 RDPMC) */
		d->vector = 13;
		d->has_error = true;
		break;
	case OF_TASK_SWITCH:
		invalid(out, "hardware task switches are not supported", code);
		break;
	case OF_FERR:
		invalid(out, "legacy FPU error reporting (CR0.NE clear) is not supported", code);
		break;
	case OF_ENTRY:
		invalid(out, "invalid guest state", code);
		break;
	case NOT_ASKED:
		invalid(out, "an exit that was not asked for", code);
		break;
	}
}
