/* SPDX-License-Identifier: Apache-2.0 */
/* The bitmaps (SDM 3C 25.6.4, 25.6.9): every port is intercepted, and every MSR but the guest's own. The same for all VMs, made once by
 * probe on CPU 0 and constant afterwards. */
#include "vmx.h"
#include <core/arith.h>
#include <core/hal.h>
#include <core/page.h>
#include <string.h>
#include "complete.h"

static struct hpa io_map, msr_map;

/* One bit an MSR: reads of 0-1fffh and c0000000h-c0001fffh, then writes of both; 1 KiB each. */
static void msr_pass(uint8_t *map, uint32_t msr, bool write)
{
	uint32_t byte = (msr >= 0xc0000000 ? 0x400 : 0) + (msr & 0x1fff) / 8;
	uint8_t bit = (uint8_t)(1u << (msr % 8));

	map[byte] &= (uint8_t)~bit;
	if (write)
		map[0x800 + byte] &= (uint8_t)~bit;
}

err_t vmx_maps_init(void)
{
	struct hpa io, msr;
	err_t err;

	if (io_map.v)
		return OK;
	err = page_alloc(&pool_core, 0, PAGE_HOST, &io);
	if (err != OK)
		return err;
	err = page_alloc(&pool_core, 0, PAGE_HOST, &msr);
	if (err != OK) {
		page_free(&pool_core, io, 0, PAGE_HOST);
		return err;
	}
	memset(hal_direct(io), 0xff, PAGE_SIZE);
	memset(hal_direct(msr), 0xff, PAGE_SIZE);
	for (unsigned i = 0; i < msrs_own_count; i++)
		msr_pass(hal_direct(msr), msrs_own[i].msr, msrs_own[i].write);
	io_map = io;
	msr_map = msr;
	return OK;
}

/* Both halves of the port space: all ones are all ones. */
struct hpa vmx_maps_io(void)
{
	return io_map;
}

struct hpa vmx_maps_msr(void)
{
	return msr_map;
}
