/* SPDX-License-Identifier: Apache-2.0 */
/* The state of a guest CPU after power-on, for every backend. Pure. */
#include <string.h>
#include <vmm/aarch64/regs.h>

void regs_reset(struct arch_regs *r)
{
	memset(r, 0, sizeof *r);
	r->version = ARCH_REGS_VERSION;
	r->pstate = PSTATE_EL1H | PSTATE_DAIF;
	r->sys[SYS_SCTLR] = SCTLR_RESET;
}
