/* SPDX-License-Identifier: Apache-2.0 */
/* The life of a VM on a plain machine and the scripted backend: every call in every state, events that meet transitions half way,
 * failures at each step of building, and every page back. Two CPUs, driven turn by turn. */
#include <core/task.h>
#include <unit/tap.h>
#include "plain_machine.h"

static struct changes { unsigned n; enum vm_state last; bool destroy; char reason[VM_REASON_MAX]; } changes;

static void changed(void *ctx, struct vm *vm)
{
	struct changes *c = ctx;

	c->n++;
	c->last = vm_state(vm);
	memcpy(c->reason, vm->reason, sizeof c->reason);
	if (c->destroy && vm_destroy(vm) != OK)
		c->destroy = false;
}

static struct vm_config config(unsigned vcpus)
{
	return (struct vm_config){ .name = "t", .vcpus = vcpus, .memory_bytes = 4 * MIB, .weight = 100, .changed = changed, .ctx = &changes };
}

static struct vm *make(unsigned vcpus)
{
	struct vm_config c = config(vcpus);
	struct vm *vm = NULL;
	char why[VM_REASON_MAX] = "";

	changes = (struct changes){ 0 };
	if (!ok(vm_create(&c, &vm, why) == OK, "create: %s", why))
		return NULL;
	return vm;
}

static uint64_t free_pages(void)
{
	struct page_stats s;

	page_stats(&s);
	return s.free - s.reserved;
}

static bool in_state(struct vm *vm, enum vm_state s)
{
	turns(8);
	return vm_state(vm) == s;
}

static struct vm *running(unsigned vcpus)
{
	struct vm *vm = make(vcpus);
	char why[VM_REASON_MAX] = "";

	ok(vm_start(vm, why) == OK && in_state(vm, VM_RUNNING) && changes.last == VM_RUNNING, "runs");
	return vm;
}

static void gone(struct vm *vm)
{
	if (vm_state(vm) != VM_STOPPED && vm_state(vm) != VM_CRASHED)
		ok(vm_kill(vm) == OK && in_state(vm, VM_STOPPED), "killed");
	ok_eq(vm_destroy(vm), OK, "destroyed");
	turns(3);
}

static uint64_t runs(struct vm *vm)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < vm->nvcpus; i++)
		n += fake_vcpu(&vm->vcpus[i])->runs;
	return n;
}

static bool is_still(struct vm *vm)
{
	uint64_t n = runs(vm);

	turns(5);
	return runs(vm) == n;
}

static void test_config(void)
{
	static char long_name[VM_NAME_MAX + 2], long_cmdline[VM_CMDLINE_MAX + 2];
	struct vm_config c;
	struct vm *vm = NULL;
	char why[VM_REASON_MAX];

	memset(long_name, 'x', sizeof long_name - 1);
	memset(long_cmdline, 'x', sizeof long_cmdline - 1);
#define REFUSED(err, text, ...) do { \
		c = config(1); why[0] = '\0'; \
		__VA_ARGS__; \
		ok(vm_create(&c, &vm, why) == (err) && strstr(why, text) && !vm, "refused: %s", why); \
	} while (0)
	REFUSED(E_INVAL, "name", c.name = NULL);
	REFUSED(E_INVAL, "name", c.name = "");
	REFUSED(E_INVAL, "63", c.name = long_name);
	REFUSED(E_INVAL, "vCPUs, not 0", c.vcpus = 0);
	REFUSED(E_INVAL, "vCPUs, not 65", c.vcpus = 65);
	REFUSED(E_INVAL, "MiB", c.memory_bytes = 0);
	REFUSED(E_INVAL, "MiB", c.memory_bytes = MIB + 1);
	REFUSED(E_INVAL, "MiB", c.memory_bytes = (uint64_t)0 - MIB);
	REFUSED(E_INVAL, "weight", c.weight = 0);
	REFUSED(E_INVAL, "weight", c.weight = 10001);
	REFUSED(E_INVAL, "2047", c.cmdline = long_cmdline);
	REFUSED(E_NOMEM, "not enough free memory for 1048576 MiB", c.memory_bytes = 1ull << 40);
	REFUSED(E_NOMEM, "not enough", c.memory_bytes = 64 * MIB);
	hv_current = NULL;
	REFUSED(E_UNSUPPORTED, "the test says no");
	hv_current = &hv_fake;
	long_name[VM_NAME_MAX] = '\0';
	long_cmdline[VM_CMDLINE_MAX] = '\0';
	c = config(64);
	c.name = long_name;
	c.cmdline = long_cmdline;
	ok_eq(vm_create(&c, &vm, why), OK, "the longest and most of everything");
	ok(vm->cfg.name == vm->name && !strcmp(vm->cmdline, long_cmdline), "names are copies");
	ok_eq(vm_destroy(vm), OK, "destroyed");
	ok_eq(vm_destroy(NULL), OK, "nothing destroyed");
}

