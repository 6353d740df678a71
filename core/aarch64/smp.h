/* SPDX-License-Identifier: Apache-2.0 */
/* What the start-up code (mmu.S) reads with the MMU off. Offsets are spelled out there. Within core/aarch64 only. */
#ifndef CORE_AARCH64_SMP_H
#define CORE_AARCH64_SMP_H
#include "mmu.h"

struct start_params {
	struct mmu_regs mmu;
	uint64_t stack, entry, arg, vectors;
};
_Static_assert(offsetof(struct start_params, stack) == 40 && offsetof(struct start_params, vectors) == 64, "mmu.S");

extern const char start_secondary[] __attribute__((visibility("hidden")));

#endif
