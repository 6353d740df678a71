/* SPDX-License-Identifier: Apache-2.0 */
/* hv_ops for AMD SVM (APM 2 15): probing, switching on, a VMCB per vCPU, and the run itself. Own CPU of the vCPU, but for
 * probe (CPU 0), vm_init and vm_fini (CPU 0) and tlb_flush (any). Exits are decoded in svm_exit.c, events queued in svm_inject.c.
 * Knows no devices, no interrupt controller, and nothing above vmm/hv.h. */
#include "svm.h"
#include <core/fmt.h>
#include <core/page.h>
#include <string.h>
#include <vmm/stage2.h>
#include "x86.h"

#define PAUSE_FILTER_COUNT 3000   /* spins before an exit, and ... */
#define PAUSE_FILTER_THRESHOLD 128 /* ... cycles between two that still belong together */

struct svm_features svm_features;
static struct svm_cpu svm_cpus[HAL_MAX_CPUS];
static _Atomic uint64_t svm_next_vm_id = 1;

err_t svm_check(const struct svm_probe_in *in, const char **why)
{
	*why = "this CPU has no AMD SVM";
	if (in->max_leaf < 0x8000000a || !(in->ext_ecx & SVM_EXT_ECX))
		return E_NOENT;
	if (!(in->edx & SVM_F_NPT))
		*why = "AMD SVM without nested paging is not supported";
	else if (in->vm_cr & VM_CR_SVMDIS)
		*why = "AMD SVM is switched off by the machine's firmware setup";
	else if (in->cr4 & X86_CR4_LA57)
		*why = "five-level paging was switched on by the firmware: nested tables of five levels are not supported";
	else if (in->asids < 2)
		*why = "AMD SVM offers no address space identifiers";
	else
		return OK;
	return E_UNSUPPORTED;
}

static err_t svm_probe(char *reason)
{
	struct svm_probe_in in = { .max_leaf = cpu_leaf(0x80000000, 0).a, .cr4 = cpu_cr4() };
	const char *why;
	err_t err;

	if (in.max_leaf >= 0x80000001)
		in.ext_ecx = cpu_leaf(0x80000001, 0).c;
	if (in.max_leaf >= 0x8000000a && (in.ext_ecx & SVM_EXT_ECX)) {
		struct cpu_leaf l = cpu_leaf(0x8000000a, 0);

		in.edx = l.d;
		in.asids = l.b;
		in.vm_cr = cpu_rdmsr(MSR_VM_CR);
	}
	err = svm_check(&in, &why);
	if (err == OK) {
		svm_features = (struct svm_features){ .edx = in.edx, .asids = in.asids };
		host_cpu_probe();
		err = svm_maps_init();
		why = "no memory for AMD SVM's permission maps";
	}
	if (err != OK)
		fmt_buf(reason, HV_REASON_MAX, "%s", why);
	return err == E_NOMEM ? E_UNSUPPORTED : err;
}

static err_t svm_cpu_enable(void)
{
	struct svm_cpu *c = &svm_cpus[hal_cpu_id()];
	err_t err;

	if (c->enabled)
		return OK;
	err = page_alloc(&pool_core, 0, PAGE_HOST, &c->hsave);
	if (err != OK)
		return err;
	err = page_alloc(&pool_core, 0, PAGE_HOST, &c->host);
	if (err != OK) {
		page_free(&pool_core, c->hsave, 0, PAGE_HOST);
		return err;
	}
	cpu_wrmsr(MSR_EFER, cpu_rdmsr(MSR_EFER) | X86_EFER_SVME);
	cpu_wrmsr(MSR_VM_HSAVE_PA, c->hsave.v);
	c->generation = 1;
	c->next_asid = svm_features.asids; /* the first run starts a generation, and flushes */
	host_cpu_init();
	c->counter_delta = host_cpu_counter_delta();
	c->enabled = true;
	return OK;
}

