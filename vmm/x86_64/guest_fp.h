/* SPDX-License-Identifier: Apache-2.0 */
/* FPU, vector and debug registers of a guest, which no backend's hardware switches. Own CPU, directly around the world switch; init, fini
 * and reset on CPU 0 while parked. For the backends alone. */
#ifndef VMM_X86_64_GUEST_FP_H
#define VMM_X86_64_GUEST_FP_H
#include <core/err.h>
#include <core/page.h>
#include <stdint.h>

struct guest_fp { void *area, *raw; /* XSAVE area, 64-byte aligned, and the allocation */ };

err_t guest_fp_init(struct guest_fp *f, struct pool *pool) MUST_CHECK;
void guest_fp_fini(struct guest_fp *f, struct pool *pool);
void guest_fp_reset(struct guest_fp *f);
/* xcr0: the guest's. */
void guest_fp_load(const struct guest_fp *f, uint64_t xcr0);
void guest_fp_save(const struct guest_fp *f, uint64_t xcr0);

void guest_dr_load(const uint64_t dr[4]);
void guest_dr_save(uint64_t dr[4]);

#endif
