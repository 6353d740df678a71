/* SPDX-License-Identifier: Apache-2.0 */
/* The system registers of a guest that trap: one const table with name and policy; what is not in it is undefined, counted and logged at
 * a limited rate. Own CPU of the vCPU. Registers that a guest has for itself (MMU, exceptions, virtual timer, GIC interface) never
 * come here. */
#include <core/arith.h>
#include <core/log.h>
#include "arm.h"

struct sysreg_row {
	uint32_t first, last;
	const char *name;
	/* NULL: undefined. */
	uint64_t (*read)(struct vcpu *v, uint32_t encoding);
	void (*write)(struct vcpu *v, uint64_t value);
	bool slow; /* a write changes what an entry depends on */
};

static uint64_t shown[ARM_ID_REGS]; /* constant while guests run */
static uint64_t shown_revidr;

/* ---- policies shared by many ---- */
static uint64_t read_zero(struct vcpu *v, uint32_t encoding)
{
	(void)v, (void)encoding;
	return 0;
}

static void write_ignored(struct vcpu *v, uint64_t value)
{
	(void)v, (void)value;
}

/* ---- identity ---- */
static uint64_t read_id(struct vcpu *v, uint32_t encoding)
{
	(void)v;
	return shown[encoding - ARM_SYSREG(3, 0, 0, 1, 0)];
}

static uint64_t read_revidr(struct vcpu *v, uint32_t encoding)
{
	(void)v, (void)encoding;
	return shown_revidr;
}

/* ---- debug: the OS lock is the guest's own and holds nothing back; the channel to an external debugger has nobody at its end ---- */
#define OSLSR_OSLM 8ull /* implemented */
#define OSLSR_OSLK 2ull

static void write_oslar(struct vcpu *v, uint64_t value)
{
	arm_of(v)->st.oslock = value & 1;
}

static uint64_t read_oslsr(struct vcpu *v, uint32_t encoding)
{
	(void)encoding;
	return OSLSR_OSLM | (arm_of(v)->st.oslock ? OSLSR_OSLK : 0);
}

/* ---- interrupts ---- */
#define ICC_SRE_ALWAYS 7ull /* SRE; neither FIQ nor IRQ bypass */

static void write_sgi1r(struct vcpu *v, uint64_t value)
{
	arm_of(v)->give_way = vgic_send_sgi(v, value);
}

static void write_dir(struct vcpu *v, uint64_t value)
{
	hv_current->vcpu_settle(v);
	vgic_deactivate(v, value);
}

static uint64_t read_sre(struct vcpu *v, uint32_t encoding)
{
	(void)v, (void)encoding;
	return ICC_SRE_ALWAYS;
}

/* ---- the physical counter and timer ---- */
#define CTL_LEGAL 3ull /* ENABLE, IMASK */

static uint64_t read_cntpct(struct vcpu *v, uint32_t encoding)
{
	(void)encoding;
	return arm_counter(v);
}

static uint64_t read_cntp_ctl(struct vcpu *v, uint32_t encoding)
{
	(void)encoding;
	return ptimer_ctl(v);
}

static void write_cntp_ctl(struct vcpu *v, uint64_t value)
{
	arm_of(v)->st.cntp_ctl = value & CTL_LEGAL;
}

static uint64_t read_cntp_cval(struct vcpu *v, uint32_t encoding)
{
	(void)encoding;
	return arm_of(v)->st.cntp_cval;
}

static void write_cntp_cval(struct vcpu *v, uint64_t value)
{
	arm_of(v)->st.cntp_cval = value;
}

/* The 32-bit view: what is left until the compare value (DDI0487, CNTP_TVAL_EL0). */
static uint64_t read_cntp_tval(struct vcpu *v, uint32_t encoding)
{
	(void)encoding;
	return (uint32_t)(arm_of(v)->st.cntp_cval - arm_counter(v));
}

static void write_cntp_tval(struct vcpu *v, uint64_t value)
{
	arm_of(v)->st.cntp_cval = arm_counter(v) + (uint64_t)(int64_t)(int32_t)(uint32_t)value;
}

#define SGI1R ARM_SYSREG(3, 0, 12, 11, 5)
#define ROW(op0, op1, crn, crm, op2, name, rd, wr) \
	{ ARM_SYSREG(op0, op1, crn, crm, op2), ARM_SYSREG(op0, op1, crn, crm, op2), name, rd, wr, false }
#define ROW_SLOW(op0, op1, crn, crm, op2, name, rd, wr) \
	{ ARM_SYSREG(op0, op1, crn, crm, op2), ARM_SYSREG(op0, op1, crn, crm, op2), name, rd, wr, true }
