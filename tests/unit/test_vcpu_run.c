/* SPDX-License-Identifier: Apache-2.0 */
/* The vCPU run loop and the portable exits with a scripted guest: buses, sleep and kicks at every point where one could be lost,
 * timers, ends of slices, crashes. */
#include <core/task.h>
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

/* One vCPU with a script; after it the guest idles for good. */
static struct vm *scripted(const struct hv_exit *exits, unsigned n)
{
	struct vm *vm = start("s", 1, 100);

	fake_vcpu_script(&vm->vcpus[0], exits, n);
	turns(4);
	return vm;
}

static void test_buses(void)
{
#define OUTB(p, s, v) { .kind = HV_EXIT_PIO, .pio = { .port = (p), .size = (s), .write = true, .value = (v) } }
#define INB(p, s) { .kind = HV_EXIT_PIO, .pio = { .port = (p), .size = (s), .value = 0x1234567890abcdef } }
#define MW(a, s, v) { .kind = HV_EXIT_MMIO, .mmio = { .addr = { a }, .size = (s), .write = true, .value = (v), .insn_len = 3 } }
#define MR(a, s) { .kind = HV_EXIT_MMIO, .mmio = { .addr = { a }, .size = (s), .value = 0x5555, .insn_len = 3 } }
	static const struct hv_exit script[] = {
		OUTB(0x100, 4, 0xffffffff89abcdef), INB(0x100, 4), INB(0x101, 1), INB(0x102, 2), INB(0x80, 1), INB(0xffff, 2), INB(0x106, 4),
		OUTB(0xcf9, 1, 1), MW(PLAIN_MMIO, 8, 0x1122334455667788), MR(PLAIN_MMIO, 8), MR(PLAIN_MMIO + 4, 4), MR(0xffffffffffffffff, 8),
		MR(PLAIN_MMIO + 7, 2), MW(0, 1, 5), MR(0, 1), { .kind = HV_EXIT_CALL, .call = { .nr = 5 } }, { .kind = HV_EXIT_CPUID },
		{ .kind = HV_EXIT_IDLE },
	};
	struct vm *vm = scripted(script, ARRAY_LEN(script));
	const struct fake_vcpu *f = fake_vcpu(&vm->vcpus[0]);
	const struct hv_exit *c = f->completed;
	struct vm_stats s;

	ok_eq(f->ncompleted, ARRAY_LEN(script) - 1, "each exit is completed once, but what the architecture did itself");
	ok_eq(c[1].pio.value, 0x89abcdef, "a write is cut to its size");
	ok_eq(c[2].pio.value, 0xcd, "one byte");
	ok_eq(c[3].pio.value, 0x89ab, "two bytes");
	ok_eq(c[4].pio.value, 0xff, "an unknown port reads as ones");
	ok_eq(c[5].pio.value, 0xffff, "as wide as asked");
	ok_eq(c[6].pio.value, 0xffffffff, "half claimed is not claimed");
	ok_eq(c[9].mmio.value, 0x1122334455667788, "MMIO of eight bytes");
	ok_eq(c[10].mmio.value, 0x11223344, "its upper half");
	ok_eq(c[11].mmio.value, -1, "at the end of the world: ones");
	ok_eq(c[12].mmio.value, 0xffff, "over the end of a claim: ones");
	ok_eq(c[14].mmio.value, 0xff, "nothing there");
	ok_eq(c[15].call.result, -1, "no hypercall is offered");
	vm_stats(vm, &s);
	ok_eq(s.unknown_ports, 4, "unknown ports are counted");
	ok_eq(s.unknown_mmio, 4, "unknown MMIO too");
	ok_eq(s.exits, ARRAY_LEN(script), "and all exits");
	ok_eq(vm_exits(vm, HV_EXIT_PIO), 8, "by kind");
	ok(vm->vcpus[0].idle && !vm->vcpus[0].se.runnable, "the guest sleeps");
	end(vm);
}

