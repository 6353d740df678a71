/* SPDX-License-Identifier: Apache-2.0 */
/* Measures the TSC against a timer of known rate: the ACPI PM timer (ACPI 6.5 4.8.3.3), the HPET (HPET 1.0a 2.3),
 * or channel 2 of the 8254. Boot CPU, once, interrupts off. Each wait is bounded in TSC ticks and in reads, so
 * that a dead timer ends it. */
#include "clock_impl.h"
#include "insn.h"
#include "io.h"
#include <core/acpi.h>
#include <core/arith.h>
#include <core/hal.h>

#define PM_TIMER_HZ 3579545ull
#define PIT_HZ 1193182ull
#define MEASURE_DIVISOR 66           /* of a second: 15 ms, in which a tick of the PM timer is 18 ppm */
#define MAX_READS 50000000u
#define DEAD_READS 100000u
#define SAMPLE_TRIES 16

enum { FADT_PM_TMR_BLK = 76, FADT_PM_TMR_LEN = 91, FADT_FLAGS = 112, FADT_X_PM_TMR_BLK = 208 };
#define FADT_TMR_VAL_EXT (1u << 8)
enum { HPET_TABLE_ADDRESS = 44 };
enum { HPET_CAPS = 0x00, HPET_CONFIG = 0x10, HPET_COUNTER = 0xf0 };
#define FS_PER_S 1000000000000000ull

struct ref_timer {
	uint32_t (*read)(const struct ref_timer *t);
	uint64_t hz;
	uint32_t mask;
	uint16_t port;
	volatile uint32_t *regs;
};

/* One reading of the reference with the TSC around it. */
struct sample { uint64_t tsc, width; uint32_t ref; };

/* The tightest of a few readings: an interruption by a hypervisor or SMM between the two clocks is left out. */
static struct sample sample_take(const struct ref_timer *t)
{
	struct sample best = {.width = UINT64_MAX};

	for (unsigned i = 0; i < SAMPLE_TRIES; i++) {
		uint64_t before = insn_rdtsc_ordered();
		uint32_t ref = t->read(t);
		uint64_t after = insn_rdtsc_ordered();

		if (after - before < best.width)
			best = (struct sample){.tsc = before + (after - before) / 2, .width = after - before, .ref = ref};
	}
	return best;
}

/* Counts TSC ticks while the reference advances by 1/MEASURE_DIVISOR s; 0 when it does not advance. The reference
 * may wrap, but not within a few reads. */
static uint64_t measure_by(const struct ref_timer *t)
{
	uint64_t want = t->hz / MEASURE_DIVISOR, seen = 0;
	struct sample start = sample_take(t), end = start;
	uint32_t last = start.ref;

	for (unsigned n = 0; n < MAX_READS && seen < want; n++) {
		uint32_t now = t->read(t);

		seen += (now - last) & t->mask;
		last = now;
		if (n == DEAD_READS && seen == 0)
			return 0;
	}
	end = sample_take(t);
	if (seen < want || end.tsc <= start.tsc)
		return 0;
	seen += (end.ref - last) & t->mask;
	return (uint64_t)((unsigned __int128)(end.tsc - start.tsc) * t->hz / seen);
}

static uint32_t pm_read(const struct ref_timer *t)
{
	return io_in32(t->port) & t->mask;
}

static uint64_t measure_by_pm(void)
{
	const struct acpi_header *h;
	const uint8_t *fadt;
	struct ref_timer t = {.read = pm_read, .hz = PM_TIMER_HZ, .mask = 0xffffff};
	uint32_t port;

	if (acpi_find("FACP", 0, &h) != OK || h->length < FADT_FLAGS + 4)
		return 0;
	fadt = (const uint8_t *)h;
	port = get_le32(fadt + FADT_PM_TMR_BLK);
	if (fadt[FADT_PM_TMR_LEN] != 4 || port == 0)
		return 0;
	/* The extended block wins when it is there; only port space is a PM timer of a PC. */
	if (h->length >= FADT_X_PM_TMR_BLK + 12 && get_le64(fadt + FADT_X_PM_TMR_BLK + 4)) {
		if (fadt[FADT_X_PM_TMR_BLK] != 1)
			return 0;
		port = (uint32_t)get_le64(fadt + FADT_X_PM_TMR_BLK + 4);
	}
	if (port > 0xfffc)
		return 0;
	if (get_le32(fadt + FADT_FLAGS) & FADT_TMR_VAL_EXT)
		t.mask = UINT32_MAX;
	t.port = (uint16_t)port;
	return measure_by(&t);
}

static uint32_t hpet_read(const struct ref_timer *t)
{
	return t->regs[HPET_COUNTER / 4];
}

static uint64_t measure_by_hpet(void)
{
	const struct acpi_header *h;
	struct ref_timer t = {.read = hpet_read, .mask = UINT32_MAX};
	volatile void *regs;
	uint64_t addr, hz;
	uint32_t period;

	if (acpi_find("HPET", 0, &h) != OK || h->length < HPET_TABLE_ADDRESS + 8)
		return 0;
	addr = get_le64((const uint8_t *)h + HPET_TABLE_ADDRESS);
	if (!addr || hal_map_device(HPA(addr), 1024, HAL_MAP_RW | HAL_MAP_UC, &regs) != OK)
		return 0;
	t.regs = (volatile uint32_t *)regs;
	period = t.regs[HPET_CAPS / 4 + 1]; /* femtoseconds; at most 100 ns */
	if (period == 0 || period > 100000000)
		return 0;
	t.hz = FS_PER_S / period;
	t.regs[HPET_CONFIG / 4] |= 1; /* enable the counter */
	hz = measure_by(&t);
	return hz;
}

static uint32_t pit_read(const struct ref_timer *t)
{
	uint32_t lo, hi;

	(void)t;
	io_out8(0x43, 0x80); /* latch channel 2 */
	lo = io_in8(0x42);
	hi = io_in8(0x42);
	return ~(hi << 8 | lo) & 0xffff; /* it counts down */
}

static uint64_t measure_by_pit(void)
{
	struct ref_timer t = {.read = pit_read, .hz = PIT_HZ, .mask = 0xffff};
	uint8_t gate = io_in8(0x61);
	uint64_t hz;

	io_out8(0x61, (uint8_t)((gate & ~2) | 1)); /* gate on, speaker off */
	io_out8(0x43, 0xb4);                      /* channel 2, low then high, rate generator */
	io_out8(0x42, 0);
	io_out8(0x42, 0); /* 65536 */
	hz = measure_by(&t);
	io_out8(0x61, gate);
	return hz;
}

uint64_t clock_measure_hz(const char **source)
{
	static const struct { uint64_t (*measure)(void); const char *name; } ways[] = {
		{measure_by_pm, "the ACPI PM timer"}, {measure_by_hpet, "the HPET"}, {measure_by_pit, "the 8254"},
	};

	for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
		uint64_t hz = ways[i].measure();

		if (hz) {
			*source = ways[i].name;
			return hz;
		}
	}
	return 0;
}
