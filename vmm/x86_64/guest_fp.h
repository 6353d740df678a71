/* SPDX-License-Identifier: Apache-2.0 */
/* FPU, vector and debug registers of a guest, which no backend's hardware switches. Own CPU, directly around the world switch; init, fini
 * and reset on CPU 0 while parked. For the backends alone. */
#ifndef VMM_X86_64_GUEST_FP_H
#define VMM_X86_64_GUEST_FP_H
#include <core/err.h>
#include <core/page.h>
#include <stdbool.h>
#include <stdint.h>

struct guest_fp {
	void *area, *raw;        /* XSAVE area, 64-byte aligned, and the allocation */
	uint64_t xcr0;           /* live: what XCR0 is */
	bool live;               /* the registers are the guest's, and CR0.TS guards them from the host */
};

err_t guest_fp_init(struct guest_fp *f, struct pool *pool) MUST_CHECK;
void guest_fp_fini(struct guest_fp *f, struct pool *pool);
void guest_fp_reset(struct guest_fp *f);
/* Before an entry. xcr0: the guest's. */
void guest_fp_bring(struct guest_fp *f, uint64_t xcr0);
static inline void guest_fp_load(struct guest_fp *f, uint64_t xcr0)
{
	if (!f->live || f->xcr0 != xcr0)
		guest_fp_bring(f, xcr0);
}
/* The host's own come back. */
void guest_fp_save(struct guest_fp *f);
/* What hal_fp_guard asks for: some host code wants the registers of this CPU. false: they are the host's already. */
bool guest_fp_yield(void);

void guest_dr_load(const uint64_t dr[4]);
void guest_dr_save(uint64_t dr[4]);

#endif