static void test_crashes(void)
{
	static const struct { struct hv_exit e; const char *reason; } rows[] = {
		{ { .kind = HV_EXIT_SHUTDOWN }, "triple fault at rip=0xfff0 (vcpu 0)" },
		{ { .kind = HV_EXIT_INVALID, .invalid = { "bad CR0", 0x80000021 } },
		  "the CPU refused to enter the guest: bad CR0 (code 0x80000021) at rip=0xfff0 (vcpu 0)" },
		{ { .kind = HV_EXIT_INVALID }, "the CPU refused to enter the guest: no reason known (code 0x0) at rip=0xfff0 (vcpu 0)" },
		{ { .kind = HV_EXIT_SYSREG }, "exit of kind 11 is not handled, at rip=0xfff0 (vcpu 0)" },
		{ { .kind = HV_EXIT_STAGE2 }, "exit of kind 1 is not handled, at rip=0xfff0 (vcpu 0)" },
	};

	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		struct vm *vm = scripted(&rows[i].e, 1);

		turns(6);
		ok_eq(vm_state(vm), VM_CRASHED, "crashed");
		ok_str(vm->reason, rows[i].reason, "with its reason");
		ok_eq(fake_vcpu(&vm->vcpus[0])->runs, 1, "and never entered again");
		end(vm);
	}
}

/* ---- sleep and kicks */

static struct vcpu *kick_at_prepare, *kick_at_run;
static void (*raise_with)(struct vcpu *v) = plain_raise;

static unsigned prepared, prepared_away;

static void on_prepare(struct vcpu *v)
{
	prepared++;
	prepared_away += fake_vcpu(v)->away;
	if (v == kick_at_prepare) {
		kick_at_prepare = NULL;
		/* As from the other CPU: after prepare has looked, before it answers. */
		fake_cpu_set(v->cpu ^ 1);
		raise_with(v);
		fake_cpu_set(v->cpu);
	}
}

static void idle_guest(struct vcpu *v, struct hv_exit *out, void *ctx)
{
	(void)ctx;
	if (v == kick_at_run) {
		kick_at_run = NULL;
		fake_cpu_set(v->cpu ^ 1);
		raise_with(v);
		fake_cpu_set(v->cpu);
	}
	*out = (struct hv_exit){ .kind = HV_EXIT_IDLE };
}

static bool asleep(struct vcpu *v) { return !v->se.runnable && v->idle && atomic_load(&v->where) == 0; }

static void test_kicks(void)
{
	struct vm *vm;
	struct vcpu *v;
	uint64_t n;

	plain_use();
	fake_hv.on_run = idle_guest;
	plain.on_prepare = on_prepare;
	vm = start("k", 1, 100);
	v = &vm->vcpus[0];
	turns(5);
	n = fake_vcpu(v)->runs;
	ok(asleep(v) && n == 1, "idle after one run");
	turns(5);
	ok_eq(fake_vcpu(v)->runs, n, "and stays so");
	plain_raise(v);
	turns(3);
	ok(fake_vcpu(v)->runs == n + 1 && asleep(v), "a kick wakes it, once");
	vcpu_kick(v);
	turns(3);
	ok(fake_vcpu(v)->runs == n + 1 && asleep(v), "a kick without an event lets it sleep on");
	kick_at_prepare = v;
	vcpu_kick(v);
	turns(4);
	ok(!kick_at_prepare && fake_vcpu(v)->runs == n + 2 && asleep(v), "an event between the look and the sleep is not lost");
	kick_at_run = v;
	plain_raise(v);
	turns(4);
	ok(!kick_at_run && fake_vcpu(v)->runs == n + 4 && asleep(v), "nor one that comes while the guest halts");
	n = fake_ipi_count(v->cpu);
	kick_at_run = v;
	plain_raise(v);
	turns(4);
	ok(v->cpu == 1 && fake_ipi_count(1) >= n + 1, "a guest on another CPU is called out by IPI");
	end(vm);
}