static void svm_cpu_disable(void)
{
	struct svm_cpu *c = &svm_cpus[hal_cpu_id()];

	if (!c->enabled)
		return;
	cpu_wrmsr(MSR_VM_HSAVE_PA, 0);
	cpu_wrmsr(MSR_EFER, cpu_rdmsr(MSR_EFER) & ~X86_EFER_SVME);
	page_free(&pool_core, c->hsave, 0, PAGE_HOST);
	page_free(&pool_core, c->host, 0, PAGE_HOST);
	*c = (struct svm_cpu){ 0 };
}

static const struct stage2_format *svm_stage2_format(void)
{
	return &stage2_npt;
}

static err_t svm_vm_init(struct vm *vm)
{
	struct svm_vm *sv = pool_alloc(&vm->pool, sizeof(*sv));

	if (!sv)
		return E_NOMEM;
	sv->id = atomic_fetch_add(&svm_next_vm_id, 1);
	vm->hv = sv;
	return OK;
}

static void svm_vm_fini(struct vm *vm)
{
	if (vm->hv)
		pool_free(&vm->pool, vm->hv, sizeof(struct svm_vm));
	vm->hv = NULL;
}

static void svm_tlb_flush(struct vm *vm, struct gpa a, uint64_t len)
{
	struct svm_vm *sv = vm->hv;

	(void)a, (void)len; /* nested translations are forgotten whole: APM 2 15.16 has no finer way for a guest-physical range */
	if (sv)
		atomic_fetch_add(&sv->flushes, 1);
}

static void vmcb_init(struct vcpu *v, struct svm_vcpu *s)
{
	struct vmcb_control *c = &s->vmcb->c;

	c->intercept_dr = SVM_DR_INTERCEPT_ALL;
	c->intercept_exc = SVM_EXC_DB | SVM_EXC_AC | SVM_EXC_MC;
	c->intercept1 = SVM_I1_INTR | SVM_I1_NMI | SVM_I1_INIT | SVM_I1_RDPMC | SVM_I1_CPUID | SVM_I1_RSM | SVM_I1_INVD | SVM_I1_HLT |
			SVM_I1_INVLPGA | SVM_I1_IOIO | SVM_I1_MSR | SVM_I1_TASK_SWITCH | SVM_I1_FERR_FREEZE | SVM_I1_SHUTDOWN;
	c->intercept2 = SVM_I2_VMRUN | SVM_I2_VMMCALL | SVM_I2_VMLOAD | SVM_I2_VMSAVE | SVM_I2_STGI | SVM_I2_CLGI | SVM_I2_SKINIT |
			SVM_I2_WBINVD | SVM_I2_MONITOR | SVM_I2_MWAIT | SVM_I2_MWAIT_COND | SVM_I2_XSETBV | SVM_I2_RDPRU;
	c->intercept3 = SVM_I3_INVLPGB | SVM_I3_INVLPGB_ILLEGAL | SVM_I3_MCOMMIT | SVM_I3_TLBSYNC;
	if (svm_has(SVM_F_PAUSE_FILTER)) {
		c->intercept1 |= SVM_I1_PAUSE;
		c->pause_count = PAUSE_FILTER_COUNT;
		if (svm_has(SVM_F_PAUSE_THRESHOLD))
			c->pause_threshold = PAUSE_FILTER_THRESHOLD;
	} else if (v->vm->nvcpus > 1) {
		c->intercept1 |= SVM_I1_PAUSE; /* the other vCPU, for which this one waits, may want this CPU */
	}
	c->iopm_pa = svm_maps_iopm().v;
	c->msrpm_pa = svm_maps_msrpm().v;
	c->int_ctl = SVM_V_INTR_MASKING;
	c->np_enable = 1;
	c->n_cr3 = gmem_root(v->vm->mem).v;
}

static void svm_vcpu_fini(struct vcpu *v)
{
	struct svm_vcpu *s = svm_of(v);

	if (!s)
		return;
	guest_fp_fini(&s->fp, &v->vm->pool);
	if (s->vmcb)
		page_free(&v->vm->pool, s->vmcb_pa, 0, PAGE_HOST);
	pool_free(&v->vm->pool, s, sizeof(*s));
	v->hv = NULL;
}

