/* SPDX-License-Identifier: Apache-2.0 */
/* Intrusive doubly linked list with a sentinel head. Not thread-safe; the owner serialises. */
#ifndef CORE_LIST_H
#define CORE_LIST_H
#include <stdbool.h>
#include <stddef.h>

struct list { struct list *next, *prev; };

static inline void list_init(struct list *h) { h->next = h->prev = h; }
static inline bool list_empty(const struct list *h) { return h->next == h; }
static inline void list_insert_before(struct list *pos, struct list *n)
{
	n->next = pos;
	n->prev = pos->prev;
	pos->prev->next = n;
	pos->prev = n;
}
static inline void list_push_back(struct list *h, struct list *n) { list_insert_before(h, n); }
static inline void list_push_front(struct list *h, struct list *n) { list_insert_before(h->next, n); }
/* list_remove leaves n self-linked, so that removing twice is harmless. */
static inline void list_remove(struct list *n)
{
	n->prev->next = n->next;
	n->next->prev = n->prev;
	n->next = n->prev = n;
}
static inline struct list *list_pop_front(struct list *h)
{
	struct list *n = h->next;
	if (n == h)
		return NULL;
	list_remove(n);
	return n;
}
#define list_entry(p, type, member) ((type *)((char *)(p) - offsetof(type, member)))
#define list_foreach(it, h) for (struct list *it = (h)->next; it != (h); it = it->next)
#define list_foreach_safe(it, tmp, h) \
	for (struct list *it = (h)->next, *tmp = it->next; it != (h); it = tmp, tmp = it->next)

#endif
