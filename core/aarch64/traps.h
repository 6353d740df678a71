/* SPDX-License-Identifier: Apache-2.0 */
/* Exceptions on their way from the vectors (traps.S) to C. Within core/aarch64 only. */
#ifndef CORE_AARCH64_TRAPS_H
#define CORE_AARCH64_TRAPS_H
#include <core/aarch64/el2.h>
#include <stddef.h>
#include <stdint.h>

/* The same table with EL1's registers; EL2's is trap_vectors. */
extern const char trap_vectors_el1[] __attribute__((visibility("hidden")));

/* As traps.S writes it, on the CPU's emergency stack. */
struct trap_frame {
	uint64_t x[31], sp, pc, pstate, esr, far;
	uint64_t vector; /* 0-15, offset in the table / 128 (DDI0487 D1.3.1.5) */
	uint64_t pad;
};
_Static_assert(sizeof(struct trap_frame) == 304 && offsetof(struct trap_frame, vector) == 288, "traps.S");

_Noreturn void trap_dispatch(const struct trap_frame *f);

#endif
