/* SPDX-License-Identifier: Apache-2.0 */
/* A guest's FPU state that stays in the registers over exits, seen by x87 control words, which no compiled code here writes; and the guard
 * against host code that wants the registers meanwhile. Host only. */
#include "tap.h"
#include <core/arith.h>
#include <core/hal.h>
#include <fake/fake.h>
#include <fake/fake_cpu.h>
#include <vmm/x86_64/regs.h>
#include "../../vmm/x86_64/guest_fp.h"
#include "../../vmm/x86_64/host_cpu.h"

enum { RESET = 0x37f, ONE = 0x27f, TWO = 0x07f, THREE = 0x17f };

static struct pool pool;
static struct guest_fp guest, other;

static uint16_t control_swap(uint16_t next)
{
	uint16_t old;

	__asm__ volatile("fnstcw %0\n\tfldcw %1" : "=m"(old) : "m"(next));
	return old;
}

/* A run of f's guest, which sets a control word. Returns the one that it found. */
static uint16_t run(struct guest_fp *f, uint16_t next)
{
	guest_fp_load(f, 1);
	return control_swap(next);
}

static bool guarded(void)
{
	return fake_cpu.cr0 & X86_CR0_TS;
}

static void test_slices(void)
{
	ok(!fake_fp_wanted() && !guarded(), "before a run the registers are the host's");
	ok_eq(run(&guest, ONE), RESET, "a guest begins with its reset state");
	ok(guarded(), "the exit leaves it loaded, under guard");
	ok_eq(run(&guest, TWO), ONE, "and the next entry finds it");
	guest_fp_save(&guest);
	ok(!guarded(), "the end of a slice takes the guard away");
	ok_eq(control_swap(RESET), RESET, "and leaves the host's");
	guest_fp_save(&guest);
	ok_eq(run(&guest, THREE), TWO, "the next slice begins with the guest's");
	guest_fp_load(&guest, 3);
	ok(guarded() && control_swap(THREE) == THREE, "another XCR0 changes nothing of it");
	guest_fp_save(&guest);
	ok_eq(run(&other, ONE), RESET, "another guest has its own");
	guest_fp_save(&other);
}

static void test_guard(void)
{
	ok_eq(run(&guest, ONE), THREE, "a run");
	ok(fake_fp_wanted() && !guarded(), "host code that wants the registers gets them");
	ok_eq(control_swap(RESET), RESET, "with the host's state");
	ok(!fake_fp_wanted(), "once; then it is a bug");
	ok_eq(run(&guest, TWO), ONE, "and the next entry finds the guest's");
	fake_cpu_set(1);
	ok(!fake_fp_wanted(), "another CPU holds nothing of it");
	fake_cpu_set(0);
	guest_fp_save(&guest);
}

int main(void)
{
	fake_init(32 * MIB, 2);
	host_cpu_probe();
	host_features = (struct host_features){ .fp_size = 576 }; /* XCR0 is not for a program to write */
	pool_init(&pool, "vm", &pool_root, UINT64_MAX);
	if (!ok(guest_fp_init(&guest, &pool) == OK && guest_fp_init(&other, &pool) == OK, "two guests"))
		return tap_done();
	test_slices();
	test_guard();
	guest_fp_fini(&guest, &pool);
	guest_fp_fini(&other, &pool);
	ok_eq(pool.used_pages, 0, "all memory came back");
	return tap_done();
}
