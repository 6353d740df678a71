/* SPDX-License-Identifier: Apache-2.0 */
/* Start-up of the fake machine: boot_info, then core in the order of efi/main.c; and the loop, driven by a test. */
#include "fake_impl.h"
#include <core/arith.h>
#include <core/page.h>
#include <core/panic.h>
#include <core/rng.h>
#include <core/task.h>
#include <string.h>

#define FAKE_RAM_BASE (16 * MIB)
#define FAKE_MAX_TURNS 50000000ul /* a loop that turns more often without an end is stuck */

struct boot_info fake_boot;
const struct boot_info *boot_info = &fake_boot;

void fake_init_map(const struct boot_region *regions, unsigned n, unsigned ncpus)
{
	BUG_ON(fake_boot.nregions || n == 0 || n > BOOT_MAX_REGIONS);
	BUG_ON(ncpus == 0 || ncpus > HAL_MAX_CPUS);
	fake_ncpus = ncpus;
	memcpy(fake_boot.regions, regions, n * sizeof *regions);
	fake_boot.nregions = n;
	memset(fake_boot.entropy, 0x5a, sizeof fake_boot.entropy);
	fake_boot.entropy_ok = true;
	fake_boot.utc_s = 1767225600; /* 2026-01-01T00:00:00Z */
	strcpy(fake_boot.firmware, "fake 1.0");
	fake_ram_map(regions, n);
	page_init();
	rng_init();
	for (unsigned i = 0; i < ncpus; i++)
		loop_init(i);
}

void fake_init(uint64_t ram_bytes, unsigned ncpus)
{
	struct boot_region r = { .base = HPA(FAKE_RAM_BASE), .size = ram_bytes, .kind = BOOT_RAM_FREE };

	fake_init_map(&r, 1, ncpus);
}

void fake_loop_settle(void)
{
	unsigned long turns = 0;

	while (loop_turn())
		BUG_ON(++turns > FAKE_MAX_TURNS);
}

bool fake_loop_until(bool (*done)(void *ctx), void *ctx, uint64_t limit_ns)
{
	for (unsigned long turns = 0; !done(ctx); turns++) {
		BUG_ON(turns > FAKE_MAX_TURNS);
		if (hal_clock_ns() > limit_ns)
			return false;
		if (!loop_turn() && !done(ctx))
			loop_idle();
	}
	return true;
}
