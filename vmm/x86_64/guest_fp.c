/* SPDX-License-Identifier: Apache-2.0 */
/* Guest state that no world switch switches: FPU and vector registers, XCR0, debug registers. Own CPU, directly around it. The monitor and
 * core are compiled for general registers only, so a guest's FPU stays loaded over its exits until the slice ends. Should other code want
 * the registers meanwhile, CR0.TS makes that a #NM (SDM 3A 2.5), and the guest's go to memory first. None is loaded while another guest
 * runs, so that nothing can be read past TS by speculation. Knows no backend. */
#include "guest_fp.h"
#include <stddef.h>
#include <core/hal.h>
#include <core/panic.h>
#include <string.h>
#include <vmm/x86_64/regs.h>
#include "host_cpu.h"

/* The legacy area of XSAVE and FXSAVE (SDM 1 13.4.1): control words at 0 and 24; the header after it says that all components are
 * in their initial state. Doubles as what the host continues with. */
#define FCW_RESET 0x37f
#define MXCSR_RESET 0x1f80
#define FP_ALIGN 64
struct fp_area { uint16_t fcw; uint8_t pad[22]; uint32_t mxcsr, mxcsr_mask; uint8_t rest[512 - 32]; uint64_t xstate_bv, header[7]; };
_Static_assert(offsetof(struct fp_area, mxcsr) == 24 && sizeof(struct fp_area) == 576, "SDM 1 table 13-1, 13.4.2");
static const _Alignas(FP_ALIGN) struct fp_area fp_host = { .fcw = FCW_RESET, .mxcsr = MXCSR_RESET };
static struct guest_fp *fp_live[HAL_MAX_CPUS]; /* whose registers a CPU holds; its own CPU's alone */

static size_t fp_alloc_size(void)
{
	return host_features.fp_size + FP_ALIGN;
}

err_t guest_fp_init(struct guest_fp *f, struct pool *pool)
{
	f->raw = pool_alloc(pool, fp_alloc_size());
	if (!f->raw)
		return E_NOMEM;
	f->area = (void *)(((uintptr_t)f->raw + FP_ALIGN - 1) & ~(uintptr_t)(FP_ALIGN - 1));
	guest_fp_reset(f);
	return OK;
}

void guest_fp_fini(struct guest_fp *f, struct pool *pool)
{
	if (f->raw)
		pool_free(pool, f->raw, fp_alloc_size());
	f->area = f->raw = NULL;
}

void guest_fp_reset(struct guest_fp *f)
{
	struct fp_area *a = f->area;

	BUG_ON(f->live);
	memset(a, 0, host_features.fp_size);
	a->fcw = FCW_RESET;
	a->mxcsr = MXCSR_RESET;
}

/* The area is loaded with the host's XCR0, which covers all that the guest may enable. */
void guest_fp_bring(struct guest_fp *f, uint64_t xcr0)
{
	guest_fp_save(f); /* when it is XCR0 alone that has changed */
	if (host_features.xcr0)
		cpu_xrstor(f->area, host_features.xcr0);
	else
		cpu_fxrstor(f->area);
	if (host_features.xcr0 && xcr0 != host_features.xcr0)
		cpu_xsetbv(xcr0);
	f->xcr0 = xcr0;
	f->live = true;
	fp_live[hal_cpu_id()] = f;
	cpu_set_cr0(cpu_cr0() | X86_CR0_TS);
}

void guest_fp_save(struct guest_fp *f)
{
	if (!f->live)
		return;
	cpu_set_cr0(cpu_cr0() & ~X86_CR0_TS);
	f->live = false;
	fp_live[hal_cpu_id()] = NULL;
	if (!host_features.xcr0) {
		cpu_fxsave(f->area);
		cpu_fp_forget_pointers();
		cpu_fxrstor(&fp_host);
		return;
	}
	if (f->xcr0 != host_features.xcr0)
		cpu_xsetbv(host_features.xcr0);
	cpu_xsave(f->area, host_features.xcr0);
	cpu_fp_forget_pointers();
	cpu_xrstor(&fp_host, host_features.xcr0);
}

bool guest_fp_yield(void)
{
	struct guest_fp *f = fp_live[hal_cpu_id()];

	if (f)
		guest_fp_save(f);
	return f;
}

/* Only guests that have touched them since the last exit pay for DR0-DR3. The host uses none. */
void guest_dr_load(const uint64_t dr[4])
{
	__asm__ volatile("mov %0, %%db0" : : "r"(dr[0]));
	__asm__ volatile("mov %0, %%db1" : : "r"(dr[1]));
	__asm__ volatile("mov %0, %%db2" : : "r"(dr[2]));
	__asm__ volatile("mov %0, %%db3" : : "r"(dr[3]));
}

void guest_dr_save(uint64_t dr[4])
{
	__asm__ volatile("mov %%db0, %0" : "=r"(dr[0]));
	__asm__ volatile("mov %%db1, %0" : "=r"(dr[1]));
	__asm__ volatile("mov %%db2, %0" : "=r"(dr[2]));
	__asm__ volatile("mov %%db3, %0" : "=r"(dr[3]));
}
