/* SPDX-License-Identifier: Apache-2.0 */
/* hv_ops for the virtualisation of EL2 (DDI0487 D1, D8): the objects and the run itself. Own CPU of the vCPU, but for vm_init, vm_fini, vcpu_init
 * and vcpu_fini (CPU 0) and tlb_flush (any). Exits are decoded in el2_exit.c. Interrupts are the vgic's: this file carries its list
 * registers. Knows no devices and nothing above vmm/hv.h. */
#include "el2.h"
#include <core/aarch64/el2.h>
#include <core/aarch64/gic.h>
#include <core/arith.h>
#include <core/page.h>
#include <core/panic.h>
#include <stddef.h>
#include "arm.h"
#include "inject.h"

/* hw_enter.S */
_Static_assert(offsetof(struct el2_vcpu, f) == 0 && offsetof(struct hw_frame, regs) == 0, "");
_Static_assert(offsetof(struct arch_regs, x) == 8 && offsetof(struct arch_regs, pc) == 256 && offsetof(struct arch_regs, pstate) == 264, "");
_Static_assert(offsetof(struct arch_regs, sys) == 272 && SYS_TPIDR_EL0 == 18 && offsetof(struct hw_frame, guest_hcr) == 552, "");
_Static_assert(offsetof(struct hw_fp, fpsr) == 512, "hw_fp.S");

#define FLUSH_PAGES_MAX 64 /* above, everything costs less than so many broadcasts */
#define VTTBR_VMID_SHIFT 48

static _Atomic uint64_t next_vm_id = 1;

static const struct stage2_format *el2_stage2_format(void)
{
	return el2_features.format;
}

/* ---- objects ---- */

static err_t el2_vm_init(struct vm *vm)
{
	struct el2_vm *m = pool_alloc(&vm->pool, sizeof(*m));

	if (!m)
		return E_NOMEM;
	m->id = atomic_fetch_add(&next_vm_id, 1);
	vm->hv = m;
	return OK;
}

static void el2_vm_fini(struct vm *vm)
{
	if (vm->hv)
		pool_free(&vm->pool, vm->hv, sizeof(struct el2_vm));
	vm->hv = NULL;
}

static uint64_t vttbr(const struct vm *vm, uint16_t vmid)
{
	return gmem_root(vm->mem).v | (uint64_t)vmid << VTTBR_VMID_SHIFT;
}

/* By the number that the VM had last, current or not: if another VM has it by now, that one forgets more than it must. */
static void el2_tlb_flush(struct vm *vm, struct gpa a, uint64_t len)
{
	const struct el2_vm *m = vm->hv;
	uint16_t vmid = m ? el2_vmid_last(&m->vmid) : 0;
	uint64_t from = align_down(a.v, PAGE_SIZE), pages = len ? (a.v - from + len + PAGE_SIZE - 1) / PAGE_SIZE : 0;

	if (!vmid)
		return; /* it never ran */
	if (pages > 0 && pages <= FLUSH_PAGES_MAX)
		hw_tlb_flush_range(vttbr(vm, vmid), GPA(from), pages);
	else
		hw_tlb_flush_vm(vttbr(vm, vmid));
}

static void el2_vcpu_fini(struct vcpu *v)
{
	struct el2_vcpu *s = el2_of(v);

	if (!s)
		return;
	BUG_ON(s->on != NULL);
	pool_free(&v->vm->pool, s, sizeof(*s));
	v->hv = NULL;
}

static err_t el2_vcpu_init(struct vcpu *v)
{
	struct el2_vcpu *s = pool_alloc(&v->vm->pool, sizeof(*s));

	if (!s)
		return E_NOMEM;
	v->hv = s;
	s->v = v;
	regs_reset(&s->f.regs);
	/* Stage 2 stays on while the host runs: EL1's registers still name a guest's tables, and a core that walks them speculatively must not
	 * take their addresses for the machine's (see also el2_unload). */
	s->f.host_hcr = el2_host_hcr() | HCR_VM;
	s->f.host_cptr = hw_cptr();
	return OK;
}

static void el2_vcpu_park(struct vcpu *v)
{
	if (el2_of(v))
		el2_unload(el2_of(v));
}

