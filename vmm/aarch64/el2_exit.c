/* SPDX-License-Identifier: Apache-2.0 */
/* From a syndrome of EL2 to struct hv_exit (DDI0487, ESR_EL2 and its ISS encodings). Pure functions of register values, so that recorded
 * exits test them on the host. Must not touch a vCPU or guest memory. */
#include "el2.h"
#include <string.h>
#include "inject.h"

enum {
	EC_UNKNOWN = 0x00, EC_WFX = 0x01, EC_FP = 0x07, EC_PAUTH = 0x09, EC_LS64 = 0x0a, EC_HVC = 0x16, EC_SMC = 0x17, EC_SYSREG = 0x18,
	EC_SVE = 0x19, EC_ERET = 0x1a, EC_SME = 0x1d, EC_IABORT = 0x20, EC_DABORT = 0x24,
};
#define ISS(esr) ((esr) & 0x1ffffffull)
#define STEP(esr) ((esr) & ESR_IL ? 4 : 2)

/* WFI and WFE; the forms with a time-out are not offered. */
#define WFX_TI(esr) ((esr) & 3)
#define WFX_WFI 0
#define WFX_WFE 1

/* Aborts */
#define ABORT_ISV (1ull << 24)
#define ABORT_SIZE(esr) (1u << ((esr) >> 22 & 3))
#define ABORT_SSE (1ull << 21)
#define ABORT_RT(esr) ((unsigned)((esr) >> 16 & 0x1f))
#define ABORT_SF (1ull << 15)
#define ABORT_CM (1ull << 8)
#define ABORT_S1PTW (1ull << 7)
#define ABORT_WNR (1ull << 6)
#define FSC(esr) ((unsigned)(esr) & 0x3f)
#define FSC_KIND(esr) (FSC(esr) & 0x3c)
enum { FSC_ADDRESS_SIZE = 0x00, FSC_TRANSLATION = 0x04, FSC_ACCESS = 0x08, FSC_PERMISSION = 0x0c, FSC_TLB_CONFLICT = 0x30 };

#define HPFAR_FIPA(h) (((h) >> 4 & 0xfffffffffull) << 12) /* 48 bits of address */
#define PAGE_OFFSET 0xfffull

/* MSR, MRS and system instructions: the ISS holds the encoding in pieces. */
#define SYS_READ(esr) ((esr) & 1)
#define SYS_RT(esr) ((unsigned)((esr) >> 5 & 0x1f))

static uint32_t sys_encoding(uint64_t esr)
{
	return ARM_SYSREG((unsigned)(esr >> 20) & 3, (unsigned)(esr >> 14) & 7, (unsigned)(esr >> 10) & 15, (unsigned)(esr >> 1) & 15,
			  (unsigned)(esr >> 17) & 7);
}

static void invalid(struct hv_exit *out, const char *text, uint64_t code)
{
	out->kind = HV_EXIT_INVALID;
	out->invalid.text = text;
	out->invalid.code = code;
}

bool el2_exit_is_fp(uint64_t esr)
{
	return ESR_EC(esr) == EC_FP;
}

/* Breakpoint, watchpoint and monitor debug registers: op0 2, op1 0, CRn 0. What MDCR_EL2.TDA alone traps; the claim tags and the OS lock
 * are elsewhere. */
bool el2_exit_is_debug(uint64_t esr)
{
	uint32_t e;

	if (ESR_EC(esr) != EC_SYSREG || (esr >> 20 & 3) != 2)
		return false;
	e = sys_encoding(esr);
	if (e == ARM_SYSREG(2, 0, 0, 2, 2)) /* MDSCR_EL1 */
		return true;
	return (e & ~ARM_SYSREG(0, 0, 0, 15, 7)) == ARM_SYSREG(2, 0, 0, 0, 0) && (e & 7) >= 4;
}

static void decode_wfx(const struct el2_exit_in *in, struct hv_exit *out)
{
	switch (WFX_TI(in->s.esr)) {
	case WFX_WFI:
		out->kind = HV_EXIT_IDLE;
		break;
	case WFX_WFE:
		out->kind = HV_EXIT_PAUSE;
		break;
	default:
		out->kind = HV_EXIT_UNDEFINED;
		break;
	}
}

/* SMC Calling Convention (DEN0028): function in W0, arguments from X1, and an immediate of zero. */
static void decode_call(const struct el2_exit_in *in, struct hv_exit *out, struct el2_decoded *d)
{
	out->kind = HV_EXIT_CALL;
	out->call.nr = in->s.esr & 0xffff ? UINT64_MAX : in->regs->x[0] & UINT32_MAX;
	for (unsigned i = 0; i < 4; i++)
		out->call.args[i] = in->regs->x[1 + i];
	out->call.result = 0;
	if (ESR_EC(in->s.esr) == EC_HVC)
		d->step = 0; /* PC is after it already */
}

