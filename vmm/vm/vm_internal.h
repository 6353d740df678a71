/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the files of vmm/vm alone: requests, goals and phases of the state machine. Must not be included elsewhere. */
#ifndef VMM_VM_VM_INTERNAL_H
#define VMM_VM_VM_INTERNAL_H
#include <vmm/vm.h>

/* What control wants of a vCPU's own CPU; the latest wins. */
enum vcpu_request { VCPU_REQ_NONE, VCPU_REQ_RUN, VCPU_REQ_PARK };
/* Where a vCPU is: in HOST (its run loop, between entries) it looks at its pending events again before it enters or sleeps. */
enum vcpu_where { VCPU_OUT, VCPU_HOST, VCPU_GUEST };

/* What is wanted when all vCPUs are parked; a set, the strongest decides (from KILL down to PAUSE). */
enum vm_goal {
	GOAL_PAUSE = 1, GOAL_RESET = 2, GOAL_POWEROFF = 4, GOAL_CRASH = 8, GOAL_KILL = 16,
	GOAL_TERMINAL = GOAL_POWEROFF | GOAL_CRASH | GOAL_KILL,
};
/* OUT: all parked (and drained when not PAUSED). PARKING and DRAINING wait for an ack of each vCPU's CPU. */
enum vm_phase { PHASE_OUT, PHASE_RUN, PHASE_PARKING, PHASE_DRAINING };

/* vcpu.c */
err_t vcpu_create(struct vm *vm, unsigned index) MUST_CHECK;
void vcpu_destroy(struct vcpu *v);                       /* accepts half-built */
void vcpu_request(struct vcpu *v, enum vcpu_request r);  /* CPU 0 */
void vcpu_drain(struct vcpu *v);                         /* CPU 0: ack when all mail sent before to the vCPU's CPU has run */
/* CPU 0, all parked and drained: each vCPU goes where the least weight is; and the end of that. */
void vcpus_place(struct vm *vm);
void vcpus_unplace(struct vm *vm);
/* run.c: sched_entity.run */
void vcpu_run(struct sched_entity *se, uint64_t until_ns);
/* exit.c: false when the vCPU must leave its run loop. */
bool vcpu_exit(struct vcpu *v, struct hv_exit *e);
/* control.c */
void vm_control_init(struct vm *vm);
void vm_ack(struct vm *vm); /* any CPU: the vCPU has done the phase's request; vm may be gone afterwards */
/* clock.c: guest time, CPU 0, all vCPUs parked */
void vm_clock_start(struct vm *vm);
void vm_clock_pause(struct vm *vm);
void vm_clock_resume(struct vm *vm);

#endif
