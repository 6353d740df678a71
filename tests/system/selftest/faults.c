/* SPDX-License-Identifier: Apache-2.0 */
/* Deliberate faults, one for each protection. None may return; test_selftest.py looks at the panic. */
#include "selftest.h"
#include <core/hal.h>
#include <core/page.h>
#include <core/panic.h>
#include <core/pci.h>
#include <stdlib.h>
#include <string.h>

/* Keeps the compiler from seeing what is wrong. */
static void *hide(const volatile void *p)
{
	void *q = (void *)(uintptr_t)p;

	__asm__ volatile("" : "+r"(q));
	return q;
}

__attribute__((noinline)) static unsigned fault_overflow(unsigned n)
{
	volatile char b[512];

	memset(hide(b), (int)n, sizeof(b));
	return n == (unsigned)-1 ? 0 : fault_overflow(n + 1) + (unsigned)b[0];
}

static void fault_null(void)
{
	*(volatile int *)hide(NULL) = 1;
}

static void fault_text(void)
{
	*(volatile char *)hide((void *)(uintptr_t)fault_text) = 1;
}

static void fault_constant(void)
{
	static const struct pci_driver *const table[] = {NULL};

	*(volatile char *)hide(table) = 1;
}

static void fault_execute(void)
{
	static unsigned char code[] = {0xc3};

	((void (*)(void))(uintptr_t)hide(code))();
}

static void fault_guest(void)
{
	struct hpa a;

	if (page_alloc(&pool_core, 9, PAGE_GUEST, &a) == OK)
		(void)*(volatile char *)hal_direct(a);
}

__attribute__((noinline)) static void fault_overrun(void)
{
	char b[16];

	memset(hide(b), 1, 64);
}

static void fault_heap(void)
{
	char *p = malloc(40);

	memset(hide(p), 1, 64);
	free(p);
}

static void fault_elsewhere(unsigned cpu)
{
	(void)cpu;
	free(hide(malloc(100)));
}

static void fault_other_cpu(void)
{
	on_cpu(1, fault_elsewhere);
}

static void fault_stack(void)
{
	(void)fault_overflow(0);
}

void fault_run(const char *name)
{
	static const struct { const char *name; void (*fn)(void); } faults[] = {
		{"stack", fault_stack}, {"null", fault_null}, {"text", fault_text}, {"constant", fault_constant},
		{"execute", fault_execute}, {"guest", fault_guest}, {"overrun", fault_overrun}, {"heap", fault_heap},
		{"othercpu", fault_other_cpu},
	};

	for (unsigned i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		if (!strcmp(faults[i].name, name)) {
			faults[i].fn();
			panic("the fault did not happen");
		}
	}
}