static err_t svm_vcpu_init(struct vcpu *v)
{
	struct svm_vcpu *s = pool_alloc(&v->vm->pool, sizeof(*s));
	struct arch_regs r;
	err_t err;

	if (!s)
		return E_NOMEM;
	v->hv = s;
	s->nmi_iret_rip = UINT64_MAX;
	s->unsettled = true;
	err = page_alloc(&v->vm->pool, 0, PAGE_HOST, &s->vmcb_pa);
	if (err == OK) {
		s->vmcb = hal_direct(s->vmcb_pa);
		err = guest_fp_init(&s->fp, &v->vm->pool);
	}
	if (err != OK) {
		svm_vcpu_fini(v);
		return err;
	}
	vmcb_init(v, s);
	regs_reset(&r);
	svm_set_regs(v, &r);
	return OK;
}

/* ---- the run ---- */

/* The first entry of a slice, or a change of what a CPU holds of a vCPU beside the VMCB: another may have run here since, or this one
 * elsewhere. */
static __attribute__((noinline)) void settle(struct vcpu *v, struct svm_vcpu *s)
{
	const struct svm_vm *sv = v->vm->hv;
	unsigned cpu = hal_cpu_id();
	struct svm_cpu *c = &svm_cpus[cpu];

	if (s->cpu != c) {
		s->cpu = c;
		s->clean = 0;
		s->asid_generation = 0;
	}
	host_cpu_enter_vm(sv->id);
	host_cpu_tsc_aux(s->tsc_aux);
	svm_save_host(c->host.v);
	s->unsettled = false;
}

/* An entry that is more than going on. */
static __attribute__((noinline)) void prepare(struct vcpu *v, struct svm_vcpu *s, uint32_t flushes)
{
	if (s->unsettled)
		settle(v, s);
	svm_asid_assign(s->cpu, s, flushes);
	svm_inject_commit(s);
	if (s->dr_live)
		guest_dr_load(s->dr);
}

/* false: there is no way on for the guest. */
static inline bool before_entry(struct vcpu *v, struct svm_vcpu *s)
{
	struct svm_vm *sv = v->vm->hv;
	struct vmcb *b = s->vmcb;
	uint32_t flushes = atomic_load(&sv->flushes);
	uint64_t offset;

	if (s->extra || flushes != s->flushes_seen) {
		if (s->shutdown)
			return false;
		prepare(v, s, flushes);
	}
	offset = (uint64_t)v->counter_offset + (uint64_t)s->cpu->counter_delta;
	if (b->c.tsc_offset != offset) {
		b->c.tsc_offset = offset;
		s->clean &= ~SVM_CLEAN_I;
	}
	host_cpu_flush();
	b->c.clean = svm_has(SVM_F_CLEAN) ? s->clean : 0;
	b->s.rax = s->gpr[REG_RAX];
	b->s.rsp = s->gpr[REG_RSP];
	guest_fp_load(&s->fp, s->xcr0);
	return true;
}

static void dr_after_exit(struct svm_vcpu *s)
{
	if (!s->dr_live)
		return;
	guest_dr_save(s->dr);
	if (s->vmcb->s.dr7 & 0xff)
		return; /* breakpoints are on: keep loading them */
	s->dr_live = false;
	s->vmcb->c.intercept_dr = SVM_DR_INTERCEPT_ALL;
	s->clean &= ~SVM_CLEAN_I;
}

/* What an entry that was more than going on left, and what was in delivery. The vector that was queued and did not reach the guest, 0 none. */
static __attribute__((noinline)) uint8_t take_back(struct svm_vcpu *s)
{
	const struct vmcb_control *c = &s->vmcb->c;
	const struct svm_undone u = svm_exit_events(c->exit_int_info, c->int_ctl);
	uint8_t irq = s->irq;

	s->irq = 0;
	s->event = u.again;
	s->asking |= u.again != 0;
	s->vmcb->c.tlb_control = SVM_TLB_KEEP;
	dr_after_exit(s);
	return u.vector ? irq : 0; /* only what was queued can come back: a window's V_IRQ carries vector 0 */
}

