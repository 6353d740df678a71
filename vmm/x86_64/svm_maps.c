/* SPDX-License-Identifier: Apache-2.0 */
/* The permission maps (APM 2 15.10.1, 15.11): every port is intercepted, and every MSR but those that VMRUN or VMLOAD switch with the
 * guest. The same for all VMs, made once by probe on CPU 0 and constant afterwards. */
#include "svm.h"
#include <core/hal.h>
#include <core/arith.h>
#include <core/page.h>
#include <string.h>
#include "msr_own.h"

#define IOPM_ORDER 2  /* 12 KiB, of 16 */
#define MSRPM_ORDER 1 /* 8 KiB */

static struct hpa iopm, msrpm;

/* Two bits an MSR, read then write, in three ranges of 8 Ki MSRs, 2 KiB each. */
static void msr_pass(uint8_t *map, uint32_t msr, bool read, bool write)
{
	uint32_t base = msr >= 0xc0010000 ? 0x1000 : msr >= 0xc0000000 ? 0x800 : 0;
	uint32_t bit = (msr & 0x1fff) * 2;
	uint8_t clear = (uint8_t)((read ? 1u : 0u) | (write ? 2u : 0u));

	map[base + bit / 8] &= (uint8_t)~(clear << (bit % 8));
}

err_t svm_maps_init(void)
{
	struct hpa io, msr;
	uint8_t *map;
	err_t err;

	if (iopm.v)
		return OK;
	err = page_alloc(&pool_core, IOPM_ORDER, PAGE_HOST, &io);
	if (err != OK)
		return err;
	err = page_alloc(&pool_core, MSRPM_ORDER, PAGE_HOST, &msr);
	if (err != OK) {
		page_free(&pool_core, io, IOPM_ORDER, PAGE_HOST);
		return err;
	}
	memset(hal_direct(io), 0xff, PAGE_SIZE << IOPM_ORDER);
	map = hal_direct(msr);
	memset(map, 0xff, PAGE_SIZE << MSRPM_ORDER);
	for (unsigned i = 0; i < msrs_own_count; i++)
		msr_pass(map, msrs_own[i].msr, true, msrs_own[i].write);
	if (svm_has(SVM_F_SPEC_CTRL))
		msr_pass(map, MSR_SPEC_CTRL, true, true);
	if (host_features.ibpb)
		msr_pass(map, MSR_PRED_CMD, false, true);
	iopm = io;
	msrpm = msr;
	return OK;
}

struct hpa svm_maps_iopm(void)
{
	return iopm;
}

struct hpa svm_maps_msrpm(void)
{
	return msrpm;
}
