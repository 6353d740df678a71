/* SPDX-License-Identifier: Apache-2.0 */
/* How much a guest may make the machine write into its log: one allowance for the whole VM, since lines go out by a slow serial port under
 * the log's lock, and the log in memory is short. Any CPU, in the exit path; vm->lock may be held. */
#include <vmm/vm.h>

#define LINES_PER_SECOND 4

bool vm_log_allowed(struct vm *vm)
{
	bool yes;

	spin_lock(&vm->log_lock);
	yes = log_allowed(&vm->log_limit, LINES_PER_SECOND);
	spin_unlock(&vm->log_lock);
	return yes;
}