static void test_build_failures(void)
{
	struct vm_config c = config(3);
	struct vm *vm = NULL;
	char why[VM_REASON_MAX];

	for (int i = -1; i < 3; i++) {
		plain_use();
		plain.arch_init_fails_at = i;
		plain.create_fails = i < 0;
		why[0] = '\0';
		ok(vm_create(&c, &vm, why) == E_NOMEM && !vm && why[0], "fails at step %d: %s", i, why);
	}
	plain_use();
	fake_hv.vcpu_init_fails = true;
	ok_eq(vm_create(&c, &vm, why), E_NOMEM, "the backend has no vCPU");
	plain_use();
	fake_hv.vm_init_fails = true;
	ok_eq(vm_create(&c, &vm, why), E_NOMEM, "the backend has no VM");
	plain_use();
	ok(plain.machines == 0 && plain.arches == 0 && fake_hv.vms == 0 && fake_hv.vcpus == 0, "what was built is taken down");
}

static void test_reservation(void)
{
	uint64_t before = free_pages();
	struct vm *vm = make(2);

	ok(before - free_pages() >= 1024 && before - free_pages() < 1300, "memory is reserved at creation: %llu pages",
	   (unsigned long long)(before - free_pages()));
	ok_eq(gmem_zero(vm->mem, GPA(0), 4 * MIB), OK, "all of it can be touched");
	ok_eq(gmem_resident_pages(vm->mem), 1024, "and is there");
	ok_eq(vm_destroy(vm), OK, "destroyed");
	ok_eq(free_pages(), before, "all is back");
}

/* Each call in each resting state. */
static void test_calls(void)
{
	enum { START, PAUSE, RESUME, RESET, BUTTON, KILL, DESTROY, CALLS };
	static const char *const names[CALLS] = { "start", "pause", "resume", "reset", "button", "kill", "destroy" };
	static const enum vm_state states[] = { VM_STOPPED, VM_RUNNING, VM_PAUSED, VM_CRASHED };
	/* What the state is afterwards; -1: E_STATE. DESTROY ends it. */
	static const int want[4][CALLS] = {
		{ VM_RUNNING, -1, -1, -1, -1, -1, VM_STOPPED },
		{ -1, VM_PAUSED, -1, VM_RUNNING, VM_RUNNING, VM_STOPPED, -1 },
		{ -1, -1, VM_RUNNING, VM_RUNNING, -1, VM_STOPPED, -1 },
		{ VM_RUNNING, -1, -1, -1, -1, -1, VM_CRASHED },
	};

	for (unsigned s = 0; s < 4; s++)
		for (unsigned call = 0; call < CALLS; call++) {
			struct vm *vm = states[s] == VM_STOPPED ? make(2) : running(2);
			char why[VM_REASON_MAX] = "";
			err_t err = OK;

			if (states[s] == VM_PAUSED)
				err = vm_pause(vm);
			if (states[s] == VM_CRASHED)
				vm_crash(vm, "x");
			CHECK(err == OK && in_state(vm, states[s]));
			switch (call) {
			case START: err = vm_start(vm, why); break;
			case PAUSE: err = vm_pause(vm); break;
			case RESUME: err = vm_resume(vm); break;
			case RESET: err = vm_reset(vm); break;
			case BUTTON: err = vm_power_button(vm); break;
			case KILL: err = vm_kill(vm); break;
			case DESTROY: err = vm_destroy(vm); break;
			}
			ok_eq(err, want[s][call] < 0 ? E_STATE : OK, names[call]);
			if (call == DESTROY && err == OK)
				continue;
			ok(in_state(vm, want[s][call] < 0 ? states[s] : (enum vm_state)want[s][call]), "%s: %s -> %s", names[call],
			   vm_state_name(states[s]), vm_state_name(vm_state(vm)));
			gone(vm);
		}
	ok(plain.buttons == 1, "the button was pressed once");
}

