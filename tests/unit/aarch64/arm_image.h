/* SPDX-License-Identifier: Apache-2.0 */
/* Kernels for tests of the aarch64 loaders: an Image, the same by gzip (stored or with a deflate block of one's own), an ELF program; and guest
 * memory at VIRT_RAM. Host only. */
#ifndef TESTS_UNIT_AARCH64_ARM_IMAGE_H
#define TESTS_UNIT_AARCH64_ARM_IMAGE_H
#include <core/arith.h>
#include <core/page.h>
#include <stdlib.h>
#include <string.h>
#include <tests/fake/fake.h>
#include <vmm/aarch64/virt_layout.h>
#include <vmm/gmem.h>
#include <vmm/vm.h>
#define Z_SOLO
#include <zlib.h>
#include "../image_bytes.h"
#include "plain_stage2.h"

static struct pool arm_pool;

__attribute__((unused)) static struct gmem *arm_ram(uint64_t size)
{
	struct gmem *m;

	pool_init(&arm_pool, "guest", &pool_root, UINT64_MAX);
	if (gmem_create(&arm_pool, &stage2_plain, 0, &m) || gmem_add_ram(m, GPA(VIRT_RAM), size))
		abort();
	return m;
}

/* An Image of n bytes of code 0xd5 behind its header. */
__attribute__((unused)) static void make_image(uint8_t *p, uint64_t n, uint64_t text_offset, uint64_t image_size)
{
	memset(p, 0xd5, n);
	memset(p, 0, 64);
	put_le32(p, 0x14000010); /* b +64 */
	put_le64(p + 8, text_offset);
	put_le64(p + 16, image_size);
	put_le64(p + 24, 0xa);
	memcpy(p + 56, "ARM\x64", 4);
}

/* gzip (RFC 1952) around n bytes, in stored blocks of 30000; returns the size. out: n + n / 30000 * 5 + 32 bytes. */
__attribute__((unused)) static uint64_t make_gzip(uint8_t *out, const uint8_t *p, uint64_t n)
{
	static const uint8_t head[10] = {0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3};
	uint64_t at = sizeof(head), off = 0;

	memcpy(out, head, sizeof(head));
	do {
		uint16_t part = (uint16_t)MIN(n - off, 30000ull);

		out[at++] = off + part == n;
		put_le16(out + at, part);
		put_le16(out + at + 2, (uint16_t)~part);
		memcpy(out + at + 4, p + off, part);
		at += 4u + part;
		off += part;
	} while (off < n);
	put_le32(out + at, (uint32_t)crc32(0, p, (unsigned)n));
	put_le32(out + at + 4, (uint32_t)n);
	return at + 8;
}

/* Bits of a deflate stream, Huffman codes from their first bit (RFC 1951 3.1.1). */
struct bits { uint8_t *p; uint64_t n; };
static inline void bits_add(struct bits *b, unsigned v, unsigned n, bool huffman)
{
	for (unsigned i = 0; i < n; i++, b->n++) {
		unsigned bit = v >> (huffman ? n - 1 - i : i) & 1;

		if (b->n % 8 == 0)
			b->p[b->n / 8] = 0;
		b->p[b->n / 8] |= (uint8_t)(bit << (b->n % 8));
	}
}

/* gzip of head bytes and then zeros times 258 zero bytes, 13 bits for each 258: a bomb. The checksum is wrong. Returns the size. */
__attribute__((unused)) static uint64_t make_bomb(uint8_t *out, const uint8_t *p, unsigned head, unsigned zeros)
{
	struct bits b = {out + 10, 0};

	memcpy(out, (const uint8_t[10]){0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3}, 10);
	bits_add(&b, 1, 1, false);
	bits_add(&b, 1, 2, false); /* fixed codes (RFC 1951 3.2.6) */
	for (unsigned i = 0; i <= head; i++) {
		unsigned c = i < head ? p[i] : 0;

		bits_add(&b, c < 144 ? 0x30 + c : 0x190 + c - 144, c < 144 ? 8 : 9, true);
	}
	for (unsigned i = 0; i < zeros; i++) {
		bits_add(&b, 0xc5, 8, true); /* length 258 ... */
		bits_add(&b, 0, 5, true);    /* ... of what was one before */
	}
	bits_add(&b, 0, 7, true);
	b.n = align_up(b.n, 8);
	memset(out + 10 + b.n / 8, 0, 8);
	return 10 + b.n / 8 + 8;
}

enum { PROGRAM_SIZE = 0x2000 };
/* An ELF program with one segment of 0x1000 bytes at offset 0x1000, and a bss behind it. */
__attribute__((unused)) static void make_program(uint8_t *p, uint16_t type, uint64_t vaddr, uint64_t paddr)
{
	uint8_t *load = p + 64;

	memset(p, 0, PROGRAM_SIZE);
	memcpy(p, "\177ELF\2\1\1", 7);
	put_le16(p + 16, type);
	put_le16(p + 18, 183);
	put_le64(p + 24, vaddr + 0x40);
	put_le64(p + 32, 64);
	put_le16(p + 54, 56);
	put_le16(p + 56, 1);
	put_le32(load, 1);
	put_le64(load + 8, 0x1000);
	put_le64(load + 16, vaddr);
	put_le64(load + 24, paddr);
	put_le64(load + 32, 0x1000);
	put_le64(load + 40, 0x3000);
	memset(p + 0x1000, 0x1f, 0x1000);
}

#endif
