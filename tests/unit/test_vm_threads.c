/* SPDX-License-Identifier: Apache-2.0 */
/* The run loop and the state machine on two CPUs that really run at the same time (a thread each): no kick is lost between a look at
 * pending events and sleep, guests that touch the same memory get one page, and VMs that come and go in any state leave nothing. */
#include <core/task.h>
#include <pthread.h>
#include <sched.h>
#include <time.h>
#include <unit/tap.h>
#include "plain_machine.h"

static atomic_bool stop;

static void *cpu1(void *arg)
{
	(void)arg;
	fake_cpu_set(1);
	while (!atomic_load(&stop))
		if (!loop_turn())
			sched_yield();
	return NULL;
}

/* A limit for what has gone wrong: long enough for a busy machine. */
static bool turn_until(bool (*done)(struct vm *vm), struct vm *vm)
{
	time_t end = time(NULL) + 30;

	while (time(NULL) < end) {
		if (done(vm))
			return true;
		if (!loop_turn())
			sched_yield();
	}
	return false;
}

static bool is_running(struct vm *vm) { return vm_state(vm) == VM_RUNNING; }
static bool is_ended(struct vm *vm) { return vm_state(vm) == VM_STOPPED || vm_state(vm) == VM_CRASHED; }

static struct vm *start(unsigned vcpus)
{
	struct vm_config c = { .name = "t", .vcpus = vcpus, .memory_bytes = 4 * MIB, .weight = 100 };
	struct vm *vm = NULL;
	char why[VM_REASON_MAX] = "";

	if (vm_create(&c, &vm, why) != OK || vm_start(vm, why) != OK)
		tap_note("%s", why);
	return vm;
}

/* ---- one token goes back and forth between two vCPUs that sleep without it */

#define PINGS 20000u
static atomic_uint pings, first_runs;

static void ping_guest(struct vcpu *v, struct hv_exit *out, void *ctx)
{
	(void)ctx;
	*out = (struct hv_exit){ .kind = HV_EXIT_IDLE };
	if (fake_vcpu(v)->runs == 1) {
		atomic_fetch_add(&first_runs, 1); /* not by the token */
		return;
	}
	atomic_fetch_add(&pings, 1);
	plain_raise(&v->vm->vcpus[v->index ^ 1]);
}

static bool both_ran(struct vm *vm) { (void)vm; return atomic_load(&first_runs) == 2; }
static bool pings_done(struct vm *vm) { (void)vm; return atomic_load(&pings) >= PINGS; }

static void test_ping(void)
{
	struct vm *vm;

	fake_hv.on_run = ping_guest;
	vm = start(2);
	CHECK(vm && vm->vcpus[0].cpu != vm->vcpus[1].cpu && turn_until(both_ran, vm));
	plain_raise(&vm->vcpus[0]);
	ok(turn_until(pings_done, vm), "%u wake-ups across CPUs, none lost", atomic_load(&pings));
	ok(vm_kill(vm) == OK && turn_until(is_ended, vm) && vm_destroy(vm) == OK, "ended");
}

/* ---- both fault on the same pages */

static atomic_uint faults, bad_faults;

static void fault_guest(struct vcpu *v, struct hv_exit *out, void *ctx)
{
	unsigned n = (unsigned)fake_vcpu(v)->runs;
	uint32_t x = 0;

	(void)ctx;
	*out = (struct hv_exit){ .kind = HV_EXIT_CPUID };
	if (n > 1024)
		out->kind = HV_EXIT_IDLE;
	else if (gmem_fault(v->vm->mem, GPA((n - 1) * 4096ull), GMEM_W) != OK ||
		 gmem_store32(v->vm->mem, GPA((n - 1) * 4096ull + v->index * 4), n) != OK ||
		 gmem_load32(v->vm->mem, GPA((n - 1) * 4096ull + v->index * 4), &x) != OK || x != n)
		atomic_fetch_add(&bad_faults, 1);
	else
		atomic_fetch_add(&faults, 1);
}

static bool faults_done(struct vm *vm) { (void)vm; return atomic_load(&faults) + atomic_load(&bad_faults) >= 4096; }