static void test_pause(void)
{
	struct vm *vm = running(3);
	int64_t offset;
	uint64_t x;

	ok(!is_still(vm), "vCPUs run");
	ok(vm_pause(vm) == OK && vm_pause(vm) == OK, "pause, twice");
	ok(vm_state(vm) == VM_RUNNING && in_state(vm, VM_PAUSED), "takes its time");
	ok_eq(changes.n, 2, "told once");
	ok(is_still(vm), "nothing runs");
	x = hal_clock_ns() + (uint64_t)vm->clock_offset_ns;
	vm->vcpus[2].counter_offset += 1000;
	fake_clock_advance(3 * NS_PER_S);
	offset = vm->vcpus[2].counter_offset - vm->counter_offset;
	ok_eq(vm_resume(vm), OK, "resume");
	ok_eq(hal_clock_ns() + (uint64_t)vm->clock_offset_ns, x, "guest time stood still");
	ok_eq(vm->vcpus[2].counter_offset - vm->counter_offset, offset, "and kept what a guest wrote to its TSC");
	ok(in_state(vm, VM_RUNNING) && !is_still(vm) && changes.n == 3, "runs on");
	CHECK(vm_pause(vm) == OK && in_state(vm, VM_PAUSED));
	vm->vcpus[1].counter_offset = INT64_MIN; /* a guest may write anything to its TSC */
	fake_clock_advance(NS_PER_S);
	offset = (int64_t)((uint64_t)vm->vcpus[1].counter_offset - (uint64_t)vm->counter_offset);
	CHECK(vm_resume(vm) == OK);
	ok_eq((uint64_t)vm->vcpus[1].counter_offset - (uint64_t)vm->counter_offset, offset, "a TSC at the end of its range wraps");
	CHECK(in_state(vm, VM_RUNNING));
	ok(vm_pause(vm) == OK && vm_resume(vm) == OK, "a pause taken back before it came");
	ok(in_state(vm, VM_RUNNING) && !is_still(vm), "goes on");
	gone(vm);
}

/* What a device puts off is done before the guest goes on, piece by piece, and not while it is paused. */
static struct { struct vm *vm; unsigned left, done; struct vm_deferred d; } later;

static void later_fn(struct vm_deferred *d)
{
	later.done++;
	if (--later.left)
		vm_defer(later.vm, d);
}

static void put_off(struct vm *vm, unsigned pieces)
{
	later.vm = vm;
	later.left = pieces;
	later.done = 0;
	later.d.fn = later_fn;
	spin_lock(&vm->lock);
	vm_defer(vm, &later.d);
	vm_defer(vm, &later.d);
	spin_unlock(&vm->lock);
}

static void test_deferred(void)
{
	struct vm *vm = running(2);

	put_off(vm, 100);
	turns(3);
	ok_eq(later.done, 100, "each piece once, for two calls");
	CHECK(vm_pause(vm) == OK && in_state(vm, VM_PAUSED));
	put_off(vm, 2);
	turns(3);
	ok_eq(later.done, 0, "a paused guest does nothing");
	CHECK(vm_resume(vm) == OK && in_state(vm, VM_RUNNING));
	ok_eq(later.done, 2, "and goes on afterwards");
	gone(vm);
}

