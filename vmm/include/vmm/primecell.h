/* SPDX-License-Identifier: Apache-2.0 */
/* The identification registers that every Arm PrimeCell has at the end of its page. Pure. */
#ifndef VMM_PRIMECELL_H
#define VMM_PRIMECELL_H
#include <stdint.h>

#define PRIMECELL_ID 0xfe0 /* PeriphID0..3, PCellID0..3: one byte each, four bytes apart */

/* part: 12-bit part number in BCD ("0x011" is PL011); designer is Arm (0x41), then the revision. off is a register's offset, PRIMECELL_ID or above. */
static inline uint8_t primecell_id(uint16_t part, uint8_t revision, uint64_t off)
{
	const uint8_t id[8] = {(uint8_t)part, (uint8_t)(0x10 | part >> 8), (uint8_t)(revision << 4 | 0x4), 0, 0x0d, 0xf0, 0x05, 0xb1};

	return id[(off - PRIMECELL_ID) / 4 & 7];
}

#endif