/* ---- the run ---- */

/* EL1's registers change hands when another vCPU comes to this CPU, and stay where they are between two runs of the same. */
static void load(struct vcpu *v, struct el2_cpu *c, uint64_t want)
{
	struct el2_vcpu *s = el2_of(v);

	if (c->loaded == s) {
		if (c->vttbr != want)
			hw_set_vttbr(want);
	} else {
		if (c->loaded)
			el2_unload(c->loaded);
		hw_state_load(&s->f.regs, want, el2_features.vhe, el2_features.pauth);
		hw_set_vmpidr(ARM_MPIDR_RES1 | VIRT_AFFINITY(v->index));
		c->loaded = s;
		s->on = c;
	}
	s->stale = true;
	c->vttbr = want;
}

/* Two vCPUs of a VM share its VMID, and may mean different things by one address space identifier, as CPUs of a machine may (DDI0487,
 * "Address space identifier"): on one CPU each forgets the other's translations. */
static void forget_sibling(struct vcpu *v, unsigned cpu)
{
	struct el2_vm *m = v->vm->hv;
	uint8_t *last = &m->last_vcpu[cpu];

	if (*last && *last != v->index + 1)
		hw_tlb_flush_stage1_local();
	*last = (uint8_t)(v->index + 1);
}

/* Another VM than the one that ran here last. */
static void enter_vm(struct el2_cpu *c, const struct el2_vm *m)
{
	if (c->last_vm != 0 && c->last_vm != m->id)
		el2_forget_branches();
	c->last_vm = m->id;
}

/* Not a part of el2_vcpu_run, which saves no registers for it when it goes straight back. */
static __attribute__((noinline)) void before_entry(struct vcpu *v, struct el2_vcpu *s)
{
	const unsigned cpu = hal_cpu_id();
	struct el2_cpu *c = &el2_cpus[cpu];
	struct el2_vm *m = v->vm->hv;
	uint64_t offset = -(uint64_t)v->counter_offset;
	bool flush;
	uint16_t vmid = el2_vmid_enter(&m->vmid, cpu, &flush);

	if (flush)
		hw_tlb_flush_all_local();
	load(v, c, vttbr(v->vm, vmid));
	forget_sibling(v, cpu);
	enter_vm(c, m);
	if (c->cntvoff != offset) {
		hw_set_cntvoff(offset);
		c->cntvoff = offset;
	}
	/* It spins for somebody: only where somebody else wants this CPU is that worth an exit. */
	s->f.guest_hcr = el2_features.hcr | (sched_contended(&v->se) ? HCR_TWE : 0);
	s->f.guest_cptr = el2_features.cptr_closed;
	if (s->debug_live) {
		hw_debug_load(&s->debug, el2_features.breakpoints, el2_features.watchpoints);
		hw_set_mdcr(hw_mdcr() & ~MDCR_TDA);
	}
	s->gic = vgic_flush(v);
	hw_gic_load(s->gic, el2_features.aprs);
	hw_vtimer_start(&s->f.regs, el2_features.vhe);
}

/* The first use of registers that are loaded only then. true: into the guest again. */
static bool open_lazily(struct el2_vcpu *s, uint64_t esr)
{
	if (el2_exit_is_fp(esr) && !s->fp_live) {
		hw_fp_load(&s->fp);
		s->fp_live = true;
		s->f.guest_cptr = el2_features.cptr_open;
		return true;
	}
	if (el2_exit_is_debug(esr) && !s->debug_live) {
		hw_debug_load(&s->debug, el2_features.breakpoints, el2_features.watchpoints);
		hw_set_mdcr(hw_mdcr() & ~MDCR_TDA);
		s->debug_live = true;
		return true;
	}
	return false;
}

#define MDSCR_SS (1ull << 0)
#define MDSCR_KDE (1ull << 13)
#define MDSCR_MDE (1ull << 15)

static void debug_after_exit(struct el2_vcpu *s)
{
	if (!s->debug_live)
		return;
	hw_debug_save(&s->debug, el2_features.breakpoints, el2_features.watchpoints);
	hw_set_mdcr(hw_mdcr() | MDCR_TDA);
	/* While it debugs they are loaded for each run; else at the next use. */
	s->debug_live = s->debug.mdscr & (MDSCR_SS | MDSCR_KDE | MDSCR_MDE);
}

