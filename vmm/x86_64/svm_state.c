/* SPDX-License-Identifier: Apache-2.0 */
/* Guest state that VMRUN does not switch: FPU and vector registers, XCR0, debug registers; and the choice of ASIDs. Own CPU,
 * directly around the world switch. The FPU is switched at every entry, since what runs between two exits (a console's
 * consumer on this CPU) may use vector registers. Compiled for general registers only. */
#include "svm.h"
#include <core/page.h>
#include <limits.h>
#include <string.h>
#include "svm_cpu.h"

/* The legacy area of XSAVE and FXSAVE (SDM 1 13.4.1): control words at 0 and 24; the header after it says that all components are
 * in their initial state. Doubles as what the host continues with. */
#define FCW_RESET 0x37f
#define MXCSR_RESET 0x1f80
#define FP_ALIGN 64
struct fp_area { uint16_t fcw; uint8_t pad[22]; uint32_t mxcsr, mxcsr_mask; uint8_t rest[512 - 32]; uint64_t xstate_bv, header[7]; };
_Static_assert(offsetof(struct fp_area, mxcsr) == 24 && sizeof(struct fp_area) == 576, "SDM 1 table 13-1, 13.4.2");
static const _Alignas(FP_ALIGN) struct fp_area fp_host = { .fcw = FCW_RESET, .mxcsr = MXCSR_RESET };

static size_t fp_alloc_size(void)
{
	return svm_features.fp_size + FP_ALIGN;
}

err_t svm_fp_init(struct vcpu *v)
{
	struct svm_vcpu *s = svm_of(v);

	s->fp_raw = pool_alloc(&v->vm->pool, fp_alloc_size());
	if (!s->fp_raw)
		return E_NOMEM;
	s->fp = (void *)(((uintptr_t)s->fp_raw + FP_ALIGN - 1) & ~(uintptr_t)(FP_ALIGN - 1));
	svm_fp_reset(s);
	return OK;
}

void svm_fp_fini(struct vcpu *v)
{
	struct svm_vcpu *s = svm_of(v);

	if (s->fp_raw)
		pool_free(&v->vm->pool, s->fp_raw, fp_alloc_size());
	s->fp = s->fp_raw = NULL;
}

void svm_fp_reset(struct svm_vcpu *s)
{
	struct fp_area *a = s->fp;

	memset(a, 0, svm_features.fp_size);
	a->fcw = FCW_RESET;
	a->mxcsr = MXCSR_RESET;
}

/* The area is loaded with the host's XCR0, which covers all that the guest may enable. */
void svm_fp_load(const struct svm_vcpu *s)
{
	if (!svm_features.host_xcr0) {
		cpu_fxrstor(s->fp);
		return;
	}
	cpu_xrstor(s->fp, svm_features.host_xcr0);
	if (s->xcr0 != svm_features.host_xcr0)
		cpu_xsetbv(s->xcr0);
}

void svm_fp_save(const struct svm_vcpu *s)
{
	if (!svm_features.host_xcr0) {
		cpu_fxsave(s->fp);
		cpu_fxrstor(&fp_host);
		return;
	}
	if (s->xcr0 != svm_features.host_xcr0)
		cpu_xsetbv(svm_features.host_xcr0);
	cpu_xsave(s->fp, svm_features.host_xcr0);
	cpu_xrstor(&fp_host, svm_features.host_xcr0);
}

/* Only guests that have touched them since the last exit pay for DR0-DR3; DR6 and DR7 are the VMCB's. The host uses none. */
void svm_dr_load(const struct svm_vcpu *s)
{
	__asm__ volatile("mov %0, %%db0" : : "r"(s->dr[0]));
	__asm__ volatile("mov %0, %%db1" : : "r"(s->dr[1]));
	__asm__ volatile("mov %0, %%db2" : : "r"(s->dr[2]));
	__asm__ volatile("mov %0, %%db3" : : "r"(s->dr[3]));
}

void svm_dr_save(struct svm_vcpu *s)
{
	__asm__ volatile("mov %%db0, %0" : "=r"(s->dr[0]));
	__asm__ volatile("mov %%db1, %0" : "=r"(s->dr[1]));
	__asm__ volatile("mov %%db2, %0" : "=r"(s->dr[2]));
	__asm__ volatile("mov %%db3, %0" : "=r"(s->dr[3]));
}

/* ASIDs are handed out in order, per CPU; when they run out, a new generation starts with a full flush, and every vCPU asks again.
 * A vCPU that comes from another CPU, or whose VM asked for a flush, takes a new one: it has no translations. */
void svm_asid_assign(struct svm_cpu *c, struct svm_vcpu *s, uint32_t flushes)
{
	struct vmcb_control *ctl = &s->vmcb->c;
	bool stale = s->flushes_seen != flushes;

	ctl->tlb_control = SVM_TLB_KEEP;
	s->flushes_seen = flushes;
	if (s->asid_generation == c->generation && ctl->asid != 0) {
		if (!stale)
			return;
		if (svm_has(SVM_F_FLUSH_BY_ASID)) {
			ctl->tlb_control = SVM_TLB_FLUSH_ASID;
			return;
		}
	}
	if (c->next_asid >= svm_features.asids) {
		c->generation++;
		c->next_asid = 1;
		ctl->tlb_control = SVM_TLB_FLUSH_ALL;
	}
	ctl->asid = c->next_asid++;
	s->asid_generation = c->generation;
	s->clean &= ~SVM_CLEAN_ASID;
}