static void test_crash(void)
{
	struct vm *vm = running(2);
	char why[VM_REASON_MAX], text[8];

	fake_cpu_set(1);
	vm_crash(vm, "first %d", 1);
	vm_crash(vm, "second");
	fake_cpu_set(0);
	ok(in_state(vm, VM_CRASHED), "crashed");
	ok_str(vm->reason, "first 1", "the first reason stands");
	ok_str(changes.reason, "first 1", "and is told");
	ok(is_still(vm) && gmem_resident_pages(vm->mem) == 0, "quiet, and its memory is free");
	vm_crash(vm, "third");
	vm_guest_poweroff(vm);
	turns(3);
	ok_str(vm->reason, "first 1", "the dead do not speak");
	plain.load_fails = true;
	ok(vm_start(vm, why) == E_CORRUPT && !strcmp(why, "the kernel is no kernel"), "a bad image does not start");
	ok(vm_state(vm) == VM_CRASHED && !strcmp(vm->reason, "first 1"), "the state stays");
	plain.load_fails = false;
	ok(vm_start(vm, why) == OK && vm->reason[0] == '\0', "starts again");
	ok(in_state(vm, VM_RUNNING), "and runs");
	CHECK(gmem_read(vm->mem, GPA(0x1000), text, 7) == OK);
	ok_str(text, "kernel", "with a kernel");
	vm_crash(vm, "%0200d", 7);
	ok(in_state(vm, VM_CRASHED) && strlen(vm->reason) == VM_REASON_MAX - 1, "a long reason is cut");
	gone(vm);
}

/* An event meets a transition: which one wins. */
static void test_meetings(void)
{
	struct vm *vm = running(2);
	unsigned n, loads;
	char why[VM_REASON_MAX];

	CHECK(vm_pause(vm) == OK);
	vm_crash(vm, "while pausing");
	ok(in_state(vm, VM_CRASHED) && !strcmp(vm->reason, "while pausing"), "crash beats pause");
	CHECK(vm_start(vm, why) == OK && in_state(vm, VM_RUNNING));
	vm_crash(vm, "lost");
	CHECK(vm_kill(vm) == OK && vm_kill(vm) == OK);
	ok(vm_state(vm) == VM_STOPPING && vm_pause(vm) == E_STATE && vm_reset(vm) == E_STATE && vm_destroy(vm) == E_STATE,
	   "on its way out nothing else is taken");
	ok(in_state(vm, VM_STOPPED), "kill beats crash");
	CHECK(vm_start(vm, why) == OK && vm_kill(vm) == OK);
	n = changes.n;
	ok(in_state(vm, VM_STOPPED) && changes.n == n + 1, "killed while starting: only the end is told");
	CHECK(vm_start(vm, why) == OK && in_state(vm, VM_RUNNING) && vm_pause(vm) == OK);
	vm_guest_poweroff(vm);
	ok(in_state(vm, VM_STOPPED), "power-off beats pause");
	CHECK(vm_start(vm, why) == OK && in_state(vm, VM_RUNNING) && vm_pause(vm) == OK);
	loads = plain.loads;
	vm_guest_reset(vm);
	ok(in_state(vm, VM_PAUSED) && plain.loads == loads + 1, "the guest's reset, then the pause that was asked for");
	vm_crash(vm, "while paused");
	ok(in_state(vm, VM_CRASHED), "crash while paused");
	CHECK(vm_start(vm, why) == OK && in_state(vm, VM_RUNNING) && vm_pause(vm) == OK && in_state(vm, VM_PAUSED));
	CHECK(vm_kill(vm) == OK);
	ok(vm_resume(vm) == E_STATE && in_state(vm, VM_STOPPED), "no resume after a kill");
	CHECK(vm_start(vm, why) == OK && in_state(vm, VM_RUNNING));
	plain.load_fails = true;
	loads = plain.resets;
	vm_guest_reset(vm);
	ok(in_state(vm, VM_CRASHED) && !strcmp(vm->reason, "reset: the kernel is no kernel") && plain.resets == loads + 1, "a reset that cannot load");
	plain.load_fails = false;
	gone(vm);
}

