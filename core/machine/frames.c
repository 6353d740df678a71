/* SPDX-License-Identifier: Apache-2.0 */
/* Page frames for page tables and stacks: at boot from the reserve that the way in set aside, later also from pool_core. Any CPU. */
#include "paging.h"
#include <core/arith.h>
#include <core/boot_info.h>
#include <core/hal.h>
#include <core/page.h>
#include <core/spinlock.h>
#include <string.h>

static struct {
	struct spinlock lock;
	uint64_t used;         /* bytes of the boot reserve that were ever handed out */
	uint64_t *free_frames; /* freed pages of the boot reserve, chained by their first word */
	bool pools;
} frames;

static uint64_t reserve_bytes(void)
{
	return boot_info->tables_pages * PAGE_SIZE;
}

static bool frame_is_reserve(uint64_t a)
{
	return a >= boot_info->tables.v && a - boot_info->tables.v < reserve_bytes();
}

static void *frame_from_reserve(void)
{
	uint64_t *f = NULL;

	spin_lock(&frames.lock);
	if (frames.free_frames) {
		f = frames.free_frames;
		frames.free_frames = (uint64_t *)f[0];
	} else if (frames.used < reserve_bytes()) {
		f = (uint64_t *)(boot_info->tables.v + frames.used);
		frames.used += PAGE_SIZE;
	}
	spin_unlock(&frames.lock);
	if (f)
		memset(f, 0, PAGE_SIZE);
	return f;
}

void *paging_frame_alloc(void)
{
	struct hpa a;
	void *f = frame_from_reserve();

	if (f || !frames.pools)
		return f;
	return page_alloc(&pool_core, 0, PAGE_HOST, &a) == OK ? hal_direct(a) : NULL;
}

void paging_frame_free(void *frame)
{
	if (!frame_is_reserve((uint64_t)frame)) {
		page_free(&pool_core, hal_hpa_of(frame), 0, PAGE_HOST);
		return;
	}
	spin_lock(&frames.lock);
	*(uint64_t **)frame = frames.free_frames;
	frames.free_frames = frame;
	spin_unlock(&frames.lock);
}

void paging_pools_ready(void)
{
	frames.pools = true;
}

void *hal_direct(struct hpa a)
{
	return (void *)a.v;
}

struct hpa hal_hpa_of(const void *direct)
{
	return HPA((uint64_t)direct);
}
