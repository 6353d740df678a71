/* SPDX-License-Identifier: Apache-2.0 */
/* fmt_buf against the C library's snprintf: every combination of flags, width, precision, length and conversion over
 * edge values, at several buffer sizes; and what is ours alone (%p, mistakes). */
#include "tap.h"
#include <core/fmt.h>
#include <limits.h>
#include <stdlib.h>

static unsigned long cases, bad;

/* Formats the same with both at each size; the bytes behind the buffer must stay. */
#define SAME(f, ...) do { \
	static const size_t sizes[] = { 0, 1, 2, 7, 100 }; \
	for (unsigned k_ = 0; k_ < 5; k_++) { \
		char a_[128], b_[128]; \
		memset(a_, 'z', sizeof a_); \
		memset(b_, 'z', sizeof b_); \
		size_t n_ = fmt_buf(a_, sizes[k_], f, __VA_ARGS__); \
		int m_ = snprintf(b_, sizes[k_], f, __VA_ARGS__); \
		cases++; \
		if (n_ != (size_t)m_ || memcmp(a_, b_, sizeof a_)) { \
			if (bad++ < 10) \
				tap_note("\"%s\" size %zu: got %zu \"%.100s\", expected %d \"%.100s\"", f, sizes[k_], \
					 n_, a_, m_, b_); \
		} \
	} \
} while (0)

static const char *const flags[] = { "", "-", "0", "-0", "+", " ", "#", "#0", "+0", "#-" };
static const char *const widths[] = { "", "1", "5", "12", "31" };
static const char *const precisions[] = { "", ".0", ".", ".1", ".4", ".20" };

static void try_integer(const char *head, long long v)
{
	char f[64];

	for (const char *c = "diuxX"; *c; c++) {
#define WITH(len, cast) do { snprintf(f, sizeof f, "<%%%s" len "%c>", head, *c); SAME(f, (cast)v); } while (0)
		WITH("hh", int);
		WITH("h", int);
		WITH("", int);
		WITH("l", long);
		WITH("ll", long long);
		WITH("z", size_t);
	}
}

#pragma GCC diagnostic ignored "-Wformat"
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
#pragma GCC diagnostic ignored "-Wformat-security"

static void test_integers(void)
{
	static const long long values[] = { 0, 1, -1, 9, 10, 42, 127, 128, 255, -128, 32767, -32768, 65535, INT_MAX, INT_MIN,
					    UINT_MAX, LLONG_MAX, LLONG_MIN, 0x123456789abcdefll };
	char head[32];

	for (unsigned i = 0; i < 10; i++)
		for (unsigned j = 0; j < 5; j++)
			for (unsigned k = 0; k < 6; k++)
				for (unsigned v = 0; v < sizeof values / sizeof *values; v++) {
					snprintf(head, sizeof head, "%s%s%s", flags[i], widths[j], precisions[k]);
					try_integer(head, values[v]);
				}
	ok(bad == 0, "integers as snprintf prints them");
	tap_note("%lu cases", cases);
}

static void test_text(void)
{
	static const char *const texts[] = { "", "a", "hello", "a longer text than any width here, by far" };
	char f[64];

	bad = 0;
	for (unsigned j = 0; j < 5; j++)
		for (unsigned left = 0; left < 2; left++) {
			snprintf(f, sizeof f, "[%%%s%sc]", left ? "-" : "", widths[j]);
			SAME(f, 'q');
			for (unsigned k = 0; k < 6; k++)
				for (unsigned v = 0; v < 4; v++) {
					snprintf(f, sizeof f, "[%%%s%s%ss]", left ? "-" : "", widths[j], precisions[k]);
					SAME(f, texts[v]);
				}
		}
	for (int w = -12; w <= 12; w++) {
		SAME("%*d|%-*u", w, 7, w, 8u);
		SAME("%*s|%.*s", w, "ab", w, "abcdefgh");
	}
	SAME("100%% of %s at %d, %s", "it", 5, "done");
	SAME("%s", (const char *)NULL);
	ok(bad == 0, "text, characters and star arguments");
}

static void test_own(void)
{
	char b[64], raw[3] = { 'a', 'b', 'c' };

	fmt_buf(b, sizeof b, "%p", (void *)0xdeadbeef);
	ok_str(b, "0xdeadbeef", "%p");
	fmt_buf(b, sizeof b, "%p", NULL);
	ok_str(b, "0x0", "%p of NULL");
	fmt_buf(b, sizeof b, "%.3s", raw);
	ok_str(b, "abc", "an unterminated string is not read beyond its precision");
	fmt_buf(b, sizeof b, "a%qb");
	ok_str(b, "a%qb", "an unknown conversion shows as it stands");
	fmt_buf(b, sizeof b, "ab%");
	ok_str(b, "ab%", "a lone percent sign at the end");
	fmt_buf(b, sizeof b, "%-08");
	ok_str(b, "%-08", "a conversion cut off");
	ok_eq(fmt_buf(NULL, 0, "%s-%d", "abc", 12), 6, "length without a buffer");
	ok(fmt_buf(b, sizeof b, "%99999999999d", 1) < 10000, "an absurd width is bounded");
}

int main(void)
{
	test_integers();
	test_text();
	test_own();
	return tap_done();
}
