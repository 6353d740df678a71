/* SPDX-License-Identifier: Apache-2.0 */
/* hv_ops for Intel VMX (SDM 3C 24-31): probing, switching on, a VMCS per vCPU, and the run itself. Own CPU of the vCPU, but for probe
 * (CPU 0), init and fini (CPU 0, parked) and tlb_flush (any). Exits are decoded in vmx_exit.c, events queued in vmx_inject.c.
 * Knows no devices, of the guest's interrupt controller only that an EOI concerns it, and nothing above vmm/hv.h. */
#include "vmx.h"
#include <core/fmt.h>
#include <core/log.h>
#include <core/page.h>
#include <core/panic.h>
#include <core/x86_64/irq.h>
#include <vmm/stage2.h>
#include "x86.h"

#define VAPIC_TPR 0x80 /* SDM 3C 30.1.1 */
#define X2APIC_MSRS 0x100u /* SDM 3A 11.12.1.2 */
#define LAPIC_BASE_ADDRESS 0x000ffffffffff000ull /* SDM 3A figure 11-5 */

struct vmx_caps vmx_caps;
struct vmx_cpu vmx_cpus[HAL_MAX_CPUS];
static _Atomic uint64_t vmx_next_vm_id = 1;

/* ---- machine ---- */

static err_t refuse(char *reason, const char *why)
{
	fmt_buf(reason, HV_REASON_MAX, "%s", why);
	return E_UNSUPPORTED;
}

static err_t absent(char *reason)
{
	fmt_buf(reason, HV_REASON_MAX, "this CPU has neither AMD SVM nor Intel VT-x");
	return E_NOENT;
}

static bool locked_off(void)
{
	uint64_t fc = cpu_rdmsr(MSR_FEATURE_CONTROL);

	return (fc & FEATURE_CONTROL_LOCK) && !(fc & FEATURE_CONTROL_VMX);
}

static err_t vmx_probe(char *reason)
{
	struct vmx_msrs m;
	err_t err;

	if (cpu_leaf(0, 0).a < 1 || !(cpu_leaf(1, 0).c & (1u << 5)))
		return absent(reason);
	if (locked_off())
		return refuse(reason, "Intel VT-x is switched off by the machine's firmware setup");
	host_cpu_probe();
	vmx_caps_read(&m);
	err = vmx_caps_decide(&m, &vmx_caps, reason);
	if (err != OK)
		return err;
	if (vmx_maps_init() != OK)
		return refuse(reason, "no memory for Intel VT-x's bitmaps");
	return OK;
}

/* Locks what the firmware left open, on each CPU (SDM 3C 24.7). */
static err_t feature_control(void)
{
	if (!(cpu_rdmsr(MSR_FEATURE_CONTROL) & FEATURE_CONTROL_LOCK))
		cpu_wrmsr(MSR_FEATURE_CONTROL, FEATURE_CONTROL_LOCK | FEATURE_CONTROL_VMX);
	if (cpu_rdmsr(MSR_FEATURE_CONTROL) & FEATURE_CONTROL_VMX)
		return OK;
	log_error("vmx", "CPU %u: the firmware has switched VT-x off on this CPU", hal_cpu_id());
	return E_UNSUPPORTED;
}

static err_t fixed_bits(void)
{
	uint64_t cr0 = (cpu_cr0() | vmx_caps.cr0_fixed0) & vmx_caps.cr0_fixed1;
	uint64_t cr4 = cpu_cr4() | X86_CR4_VMXE;

	if ((cr4 | vmx_caps.cr4_fixed0) != cr4 || (cr4 & ~vmx_caps.cr4_fixed1)) {
		log_error("vmx", "CPU %u: CR4 is 0x%llx, and VT-x does not run with that", hal_cpu_id(), (unsigned long long)cr4);
		return E_UNSUPPORTED;
	}
	cpu_set_cr0(cr0);
	cpu_set_cr4(cr4);
	return OK;
}

