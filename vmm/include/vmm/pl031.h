/* SPDX-License-Identifier: Apache-2.0 */
/* A guest's PL031 clock (Arm DDI0224): host UTC in seconds, read-only; no alarm. Embedded in the machine; under vm->lock. */
#ifndef VMM_PL031_H
#define VMM_PL031_H
#include <stdint.h>
#include <vmm/bus.h>

/* Guest-visible state; plain, so that it can travel. */
struct pl031 { uint32_t match, load; uint8_t imsc; };
extern const struct bus_ops pl031_ops; /* 4 KiB; ctx: struct pl031 */
void pl031_reset(struct pl031 *r);

#endif
