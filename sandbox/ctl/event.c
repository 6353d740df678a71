/* SPDX-License-Identifier: Apache-2.0 */
/* The ring of recent events. CPU 0. */
#include <core/clock.h>
#include <core/fmt.h>
#include <sandbox/event.h>
#include <sandbox/text.h>
#include <stdlib.h>

static struct {
	struct event *ring; /* EVENT_RING, by id modulo */
	uint64_t last;      /* id of the newest, 0: none yet */
	struct wait_queue wait;
} events;

void event_init(void)
{
	events.ring = calloc(EVENT_RING, sizeof(*events.ring));
	wait_init(&events.wait);
}

static void put_text(char *dst, size_t size, const char *text)
{
	fmt_buf(dst, size, "%s", text ? text : "");
	text_trim(dst);
}

void event_publish(const char *type, const char *object, const char *state, const char *reason)
{
	struct event *e;

	if (!events.ring)
		return; /* no memory at boot: the log still has it all */
	e = &events.ring[++events.last % EVENT_RING];
	e->id = events.last;
	e->utc_ns = clock_utc_ns();
	e->type = type;
	put_text(e->object, sizeof(e->object), object);
	put_text(e->state, sizeof(e->state), state);
	put_text(e->reason, sizeof(e->reason), reason);
	wake_all(&events.wait);
}

uint64_t event_last_id(void) { return events.last; }
uint64_t event_oldest_id(void) { return events.last > EVENT_RING ? events.last - EVENT_RING + 1 : 1; }
struct wait_queue *event_wait_queue(void) { return &events.wait; }

bool event_get(uint64_t id, struct event *out)
{
	if (id > events.last || id < event_oldest_id())
		return false;
	*out = events.ring[id % EVENT_RING];
	return true;
}
