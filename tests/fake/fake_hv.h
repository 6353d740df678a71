/* SPDX-License-Identifier: Apache-2.0 */
/* hv_fake: a virtualisation backend whose vCPUs do what a test wrote down. Each vCPU has a list of exits that vcpu_run hands out
 * one by one (HV_EXIT_HOST for ever after the last), and remembers what came back: completed exits and injected events.
 * Registers are a plain struct arch_regs. */
#ifndef TESTS_FAKE_HV_H
#define TESTS_FAKE_HV_H
#include <core/err.h>
#include <stdbool.h>
#include <vmm/hv.h>
#include <vmm/vm.h>
#include <vmm/x86_64/regs.h>

#define FAKE_HV_LOG 256

struct fake_vcpu {
	bool away; /* has run, and nobody has asked for what it left with the CPU */
	const struct hv_exit *script; /* not copied */
	unsigned script_len, script_pos;
	/* When set it is asked instead of the script. */
	void (*on_run)(struct vcpu *v, struct hv_exit *out, void *ctx);
	void *on_run_ctx;
	uint64_t runs, deadline_ns;   /* the latter: what vcpu_deadline was told last */
	struct hv_exit completed[FAKE_HV_LOG]; /* ring: entry i is [i % FAKE_HV_LOG] */
	unsigned ncompleted;
	struct hv_event events[FAKE_HV_LOG];
	unsigned nevents;
	err_t inject_result;          /* what vcpu_inject answers for interrupts; an event is logged only when OK */
	uint64_t skipped;             /* bytes that arch->skip stepped over; RIP moves as well */
	bool cr8_watch;
	unsigned latch_resets;
	struct arch_regs regs;
};

extern const struct hv_ops hv_fake;

/* The state of a vCPU that hv_fake made. */
struct fake_vcpu *fake_vcpu(struct vcpu *v);
void fake_vcpu_script(struct vcpu *v, const struct hv_exit *exits, unsigned n);

/* For the life of the process, or until changed. */
struct fake_hv {
	bool probe_fails, vm_init_fails, vcpu_init_fails, takes_deadlines, takes_posts;
	unsigned vms, vcpus;          /* that exist now */
	unsigned flushes, enabled_cpus, posts;
	/* The default for each vCPU that is made from now on. */
	void (*on_run)(struct vcpu *v, struct hv_exit *out, void *ctx);
	void *on_run_ctx;
	bool mere_interrupts;         /* HV_EXIT_HOST leaves the loop nothing to do; else there is mail for it */
};
extern struct fake_hv fake_hv;
/* Forgets all settings and makes hv_fake the current backend. */
void fake_hv_use(void);

#endif
