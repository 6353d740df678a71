/* SPDX-License-Identifier: Apache-2.0 */
/* Translations taken away under a running guest, with the real monitor on real tables: the guest of guest_code.S uses one page from both CPUs
 * without an exit while that page is made read-only, replaced, and taken away. What vm_tlb_shootdown promises must hold from its answer on: the
 * old page does not change any more, and nobody sees what is put there. Pages of 4 KiB and 2 MiB. CPU 0's task. */
#include "selftest.h"
#include <core/arith.h>
#include <core/hal.h>
#include <core/log.h>
#include <core/panic.h>
#include <core/task.h>
#include <string.h>
#include <vmm/vm.h>
#include "guest_place.h" /* of the architecture */
#include "guest_tlb.h"
#include "guest_vm.h"
#include "vmm/mem/gmem_internal.h"

#define SMALL_PAGE (GUEST_RAM + 16 * MIB + 0x10000)
#define LARGE_PAGE (GUEST_RAM + 8 * MIB)
#define VCPUS 2
#define BEATS 200
#define POISON 0xdd

static struct vm *vm;
static uint64_t gpa;                  /* of the page that is being played with */

/* ---- waiting */

static bool is_over(void) { return vm_state(vm) == VM_STOPPED || vm_state(vm) == VM_CRASHED; }

static uint32_t mail(unsigned index, unsigned word)
{
	return guest_mail(vm, index, word);
}

static uint32_t mails(unsigned word)
{
	return mail(0, word) + mail(1, word);
}

static uint32_t beats_from[VCPUS];

static bool have_beaten(void)
{
	for (unsigned i = 0; i < VCPUS; i++)
		if (mail(i, MAIL_BEATS) - beats_from[i] < BEATS)
			return false;
	return true;
}

/* Both go round so many times more. */
static bool beat_on(void)
{
	for (unsigned i = 0; i < VCPUS; i++)
		beats_from[i] = mail(i, MAIL_BEATS);
	return guest_wait(have_beaten);
}

/* ---- a shoot-down, and what to look at when its answer comes, before the guest can run again on this CPU */

static struct shot { struct vm_shootdown s; bool done; void (*at_once)(void); } shot;
static struct hpa old;               /* the page's memory before the change */
static unsigned order;
static uint32_t words[VCPUS];

static void shot_done(struct vm_shootdown *s)
{
	(void)s;
	if (shot.at_once)
		shot.at_once();
	shot.done = true;
}

static bool is_shot(void) { return shot.done; }

static bool shoot(void (*at_once)(void))
{
	shot = (struct shot){ .s.done = shot_done, .at_once = at_once };
	vm_tlb_shootdown(vm, &shot.s);
	return guest_wait(is_shot);
}

static void words_read(uint32_t w[VCPUS])
{
	hal_guest_access_begin();
	for (unsigned i = 0; i < VCPUS; i++)
		w[i] = *(volatile uint32_t *)((char *)hal_direct(HPA(old.v + (gpa & ((PAGE_SIZE << order) - 1)))) + (i << MAIL_SHIFT));
	hal_guest_access_end();
}

static void keep_words(void)
{
	words_read(words);
}

static bool words_still(void)
{
	uint32_t now[VCPUS];

	words_read(now);
	return now[0] == words[0] && now[1] == words[1];
}

static void poison(void)
{
	hal_guest_access_begin();
	memset(hal_direct(old), POISON, PAGE_SIZE << order);
	hal_guest_access_end();
}

static bool poison_still(void)
{
	const volatile uint8_t *p = hal_direct(old);
	bool still = true;

	hal_guest_access_begin();
	for (uint64_t i = 0; i < PAGE_SIZE << order; i++)
		still &= p[i] == POISON;
	hal_guest_access_end();
	return still;
}

/* ---- the changes; gmem's lock keeps faults of the guest out while the table is between two states */

static bool change(bool (*fn)(struct stage2 *s))
{
	bool good;

	spin_lock(&vm->mem->lock);
	good = fn(&vm->mem->s2);
	spin_unlock(&vm->mem->lock);
	return good;
}

static bool look_up(struct stage2 *s)
{
	unsigned access;

	return stage2_lookup(s, GPA(gpa), &old, &order, &access) == OK;
}

