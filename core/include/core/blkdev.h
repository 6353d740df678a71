/* SPDX-License-Identifier: Apache-2.0 */
/* Anything that reads and writes sectors: NVMe, virtio-blk, a partition, a RAM disk. Asynchronous. */
#ifndef CORE_BLKDEV_H
#define CORE_BLKDEV_H
#include <core/addr.h>
#include <core/err.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BLK_SECTOR 512
enum blk_op { BLK_READ, BLK_WRITE, BLK_FLUSH };

struct blk_seg { struct hpa addr; uint32_t len; }; /* host-physical, multiple of BLK_SECTOR, not crossing 4 GiB of len */

/* Owned by the caller until done is called (exactly once, on the CPU that submitted, loop context). */
struct blk_req {
	enum blk_op op;
	uint64_t sector;
	const struct blk_seg *segs; unsigned nsegs;
	void (*done)(struct blk_req *r, err_t result);
	void *ctx;
	void *drv; /* the driver's own */
};
struct blkdev;
struct blkdev_ops {
	/* Queues r. E_AGAIN: full, try after a completion; E_RANGE; E_INVAL; then done is not called. */
	err_t (*submit)(struct blkdev *d, struct blk_req *r);
};
struct blkdev {
	const struct blkdev_ops *ops;
	char name[16];
	uint64_t sectors; /* capacity in 512-byte sectors */
	bool read_only;
	unsigned max_segs;
};

#define BLK_MAX_DEVS 16
extern struct blkdev *blk_devs[BLK_MAX_DEVS];
extern unsigned blk_ndevs;
void blk_register(struct blkdev *d);

#endif