static err_t vmx_cpu_enable(void)
{
	struct vmx_cpu *c = vmx_cpu();
	err_t err;

	if (c->enabled)
		return OK;
	if ((cpu_rdmsr(MSR_VMX_BASIC) & VMX_BASIC_REVISION) != vmx_caps.revision) {
		log_error("vmx", "CPU %u is of another make than CPU 0", hal_cpu_id());
		return E_UNSUPPORTED;
	}
	err = feature_control();
	if (err == OK)
		err = fixed_bits();
	if (err == OK)
		err = page_alloc(&pool_core, 0, PAGE_HOST, &c->region);
	if (err != OK)
		return err;
	*(uint32_t *)hal_direct(c->region) = vmx_caps.revision;
	if (!vmx_on(&c->region.v)) {
		page_free(&pool_core, c->region, 0, PAGE_HOST);
		return E_IO;
	}
	c->current = c->msrs = c->settled = NULL;
	cpu_tables(&c->tables);
	err = vmx_translations_init(c);
	if (err != OK) {
		vmx_off();
		page_free(&pool_core, c->region, 0, PAGE_HOST);
		return err;
	}
	if (vmx_has2(VMX_PROC2_XSAVES))
		cpu_wrmsr(MSR_XSS, 0); /* is the guests' as well, and stays so */
	host_cpu_init();
	c->enabled = true;
	return OK;
}

static void vmx_cpu_disable(void)
{
	struct vmx_cpu *c = vmx_cpu();

	if (!c->enabled)
		return;
	vmx_off();
	cpu_set_cr4(cpu_cr4() & ~X86_CR4_VMXE);
	page_free(&pool_core, c->region, 0, PAGE_HOST);
	*c = (struct vmx_cpu){ 0 };
}

static const struct stage2_format *vmx_stage2_format(void)
{
	return &stage2_ept;
}

/* ---- objects ---- */

static err_t vmx_vm_init(struct vm *vm)
{
	struct vmx_vm *m = pool_alloc(&vm->pool, sizeof(*m));

	if (!m)
		return E_NOMEM;
	m->id = atomic_fetch_add(&vmx_next_vm_id, 1);
	atomic_store(&m->flushes, 1);
	vm->hv = m;
	return OK;
}

static void vmx_vm_fini(struct vm *vm)
{
	if (vm->hv)
		pool_free(&vm->pool, vm->hv, sizeof(struct vmx_vm));
	vm->hv = NULL;
}

static void vmx_tlb_flush(struct vm *vm, struct gpa a, uint64_t len)
{
	struct vmx_vm *m = vm->hv;

	(void)a, (void)len; /* INVEPT has no finer way for a guest-physical range */
	if (m)
		atomic_fetch_add(&m->flushes, 1);
}

static void vmx_vcpu_fini(struct vcpu *v)
{
	struct vmx_vcpu *s = vmx_of(v);

	if (!s)
		return;
	BUG_ON(s->live);
	guest_fp_fini(&s->fp, &v->vm->pool);
	vmx_apic_fini(v);
	if (s->vapic.v)
		page_free(&v->vm->pool, s->vapic, 0, PAGE_HOST);
	if (s->vmcs.v)
		page_free(&v->vm->pool, s->vmcs, 0, PAGE_HOST);
	pool_free(&v->vm->pool, s, sizeof(*s));
	v->hv = NULL;
}

static err_t vmx_vcpu_init(struct vcpu *v)
{
	struct vmx_vcpu *s = pool_alloc(&v->vm->pool, sizeof(*s));
	err_t err;

	if (!s)
		return E_NOMEM;
	v->hv = s;
	err = page_alloc(&v->vm->pool, 0, PAGE_HOST, &s->vmcs);
	if (err == OK)
		err = page_alloc(&v->vm->pool, 0, PAGE_HOST, &s->vapic);
	if (err == OK)
		err = vmx_apic_init(v);
	if (err == OK)
		err = guest_fp_init(&s->fp, &v->vm->pool);
	if (err != OK) {
		vmx_vcpu_fini(v);
		return err;
	}
	*(uint32_t *)hal_direct(s->vmcs) = vmx_caps.revision;
	s->unsettled = true;
	regs_reset(&s->regs);
	return OK;
}

/* ---- the run ---- */

/* Another vCPU has run here since, or this one elsewhere, or something has changed of what a CPU holds of it beside the VMCS. */
static void settle(struct vcpu *v, struct vmx_vcpu *s)
{
	const struct vmx_vm *m = v->vm->hv;
	const unsigned cpu = hal_cpu_id();
	struct vmx_cpu *c = &vmx_cpus[cpu];

	if (!s->live)
		vmx_go_live(v);
	vmx_use(s);
	s->cpu = c;
	s->flushed = &m->flushed[cpu];
	vmx_translations(c, v);
	host_cpu_enter_vm(m->id);
	host_cpu_tsc_aux(s->regs.tsc_aux);
	vmx_msrs_load(s);
	c->counter_delta = host_cpu_counter_delta();
	c->settled = s;
	s->unsettled = false;
}

