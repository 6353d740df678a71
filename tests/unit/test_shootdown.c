/* SPDX-License-Identifier: Apache-2.0 */
/* Taking translations away under running vCPUs: nothing is done before each vCPU has been out of the guest since the flush was asked for,
 * requests that come meanwhile share a round, and a VM that goes away leaves none behind. First turn by turn, then with a thread for each CPU. */
#include <core/task.h>
#include <pthread.h>
#include <sched.h>
#include <time.h>
#include <unit/tap.h>
#include "plain_machine.h"

static struct request { struct vm_shootdown s; unsigned done, flushes; struct request *again; struct vm *vm; } requests[4];

static void on_done(struct vm_shootdown *s)
{
	struct request *r = container_of(s, struct request, s);

	r->done++;
	r->flushes = fake_hv.flushes;
	if (r->again)
		vm_tlb_shootdown(r->vm, &r->again->s);
}

static void ask(struct vm *vm, unsigned i)
{
	requests[i] = (struct request){ .s.done = on_done };
	vm_tlb_shootdown(vm, &requests[i].s);
}

static struct vm *make(void)
{
	struct vm_config c = { .name = "t", .vcpus = 2, .memory_bytes = 4 * MIB, .weight = 100 };
	struct vm *vm = NULL;
	char why[VM_REASON_MAX] = "";

	if (vm_create(&c, &vm, why) != OK)
		tap_note("%s", why);
	return vm;
}

static void start(struct vm *vm)
{
	char why[VM_REASON_MAX] = "";

	ok(vm_start(vm, why) == OK, "starts");
}

static void turn(unsigned cpu)
{
	fake_cpu_set(cpu);
	(void)loop_turn();
	fake_cpu_set(0);
}

static void test_answers(struct vm *vm)
{
	unsigned flushes = fake_hv.flushes;

	ask(vm, 0);
	ok(fake_hv.flushes == flushes + 1 && requests[0].done == 0, "the flush is asked for at once, and nothing is done yet");
	turn(0);
	turn(0);
	ok_eq(requests[0].done, 0, "CPU 0 alone does not do");
	turn(1);
	ok_eq(requests[0].done, 0, "the last answer is mail for CPU 0");
	turn(0);
	ok_eq(requests[0].done, 1, "then it is done");
}

static void test_shared_round(struct vm *vm)
{
	ask(vm, 0);
	turn(1);
	ask(vm, 1);
	ask(vm, 2);
	ok_eq(requests[1].flushes, 0, "two more come while a round is under way");
	turn(0);
	turn(0);
	ok(requests[0].done == 1 && requests[1].done == 0 && requests[2].done == 0, "an answer from before they came is not theirs");
	turns(3);
	ok(requests[1].done == 1 && requests[2].done == 1 && requests[1].flushes == requests[0].flushes + 1, "they share the next, with one flush");
	requests[3] = (struct request){ .s.done = on_done };
	ask(vm, 0);
	requests[0].again = &requests[3];
	requests[0].vm = vm;
	turns(6);
	ok(requests[0].done == 1 && requests[3].done == 1, "done may ask again");
}

static void test_life(struct vm *vm)
{
	ok(vm_pause(vm) == OK, "pause");
	turns(6);
	ask(vm, 0);
	turns(3);
	ok(vm_state(vm) == VM_PAUSED && requests[0].done == 1, "a paused VM answers");
	ask(vm, 0);
	ok(vm_kill(vm) == OK, "killed with a round under way");
	ask(vm, 1);
	while (vm_state(vm) != VM_STOPPED) {
		turn(1);
		turn(0);
	}
	ok(requests[0].done == 1 && requests[1].done == 1, "stopped means that nothing of it is left");
	ask(vm, 2);
	ok_eq(requests[2].done, 1, "where no vCPU can run it is done at once");
	ok(vm_destroy(vm) == OK, "destroyed");
}

static void test_turns(void)
{
	struct vm *vm;

	fake_hv.on_run = guest_spin;
	vm = make();
	ask(vm, 0);
	ok_eq(requests[0].done, 1, "before its first start it is done at once");
	start(vm);
	turns(4);
	ok(vm_state(vm) == VM_RUNNING && vm->vcpus[0].cpu != vm->vcpus[1].cpu, "a vCPU on each CPU");
	test_answers(vm);
	test_shared_round(vm);
	test_life(vm);
}

/* ---- with threads: the guests use what they knew when they came in, until they are kicked */

#define ROUNDS 1000
static atomic_uint page_in_use, misuses, entries;
static atomic_bool gone[ROUNDS + 1], stop;

static void user_guest(struct vcpu *v, struct hv_exit *out, void *ctx)
{
	unsigned known = atomic_load(&page_in_use); /* as a translation is fetched once */

	(void)v, (void)ctx;
	atomic_fetch_add(&entries, 1);
	for (unsigned i = 0; i < 20 || (i < 1000 && !fake_ipi_pending(hal_cpu_id())); i++)
		if (atomic_load(&gone[known]))
			atomic_fetch_add(&misuses, 1);
	*out = (struct hv_exit){ .kind = HV_EXIT_HOST };
}

static void *cpu1(void *arg)
{
	(void)arg;
	fake_cpu_set(1);
	while (!atomic_load(&stop))
		if (!loop_turn())
			sched_yield();
	return NULL;
}

/* A limit for what has gone wrong. */
static bool turn_until_done(const unsigned *done, time_t end)
{
	while (!*done && time(NULL) < end)
		if (!loop_turn())
			sched_yield();
	return *done;
}

static void test_threads(void)
{
	time_t end = time(NULL) + 200;
	struct vm *vm;
	pthread_t t;
	bool good = true;
	unsigned i;

	fake_hv.on_run = user_guest;
	vm = make();
	start(vm);
	if (!ok(pthread_create(&t, NULL, cpu1, NULL) == 0, "a thread"))
		return;
	for (i = 0; good && i < ROUNDS; i++) {
		atomic_store(&page_in_use, i + 1);
		ask(vm, 0);
		good = turn_until_done(&requests[0].done, end);
		atomic_store(&gone[i], true); /* as if it were freed */
	}
	ok(good && atomic_load(&misuses) == 0 && atomic_load(&entries) > 100, "%u pages taken away under two running vCPUs, none used afterwards", i);
	ok(vm_kill(vm) == OK, "killed");
	while (vm_state(vm) != VM_STOPPED && time(NULL) < end)
		(void)loop_turn();
	ok(vm_destroy(vm) == OK, "destroyed");
	atomic_store(&stop, true);
	pthread_join(t, NULL);
}

int main(void)
{
	fake_init(32 * MIB, 2);
	fake_guest_strict(false);
	plain_use();
	test_turns();
	test_threads();
	ok(plain.machines == 0 && fake_hv.vms == 0 && fake_hv.vcpus == 0, "every object is back");
	return tap_done();
}
