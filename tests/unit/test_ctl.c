/* SPDX-License-Identifier: Apache-2.0 */
/* VM objects: creation with all its refusals, each transition in each state, requests that overtake each other, deletion under the
 * feet of those who wait, autostart, and every page back. */
#include "api_bench.h"

static struct problem why;

static struct vm_spec spec_of(const char *name)
{
	struct vm_spec s;

	vm_spec_defaults(&s);
	snprintf(s.name, sizeof(s.name), "%s", name);
	snprintf(s.kernel, sizeof(s.kernel), "kernel");
	s.memory_mib = 16;
	return s;
}

static struct vm_ctl *create(const char *name)
{
	struct vm_spec s = spec_of(name);
	struct vm_ctl *c = NULL;

	ok(vm_ctl_create(&s, &c, &why) == OK, "create %s", name);
	return c;
}

/* ---- transitions, each in a task of its own */

struct op {
	enum verb { START, STOP, PAUSE, RESUME, RESET } verb;
	struct vm_ctl *vm;
	uint32_t timeout_ms;
	bool done;
	err_t e;
	enum vm_state seen; /* when it returned */
	struct problem why;
};

static void op_task(void *arg)
{
	struct op *o = arg;
	struct vm_ctl *c = o->vm;

	vm_ctl_ref(c);
	switch (o->verb) {
	case START: o->e = vm_ctl_start(c, &o->why); break;
	case STOP: o->e = vm_ctl_stop(c, o->timeout_ms, &o->why); break;
	case PAUSE: o->e = vm_ctl_pause(c, &o->why); break;
	case RESUME: o->e = vm_ctl_resume(c, &o->why); break;
	case RESET: o->e = vm_ctl_reset(c, &o->why); break;
	}
	o->seen = vm_ctl_state(c);
	o->done = true;
	vm_ctl_unref(c);
}

static void begin(struct op *o)
{
	o->done = false;
	o->why = (struct problem){0};
	if (task_create("op", op_task, o, 65536, NULL) != OK)
		abort();
}

static struct op now(struct vm_ctl *c, enum verb verb)
{
	struct op o = {.verb = verb, .vm = c};

	begin(&o);
	fake_loop_settle();
	if (!o.done)
		abort(); /* o is about to go */
	return o;
}

static bool works(struct vm_ctl *c, enum verb verb, enum vm_state then)
{
	struct op o = now(c, verb);

	return o.e == OK && o.seen == then;
}

static bool conflicts(struct vm_ctl *c, enum verb verb)
{
	enum vm_state before = vm_ctl_state(c);
	struct op o = now(c, verb);

	return o.e == E_STATE && o.why.kind == PROBLEM_CONFLICT && strstr(o.why.detail, vm_state_name(before)) && vm_ctl_state(c) == before;
}

static void remove_vm(struct vm_ctl *c)
{
	now(c, STOP);
	ok_eq(vm_ctl_delete(c, &why), OK, "deleted");
	fake_loop_settle();
}

static uint64_t free_pages(void)
{
	struct page_stats s;

	fake_loop_settle();
	page_stats(&s);
	return s.free - s.reserved;
}

/* ---- */

