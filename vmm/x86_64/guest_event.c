/* SPDX-License-Identifier: Apache-2.0 */
/* Exceptions on their way into a guest, and what becomes of two at once. Pure; knows no backend. */
#include "guest_event.h"

enum { EXC_DF = 8, EXC_PF = 14 };

uint64_t guest_event_exception(uint8_t vector, bool has_error, uint32_t error)
{
	uint64_t e = GUEST_EVENT_VALID | GUEST_EVENT_EXC << 8 | vector;

	return has_error ? e | GUEST_EVENT_ERROR | (uint64_t)error << 32 : e;
}

static bool contributory(uint8_t vector)
{
	return vector == 0 || (vector >= 10 && vector <= 13);
}

uint64_t guest_event_combine(uint64_t first, uint64_t second)
{
	uint8_t a = first & GUEST_EVENT_VECTOR, b = second & GUEST_EVENT_VECTOR;

	if (!guest_event_is(first, GUEST_EVENT_EXC))
		return second;
	if (a == EXC_DF)
		return contributory(b) || b == EXC_PF || b == EXC_DF ? 0 : second;
	if ((contributory(a) && contributory(b)) || (a == EXC_PF && (contributory(b) || b == EXC_PF)))
		return guest_event_exception(EXC_DF, true, 0);
	return second;
}
