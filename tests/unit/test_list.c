/* SPDX-License-Identifier: Apache-2.0 */
/* Doubly linked lists against an array that is kept in step. */
#include "tap.h"
#include <core/list.h>
#include <stdlib.h>

#define N 16

struct item { int id; struct list link; };

static bool same(struct list *h, const int *want, unsigned n)
{
	unsigned i = 0;

	list_foreach(it, h) {
		if (i >= n || list_entry(it, struct item, link)->id != want[i] || it->next->prev != it)
			return false;
		i++;
	}
	return i == n && h->next->prev == h && h->prev->next == h;
}

static void model_remove(int *model, unsigned *n, int id)
{
	unsigned i = 0;

	while (i < *n && model[i] != id)
		i++;
	if (i == *n)
		return;
	memmove(model + i, model + i + 1, (*n - i - 1) * sizeof *model);
	--*n;
}

static bool random_walk(unsigned steps)
{
	static struct item items[N];
	int model[N];
	unsigned n = 0;
	struct list h;

	list_init(&h);
	for (int i = 0; i < N; i++) {
		items[i].id = i;
		list_init(&items[i].link);
	}
	while (steps--) {
		struct item *it = &items[rand() % N];

		list_remove(&it->link); /* also when it is in no list */
		model_remove(model, &n, it->id);
		switch (rand() % 4) {
		case 0:
			list_push_back(&h, &it->link);
			model[n++] = it->id;
			break;
		case 1:
			list_push_front(&h, &it->link);
			memmove(model + 1, model, n * sizeof *model);
			model[0] = it->id;
			n++;
			break;
		case 2:
			if (n) {
				if (list_entry(list_pop_front(&h), struct item, link)->id != model[0])
					return false;
				model_remove(model, &n, model[0]);
			} else if (list_pop_front(&h)) {
				return false;
			}
			break;
		default:
			break;
		}
		if (!same(&h, model, n) || list_empty(&h) != (n == 0))
			return false;
	}
	return true;
}

static void test_safe_walk(void)
{
	static struct item items[N];
	struct list h;
	unsigned seen = 0;

	list_init(&h);
	for (int i = 0; i < N; i++)
		list_push_back(&h, &items[i].link);
	list_foreach_safe(it, tmp, &h) {
		list_remove(it);
		seen++;
	}
	ok(seen == N && list_empty(&h), "a list can be emptied while it is walked");
}

int main(void)
{
	srand(1);
	ok(random_walk(20000), "pushes, pops and removals keep order and links");
	test_safe_walk();
	return tap_done();
}
