/* SPDX-License-Identifier: Apache-2.0 */
/* Guests that spin without end share one CPU by weight, stop when they are told to, and give way where one spins for
 * another. The run loop, the scheduler and the machine's loop together, with a scripted guest. */
#include <unit/tap.h>
#include "plain_machine.h"

static struct vm *start(const char *name, unsigned vcpus, uint32_t weight)
{
	struct vm_config c = { .name = name, .vcpus = vcpus, .memory_bytes = MIB, .weight = weight };
	struct vm *vm = NULL;
	char why[VM_REASON_MAX] = "";

	ok(vm_create(&c, &vm, why) == OK && vm_start(vm, why) == OK, "%s starts: %s", name, why);
	return vm;
}

static void end(struct vm *vm)
{
	err_t err = vm_kill(vm);

	turns(8);
	ok((err == OK || err == E_STATE) && vm_destroy(vm) == OK, "ended");
}

static uint64_t ran(struct vm *vm)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < vm->nvcpus; i++)
		sum += vm->vcpus[i].se.run_ns;
	return sum;
}

static void test_fairness(void)
{
	struct vm *a, *b, *c;
	uint64_t a0, b0, c0, sum;

	plain_use();
	fake_hv.on_run = guest_spin;
	a = start("a", 1, 100);
	b = start("b", 1, 100);
	c = start("c", 1, 300);
	turns(4);
	turns(10);
	a0 = ran(a), b0 = ran(b), c0 = ran(c);
	turns(2500);
	a0 = ran(a) - a0, b0 = ran(b) - b0, c0 = ran(c) - c0;
	sum = a0 + b0 + c0;
	ok(sum > NS_PER_S, "they ran for %llu ms", (unsigned long long)(sum / NS_PER_MS));
	ok(a0 * 100 > sum * 19 && a0 * 100 < sum * 21 && b0 * 100 > sum * 19 && b0 * 100 < sum * 21, "equal weights get equal shares");
	ok(c0 * 100 > sum * 59 && c0 * 100 < sum * 61, "three times the weight three times as much");
	ok(a->vcpus[0].se.wait_ns > b0, "who waits sees it as steal time");
	ok(vm_kill(a) == OK && vm_kill(b) == OK && vm_kill(c) == OK, "spinning guests");
	turns(8);
	ok(vm_state(a) == VM_STOPPED && vm_state(b) == VM_STOPPED && vm_state(c) == VM_STOPPED, "stop at once");
	end(a);
	end(b);
	end(c);
}

/* The share is the VM's, however many vCPUs it has. */
static void test_fairness_of_vcpus(void)
{
	struct vm *one, *two, *many;
	uint64_t a, b, c;

	plain_use();
	fake_hv.on_run = guest_spin;
	one = start("one", 1, 100);
	two = start("two", 2, 100);
	many = start("many", 4, 300);
	turns(20);
	a = ran(one), b = ran(two), c = ran(many);
	turns(4000);
	a = ran(one) - a, b = ran(two) - b, c = ran(many) - c;
	ok(b * 100 > a * 93 && b * 100 < a * 107, "one vCPU and two of the same weight get the same: %llu and %llu ms",
	   (unsigned long long)(a / NS_PER_MS), (unsigned long long)(b / NS_PER_MS));
	ok(c * 100 > a * 285 && c * 100 < a * 315, "four with three times the weight three times as much: %llu ms", (unsigned long long)(c / NS_PER_MS));
	end(one);
	end(two);
	end(many);
	one = start("least", 64, 1);
	ok_eq(one->vcpus[63].se.weight, 1, "no vCPU is without a share");
	end(one);
}

/* ---- a vCPU that spins with hints, next to one that works */

static void hint_guest(struct vcpu *v, struct hv_exit *out, void *ctx)
{
	if (v->index == 1) {
		guest_spin(v, out, ctx);
		return;
	}
	fake_clock_advance(1000);
	*out = (struct hv_exit){ .kind = HV_EXIT_PAUSE };
}

static void test_spin_hint(void)
{
	struct vm *vm;
	uint64_t idle, work;

	plain_use();
	fake_hv.on_run = hint_guest;
	vm = start("p", 2, 100);
	turns(10);
	idle = vm->vcpus[0].se.run_ns;
	work = vm->vcpus[1].se.run_ns;
	turns(1000);
	idle = vm->vcpus[0].se.run_ns - idle;
	work = vm->vcpus[1].se.run_ns - work;
	ok(work > NS_PER_S / 10 && idle > 0 && idle * 20 < work, "a spin hint gives the CPU to who works: %llu us of %llu",
	   (unsigned long long)(idle / 1000), (unsigned long long)((idle + work) / 1000));
	end(vm);
}

/* ---- one that sleeps for a microsecond at a time, next to one that works: each wake interrupts the other */

static void nap_guest(struct vcpu *v, struct hv_exit *out, void *ctx)
{
	if (v->vm->name[0] == 'w') {
		guest_spin(v, out, ctx);
		return;
	}
	plain_vcpu(v)->timer_ns = hal_clock_ns() + 1000;
	*out = (struct hv_exit){ .kind = HV_EXIT_IDLE };
}

static void test_naps(void)
{
	struct vm *worker, *napper;
	uint64_t naps, work;

	plain_use();
	fake_hv.on_run = nap_guest;
	worker = start("w", 1, 100);
	napper = start("n", 1, 100);
	turns(10);
	naps = fake_vcpu(&napper->vcpus[0])->runs;
	work = ran(worker);
	for (unsigned i = 0; i < 100000 && ran(worker) - work < 50 * NS_PER_MS; i++)
		turns(1);
	naps = fake_vcpu(&napper->vcpus[0])->runs - naps;
	work = ran(worker) - work;
	ok(work >= 50 * NS_PER_MS && naps <= work / 50000 + 10, "in %llu us of work the other one woke %llu times",
	   (unsigned long long)(work / 1000), (unsigned long long)naps);
	end(worker);
	naps = fake_vcpu(&napper->vcpus[0])->runs;
	work = hal_clock_ns();
	for (unsigned i = 0; i < 100; i++) {
		fake_clock_advance(1000);
		turns(1);
	}
	ok(fake_vcpu(&napper->vcpus[0])->runs - naps >= 40, "alone it sleeps as briefly as it likes");
	end(napper);
}

int main(void)
{
	fake_init(24 * MIB, 1);
	test_spin_hint();
	test_fairness();
	test_fairness_of_vcpus();
	test_naps();
	ok(fake_hv.vms == 0 && fake_hv.vcpus == 0 && plain.machines == 0, "nothing is left");
	return tap_done();
}
