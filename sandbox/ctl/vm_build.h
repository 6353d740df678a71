/* SPDX-License-Identifier: Apache-2.0 */
/* Between vm_ctl.c and vm_run.c: makes the monitor's VM for an object that has none yet. */
#ifndef SANDBOX_VM_BUILD_H
#define SANDBOX_VM_BUILD_H
#include <sandbox/vm_ctl.h>

/* Sets c->vm. UNAVAILABLE, INSUFFICIENT_MEMORY, BAD_REQUEST. */
err_t vm_build(struct vm_ctl *c, struct problem *p) MUST_CHECK;

#endif