static void act_reflect(struct svm_vcpu *s, const struct svm_decoded *d)
{
	if (d->vector == 1)
		s->vmcb->s.dr7 &= ~(1ull << 13); /* general detect is off in the handler (SDM 3B 18.2.4); DR6 is the CPU's */
	s->clean &= ~SVM_CLEAN_DR;
	svm_inject_exception(s, d->vector, d->has_error, 0);
	s->completed = true;
}

/* What an exit asks of the backend beside. */
static __attribute__((noinline)) void act(struct vcpu *v, struct svm_vcpu *s, const struct svm_decoded *d, struct hv_exit *out)
{
	switch (d->action) {
	case SVM_ACT_EXIT:
		break;
	case SVM_ACT_REFLECT:
		act_reflect(s, d);
		break;
	case SVM_ACT_SKIP:
		svm_step_over(v);
		s->completed = true;
		break;
	case SVM_ACT_DR:
		s->dr_live = true;
		s->vmcb->c.intercept_dr = 0;
		s->clean &= ~SVM_CLEAN_I;
		break;
	case SVM_ACT_IRET:
		s->nmi_masked = false;
		s->nmi_iret_rip = s->vmcb->s.rip;
		break;
	case SVM_ACT_CR_WRITE:
		svm_cr_write(v, s->vmcb->c.exit_info1);
		s->completed = true;
		break;
	case SVM_ACT_ENTRY_FAILED:
		if (svm_explain_state(s->vmcb, s->why, sizeof(s->why)))
			out->invalid.text = s->why;
		svm_dump(v, out->invalid.text);
		break;
	case SVM_ACT_MACHINE_CHECK:
		cpu_machine_check();
		break;
	}
	if (s->shutdown)
		out->kind = HV_EXIT_SHUTDOWN;
}

static uint8_t cr8_now(const struct svm_vcpu *s)
{
	return s->vmcb->c.int_ctl & 0xf;
}

static void svm_vcpu_leave(struct vcpu *v)
{
	struct svm_vcpu *s = svm_of(v);

	guest_fp_save(&s->fp);
	s->unsettled = true;
}

static __attribute__((noinline)) void stay_shut_down(struct svm_vcpu *s, struct hv_exit *out)
{
	*out = (struct hv_exit){ .kind = HV_EXIT_SHUTDOWN, .undelivered = s->irq, .cr8 = cr8_now(s) };
	s->irq = 0;
}

static void svm_vcpu_run(struct vcpu *v, struct hv_exit *out)
{
	struct svm_vcpu *s = svm_of(v);
	const struct vmcb *b = s->vmcb;
	uint8_t undelivered = 0;

	if (!before_entry(v, s)) {
		stay_shut_down(s, out);
		return;
	}
	svm_enter(s->vmcb_pa.v, s->gpr, s->cpu->host.v);
	s->gpr[REG_RAX] = b->s.rax;
	s->gpr[REG_RSP] = b->s.rsp;
	s->clean = SVM_CLEAN_ALL;
	s->completed = false;
	if (s->extra || (b->c.exit_int_info & GUEST_EVENT_VALID))
		undelivered = take_back(s);
	svm_exit_decode(&b->c, s->gpr, out, &s->decoded);
	out->undelivered = undelivered;
	if (s->decoded.action != SVM_ACT_EXIT)
		act(v, s, &s->decoded, out);
	out->cr8 = cr8_now(s);
}

const struct hv_ops hv_svm = {
	.name = "svm",
	.probe = svm_probe,
	.cpu_enable = svm_cpu_enable,
	.cpu_disable = svm_cpu_disable,
	.stage2_format = svm_stage2_format,
	.vm_init = svm_vm_init,
	.vm_fini = svm_vm_fini,
	.tlb_flush = svm_tlb_flush,
	.vcpu_init = svm_vcpu_init,
	.vcpu_fini = svm_vcpu_fini,
	.vcpu_leave = svm_vcpu_leave,
	.vcpu_run = svm_vcpu_run,
	.vcpu_complete = svm_complete,
	.vcpu_inject = svm_inject,
	.vcpu_get_regs = svm_get_regs,
	.vcpu_set_regs = svm_set_regs,
	.arch = &svm_arch_ops,
};