static void test_reset(void)
{
	struct vm *vm = running(2);
	unsigned loads = plain.loads, resets = plain_vcpu(&vm->vcpus[1])->resets, flushes = fake_hv.flushes;
	uint8_t b = 1;

	fake_clock_advance(NS_PER_S);
	CHECK(gmem_write(vm->mem, GPA(2 * MIB), &b, 1) == OK);
	vm->vcpus[1].idle = true;
	vm->vcpus[1].counter_offset += 99;
	ok(vm_reset(vm) == OK && in_state(vm, VM_RUNNING), "reset");
	ok(plain.loads == loads + 1 && plain_vcpu(&vm->vcpus[1])->resets == resets + 1 && fake_hv.flushes > flushes, "all of it");
	CHECK(gmem_read(vm->mem, GPA(2 * MIB), &b, 1) == OK);
	ok(b == 0 && !vm->vcpus[1].idle && vm->vcpus[1].counter_offset == vm->counter_offset, "memory, vCPUs, clocks");
	ok((int64_t)hal_clock_ns() + vm->clock_offset_ns < 100000000, "guest time starts at zero");
	vm_guest_reset(vm);
	vm_guest_reset(vm);
	ok(in_state(vm, VM_RUNNING) && plain.loads == loads + 2, "the guest's own, once for two");
	vm_guest_poweroff(vm);
	ok(in_state(vm, VM_STOPPED) && changes.last == VM_STOPPED, "the guest's power-off");
	gone(vm);
}

/* Fills all free memory with nonsense: whoever still uses a freed object falls over it. */
static void poison_free(void)
{
	static struct hpa pages[16384];
	unsigned n = 0;

	while (n < ARRAY_LEN(pages) && page_alloc(&pool_root, 0, PAGE_HOST, &pages[n]) == OK)
		memset(hal_direct(pages[n++]), 0xa5, PAGE_SIZE);
	while (n > 0)
		page_free(&pool_root, pages[--n], 0, PAGE_HOST);
}

/* ---- large images: what else CPU 0 has to do is done meanwhile */

static struct { struct vm *vm; err_t err; bool done; char why[VM_REASON_MAX]; } starter;
static unsigned longest, since, other_turns; /* bytes copied between two turns of somebody else on CPU 0 */
static bool bad_sector;

static err_t large_read(void *ctx, uint64_t off, void *dst, uint64_t len)
{
	if (bad_sector && off > 4 * MIB)
		return E_IO;
	memset(dst, *(const char *)ctx, len);
	since += (unsigned)len;
	longest = MAX(longest, since);
	return OK;
}

static void other_fn(struct work *w)
{
	since = 0;
	other_turns++;
	if (!starter.done)
		work_post(0, w);
}

static void start_task(void *arg)
{
	(void)arg;
	starter.err = vm_start(starter.vm, starter.why);
	starter.done = true;
}

static struct vm *make_large(void)
{
	static char k = 'k', i = 'i';
	struct vm_config c = config(2);
	struct vm *vm = NULL;
	char why[VM_REASON_MAX];

	c.memory_bytes = 24 * MIB;
	c.kernel = (struct vm_source){ .size = 5 * MIB, .ctx = &k, .read = large_read };
	c.initrd = (struct vm_source){ .size = 11 * MIB, .ctx = &i, .read = large_read };
	changes = (struct changes){ 0 };
	if (!ok(vm_create(&c, &vm, why) == OK, "a VM with large images"))
		return NULL;
	return vm;
}

static void start_in_task(struct vm *vm)
{
	static struct work other;
	struct task *t;

	starter.vm = vm;
	starter.done = false;
	longest = since = other_turns = 0;
	work_init(&other, other_fn);
	work_post(0, &other);
	CHECK(task_create("start", start_task, NULL, 65536, &t) == OK);
}

