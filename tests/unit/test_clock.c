/* SPDX-License-Identifier: Apache-2.0 */
/* The wall clock and its text form, against the C library's calendar. */
#include "../fake/fake.h"
#include "tap.h"
#include <core/arith.h>
#include <core/clock.h>
#include <stdlib.h>
#include <time.h>

static void test_offset(void)
{
	fake_clock_advance(5 * NS_PER_S);
	ok_eq(clock_source(), CLOCK_NONE, "no source at first");
	ok_eq(clock_utc_ns(), 5 * (int64_t)NS_PER_S, "without one, time since start");
	clock_set_utc(1000 * (int64_t)NS_PER_S, CLOCK_UEFI);
	fake_clock_advance(NS_PER_MS);
	ok_eq(clock_utc_ns(), 1000 * (int64_t)NS_PER_S + (int64_t)NS_PER_MS, "runs on from what was set");
	ok_eq(clock_source(), CLOCK_UEFI, "source");
	clock_set_utc(INT64_MIN, CLOCK_SNTP);
	ok_eq(clock_source(), CLOCK_UEFI, "a time that cannot be is ignored");
}

/* Any nanosecond from 1678 to 2261. */
static int64_t random_time(void)
{
	uint64_t v = 0;

	for (int i = 0; i < 5; i++)
		v = v << 15 ^ (uint64_t)rand();
	return (int64_t)v;
}

static bool text_is_right(int64_t ns)
{
	int64_t s = ns / (int64_t)NS_PER_S, rest = ns % (int64_t)NS_PER_S;
	char want[64], got[25];
	struct tm tm;
	time_t t;

	if (rest < 0) {
		rest += (int64_t)NS_PER_S;
		s--;
	}
	t = (time_t)s;
	gmtime_r(&t, &tm);
	snprintf(want, sizeof want, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday,
		 tm.tm_hour, tm.tm_min, tm.tm_sec, (int)(rest / 1000000));
	clock_rfc3339(ns, got);
	if (!strcmp(got, want))
		return true;
	tap_note("%lld: got %s, expected %s", (long long)ns, got, want);
	return false;
}

static void test_text(void)
{
	unsigned wrong = 0;
	char b[25];

	for (unsigned i = 0; i < 20000; i++)
		wrong += !text_is_right(random_time());
	ok(wrong == 0, "random times as gmtime has them");
	for (int64_t day = -800; day < 80000; day++) /* each day through the leap years, at its last millisecond */
		wrong += !text_is_right((day + 1) * 86400 * (int64_t)NS_PER_S - 1);
	ok(wrong == 0, "every day of two centuries");
	clock_rfc3339(0, b);
	ok_str(b, "1970-01-01T00:00:00.000Z", "the epoch");
	ok(text_is_right(INT64_MIN) && text_is_right(INT64_MAX), "the ends of the range");
}

int main(void)
{
	srand(2);
	test_offset();
	test_text();
	return tap_done();
}
