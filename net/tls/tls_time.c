/* SPDX-License-Identifier: Apache-2.0 */
/* Time for certificates, by the node's own clock and no other, so that tests can set it. A node whose clock nobody has
 * set cannot judge validity: it says so once in the log and checks signatures alone. CPU 0. */
#include "tls_impl.h"
#include <core/arith.h>
#include <core/clock.h>
#include <core/hal.h>
#include <core/log.h>
#include <mbedtls/platform_time.h>
#include <string.h>

#define TIME_2024 1704067200ll /* 2024-01-01T00:00:00Z; a clock that shows less has not been set */

/* What mbedTLS measures spans with (MBEDTLS_PLATFORM_MS_TIME_ALT). */
mbedtls_ms_time_t mbedtls_ms_time(void)
{
	return (mbedtls_ms_time_t)(hal_clock_ns() / NS_PER_MS);
}

bool tls_time_known(void)
{
	return clock_source() != CLOCK_NONE && clock_utc_ns() / (int64_t)NS_PER_S >= TIME_2024;
}

static int64_t now_s(void)
{
	return clock_utc_ns() / (int64_t)NS_PER_S;
}

void tls_time_format(int64_t offset_s, char dst[16])
{
	int64_t s = (tls_time_known() ? now_s() : TIME_2024) + offset_s;
	char text[25];
	size_t n = 0;

	/* What int64 nanoseconds can say ends in 2262. */
	clock_rfc3339(MIN(s, INT64_MAX / (int64_t)NS_PER_S) * (int64_t)NS_PER_S, text);
	for (const char *p = text; *p && *p != '.'; p++)
		if (*p >= '0' && *p <= '9')
			dst[n++] = *p;
	dst[n] = '\0';
}

/* Days since 1970-01-01 of a proleptic Gregorian date: the inverse of what core/base/clock.c does. */
static int64_t days_from_date(int64_t y, int m, int d)
{
	int64_t era, yoe, doy;

	y -= m <= 2;
	era = (y >= 0 ? y : y - 399) / 400;
	yoe = y - era * 400;
	doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
	return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

static int64_t x509_seconds(const mbedtls_x509_time *t)
{
	return days_from_date(t->year, t->mon, t->day) * 86400 + t->hour * 3600 + t->min * 60 + t->sec;
}

uint32_t tls_time_flags(const mbedtls_x509_crt *crt)
{
	static bool told;

	if (!tls_time_known()) {
		if (!told)
			log_warn("tls", "the time is unknown: dates of certificates are not checked");
		told = true;
		return 0;
	}
	if (now_s() > x509_seconds(&crt->valid_to))
		return MBEDTLS_X509_BADCERT_EXPIRED;
	if (now_s() < x509_seconds(&crt->valid_from))
		return MBEDTLS_X509_BADCERT_FUTURE;
	return 0;
}

int64_t tls_time_left(const mbedtls_x509_crt *crt)
{
	return tls_time_known() ? x509_seconds(&crt->valid_to) - now_s() : INT64_MAX;
}
