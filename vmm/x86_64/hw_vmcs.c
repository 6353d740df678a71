/* SPDX-License-Identifier: Apache-2.0 */
/* VMREAD and VMWRITE (SDM 3C 31.2) of the loaded VMCS; in C, so that the link inlines them. Own CPU. */
#include "vmx.h"

bool vmcs_write(uint32_t field, uint64_t v)
{
	bool done; /* CF or ZF say that it failed */

	__asm__ volatile("vmwrite %[v], %[field]" : "=@cca"(done) : [v] "rm"(v), [field] "r"((uint64_t)field) : "memory");
	return done;
}

uint64_t vmcs_read(uint32_t field)
{
	uint64_t v = 0;

	__asm__ volatile("vmread %[field], %[v]" : [v] "+r"(v) : [field] "r"((uint64_t)field) : "cc", "memory");
	return v;
}
