/* SPDX-License-Identifier: Apache-2.0 */
/* UEFI variables after ExitBootServices. CPU 0's task, and once from another CPU to be refused. */
#include "selftest.h"
#include <core/efivar.h>
#include <core/hal.h>
#include <string.h>

#define NAME "SelfTest"

static err_t elsewhere;

static void get_elsewhere(unsigned cpu)
{
	char c;
	size_t n = 1;

	(void)cpu;
	elsewhere = efivar_get(NAME, &c, &n);
}

void checks_firmware(void)
{
	static char big[900], back[sizeof(big)];
	size_t n = sizeof(back);
	err_t e = efivar_set(NAME, "", 0); /* of an earlier run */

	check((e == OK || e == E_NOENT) && efivar_get(NAME, back, &n) == E_NOENT, "a variable that is not there");
	memset(big, 0x5a, sizeof(big));
	check(efivar_set(NAME, big, sizeof(big)) == OK, "set a variable");
	n = sizeof(back);
	check(efivar_get(NAME, back, &n) == OK && n == sizeof(big) && !memcmp(big, back, n), "get it back");
	n = 10;
	check(efivar_get(NAME, back, &n) == E_RANGE && n == 10, "too small a buffer is refused");
	check(efivar_set(NAME, "second", 6) == OK, "set it again");
	n = sizeof(back);
	check(efivar_get(NAME, back, &n) == OK && n == 6 && !memcmp(back, "second", 6), "the new value replaces the old");
	check(efivar_set("", "x", 1) == E_INVAL && efivar_set("a b", "x", 1) == E_INVAL, "bad names are refused");
	if (hal_cpu_count() > 1) {
		on_cpu(1, get_elsewhere);
		check(elsewhere == E_STATE, "other CPUs are refused");
	}
	check(efivar_set(NAME, "", 0) == OK, "delete it");
	n = sizeof(back);
	check(efivar_get(NAME, back, &n) == E_NOENT, "it is gone");
}
