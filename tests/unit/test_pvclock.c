/* SPDX-License-Identifier: Apache-2.0 */
/* The paravirtual clock as a guest computes it, steal time, hostile addresses, and the tick arithmetic below both. */
#include <core/clock.h>
#include <unit/tap.h>
#include <vmm/x86_64/pvclock.h>
#include <vmm/ticks.h>
#include "bare_vm.h"

struct time_info { uint32_t version, pad; uint64_t tsc, ns; uint32_t mul; int8_t shift; uint8_t flags, pad2[2]; };

static struct vcpu *const v0 = &bare_vcpus[0];

/* Linux's pvclock_scale_delta. */
static uint64_t guest_ns(const struct time_info *t, uint64_t tsc)
{
	uint64_t d = tsc - t->tsc;

	d = t->shift < 0 ? d >> -t->shift : d << t->shift;
	return t->ns + (uint64_t)((unsigned __int128)d * t->mul >> 32);
}

static void test_scale(void)
{
	static const uint64_t rates[] = { 1, 1000, 32768, 999999999, 1000000000, 1000000001, 1500000000, 1999999999, 2000000000,
					  2000000001, 2400000017, 3999999999, 4000000001, 5123456789, 7999999999, 10000000000 };
	uint32_t mul;
	int8_t shift;

	ok_eq(pvclock_scale(0, &mul, &shift), E_INVAL, "no rate");
	for (unsigned i = 0; i < ARRAY_LEN(rates); i++) {
		struct time_info t = { 0 };
		uint64_t hz = rates[i], secs = hz < 100000 ? 1000 : 1000000, got, want = secs * NS_PER_S;

		if (pvclock_scale(hz, &t.mul, &t.shift) != OK)
			ok(false, "rate %llu", (unsigned long long)hz);
		got = guest_ns(&t, hz * secs);
		/* 2^-31 of the whole: the multiplier's own resolution, and twice that for rounded rates above 8 GHz. */
		ok((got > want ? got - want : want - got) <= want >> 29, "%llu Hz: %lld ns off after %llu s", (unsigned long long)hz,
		   (long long)(got - want), (unsigned long long)secs);
	}
}

static void test_ticks(void)
{
	ok_eq(ticks_to_ns(3000000000, 3000000000), NS_PER_S, "a second");
	ok_eq(ticks_to_ns(1, 3000000000), 0, "rounds down");
	ok_eq(ticks_to_ns(UINT64_MAX, 1000), (int64_t)UINT64_MAX, "saturates");
	ok_eq(ticks_to_ns(UINT64_MAX, 4000000000), UINT64_MAX / 4, "the largest that fits is exact");
	ok_eq(ns_to_ticks(NS_PER_S * 1000000, 2400000000), 2400000000ull * 1000000, "and back");
	ok_eq(ns_to_ticks(UINT64_MAX, 2000000000), (int64_t)UINT64_MAX, "saturates too");
	ok_eq(ticks_to_ns(9999999999, 10000000000), 999999999, "the fastest counter");
}

static void start(struct pvclock *p)
{
	CHECK(bare_init(1));
	pvclock_reset(p, v0);
}

static void test_time(void)
{
	struct pvclock p;
	struct time_info t;
	uint64_t x = 9, tsc;

	start(&p);
	ok(pvclock_msr_read(&p, MSR_KVM_SYSTEM_TIME, &x) == OK && x == 0, "off at reset");
	pvclock_update(&p, v0);
	ok_eq(gmem_resident_pages(bare.mem), 0, "and touches nothing");
	ok_eq(pvclock_msr_write(&p, v0, MSR_KVM_SYSTEM_TIME, 0x3fe4 | 1), OK, "on, over a page border");
	pvclock_update(&p, v0);
	CHECK(gmem_read(bare.mem, GPA(0x3fe4), &t, sizeof t) == OK);
	ok(t.version && !(t.version & 1) && t.flags == 1, "published, stable");
	fake_clock_advance(5 * NS_PER_S);
	tsc = hal_counter() + (uint64_t)v0->counter_offset;
	x = hal_clock_ns() + (uint64_t)bare.clock_offset_ns;
	ok(guest_ns(&t, tsc) - x + 20 <= 40, "the guest's time is the VM's");
	x = t.version;
	pvclock_update(&p, v0);
	CHECK(gmem_read(bare.mem, GPA(0x3fe4), &t, sizeof t) == OK);
	ok_eq(t.version, x, "nothing changed: not written again");
	v0->counter_offset += 1000000;
	pvclock_update(&p, v0);
	CHECK(gmem_read(bare.mem, GPA(0x3fe4), &t, sizeof t) == OK);
	ok(t.version == x + 2 && t.flags == 0, "a guest that wrote its TSC: new page, no longer stable");
	ok(guest_ns(&t, tsc + 1000000) - 5 * NS_PER_S + 20 <= 40, "but the same time");
	ok_eq(pvclock_msr_write(&p, v0, MSR_KVM_SYSTEM_TIME, 0), OK, "off");
	v0->counter_offset += 5;
	pvclock_update(&p, v0);
	CHECK(gmem_read(bare.mem, GPA(0x3fe4), &t, sizeof t) == OK);
	ok_eq(t.version, x + 2, "and left alone");
	CHECK(bare_fini());
}