static void decode_sysreg(const struct el2_exit_in *in, struct hv_exit *out)
{
	out->kind = HV_EXIT_SYSREG;
	out->sysreg.encoding = sys_encoding(in->s.esr);
	out->sysreg.rt = (uint8_t)SYS_RT(in->s.esr);
	out->sysreg.write = !SYS_READ(in->s.esr);
	out->sysreg.value = out->sysreg.write ? regs_x(in->regs, out->sysreg.rt) : 0;
	out->sysreg.fault = false;
}

static void decode_abort(const struct el2_exit_in *in, bool fetch, struct hv_exit *out, struct el2_decoded *d)
{
	const uint64_t esr = in->s.esr;

	out->kind = HV_EXIT_STAGE2;
	out->stage2.delivery = false;
	out->stage2.insn_len = 0;
	out->stage2.walk = esr & ABORT_S1PTW;
	if (fetch && !out->stage2.walk)
		out->stage2.access = GMEM_X;
	else
		out->stage2.access = !fetch && (esr & ABORT_WNR) && !(esr & ABORT_CM) ? GMEM_W : GMEM_R;
	switch (FSC_KIND(esr)) {
	case FSC_PERMISSION:
		/* Only for the address of a walk does HPFAR_EL2 hold something then. */
		if (!out->stage2.walk) {
			out->stage2.addr = GPA(ARM_GPA_UNKNOWN);
			break;
		}
		__attribute__((fallthrough));
	case FSC_ADDRESS_SIZE:
	case FSC_TRANSLATION:
	case FSC_ACCESS:
		/* FAR_EL2 is what the program used, not what the walk reads. */
		out->stage2.addr = GPA(HPFAR_FIPA(in->s.hpfar) | (out->stage2.walk ? 0 : in->s.far & PAGE_OFFSET));
		break;
	default:
		out->kind = HV_EXIT_HOST;
		d->action = FSC(esr) == FSC_TLB_CONFLICT ? EL2_ACT_TLB : EL2_ACT_ABORT;
		break;
	}
}

static void decode_sync(const struct el2_exit_in *in, struct hv_exit *out, struct el2_decoded *d)
{
	d->step = STEP(in->s.esr);
	switch (ESR_EC(in->s.esr)) {
	case EC_WFX:
		decode_wfx(in, out);
		break;
	case EC_HVC:
	case EC_SMC:
		decode_call(in, out, d);
		break;
	case EC_SYSREG:
		decode_sysreg(in, out);
		break;
	case EC_IABORT:
	case EC_DABORT:
		decode_abort(in, ESR_EC(in->s.esr) == EC_IABORT, out, d);
		break;
	/* Not offered by the ID registers. */
	case EC_UNKNOWN:
	case EC_FP:
	case EC_PAUTH:
	case EC_LS64:
	case EC_SVE:
	case EC_ERET:
	case EC_SME:
		out->kind = HV_EXIT_UNDEFINED;
		break;
	default:
		invalid(out, "an exit that was not asked for", in->s.esr);
		break;
	}
}

void el2_exit_decode(const struct el2_exit_in *in, struct hv_exit *out, struct el2_decoded *d)
{
	out->kind = HV_EXIT_HOST; /* a kind fills in what is its own */
	out->undelivered = 0;
	out->quick = false;
	*d = (struct el2_decoded){ .action = EL2_ACT_EXIT };
	if (in->code & HW_EXIT_AARCH32) {
		/* No ID register offers it, and a program below EL1 cannot get there by itself. */
		invalid(out, "the guest's kernel has started AArch32 code, which is not offered", in->s.esr);
		return;
	}
	switch (in->code) {
	case HW_EXIT_SYNC:
		decode_sync(in, out, d);
		break;
	case HW_EXIT_SERROR:
		/* Some machines answer odd accesses of a guest to its own memory so: it costs the guest, not the node. */
		invalid(out, "the machine reported an asynchronous error (SError) while the guest ran", in->s.esr);
		break;
	default: /* interrupts stay pending for the loop */
		break;
	}
}

/* One that reaches into the next page is not known by its syndrome alone. */
enum arm_access el2_exit_access(uint64_t esr, const struct arch_regs *regs, struct hv_exit *e)
{
	const struct gpa addr = e->stage2.addr;

	if (ESR_EC(esr) != EC_DABORT)
		return ACCESS_UNKNOWN;
	if (esr & ABORT_CM)
		return ACCESS_NONE;
	if (!(esr & ABORT_ISV) || (esr & ABORT_S1PTW) || (addr.v & PAGE_OFFSET) + ABORT_SIZE(esr) > PAGE_OFFSET + 1)
		return ACCESS_UNKNOWN;
	e->kind = HV_EXIT_MMIO;
	e->mmio.addr = addr;
	e->mmio.size = (uint8_t)ABORT_SIZE(esr);
	e->mmio.write = esr & ABORT_WNR;
	e->mmio.sign_extend = esr & ABORT_SSE;
	e->mmio.reg = (uint8_t)ABORT_RT(esr);
	e->mmio.reg_size = esr & ABORT_SF ? 8 : 4;
	e->mmio.insn_len = (uint8_t)STEP(esr);
	e->mmio.value = e->mmio.write ? regs_x(regs, e->mmio.reg) : 0;
	return ACCESS_MMIO;
}
