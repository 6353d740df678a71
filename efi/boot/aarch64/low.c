/* SPDX-License-Identifier: Apache-2.0 */
/* What has to lie low on aarch64: nothing, CPUs start with all of the address space. Boot CPU, inside the UEFI environment. */
#include "../boot.h"

const uint64_t boot_tables_max = UINT64_MAX;

void boot_arch_alloc(struct boot_info *bi)
{
	(void)bi;
}
