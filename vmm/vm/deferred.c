/* SPDX-License-Identifier: Apache-2.0 */
/* What a device puts off so that one exit stays short: done by the vCPU that enters next, a piece at a time, so that it counts as that
 * guest's time and ends with its slice. No mail, so nothing is under way when the VM goes. Any CPU; the list is under vm->lock. */
#include "vm_internal.h"

void vm_defer(struct vm *vm, struct vm_deferred *d)
{
	if (d->queued)
		return;
	d->queued = true;
	d->next = atomic_load_explicit(&vm->deferred, memory_order_relaxed);
	atomic_store_explicit(&vm->deferred, d, memory_order_relaxed);
}

bool vm_deferred_run(struct vm *vm)
{
	struct vm_deferred *d, *next;

	if (!atomic_load_explicit(&vm->deferred, memory_order_relaxed))
		return false;
	spin_lock(&vm->lock);
	d = atomic_exchange_explicit(&vm->deferred, NULL, memory_order_relaxed);
	for (; d; d = next) {
		next = d->next;
		d->queued = false;
		d->fn(d); /* may put itself off again */
	}
	spin_unlock(&vm->lock);
	return true;
}
