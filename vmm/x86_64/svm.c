/* SPDX-License-Identifier: Apache-2.0 */
/* hv_ops for AMD SVM (APM 2 15): probing, switching on, a VMCB per vCPU, and the run itself. Own CPU of the vCPU, but for
 * probe (CPU 0), vm_init and vm_fini (CPU 0) and tlb_flush (any). Exits are decoded in svm_exit.c, events queued in svm_inject.c.
 * Knows no devices, no interrupt controller, and nothing above vmm/hv.h. */
#include "svm.h"
#include <core/fmt.h>
#include <core/page.h>
#include <core/panic.h>
#include <limits.h>
#include <string.h>
#include <vmm/stage2.h>
#include "x86.h"

#define PAUSE_FILTER_COUNT 3000   /* spins before an exit, and ... */
#define PAUSE_FILTER_THRESHOLD 128 /* ... cycles between two that still belong together */

struct svm_features svm_features;
static struct svm_cpu svm_cpus[HAL_MAX_CPUS];
static _Atomic uint64_t svm_next_vm_id = 1;

static err_t refuse(char *reason, const char *why)
{
	fmt_buf(reason, HV_REASON_MAX, "%s", why);
	return E_UNSUPPORTED;
}

static err_t absent(char *reason)
{
	fmt_buf(reason, HV_REASON_MAX, "this CPU has no AMD SVM");
	return E_NOENT;
}

