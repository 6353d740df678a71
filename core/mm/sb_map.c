/* SPDX-License-Identifier: Apache-2.0 */
/* The buddy system inside one superblock: one bit for each free block of each order, 1022 bits in all.
 * Pure: no locks, no knowledge of addresses, roles or lists. */
#include "mm_impl.h"
#include <core/panic.h>

static unsigned bit_of(unsigned order, unsigned index)
{
	return 1024 - (1024 >> order) + index;
}

static bool bit_test(const struct superblock *sb, unsigned bit)
{
	return sb->map[bit / 64] >> bit % 64 & 1;
}

static void block_add(struct superblock *sb, unsigned order, unsigned index)
{
	unsigned bit = bit_of(order, index);

	sb->map[bit / 64] |= 1ull << bit % 64;
	sb->count[order]++;
}

static void block_del(struct superblock *sb, unsigned order, unsigned index)
{
	unsigned bit = bit_of(order, index);

	sb->map[bit / 64] &= ~(1ull << bit % 64);
	sb->count[order]--;
}

/* Index of the first free block of an order that has one. */
static unsigned block_first(const struct superblock *sb, unsigned order)
{
	unsigned start = bit_of(order, 0), end = bit_of(order + 1, 0), bit = start;

	while (bit < end) {
		uint64_t word = sb->map[bit / 64] >> bit % 64;

		if (word) {
			bit += (unsigned)__builtin_ctzll(word);
			break;
		}
		bit = (bit / 64 + 1) * 64;
	}
	BUG_ON(bit >= end);
	return bit - start;
}

void sb_map_put(struct superblock *sb, unsigned page, unsigned order)
{
	unsigned index = page >> order;

	sb->free_pages = (uint16_t)(sb->free_pages + (1u << order));
	while (order < SB_ORDER - 1 && bit_test(sb, bit_of(order, index ^ 1))) {
		block_del(sb, order, index ^ 1);
		index >>= 1;
		order++;
	}
	block_add(sb, order, index);
}

unsigned sb_map_take(struct superblock *sb, unsigned order)
{
	unsigned from = order, index;

	while (sb->count[from] == 0) {
		from++;
		BUG_ON(from >= SB_ORDER);
	}
	index = block_first(sb, from);
	block_del(sb, from, index);
	while (from > order) {
		from--;
		index *= 2;
		block_add(sb, from, index + 1);
	}
	sb->free_pages = (uint16_t)(sb->free_pages - (1u << order));
	return index << order;
}

int sb_map_max(const struct superblock *sb)
{
	int order = SB_ORDER - 1;

	while (order >= 0 && sb->count[order] == 0)
		order--;
	return order;
}

void sb_map_fill(struct superblock *sb)
{
	__builtin_memset(sb->map, 0, sizeof sb->map);
	__builtin_memset(sb->count, 0, sizeof sb->count);
	block_add(sb, SB_ORDER - 1, 0);
	block_add(sb, SB_ORDER - 1, 1);
	sb->free_pages = SB_PAGES;
}