static bool make_read_only(struct stage2 *s) { return stage2_protect(s, GPA(gpa), GMEM_R | GMEM_X) == OK; }
static bool make_writable(struct stage2 *s) { return stage2_protect(s, GPA(gpa), GMEM_R | GMEM_W | GMEM_X) == OK; }

static struct hpa fresh;

static bool put_fresh(struct stage2 *s)
{
	struct gpa base = GPA(align_down(gpa, PAGE_SIZE << order));

	return stage2_unmap(s, base, &old, &order) == OK && stage2_map(s, base, fresh, order, GMEM_R | GMEM_W | GMEM_X) == OK;
}

static bool take_away(struct stage2 *s)
{
	if (stage2_unmap(s, GPA(gpa), &old, &order) != OK)
		return false;
	atomic_fetch_sub(&vm->mem->resident, 1ull << order);
	return true;
}

static uint64_t dropped(void) { return atomic_load(&vm->counters.unknown_mmio); }
static uint64_t dropped_from;
static bool both_dropped(void) { return dropped() - dropped_from > 2 * BEATS; }

/* Writes to a page that may only be read go nowhere, and are counted as if nobody were there. */
static bool check_protect(void)
{
	bool good = change(look_up) && change(make_read_only) && shoot(keep_words);

	dropped_from = dropped();
	good = good && guest_wait(both_dropped) && beat_on() && words_still();
	if (!change(make_writable) || !shoot(NULL))
		return false;
	keep_words();
	return good && beat_on() && !words_still();
}

static bool check_remap(void)
{
	uint32_t a, b;
	bool good;

	if (page_alloc(&vm->pool, order, PAGE_GUEST, &fresh) != OK)
		return false;
	hal_guest_access_begin();
	*(uint32_t *)((char *)hal_direct(HPA(fresh.v + (gpa & ((PAGE_SIZE << order) - 1)))) + PAGE_PATTERN) = PATTERN_B;
	hal_guest_access_end();
	if (!change(put_fresh)) {
		page_free(&vm->pool, fresh, order, PAGE_GUEST);
		return false;
	}
	good = shoot(keep_words) && beat_on(); /* what it had read before is counted by now */
	a = mails(MAIL_SAW_A);
	b = mails(MAIL_SAW_B);
	good = good && beat_on() && words_still() && mails(MAIL_SAW_A) == a && mails(MAIL_SAW_B) > b;
	page_free(&vm->pool, old, order, PAGE_GUEST);
	return good;
}

/* The next touch brings a page of zeros. */
static bool check_unmap(void)
{
	uint32_t b, zero;
	bool good;

	if (!change(take_away))
		return false;
	good = shoot(poison) && beat_on();
	b = mails(MAIL_SAW_B);
	zero = mails(MAIL_SAW_ZERO);
	good = good && beat_on() && poison_still() && mails(MAIL_SAW_B) == b && mails(MAIL_SAW_ZERO) > zero && mails(MAIL_SAW_ELSE) == 0;
	page_free(&vm->pool, old, order, PAGE_GUEST);
	return good;
}

static void check_page(uint64_t at, unsigned want, const char *names[3])
{
	gpa = at;
	if (gmem_store32(vm->mem, GPA(gpa + PAGE_PATTERN), PATTERN_A) != OK || gmem_store32(vm->mem, GPA(GUEST_PAGE), (uint32_t)gpa) != OK || !beat_on())
		guest_failed = true;
	check(check_protect() && order == want, names[0]);
	check(check_remap(), names[1]);
	check(check_unmap(), names[2]);
}

void checks_guest(void)
{
	static const char *small[] = { "4 KiB: made read-only under both CPUs", "4 KiB: replaced under both CPUs", "4 KiB: taken away under both CPUs" };
	bool good;
	static const char *large[] = { "2 MiB: made read-only under both CPUs", "2 MiB: replaced under both CPUs", "2 MiB: taken away under both CPUs" };

	hv_init();
	check(hv_current, "guests can run");
	if (!hv_current)
		return;
	good = guest_start("tlb", VCPUS, &vm) && vm->vcpus[0].cpu != vm->vcpus[1].cpu;
	check(good, "a guest with a vCPU on each CPU");
	if (!good)
		return;
	check_page(SMALL_PAGE, 0, small);
	check_page(LARGE_PAGE, 9, large);
	guest_failed = false;
	check(vm_kill(vm) == OK && guest_wait(is_over) && vm_state(vm) == VM_STOPPED && vm_destroy(vm) == OK, "the guest ends, and every page is back");
}