static void test_load_gives_way(void)
{
	struct vm *vm = make_large();
	uint64_t before = free_pages();
	unsigned loads = plain.loads;

	plain.reads_images = true;
	start_in_task(vm);
	turns(2);
	ok(vm_state(vm) == VM_STARTING && !starter.done, "it takes its time");
	ok(vm_start(vm, starter.why) == E_STATE && vm_pause(vm) == E_STATE && vm_reset(vm) == E_STATE && vm_destroy(vm) == E_STATE,
	   "meanwhile nothing else is taken");
	turns(20);
	ok(starter.done && starter.err == OK && vm_state(vm) == VM_RUNNING && changes.n == 1, "then it runs");
	ok(other_turns >= 6 && longest <= 3 * MIB, "others had %u turns, with %u KiB between them at most", other_turns, longest / 1024);
	loads = plain.loads;
	starter.done = false;
	CHECK(vm_reset(vm) == OK);
	turns(3);
	ok(vm_state(vm) == VM_STARTING && plain.loads == loads && vm_reset(vm) == E_STATE && vm_destroy(vm) == E_STATE, "a reset takes as long");
	turns(12);
	ok(in_state(vm, VM_RUNNING) && plain.loads == loads + 1, "and runs");
	CHECK(vm_reset(vm) == OK);
	turns(3);
	CHECK(vm_state(vm) == VM_STARTING && vm_kill(vm) == OK && vm_state(vm) == VM_STOPPING);
	turns(12);
	ok(in_state(vm, VM_STOPPED) && changes.last == VM_STOPPED, "killed during a reset");
	changes.n = 0;
	start_in_task(vm);
	turns(2);
	ok(vm_state(vm) == VM_STARTING && vm_kill(vm) == OK && vm_kill(vm) == OK && vm_state(vm) == VM_STOPPING && vm_destroy(vm) == E_STATE,
	   "killed during a start");
	turns(20);
	ok(starter.done && starter.err == OK && vm_state(vm) == VM_STOPPED && changes.n == 1, "only its end is told");
	bad_sector = true;
	start_in_task(vm);
	turns(20);
	ok(starter.done && starter.err == E_IO && vm_state(vm) == VM_STOPPED && changes.n == 1, "an image that cannot be read: as it was");
	start_in_task(vm);
	turns(2);
	CHECK(vm_kill(vm) == OK);
	changes.destroy = true;
	turns(20);
	ok(starter.done && changes.n == 2 && changes.last == VM_STOPPED && changes.destroy, "killed as well, and destroyed in its callback");
	bad_sector = false;
	poison_free();
	turns(5);
	ok(fake_hv.vms == 0 && free_pages() > before, "nothing is left");
}

/* A load of three seconds: a guest that resets itself ten seconds after each is as bad as one that does so at once. */
static err_t slow_read(void *ctx, uint64_t off, void *dst, uint64_t len)
{
	(void)ctx, (void)off;
	fake_clock_advance(3 * NS_PER_S);
	memset(dst, 0, len);
	return OK;
}

static void test_slow_reset_storm(void)
{
	struct vm_config c = config(1);
	struct vm *vm = NULL;
	char why[VM_REASON_MAX];

	plain.reads_images = true;
	c.kernel = (struct vm_source){ .size = 1000, .read = slow_read };
	CHECK(vm_create(&c, &vm, why) == OK && vm_start(vm, why) == OK && in_state(vm, VM_RUNNING));
	for (unsigned i = 0; i < 30 && vm_state(vm) != VM_CRASHED; i++) {
		fake_clock_advance(10 * NS_PER_S);
		vm_guest_reset(vm);
		turns(8);
	}
	ok(vm_state(vm) == VM_CRASHED && strstr(vm->reason, "reset"), "what a load takes counts: %s", vm->reason);
	gone(vm);
	plain.reads_images = false;
}

/* Each reset loads the kernel on the service CPU: a guest that does nothing but reset itself must not have that CPU. */
static void test_reset_storm(void)
{
	struct vm *vm = running(2);
	unsigned loads = plain.loads;

	for (unsigned i = 0; i < 100 && vm_state(vm) != VM_CRASHED; i++) {
		vm_guest_reset(vm);
		turns(8);
	}
	ok(vm_state(vm) == VM_CRASHED && strstr(vm->reason, "reset"), "a guest that resets itself without end is stopped: %s", vm->reason);
	ok(plain.loads - loads <= 20, "after %u loads", plain.loads - loads);
	gone(vm);
	vm = running(1);
	for (unsigned i = 0; i < 40; i++) {
		fake_clock_advance(2 * NS_PER_S);
		vm_guest_reset(vm);
		turns(8);
	}
	ok_eq(vm_state(vm), VM_RUNNING, "one that lives for two seconds each time may go on");
	for (unsigned i = 0; i < 40; i++) {
		CHECK(vm_reset(vm) == OK);
		turns(8);
	}
	ok_eq(vm_state(vm), VM_RUNNING, "and so may whoever manages it");
	gone(vm);
}

