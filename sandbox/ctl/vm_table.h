/* SPDX-License-Identifier: Apache-2.0 */
/* The VM objects by name. What is looked at but not changed is in sandbox/vm_ctl.h. CPU 0. */
#ifndef SANDBOX_VM_TABLE_H
#define SANDBOX_VM_TABLE_H
#include <sandbox/vm_ctl.h>

/* Room for one more, so that the next insert cannot fail. E_NOMEM. */
err_t vm_table_reserve(void) MUST_CHECK;
/* No other has its name; room was reserved. */
void vm_table_insert(struct vm_ctl *c);
void vm_table_remove(struct vm_ctl *c);

#endif
