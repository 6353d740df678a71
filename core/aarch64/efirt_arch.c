/* SPDX-License-Identifier: Apache-2.0 */
/* aarch64's part of the bracket around UEFI runtime services (core/machine/efirt.h): the view and FPCR. */
#include "../machine/efirt.h"
#include "paging.h"
#include "sysreg.h"

bool efirt_arch_open(struct efirt_state *s)
{
	if (!paging_regs(PAGING_RUNTIME)->ttbr)
		return false;
	s->view = paging_current();
	s->fp = SYSREG_READ("FPCR");
	paging_load(PAGING_RUNTIME);
	SYSREG_WRITE("FPCR", 0);
	return true;
}

void efirt_arch_close(const struct efirt_state *s)
{
	daif_mask();
	SYSREG_WRITE("FPCR", s->fp);
	paging_load((enum paging_view)s->view);
}
