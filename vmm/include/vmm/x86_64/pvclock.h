/* SPDX-License-Identifier: Apache-2.0 */
/* KVM's paravirtual clock ("clocksource2") and steal time, which Linux knows without drivers. Own CPU of the vCPU; embedded in the
 * architecture's vCPU state. Guest time zero is guest TSC zero, for all vCPUs alike, so the page is the same for the VM's life and
 * TSC_STABLE holds as long as no vCPU of the VM writes its TSC. */
#ifndef VMM_X86_64_PVCLOCK_H
#define VMM_X86_64_PVCLOCK_H
#include <core/err.h>
#include <stdbool.h>
#include <stdint.h>

struct vcpu;

#define MSR_KVM_WALL_CLOCK 0x4b564d00
#define MSR_KVM_SYSTEM_TIME 0x4b564d01
#define MSR_KVM_STEAL_TIME 0x4b564d03
/* CPUID 0x40000001 EAX bits of what is here: clocksource2 3, steal time 5, stable TSC 24. */
#define PVCLOCK_FEATURES ((1u << 3) | (1u << 5) | (1u << 24))

/* Plain and versioned: this is also the state that travels. Zero MSRs are the reset state. */
#define PVCLOCK_STATE_VERSION 1
struct pvclock {
	uint32_t version;
	uint32_t time_seq, steal_seq;  /* version fields in guest memory, even when stable */
	uint64_t system_time_msr, wall_clock_msr, steal_msr;
	uint64_t steal_ns;             /* what the guest was told last */
	int64_t published_offset;      /* v->counter_offset relative to the VM's, as last written */
	bool published_stable;
	bool time_dirty, steal_dirty;
};
void pvclock_reset(struct pvclock *p, struct vcpu *v); /* also from arch_vcpu_init */

/* The three MSRs. E_GUEST: #GP (reserved bits, or enabled with an address outside of RAM). */
err_t pvclock_msr_read(struct pvclock *p, uint32_t index, uint64_t *value) MUST_CHECK;
err_t pvclock_msr_write(struct pvclock *p, struct vcpu *v, uint32_t index, uint64_t value) MUST_CHECK;
/* Before each entry: brings the guest's pages up to date; cheap when nothing changed. */
void pvclock_update(struct pvclock *p, struct vcpu *v);
/* After loading a travelled struct. E_CORRUPT. */
err_t pvclock_load(struct pvclock *p, const struct pvclock *in) MUST_CHECK;
/* Multiplier and shift so that ns = ((ticks << shift or >> -shift) * mul) >> 32 at hz ticks a second; hz 0 is E_INVAL. */
err_t pvclock_scale(uint64_t hz, uint32_t *mul, int8_t *shift) MUST_CHECK;

#endif