/* An entry that is more than going on. */
static __attribute__((noinline)) void prepare(struct vcpu *v, struct vmx_vcpu *s)
{
	const struct vmx_vm *m = v->vm->hv;

	if (s->unsettled)
		settle(v, s);
	if (s->flush || *s->flushed != atomic_load(&m->flushes))
		vmx_translations(s->cpu, v);
	if (s->loud || s->nmi_pending || s->cr8_watch) /* else as at the last entry */
		vmx_inject_commit(s);
	if (s->apic_home)
		vmx_apic_enter(v);
	if (s->dr_live)
		vmx_dr_load(s);
}

/* RIP and the host's RSP are written by vmx_enter. */
static void write_changed(struct vmx_vcpu *s)
{
	if (s->regs.gpr[REG_RSP] != s->frame.rsp) {
		s->frame.rsp = s->regs.gpr[REG_RSP];
		vmcs_write(VMCS_GUEST_RSP, s->frame.rsp);
	}
	if (s->regs.rflags != s->frame.rflags) {
		s->frame.rflags = s->regs.rflags;
		vmcs_write(VMCS_GUEST_RFLAGS, s->frame.rflags);
	}
}

/* Where the CPU delivers no interrupts the APIC's page holds CR8 alone. */
static volatile uint32_t *shadow_tpr(const struct vmx_vcpu *s)
{
	return (volatile uint32_t *)((char *)hal_direct(s->vapic) + VAPIC_TPR);
}

/* false: there is no way on for the guest. */
static inline bool before_entry(struct vcpu *v, struct vmx_vcpu *s)
{
	const struct vmx_vm *m = v->vm->hv;
	uint64_t offset;

	if (s->extra || *s->flushed != atomic_load(&m->flushes)) {
		if (s->shutdown)
			return false;
		prepare(v, s);
	}
	offset = (uint64_t)v->counter_offset + (uint64_t)s->cpu->counter_delta;
	if (s->tsc_offset != offset) {
		s->tsc_offset = offset;
		vmcs_write(VMCS_TSC_OFFSET, offset);
	}
	if (!vmx_has_interrupts() && vmx_has_tpr_shadow())
		*shadow_tpr(s) = (uint32_t)s->regs.cr8 << 4;
	write_changed(s);
	host_cpu_flush();
	guest_fp_load(&s->fp, s->regs.xcr0);
	if (s->timed) /* last: what is done after it would make it late */
		vmx_timer_write(s);
	return true;
}

static __attribute__((noinline)) void dr_after_exit(struct vmx_vcpu *s)
{
	vmx_dr_save(s);
	if (vmcs_read(VMCS_GUEST_DR7) & 0xff)
		return; /* breakpoints are on: keep loading them */
	s->dr_live = false;
	vmx_set_proc(s, VMX_PROC_MOV_DR, true);
}

/* What interrupted delivery leaves in s->event; returns the external vector that did not reach the guest, 0 none. */
static __attribute__((noinline)) uint8_t events_after_exit(struct vmx_vcpu *s, const struct vmx_exit_in *in)
{
	uint8_t met = 0, irq = s->irq;

	s->irq = 0;
	if (in->reason & VMX_REASON_ENTRY_FAILED)
		return irq; /* nothing was delivered, and the vectoring fields are those of an older exit (SDM 3C 27.8) */
	s->event = 0;
	if (in->idt_event & GUEST_EVENT_VALID)
		vmx_exit_events(in->idt_event, in->idt_error, &s->event, &met);
	s->loud = true; /* for the next entry to look at */
	if (guest_event_is(s->event, GUEST_EVENT_NMI)) /* else the entry that delivers it again is refused */
		vmcs_write(VMCS_GUEST_INTERRUPTIBILITY, vmcs_read(VMCS_GUEST_INTERRUPTIBILITY) & ~(uint64_t)VMX_BLOCKED_BY_NMI);
	if (vmx_has_interrupts())
		return met; /* the CPU took it from the APIC */
	return irq && (met || !s->irq_sent) ? irq : 0;
}