static void test_create(void)
{
	uint64_t pages;
	struct image *kernel = image_find("kernel"), *initrd = image_find("initrd");
	struct vm_spec s = spec_of("b");
	struct vm_ctl *b = create("b"), *a = create("a"), *x = NULL;
	unsigned running;

	ok(vm_ctl_next(NULL) == a && vm_ctl_next(a) == b && !vm_ctl_next(b), "in name order");
	ok(vm_ctl_find("a") == a && !vm_ctl_find("c") && !vm_ctl_find(""), "found by name");
	ok(vm_ctl_count(&running) == 2 && running == 0, "counted");
	ok(vm_ctl_create(&s, &x, &why) == E_EXIST && why.kind == PROBLEM_CONFLICT && !x, "a name that is taken");
	pages = free_pages();
	s = spec_of("c");
	strcpy(s.kernel, "none");
	ok(vm_ctl_create(&s, &x, &why) == E_NOENT && why.kind == PROBLEM_BAD_REQUEST && strstr(why.detail, "kernel: there is no image \"none\""), "no such kernel");
	s = spec_of("c");
	strcpy(s.initrd, "none");
	ok(vm_ctl_create(&s, &x, &why) == E_NOENT && strstr(why.detail, "initrd: there is no image \"none\""), "no such initrd");
	s = spec_of("C");
	ok(vm_ctl_create(&s, &x, &why) == E_INVAL && why.kind == PROBLEM_BAD_REQUEST, "a name that cannot be");
	s = spec_of("c");
	s.memory_mib = 4096;
	strcpy(s.initrd, "initrd");
	ok(vm_ctl_create(&s, &x, &why) == E_NOMEM && why.kind == PROBLEM_INSUFFICIENT_MEMORY, "more memory than there is");
	ok(!x && !vm_ctl_find("c") && kernel->users == 2 && initrd->users == 0, "what fails leaves nothing behind");
	ok_eq(free_pages(), pages, "no page either");
	ok(image_remove("kernel", &why) == E_BUSY, "an image that is named stays");
	remove_vm(a);
	remove_vm(b);
	ok(kernel->users == 0 && !vm_ctl_next(NULL) && fake_hv.vms == 0, "all gone");
}

#define MANY 1000

static const char *many_name(unsigned i)
{
	static char name[16];

	snprintf(name, sizeof(name), "many-%03u", i * 377 % MANY); /* each once, in no order */
	return name;
}

/* All that exist: each found by its name, in name order, as many as are counted. */
static bool table_sound(unsigned n)
{
	const char *last = "";
	unsigned seen = 0;

	for (struct vm_ctl *c = vm_ctl_next(NULL); c; c = vm_ctl_next(c), seen++) {
		if (strcmp(last, c->spec.name) >= 0 || vm_ctl_find(c->spec.name) != c)
			return false;
		last = c->spec.name;
	}
	return seen == n && vm_ctl_count(NULL) == n;
}

static void test_many(void)
{
	unsigned made = 0, gone = 0;

	hv_current = NULL; /* names alone */
	for (struct vm_ctl *c; made < MANY; made++) {
		struct vm_spec s = spec_of(many_name(made));

		if (vm_ctl_create(&s, &c, &why) != OK)
			break;
	}
	ok_eq(made, MANY, "a thousand VMs");
	ok(table_sound(MANY) && !vm_ctl_find("many-") && !vm_ctl_find("many-1000") && !vm_ctl_find("zz"), "found by name, and in order");
	for (unsigned i = 0; i < MANY; i += 3, gone++)
		if (vm_ctl_delete(vm_ctl_find(many_name(i)), &why) != OK || vm_ctl_find(many_name(i)))
			break;
	ok(gone == (MANY + 2) / 3 && table_sound(MANY - gone), "a third of them deleted");
	for (struct vm_ctl *c; (c = vm_ctl_next(NULL));)
		if (vm_ctl_delete(c, &why) != OK)
			break;
	fake_loop_settle();
	ok(table_sound(0), "and the rest");
	hv_current = &hv_fake;
}

static void test_transitions(void)
{
	struct vm_ctl *c = create("t");
	unsigned running;

	ok(conflicts(c, PAUSE) && conflicts(c, RESUME) && conflicts(c, RESET), "a stopped one can only start");
	ok(works(c, STOP, VM_STOPPED), "or be stopped");
	ok(works(c, START, VM_RUNNING), "start");
	ok(vm_ctl_count(&running) == 1 && running == 1, "it runs");
	ok(conflicts(c, START) && conflicts(c, RESUME), "a running one cannot start or resume");
	ok(vm_ctl_delete(c, &why) == E_STATE && why.kind == PROBLEM_CONFLICT && strstr(why.detail, "running"), "nor be deleted");
	ok(works(c, PAUSE, VM_PAUSED), "pause");
	ok(conflicts(c, PAUSE) && conflicts(c, START) && vm_ctl_delete(c, &why) == E_STATE, "a paused one cannot pause, start or be deleted");
	ok(works(c, RESUME, VM_RUNNING), "resume");
	ok(works(c, STOP, VM_STOPPED), "stop");
	ok(works(c, START, VM_RUNNING) && works(c, PAUSE, VM_PAUSED) && works(c, STOP, VM_STOPPED), "a paused one stops");
	plain.load_fails = true;
	{
		struct op o = now(c, START);

		ok(o.e == E_CORRUPT && o.why.kind == PROBLEM_BAD_REQUEST && strstr(o.why.detail, "the kernel is no kernel") && o.seen == VM_STOPPED, "a bad kernel: %s", o.why.detail);
	}
	plain.load_fails = false;
	ok(works(c, START, VM_RUNNING), "a good one");
	vm_crash(c->vm, "it went wrong");
	fake_loop_settle();
	ok(vm_ctl_state(c) == VM_CRASHED && !strcmp(vm_ctl_reason(c), "it went wrong"), "a crash and its reason");
	ok(conflicts(c, RESET) && works(c, STOP, VM_CRASHED), "a crashed one is down");
	ok(works(c, START, VM_RUNNING), "and can start");
	remove_vm(c);
}