/* Interrupts for a backend that brings them into a guest: only one that is surely entered gets them so. */
static void test_posts(bool taken)
{
	struct vm *vm;
	struct vcpu *v;
	uint64_t n, ipis;

	plain_use();
	fake_hv.on_run = idle_guest;
	fake_hv.takes_posts = taken;
	plain.on_prepare = on_prepare;
	raise_with = plain_post;
	vm = start("p", 1, 100);
	v = &vm->vcpus[0];
	turns(5);
	n = fake_vcpu(v)->runs;
	plain_post(v);
	turns(3);
	ok(fake_vcpu(v)->runs == n + 1 && asleep(v) && fake_hv.posts == 0, "one that sleeps is woken");
	kick_at_prepare = v;
	vcpu_kick(v);
	turns(4);
	ok(!kick_at_prepare && fake_vcpu(v)->runs == n + 2 && asleep(v) && fake_hv.posts == 0, "one that has looked and may fall asleep, too");
	kick_at_run = v;
	ipis = fake_ipi_count(v->cpu);
	plain_post(v);
	turns(4);
	ok(!kick_at_run && fake_vcpu(v)->runs == n + 4 && asleep(v) && fake_hv.posts == 1, "one in the guest gets it there, and looks after it");
	ok_eq(fake_ipi_count(v->cpu) - ipis, taken ? 1 : 2, taken ? "without a kick" : "with a kick when the backend cannot");
	raise_with = plain_raise;
	end(vm);
}

static void test_timer(void)
{
	struct vm *vm;
	struct vcpu *v;
	uint64_t n, t;

	plain_use();
	fake_hv.on_run = idle_guest;
	vm = start("t", 1, 100);
	v = &vm->vcpus[0];
	turns(5);
	n = fake_vcpu(v)->runs;
	t = hal_clock_ns() + 5000000;
	plain_vcpu(v)->timer_ns = t;
	vcpu_kick(v);
	turns(3);
	ok(asleep(v) && fake_vcpu(v)->runs == n && v->wake_timer.armed && v->wake_timer.deadline_ns == t, "sleeps until its timer");
	fake_cpu_set(v->cpu);
	loop_idle();
	fake_cpu_set(0);
	turns(3);
	ok(hal_clock_ns() == t && fake_vcpu(v)->runs == n + 1 && asleep(v), "which wakes it on time");
	plain_vcpu(v)->timer_ns = hal_clock_ns() + 5000000;
	vcpu_kick(v);
	turns(3);
	CHECK(v->wake_timer.armed && vm_pause(vm) == OK);
	turns(5);
	ok(vm_state(vm) == VM_PAUSED && !v->wake_timer.armed, "a pause disarms the wake-up");
	fake_clock_advance(NS_PER_S);
	turns(3);
	ok(fake_vcpu(v)->runs == n + 1, "nothing runs in a pause");
	CHECK(vm_resume(vm) == OK);
	turns(4);
	ok(fake_vcpu(v)->runs == n + 2, "what was due comes after it");
	end(vm);
}

/* ---- slices */

static uint64_t armed_at_run;

static void see_timer(struct vcpu *v, struct hv_exit *out, void *ctx)
{
	(void)v, (void)ctx;
	armed_at_run = fake_timer_deadline(hal_cpu_id());
	*out = (struct hv_exit){ .kind = HV_EXIT_HOST };
}

/* The host's timer comes early: it is not armed any more. */
static void interrupted(struct vcpu *v, struct hv_exit *out, void *ctx)
{
	see_timer(v, out, ctx);
	hal_timer_arm(UINT64_MAX);
	fake_clock_advance(1000000);
}

static void busy_exits(struct vcpu *v, struct hv_exit *out, void *ctx)
{
	(void)v, (void)ctx;
	fake_clock_advance(10000);
	*out = (struct hv_exit){ .kind = HV_EXIT_CPUID };
}

static void timer_exits(struct vcpu *v, struct hv_exit *out, void *ctx)
{
	(void)v, (void)ctx;
	fake_clock_advance(1000000);
	*out = (struct hv_exit){ .kind = HV_EXIT_TIMER };
}

static void pauses(struct vcpu *v, struct hv_exit *out, void *ctx)
{
	(void)v, (void)ctx;
	fake_clock_advance(1000);
	*out = (struct hv_exit){ .kind = HV_EXIT_PAUSE };
}

static void one_slice(struct vcpu *v, uint64_t ns)
{
	fake_cpu_set(v->cpu);
	hal_timer_arm(hal_clock_ns() + ns);
	v->se.run(&v->se, hal_clock_ns() + ns);
	fake_cpu_set(0);
}

