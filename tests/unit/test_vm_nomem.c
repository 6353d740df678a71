/* SPDX-License-Identifier: Apache-2.0 */
/* A VM of the real PC that meets the end of memory at each allocation in turn, while it is created and while it starts: always a clear
 * refusal, and every page back. The allocators themselves are compiled in here under other names, behind ones that fail on demand.
 * Host only; on the scripted backend, and creation on SVM's too (which needs no CPU for that). */
#define page_alloc counted_page_alloc
#define pool_alloc counted_pool_alloc
#include "../../core/mm/page.c"
#include "../../core/mm/pool.c"
#undef page_alloc
#undef pool_alloc
#include <core/task.h>
#include <fake/fake.h>
#include <fake/fake_hv.h>
#include <fake/fake_svm.h>
#include <unit/tap.h>
#include <vmm/vm.h>

const struct hv_ops *hv_current;
const char *hv_reason(void) { return "the test says no"; }

static int fail_at = -1; /* counts down; the allocation that finds 0 fails, ... */
static bool fail_on;     /* ... and with it all that follow */
static unsigned asked;

static bool refused(void)
{
	asked++;
	if (fail_at < 0)
		return false;
	if (fail_at > 0 || !fail_on)
		return fail_at-- == 0;
	return true;
}

err_t page_alloc(struct pool *p, unsigned order, unsigned flags, struct hpa *out)
{
	return refused() ? E_NOMEM : counted_page_alloc(p, order, flags, out);
}

void *pool_alloc(struct pool *p, size_t size)
{
	return refused() ? NULL : counted_pool_alloc(p, size);
}

enum { BZ_SIZE = 5 * 512 + 4096 };
static uint8_t image[BZ_SIZE];

static void make_bzimage(uint8_t *p)
{
	p[0x1f1] = 4;
	put_le16(p + 0x1fe, 0xaa55);
	p[0x201] = 0x6a;
	memcpy(p + 0x202, "HdrS", 4);
	put_le16(p + 0x206, 0x20f);
	put_le32(p + 0x22c, 0x7fffffff);
	put_le32(p + 0x230, 0x200000);
	put_le16(p + 0x236, 1);
	put_le32(p + 0x238, 2047);
	put_le64(p + 0x258, 0x200000);
	put_le32(p + 0x260, 0x100000);
}

static err_t image_read(void *ctx, uint64_t off, void *dst, uint64_t len)
{
	(void)ctx;
	if (!range_within(off, len, sizeof(image)))
		return E_RANGE;
	memcpy(dst, image + off, len);
	return OK;
}

static size_t silent(struct chardev *c, const void *p, size_t n)
{
	(void)c, (void)p;
	return n;
}
static const struct chardev_ops silent_ops = { .write = silent };
static struct chardev console = { &silent_ops };

static const struct vm_config config = {
	.name = "t", .vcpus = 3, .memory_bytes = 8 * MIB, .weight = 100, .cmdline = "quiet", .console = &console,
	.kernel = { .size = BZ_SIZE, .read = image_read }, .initrd = { .size = 1000, .read = image_read },
};

static const struct vm_config config_large = {
	.name = "t", .vcpus = 1, .memory_bytes = 40 * MIB, .weight = 100, .cmdline = "", .console = &console,
	.kernel = { .size = BZ_SIZE, .read = image_read },
};

struct level { uint64_t free, reserved, root, core; };

static struct level level_now(void)
{
	struct page_stats s;

	page_stats(&s);
	return (struct level){ s.free, s.reserved, pool_root.used_pages, pool_core.used_pages };
}

static bool level_is(const struct level *l)
{
	struct level now = level_now();

	return memcmp(&now, l, sizeof now) == 0;
}

/* One allocation after the other fails, until there was none left to fail. Returns how many there were. */
static unsigned create_each(const char *name)
{
	bool clean = true, told = true;
	unsigned n = 0;

	for (asked = 0; asked >= n; n++) {
		struct level before = level_now();
		char why[VM_REASON_MAX] = "";
		struct vm *vm = NULL;
		err_t err;

		asked = 0;
		fail_at = (int)n;
		err = vm_create(&config, &vm, why);
		fail_at = -1;
		if (err == OK)
			clean = clean && vm_destroy(vm) == OK;
		else
			told = told && err == E_NOMEM && why[0] && !vm;
		clean = clean && level_is(&before);
	}
	ok(clean, "%s: creation that fails at any of %u allocations gives every page back", name, n - 1);
	ok(told, "%s: and says why", name);
	return n - 1;
}

static bool stop(struct vm *vm)
{
	bool killed = vm_kill(vm) == OK;

	fake_loop_settle();
	return killed && vm_state(vm) == VM_STOPPED;
}

