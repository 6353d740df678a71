/* SPDX-License-Identifier: Apache-2.0 */
/* The address space as it stands: every page that is mapped anywhere, in the view that is in use, is either writable or executable;
 * page zero, guards and the image's constants are what they should be. CPU 0, reads the live tables. */
#include "machine.h"
#include "selftest.h"
#include <core/boot_info.h>
#include <core/hal.h>
#include "core/machine/paging.h"

extern const char image_text[], image_text_end[], image_data[], image_bss_end[], boot_stack_guard[]
	__attribute__((visibility("hidden")));

static bool in_text(uint64_t a)
{
	return a >= (uint64_t)image_text && a < (uint64_t)image_text_end;
}

void sweep_leaf(struct sweep *s, uint64_t va, bool writable, bool executable)
{
	s->leaves++;
	s->both += writable && executable;
	s->exec_outside += executable && !in_text(va);
}

void checks_tables(void)
{
	struct sweep s = {0};
	static const char constant[] = "x";

	machine_sweep(&s);
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
