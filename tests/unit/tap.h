/* SPDX-License-Identifier: Apache-2.0 */
/* The Test Anything Protocol for unit tests: one program, one main, a line for each check, the plan at the end.
 *
 *	int main(void)
 *	{
 *		ok(ring_empty(&r), "a new ring is empty");
 *		ok_eq(ring_count(&r), 0, "count");
 *		return tap_done();
 *	}
 *
 * Runs on the host alone. Each check returns whether it passed, so that a test can stop where going on makes no sense. */
#ifndef TESTS_UNIT_TAP_H
#define TESTS_UNIT_TAP_H
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define TAP_FN __attribute__((unused)) static

static unsigned tap_count, tap_failed;

__attribute__((unused, format(printf, 4, 5)))
static bool tap_result(bool pass, const char *file, int line, const char *format, ...)
{
	va_list ap;

	tap_count++;
	tap_failed += !pass;
	printf("%s %u - ", pass ? "ok" : "not ok", tap_count);
	va_start(ap, format);
	vprintf(format, ap);
	va_end(ap);
	printf("\n");
	if (!pass)
		printf("# failed at %s:%d\n", file, line);
	fflush(stdout);
	return pass;
}

/* A line of explanation. */
__attribute__((unused, format(printf, 1, 2)))
static void tap_note(const char *format, ...)
{
	va_list ap;

	printf("# ");
	va_start(ap, format);
	vprintf(format, ap);
	va_end(ap);
	printf("\n");
}

TAP_FN bool tap_eq(int64_t got, int64_t want, const char *file, int line, const char *name)
{
	if (tap_result(got == want, file, line, "%s", name))
		return true;
	tap_note("got %" PRId64 " (0x%" PRIx64 "), expected %" PRId64 " (0x%" PRIx64 ")", got, (uint64_t)got, want, (uint64_t)want);
	return false;
}

TAP_FN bool tap_str(const char *got, const char *want, const char *file, int line, const char *name)
{
	if (tap_result(got && want ? !strcmp(got, want) : got == want, file, line, "%s", name))
		return true;
	tap_note("got \"%s\", expected \"%s\"", got ? got : "(null)", want ? want : "(null)");
	return false;
}

TAP_FN bool tap_mem(const void *got, const void *want, size_t len, const char *file, int line, const char *name)
{
	const unsigned char *g = got, *w = want;
	size_t i = 0;

	while (i < len && g[i] == w[i])
		i++;
	if (tap_result(i == len, file, line, "%s", name))
		return true;
	tap_note("byte %zu of %zu: got 0x%02x, expected 0x%02x", i, len, g[i], w[i]);
	return false;
}

/* A check that cannot run here, and why. */
TAP_FN void tap_skip(const char *name, const char *why)
{
	printf("ok %u - %s # SKIP %s\n", ++tap_count, name, why);
}

/* Prints the plan; what main returns. */
TAP_FN int tap_done(void)
{
	printf("1..%u\n", tap_count);
	return tap_failed || !tap_count;
}

/* ok(condition, "name with %s", ...) */
#define ok(cond, ...) tap_result(!!(cond), __FILE__, __LINE__, __VA_ARGS__)
/* The condition is its own name. */
#define CHECK(cond) tap_result(!!(cond), __FILE__, __LINE__, "%s", #cond)
/* Integers, up to 64 bits. */
#define ok_eq(got, want, name) tap_eq((int64_t)(got), (int64_t)(want), __FILE__, __LINE__, (name))
#define ok_str(got, want, name) tap_str((got), (want), __FILE__, __LINE__, (name))
#define ok_mem(got, want, len, name) tap_mem((got), (want), (len), __FILE__, __LINE__, (name))

#endif
