/* SPDX-License-Identifier: Apache-2.0 */
/* What happens on the node, in a ring of the last 1024 events, for GET /v1/events. CPU 0. */
#ifndef SANDBOX_EVENT_H
#define SANDBOX_EVENT_H
#include <core/task.h>
#include <stdbool.h>
#include <stdint.h>

#define EVENT_RING 1024
struct event {
	uint64_t id;          /* from 1 */
	int64_t utc_ns;
	const char *type;     /* "vm.state" ..., static */
	char object[65];
	char state[16];       /* "" when none */
	char reason[128];     /* "" when none */
};
void event_init(void);
void event_publish(const char *type, const char *object, const char *state, const char *reason); /* state, reason may be NULL */
uint64_t event_last_id(void);
/* Event id, or false when it is not yet there or no longer kept. */
bool event_get(uint64_t id, struct event *out);
uint64_t event_oldest_id(void);
struct wait_queue *event_wait_queue(void); /* woken at each publish */

#endif