/* Reset returns when the guest has been through it, not when it was asked. */
static void test_reset(void)
{
	struct vm_ctl *c = create("r");
	unsigned loads;

	now(c, START);
	loads = plain.loads;
	ok(works(c, RESET, VM_RUNNING) && plain.loads == loads + 1, "reset of a running one: done when it returns");
	now(c, PAUSE);
	ok(works(c, RESET, VM_RUNNING) && plain.loads == loads + 2, "reset of a paused one");
	plain.load_fails = true;
	{
		struct op o = now(c, RESET);

		ok(o.e == E_STATE && o.why.kind == PROBLEM_CONFLICT && o.seen == VM_CRASHED && strstr(o.why.detail, "crashed"), "a reset that fails says so: %s", o.why.detail);
	}
	plain.load_fails = false;
	remove_vm(c);
}

static void test_stop(void)
{
	struct vm_ctl *c = create("s");
	struct op o = {.verb = STOP, .vm = c, .timeout_ms = 5000};
	unsigned buttons;

	now(c, START);
	buttons = plain.buttons;
	begin(&o);
	fake_loop_settle();
	ok(plain.buttons == buttons + 1 && !o.done, "the power button is pressed");
	vm_guest_poweroff(c->vm);
	fake_loop_settle();
	ok(o.done && o.e == OK && o.seen == VM_STOPPED, "a guest that listens stops");
	now(c, START);
	begin(&o);
	fake_loop_settle();
	pass_ms(4999);
	ok(!o.done && vm_ctl_state(c) == VM_RUNNING, "one that does not has its time");
	pass_ms(1);
	ok(o.done && o.e == OK && o.seen == VM_STOPPED, "and then it is ended");
	now(c, START);
	buttons = plain.buttons;
	ok(works(c, STOP, VM_STOPPED) && plain.buttons == buttons, "0 ms: no button");
	now(c, START);
	now(c, PAUSE);
	begin(&o);
	fake_loop_settle();
	ok(o.done && o.seen == VM_STOPPED && plain.buttons == buttons, "a paused guest has no ear for a button");
	remove_vm(c);
}

/* Two clients at once. None may hang, and who did not get what was asked for is told. */
static void test_overtaken(void)
{
	struct vm_ctl *c = create("o");
	struct op pause = {.verb = PAUSE, .vm = c}, resume = {.verb = RESUME, .vm = c}, reset = {.verb = RESET, .vm = c};
	struct op slow = {.verb = STOP, .vm = c, .timeout_ms = 5000}, hard = {.verb = STOP, .vm = c}, start = {.verb = START, .vm = c};

	now(c, START);
	begin(&pause);
	begin(&resume);
	fake_loop_settle();
	ok(pause.done && pause.e == E_STATE && pause.why.kind == PROBLEM_CONFLICT, "a pause that is taken back does not wait for ever");
	ok(resume.done && resume.e == OK && vm_ctl_state(c) == VM_RUNNING, "the resume is done");
	begin(&pause);
	begin(&reset);
	fake_loop_settle();
	ok(pause.done && pause.e == E_STATE && reset.done && reset.e == OK && vm_ctl_state(c) == VM_RUNNING, "a pause that a reset overtakes");
	begin(&pause);
	begin(&hard);
	fake_loop_settle();
	ok(pause.done && pause.e == E_STATE && hard.done && vm_ctl_state(c) == VM_STOPPED, "a pause that a stop overtakes: %s", pause.why.detail);
	now(c, START);
	begin(&reset);
	begin(&hard);
	fake_loop_settle();
	ok(reset.done && reset.e == E_STATE && hard.done && vm_ctl_state(c) == VM_STOPPED, "a reset that a stop overtakes");
	now(c, START);
	begin(&slow);
	fake_loop_settle();
	begin(&hard);
	begin(&start); /* in the queue before slow hears that the guest is down */
	fake_loop_settle();
	if (!start.done || start.e != OK)
		now(c, START);
	pass_ms(6000);
	ok(slow.done && slow.e == OK && vm_ctl_state(c) == VM_RUNNING, "a stop ends with the guest that it was meant for");
	remove_vm(c);
}

