/* SPDX-License-Identifier: Apache-2.0 */
/* What guests ask of their firmware, by HVC or SMC alike (DEN0028 SMC Calling Convention 1.1): PSCI 1.1 (DEN0022) and stolen time. One const
 * table by function. On the caller's CPU, but for vpsci_prepare, which carries a CPU_ON out on the target's. */
#include <core/aarch64/el2.h>
#include <core/arith.h>
#include "arm.h"

#define PSCI_VERSION_1_1 0x10001
#define SMCCC_VERSION_1_1 0x10001
#define SMCCC_64 0x40000000u
#define NO_TRUSTED_OS 2

enum { SUCCESS = 0, NOT_SUPPORTED = -1, INVALID_PARAMETERS = -2, ALREADY_ON = -4, PENDING = -5, INVALID_ADDRESS = -9 };

#define MPIDR_AFFINITY 0xff00ffffffull

/* By an affinity as MPIDR_EL1 has it; NULL: there is no such vCPU. */
static struct vcpu *target_of(struct vm *vm, uint64_t affinity)
{
	for (unsigned i = 0; i < vm->nvcpus; i++)
		if (affinity == VIRT_AFFINITY(i))
			return &vm->vcpus[i];
	return NULL;
}

static int64_t psci_version(struct vcpu *v, struct hv_exit *e)
{
	(void)v, (void)e;
	return PSCI_VERSION_1_1;
}

/* Every state is entered as standby, which DEN0022 5.4.3 allows: the vCPU waits for an interrupt and goes on behind the call. */
static int64_t cpu_suspend(struct vcpu *v, struct hv_exit *e)
{
	(void)e;
	v->idle = true;
	return SUCCESS;
}

static int64_t cpu_off(struct vcpu *v, struct hv_exit *e)
{
	(void)e;
	atomic_store(&arm_of(v)->power, POWER_OFF);
	return SUCCESS; /* never seen: it goes on at CPU_ON's address */
}

static int64_t cpu_on(struct vcpu *v, struct hv_exit *e)
{
	struct vcpu *t = target_of(v->vm, e->call.args[0]);
	struct arm_vcpu *a;
	int64_t result = SUCCESS;

	if (!t)
		return INVALID_PARAMETERS;
	if (!gmem_is_ram(v->vm->mem, GPA(e->call.args[1]), 4))
		return INVALID_ADDRESS;
	a = arm_of(t);
	spin_lock(&v->vm->lock); /* two may want the same one */
	switch (atomic_load(&a->power)) {
	case POWER_OFF:
		a->on_entry = e->call.args[1];
		a->on_context = e->call.args[2];
		atomic_store(&a->power, POWER_ON_PENDING);
		break;
	case POWER_ON:
		result = ALREADY_ON;
		break;
	default:
		result = PENDING;
		break;
	}
	spin_unlock(&v->vm->lock);
	if (result == SUCCESS)
		vcpu_kick(t);
	return result;
}

static int64_t affinity_info(struct vcpu *v, struct hv_exit *e)
{
	struct vcpu *t = target_of(v->vm, e->call.args[0]);

	if (!t || e->call.args[1] != 0) /* levels above 0 need not be there (DEN0022 5.7.1) */
		return INVALID_PARAMETERS;
	return atomic_load(&arm_of(t)->power);
}

static int64_t migrate_info_type(struct vcpu *v, struct hv_exit *e)
{
	(void)v, (void)e;
	return NO_TRUSTED_OS;
}

/* The next two do not return to the guest: the VM parks first. */
static int64_t system_off(struct vcpu *v, struct hv_exit *e)
{
	(void)e;
	vm_guest_poweroff(v->vm);
	return SUCCESS;
}

static int64_t system_reset(struct vcpu *v, struct hv_exit *e)
{
	(void)e;
	vm_guest_reset(v->vm);
	return SUCCESS;
}

static int64_t system_reset2(struct vcpu *v, struct hv_exit *e)
{
	if (e->call.args[0] != 0) /* 0: warm reset. With bit 31 vendors' own kinds, of which there is none */
		return e->call.args[0] & 0x80000000u ? NOT_SUPPORTED : INVALID_PARAMETERS;
	return system_reset(v, e);
}

static int64_t psci_features(struct vcpu *v, struct hv_exit *e);
static int64_t smccc_features(struct vcpu *v, struct hv_exit *e);

static int64_t smccc_version(struct vcpu *v, struct hv_exit *e)
{
	(void)v, (void)e;
	return SMCCC_VERSION_1_1;
}

