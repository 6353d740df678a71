/* SPDX-License-Identifier: Apache-2.0 */
/* The VM objects by name: a sorted array that is searched by halving, so that the thousandth VM costs what the first one does, and a list in
 * the same order, which stands still under its reader when another object comes or goes. CPU 0. */
#include <core/arith.h>
#include <stdlib.h>
#include <string.h>
#include "vm_table.h"

#define ROOM_MIN 16

static struct {
	struct vm_ctl **sorted;
	size_t n, room;
	struct list all;
} vms = {.all = {&vms.all, &vms.all}};

/* Where an object of this name is, or would be. */
static size_t place_of(const char *name)
{
	size_t lo = 0, hi = vms.n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (strcmp(vms.sorted[mid]->spec.name, name) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

struct vm_ctl *vm_ctl_find(const char *name)
{
	size_t at = place_of(name);

	return at < vms.n && strcmp(vms.sorted[at]->spec.name, name) == 0 ? vms.sorted[at] : NULL;
}

struct vm_ctl *vm_ctl_next(const struct vm_ctl *after)
{
	struct list *n = after ? after->link.next : vms.all.next;

	return n == &vms.all ? NULL : list_entry(n, struct vm_ctl, link);
}

unsigned vm_ctl_count(unsigned *running)
{
	if (running)
		*running = 0;
	for (struct vm_ctl *c = running ? vm_ctl_next(NULL) : NULL; c; c = vm_ctl_next(c))
		*running += vm_ctl_state(c) == VM_RUNNING;
	return (unsigned)vms.n;
}

err_t vm_table_reserve(void)
{
	size_t room = MAX(2 * vms.room, (size_t)ROOM_MIN);
	struct vm_ctl **more;

	if (vms.n < vms.room)
		return OK;
	more = realloc(vms.sorted, room * sizeof(*more));
	if (!more)
		return E_NOMEM;
	vms.sorted = more;
	vms.room = room;
	return OK;
}

void vm_table_insert(struct vm_ctl *c)
{
	size_t at = place_of(c->spec.name);

	list_insert_before(at < vms.n ? &vms.sorted[at]->link : &vms.all, &c->link);
	memmove(&vms.sorted[at + 1], &vms.sorted[at], (vms.n - at) * sizeof(*vms.sorted));
	vms.sorted[at] = c;
	vms.n++;
}

void vm_table_remove(struct vm_ctl *c)
{
	size_t at = place_of(c->spec.name);

	list_remove(&c->link);
	vms.n--;
	memmove(&vms.sorted[at], &vms.sorted[at + 1], (vms.n - at) * sizeof(*vms.sorted));
}