void el2_settle(struct vcpu *v)
{
	struct el2_vcpu *s = el2_of(v);

	if (!s->inside)
		return;
	s->inside = false;
	hw_vtimer_stop(&s->f.regs, el2_features.vhe);
	hw_gic_save(s->gic, el2_features.aprs);
	vgic_sync(v);
	if (s->fp_live)
		hw_fp_save(&s->fp);
	s->fp_live = false;
	debug_after_exit(s);
}

/* After these the guest may go on at once. A guest that debugs has breakpoints in the CPU, which the host does not want. */
static bool may_stay(const struct el2_vcpu *s, const struct hv_exit *e)
{
	return !s->debug_live && (e->kind == HV_EXIT_STAGE2 || e->kind == HV_EXIT_SYSREG || e->kind == HV_EXIT_CALL || e->kind == HV_EXIT_TIMER);
}

static void act_abort(struct el2_vcpu *s)
{
	const uint64_t esr = s->syndrome.esr;
	bool fetch = ESR_EC(esr) == ESR_EC_IABORT_LOWER;

	el2_unload(s);
	s->f.regs.sys[SYS_FAR] = s->syndrome.far;
	arm_take_exception(&s->f.regs, arm_esr_abort(&s->f.regs, fetch, esr & ESR_WNR, false));
	s->completed = true;
}

/* What the guest has sent itself meanwhile, or its timer, goes into its list registers. */
static __attribute__((noinline)) void take_news(struct vcpu *v, struct el2_vcpu *s)
{
	hw_gic_save(s->gic, el2_features.aprs);
	vgic_sync(v);
	s->gic = vgic_flush(v);
	hw_gic_load(s->gic, el2_features.aprs);
}

static void el2_vcpu_run(struct vcpu *v, struct hv_exit *out)
{
	struct el2_vcpu *s = el2_of(v);
	struct el2_exit_in in = { .regs = &s->f.regs };
	struct el2_decoded d;

	if (!s->inside)
		before_entry(v, s);
	else if (vgic_news(v))
		take_news(v, s);
	s->inside = true;
	s->completed = false;
	do {
		in.code = hw_enter(&s->f);
		hw_syndrome(&in.s);
		el2_exit_decode(&in, out, &d);
	} while ((out->kind == HV_EXIT_UNDEFINED || out->kind == HV_EXIT_SYSREG) && open_lazily(s, in.s.esr));
	s->syndrome = in.s;
	s->step = d.step;
	/* The guest's own timer and no other interrupt is what it came back for. */
	if (in.code == HW_EXIT_IRQ && hw_gic_next() == gic_vtimer_ppi())
		out->kind = HV_EXIT_TIMER;
	if (may_stay(s, out))
		return;
	if (s->debug_live)
		atomic_store(&v->look, true); /* after this the exit may be a quick one all the same, and the next run needs its timer prepared */
	el2_settle(v);
	if (d.action == EL2_ACT_ABORT)
		act_abort(s);
	else if (d.action == EL2_ACT_TLB)
		hw_tlb_flush_all_local();
}

const struct hv_ops hv_el2 = {
	.name = "el2",
	.probe = el2_probe,
	.cpu_enable = el2_cpu_enable,
	.cpu_disable = el2_cpu_disable,
	.stage2_format = el2_stage2_format,
	.vm_init = el2_vm_init,
	.vm_fini = el2_vm_fini,
	.tlb_flush = el2_tlb_flush,
	.vcpu_init = el2_vcpu_init,
	.vcpu_fini = el2_vcpu_fini,
	.vcpu_park = el2_vcpu_park,
	.vcpu_run = el2_vcpu_run,
	.vcpu_settle = el2_settle,
	.vcpu_complete = el2_complete,
	.vcpu_inject = el2_inject,
	.vcpu_get_regs = el2_get_regs,
	.vcpu_set_regs = el2_set_regs,
	.arch = &el2_arch_ops,
};
