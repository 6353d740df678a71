/* SPDX-License-Identifier: Apache-2.0 */
/* An aarch64 VM without machine and scheduler, for tests of the interrupt controller: plain structs with a pool and a bus. Defines vcpu_kick
 * as a counter, so that the real one is not linked. One include per program. */
#ifndef TESTS_UNIT_AARCH64_BARE_ARM_H
#define TESTS_UNIT_AARCH64_BARE_ARM_H
#include <core/arith.h>
#include <fake/fake.h>
#include <stdatomic.h>
#include <string.h>
#include <vmm/aarch64/vgic.h>
#include <vmm/vm.h>
#include "gicv.h"

static struct vm bare;
static struct vcpu bare_vcpus[VM_MAX_VCPUS];
static atomic_uint kicks[VM_MAX_VCPUS];

void vcpu_kick(struct vcpu *v) { atomic_fetch_add(&kicks[v->index], 1); }

/* vCPUs, but nothing of the machine; true when that worked. */
static inline bool bare_vcpus_init(unsigned n)
{
	memset(&bare, 0, sizeof(bare));
	memset(bare_vcpus, 0, sizeof(bare_vcpus));
	memset(kicks, 0, sizeof(kicks));
	memset(gicv_deactivated, 0, sizeof(gicv_deactivated));
	pool_init(&bare.pool, "bare", &pool_root, UINT64_MAX);
	bus_init(&bare.mmio, 1ull << 40);
	spin_init(&bare.lock);
	bare.vcpus = bare_vcpus;
	for (unsigned i = 0; i < n; i++) {
		bare_vcpus[i].vm = &bare;
		bare_vcpus[i].index = i;
		if (vgic_vcpu_init(&bare_vcpus[i]) != OK)
			return false;
	}
	bare.nvcpus = n;
	return true;
}

static inline bool bare_init(unsigned n)
{
	return bare_vcpus_init(n) && vgic_create(&bare) == OK;
}

/* True when everything was given back. */
static inline bool bare_fini(void)
{
	vgic_destroy(&bare);
	for (unsigned i = 0; i < bare.nvcpus; i++)
		vgic_vcpu_fini(&bare_vcpus[i]);
	if (bare.pool.used_pages != 0 || bare.mmio.n != 0)
		return false;
	pool_fini(&bare.pool);
	return true;
}

static inline uint64_t mmio_rd(uint64_t a, unsigned size)
{
	uint64_t v = 0xdead;

	return bus_read(&bare.mmio, a, size, &v) ? v : 0xdeadull << 48;
}

static inline void mmio_wr(uint64_t a, unsigned size, uint64_t v) { (void)bus_write(&bare.mmio, a, size, v); }

/* The frames' registers, 32 bits. */
static inline uint32_t gicd(unsigned off) { return (uint32_t)mmio_rd(VIRT_GICD + off, 4); }
static inline void gicd_set(unsigned off, uint32_t v) { mmio_wr(VIRT_GICD + off, 4, v); }
static inline uint64_t gicr_base(unsigned cpu) { return VIRT_GICR + cpu * VIRT_GICR_STRIDE; }
static inline uint32_t gicr(unsigned cpu, unsigned off) { return (uint32_t)mmio_rd(gicr_base(cpu) + off, 4); }
static inline void gicr_set(unsigned cpu, unsigned off, uint32_t v) { mmio_wr(gicr_base(cpu) + off, 4, v); }
enum { GICD_CTLR = 0, GICD_TYPER = 4, IGROUPR = 0x80, ISENABLER = 0x100, ICENABLER = 0x180, ISPENDR = 0x200, ICPENDR = 0x280, ISACTIVER = 0x300,
       ICACTIVER = 0x380, IPRIORITYR = 0x400, ICFGR = 0xc00, IROUTER = 0x6000, SETSPI = 0x40, CLRSPI = 0x48, SGI_BASE = 0x10000 };

/* The registers with a bit for each interrupt: of a private one of cpu, or of a shared one. */
static inline void bit_set(unsigned cpu, unsigned family, unsigned intid)
{
	if (intid < 32)
		gicr_set(cpu, SGI_BASE + family, 1u << intid);
	else
		gicd_set(family + intid / 32 * 4, 1u << (intid % 32));
}

static inline bool bit(unsigned cpu, unsigned family, unsigned intid)
{
	return (intid < 32 ? gicr(cpu, SGI_BASE + family) : gicd(family + intid / 32 * 4)) >> (intid % 32) & 1;
}

static inline void set_priority(unsigned cpu, unsigned intid, uint8_t p)
{
	mmio_wr((intid < 32 ? gicr_base(cpu) + SGI_BASE : VIRT_GICD) + IPRIORITYR + intid, 1, p);
}

static inline void set_edge(unsigned intid) { gicd_set(ICFGR + intid / 16 * 4, gicd(ICFGR + intid / 16 * 4) | 2u << (intid % 16 * 2)); }

#endif
