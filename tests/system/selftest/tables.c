/* SPDX-License-Identifier: Apache-2.0 */
/* The address space as it stands: every page that is mapped anywhere, in both views, is either writable or executable;
 * page zero, guards and the image's constants are what they should be. CPU 0, reads the live tables. */
#include "selftest.h"
#include <core/boot_info.h>
#include <core/hal.h>
#include "core/x86_64/pagetable.h"
#include "core/x86_64/paging.h"

extern const char image_text[], image_text_end[], image_data[], image_bss_end[], boot_stack_guard[]
	__attribute__((visibility("hidden")));

struct sweep { unsigned long leaves, both, exec_outside; };

static bool in_text(uint64_t a)
{
	return a >= (uint64_t)image_text && a < (uint64_t)image_text_end;
}

static void sweep_table(const uint64_t *table, unsigned level, uint64_t va, uint64_t perms, struct sweep *s)
{
	for (unsigned i = 0; i < 512; i++) {
		uint64_t e = table[i], at = va + ((uint64_t)i << (12 + 9 * (level - 1))), p;

		if (!(e & PT_PRESENT))
			continue;
		p = (perms & e & PT_WRITE) | ((perms | e) & PT_NX);
		if (level > 1 && !(e & PT_LARGE)) {
			sweep_table((const uint64_t *)(e & PT_ADDR), level - 1, at, p, s);
			continue;
		}
		s->leaves++;
		s->both += (p & PT_WRITE) && !(p & PT_NX);
		s->exec_outside += !(p & PT_NX) && !in_text(at);
	}
}

void checks_tables(void)
{
	struct sweep s = {0};
	static const char constant[] = "x";

	sweep_table(paging_top(), 4, 0, PT_WRITE, &s);
	check(s.leaves > 100, "the page tables can be read");
	check(s.both == 0, "no page is writable and executable");
	check(s.exec_outside == 0, "nothing but the image's code is executable");
	check(!paging_allows(0, false, true) && !paging_allows(4095, false, true), "page zero is not mapped");
	check(paging_allows((uint64_t)checks_tables, false, true) && !paging_allows((uint64_t)checks_tables, true, true),
	      "code is read only");
	check(!paging_allows((uint64_t)constant, true, true), "constants are read only");
	check(paging_allows((uint64_t)image_data, true, true) && paging_allows((uint64_t)image_bss_end - 1, true, true),
	      "variables are writable");
	check(!paging_allows((uint64_t)boot_stack_guard, false, true), "the boot stack has a guard page");
	check(!paging_allows(boot_info->runtime_services.v, true, true), "runtime services are not writable");
}
