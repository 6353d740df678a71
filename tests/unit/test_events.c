/* SPDX-License-Identifier: Apache-2.0 */
/* The ring of events: ids, what is kept, what is lost, and texts that are too long. */
#include <core/arith.h>
#include <core/clock.h>
#include <fake/fake.h>
#include <sandbox/event.h>
#include <unit/tap.h>
#include "../../net/http/utf8.h"

static void test_before_init(void)
{
	event_publish("a", "b", NULL, NULL); /* before event_init nothing is there to hold it */
	ok_eq(event_last_id(), 0, "nothing is kept before the ring is there");
}

static void test_ids(void)
{
	struct event e;

	ok(event_last_id() == 0 && event_oldest_id() == 1, "an empty ring");
	ok(!event_get(0, &e) && !event_get(1, &e) && !event_get(UINT64_MAX, &e), "has nothing");
	event_publish("vm.state", "demo", "running", NULL);
	ok(event_get(1, &e) && e.id == 1 && e.utc_ns == 5 * (int64_t)NS_PER_S, "the first has id 1");
	ok(!strcmp(e.type, "vm.state") && !strcmp(e.object, "demo") && !strcmp(e.state, "running") && !e.reason[0], "and what was said");
	ok(!event_get(0, &e) && !event_get(2, &e), "it alone");
}

static void test_wrap(void)
{
	struct event e;

	for (unsigned i = 2; i <= EVENT_RING; i++)
		event_publish("vm.state", "x", NULL, "why");
	ok(event_oldest_id() == 1 && event_get(1, &e) && e.id == 1, "a full ring keeps all");
	event_publish("vm.state", "y", NULL, NULL);
	ok(event_oldest_id() == 2 && !event_get(1, &e) && event_get(2, &e) && e.id == 2, "one more pushes out the oldest");
	ok(event_get(EVENT_RING + 1, &e) && !strcmp(e.object, "y"), "the newest is there");
	for (unsigned i = 0; i < 3 * EVENT_RING; i++)
		event_publish("vm.state", "z", NULL, NULL);
	ok(event_last_id() == 4 * EVENT_RING + 1 && event_oldest_id() == 3 * EVENT_RING + 2, "bounds follow");
}

static void test_long_texts(void)
{
	char text[400];
	struct event e;

	text[0] = 'x';
	for (unsigned i = 1; i + 2 < sizeof(text); i += 2)
		memcpy(text + i, "\xc3\xa9", 3);
	event_publish("node.test", text, text, text);
	event_get(event_last_id(), &e);
	ok(strlen(e.object) >= 60 && strlen(e.state) >= 12 && strlen(e.reason) >= 120, "long texts are cut");
	ok(utf8_valid(e.object, strlen(e.object)) && utf8_valid(e.state, strlen(e.state)) && utf8_valid(e.reason, strlen(e.reason)),
	   "but not inside a character: they become JSON");
}

int main(void)
{
	fake_init(16 * MIB, 1);
	clock_set_utc(5 * (int64_t)NS_PER_S, CLOCK_UEFI);
	test_before_init();
	event_init();
	test_ids();
	test_wrap();
	test_long_texts();
	return tap_done();
}
