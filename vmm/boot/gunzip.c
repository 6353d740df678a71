/* SPDX-License-Identifier: Apache-2.0 */
/* Inflates a gzip-compressed kernel piece by piece: zlib over a bounded buffer on each side, with memory of the VM's pool. See gunzip.h. */
#include "gunzip.h"
#include <core/arith.h>
#define Z_SOLO /* as the library was built: no allocator of its own */
#include <zlib.h>

enum { INPUT = 16 * 1024, GZIP_ONLY = 16 /* added to the window bits: the gzip wrapper and no other */ };

struct gunzip {
	struct boot_ctx *c;
	z_stream z;
	uint64_t at;  /* next byte of the file */
	bool ended;
	uint8_t input[INPUT];
};

/* The pool wants sizes back. 16 bytes keep the alignment. */
struct block { uint64_t size, pad; };

static void *gunzip_alloc(void *opaque, unsigned n, unsigned size)
{
	struct block *b;
	uint64_t bytes = (uint64_t)n * size + sizeof(*b);

	b = pool_alloc(opaque, bytes);
	if (!b)
		return Z_NULL;
	b->size = bytes;
	return b + 1;
}

static void gunzip_free(void *opaque, void *p)
{
	struct block *b = (struct block *)p - 1;

	pool_free(opaque, b, b->size);
}

bool gunzip_recognise(const uint8_t head[3])
{
	return head[0] == 0x1f && head[1] == 0x8b && head[2] == 8; /* magic, deflate (RFC 1952 2.3.1) */
}

err_t gunzip_open(struct boot_ctx *c, struct gunzip **out)
{
	struct gunzip *z = pool_alloc(c->pool, sizeof(*z));

	if (z) {
		z->c = c;
		z->z.zalloc = gunzip_alloc;
		z->z.zfree = gunzip_free;
		z->z.opaque = c->pool;
		if (inflateInit2(&z->z, MAX_WBITS + GZIP_ONLY) == Z_OK) {
			*out = z;
			return OK;
		}
		pool_free(c->pool, z, sizeof(*z));
	}
	return boot_fail(c, E_NOMEM, "no memory to inflate the kernel");
}

void gunzip_close(struct gunzip *z)
{
	if (!z)
		return;
	(void)inflateEnd(&z->z);
	pool_free(z->c->pool, z, sizeof(*z));
}

static err_t gunzip_fill(struct gunzip *z)
{
	uint64_t n = MIN(z->c->kernel->size - z->at, (uint64_t)INPUT);
	err_t e;

	if (n == 0)
		return boot_fail(z->c, E_CORRUPT, "compressed kernel is cut short at %llu bytes", (unsigned long long)z->at);
	e = boot_read(z->c, z->at, z->input, n);
	if (e)
		return e;
	z->at += n;
	z->z.next_in = z->input;
	z->z.avail_in = (unsigned)n;
	return OK;
}

err_t gunzip_read(struct gunzip *z, void *dst, uint32_t len, uint32_t *got)
{
	z->z.next_out = dst;
	z->z.avail_out = len;
	while (!z->ended && z->z.avail_out) {
		err_t e = z->z.avail_in ? OK : gunzip_fill(z);
		int r;

		if (e)
			return e;
		r = inflate(&z->z, Z_NO_FLUSH);
		if (r != Z_OK && r != Z_STREAM_END)
			return boot_fail(z->c, E_CORRUPT, "compressed kernel is damaged: %s", z->z.msg ? z->z.msg : "no progress");
		z->ended = r == Z_STREAM_END;
	}
	*got = len - z->z.avail_out;
	return OK;
}