static struct vm_ctl *victim;

/* Starts the guest again at the very moment that it is down, before those who wait for that run. */
static void restart_task(void *arg)
{
	(void)arg;
	vm_ctl_ref(victim);
	while (vm_ctl_state(victim) != VM_STOPPED)
		wait_on(&victim->changed);
	if (vm_ctl_start(victim, &why) != OK)
		ok(false, "start again: %s", why.detail);
	vm_ctl_unref(victim);
}

static void test_restarted(void)
{
	struct op slow = {.verb = STOP, .timeout_ms = 5000};

	victim = slow.vm = create("again");
	now(victim, START);
	if (task_create("restart", restart_task, NULL, 65536, NULL) != OK)
		return;
	fake_loop_settle();
	begin(&slow);
	fake_loop_settle();
	vm_guest_poweroff(victim->vm);
	fake_loop_settle();
	ok(slow.done && slow.e == OK, "the guest went down, and the stop is done");
	pass_ms(6000);
	ok(vm_ctl_state(victim) == VM_RUNNING, "the next run is nobody's to end");
	remove_vm(victim);
}

static enum vm_state delete_when = VM_STOPPED;

/* Deletes the object as soon as it is down, before those who wait for that run. */
static void delete_task(void *arg)
{
	(void)arg;
	while (vm_ctl_state(victim) != delete_when)
		wait_on(&victim->changed);
	if (vm_ctl_delete(victim, &why) != OK)
		ok(false, "delete: %s", why.detail);
}

static void test_deleted(void)
{
	struct op ops[] = {{.verb = STOP, .timeout_ms = 5000}, {.verb = PAUSE}, {.verb = RESET}, {.verb = STOP}};
	unsigned done = 0;

	victim = create("v");
	now(victim, START);
	if (task_create("delete", delete_task, NULL, 65536, NULL) != OK)
		return;
	fake_loop_settle();
	for (unsigned i = 0; i < ARRAY_LEN(ops); i++) {
		ops[i].vm = victim;
		begin(&ops[i]);
	}
	fake_loop_settle();
	for (unsigned i = 0; i < ARRAY_LEN(ops); i++)
		done += ops[i].done;
	ok_eq(done, ARRAY_LEN(ops), "nobody waits for what was deleted");
	ok(ops[0].e == OK && ops[3].e == OK && ops[1].e != OK && ops[2].e != OK, "who wanted it down has that, the others are told: %s", ops[1].why.detail);
	ok(!vm_ctl_find("v") && fake_hv.vms == 0, "gone");
}

static void test_no_virtualisation(void)
{
	struct vm_ctl *c;
	struct op o;

	hv_current = NULL;
	c = create("n");
	ok(c && !c->vm && vm_ctl_state(c) == VM_STOPPED && !vm_ctl_reason(c)[0], "it can be named");
	o = now(c, START);
	ok(o.e == E_UNSUPPORTED && o.why.kind == PROBLEM_UNAVAILABLE && strstr(o.why.detail, "the test says no"), "but not run: %s", o.why.detail);
	ok(conflicts(c, PAUSE) && conflicts(c, RESUME) && conflicts(c, RESET) && works(c, STOP, VM_STOPPED), "nor anything else");
	hv_current = &hv_fake;
	ok(works(c, START, VM_RUNNING), "later it can");
	remove_vm(c);
}

