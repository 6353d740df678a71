/* SPDX-License-Identifier: Apache-2.0 */
/* An event on its way into a guest. AMD's EVENTINJ and Intel's VM-entry interruption information agree in the low half (APM 2 15.20,
 * SDM 3C 25.8.3); the high half holds the error code. For the backends alone; pure. */
#ifndef VMM_X86_64_GUEST_EVENT_H
#define VMM_X86_64_GUEST_EVENT_H
#include <stdbool.h>
#include <stdint.h>

#define GUEST_EVENT_VECTOR 0xffull
#define GUEST_EVENT_TYPE(e) (((e) >> 8) & 7)
#define GUEST_EVENT_INTR 0ull
#define GUEST_EVENT_NMI 2ull
#define GUEST_EVENT_EXC 3ull
#define GUEST_EVENT_SOFT 4ull
#define GUEST_EVENT_INT1 5ull /* Intel's alone */
#define GUEST_EVENT_ERROR (1ull << 11)
#define GUEST_EVENT_VALID (1ull << 31)
#define GUEST_EVENT_NMI_NOW (GUEST_EVENT_VALID | GUEST_EVENT_NMI << 8 | 2)

static inline bool guest_event_is(uint64_t e, uint64_t type)
{
	return (e & GUEST_EVENT_VALID) && GUEST_EVENT_TYPE(e) == type;
}
uint64_t guest_event_exception(uint8_t vector, bool has_error, uint32_t error);
/* Two exceptions at once (SDM 3A table 6-5, APM 2 8.2.9). first may be no event. Returns the one to deliver, 0 for shutdown. */
uint64_t guest_event_combine(uint64_t first, uint64_t second);

#endif
