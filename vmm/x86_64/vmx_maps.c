/* SPDX-License-Identifier: Apache-2.0 */
/* The bitmaps (SDM 3C 25.6.4, 25.6.9): every port is intercepted, and every MSR but the guest's own. The same for all VMs, made once by
 * probe on CPU 0 and constant afterwards. */
#include "vmx.h"
#include <core/arith.h>
#include <core/hal.h>
#include <core/page.h>
#include <string.h>
#include "msr_own.h"
#include <vmm/x86_64/lapic.h>

static struct hpa io_map, msr_map, x2_map;

/* One bit an MSR: reads of 0-1fffh and c0000000h-c0001fffh, then writes of both; 1 KiB each. */
static void msr_pass(uint8_t *map, uint32_t msr, bool write)
{
	uint32_t byte = (msr >= 0xc0000000 ? 0x400 : 0) + (msr & 0x1fff) / 8;
	uint8_t bit = (uint8_t)(1u << (msr % 8));

	map[byte] &= (uint8_t)~bit;
	if (write)
		map[0x800 + byte] &= (uint8_t)~bit;
}

static void msrs_fill(uint8_t *map)
{
	for (unsigned i = 0; i < msrs_own_count; i++)
		msr_pass(map, msrs_own[i].msr, msrs_own[i].write);
}

/* What the CPU virtualises of the x2APIC (SDM 3C 30.5): TPR both ways, writes of EOI and of SELF IPI. */
static void x2_fill(uint8_t *map)
{
	static const struct { uint8_t reg; bool read; } rows[] = { { 0x08, true }, { 0x0b, false }, { 0x3f, false } };

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const uint32_t msr = MSR_X2APIC_FIRST + rows[i].reg;

		if (rows[i].read)
			map[msr / 8] &= (uint8_t)~(1u << (msr % 8));
		map[0x800 + msr / 8] &= (uint8_t)~(1u << (msr % 8));
	}
}

err_t vmx_maps_init(void)
{
	struct hpa maps[3];
	err_t err;

	if (io_map.v)
		return OK;
	for (unsigned i = 0; i < 3; i++) {
		err = page_alloc(&pool_core, 0, PAGE_HOST, &maps[i]);
		if (err != OK) {
			while (i-- > 0)
				page_free(&pool_core, maps[i], 0, PAGE_HOST);
			return err;
		}
		memset(hal_direct(maps[i]), 0xff, PAGE_SIZE);
	}
	io_map = maps[0];
	msr_map = maps[1];
	x2_map = maps[2];
	msrs_fill(hal_direct(msr_map));
	msrs_fill(hal_direct(x2_map));
	x2_fill(hal_direct(x2_map));
	return OK;
}

/* Both halves of the port space: all ones are all ones. */
struct hpa vmx_maps_io(void)
{
	return io_map;
}

struct hpa vmx_maps_msr(bool x2apic)
{
	return x2apic ? x2_map : msr_map;
}
