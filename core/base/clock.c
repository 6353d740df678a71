/* SPDX-License-Identifier: Apache-2.0 */
/* The wall clock: an offset to the monotonic clock. CPU 0 sets it, any CPU reads it in any context.
 * Must not know where the time came from, only how far it is to be trusted (clock_source). */
#include <core/arith.h>
#include <core/clock.h>
#include <core/hal.h>
#include <stdatomic.h>

static _Atomic int64_t clock_offset_ns;
static atomic_int clock_src;

void clock_set_utc(int64_t utc_ns, enum clock_source s)
{
	int64_t offset;

	if (!sub_ok(utc_ns, (int64_t)hal_clock_ns(), &offset))
		return; /* a time before 1678 or so: a peer's nonsense, keep what we have */
	atomic_store_explicit(&clock_offset_ns, offset, memory_order_relaxed);
	atomic_store_explicit(&clock_src, (int)s, memory_order_relaxed);
}

int64_t clock_utc_ns(void)
{
	int64_t now = (int64_t)hal_clock_ns(), sum;

	if (!add_ok(atomic_load_explicit(&clock_offset_ns, memory_order_relaxed), now, &sum))
		return now;
	return sum;
}

enum clock_source clock_source(void)
{
	return (enum clock_source)atomic_load_explicit(&clock_src, memory_order_relaxed);
}

static void put_digits(char *dst, unsigned v, unsigned n)
{
	while (n--) {
		dst[n] = (char)('0' + v % 10);
		v /= 10;
	}
}

/* Proleptic Gregorian date of a day count since 1970-01-01. Years run from March within 400-year eras of
 * 146097 days, so that the leap day comes last and months follow from (153 m + 2) / 5. */
static void date_from_days(int64_t days, unsigned *year, unsigned *month, unsigned *day)
{
	int64_t z = days + 719468; /* days since 0000-03-01 */
	int64_t era = (z >= 0 ? z : z - 146096) / 146097;
	unsigned doe = (unsigned)(z - era * 146097);
	unsigned yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	unsigned doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	unsigned mp = (5 * doy + 2) / 153;

	*day = doy - (153 * mp + 2) / 5 + 1;
	*month = mp < 10 ? mp + 3 : mp - 9;
	*year = (unsigned)(era * 400 + yoe + (*month <= 2));
}

void clock_rfc3339(int64_t utc_ns, char dst[25])
{
	/* int64 nanoseconds span the years 1677 to 2262: always four digits. */
	int64_t s = utc_ns / (int64_t)NS_PER_S, ns = utc_ns % (int64_t)NS_PER_S, days, sod;
	unsigned year, month, day;

	if (ns < 0) {
		ns += (int64_t)NS_PER_S;
		s--;
	}
	days = s / 86400;
	sod = s % 86400;
	if (sod < 0) {
		sod += 86400;
		days--;
	}
	date_from_days(days, &year, &month, &day);
	__builtin_memcpy(dst, "0000-00-00T00:00:00.000Z", 25);
	put_digits(dst, year, 4);
	put_digits(dst + 5, month, 2);
	put_digits(dst + 8, day, 2);
	put_digits(dst + 11, (unsigned)(sod / 3600), 2);
	put_digits(dst + 14, (unsigned)(sod / 60 % 60), 2);
	put_digits(dst + 17, (unsigned)(sod % 60), 2);
	put_digits(dst + 20, (unsigned)(ns / (int64_t)NS_PER_MS), 3);
}