/* One vCPU that moves its TSC takes the promise from all of them. */
static void test_stable_for_all(void)
{
	struct pvclock p, q;
	struct time_info t;
	struct vcpu *v1 = &bare_vcpus[1];

	CHECK(bare_init(2));
	pvclock_reset(&p, v0);
	pvclock_reset(&q, v1);
	CHECK(pvclock_msr_write(&q, v1, MSR_KVM_SYSTEM_TIME, 0x4000 | 1) == OK);
	pvclock_update(&p, v0);
	pvclock_update(&q, v1);
	CHECK(gmem_read(bare.mem, GPA(0x4000), &t, sizeof t) == OK);
	ok_eq(t.flags, 1, "stable");
	v0->counter_offset += 3;
	pvclock_update(&p, v0); /* which has no clock page at all */
	pvclock_update(&q, v1);
	CHECK(gmem_read(bare.mem, GPA(0x4000), &t, sizeof t) == OK);
	ok_eq(t.flags, 0, "not once another vCPU's TSC was moved");
	v0->counter_offset -= 3;
	pvclock_update(&p, v0);
	pvclock_update(&q, v1);
	CHECK(gmem_read(bare.mem, GPA(0x4000), &t, sizeof t) == OK);
	ok_eq(t.flags, 0, "nor ever again");
	CHECK(bare_fini());
}

/* A guest may move its TSC as far as 64 bits go: the difference wraps, like the counter. */
static void test_far_tsc(void)
{
	struct pvclock p;
	struct time_info t;
	uint64_t tsc;

	start(&p);
	CHECK(pvclock_msr_write(&p, v0, MSR_KVM_SYSTEM_TIME, 0x4000 | 1) == OK);
	v0->counter_offset = INT64_MIN + 5;
	bare.counter_offset = 7;
	pvclock_update(&p, v0);
	CHECK(gmem_read(bare.mem, GPA(0x4000), &t, sizeof t) == OK);
	tsc = hal_counter() + (uint64_t)v0->counter_offset;
	ok(t.flags == 0 && tsc - t.tsc == hal_counter() + 7, "a TSC at the other end of 64 bits");
	CHECK(bare_fini());
}

static void test_wall(void)
{
	struct { uint32_t version, s, ns; } w;
	struct pvclock p;

	start(&p);
	clock_set_utc(1800000000ll * 1000000000 + 123456789, CLOCK_UEFI);
	bare.clock_offset_ns = -(int64_t)hal_clock_ns() + 7 * 1000000000ll; /* up for seven seconds */
	ok_eq(pvclock_msr_write(&p, v0, MSR_KVM_WALL_CLOCK, 0x1000), OK, "wall clock");
	CHECK(gmem_read(bare.mem, GPA(0x1000), &w, sizeof w) == OK);
	ok(w.s == 1800000000 - 7 && w.ns == 123456789 && !(w.version & 1), "UTC at the guest's time zero");
	ok_eq(pvclock_msr_write(&p, v0, MSR_KVM_WALL_CLOCK, 0), OK, "zero asks for nothing");
	CHECK(bare_fini());
}