/* Does the handler look at the LAPIC? By its page, by its MSRs, or because a vector goes back into it. */
static bool concerns_lapic(struct vcpu *v, const struct vmx_exit_in *in, unsigned needs)
{
	if ((needs & VMX_NEEDS_LAPIC) || (in->idt_event & GUEST_EVENT_VALID))
		return true;
	if (needs & VMX_NEEDS_MSR)
		return (uint32_t)in->gpr[REG_RCX] - MSR_X2APIC_FIRST < X2APIC_MSRS;
	return (needs & VMX_NEEDS_PHYSICAL) && (in->physical & ~0xfffull) == (lapic_base_msr(v) & LAPIC_BASE_ADDRESS);
}

/* What not every exit needs. */
static __attribute__((noinline)) void read_more(struct vcpu *v, struct vmx_exit_in *in, unsigned needs)
{
	if (needs & VMX_NEEDS_PHYSICAL)
		in->physical = vmcs_read(VMCS_GUEST_PHYSICAL);
	if (needs & VMX_NEEDS_EVENT) {
		in->event = (uint32_t)vmcs_read(VMCS_EXIT_EVENT);
		in->event_error = (uint32_t)vmcs_read(VMCS_EXIT_EVENT_ERROR);
	}
	if (needs & VMX_NEEDS_IDT)
		in->idt_event = (uint32_t)vmcs_read(VMCS_IDT_EVENT);
	if (in->idt_event & GUEST_EVENT_ERROR)
		in->idt_error = (uint32_t)vmcs_read(VMCS_IDT_EVENT_ERROR);
	if (concerns_lapic(v, in, needs))
		vmx_apic_leave(v);
}

static void after_exit(struct vcpu *v, struct vmx_vcpu *s, struct vmx_exit_in *in)
{
	const unsigned needs = vmx_exit_needs(in->reason);

	if (!(in->reason & VMX_REASON_ENTRY_FAILED))
		s->launched = true; /* by an entry that was completed (SDM 3C 27.7) */
	if (needs & VMX_NEEDS_QUALIFICATION)
		in->qualification = vmcs_read(VMCS_QUALIFICATION);
	if (needs & ~VMX_NEEDS_QUALIFICATION)
		read_more(v, in, needs);
	if (!vmx_has_interrupts() && vmx_has_tpr_shadow())
		s->regs.cr8 = *shadow_tpr(s) >> 4 & 0xf;
	if (s->dr_live)
		dr_after_exit(s);
	s->completed = false;
}

static void act_reflect(struct vmx_vcpu *s, const struct vmx_exit_in *in, const struct vmx_decoded *d)
{
	if (d->vector == 1) {
		/* The exit came before DR6 and DR7 were written (SDM 3C 28.1). General detect is off in the handler (SDM 3B 18.2.4). */
		vmx_dr6_met(s, d->debug_bits);
		vmcs_write(VMCS_GUEST_DR7, vmcs_read(VMCS_GUEST_DR7) & ~(1ull << 13));
		/* Delivery would have ended a shadow. Left over, it would ask for a pending single step beside RFLAGS.TF, and this exit has
		 * taken that one away: the entry would be refused (SDM 3C 27.3.1.5). */
		vmx_end_shadow();
	}
	s->completed = true;
	if (guest_event_is(in->event, GUEST_EVENT_INT1)) {
		s->event = in->event & (GUEST_EVENT_VALID | 0x7ff);
		s->event_insn_len = (uint8_t)in->insn_len;
		s->loud = true;
		return;
	}
	vmx_inject_exception(s, d->vector, d->has_error, in->event_error);
}

static __attribute__((noinline)) void after_decode(struct vcpu *v, struct vmx_vcpu *s, const struct vmx_exit_in *in, const struct vmx_decoded *d, struct hv_exit *out)
{
	if (d->nmi_unblocked) /* an IRET that did not complete */
		vmcs_write(VMCS_GUEST_INTERRUPTIBILITY, vmcs_read(VMCS_GUEST_INTERRUPTIBILITY) | VMX_BLOCKED_BY_NMI);
	switch (d->action) {
	case VMX_ACT_EXIT:
		break;
	case VMX_ACT_REFLECT:
		act_reflect(s, in, d);
		break;
	case VMX_ACT_SKIP:
		vmx_skip_to(s, vmx_next_rip(s));
		s->completed = true;
		break;
	case VMX_ACT_DR:
		s->dr_live = true;
		vmx_set_proc(s, VMX_PROC_MOV_DR, false);
		break;
	case VMX_ACT_CR:
		vmx_cr_access(v, in->qualification);
		break;
	case VMX_ACT_INTERRUPT:
		irq_taken(d->vector);
		break;
	case VMX_ACT_EOI:
		lapic_eoi_done(v, (uint8_t)in->qualification);
		s->completed = true;
		break;
	case VMX_ACT_APIC_WRITE:
		vmx_apic_written(v, (unsigned)in->qualification);
		s->completed = true;
		break;
	case VMX_ACT_NMI:
		vmx_host_nmi();
		break;
	case VMX_ACT_ENTRY_FAILED:
		if ((in->reason & 0xffff) == VMX_EXIT_GUEST_STATE && vmx_explain_state(vmcs_read, s->why, sizeof(s->why)))
			out->invalid.text = s->why;
		vmx_dump(v, out->invalid.text);
		break;
	case VMX_ACT_MACHINE_CHECK:
		cpu_machine_check();
		break;
	}
	if (s->shutdown)
		out->kind = HV_EXIT_SHUTDOWN;
}

