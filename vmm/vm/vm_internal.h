/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the files of vmm/vm alone: requests, goals and phases of the state machine. Must not be included elsewhere. */
#ifndef VMM_VM_VM_INTERNAL_H
#define VMM_VM_VM_INTERNAL_H
#include <vmm/vm.h>

/* What control wants of a vCPU's own CPU; the latest wins. */
enum vcpu_request { VCPU_REQ_NONE, VCPU_REQ_RUN, VCPU_REQ_PARK };
/* Where a vCPU is. In HOST (its run loop, between entries) and in the handlers of exits it reads look before it enters or sleeps; in GUEST it
 * may also be about to enter or inside, where only an interrupt reaches it. */
enum vcpu_where { VCPU_OUT, VCPU_HOST, VCPU_GUEST };

/* What is wanted when all vCPUs are parked; a set, the strongest decides (from KILL down to PAUSE). */
enum vm_goal {
	GOAL_PAUSE = 1, GOAL_RESET = 2, GOAL_POWEROFF = 4, GOAL_CRASH = 8, GOAL_KILL = 16,
	GOAL_TERMINAL = GOAL_POWEROFF | GOAL_CRASH | GOAL_KILL,
};
/* OUT: all parked (and drained when not PAUSED). PARKING and DRAINING wait for an ack of each vCPU's CPU, LOADING for the task of a reset. */
enum vm_phase { PHASE_OUT, PHASE_RUN, PHASE_PARKING, PHASE_LOADING, PHASE_DRAINING };

/* vcpu.c */
err_t vcpu_create(struct vm *vm, unsigned index) MUST_CHECK;
void vcpu_destroy(struct vcpu *v);                       /* accepts half-built */
void vcpu_request(struct vcpu *v, enum vcpu_request r);  /* CPU 0 */
void vcpu_drain(struct vcpu *v);                         /* CPU 0: ack when all mail sent before to the vCPU's CPU has run */
/* CPU 0, all parked and drained: each vCPU goes where the least weight is; and the end of that. */
void vcpus_place(struct vm *vm);
void vcpus_unplace(struct vm *vm);
/* The backend is being switched off: from now on no vCPU is run, or parked by it. Any CPU may ask. */
void vcpus_close(void);
bool vcpus_closed(void);
/* hv_cpus.c: on all CPUs; the first error and its CPU, E_TIMEOUT when one does not answer. */
err_t hv_switch_on(const struct hv_ops *ops, unsigned *failed) MUST_CHECK;
void hv_switch_off(const struct hv_ops *ops);
/* Own CPU: its counters have one writer. */
static inline void vcpu_count(_Atomic uint64_t *c) { atomic_store_explicit(c, atomic_load_explicit(c, memory_order_relaxed) + 1, memory_order_relaxed); }
/* run.c: sched_entity.run */
void vcpu_run(struct sched_entity *se, uint64_t until_ns);
/* exit.c: false when the vCPU must leave its run loop. */
bool vcpu_exit(struct vcpu *v, struct hv_exit *e);
/* deferred.c: one piece of each work that was put off; false when there is none. Takes vm->lock. */
bool vm_deferred_run(struct vm *vm);
/* control.c */
void vm_control_init(struct vm *vm);
void vm_ack(struct vm *vm); /* any CPU: the vCPU has done the phase's request; vm may be gone afterwards */
/* shootdown.c */
void vm_flush_init(struct vm *vm);
void vcpu_flush_init(struct vcpu *v);
/* load.c. vm_load_init: once, takes the images of vm->cfg. */
void vm_load_init(struct vm *vm);
/* [task, where it gives way, or not] Power-on state of everything, and the kernel in memory. On error memory is empty, with why. */
err_t vm_power_on(struct vm *vm, char *why) MUST_CHECK;
/* The same in a task of its own: its end is load_err, load_why and a posted step_work. */
void vm_power_on_begin(struct vm *vm);
void vm_memory_clear(struct vm *vm);
/* clock.c: guest time, CPU 0, all vCPUs parked */
void vm_clock_start(struct vm *vm);
void vm_clock_pause(struct vm *vm);
void vm_clock_resume(struct vm *vm);

#endif
