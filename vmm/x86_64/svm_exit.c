/* SPDX-License-Identifier: Apache-2.0 */
/* From SVM's exit values to struct hv_exit (APM 2 15.7-15.14, appendix C). Pure functions of the control area and the general registers, so
 * that recorded exits test them on the host. Must not touch a vCPU or guest memory. */
#include "svm.h"
#include <string.h>
#include <vmm/x86_64/decode.h>

/* Instruction intercepts: what stands at RIP, and what becomes of it. */
struct svm_insn_row {
	uint8_t kind;        /* enum hv_exit_kind */
	uint8_t len;
	uint32_t op;         /* opcode without prefixes, its first byte lowest */
};
#define ROW(code) [code - SVM_EXIT_CPUID]
static const struct svm_insn_row svm_insns[] = {
	ROW(SVM_EXIT_CPUID) = { HV_EXIT_CPUID, 2, 0xa20f },
	ROW(SVM_EXIT_HLT) = { HV_EXIT_IDLE, 1, 0xf4 },
	ROW(SVM_EXIT_PAUSE) = { HV_EXIT_PAUSE, 1, 0x90 },
	ROW(SVM_EXIT_VMMCALL) = { HV_EXIT_CALL, 3, 0xd9010f },
	ROW(SVM_EXIT_XSETBV) = { HV_EXIT_XSETBV, 3, 0xd1010f },
	/* Without meaning on a coherent machine. */
	ROW(SVM_EXIT_INVD) = { HV_EXIT_SYSREG, 2, 0x080f },
	ROW(SVM_EXIT_WBINVD) = { HV_EXIT_SYSREG, 2, 0x090f },
	/* Not offered by CPUID. */
	ROW(SVM_EXIT_RSM) = { HV_EXIT_UNDEFINED, 2, 0xaa0f },
	ROW(SVM_EXIT_INVLPGA) = { HV_EXIT_UNDEFINED, 3, 0xdf010f },
	ROW(SVM_EXIT_VMRUN) = { HV_EXIT_UNDEFINED, 3, 0xd8010f },
	ROW(SVM_EXIT_VMLOAD) = { HV_EXIT_UNDEFINED, 3, 0xda010f },
	ROW(SVM_EXIT_VMSAVE) = { HV_EXIT_UNDEFINED, 3, 0xdb010f },
	ROW(SVM_EXIT_STGI) = { HV_EXIT_UNDEFINED, 3, 0xdc010f },
	ROW(SVM_EXIT_CLGI) = { HV_EXIT_UNDEFINED, 3, 0xdd010f },
	ROW(SVM_EXIT_SKINIT) = { HV_EXIT_UNDEFINED, 3, 0xde010f },
	ROW(SVM_EXIT_MONITOR) = { HV_EXIT_UNDEFINED, 3, 0xc8010f },
	ROW(SVM_EXIT_MWAIT) = { HV_EXIT_UNDEFINED, 3, 0xc9010f },
	ROW(SVM_EXIT_MWAIT_COND) = { HV_EXIT_UNDEFINED, 3, 0xc9010f },
	ROW(SVM_EXIT_RDPRU) = { HV_EXIT_UNDEFINED, 3, 0xfd010f },
	ROW(SVM_EXIT_INVLPGB) = { HV_EXIT_UNDEFINED, 3, 0xfe010f },
	ROW(SVM_EXIT_INVLPGB_ILLEGAL) = { HV_EXIT_UNDEFINED, 3, 0xfe010f },
	ROW(SVM_EXIT_MCOMMIT) = { HV_EXIT_UNDEFINED, 3, 0xfa010f },
	ROW(SVM_EXIT_TLBSYNC) = { HV_EXIT_UNDEFINED, 3, 0xff010f },
};

static const struct svm_insn_row *insn_row(uint64_t code)
{
	uint64_t i = code - SVM_EXIT_CPUID;

	return i < sizeof(svm_insns) / sizeof(svm_insns[0]) && svm_insns[i].len ? &svm_insns[i] : NULL;
}

static const struct svm_insn_row *insn_of(uint64_t code, uint64_t info1)
{
	static const struct svm_insn_row msrs[] = { { .len = 2, .op = 0x320f }, { .len = 2, .op = 0x300f } }; /* RDMSR, WRMSR */

	return code == SVM_EXIT_MSR ? &msrs[info1 & 1] : insn_row(code);
}

static inline bool is_op(const struct svm_insn_row *row, uint32_t there)
{
	return ((there ^ row->op) & (0xffffffu >> (24 - 8 * row->len))) == 0;
}

unsigned svm_exit_bare_len(uint64_t code, uint64_t info1, uint32_t first)
{
	const struct svm_insn_row *row = insn_of(code, info1);

	return row && is_op(row, first) ? row->len : 0; /* no opcode begins like a prefix */
}

static bool stands_at(const struct svm_insn_row *row, const uint8_t *b, unsigned n)
{
	uint32_t there = 0;

	for (unsigned i = 0; i < n && i < row->len; i++)
		there |= (uint32_t)b[i] << (8 * i);
	return n >= row->len && is_op(row, there);
}

