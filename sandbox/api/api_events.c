/* SPDX-License-Identifier: Apache-2.0 */
/* GET /v1/events: server-sent events with resume by Last-Event-ID (WHATWG HTML 9.2). CPU 0, the connection's task for as long as
 * the client stays. */
#include <core/arith.h>
#include <core/clock.h>
#include <core/fmt.h>
#include <core/hal.h>
#include <sandbox/event.h>
#include <stdlib.h>
#include <string.h>
#include <yyjson.h>
#include "call.h"

enum { SINCE_MAX = 4097 }; /* any value that a request target may have: one that is too long must not be taken for none */
#define KEEP_ALIVE_NS (15 * NS_PER_S)

static char *event_json(const struct event *e, size_t *n)
{
	yyjson_mut_doc *doc = api_doc_new();
	yyjson_mut_val *o = yyjson_mut_obj(doc);
	char time[25];

	clock_rfc3339(e->utc_ns, time);
	yyjson_mut_doc_set_root(doc, o);
	yyjson_mut_obj_add_uint(doc, o, "id", e->id);
	yyjson_mut_obj_add_strcpy(doc, o, "time", time);
	yyjson_mut_obj_add_str(doc, o, "type", e->type);
	yyjson_mut_obj_add_strcpy(doc, o, "object", e->object);
	if (e->state[0])
		yyjson_mut_obj_add_strcpy(doc, o, "state", e->state);
	if (e->reason[0])
		yyjson_mut_obj_add_strcpy(doc, o, "reason", e->reason);
	return api_doc_write(doc, false, n);
}

static err_t send_event(struct http_exchange *x, const struct event *e)
{
	char head[96];
	size_t n, head_len = fmt_buf(head, sizeof(head), "id: %llu\nevent: %s\ndata: ", (unsigned long long)e->id, e->type);
	char *data = event_json(e, &n);
	err_t err;

	if (!data)
		return E_NOMEM;
	err = http_stream_write(x, head, head_len);
	if (err == OK)
		err = http_stream_write(x, data, n);
	if (err == OK)
		err = http_stream_write(x, "\n\n", 2);
	free(data);
	return err;
}

/* Events that are gone are named as such, so that a client knows to look at the objects themselves. */
static err_t send_lost(struct http_exchange *x, uint64_t first, uint64_t last)
{
	char text[128];
	size_t n = fmt_buf(text, sizeof(text), "event: lost\ndata: {\"first\":%llu,\"last\":%llu}\n\n", (unsigned long long)first, (unsigned long long)last);

	return http_stream_write(x, text, n);
}

static err_t send_from(struct http_exchange *x, uint64_t *next)
{
	struct event e;
	err_t err = OK;

	if (*next < event_oldest_id()) {
		err = send_lost(x, *next, event_oldest_id() - 1);
		*next = event_oldest_id();
	}
	while (err == OK && event_get(*next, &e)) {
		err = send_event(x, &e);
		++*next;
	}
	return err;
}

/* Where to begin: after the id that the client saw last, else with what comes now. An id that is not yet there is from before a
 * restart, and all of this run is new to the client. */
static bool first_id(struct call *c, uint64_t *next)
{
	const char *seen = http_header(c->x, "last-event-id");
	char since[SINCE_MAX], *end;
	uint64_t id;

	if (!seen && http_query(c->x, "since", since, sizeof(since)))
		seen = since;
	*next = event_last_id() + 1;
	if (!seen)
		return true;
	id = strtoull(seen, &end, 10);
	if (*seen < '0' || *seen > '9' || *end) {
		api_problem_text(c->x, PROBLEM_BAD_REQUEST, "Last-Event-ID or since: expected the number of an event");
		return false;
	}
	*next = id > event_last_id() ? 1 : id + 1;
	return true;
}

void api_events(struct call *c)
{
	uint64_t next;
	err_t e;

	if (!first_id(c, &next))
		return;
	e = http_stream_begin(c->x, 200, "text/event-stream");
	while (e == OK && http_method(c->x) != HTTP_HEAD && !http_client_gone(c->x)) {
		e = send_from(c->x, &next);
		if (e == OK && next > event_last_id() && wait_until(event_wait_queue(), hal_clock_ns() + KEEP_ALIVE_NS) == E_TIMEOUT)
			e = http_stream_write(c->x, ": keep-alive\n\n", 14);
	}
	http_stream_end(c->x);
}