static void test_faults(void)
{
	struct vm *vm;

	fake_hv.on_run = fault_guest;
	vm = start(4);
	ok(turn_until(faults_done, vm) && atomic_load(&bad_faults) == 0, "four vCPUs touch the same 1024 pages");
	ok_eq(gmem_resident_pages(vm->mem), 1024, "each page is there once");
	ok(vm_kill(vm) == OK && turn_until(is_ended, vm) && vm_destroy(vm) == OK, "ended");
}

/* ---- VMs that come and go while their vCPUs do everything at once */

static _Thread_local uint32_t seed = 12345;

static uint32_t dice(void)
{
	seed = seed * 1664525 + 1013904223;
	return seed >> 8;
}

static void wild_guest(struct vcpu *v, struct hv_exit *out, void *ctx)
{
	uint32_t d = dice() % 1000;

	(void)ctx;
	*out = (struct hv_exit){ .kind = d < 300 ? HV_EXIT_IDLE : d < 600 ? HV_EXIT_HOST : d < 700 ? HV_EXIT_PAUSE : HV_EXIT_CPUID };
	if (d % 3 == 0)
		plain_raise(&v->vm->vcpus[dice() % v->vm->nvcpus]);
	if (d == 700)
		vm_guest_reset(v->vm);
	if (d == 701)
		vm_guest_poweroff(v->vm);
	if (d == 702)
		vm_crash(v->vm, "wild");
	if (d == 703)
		out->kind = HV_EXIT_SHUTDOWN;
	if (d % 16 == 5)
		plain_vcpu(v)->timer_ns = hal_clock_ns() + d * 1000;
}

static bool wild_round(void)
{
	struct vm *vm = start(1 + dice() % 4);
	unsigned steps = dice() % 8;

	if (!vm || !turn_until(is_running, vm))
		return vm && is_ended(vm) && vm_destroy(vm) == OK;
	while (steps-- > 0 && !is_ended(vm)) {
		unsigned n = dice() % 50;
		err_t err = OK;

		while (n-- > 0) {
			(void)loop_turn();
			(void)vm_console_input(vm, "x", 1);
		}
		switch (dice() % 4) {
		case 0: err = vm_pause(vm); break;
		case 1: err = vm_resume(vm); break;
		case 2: err = vm_reset(vm); break;
		default: fake_clock_advance(100000); break;
		}
		if (err != OK && err != E_STATE)
			return false;
	}
	if (vm_kill(vm) != OK && !is_ended(vm))
		return false;
	return turn_until(is_ended, vm) && vm_destroy(vm) == OK;
}

/* Free memory full of nonsense, so that mail to the dead is noticed. */
static void poison_free(void)
{
	static struct hpa pages[8192];
	unsigned n = 0;

	while (n < ARRAY_LEN(pages) && page_alloc(&pool_root, 0, PAGE_HOST, &pages[n]) == OK)
		memset(hal_direct(pages[n++]), 0xa5, PAGE_SIZE);
	while (n > 0)
		page_free(&pool_root, pages[--n], 0, PAGE_HOST);
}

static void test_wild(void)
{
	struct page_stats before, after;
	bool good = true;
	unsigned i;

	page_stats(&before);
	fake_hv.on_run = wild_guest;
	for (i = 0; good && i < 400; i++) {
		good = wild_round();
		if (i % 50 == 0)
			poison_free();
	}
	page_stats(&after);
	ok(good, "%u VMs come and go", i);
	ok(before.free == after.free && before.reserved == after.reserved, "and every page is back");
	ok(fake_hv.vms == 0 && fake_hv.vcpus == 0 && plain.machines == 0 && plain.arches == 0, "and every object");
}

int main(void)
{
	pthread_t t;

	fake_init(32 * MIB, 2);
	fake_guest_strict(false);
	plain_use();
	if (pthread_create(&t, NULL, cpu1, NULL))
		return 1;
	test_ping();
	test_faults();
	test_wild();
	atomic_store(&stop, true);
	pthread_join(t, NULL);
	return tap_done();
}