/* for_good: all that follow fail too. A large page that cannot be had is no failure. */
static unsigned start_each(bool for_good)
{
	bool clean = true, told = true;
	char why[VM_REASON_MAX] = "";
	struct vm *vm = NULL;
	struct level before;
	unsigned n = 0;

	if (!ok(vm_create(&config, &vm, why) == OK, "created"))
		return 0;
	before = level_now();
	fail_on = for_good;
	for (asked = 0; asked >= n; n++) {
		err_t err;

		asked = 0;
		why[0] = '\0';
		fail_at = (int)n;
		err = vm_start(vm, why);
		fail_at = -1;
		if (err == OK)
			clean = clean && stop(vm);
		else
			told = told && why[0] && vm_state(vm) == VM_STOPPED;
		clean = clean && level_is(&before);
	}
	fail_on = false;
	ok(clean, "a start that fails at any of %u allocations%s keeps no page", n - 1, for_good ? ", and all that follow," : "");
	ok(told, "and says why");
	ok_eq(vm_destroy(vm), OK, "destroyed");
	return n - 1;
}

/* ---- more promised than is there */

static void spin(struct vcpu *v, struct hv_exit *out, void *ctx)
{
	(void)v, (void)ctx;
	fake_clock_advance(100000);
	*out = (struct hv_exit){ .kind = HV_EXIT_HOST };
}

/* Touches one page after the other, without end; a host interrupt comes now and then. */
static void touch_all(struct vcpu *v, struct hv_exit *out, void *ctx)
{
	uint64_t *at = ctx;

	if (fake_vcpu(v)->runs % 64 == 0) {
		spin(v, out, NULL);
		return;
	}
	*out = (struct hv_exit){ .kind = HV_EXIT_STAGE2, .stage2 = { .addr = GPA(*at), .access = GMEM_W } };
	*at = (*at + PAGE_SIZE) % config_large.memory_bytes;
}

static void overcommitted(void)
{
	struct vm_config c = config_large;
	struct level before = level_now();
	struct vm *greedy = NULL, *modest = NULL;
	char why[VM_REASON_MAX] = "";
	uint64_t at = 2 * MIB, runs;

	CHECK(vm_create(&c, &greedy, why) == OK);
	ok(vm_create(&c, &modest, why) == E_NOMEM && strstr(why, "not enough"), "two VMs of 40 MiB do not fit: %s", why);
	CHECK(vm_destroy(greedy) == OK);
	c.overcommit_percent = 99;
	ok(vm_create(&c, &modest, why) == E_INVAL && strstr(why, "100 to 1000"), "%s", why);
	c.overcommit_percent = 1001;
	ok(vm_create(&c, &modest, why) == E_INVAL && strstr(why, "1001"), "%s", why);
	c.overcommit_percent = 200;
	ok(vm_create(&c, &greedy, why) == OK && vm_create(&c, &modest, why) == OK, "at 200 percent they do");
	CHECK(vm_start(greedy, why) == OK && vm_start(modest, why) == OK);
	CHECK(gmem_zero(modest->mem, GPA(0), 28 * MIB) == OK);
	fake_vcpu(&modest->vcpus[0])->on_run = spin;
	fake_vcpu(&greedy->vcpus[0])->on_run_ctx = &at;
	fake_vcpu(&greedy->vcpus[0])->on_run = touch_all;
	for (unsigned i = 0; i < 10000 && vm_state(greedy) != VM_CRASHED; i++)
		(void)loop_turn();
	ok(vm_state(greedy) == VM_CRASHED && strstr(greedy->reason, "out of memory at guest-physical"), "the one that finds no page is over: %s",
	   greedy->reason);
	runs = fake_vcpu(&modest->vcpus[0])->runs;
	ok_eq(gmem_zero(modest->mem, GPA(28 * MIB), 12 * MIB), OK, "the other has what the first gave back");
	for (unsigned i = 0; i < 10; i++)
		(void)loop_turn();
	ok(vm_state(modest) == VM_RUNNING && fake_vcpu(&modest->vcpus[0])->runs > runs, "and runs");
	fake_vcpu(&greedy->vcpus[0])->on_run = spin;
	CHECK(vm_start(greedy, why) == OK);
	ok_eq(gmem_zero(greedy->mem, GPA(0), 40 * MIB), E_NOMEM, "a device finds no page");
	for (unsigned i = 0; i < 1000 && vm_state(greedy) != VM_CRASHED; i++)
		(void)loop_turn();
	ok(vm_state(greedy) == VM_CRASHED && !strcmp(greedy->reason, "the node is out of memory"), "that ends the guest too: %s", greedy->reason);
	CHECK(vm_kill(modest) == OK);
	fake_loop_settle();
	ok(vm_state(modest) == VM_STOPPED && vm_destroy(modest) == OK && vm_destroy(greedy) == OK && level_is(&before), "every page is back");
}

int main(void)
{
	struct level before;
	unsigned n;

	fake_init(64 * MIB, 1);
	make_bzimage(image);
	before = level_now();
	fake_hv_use();
	n = create_each("scripted backend");
	ok(n > 10, "creation allocates");
	hv_current = &hv_svm;
	host_features.fp_size = 832;
	n = create_each("svm");
	ok(n > 15, "creation on SVM allocates");
	fake_hv_use();
	ok(start_each(false) > 5 && start_each(true) > 5, "starting allocates");
	overcommitted();
	ok(level_is(&before), "nothing is lost in the end");
	ok(fake_hv.vms == 0 && fake_hv.vcpus == 0, "no backend object is left");
	return tap_done();
}