/* VMLAUNCH or VMRESUME itself failed: the guest has not run. */
static __attribute__((noinline)) void not_entered(struct vcpu *v, struct vmx_vcpu *s, struct hv_exit *out)
{
	vmx_apic_leave(v);
	if (s->dr_live)
		vmx_dr_save(s);
	*out = (struct hv_exit){ .kind = HV_EXIT_INVALID, .undelivered = s->irq, .cr8 = (uint8_t)s->regs.cr8 };
	out->invalid.text = "VMX's controls or the host's state are not legal";
	out->invalid.code = vmcs_read(VMCS_INSN_ERROR);
	s->irq = 0;
	vmx_dump(v, out->invalid.text);
}

static void vmx_vcpu_leave(struct vcpu *v)
{
	guest_fp_save(&vmx_of(v)->fp);
}

static __attribute__((noinline)) void stay_shut_down(struct vmx_vcpu *s, struct hv_exit *out)
{
	*out = (struct hv_exit){ .kind = HV_EXIT_SHUTDOWN, .undelivered = s->irq, .cr8 = (uint8_t)s->regs.cr8 };
	s->irq = 0;
}

static void vmx_vcpu_run(struct vcpu *v, struct hv_exit *out)
{
	struct vmx_vcpu *s = vmx_of(v);
	struct vmx_exit_in *in = &s->in;
	struct vmx_decoded *d = &s->decoded;

	if (!before_entry(v, s)) {
		stay_shut_down(s, out);
		return;
	}
	if (vmx_enter(s->regs.gpr, &s->regs.cr2, s->launched, &s->frame) != 0) {
		not_entered(v, s, out);
		return;
	}
	in->reason = (uint32_t)s->frame.reason;
	in->insn_len = (uint32_t)s->frame.insn_len;
	in->event = in->event_error = in->idt_event = in->idt_error = 0;
	in->qualification = in->physical = 0;
	in->gpr = s->regs.gpr;
	after_exit(v, s, in);
	vmx_exit_decode(in, out, d);
	if (s->loud || (in->idt_event & GUEST_EVENT_VALID))
		out->undelivered = events_after_exit(s, in);
	if (d->action != VMX_ACT_EXIT || d->nmi_unblocked)
		after_decode(v, s, in, d, out);
	out->cr8 = (uint8_t)s->regs.cr8;
	if (out->kind == HV_EXIT_HOST)
		vmx_host_limits();
}

const struct hv_ops hv_vmx = {
	.name = "vmx",
	.probe = vmx_probe,
	.cpu_enable = vmx_cpu_enable,
	.cpu_disable = vmx_cpu_disable,
	.stage2_format = vmx_stage2_format,
	.vm_init = vmx_vm_init,
	.vm_fini = vmx_vm_fini,
	.tlb_flush = vmx_tlb_flush,
	.vcpu_init = vmx_vcpu_init,
	.vcpu_fini = vmx_vcpu_fini,
	.vcpu_park = vmx_park,
	.vcpu_leave = vmx_vcpu_leave,
	.vcpu_run = vmx_vcpu_run,
	.vcpu_settle = vmx_apic_leave,
	.vcpu_deadline = vmx_deadline,
	.vcpu_complete = vmx_complete,
	.vcpu_inject = vmx_inject,
	.vcpu_post = vmx_post,
	.vcpu_get_regs = vmx_get_regs,
	.vcpu_set_regs = vmx_set_regs,
	.arch = &vmx_arch_ops,
};