/* In the order of encodings. */
static const struct sysreg_row rows[] = {
	ROW(2, 0, 0, 0, 2, "OSDTRRX_EL1", read_zero, write_ignored),
	ROW(2, 0, 0, 2, 0, "MDCCINT_EL1", read_zero, write_ignored),
	ROW(2, 0, 0, 3, 2, "OSDTRTX_EL1", read_zero, write_ignored),
	ROW(2, 0, 0, 6, 2, "OSECCR_EL1", read_zero, write_ignored),
	ROW(2, 0, 1, 0, 0, "MDRAR_EL1", read_zero, NULL),
	ROW(2, 0, 1, 0, 4, "OSLAR_EL1", NULL, write_oslar),
	ROW(2, 0, 1, 1, 4, "OSLSR_EL1", read_oslsr, NULL),
	ROW(2, 0, 1, 3, 4, "OSDLR_EL1", read_zero, write_ignored),
	ROW(2, 0, 1, 4, 4, "DBGPRCR_EL1", read_zero, write_ignored),
	ROW(2, 0, 7, 8, 6, "DBGCLAIMSET_EL1", read_zero, write_ignored),
	ROW(2, 0, 7, 9, 6, "DBGCLAIMCLR_EL1", read_zero, write_ignored),
	ROW(2, 0, 7, 14, 6, "DBGAUTHSTATUS_EL1", read_zero, NULL),
	ROW(2, 3, 0, 1, 0, "MDCCSR_EL0", read_zero, NULL),
	ROW(2, 3, 0, 4, 0, "DBGDTR_EL0", read_zero, write_ignored),
	ROW(2, 3, 0, 5, 0, "DBGDTRX_EL0", read_zero, write_ignored),
	ROW(3, 0, 0, 0, 6, "REVIDR_EL1", read_revidr, NULL),
	{ ARM_SYSREG(3, 0, 0, 1, 0), ARM_SYSREG(3, 0, 0, 7, 7), "ID", read_id, NULL, false },
	ROW(3, 0, 1, 0, 1, "ACTLR_EL1", read_zero, write_ignored),
	ROW_SLOW(3, 0, 12, 11, 1, "ICC_DIR_EL1", NULL, write_dir),
	/* Group 0 and the other security state: nobody has them. */
	ROW(3, 0, 12, 11, 6, "ICC_ASGI1R_EL1", NULL, write_ignored),
	ROW(3, 0, 12, 11, 7, "ICC_SGI0R_EL1", NULL, write_ignored),
	ROW(3, 0, 12, 12, 5, "ICC_SRE_EL1", read_sre, write_ignored),
	ROW(3, 1, 0, 0, 7, "AIDR_EL1", read_zero, NULL),
	ROW(3, 3, 14, 0, 1, "CNTPCT_EL0", read_cntpct, NULL),
	ROW_SLOW(3, 3, 14, 2, 0, "CNTP_TVAL_EL0", read_cntp_tval, write_cntp_tval),
	ROW_SLOW(3, 3, 14, 2, 1, "CNTP_CTL_EL0", read_cntp_ctl, write_cntp_ctl),
	ROW_SLOW(3, 3, 14, 2, 2, "CNTP_CVAL_EL0", read_cntp_cval, write_cntp_cval),
};

static const struct sysreg_row sgi1r = ROW(3, 0, 12, 11, 5, "ICC_SGI1R_EL1", NULL, write_sgi1r);

static const struct sysreg_row *find(uint32_t encoding)
{
	unsigned lo = 0, hi = ARRAY_LEN(rows);

	if (encoding == SGI1R) /* the one that a busy guest writes all the time */
		return &sgi1r;
	while (lo < hi) {
		unsigned mid = (lo + hi) / 2;

		if (encoding < rows[mid].first)
			hi = mid;
		else if (encoding > rows[mid].last)
			lo = mid + 1;
		else
			return &rows[mid];
	}
	return NULL;
}

const char *sysreg_name(uint32_t encoding)
{
	const struct sysreg_row *r = find(encoding);

	return r ? r->name : NULL;
}

static void unknown(struct vcpu *v, const struct hv_exit *e)
{
	const uint32_t s = e->sysreg.encoding;

	atomic_fetch_add_explicit(&v->vm->counters.unknown_msrs, 1, memory_order_relaxed);
	if (vm_log_allowed(v->vm))
		log_debug("vm", "%s: vcpu %u: %s of S%u_%u_C%u_C%u_%u refused", v->vm->name, v->index, e->sysreg.write ? "write" : "read",
			  s >> 14, s >> 11 & 7, s >> 7 & 15, s >> 3 & 15, s & 7);
}

void sysreg_exit(struct vcpu *v, struct hv_exit *e)
{
	const struct sysreg_row *r = find(e->sysreg.encoding);

	e->sysreg.fault = !r || !(e->sysreg.write ? (void *)r->write : (void *)r->read);
	e->quick = !e->sysreg.fault && !(e->sysreg.write && r->slow);
	if (e->sysreg.fault)
		unknown(v, e);
	else if (e->sysreg.write)
		r->write(v, e->sysreg.value);
	else
		e->sysreg.value = r->read(v, e->sysreg.encoding);
}

void sysreg_init(const struct arm_host *host)
{
	id_regs_offer(host, shown);
	shown_revidr = host->revidr;
}

void sysreg_reset(struct vcpu *v)
{
	struct arm_vcpu *a = arm_of(v);

	a->st = (struct arm_state){ .version = ARM_STATE_VERSION, .oslock = true };
	a->stolen_ns = 0;
}