unsigned svm_exit_insn_len(uint64_t code, uint64_t info1, const uint8_t *bytes, unsigned n, bool long_mode)
{
	const struct svm_insn_row *row = insn_of(code, info1);
	struct x86_prefixes p;

	if (!row)
		return 0;
	decode_prefixes(bytes, n, long_mode, &p);
	return stands_at(row, bytes + p.len, n - p.len) ? p.len + row->len : 0;
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

static uint64_t edx_eax(const uint64_t *gpr)
{
	return gpr[REG_RDX] << 32 | (uint32_t)gpr[REG_RAX];
}

static void decode_io(const struct vmcb_control *c, const uint64_t *gpr, struct hv_exit *out, struct svm_decoded *d)
{
	uint32_t i = (uint32_t)c->exit_info1;

	out->kind = HV_EXIT_PIO;
	out->pio.port = (uint16_t)(i >> 16);
	out->pio.size = SVM_IO_SIZE(i) & 1 ? 1 : SVM_IO_SIZE(i) & 2 ? 2 : 4;
	out->pio.write = !(i & SVM_IO_IN);
	out->pio.string = i & SVM_IO_STR;
	out->pio.rep = i & SVM_IO_REP;
	out->pio.value = out->pio.write && !out->pio.string ? gpr[REG_RAX] & (0xffffffffull >> (32 - 8 * out->pio.size)) : 0;
	d->next_rip = c->exit_info2;
}

/* The instruction's bytes: a CPU without decode assists leaves their number 0, as it is from the start. */
static void decode_npf(const struct vmcb_control *c, struct hv_exit *out)
{
	out->kind = HV_EXIT_STAGE2;
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
	out->kind = c->exit_info1 & 1 ? HV_EXIT_WRMSR : HV_EXIT_RDMSR;
	out->msr.index = (uint32_t)gpr[REG_RCX];
	out->msr.value = c->exit_info1 & 1 ? edx_eax(gpr) : 0;
	out->msr.fault = false;
}

static void decode_exception(uint64_t code, struct svm_decoded *d)
{
	d->vector = (uint8_t)(code - SVM_EXIT_EXC);
	d->action = d->vector == 18 ? SVM_ACT_MACHINE_CHECK : SVM_ACT_REFLECT;
	d->has_error = d->vector == 17;
}

static void invalid(struct hv_exit *out, const char *text, uint64_t code)
{
	out->kind = HV_EXIT_INVALID;
	out->invalid.text = text;
	out->invalid.code = code;
}

static void decode_ranges(uint64_t code, struct hv_exit *out, struct svm_decoded *d)
{
	if (code >= SVM_EXIT_DR_READ && code <= SVM_EXIT_DR_LAST) {
		d->action = SVM_ACT_DR;
	} else if (code >= SVM_EXIT_EXC && code <= SVM_EXIT_EXC_LAST) {
		decode_exception(code, d);
	} else if ((uint32_t)code == SVM_EXIT_INVALID || (uint32_t)code == SVM_EXIT_BUSY) {
		d->action = SVM_ACT_ENTRY_FAILED;
		invalid(out, "invalid guest state", code);
	} else {
		invalid(out, "an exit that was not asked for", code);
	}
}

/* Intercepts of instructions without operands of their own. */
static void decode_plain(uint64_t code, const uint64_t *gpr, const struct svm_insn_row *row, struct hv_exit *out, struct svm_decoded *d)
{
	out->kind = row->kind;
	switch (code) {
	case SVM_EXIT_CPUID:
		out->cpuid.leaf = (uint32_t)gpr[REG_RAX];
		out->cpuid.subleaf = (uint32_t)gpr[REG_RCX];
		break;
	case SVM_EXIT_VMMCALL: /* KVM's convention: number in RAX, arguments in RBX, RCX, RDX, RSI */
		out->call.nr = gpr[REG_RAX];
		out->call.args[0] = gpr[REG_RBX];
		out->call.args[1] = gpr[REG_RCX];
		out->call.args[2] = gpr[REG_RDX];
		out->call.args[3] = gpr[REG_RSI];
		break;
	case SVM_EXIT_XSETBV:
		out->xsetbv.index = (uint32_t)gpr[REG_RCX];
		out->xsetbv.value = edx_eax(gpr);
		out->xsetbv.fault = false;
		break;
	case SVM_EXIT_INVD:
	case SVM_EXIT_WBINVD:
		d->action = SVM_ACT_SKIP;
		break;
	default:
		break;
	}
}

void svm_exit_decode(const struct vmcb_control *c, const uint64_t *gpr, struct hv_exit *out, struct svm_decoded *d)
{
	const uint64_t code = c->exit_code;
	const struct svm_insn_row *row = insn_row(code);

	*d = (struct svm_decoded){ .action = SVM_ACT_EXIT };
	out->kind = HV_EXIT_HOST;
	out->undelivered = 0;
	out->quick = false;
	if (row) {
		decode_plain(code, gpr, row, out, d);
		return;
	}
	switch (code) {
	case SVM_EXIT_INTR:
	case SVM_EXIT_NMI:
	case SVM_EXIT_SMI:
	case SVM_EXIT_INIT:
		break;
	case SVM_EXIT_VINTR:
		out->kind = HV_EXIT_IRQ_WINDOW;
		break;
	case SVM_EXIT_CR4_WRITE:
		out->kind = HV_EXIT_SYSREG;
		d->action = SVM_ACT_CR_WRITE;
		break;
	case SVM_EXIT_CR8_WRITE:
		out->kind = HV_EXIT_IRQ_WINDOW;
		d->action = SVM_ACT_CR_WRITE;
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
		decode_io(c, gpr, out, d);
		break;
	case SVM_EXIT_MSR:
		decode_msr(c, gpr, out);
		break;
	case SVM_EXIT_NPF:
		decode_npf(c, out);
		break;
	case SVM_EXIT_TASK_SWITCH:
		invalid(out, "hardware task switches are not supported", code);
		break;
	case SVM_EXIT_FERR_FREEZE:
		invalid(out, "legacy FPU error reporting (CR0.NE clear) is not supported", code);
		break;
	case SVM_EXIT_SHUTDOWN:
		out->kind = HV_EXIT_SHUTDOWN;
		break;
	default:
		decode_ranges(code, out, d);
		break;
	}
}
