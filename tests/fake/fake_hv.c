/* SPDX-License-Identifier: Apache-2.0 */
/* The scripted backend for host-side tests: see fake_hv.h. It knows the seam (vmm/hv.h) alone and completes exits as a real
 * backend does: results go to registers, the instruction pointer moves by two bytes. */
#include "fake_hv.h"
#include <core/hal.h>
#include <core/task.h>
#include <string.h>
#include <vmm/stage2.h>

struct fake_hv fake_hv;

struct fake_vcpu *fake_vcpu(struct vcpu *v)
{
	return v->hv;
}

void fake_vcpu_script(struct vcpu *v, const struct hv_exit *exits, unsigned n)
{
	struct fake_vcpu *f = v->hv;

	f->script = exits;
	f->script_len = n;
	f->script_pos = 0;
}

/* What host interrupts have for the loop. */
static void fake_mail_fn(struct work *w)
{
	(void)w;
}

static struct work fake_mail[HAL_MAX_CPUS];

void fake_hv_use(void)
{
	unsigned vms = fake_hv.vms, vcpus = fake_hv.vcpus;

	fake_hv = (struct fake_hv){ .vms = vms, .vcpus = vcpus };
	for (unsigned i = 0; i < HAL_MAX_CPUS; i++)
		fake_mail[i].fn = fake_mail_fn;
	hv_current = &hv_fake;
}

static err_t fake_probe(char *reason)
{
	if (!fake_hv.probe_fails)
		return OK;
	strcpy(reason, "the test says no");
	return E_UNSUPPORTED;
}

static err_t fake_cpu_enable(void)
{
	fake_hv.enabled_cpus++;
	return OK;
}

static void fake_cpu_disable(void)
{
	fake_hv.enabled_cpus--;
}

static const struct stage2_format *fake_stage2_format(void)
{
	return &stage2_npt;
}

static err_t fake_vm_init(struct vm *vm)
{
	if (fake_hv.vm_init_fails)
		return E_NOMEM;
	vm->hv = pool_alloc(&vm->pool, 16);
	if (!vm->hv)
		return E_NOMEM;
	fake_hv.vms++;
	return OK;
}

static void fake_vm_fini(struct vm *vm)
{
	if (!vm->hv)
		return;
	pool_free(&vm->pool, vm->hv, 16);
	vm->hv = NULL;
	fake_hv.vms--;
}

static void fake_tlb_flush(struct vm *vm, struct gpa a, uint64_t len)
{
	(void)vm, (void)a, (void)len;
	fake_hv.flushes++;
}

static err_t fake_vcpu_init(struct vcpu *v)
{
	struct fake_vcpu *f;

	if (fake_hv.vcpu_init_fails)
		return E_NOMEM;
	f = pool_alloc(&v->vm->pool, sizeof(*f));
	if (!f)
		return E_NOMEM;
	regs_reset(&f->regs);
	f->on_run = fake_hv.on_run;
	f->on_run_ctx = fake_hv.on_run_ctx;
	v->hv = f;
	fake_hv.vcpus++;
	return OK;
}

static void fake_vcpu_fini(struct vcpu *v)
{
	if (!v->hv)
		return;
	pool_free(&v->vm->pool, v->hv, sizeof(struct fake_vcpu));
	v->hv = NULL;
	fake_hv.vcpus--;
}

static void fake_vcpu_run(struct vcpu *v, struct hv_exit *out)
{
	struct fake_vcpu *f = v->hv;

	f->runs++;
	f->away = true;
	if (f->on_run)
		f->on_run(v, out, f->on_run_ctx);
	else if (f->script_pos < f->script_len)
		*out = f->script[f->script_pos++];
	else
		*out = (struct hv_exit){ .kind = HV_EXIT_HOST };
	out->cr8 = (uint8_t)f->regs.cr8;
	if (out->kind == HV_EXIT_HOST && !fake_hv.mere_interrupts)
		work_post(hal_cpu_id(), &fake_mail[hal_cpu_id()]);
}

static void fake_vcpu_settle(struct vcpu *v)
{
	fake_vcpu(v)->away = false;
}

static bool fake_vcpu_deadline(struct vcpu *v, uint64_t ns)
{
	fake_vcpu(v)->deadline_ns = ns;
	return fake_hv.takes_deadlines;
}

static bool fake_vcpu_post(struct vcpu *v)
{
	(void)v;
	fake_hv.posts++;
	return fake_hv.takes_posts;
}

static void set_gpr32(struct arch_regs *r, unsigned reg, uint32_t v)
{
	r->gpr[reg] = v;
}

static void fake_vcpu_complete(struct vcpu *v, const struct hv_exit *e)
{
	struct fake_vcpu *f = v->hv;
	struct arch_regs *r = &f->regs;

	f->completed[f->ncompleted++ % FAKE_HV_LOG] = *e;
	switch (e->kind) {
	case HV_EXIT_CPUID:
		set_gpr32(r, REG_RAX, e->cpuid.eax);
		set_gpr32(r, REG_RBX, e->cpuid.ebx);
		set_gpr32(r, REG_RCX, e->cpuid.ecx);
		set_gpr32(r, REG_RDX, e->cpuid.edx);
		break;
	case HV_EXIT_RDMSR:
		if (e->msr.fault)
			return;
		set_gpr32(r, REG_RAX, (uint32_t)e->msr.value);
		set_gpr32(r, REG_RDX, (uint32_t)(e->msr.value >> 32));
		break;
	case HV_EXIT_WRMSR:
		if (e->msr.fault)
			return;
		break;
	case HV_EXIT_CALL:
		r->gpr[REG_RAX] = e->call.result;
		break;
	case HV_EXIT_PIO:
		if (!e->pio.write && !e->pio.string)
			memcpy(&r->gpr[REG_RAX], &e->pio.value, e->pio.size);
		break;
	default:
		break;
	}
	r->rip += e->kind == HV_EXIT_MMIO ? e->mmio.insn_len : 2;
}

