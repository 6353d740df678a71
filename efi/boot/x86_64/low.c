/* SPDX-License-Identifier: Apache-2.0 */
/* What has to lie low on x86_64, because CPUs start in real mode. Boot CPU, inside the UEFI environment. */
#include "../boot.h"

/* A starting CPU loads the top table from 32-bit code. */
const uint64_t boot_tables_max = 0xffffffffull;

void boot_arch_alloc(struct boot_info *bi)
{
	/* Two pages that a CPU in real mode can reach (SDM 3A 9.4.4). Without them one CPU runs. */
	bi->smp_low = HPA(boot_alloc_keep(2 * BOOT_PAGE, 0x9ffff));
}
