/* SPDX-License-Identifier: Apache-2.0 */
/* A VM from creation to destruction: checks its configuration, reserves its memory, builds its parts in order and takes them down in
 * reverse. CPU 0. What happens in between is control.c. Knows neither architecture nor vendor. */
#include "vm_internal.h"
#include <core/arith.h>
#include <core/fmt.h>
#include <core/hal.h>
#include <string.h>
#include <vmm/machine.h>
#include <vmm/stage2.h>

/* Host pages beside the stage-2 tables: bitmaps, devices, the objects themselves; per vCPU its control block, register and
 * extended state areas. Generous: what is not used is only a promise. */
#define VM_HOST_PAGES 64ull
#define VCPU_HOST_PAGES 16ull
#define MAX_PAGE_ORDER 9
#define WEIGHT_MAX 10000

static const char *const state_names[] = {
	[VM_STOPPED] = "stopped", [VM_STARTING] = "starting", [VM_RUNNING] = "running",
	[VM_PAUSED] = "paused", [VM_STOPPING] = "stopping", [VM_CRASHED] = "crashed",
};

const char *vm_state_name(enum vm_state s)
{
	return (unsigned)s < ARRAY_LEN(state_names) ? state_names[s] : "unknown";
}

enum vm_state vm_state(const struct vm *vm)
{
	return vm->state;
}

static err_t config_check(const struct vm_config *c, char *why)
{
	size_t name = c->name ? strlen(c->name) : 0, cmdline = c->cmdline ? strlen(c->cmdline) : 0;

	if (name == 0 || name > VM_NAME_MAX)
		fmt_buf(why, VM_REASON_MAX, "a VM's name has 1 to %u characters", VM_NAME_MAX);
	else if (c->vcpus == 0 || c->vcpus > VM_MAX_VCPUS)
		fmt_buf(why, VM_REASON_MAX, "a VM has 1 to %u vCPUs, not %u", VM_MAX_VCPUS, c->vcpus);
	else if (c->memory_bytes == 0 || c->memory_bytes % MIB || c->memory_bytes > 1ull << 46)
		fmt_buf(why, VM_REASON_MAX, "a VM's memory is a positive number of whole MiB");
	else if (c->weight == 0 || c->weight > WEIGHT_MAX)
		fmt_buf(why, VM_REASON_MAX, "a VM's weight is 1 to %u, not %u", WEIGHT_MAX, c->weight);
	else if (c->overcommit_percent && (c->overcommit_percent < VM_OVERCOMMIT_MIN || c->overcommit_percent > VM_OVERCOMMIT_MAX))
		fmt_buf(why, VM_REASON_MAX, "memory is overcommitted by %u to %u percent, not %u", VM_OVERCOMMIT_MIN, VM_OVERCOMMIT_MAX,
			c->overcommit_percent);
	else if (cmdline > VM_CMDLINE_MAX)
		fmt_buf(why, VM_REASON_MAX, "a command line has at most %u characters, not %zu", VM_CMDLINE_MAX, cmdline);
	else
		return OK;
	return E_INVAL;
}

/* Pages of stage-2 tables for memory in at most GMEM_MAX_SLOTS pieces, all of 4 KiB pages. */
static uint64_t table_pages(uint64_t memory_bytes)
{
	uint64_t n = memory_bytes / PAGE_SIZE, sum = 0;

	for (unsigned level = 0; level < 3; level++) {
		n = (n + 511) / 512;
		sum += n + 2 * GMEM_MAX_SLOTS; /* unaligned ends of each piece */
	}
	/* and the lists of large pages, each rounded up to what the allocator has (vmm/mem) */
	return sum + 1 + 2 * (memory_bytes / (512 * PAGE_SIZE) * sizeof(uint64_t) / PAGE_SIZE);
}

/* What is promised beyond the reservation comes from what is free when the guest touches it, or the VM crashes. Tables and the VM's own
 * objects are always reserved. */
static err_t memory_reserve(struct vm *vm, char *why)
{
	uint64_t percent = vm->cfg.overcommit_percent ? vm->cfg.overcommit_percent : VM_OVERCOMMIT_MIN;
	uint64_t guest = (vm->cfg.memory_bytes / PAGE_SIZE * 100 + percent - 1) / percent;
	uint64_t host = table_pages(vm->cfg.memory_bytes) + VM_HOST_PAGES + VCPU_HOST_PAGES * vm->cfg.vcpus;

	if (pool_reserve(&vm->pool, guest) == OK && pool_reserve_host(&vm->pool, host) == OK)
		return OK;
	fmt_buf(why, VM_REASON_MAX, "not enough free memory for %llu MiB and %llu KiB beside",
		(unsigned long long)(vm->cfg.memory_bytes / MIB), (unsigned long long)(host * PAGE_SIZE / KIB));
	return E_NOMEM;
}

static void vm_init(struct vm *vm, const struct vm_config *cfg)
{
	vm->cfg = *cfg;
	memcpy(vm->name, cfg->name, strlen(cfg->name));
	if (cfg->cmdline)
		memcpy(vm->cmdline, cfg->cmdline, strlen(cfg->cmdline));
	vm->cfg.name = vm->name;
	vm->cfg.cmdline = vm->cmdline;
	vm->state = VM_STOPPED;
	vm->phase = PHASE_OUT;
	spin_init(&vm->lock);
	spin_init(&vm->log_lock);
	vm_control_init(vm);
	vm_flush_init(vm);
	vm_load_init(vm);
	pool_init(&vm->pool, vm->name, cfg->parent_pool, UINT64_MAX);
}