static void test_placement(void)
{
	struct vm *a = running(4), *b = make(1), *c = make(1);
	char why[VM_REASON_MAX];
	unsigned on1 = 0;

	for (unsigned i = 0; i < 4; i++)
		on1 += a->vcpus[i].cpu;
	ok_eq(on1, 2, "four vCPUs on two CPUs: two each");
	CHECK(vm_start(b, why) == OK && vm_start(c, why) == OK);
	ok(b->vcpus[0].cpu != c->vcpus[0].cpu, "two VMs started in one breath go to different CPUs");
	CHECK(in_state(b, VM_RUNNING) && in_state(c, VM_RUNNING) && vm_pause(b) == OK && in_state(b, VM_PAUSED));
	gone(c);
	c = running(1);
	ok(b->vcpus[0].cpu != c->vcpus[0].cpu, "a paused one keeps its place");
	gone(a);
	gone(b);
	gone(c);
}

/* Kicks and events while the VM goes down leave no mail behind. */
static void test_no_mail(void)
{
	struct vm *vm = running(2);

	changes.destroy = true;
	CHECK(vm_kill(vm) == OK);
	for (unsigned i = 0; i < 12 && changes.last != VM_STOPPED; i++) {
		vcpu_kick(&vm->vcpus[0]);
		vcpu_kick(&vm->vcpus[1]);
		vm_guest_reset(vm);
		fake_cpu_set(i % 2);
		(void)loop_turn();
		fake_cpu_set(0);
	}
	poison_free();
	turns(5);
	ok(changes.last == VM_STOPPED && changes.destroy, "destroyed in its own callback");
	ok(fake_hv.vms == 0 && plain.machines == 0, "and gone");
}

static void test_rounds(void)
{
	uint64_t before = free_pages();
	bool same = true;

	changes = (struct changes){ 0 };
	for (unsigned i = 0; same && i < 200; i++) {
		struct vm_config c = config(1 + i % 4);
		struct vm *vm = NULL;
		char why[VM_REASON_MAX];
		uint8_t b = (uint8_t)i;

		same = vm_create(&c, &vm, why) == OK && vm_start(vm, why) == OK;
		turns(i % 5);
		same = same && gmem_write(vm->mem, GPA(i * 4096), &b, 1) == OK;
		if (i % 3 == 0)
			vm_crash(vm, "round %u", i);
		else
			same = same && vm_kill(vm) == OK;
		turns(6);
		same = same && vm_destroy(vm) == OK && free_pages() == before;
	}
	ok(same, "200 rounds of create, start, stop, delete return every page");
}

static void test_stats(void)
{
	struct vm *vm = running(2);
	struct vm_stats s;

	fake_hv.on_run = NULL;
	vm_stats(vm, &s);
	ok(s.exits > 0 && s.run_ns > 0 && s.resident_bytes >= 4096 && s.uptime_ns > 0, "numbers while running");
	ok(vm_console_input(vm, "x", 1) == 1, "console input is taken");
	ok(vm_kill(vm) == OK && in_state(vm, VM_STOPPED), "stopped");
	vm_stats(vm, &s);
	ok(s.uptime_ns == 0 && s.resident_bytes == 0 && s.run_ns > 0, "and when stopped");
	ok(vm_console_input(vm, "x", 1) == 0, "nobody reads");
	ok_str(vm_state_name(VM_CRASHED), "crashed", "state names");
	ok_str(vm_state_name((enum vm_state)99), "unknown", "beyond the last");
	gone(vm);
}

int main(void)
{
	uint64_t before;

	fake_init(48 * MIB, 2);
	plain_use();
	before = free_pages();
	test_config();
	test_build_failures();
	fake_hv.on_run = guest_spin;
	test_reservation();
	test_calls();
	test_pause();
	test_deferred();
	test_crash();
	test_meetings();
	test_reset();
	test_load_gives_way();
	test_slow_reset_storm();
	test_reset_storm();
	test_placement();
	test_no_mail();
	test_rounds();
	test_stats();
	ok_eq(free_pages(), before, "every page is back");
	ok(plain.machines == 0 && plain.arches == 0 && fake_hv.vms == 0 && fake_hv.vcpus == 0, "and every object");
	return tap_done();
}
