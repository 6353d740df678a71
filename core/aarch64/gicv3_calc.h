/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers that GICv3 wants packed: the SGI register's value and the commands of a translation service. Pure. Within core/aarch64 only. */
#ifndef CORE_AARCH64_GICV3_CALC_H
#define CORE_AARCH64_GICV3_CALC_H
#include <stdint.h>

/* ICC_SGI1R_EL1 (IHI0069 12.2.20) for one CPU: a bit of 16 by Aff0, the rest of the affinity beside. mpidr: affinity fields. */
static inline uint64_t gicv3_sgi1r(uint64_t mpidr, unsigned sgi)
{
	uint64_t aff0 = mpidr & 0xff;

	return (mpidr >> 32 & 0xff) << 48 | (aff0 >> 4) << 44 | (mpidr >> 16 & 0xff) << 32 | (uint64_t)sgi << 24 | (mpidr >> 8 & 0xff) << 16 |
	       1ull << (aff0 & 15);
}

/* Commands of the translation service (IHI0069 5.3): three words of meaning, a fourth of zero. */
struct its_cmd { uint64_t w[3]; };
enum { ITS_SYNC = 0x5, ITS_MAPD = 0x8, ITS_MAPC = 0x9, ITS_MAPTI = 0xa, ITS_INV = 0xc };
#define ITS_VALID (1ull << 63)

/* A device's table of 2^bits events at itt, aligned to 256 bytes. */
static inline struct its_cmd its_mapd(uint32_t device, unsigned bits, uint64_t itt)
{
	return (struct its_cmd){{ITS_MAPD | (uint64_t)device << 32, bits - 1, ITS_VALID | itt}};
}

/* target: as struct its wants it, in bits 51:16. */
static inline struct its_cmd its_mapc(uint16_t collection, uint64_t target)
{
	return (struct its_cmd){{ITS_MAPC, 0, ITS_VALID | target | collection}};
}

static inline struct its_cmd its_mapti(uint32_t device, uint32_t event, uint32_t intid, uint16_t collection)
{
	return (struct its_cmd){{ITS_MAPTI | (uint64_t)device << 32, (uint64_t)intid << 32 | event, collection}};
}

static inline struct its_cmd its_inv(uint32_t device, uint32_t event)
{
	return (struct its_cmd){{ITS_INV | (uint64_t)device << 32, event, 0}};
}

static inline struct its_cmd its_sync(uint64_t target)
{
	return (struct its_cmd){{ITS_SYNC, 0, target}};
}

#endif
