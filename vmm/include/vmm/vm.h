/* SPDX-License-Identifier: Apache-2.0 */
/* A virtual machine: lifecycle and the objects that hang on it. vm_* calls are made on CPU 0 (the control task or its loop); they return at
 * once, and the end of a transition (running, paused, stopped, crashed) is told by the changed callback, which may destroy the VM. vCPUs live on the CPUs they were placed on; device state is under vm->lock. */
#ifndef VMM_VM_H
#define VMM_VM_H
#include <core/chardev.h>
#include <core/err.h>
#include <core/log.h>
#include <core/page.h>
#include <core/sched.h>
#include <core/spinlock.h>
#include <core/task.h>
#include <vmm/bus.h>
#include <vmm/gmem.h>
#include <vmm/hv.h>
#include <vmm/irq.h>

#define VM_NAME_MAX 63
#define VM_MAX_VCPUS 64
#define VM_CMDLINE_MAX 2047
#define VM_REASON_MAX 128
#define VM_OVERCOMMIT_MIN 100 /* percent: no more is promised than is there */
#define VM_OVERCOMMIT_MAX 1000

enum vm_state { VM_STOPPED, VM_STARTING, VM_RUNNING, VM_PAUSED, VM_STOPPING, VM_CRASHED };
const char *vm_state_name(enum vm_state s); /* "stopped" ... as in the API */

/* Bytes of a kernel or initrd. Stays valid and unchanged while the VM exists. */
struct vm_source {
	uint64_t size;
	void *ctx;
	/* Copies [off, off+len) or fails E_RANGE. */
	err_t (*read)(void *ctx, uint64_t off, void *dst, uint64_t len);
	/* Optional: of struct gmem_source, for bytes that lie in memory. */
	const void *(*peek)(void *ctx, uint64_t off, uint64_t *len);
};

struct vm_config {
	const char *name;             /* copied */
	unsigned vcpus;
	uint64_t memory_bytes;        /* multiple of 1 MiB */
	unsigned overcommit_percent;  /* guest memory promised per memory reserved, VM_OVERCOMMIT_MIN.._MAX; 0: VM_OVERCOMMIT_MIN */
	uint32_t weight;
	struct vm_source kernel;      /* size 0: none */
	struct vm_source initrd;      /* size 0: none */
	const char *cmdline;          /* copied */
	struct pool *parent_pool;     /* the VM makes its own under it and reserves its memory there */
	struct chardev *console;      /* where guest console output goes; its write is called under vm->lock on any CPU */
	/* State changed, on CPU 0's loop; vm_state(vm) and vm->reason are new. */
	void (*changed)(void *ctx, struct vm *vm);
	void *ctx;
};

struct vm_counters { _Atomic uint64_t unknown_msrs, unknown_ports, unknown_mmio, spurious_msis; };

/* A piece of a device's work for later: vm_defer. Belongs to the device and goes with it. */
struct vm_deferred { struct vm_deferred *next; bool queued; void (*fn)(struct vm_deferred *d); };

struct vcpu {
	struct vm *vm;
	unsigned index;
	struct sched_entity se;
	void *hv;            /* backend's state */
	void *arch;          /* vmm/<arch> shared state: MSRs, paravirtual clock ... (struct x86_vcpu) */
	void *irqc;          /* this vCPU's interrupt controller: struct lapic on x86_64 */
	/* Guest counter (TSC | CNTVCT) = hal_counter() + counter_offset. vm.c sets it at start and moves it after a pause; a guest's
	 * write to its counter adds to it. Own CPU, or parked. */
	int64_t counter_offset;
	/* Own CPU: set by exit.c when the guest halts; arch_vcpu_prepare clears it when it gives the guest an event. */
	bool idle;
	/* vmm/vm's own */
	unsigned cpu;            /* placement, chosen on CPU 0 while parked */
	bool added;              /* own CPU: in its scheduler */
	atomic_uint where;       /* enum vcpu_where: whether a kick has to do anything */
	atomic_bool look;        /* something may be pending: arch_vcpu_prepare comes before the guest does */
	_Atomic uint64_t exits[HV_EXIT_KINDS]; /* own CPU writes */
	atomic_uint ctl_request; /* enum vcpu_request, see vcpu.c */
	struct work ctl_work, drain_work, flush_work;
	struct timer wake_timer; /* own CPU: ends an idle guest's sleep */
};
struct vm {
	char name[VM_NAME_MAX + 1], cmdline[VM_CMDLINE_MAX + 1], reason[VM_REASON_MAX];
	struct vm_config cfg;         /* name and cmdline point to the copies above */
	struct pool pool;
	struct gmem *mem;
	struct spinlock lock;         /* device state, buses, interrupt controllers other than LAPIC pending bits */
	struct bus mmio, pio;
	void *hv;                     /* backend's state */
	void *machine;                /* vmm/<arch> machine: struct pc */
	void *irqchip;                /* interrupt controller of the lines: struct ioapic on x86_64 */
	_Atomic(struct vm_deferred *) deferred; /* changes under lock */
	struct vm_counters counters;
	struct spinlock log_lock;     /* innermost */
	struct log_limit log_limit;   /* under log_lock */
	unsigned nvcpus;
	struct vcpu *vcpus;           /* array */
	int64_t clock_offset_ns;      /* guest monotonic time = host time + offset: 0 at power-on, stands still while paused */
	int64_t counter_offset;       /* the same for the raw counter; vcpu.counter_offset without guest writes */
	atomic_bool counter_skewed;   /* a vCPU's differs, or did since power-on */
	/* vmm/vm's own; CPU 0 unless atomic */
	enum vm_state state;
	unsigned goal;                /* enum vm_goal bits: what happens when all vCPUs are parked */
	unsigned phase;               /* enum vm_phase */
	struct vm_paced { struct vm *vm; struct vm_source of; } kernel, initrd; /* the caller's; cfg's are the same, read in pieces */
	bool loading;                 /* vm_power_on is under way: only a kill is taken, and carried out afterwards */
	uint64_t load_bytes, load_ns; /* since it gave way last; how long the last one took */
	err_t load_err;               /* of a reset */
	char load_why[VM_REASON_MAX];
	uint64_t started_ns, paused_ns, run_ns_total, reserved_pages;
	int64_t paused_counter;
	atomic_uint acks;             /* vCPUs that have done the current phase's request */
	bool notify;                  /* the changed callback is owed */
	bool guest_reset;             /* the reset that is wanted is the guest's own wish */
	unsigned quick_resets;        /* of the guest's own in a row, each soon after its start */
	atomic_bool live;             /* from power-on until all vCPUs are parked for good: kicks and guest events count */
	atomic_bool parking;          /* run loops leave */
	atomic_uint events;           /* enum vm_goal bits raised by the guest on any CPU */
	atomic_uint crash_claim;      /* 0, then 1 for the one that writes crash_reason */
	char crash_reason[VM_REASON_MAX];
	struct work event_work, step_work;
	struct vm_shootdown *flush_now, *flush_next; /* of the round that is under way, and those that came meanwhile */
	atomic_uint flush_acks;
	struct work flush_work;
};