static int64_t forget_branches(struct vcpu *v, struct hv_exit *e)
{
	(void)v, (void)e;
	el2_forget_branches();
	return SUCCESS;
}

static int64_t pv_time_features(struct vcpu *v, struct hv_exit *e)
{
	(void)v;
	return pvtime_offers((uint32_t)e->call.args[0]) ? SUCCESS : NOT_SUPPORTED;
}

static int64_t pv_time_st(struct vcpu *v, struct hv_exit *e)
{
	(void)e;
	return (int64_t)pvtime_record(v);
}

enum {
	BY_32 = 1, BY_64 = 2, PSCI = 4, ARCH = 8,
	HOST = 16,  /* where the host's own firmware offers it */
	QUICK = 32, /* changes nothing that an entry depends on */
};
struct call_row { uint32_t function; /* without SMCCC_64 */ uint8_t flags; int64_t (*call)(struct vcpu *v, struct hv_exit *e); };
static const struct call_row rows[] = {
	{ 0x80000000, BY_32 | PSCI | ARCH | QUICK, smccc_version },
	{ 0x80000001, BY_32 | ARCH | QUICK, smccc_features },
	{ 0x80008000, BY_32 | ARCH | HOST | QUICK, forget_branches }, /* SMCCC_ARCH_WORKAROUND_1 */
	{ 0x84000000, BY_32 | PSCI | QUICK, psci_version },
	{ 0x84000001, BY_32 | BY_64 | PSCI, cpu_suspend },
	{ 0x84000002, BY_32 | PSCI, cpu_off },
	{ 0x84000003, BY_32 | BY_64 | PSCI, cpu_on },
	{ 0x84000004, BY_32 | BY_64 | PSCI | QUICK, affinity_info },
	{ 0x84000006, BY_32 | PSCI | QUICK, migrate_info_type },
	{ 0x84000008, BY_32 | PSCI, system_off },
	{ 0x84000009, BY_32 | PSCI, system_reset },
	{ 0x8400000a, BY_32 | PSCI | QUICK, psci_features },
	{ 0x84000012, BY_32 | BY_64 | PSCI, system_reset2 },
	{ 0x85000020, BY_64 | ARCH | QUICK, pv_time_features },
	{ 0x85000021, BY_64 | ARCH, pv_time_st },
};

static const struct call_row *find(uint64_t function)
{
	const unsigned by = function & SMCCC_64 ? BY_64 : BY_32;

	for (unsigned i = 0; i < ARRAY_LEN(rows); i++)
		if (rows[i].function == (function & ~(uint64_t)SMCCC_64) && (rows[i].flags & by))
			return (rows[i].flags & HOST) && !el2_forgets_branches() ? NULL : &rows[i];
	return NULL;
}

/* Which functions of PSCI, and of the calling convention and what hangs on it, are there; all with flags of zero. */
static int64_t features(uint64_t function, unsigned of)
{
	const struct call_row *r = find(function & UINT32_MAX);

	return r && (r->flags & of) ? SUCCESS : NOT_SUPPORTED;
}

static int64_t psci_features(struct vcpu *v, struct hv_exit *e)
{
	(void)v;
	return features(e->call.args[0], PSCI);
}

static int64_t smccc_features(struct vcpu *v, struct hv_exit *e)
{
	(void)v;
	return features(e->call.args[0], ARCH);
}

void vpsci_call(struct vcpu *v, struct hv_exit *e)
{
	const struct call_row *r = find(e->call.nr);

	if (!(e->call.nr & SMCCC_64))
		for (unsigned i = 0; i < ARRAY_LEN(e->call.args); i++)
			e->call.args[i] &= UINT32_MAX;
	e->call.result = (uint64_t)(r ? r->call(v, e) : NOT_SUPPORTED);
	e->quick = !r || (r->flags & QUICK);
}

/* ---- the vCPU's side ---- */

void vpsci_reset(struct vcpu *v)
{
	atomic_store(&arm_of(v)->power, v->index == 0 ? POWER_ON : POWER_OFF);
}

static void turn_on(struct vcpu *v)
{
	struct arm_vcpu *a = arm_of(v);
	struct arch_regs r;

	regs_reset(&r);
	r.pc = a->on_entry;
	r.x[0] = a->on_context;
	hv_current->arch->latch_reset(v);
	hv_current->vcpu_set_regs(v, &r);
	sysreg_reset(v);
	v->idle = false;
	atomic_store(&a->power, POWER_ON);
}

bool vpsci_prepare(struct vcpu *v)
{
	const uint32_t power = atomic_load(&arm_of(v)->power);

	if (power == POWER_ON_PENDING)
		turn_on(v);
	return power != POWER_OFF;
}
