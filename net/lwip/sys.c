/* SPDX-License-Identifier: Apache-2.0 */
/* What lwIP needs of its surroundings: time, random numbers, text, and its timeouts driven by one core timer. CPU 0. */
#include "lwip_impl.h"
#include <core/arith.h>
#include <core/clock.h>
#include <core/fmt.h>
#include <core/hal.h>
#include <core/log.h>
#include <core/panic.h>
#include <core/rng.h>
#include <core/task.h>
#include <lwip/init.h>
#include <lwip/timeouts.h>
#include <string.h>

#define CLOCK_STEP_NS (60 * (int64_t)NS_PER_S)

static struct timer net_timer;

u32_t sys_now(void)
{
	return (u32_t)(hal_clock_ns() / NS_PER_MS);
}

uint32_t net_rand32(void)
{
	uint32_t v;

	rng_bytes(&v, sizeof v);
	return v;
}

void net_lwip_diag(const char *format, ...)
{
	char text[LOG_LINE_MAX];
	va_list ap;

	va_start(ap, format);
	fmt_vbuf(text, sizeof text, format, ap);
	va_end(ap);
	text[strcspn(text, "\r\n")] = '\0';
	log_debug("lwip", "%s", text);
}

_Noreturn void net_lwip_assert(const char *message, const char *file, int line)
{
	panic("lwip: %s (%s:%d)", message, file, line);
}

/* Unauthenticated: a time before this code was written is not believed. */
void net_sntp_set_time(uint32_t sec, uint32_t us)
{
	int64_t now = (int64_t)sec * (int64_t)NS_PER_S + (int64_t)us * (int64_t)NS_PER_US, step = now - clock_utc_ns();
	static bool told;

	if (sec < 1704067200u) { /* 2024 */
		log_warn("net", "SNTP gave a time before 2024: ignored");
		return;
	}
	clock_set_utc(now, CLOCK_SNTP);
	if (!told || step > CLOCK_STEP_NS || step < -CLOCK_STEP_NS)
		net_clock_changed();
	if (!told)
		log_info("net", "time set by SNTP");
	told = true;
}

static void net_timer_expired(struct timer *t)
{
	(void)t;
	sys_check_timeouts();
	net_timers_rearm();
}

void net_timers_rearm(void)
{
	u32_t ms = sys_timeouts_sleeptime();
	/* The first whole millisecond at or after the timeout, in lwIP's own clock. */
	uint64_t deadline = (hal_clock_ns() / NS_PER_MS + ms) * NS_PER_MS;

	if (ms == SYS_TIMEOUTS_SLEEPTIME_INFINITE)
		timer_cancel(&net_timer);
	else if (!net_timer.armed || net_timer.deadline_ns != deadline)
		timer_set(&net_timer, deadline);
}

void net_timers_init(void)
{
	timer_init(&net_timer, net_timer_expired);
	lwip_init();
	net_timers_rearm();
}