static err_t fake_vcpu_inject(struct vcpu *v, const struct hv_event *ev)
{
	struct fake_vcpu *f = v->hv;

	if (f->inject_result != OK && ev->kind != HV_EVENT_EXCEPTION)
		return f->inject_result;
	f->events[f->nevents++ % FAKE_HV_LOG] = *ev;
	return OK;
}

static void fake_get_regs(struct vcpu *v, struct arch_regs *r)
{
	*r = ((struct fake_vcpu *)v->hv)->regs;
}

static void fake_set_regs(struct vcpu *v, const struct arch_regs *r)
{
	((struct fake_vcpu *)v->hv)->regs = *r;
}

/* NULL for what is not a plain field. */
static uint64_t *fake_reg(struct fake_vcpu *f, enum x86_reg r)
{
	struct arch_regs *a = &f->regs;

	if (r < X86_GPR0 + REG_GPRS)
		return &a->gpr[r];
	switch (r) {
	case X86_RIP: return &a->rip;
	case X86_RFLAGS: return &a->rflags;
	case X86_CR0: return &a->cr0;
	case X86_CR2: return &a->cr2;
	case X86_CR3: return &a->cr3;
	case X86_CR4: return &a->cr4;
	case X86_CR8: return &a->cr8;
	case X86_EFER: return &a->efer;
	case X86_XCR0: return &a->xcr0;
	case X86_FS_BASE: return &a->seg[SEG_FS].base;
	case X86_GS_BASE: return &a->seg[SEG_GS].base;
	case X86_KERNEL_GS_BASE: return &a->kernel_gs_base;
	case X86_STAR: return &a->star;
	case X86_LSTAR: return &a->lstar;
	case X86_CSTAR: return &a->cstar;
	case X86_SFMASK: return &a->sfmask;
	case X86_SYSENTER_CS: return &a->sysenter_cs;
	case X86_SYSENTER_ESP: return &a->sysenter_esp;
	case X86_SYSENTER_EIP: return &a->sysenter_eip;
	case X86_PAT: return &a->pat;
	case X86_TSC_AUX: return &a->tsc_aux;
	case X86_DEBUGCTL: return &a->debugctl;
	default: return NULL;
	}
}

static uint64_t fake_reg_get(struct vcpu *v, enum x86_reg r)
{
	struct fake_vcpu *f = v->hv;
	uint64_t *p = fake_reg(f, r);

	if (r == X86_CPL)
		return (f->regs.seg[SEG_SS].attr >> 5) & 3;
	return p ? *p : 0;
}

static void fake_reg_set(struct vcpu *v, enum x86_reg r, uint64_t value)
{
	struct fake_vcpu *f = v->hv;
	uint64_t *p = fake_reg(f, r);

	if (r == X86_CR8_WATCH)
		f->cr8_watch = value != 0;
	else if (p)
		*p = value;
}

static void fake_seg_get(struct vcpu *v, unsigned seg, struct x86_seg *out)
{
	*out = ((struct fake_vcpu *)v->hv)->regs.seg[seg];
}

static void fake_mode_get(struct vcpu *v, struct x86_mode *out)
{
	const struct arch_regs *r = &((struct fake_vcpu *)v->hv)->regs;

	*out = (struct x86_mode){ .rip = r->rip, .rflags = r->rflags, .cr0 = r->cr0, .cr3 = r->cr3, .cr4 = r->cr4, .efer = r->efer,
				  .cs = r->seg[SEG_CS], .cpl = (r->seg[SEG_SS].attr >> 5) & 3 };
}

static void fake_skip(struct vcpu *v, unsigned len)
{
	struct fake_vcpu *f = v->hv;

	f->skipped += len;
	f->regs.rip += len;
}

static void fake_latch_reset(struct vcpu *v, bool power_on)
{
	(void)power_on;
	((struct fake_vcpu *)v->hv)->latch_resets++;
}

static bool fake_has_spec_ctrl(void)
{
	return false;
}

static const struct hv_arch_ops fake_arch_ops = {
	.reg_get = fake_reg_get,
	.reg_set = fake_reg_set,
	.seg_get = fake_seg_get,
	.mode_get = fake_mode_get,
	.skip = fake_skip,
	.latch_reset = fake_latch_reset,
	.has_spec_ctrl = fake_has_spec_ctrl,
};

const struct hv_ops hv_fake = {
	.name = "fake",
	.probe = fake_probe,
	.cpu_enable = fake_cpu_enable,
	.cpu_disable = fake_cpu_disable,
	.stage2_format = fake_stage2_format,
	.vm_init = fake_vm_init,
	.vm_fini = fake_vm_fini,
	.tlb_flush = fake_tlb_flush,
	.vcpu_init = fake_vcpu_init,
	.vcpu_fini = fake_vcpu_fini,
	.vcpu_run = fake_vcpu_run,
	.vcpu_settle = fake_vcpu_settle,
	.vcpu_deadline = fake_vcpu_deadline,
	.vcpu_post = fake_vcpu_post,
	.vcpu_complete = fake_vcpu_complete,
	.vcpu_inject = fake_vcpu_inject,
	.vcpu_get_regs = fake_get_regs,
	.vcpu_set_regs = fake_set_regs,
	.arch = &fake_arch_ops,
};
