/* SPDX-License-Identifier: Apache-2.0 */
/* Power-on state and the kernel in memory. CPU 0, all vCPUs parked. Unpacking or copying a large image takes long: where a task does it, it gives
 * way every few MiB, so that the node's services go on. Knows neither image formats nor the architecture. */
#include "vm_internal.h"
#include <core/arith.h>
#include <core/hal.h>
#include <core/page.h>
#include <vmm/machine.h>

#define LOAD_PIECE (2 * MIB)
#define LOAD_STACK (32 * 1024)

static void give_way(struct vm *vm, uint64_t len)
{
	vm->load_bytes += len;
	if (vm->load_bytes >= LOAD_PIECE && task_current()) {
		vm->load_bytes = 0;
		task_yield();
	}
}

static err_t paced_read(void *ctx, uint64_t off, void *dst, uint64_t len)
{
	struct vm_paced *p = ctx;

	give_way(p->vm, len);
	return p->of.read(p->of.ctx, off, dst, len);
}

/* On any CPU, and copies nothing. */
static const void *paced_peek(void *ctx, uint64_t off, uint64_t *len)
{
	const struct vm_paced *p = ctx;

	return p->of.peek(p->of.ctx, off, len);
}

static void pace(struct vm *vm, struct vm_paced *p, struct vm_source *s)
{
	*p = (struct vm_paced){ .vm = vm, .of = *s };
	*s = (struct vm_source){ .size = s->size, .ctx = p, .read = paced_read, .peek = s->peek ? paced_peek : NULL };
}

void vm_load_init(struct vm *vm)
{
	pace(vm, &vm->kernel, &vm->cfg.kernel);
	pace(vm, &vm->initrd, &vm->cfg.initrd);
}

void vm_memory_clear(struct vm *vm)
{
	gmem_clear(vm->mem);
	hv_current->tlb_flush(vm, GPA(0), 0);
}

err_t vm_power_on(struct vm *vm, char *why)
{
	uint64_t began = hal_clock_ns();
	err_t err;

	vm->loading = true;
	vm->started_ns = began;
	vm->load_bytes = 0;
	vm_memory_clear(vm);
	machine_reset(vm);
	for (unsigned i = 0; i < vm->nvcpus; i++) {
		arch_vcpu_reset(&vm->vcpus[i]);
		vm->vcpus[i].idle = false;
	}
	err = machine_load(vm, why);
	if (err != OK)
		vm_memory_clear(vm);
	else
		vm_clock_start(vm);
	vm->load_ns = hal_clock_ns() - began;
	vm->loading = false;
	return err;
}

static void load_task(void *arg)
{
	struct vm *vm = arg;

	vm->load_err = vm_power_on(vm, vm->load_why);
	work_post(0, &vm->step_work); /* vm may be gone once that runs */
}

void vm_power_on_begin(struct vm *vm)
{
	struct task *t;

	vm->load_why[0] = '\0';
	if (task_create("load", load_task, vm, LOAD_STACK, &t) != OK)
		load_task(vm); /* without giving way, then */
}
