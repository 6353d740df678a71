/* SPDX-License-Identifier: Apache-2.0 */
/* Anonymous memory for musl's malloc: each mapping is one naturally aligned block of pages from libc_pool, inside the
 * identity map, and unmapping really frees it. Mappings are freed whole, as mallocng does. CPU 0 only. */
#include "libc_impl.h"
#include <core/arith.h>
#include <core/hal.h>
#include <core/libc.h>
#include <core/log.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#define LIBC_LIMIT_PAGES (256 * MIB / PAGE_SIZE)
#define BUCKETS 256
#define MAX_ORDER 18

struct pool libc_pool;

struct mapping { struct mapping *next; uint64_t base; size_t len; unsigned order; };
static struct mapping *buckets[BUCKETS];

void libc_mem_init(void)
{
	pool_init(&libc_pool, "libc", &pool_root, LIBC_LIMIT_PAGES);
}

static struct mapping **mapping_slot(uint64_t base)
{
	struct mapping **m = &buckets[(base >> PAGE_SHIFT) * 0x9e3779b97f4a7c15ull >> 56];

	_Static_assert(BUCKETS == 256, "the hash gives eight bits");
	while (*m && (*m)->base != base)
		m = &(*m)->next;
	return m;
}

static unsigned order_for(size_t len)
{
	unsigned order = 0;

	while (order <= MAX_ORDER && (PAGE_SIZE << order) < len)
		order++;
	return order;
}

long libc_mmap(void *hint, size_t len, int prot, int flags, int fd)
{
	struct mapping *m, **slot;
	struct hpa a;

	(void)hint;
	if (!(flags & MAP_ANONYMOUS) || fd != -1)
		return -ENODEV;
	if ((flags & MAP_FIXED) || (prot & PROT_EXEC) || !len)
		return -EINVAL;
	if (order_for(len) > MAX_ORDER)
		return -ENOMEM;
	m = pool_alloc(&libc_pool, sizeof(*m));
	if (!m)
		return -ENOMEM;
	m->order = order_for(len);
	m->len = align_up(len, PAGE_SIZE);
	if (page_alloc(&libc_pool, m->order, PAGE_HOST, &a) != OK) {
		pool_free(&libc_pool, m, sizeof(*m));
		return -ENOMEM;
	}
	m->base = (uint64_t)hal_direct(a);
	slot = mapping_slot(m->base);
	m->next = *slot;
	*slot = m;
	return (long)m->base;
}

long libc_munmap(void *p, size_t len)
{
	struct mapping **slot = mapping_slot((uint64_t)p), *m = *slot;

	if (!m || m->len != align_up(len, PAGE_SIZE)) {
		log_warn("libc", "munmap of %p, %zu bytes: not a whole mapping", p, len);
		return -EINVAL;
	}
	*slot = m->next;
	page_free(&libc_pool, hal_hpa_of((void *)m->base), m->order, PAGE_HOST);
	pool_free(&libc_pool, m, sizeof(*m));
	return 0;
}

/* Grows and shrinks within the block; malloc copies when it must move. */
long libc_mremap(void *p, size_t old_len, size_t new_len, int flags)
{
	struct mapping *m = *mapping_slot((uint64_t)p);
	size_t len = align_up(new_len, PAGE_SIZE);

	(void)flags;
	if (!m || m->len != align_up(old_len, PAGE_SIZE) || !new_len || len < new_len)
		return -EINVAL;
	/* A smaller block would do: let malloc move there. */
	if (len > PAGE_SIZE << m->order || order_for(len) < m->order)
		return -ENOMEM;
	if (len > m->len)
		memset((char *)p + m->len, 0, len - m->len);
	m->len = len;
	return (long)m->base;
}

long libc_madvise(void *p, size_t len, int advice)
{
	(void)p;
	(void)len;
	/* MADV_FREE is a hint that may be ignored; MADV_DONTNEED promises zeros. */
	return advice == MADV_FREE ? 0 : -EINVAL;
}