static void test_steal(void)
{
	struct { uint64_t steal; uint32_t version, flags; } s;
	struct pvclock p;

	start(&p);
	v0->se.wait_ns = 555;
	ok_eq(pvclock_msr_write(&p, v0, MSR_KVM_STEAL_TIME, 0x2000 | 1), OK, "steal time");
	pvclock_update(&p, v0);
	CHECK(gmem_read(bare.mem, GPA(0x2000), &s, sizeof s) == OK);
	ok(s.steal == 555 && s.version == 2 && s.flags == 0, "published");
	pvclock_update(&p, v0);
	v0->se.wait_ns = 777;
	pvclock_update(&p, v0);
	CHECK(gmem_read(bare.mem, GPA(0x2000), &s, sizeof s) == OK);
	ok(s.steal == 777 && s.version == 4, "and again when it grew");
	CHECK(bare_fini());
}

static void test_hostile(void)
{
	static const struct { uint32_t msr; uint64_t v; const char *name; } bad[] = {
		{ MSR_KVM_SYSTEM_TIME, 0x1003, "time: reserved bit" }, { MSR_KVM_SYSTEM_TIME, (MIB - 28) | 1, "time: over the end of RAM" },
		{ MSR_KVM_SYSTEM_TIME, 0xfee00001, "time: a device" }, { MSR_KVM_SYSTEM_TIME, 0xfffffffffffffff1, "time: wraps" },
		{ MSR_KVM_STEAL_TIME, 0x1003, "steal: reserved bits" }, { MSR_KVM_STEAL_TIME, 0x1021, "steal: not aligned" },
		{ MSR_KVM_STEAL_TIME, MIB | 1, "steal: beyond RAM" }, { MSR_KVM_STEAL_TIME, 0xffffffffffffffc1, "steal: wraps" },
		{ MSR_KVM_WALL_CLOCK, 0x1001, "wall: unaligned" }, { MSR_KVM_WALL_CLOCK, MIB - 8, "wall: over the end" },
		{ MSR_KVM_WALL_CLOCK, UINT64_MAX - 3, "wall: wraps" }, { 0x4b564d02, 1, "an MSR that is not offered" },
	};
	struct pvclock p;
	uint64_t x = 5;

	start(&p);
	for (unsigned i = 0; i < ARRAY_LEN(bad); i++)
		ok_eq(pvclock_msr_write(&p, v0, bad[i].msr, bad[i].v), E_GUEST, bad[i].name);
	ok(pvclock_msr_read(&p, 0x4b564d04, &x) == E_GUEST && x == 5, "nor read");
	ok(!p.system_time_msr && !p.steal_msr && !p.wall_clock_msr, "nothing stuck");
	pvclock_update(&p, v0);
	ok_eq(gmem_resident_pages(bare.mem), 0, "nothing written");
	ok_eq(pvclock_msr_write(&p, v0, MSR_KVM_SYSTEM_TIME, (MIB - 32) | 1), OK, "the last place in RAM");
	pvclock_update(&p, v0);
	CHECK(bare_fini());
}

static void test_state(void)
{
	struct pvclock p, q, bad;

	start(&p);
	CHECK(pvclock_msr_write(&p, v0, MSR_KVM_SYSTEM_TIME, 0x1001) == OK && pvclock_msr_write(&p, v0, MSR_KVM_STEAL_TIME, 0x2001) == OK);
	pvclock_update(&p, v0);
	ok_eq(pvclock_load(&q, &p), OK, "load");
	ok(q.time_dirty && q.steal_dirty && q.time_seq == p.time_seq && q.system_time_msr == 0x1001 && q.steal_msr == 0x2001,
	   "the same, to be told afresh");
	bad = p;
	bad.version = 0;
	ok_eq(pvclock_load(&q, &bad), E_CORRUPT, "another version");
	bad = p;
	bad.steal_msr = 0x2003;
	ok_eq(pvclock_load(&q, &bad), E_CORRUPT, "reserved bits");
	CHECK(bare_fini());
}

int main(void)
{
	fake_init(32 * MIB, 1);
	fake_clock_advance(987654321);
	test_scale();
	test_ticks();
	test_time();
	test_stable_for_all();
	test_far_tsc();
	test_wall();
	test_steal();
	test_hostile();
	test_state();
	return tap_done();
}
