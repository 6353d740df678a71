/* SPDX-License-Identifier: Apache-2.0 */
/* The bracket around a call of UEFI runtime services: the page tables in which firmware code is executable. Vector registers are
 * volatile here as in every call. CPU 0, or any CPU that is about to reset the machine. */
#include "efirt.h"
#include "paging.h"
#include <core/boot_info.h>

#define RUNTIME_SIGNATURE 0x56524553544e5552ull /* "RUNTSERV" */

const struct efi_runtime *efirt_enter(struct efirt_state *s)
{
	const struct efi_runtime *rt;
	uint64_t va = boot_info ? boot_info->runtime_services.v : 0;

	if (!va || !efirt_arch_open(s))
		return NULL;
	rt = (const struct efi_runtime *)va;
	if (!paging_allows(va, false, false) || rt->signature != RUNTIME_SIGNATURE) {
		efirt_arch_close(s);
		return NULL;
	}
	return rt;
}

void efirt_leave(const struct efirt_state *s)
{
	efirt_arch_close(s);
}

void efirt_reset(enum efi_reset type)
{
	struct efirt_state s;
	const struct efi_runtime *rt = efirt_enter(&s);

	if (!rt)
		return;
	rt->reset(type, 0, 0, NULL);
	efirt_leave(&s);
}
