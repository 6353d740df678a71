/* SPDX-License-Identifier: Apache-2.0 */
/* Images in memory: a name-sorted list; data in 64 KiB blocks. CPU 0. See image.h. */
#include <core/arith.h>
#include <core/fmt.h>
#include <core/hal.h>
#include <core/log.h>
#include <core/task.h>
#include <sandbox/event.h>
#include <sandbox/image.h>
#include <net/tls.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_BYTES (PAGE_SIZE << IMAGE_BLOCK_ORDER)
#define DIGEST_BYTES (64 * 1024ull) /* at once, so that others come in between */

struct pool pool_images;
static struct list images = {&images, &images};

struct image_upload {
	struct image *im;
	struct tls_sha256 *digest;
	unsigned blocks_cap;
};

void image_init(uint64_t limit_bytes)
{
	pool_init(&pool_images, "images", &pool_root, limit_bytes / PAGE_SIZE);
}

bool image_name_ok(const char *name)
{
	size_t n = strlen(name);

	for (size_t i = 0; i < n; i++) {
		char c = name[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-'))
			return false;
	}
	return n >= 1 && n <= IMAGE_NAME_MAX && strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

struct image *image_next(const struct image *after)
{
	struct list *n = after ? after->link.next : images.next;

	return n == &images ? NULL : list_entry(n, struct image, link);
}

struct image *image_find(const char *name)
{
	for (struct image *im = image_next(NULL); im; im = image_next(im))
		if (strcmp(im->name, name) == 0)
			return im;
	return NULL;
}

static void image_insert(struct image *im)
{
	struct list *at = images.next;

	while (at != &images && strcmp(list_entry(at, struct image, link)->name, im->name) < 0)
		at = at->next;
	list_insert_before(at, &im->link);
	event_publish("image.added", im->name, NULL, NULL);
}

static void image_free(struct image *im)
{
	for (unsigned i = 0; i < im->nblocks; i++)
		page_free(&pool_images, im->blocks[i], IMAGE_BLOCK_ORDER, PAGE_HOST);
	free(im->blocks);
	free(im);
}

err_t image_remove(const char *name, struct problem *p)
{
	struct image *im = image_find(name);

	if (!im)
		return problem_set(p, E_NOENT, PROBLEM_NOT_FOUND, "there is no image \"%s\"", name);
	if (im->users)
		return problem_set(p, E_BUSY, PROBLEM_CONFLICT, "image \"%s\" is used by a VM: delete that first", name);
	list_remove(&im->link);
	event_publish("image.removed", im->name, NULL, NULL);
	image_free(im);
	return OK;
}

char *image_sha256_hex(const struct image *im, char dst[65])
{
	for (unsigned i = 0; i < 32; i++)
		fmt_buf(dst + 2 * i, 3, "%02x", im->sha256[i]);
	return dst;
}

static err_t image_read(void *ctx, uint64_t off, void *dst, uint64_t len)
{
	const struct image *im = ctx;
	uint8_t *to = dst;

	if (!range_within(off, len, im->size))
		return E_RANGE;
	if (im->fixed) {
		memcpy(to, (const uint8_t *)im->fixed + off, len);
		return OK;
	}
	while (len) {
		uint64_t in = off % BLOCK_BYTES, part = MIN(len, BLOCK_BYTES - in);

		memcpy(to, (const uint8_t *)hal_direct(im->blocks[off / BLOCK_BYTES]) + in, part);
		off += part;
		to += part;
		len -= part;
	}
	return OK;
}

static const void *image_peek(void *ctx, uint64_t off, uint64_t *len)
{
	const struct image *im = ctx;
	uint64_t in = off % BLOCK_BYTES;

	if (im->fixed)
		return (const uint8_t *)im->fixed + off;
	*len = MIN(*len, BLOCK_BYTES - in);
	return (const uint8_t *)hal_direct(im->blocks[off / BLOCK_BYTES]) + in;
}

struct vm_source image_source(struct image *im)
{
	return (struct vm_source){.size = im ? im->size : 0, .ctx = im, .read = image_read, .peek = image_peek};
}

err_t image_add_file(const struct boot_file *f)
{
	struct image *im;

	if (!image_name_ok(f->name))
		return E_INVAL;
	if (image_find(f->name))
		return E_EXIST;
	im = calloc(1, sizeof(*im));
	if (!im)
		return E_NOMEM;
	fmt_buf(im->name, sizeof(im->name), "%s", f->name);
	im->size = f->size;
	im->fixed = f->data;
	image_insert(im);
	return OK;
}

err_t image_digest(struct image *im)
{
	struct tls_sha256 *h;

	if (im->digested)
		return OK;
	h = tls_sha256_new();
	if (!h)
		return E_NOMEM;
	im->users++;
	for (uint64_t off = 0; off < im->size; off += DIGEST_BYTES) {
		tls_sha256_update(h, (const uint8_t *)im->fixed + off, MIN(DIGEST_BYTES, im->size - off));
		if (task_current())
			task_yield();
	}
	im->users--;
	tls_sha256_finish(h, im->sha256);
	im->digested = true;
	return OK;
}

/* ---- uploads ---- */

err_t image_upload_begin(const char *name, struct image_upload **out, struct problem *p)
{
	struct image_upload *u;

	if (!image_name_ok(name))
		return problem_set(p, E_INVAL, PROBLEM_BAD_REQUEST, "image name: expected 1 to %u letters, digits, dots, dashes or underscores", IMAGE_NAME_MAX);
	if (image_find(name))
		return problem_set(p, E_EXIST, PROBLEM_CONFLICT, "there is an image \"%s\" already: remove it first", name);
	u = calloc(1, sizeof(*u));
	if (u) {
		u->im = calloc(1, sizeof(*u->im));
		u->digest = tls_sha256_new();
	}
	if (!u || !u->im || !u->digest) {
		image_upload_abort(u);
		return problem_set(p, E_NOMEM, PROBLEM_INSUFFICIENT_MEMORY, "no memory for another upload");
	}
	fmt_buf(u->im->name, sizeof(u->im->name), "%s", name);
	*out = u;
	return OK;
}

void image_upload_abort(struct image_upload *u)
{
	uint8_t unused[32];

	if (!u)
		return;
	if (u->digest)
		tls_sha256_finish(u->digest, unused);
	if (u->im)
		image_free(u->im);
	free(u);
}

static err_t upload_add_block(struct image_upload *u)
{
	struct image *im = u->im;

	if (im->nblocks == u->blocks_cap) {
		unsigned cap = u->blocks_cap ? 2 * u->blocks_cap : 64;
		struct hpa *blocks = realloc(im->blocks, cap * sizeof(*blocks));

		if (!blocks)
			return E_NOMEM;
		im->blocks = blocks;
		u->blocks_cap = cap;
	}
	err_t e = page_alloc(&pool_images, IMAGE_BLOCK_ORDER, PAGE_HOST | PAGE_NOZERO, &im->blocks[im->nblocks]);
	if (e == OK)
		im->nblocks++;
	return e;
}

err_t image_upload_write(struct image_upload *u, const void *buf, size_t n, struct problem *p)
{
	const uint8_t *from = buf;
	struct image *im = u->im;

	tls_sha256_update(u->digest, buf, n);
	while (n) {
		uint64_t in = im->size % BLOCK_BYTES, part = MIN((uint64_t)n, BLOCK_BYTES - in);

		if (im->size == im->nblocks * BLOCK_BYTES && upload_add_block(u))
			return problem_set(p, E_NOMEM, PROBLEM_INSUFFICIENT_MEMORY, "no memory for more than %llu MiB of image \"%s\"",
					   (unsigned long long)(im->size / MIB), im->name);
		memcpy((uint8_t *)hal_direct(im->blocks[im->size / BLOCK_BYTES]) + in, from, part);
		im->size += part;
		from += part;
		n -= part;
	}
	return OK;
}

static bool digest_is(const struct image *im, const char *expected)
{
	char hex[65];

	image_sha256_hex(im, hex);
	if (strlen(expected) != 64)
		return false;
	for (unsigned i = 0; i < 64; i++) {
		char c = expected[i];

		if ((c >= 'A' && c <= 'F' ? (char)(c - 'A' + 'a') : c) != hex[i])
			return false;
	}
	return true;
}

static err_t upload_check(const struct image *im, const char *expected, struct problem *p)
{
	char hex[65];

	if (expected && !digest_is(im, expected))
		return problem_set(p, E_CORRUPT, PROBLEM_DIGEST_MISMATCH, "sha256 of the %llu bytes received is %s", (unsigned long long)im->size,
				   image_sha256_hex(im, hex));
	if (im->size == 0)
		return problem_set(p, E_INVAL, PROBLEM_BAD_REQUEST, "an image needs at least one byte");
	if (image_find(im->name))
		return problem_set(p, E_EXIST, PROBLEM_CONFLICT, "an image \"%s\" was made meanwhile", im->name);
	return OK;
}

err_t image_upload_commit(struct image_upload *u, const char *expected, struct image **out, struct problem *p)
{
	struct image *im = u->im;
	err_t e;

	tls_sha256_finish(u->digest, im->sha256);
	im->digested = true;
	u->digest = NULL;
	e = upload_check(im, expected, p);
	if (e == OK) {
		u->im = NULL;
		image_insert(im);
		*out = im;
	}
	image_upload_abort(u);
	return e;
}
