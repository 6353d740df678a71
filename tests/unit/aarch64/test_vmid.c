/* SPDX-License-Identifier: Apache-2.0 */
/* Virtual machine identifiers: no two VMs that can be met in one TLB share one, over any number of generations. The model is a TLB for each
 * CPU that remembers which VM filled it under which number. Host only. */
#include <core/arith.h>
#include <fake/fake.h>
#include <stdlib.h>
#include <unit/tap.h>
#include "../../../vmm/aarch64/el2.h"

#define CPUS 4
#define VMS 600

static _Atomic uint64_t vmid[VMS];
static unsigned filled_by[CPUS][256]; /* VM + 1 whose translations the CPU may hold under a number */
static unsigned running[CPUS];        /* VM + 1 that is in the guest on a CPU */
static unsigned flushes, clashes;

static unsigned enter(unsigned vm, unsigned cpu)
{
	bool flush;
	unsigned n = el2_vmid_enter(&vmid[vm], cpu, &flush);

	if (flush) {
		memset(filled_by[cpu], 0, sizeof filled_by[cpu]);
		flushes++;
	}
	if (n == 0 || (filled_by[cpu][n] && filled_by[cpu][n] != vm + 1))
		clashes++;
	filled_by[cpu][n] = vm + 1;
	running[cpu] = vm + 1;
	/* A broadcast invalidation by this VM must reach its own siblings: the same number, wherever it runs. */
	for (unsigned c = 0; c < CPUS; c++)
		if (c != cpu && running[c] == vm + 1 && filled_by[c][n] != vm + 1)
			clashes++;
	/* And nobody else runs under it. */
	for (unsigned c = 0; c < CPUS; c++)
		if (c != cpu && running[c] && running[c] != vm + 1 && el2_vmid_last(&vmid[running[c] - 1]) == n)
			clashes++;
	return n;
}

static void test_few(void)
{
	unsigned a, b;

	el2_vmid_init(8);
	ok_eq(el2_vmid_last(&vmid[0]), 0, "a VM that never ran has none");
	a = enter(0, 0);
	b = enter(1, 0);
	ok(a && b && a != b, "two VMs, two numbers, none of them the host's");
	ok(enter(0, 1) == a && enter(0, 0) == a, "the same everywhere, and for good");
	ok_eq(el2_vmid_last(&vmid[0]), a, "for flushes from anywhere");
	ok_eq(flushes, 0, "nothing was flushed");
}

static void test_roll_over(void)
{
	unsigned kept = enter(2, 3);

	for (unsigned vm = 3; vm < 400; vm++)
		(void)enter(vm, vm % 3);
	ok(flushes >= 3, "after the last number each CPU empties its TLB (%u times)", flushes);
	ok_eq(enter(2, 3), kept, "who ran meanwhile keeps its number");
	ok_eq(clashes, 0, "no two VMs met under one number");
}

static void test_random(void)
{
	srand(1);
	for (unsigned i = 0; i < 200000; i++)
		(void)enter((unsigned)rand() % VMS, (unsigned)rand() % CPUS);
	ok_eq(clashes, 0, "200000 entries of 600 VMs on 4 CPUs with 255 numbers");
	ok(flushes > 100, "which took many generations");
}

int main(void)
{
	fake_init(16 * MIB, CPUS);
	test_few();
	test_roll_over();
	test_random();
	return tap_done();
}
