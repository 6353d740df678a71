/* SPDX-License-Identifier: Apache-2.0 */
/* The list of block devices. Written on CPU 0 while drivers probe, read on CPU 0 afterwards.
 * Must not know what a device is made of. */
#include <core/blkdev.h>
#include <core/log.h>

struct blkdev *blk_devs[BLK_MAX_DEVS];
unsigned blk_ndevs;

void blk_register(struct blkdev *d)
{
	if (blk_ndevs == BLK_MAX_DEVS) {
		log_warn("blk", "%s is not used: more than %d block devices", d->name, BLK_MAX_DEVS);
		return;
	}
	blk_devs[blk_ndevs++] = d;
}