static err_t vcpus_create(struct vm *vm)
{
	vm->vcpus = pool_alloc(&vm->pool, sizeof *vm->vcpus * vm->cfg.vcpus);
	if (!vm->vcpus)
		return E_NOMEM;
	vm->nvcpus = vm->cfg.vcpus;
	for (unsigned i = 0; i < vm->nvcpus; i++) {
		err_t err = vcpu_create(vm, i);

		if (err != OK)
			return err;
	}
	return OK;
}

static err_t vm_build(struct vm *vm, char *why)
{
	const struct stage2_format *fmt = hv_current->stage2_format();
	err_t err = memory_reserve(vm, why);

	if (err != OK)
		return err;
	fmt_buf(why, VM_REASON_MAX, "no memory for the VM's own objects");
	err = gmem_create(&vm->pool, fmt, MAX_PAGE_ORDER, &vm->mem);
	if (err != OK)
		return err;
	bus_init(&vm->mmio, 1ull << fmt->max_gpa_bits);
	bus_init(&vm->pio, 0x10000);
	err = hv_current->vm_init(vm);
	if (err == OK)
		err = vcpus_create(vm);
	if (err != OK)
		return err;
	return machine_create(vm, why);
}

static void vm_dismantle(struct vm *vm)
{
	struct pool *parent = vm->pool.parent;

	machine_destroy(vm);
	for (unsigned i = 0; i < vm->nvcpus; i++)
		vcpu_destroy(&vm->vcpus[i]);
	if (vm->vcpus)
		pool_free(&vm->pool, vm->vcpus, sizeof *vm->vcpus * vm->cfg.vcpus);
	if (vm->hv)
		hv_current->vm_fini(vm);
	gmem_destroy(vm->mem);
	pool_fini(&vm->pool);
	pool_free(parent, vm, sizeof *vm);
}

err_t vm_create(const struct vm_config *cfg, struct vm **out, char *why)
{
	struct pool *parent = cfg->parent_pool ? cfg->parent_pool : &pool_root;
	struct vm *vm;
	err_t err = config_check(cfg, why);

	if (err != OK)
		return err;
	if (!hv_current) {
		fmt_buf(why, VM_REASON_MAX, "this machine cannot run guests: %s", hv_reason());
		return E_UNSUPPORTED;
	}
	vm = pool_alloc(parent, sizeof *vm);
	if (!vm) {
		fmt_buf(why, VM_REASON_MAX, "no memory for the VM's own objects");
		return E_NOMEM;
	}
	vm_init(vm, cfg);
	err = vm_build(vm, why);
	if (err != OK) {
		vm_dismantle(vm);
		return err;
	}
	*out = vm;
	return OK;
}

err_t vm_destroy(struct vm *vm)
{
	if (!vm)
		return OK;
	if (vm->state != VM_STOPPED && vm->state != VM_CRASHED)
		return E_STATE;
	vm_dismantle(vm);
	return OK;
}

size_t vm_console_input(struct vm *vm, const void *buf, size_t n)
{
	if (vm->state != VM_RUNNING && vm->state != VM_PAUSED)
		return 0;
	return machine_console_input(vm, buf, n);
}

void vm_console_resize(struct vm *vm, unsigned cols, unsigned rows)
{
	machine_console_resize(vm, cols, rows);
}

static uint64_t counter_read(const _Atomic uint64_t *c)
{
	return atomic_load_explicit(c, memory_order_relaxed);
}

uint64_t vm_exits(const struct vm *vm, enum hv_exit_kind kind)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < vm->nvcpus; i++)
		sum += counter_read(&vm->vcpus[i].exits[kind]);
	return sum;
}

uint64_t vm_uptime_ns(const struct vm *vm)
{
	return vm->state == VM_STOPPED || vm->state == VM_CRASHED ? 0 : hal_clock_ns() - vm->started_ns;
}

void vm_stats(const struct vm *vm, struct vm_stats *out)
{
	struct vm_stats s = {
		.resident_bytes = gmem_resident_pages(vm->mem) * PAGE_SIZE,
		.unknown_msrs = counter_read(&vm->counters.unknown_msrs),
		.unknown_ports = counter_read(&vm->counters.unknown_ports),
		.unknown_mmio = counter_read(&vm->counters.unknown_mmio),
	};

	for (unsigned i = 0; i < HV_EXIT_KINDS; i++)
		s.exits += vm_exits(vm, i);
	for (unsigned i = 0; i < vm->nvcpus; i++) {
		/* Written on the vCPU's CPU: whole words, a little old. */
		s.run_ns += __atomic_load_n(&vm->vcpus[i].se.run_ns, __ATOMIC_RELAXED);
		s.steal_ns += __atomic_load_n(&vm->vcpus[i].se.wait_ns, __ATOMIC_RELAXED);
	}
	s.uptime_ns = vm_uptime_ns(vm);
	*out = s;
}
