/* SPDX-License-Identifier: Apache-2.0 */
/* The simplest machine and architecture behind vmm/machine.h, for tests of vmm/vm alone: RAM, one device register on each bus, an
 * event flag and a timer per vCPU. Defines machine_*, arch_vcpu_*, hv_current and hv_reason, so that the real ones are not linked:
 * vmm/vm knows nothing of them. One include per program. */
#ifndef TESTS_UNIT_PLAIN_MACHINE_H
#define TESTS_UNIT_PLAIN_MACHINE_H
#include <core/arith.h>
#include <core/fmt.h>
#include <fake/fake.h>
#include <fake/fake_hv.h>
#include <string.h>
#include <vmm/machine.h>

struct plain_vcpu { atomic_bool event; uint64_t timer_ns; unsigned resets; };

static struct plain {
	/* set by tests */
	bool create_fails, load_fails;
	int arch_init_fails_at;               /* vCPU index, -1 none */
	void (*on_prepare)(struct vcpu *v);   /* between the look at the event flag and the answer */
	void (*on_where)(struct vcpu *v);
	bool reads_images;                    /* loading reads kernel and initrd to their ends, and on to guest memory from 64 KiB */
	/* seen */
	unsigned machines, arches, loads, resets, buttons;
	uint64_t reg;                         /* the device's register, at PIO 0x100..0x107 and MMIO PLAIN_MMIO */
	bool input_stuck;                     /* set by tests: the guest takes no typed bytes */
	char input[4096];                     /* the last ones that it took */
	size_t input_len;
	unsigned cols, rows;
} plain;

#define PLAIN_MMIO 0xd0000000ull

const struct hv_ops *hv_current;
const char *hv_reason(void) { return "the test says no"; }

static struct plain_vcpu *plain_vcpu(struct vcpu *v) { return v->arch; }

static inline void plain_use(void)
{
	unsigned machines = plain.machines, arches = plain.arches;

	plain = (struct plain){ .arch_init_fails_at = -1, .machines = machines, .arches = arches };
	fake_hv_use();
}

/* An event from anywhere, as an interrupt controller posts it. */
static inline void plain_raise(struct vcpu *v)
{
	atomic_store(&plain_vcpu(v)->event, true);
	vcpu_kick(v);
}

/* An interrupt, which hardware may take into the guest. */
static inline void plain_post(struct vcpu *v)
{
	atomic_store(&plain_vcpu(v)->event, true);
	vcpu_post(v);
}

static uint64_t plain_read(void *ctx, uint64_t off, unsigned size)
{
	(void)ctx, (void)size;
	return plain.reg >> (off * 8);
}

static void plain_write(void *ctx, uint64_t off, unsigned size, uint64_t v)
{
	(void)ctx, (void)off, (void)size;
	plain.reg = v;
}

static const struct bus_ops plain_ops = { .read = plain_read, .write = plain_write };

err_t machine_create(struct vm *vm, char *why)
{
	err_t err = gmem_add_ram(vm->mem, GPA(0), vm->cfg.memory_bytes);

	if (err == OK && !plain.create_fails)
		err = bus_claim(&vm->pio, 0x100, 8, &plain_ops, vm, "plain");
	if (err == OK && !plain.create_fails)
		err = bus_claim(&vm->mmio, PLAIN_MMIO, 8, &plain_ops, vm, "plain");
	if (err != OK || plain.create_fails) {
		fmt_buf(why, VM_REASON_MAX, "plain machine");
		return err != OK ? err : E_NOMEM;
	}
	vm->machine = vm;
	plain.machines++;
	return OK;
}

void machine_destroy(struct vm *vm)
{
	if (vm->machine)
		plain.machines--;
	vm->machine = NULL;
}

void machine_reset(struct vm *vm) { (void)vm; plain.resets++; }

static err_t plain_copy(struct vm *vm, const struct vm_source *s)
{
	static uint8_t chunk[65536];
	err_t err = OK;

	for (uint64_t off = 0; off < s->size && err == OK; off += sizeof chunk) {
		uint64_t n = MIN(sizeof chunk, s->size - off);

		err = s->read(s->ctx, off, chunk, n);
		if (err == OK)
			err = gmem_write(vm->mem, GPA(sizeof chunk + off), chunk, n);
	}
	return err;
}