static void test_slices(void)
{
	struct vm *vm;
	struct vcpu *v;
	uint64_t t, n;

	plain_use();
	fake_hv.on_run = see_timer;
	vm = start("u", 1, 100);
	v = &vm->vcpus[0];
	turns(4);
	t = hal_clock_ns();
	one_slice(v, 4000000);
	ok_eq(armed_at_run, t + 4000000, "the host's timer is at the slice's end");
	plain_vcpu(v)->timer_ns = t + 1000000;
	one_slice(v, 4000000);
	ok_eq(armed_at_run, t + 1000000, "or at the guest's timer, when that is first");
	plain_vcpu(v)->timer_ns = t + 9000000;
	one_slice(v, 4000000);
	ok_eq(armed_at_run, t + 4000000, "not later than the slice's end");
	fake_hv.takes_deadlines = true;
	plain_vcpu(v)->timer_ns = t + 1000000;
	one_slice(v, 4000000);
	ok(fake_vcpu(v)->deadline_ns == t + 1000000 && armed_at_run == t + 4000000, "a backend with a timer of its own takes that, and the host's stays");
	fake_hv.takes_deadlines = false;
	fake_vcpu(v)->on_run = timer_exits;
	t = hal_clock_ns();
	n = fake_vcpu(v)->runs;
	one_slice(v, 4000000);
	ok_eq(fake_vcpu(v)->runs, n + 4, "its exits go on until the slice's end");
	fake_vcpu(v)->on_run = busy_exits;
	t = hal_clock_ns();
	plain_vcpu(v)->timer_ns = UINT64_MAX;
	one_slice(v, 4000000);
	ok(hal_clock_ns() >= t + 4000000 && hal_clock_ns() <= t + 4020000, "a guest that exits all the time leaves at the end of the slice");
	fake_vcpu(v)->on_run = pauses;
	t = hal_clock_ns();
	one_slice(v, 4000000);
	ok(hal_clock_ns() >= t + 4000000, "a spin hint with nobody waiting costs nothing");
	fake_vcpu(v)->on_run = interrupted;
	n = fake_vcpu(v)->runs;
	one_slice(v, 4000000);
	ok_eq(fake_vcpu(v)->runs, n + 1, "an interrupt that leaves mail ends the slice");
	fake_hv.mere_interrupts = true;
	turns(2);
	t = hal_clock_ns();
	n = fake_vcpu(v)->runs;
	one_slice(v, 4000000);
	ok(fake_vcpu(v)->runs == n + 4 && hal_clock_ns() == t + 4000000, "one that leaves nothing does not");
	ok_eq(armed_at_run, t + 4000000, "and the host's timer is armed anew");
	fake_hv.mere_interrupts = false;
	end(vm);
}

/* A vCPU that crashes leaves the others of its VM parked, and other VMs alone. */
static void test_isolation(void)
{
	struct vm *good, *bad;
	struct hv_exit boom = { .kind = HV_EXIT_SHUTDOWN };
	uint64_t n;

	plain_use();
	fake_hv.on_run = guest_spin;
	good = start("good", 1, 100);
	bad = start("bad", 2, 100);
	turns(6);
	fake_vcpu_script(&bad->vcpus[1], &boom, 1);
	fake_vcpu(&bad->vcpus[1])->on_run = NULL;
	turns(20);
	ok(vm_state(bad) == VM_CRASHED && strstr(bad->reason, "(vcpu 1)"), "crashed by its second vCPU");
	n = fake_vcpu(&bad->vcpus[0])->runs;
	ok(!bad->vcpus[0].added && !bad->vcpus[1].added, "all of it is parked");
	sched_wake(&bad->vcpus[0].se);
	turns(5);
	ok_eq(fake_vcpu(&bad->vcpus[0])->runs, n, "and does not run");
	n = fake_vcpu(&good->vcpus[0])->runs;
	turns(5);
	ok(vm_state(good) == VM_RUNNING && fake_vcpu(&good->vcpus[0])->runs > n, "the other VM runs on");
	end(bad);
	end(good);
}

int main(void)
{
	fake_init(24 * MIB, 2);
	plain_use();
	test_buses();
	test_crashes();
	test_kicks();
	ok(prepared > 10 && prepared_away == 0, "what a run leaves with the CPU is back before anybody looks (%u of %u times it was not)", prepared_away, prepared);
	test_posts(true);
	test_posts(false);
	test_timer();
	test_slices();
	test_isolation();
	ok(fake_hv.vms == 0 && fake_hv.vcpus == 0 && plain.machines == 0, "nothing is left");
	return tap_done();
}
