/* SPDX-License-Identifier: Apache-2.0 */
/* Counter ticks to nanoseconds and back, exact to the unit and saturating, without 128-bit division. Pure. Must not grow into
 * a clock: offsets belong to the VM. */
#ifndef VMM_TICKS_H
#define VMM_TICKS_H
#include <core/arith.h>
#include <stdint.h>

/* v * num / den rounded down, UINT64_MAX when it does not fit. num * den must fit 64 bits; den not 0. */
static inline uint64_t scale_u64(uint64_t v, uint64_t num, uint64_t den)
{
	uint64_t whole, sum;

	if (!mul_ok(v / den, num, &whole) || !add_ok(whole, (v % den) * num / den, &sum))
		return UINT64_MAX;
	return sum;
}

/* hz: 1..10^10, so that the products above fit. */
static inline uint64_t ticks_to_ns(uint64_t ticks, uint64_t hz) { return scale_u64(ticks, NS_PER_S, hz); }
static inline uint64_t ns_to_ticks(uint64_t ns, uint64_t hz) { return scale_u64(ns, hz, NS_PER_S); }

#endif