/* Reserves memory, builds the machine; state STOPPED. why (VM_REASON_MAX bytes) gets a sentence on error. E_NOMEM, E_INVAL, E_UNSUPPORTED. */
err_t vm_create(const struct vm_config *cfg, struct vm **out, char *why) MUST_CHECK;
/* Only when STOPPED or CRASHED: E_STATE otherwise. Frees all. Accepts NULL. */
err_t vm_destroy(struct vm *vm) MUST_CHECK;
/* STOPPED|CRASHED -> STARTING (loads the kernel) -> RUNNING. E_STATE; E_CORRUPT etc. with why for a bad image (state as before). Called
 * from a task it gives way to others while it loads; when the VM is killed meanwhile it is OK all the same, and the end is told. */
err_t vm_start(struct vm *vm, char *why) MUST_CHECK;
err_t vm_pause(struct vm *vm) MUST_CHECK;   /* RUNNING -> PAUSED when all vCPUs are out */
err_t vm_resume(struct vm *vm) MUST_CHECK;  /* PAUSED -> RUNNING */
err_t vm_reset(struct vm *vm) MUST_CHECK;   /* RUNNING|PAUSED -> as if power-cycled -> RUNNING */
err_t vm_power_button(struct vm *vm) MUST_CHECK; /* ACPI power button; guest decides. E_STATE */
err_t vm_kill(struct vm *vm) MUST_CHECK;    /* any running state -> STOPPED at once */
enum vm_state vm_state(const struct vm *vm);
/* Translations that were taken away under a running guest: CPU 0 changes the stage-2 table, then asks for this, and may use what the old
 * entries led to for something else when done has been called: no vCPU is inside the guest with them any more, nor will be (SDM 3C 29.4.3.3,
 * APM 2 15.16). s is the caller's and stays until then; done is called on CPU 0's loop, or at once where no vCPU can run; it may ask again. */
struct vm_shootdown { void (*done)(struct vm_shootdown *s); struct vm_shootdown *next; /* vmm/vm's own */ };
void vm_tlb_shootdown(struct vm *vm, struct vm_shootdown *s);
/* Console input from the API: returns bytes taken. CPU 0. */
size_t vm_console_input(struct vm *vm, const void *buf, size_t n);
void vm_console_resize(struct vm *vm, unsigned cols, unsigned rows);
struct vm_stats { uint64_t exits, run_ns, steal_ns, resident_bytes, unknown_msrs, unknown_ports, unknown_mmio, uptime_ns; };
void vm_stats(const struct vm *vm, struct vm_stats *out);
uint64_t vm_uptime_ns(const struct vm *vm); /* as in vm_stats, alone */
uint64_t vm_exits(const struct vm *vm, enum hv_exit_kind kind); /* of all vCPUs since the VM was made */

/* ---- for exit handlers and devices (any CPU, vm->lock may be held) ---- */
/* This guest is over: CRASHED with the reason. Only the VM suffers. */
void vm_crash(struct vm *vm, const char *f, ...) __attribute__((format(printf, 2, 3)));
/* The guest asked for power-off or reset. */
void vm_guest_poweroff(struct vm *vm);
void vm_guest_reset(struct vm *vm);
/* Calls d->fn soon, under vm->lock, before a vCPU enters the guest again; once for several calls. vm->lock held. */
void vm_defer(struct vm *vm, struct vm_deferred *d);
/* May the guest cause one more line in the log now? */
bool vm_log_allowed(struct vm *vm);
/* Makes a vCPU look at its pending interrupts soon: wakes it from idle, kicks it out of the guest. */
void vcpu_kick(struct vcpu *v);
/* The same for an interrupt alone, which a guest may take without leaving its CPU. */
void vcpu_post(struct vcpu *v);

#endif
