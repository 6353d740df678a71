/* SPDX-License-Identifier: Apache-2.0 */
/* VM objects: what a user names. Plain state over vmm/vm.h. CPU 0; calls marked [task] may block and need a task. */
#ifndef SANDBOX_VM_CTL_H
#define SANDBOX_VM_CTL_H
#include <core/list.h>
#include <core/task.h>
#include <sandbox/console.h>
#include <sandbox/image.h>
#include <sandbox/problem.h>
#include <vmm/vm.h>

#define VM_VCPUS_DEFAULT 1
#define VM_MEMORY_MIB_DEFAULT 128
#define VM_MEMORY_MIB_MIN 16
#define VM_MEMORY_MIB_MAX (1u << 20)
#define VM_WEIGHT_DEFAULT 100
#define VM_WEIGHT_MAX 10000

/* A VM as asked for; strings are copied. */
struct vm_spec {
	char name[VM_NAME_MAX + 1], kernel[IMAGE_NAME_MAX + 1], initrd[IMAGE_NAME_MAX + 1] /* "": none */, cmdline[VM_CMDLINE_MAX + 1];
	unsigned vcpus, memory_mib, weight;
	bool autostart;
};
void vm_spec_defaults(struct vm_spec *s);
/* Checks names and ranges; BAD_REQUEST names the field and what was expected. */
err_t vm_spec_check(const struct vm_spec *s, struct problem *p) MUST_CHECK;

struct vm_ctl {
	struct list link;
	struct vm_spec spec;
	struct vm *vm;                 /* NULL while guests cannot run on this machine */
	struct image *kernel, *initrd; /* counted as used */
	struct console *console;
	struct wait_queue changed;     /* woken at each state change */
	unsigned refs;                 /* tasks that use it; deletion waits for none */
	unsigned asked, told, downs;   /* pauses, resumes and resets accepted; state changes told; those to stopped or crashed */
	bool deleting;
	bool autostarted;              /* its one automatic start was tried */
};
void vm_ctl_init(void);
/* For VMs that are made from now on: see vm_config. Above 100 all VMs together leave a sixteenth of the memory to the node, which they
 * could take otherwise by touching what was promised to them. */
void vm_ctl_set_overcommit(unsigned percent);
err_t vm_ctl_create(const struct vm_spec *s, struct vm_ctl **out, struct problem *p) MUST_CHECK;
/* Finds by name; the caller's task may use it until it blocks, or longer with a reference. */
struct vm_ctl *vm_ctl_find(const char *name);
struct vm_ctl *vm_ctl_next(const struct vm_ctl *after); /* in name order; NULL gives the first */
unsigned vm_ctl_count(unsigned *running); /* running may be NULL: it takes a walk */
void vm_ctl_ref(struct vm_ctl *c);
void vm_ctl_unref(struct vm_ctl *c);
enum vm_state vm_ctl_state(const struct vm_ctl *c);
const char *vm_ctl_reason(const struct vm_ctl *c);
/* Only when stopped or crashed: CONFLICT. */
err_t vm_ctl_delete(struct vm_ctl *c, struct problem *p) MUST_CHECK;
/* [task] Each returns when the transition is done, or overtaken. CONFLICT: the state does not allow it, or it came to something else
 * than was asked for (another client's request, a crash, deletion); UNAVAILABLE: no virtualisation, says why;
 * BAD_REQUEST: the image is no kernel, says why. */
err_t vm_ctl_start(struct vm_ctl *c, struct problem *p) MUST_CHECK;
err_t vm_ctl_pause(struct vm_ctl *c, struct problem *p) MUST_CHECK;
err_t vm_ctl_resume(struct vm_ctl *c, struct problem *p) MUST_CHECK;
err_t vm_ctl_reset(struct vm_ctl *c, struct problem *p) MUST_CHECK;
/* Power button, then after timeout_ms (0: at once) hard. */
err_t vm_ctl_stop(struct vm_ctl *c, uint32_t timeout_ms, struct problem *p) MUST_CHECK;
/* [task] Starts each with autostart once, in name order; failures are logged and published. */
void vm_ctl_autostart(void);
/* [task] Kills all guests (before power-off). */
void vm_ctl_stop_all(void);

#endif
