/* SPDX-License-Identifier: Apache-2.0 */
/* A VM on the EL2 backend with a played CPU, for tests of the monitor's aarch64 part: three vCPUs, 1 MiB of RAM, two host CPUs. One
 * include per program. */
#ifndef TESTS_UNIT_AARCH64_EL2_BENCH_H
#define TESTS_UNIT_AARCH64_EL2_BENCH_H
#include <core/arith.h>
#include <fake/aarch64/fake_hw.h>
#include <fake/fake.h>
#include <string.h>
#include <vmm/machine.h>
#include "../../../vmm/aarch64/arm.h"
#include "../../../vmm/aarch64/el2.h"
#include "../../../vmm/aarch64/inject.h"

static struct vm bare;

#define BENCH_VCPUS 3
#define BENCH_RAM 0x40000000ull
static struct vcpu bare_vcpus[BENCH_VCPUS];
static char reason[HV_REASON_MAX];

static inline struct vcpu *vcpu_at(unsigned i) { return &bare_vcpus[i]; }
static inline struct arch_regs *regs_at(unsigned i) { return &el2_of(vcpu_at(i))->f.regs; }

static inline bool bench_vm(void)
{
	memset(&bare, 0, sizeof bare);
	memset(bare_vcpus, 0, sizeof bare_vcpus);
	pool_init(&bare.pool, "bench", &pool_root, UINT64_MAX);
	bus_init(&bare.mmio, 1ull << 40);
	spin_init(&bare.lock);
	spin_init(&bare.log_lock);
	bare.vcpus = bare_vcpus;
	if (gmem_create(&bare.pool, hv_el2.stage2_format(), 0, &bare.mem) != OK || gmem_add_ram(bare.mem, GPA(BENCH_RAM), MIB) != OK || hv_el2.vm_init(&bare) != OK)
		return false;
	for (unsigned i = 0; i < BENCH_VCPUS; i++) {
		struct vcpu *v = vcpu_at(i);

		v->vm = &bare;
		v->index = i;
		sched_entity_init(&v->se, NULL, SCHED_WEIGHT_DEFAULT);
		if (arch_vcpu_init(v) != OK || hv_el2.vcpu_init(v) != OK)
			return false;
	}
	bare.nvcpus = BENCH_VCPUS;
	return vgic_create(&bare) == OK;
}

/* Once per program. */
static inline bool bench_start(void)
{
	hv_current = &hv_el2;
	fake_init(64 * MIB, 2);
	fake_hw_reset();
	if (el2_probe(reason) != OK)
		return false;
	for (unsigned cpu = 0; cpu < 2; cpu++) {
		fake_cpu_set(cpu);
		if (hv_el2.cpu_enable() != OK)
			return false;
	}
	fake_cpu_set(0);
	arch_hv_init(&hv_el2);
	return bench_vm();
}

static inline bool bench_end(void)
{
	for (unsigned i = 0; i < BENCH_VCPUS; i++) {
		hv_el2.vcpu_park(vcpu_at(i));
		hv_el2.vcpu_fini(vcpu_at(i));
		arch_vcpu_fini(vcpu_at(i));
	}
	vgic_destroy(&bare);
	gmem_destroy(bare.mem);
	hv_el2.vm_fini(&bare);
	return bare.pool.used_pages == 0;
}

static inline struct hv_exit run(unsigned i)
{
	struct hv_exit e;

	hv_el2.vcpu_run(vcpu_at(i), &e);
	return e;
}

/* A guest that exits by this syndrome. */
static uint64_t exit_esr;
static unsigned by_esr(struct hw_frame *f)
{
	(void)f;
	fake_hw.syndrome.esr = exit_esr;
	return HW_EXIT_SYNC;
}

static inline struct hv_exit run_esr(unsigned i, uint64_t esr)
{
	struct hv_exit e;

	exit_esr = esr;
	fake_hw.run = by_esr;
	e = run(i);
	return e;
}

#endif
