/* SPDX-License-Identifier: Apache-2.0 */
/* The guest's CMOS clock (MC146818): reads give the host's UTC. In the exit path under vm->lock. Without it a Linux guest waits a
 * second for an update that never ends. */
#include <core/arith.h>
#include <core/clock.h>
#include "pc_io.h"

enum { REG_A = 0x0a, REG_B = 0x0b, REG_C = 0x0c, REG_D = 0x0d, REG_CENTURY = 0x32, B_24H = 2, B_BINARY = 4, B_SET = 0x80, D_VALID = 0x80 };

struct civil { unsigned year, month, day, hour, minute, second, weekday; };

/* Days since 1970-01-01 to a date of the proleptic Gregorian calendar, in eras of 400 years that begin on 1 March. */
static struct civil civil_of(uint64_t utc_s)
{
	uint64_t days = utc_s / 86400, rest = utc_s % 86400;
	uint64_t z = days + 719468, era = z / 146097, doe = z - era * 146097;
	uint64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	uint64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;
	struct civil c = {
		.day = (unsigned)(doy - (153 * mp + 2) / 5 + 1), .month = (unsigned)(mp < 10 ? mp + 3 : mp - 9),
		.hour = (unsigned)(rest / 3600), .minute = (unsigned)(rest / 60 % 60), .second = (unsigned)(rest % 60),
		.weekday = (unsigned)((days + 4) % 7 + 1),
	};

	c.year = (unsigned)(yoe + era * 400 + (c.month <= 2));
	return c;
}

static uint8_t rtc_coded(const struct rtc *r, unsigned v)
{
	return (uint8_t)(r->reg_b & B_BINARY ? v : v / 10 * 16 + v % 10);
}

static uint8_t rtc_hour(const struct rtc *r, unsigned hour)
{
	if (r->reg_b & B_24H)
		return rtc_coded(r, hour);
	return (uint8_t)(rtc_coded(r, hour % 12 ? hour % 12 : 12) | (hour >= 12 ? 0x80 : 0));
}

static uint8_t rtc_register(const struct rtc *r)
{
	int64_t now = clock_utc_ns();
	struct civil c = civil_of(now > 0 ? (uint64_t)now / NS_PER_S : 0);

	switch (r->index) {
	case 0: return rtc_coded(r, c.second);
	case 2: return rtc_coded(r, c.minute);
	case 4: return rtc_hour(r, c.hour);
	case 6: return rtc_coded(r, c.weekday);
	case 7: return rtc_coded(r, c.day);
	case 8: return rtc_coded(r, c.month);
	case 9: return rtc_coded(r, c.year % 100);
	case REG_CENTURY: return rtc_coded(r, c.year / 100);
	case REG_A: return r->reg_a;
	case REG_B: return r->reg_b;
	case REG_D: return D_VALID;
	default: return 0; /* alarms, REG_C (no interrupt), CMOS memory */
	}
}

static uint64_t rtc_read(void *ctx, uint64_t off, unsigned size)
{
	return off == 1 && size == 1 ? rtc_register(ctx) : UINT64_MAX;
}

static void rtc_write(void *ctx, uint64_t off, unsigned size, uint64_t v)
{
	struct rtc *r = ctx;

	if (size != 1)
		return;
	if (off == 0)
		r->index = v & 0x7f; /* bit 7 is the NMI mask of old chip sets */
	else if (r->index == REG_A)
		r->reg_a = v & 0x7f; /* update-in-progress is read-only and never set */
	else if (r->index == REG_B)
		r->reg_b = v & (B_SET | B_24H | B_BINARY);
}
const struct bus_ops rtc_ops = {.read = rtc_read, .write = rtc_write};

void rtc_reset(struct rtc *r)
{
	*r = (struct rtc){.reg_a = 0x26, .reg_b = B_24H};
}