static void autostart_task(void *arg) { (void)arg; vm_ctl_autostart(); }
static void stop_all_task(void *arg) { (void)arg; vm_ctl_stop_all(); }

static void crash_task(void *arg) { (void)arg; vm_crash(victim->vm, "at once"); }

static void test_autostart_deleted(void)
{
	struct vm_spec s = spec_of("brief");
	struct event e;

	s.autostart = true;
	if (vm_ctl_create(&s, &victim, &why) != OK)
		return;
	delete_when = VM_CRASHED;
	if (task_create("delete", delete_task, NULL, 65536, NULL) != OK)
		return;
	fake_loop_settle();
	if (task_create("auto", autostart_task, NULL, 65536, NULL) != OK || task_create("crash", crash_task, NULL, 65536, NULL) != OK)
		return;
	fake_loop_settle();
	ok(!vm_ctl_find("brief") && event_get(event_last_id(), &e) && !strcmp(e.type, "vm.autostart-failed") && strstr(e.reason, "deleted meanwhile"),
	   "deleted while it starts by itself");
}

static void test_all(void)
{
	struct vm_spec s = spec_of("a1");
	struct vm_ctl *a, *b, *c = create("c1");
	struct event e;
	unsigned running;

	s.autostart = true;
	if (vm_ctl_create(&s, &a, &why) != OK)
		return;
	strcpy(s.name, "b1");
	if (vm_ctl_create(&s, &b, &why) != OK)
		return;
	plain.load_fails = true;
	if (task_create("auto", autostart_task, NULL, 65536, NULL) != OK)
		return;
	fake_loop_settle();
	ok(event_get(event_last_id(), &e) && !strcmp(e.type, "vm.autostart-failed") && !strcmp(e.object, "b1") && strstr(e.reason, "no kernel"), "a failure is told, for each");
	plain.load_fails = false;
	a->autostarted = b->autostarted = false;
	if (task_create("auto", autostart_task, NULL, 65536, NULL) != OK)
		return;
	fake_loop_settle();
	ok(vm_ctl_state(a) == VM_RUNNING && vm_ctl_state(b) == VM_RUNNING && vm_ctl_state(c) == VM_STOPPED, "those that should start do");
	now(a, STOP);
	if (task_create("auto", autostart_task, NULL, 65536, NULL) != OK)
		return;
	fake_loop_settle();
	ok(vm_ctl_state(a) == VM_STOPPED, "once");
	now(c, START);
	now(c, PAUSE);
	if (task_create("stop", stop_all_task, NULL, 65536, NULL) != OK)
		return;
	fake_loop_settle();
	ok(vm_ctl_count(&running) == 3 && vm_ctl_state(b) == VM_STOPPED && vm_ctl_state(c) == VM_STOPPED, "all down");
	remove_vm(a);
	remove_vm(b);
	remove_vm(c);
}

/* What the config file allows beyond the memory reaches each VM, and the node keeps its share. */
static void test_overcommit(void)
{
	struct vm_spec s = spec_of("large");
	struct vm_ctl *c = NULL, *d = NULL;

	s.memory_mib = 144;
	ok(vm_ctl_create(&s, &c, &why) == OK, "most of the memory");
	snprintf(s.name, sizeof(s.name), "second");
	ok(vm_ctl_create(&s, &d, &why) == E_NOMEM && why.kind == PROBLEM_INSUFFICIENT_MEMORY, "twice that is not there");
	vm_ctl_set_overcommit(200);
	ok(vm_ctl_create(&s, &d, &why) == OK, "half of it can be promised");
	ok(c->vm->pool.parent->limit_pages == 256 * MIB / PAGE_SIZE / 16 * 15, "all VMs together leave a sixteenth");
	ok(vm_ctl_delete(c, &why) == OK && vm_ctl_delete(d, &why) == OK, "deleted");
	vm_ctl_set_overcommit(100);
}

int main(void)
{
	uint64_t pages;

	bench_start();
	test_create();
	test_many();
	pages = free_pages();
	test_transitions();
	test_reset();
	test_stop();
	test_overtaken();
	test_restarted();
	test_deleted();
	test_no_virtualisation();
	test_autostart_deleted();
	test_overcommit();
	test_all();
	ok_eq(free_pages(), pages, "every page is back");
	return tap_done();
}