err_t machine_load(struct vm *vm, char *why)
{
	if (plain.reads_images && (plain_copy(vm, &vm->cfg.kernel) != OK || plain_copy(vm, &vm->cfg.initrd) != OK)) {
		fmt_buf(why, VM_REASON_MAX, "the images cannot be copied");
		return E_IO;
	}

	static const char image[] = "kernel";

	if (plain.load_fails) {
		fmt_buf(why, VM_REASON_MAX, "the kernel is no kernel");
		return E_CORRUPT;
	}
	plain.loads++;
	return gmem_write(vm->mem, GPA(0x1000), image, sizeof image);
}

void machine_power_button(struct vm *vm) { (void)vm; plain.buttons++; }
size_t machine_console_input(struct vm *vm, const void *buf, size_t n)
{
	if (plain.input_stuck)
		return 0;
	if (n > sizeof plain.input - plain.input_len)
		plain.input_len = 0;
	if (n <= sizeof plain.input) {
		memcpy(plain.input + plain.input_len, buf, n);
		plain.input_len += n;
	}
	plain_raise(&vm->vcpus[0]);
	return n;
}

void machine_console_resize(struct vm *vm, unsigned cols, unsigned rows)
{
	(void)vm;
	plain.cols = cols;
	plain.rows = rows;
}


err_t arch_vcpu_init(struct vcpu *v)
{
	if (plain.arch_init_fails_at == (int)v->index)
		return E_NOMEM;
	v->arch = pool_alloc(&v->vm->pool, sizeof(struct plain_vcpu));
	if (!v->arch)
		return E_NOMEM;
	plain_vcpu(v)->timer_ns = UINT64_MAX;
	plain.arches++;
	return OK;
}

void arch_vcpu_fini(struct vcpu *v)
{
	if (!v->arch)
		return;
	pool_free(&v->vm->pool, v->arch, sizeof(struct plain_vcpu));
	v->arch = NULL;
	plain.arches--;
}

void arch_vcpu_reset(struct vcpu *v)
{
	atomic_store(&plain_vcpu(v)->event, false);
	plain_vcpu(v)->timer_ns = UINT64_MAX;
	plain_vcpu(v)->resets++;
}

bool arch_vcpu_prepare(struct vcpu *v, uint64_t now_ns, uint64_t *wake_ns)
{
	struct plain_vcpu *p = plain_vcpu(v);
	bool event;

	if (p->timer_ns <= now_ns) {
		p->timer_ns = UINT64_MAX;
		atomic_store(&p->event, true);
	}
	event = atomic_exchange(&p->event, false);
	if (plain.on_prepare)
		plain.on_prepare(v);
	if (event)
		v->idle = false;
	*wake_ns = p->timer_ns;
	return !v->idle;
}

uint64_t arch_vcpu_next_timer(struct vcpu *v) { return plain_vcpu(v)->timer_ns; }
bool arch_vcpu_exit(struct vcpu *v, struct hv_exit *e) { (void)v; return e->kind == HV_EXIT_CPUID; }
void arch_vcpu_where(struct vcpu *v, char *buf, size_t n)
{
	if (plain.on_where)
		plain.on_where(v);
	fmt_buf(buf, n, "rip=0x%llx", (unsigned long long)fake_vcpu(v)->regs.rip);
}

/* One turn of each CPU's loop; leaves CPU 0 current. */
static inline void turn_all(void)
{
	for (unsigned c = 0; c < hal_cpu_count(); c++) {
		fake_cpu_set(c);
		(void)loop_turn();
	}
	fake_cpu_set(0);
}

static inline void turns(unsigned n)
{
	while (n-- > 0)
		turn_all();
}

/* A guest that spins: runs until the host's timer interrupts it. */
static inline void guest_spin(struct vcpu *v, struct hv_exit *out, void *ctx)
{
	uint64_t until = fake_timer_deadline(hal_cpu_id());

	(void)v, (void)ctx;
	if (until > hal_clock_ns())
		fake_clock_set(until);
	*out = (struct hv_exit){ .kind = HV_EXIT_HOST };
}

#endif