static err_t svm_probe(char *reason)
{
	struct cpu_leaf l;

	if (cpu_leaf(0x80000000, 0).a < 0x8000000a || !(cpu_leaf(0x80000001, 0).c & (1u << 2)))
		return absent(reason);
	l = cpu_leaf(0x8000000a, 0);
	if (!(l.d & SVM_F_NPT))
		return refuse(reason, "AMD SVM without nested paging is not supported");
	if (cpu_rdmsr(MSR_VM_CR) & VM_CR_SVMDIS)
		return refuse(reason, "AMD SVM is switched off by the machine's firmware setup");
	if (cpu_cr4() & X86_CR4_LA57)
		return refuse(reason, "five-level paging was switched on by the firmware: nested tables of five levels are not supported");
	if (l.b < 2)
		return refuse(reason, "AMD SVM offers no address space identifiers");
	svm_features = (struct svm_features){ .edx = l.d, .asids = l.b };
	host_cpu_probe();
	if (svm_maps_init() != OK)
		return refuse(reason, "no memory for AMD SVM's permission maps");
	return OK;
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
	s->cpu = UINT_MAX;
	s->nmi_iret_rip = UINT64_MAX;
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

static void before_entry(struct vcpu *v, struct svm_vcpu *s, struct svm_cpu *c)
{
	const struct svm_vm *sv = v->vm->hv;
	struct vmcb *b = s->vmcb;
	uint64_t offset = (uint64_t)v->counter_offset + (uint64_t)host_cpu_counter_delta();
	unsigned cpu = hal_cpu_id();

	if (s->cpu != cpu) {
		s->cpu = cpu;
		s->clean = 0;
		s->asid_generation = 0;
	}
	svm_asid_assign(c, s, atomic_load(&((struct svm_vm *)v->vm->hv)->flushes));
	if (b->c.tsc_offset != offset) {
		b->c.tsc_offset = offset;
		s->clean &= ~SVM_CLEAN_I;
	}
	host_cpu_enter_vm(sv->id);
	host_cpu_tsc_aux(s->tsc_aux);
	svm_inject_commit(s);
	b->c.clean = svm_has(SVM_F_CLEAN) ? s->clean : 0;
	b->s.rax = s->gpr[REG_RAX];
	b->s.rsp = s->gpr[REG_RSP];
}

static void after_exit(struct svm_vcpu *s, struct hv_exit *out)
{
	struct vmcb *b = s->vmcb;
	uint64_t again;
	uint8_t undelivered;

	s->gpr[REG_RAX] = b->s.rax;
	s->gpr[REG_RSP] = b->s.rsp;
	s->clean = SVM_CLEAN_ALL;
	svm_exit_events(b->c.exit_int_info, b->c.int_ctl, &again, &undelivered);
	/* A window's V_IRQ carries vector 0; only what was queued can come back. */
	out->undelivered = s->irq && undelivered ? s->irq : 0;
	s->irq = 0;
	s->event = again;
	b->c.int_ctl &= SVM_V_TPR;
	s->exit_code = b->c.exit_code;
	s->exit_rip = b->s.rip;
	s->completed = false;
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

static void act_reflect(struct svm_vcpu *s, const struct svm_decoded *d)
{
	if (d->vector == 1)
		s->vmcb->s.dr7 &= ~(1ull << 13); /* general detect is off in the handler (SDM 3B 18.2.4); DR6 is the CPU's */
	s->clean &= ~SVM_CLEAN_DR;
	svm_inject_exception(s, d->vector, d->has_error, 0);
	s->completed = true;
}

static void after_decode(struct vcpu *v, struct svm_vcpu *s, const struct svm_decoded *d, struct hv_exit *out)
{
	s->next_rip = d->next_rip;
	switch (d->action) {
	case SVM_ACT_EXIT:
		if (s->exit_code == SVM_EXIT_INVD || s->exit_code == SVM_EXIT_WBINVD) {
			struct hv_exit step = { .kind = HV_EXIT_PAUSE };

			svm_complete(v, &step);
		}
		break;
	case SVM_ACT_REFLECT:
		act_reflect(s, d);
		break;
	case SVM_ACT_DR:
		s->dr_live = true;
		s->vmcb->c.intercept_dr = 0;
		s->clean &= ~SVM_CLEAN_I;
		break;
	case SVM_ACT_IRET:
		s->nmi_masked = false;
		s->nmi_iret_rip = s->exit_rip;
		break;
	case SVM_ACT_CR8_WRITE:
		svm_cr8_write(v, s->vmcb->c.exit_info1);
		s->completed = true;
		break;
	case SVM_ACT_MACHINE_CHECK:
		panic("machine check while a guest ran on CPU %u", hal_cpu_id());
	}
	if (s->shutdown)
		out->kind = HV_EXIT_SHUTDOWN;
}

static void svm_vcpu_run(struct vcpu *v, struct hv_exit *out)
{
	struct svm_vcpu *s = svm_of(v);
	struct svm_cpu *c = &svm_cpus[hal_cpu_id()];
	struct vmcb *b = s->vmcb;
	struct svm_decoded d;
	uint8_t undelivered;

	if (s->shutdown) {
		*out = (struct hv_exit){ .kind = HV_EXIT_SHUTDOWN, .undelivered = s->irq };
		s->irq = 0;
		return;
	}
	before_entry(v, s, c);
	if (s->dr_live)
		guest_dr_load(s->dr);
	guest_fp_load(&s->fp, s->xcr0);
	svm_enter(s->vmcb_pa.v, s->gpr, c->host.v);
	guest_fp_save(&s->fp, s->xcr0);
	after_exit(s, out);
	undelivered = out->undelivered;
	dr_after_exit(s);
	struct svm_exit_in in = {
		.code = b->c.exit_code, .info1 = b->c.exit_info1, .info2 = b->c.exit_info2, .int_info = b->c.exit_int_info,
		.rax = s->gpr[REG_RAX], .rbx = s->gpr[REG_RBX], .rcx = s->gpr[REG_RCX], .rdx = s->gpr[REG_RDX], .rsi = s->gpr[REG_RSI],
		.rip = b->s.rip, .next_rip = svm_has(SVM_F_NRIPS) ? b->c.next_rip : 0,
		.insn_len = svm_has(SVM_F_DECODE_ASSISTS) ? b->c.insn_len & 0xf : 0, .insn = b->c.insn,
	};
	svm_exit_decode(&in, out, &d);
	out->undelivered = undelivered;
	after_decode(v, s, &d, out);
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
	.vcpu_run = svm_vcpu_run,
	.vcpu_complete = svm_complete,
	.vcpu_inject = svm_inject,
	.vcpu_get_regs = svm_get_regs,
	.vcpu_set_regs = svm_set_regs,
	.arch = &svm_arch_ops,
};
