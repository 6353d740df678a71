/* SPDX-License-Identifier: Apache-2.0 */
/* Panic for unit tests: an expected one jumps back into the test, any other prints and aborts (so that the sanitizer
 * or a debugger shows the stack). */
#include "fake.h"
#include <core/ksyms.h>
#include <core/panic.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

jmp_buf fake_panic_jmp;
bool fake_panic_expected;
char fake_panic_text[256];

_Noreturn void panic(const char *f, ...)
{
	va_list ap;

	va_start(ap, f);
	vsnprintf(fake_panic_text, sizeof fake_panic_text, f, ap);
	va_end(ap);
	if (fake_panic_expected)
		_longjmp(fake_panic_jmp, 1);
	printf("Bail out! panic: %s\n", fake_panic_text);
	fflush(stdout);
	abort();
}

void panic_set_action(enum panic_action a)
{
	(void)a;
}

const char *ksyms_lookup(uintptr_t addr, size_t *offset)
{
	(void)addr;
	(void)offset;
	return NULL;
}
