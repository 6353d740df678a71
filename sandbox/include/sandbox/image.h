/* SPDX-License-Identifier: Apache-2.0 */
/* Images: kernels and initrds in memory, by name. CPU 0. Data lies in 64 KiB blocks charged to pool_images, or stays where the
 * way in put it (files of the ESP). */
#ifndef SANDBOX_IMAGE_H
#define SANDBOX_IMAGE_H
#include <core/boot_info.h>
#include <core/list.h>
#include <core/page.h>
#include <sandbox/problem.h>
#include <stdbool.h>
#include <vmm/vm.h>

#define IMAGE_NAME_MAX 64
#define IMAGE_BLOCK_ORDER 4

struct image {
	struct list link;
	char name[IMAGE_NAME_MAX + 1];
	uint64_t size;
	uint8_t sha256[32];      /* when digested, see image_digest */
	bool digested;
	unsigned users;          /* VMs that name it: it cannot be removed */
	const void *fixed;       /* data of a file from the ESP, else NULL */
	struct hpa *blocks; unsigned nblocks;
};
extern struct pool pool_images;

void image_init(uint64_t limit_bytes);       /* once */
err_t image_add_file(const struct boot_file *f); /* from the ESP */
struct image *image_find(const char *name);
/* Iterates in name order: NULL gives the first. */
struct image *image_next(const struct image *after);
bool image_name_ok(const char *name);
/* Removes it. NOT_FOUND, CONFLICT when in use. */
err_t image_remove(const char *name, struct problem *p) MUST_CHECK;
/* Reader for the monitor; the image must stay (users > 0) while it is used. */
struct vm_source image_source(struct image *im);
/* [task, gives way] Computes the digest where it is not known yet: of a file from the ESP, whose guest does not wait for it. im stays
 * meanwhile. E_NOMEM. */
err_t image_digest(struct image *im) MUST_CHECK;
char *image_sha256_hex(const struct image *im, char dst[65]);

/* Upload: begin, write any number of times, then commit or abort. Nothing is visible before commit. */
struct image_upload;
err_t image_upload_begin(const char *name, struct image_upload **out, struct problem *p) MUST_CHECK;
err_t image_upload_write(struct image_upload *u, const void *buf, size_t n, struct problem *p) MUST_CHECK;
/* expected: 64 hex digits or NULL. DIGEST_MISMATCH, CONFLICT (somebody else made that name meanwhile). Frees u in every case. */
err_t image_upload_commit(struct image_upload *u, const char *expected, struct image **out, struct problem *p) MUST_CHECK;
void image_upload_abort(struct image_upload *u);

#endif
