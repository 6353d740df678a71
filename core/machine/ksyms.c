/* SPDX-License-Identifier: Apache-2.0 */
/* Looks up the function of an address in the table that the build embeds (core/ksym_blob.h). Any context. */
#include <core/ksym_blob.h>
#include <core/ksyms.h>

extern const char image_base[] __attribute__((visibility("hidden")));

const char *ksyms_lookup(uintptr_t addr, size_t *offset)
{
	uint64_t at = addr - (uintptr_t)image_base;
	uint32_t lo = 0, hi = ksym_count;

	if (addr < (uintptr_t)image_base || hi < 2 || at < ksym_table[0].offset || at >= ksym_table[hi - 1].offset)
		return NULL;
	while (hi - lo > 1) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (ksym_table[mid].offset <= at)
			lo = mid;
		else
			hi = mid;
	}
	*offset = at - ksym_table[lo].offset;
	return ksym_names + ksym_table[lo].name;
}
