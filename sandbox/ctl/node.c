/* SPDX-License-Identifier: Apache-2.0 */
/* The node as a whole: identity card, and the orderly ways to end. CPU 0. */
#include <core/arith.h>
#include <core/hal.h>
#include <core/log.h>
#include <net/netif.h>
#include <sandbox/event.h>
#include <sandbox/node.h>
#include <sandbox/vm_ctl.h>

struct node node;

const char *node_version(void) { return CAISSON_VERSION; }

/* Long enough for the answer to the request that caused it to leave, and for event readers to see why. */
#define FAREWELL_NS (300 * NS_PER_MS)
/* And for the ends of connections, which only a peer that is gone uses up. */
#define LAST_WORDS_NS (500 * NS_PER_MS)

static void node_end(const char *what)
{
	log_info("node", "%s requested", what);
	event_publish("node.ending", node.name, what, NULL);
	task_sleep_until(hal_clock_ns() + FAREWELL_NS);
	vm_ctl_stop_all();
	net_stop(hal_clock_ns() + LAST_WORDS_NS);
	hv_fini();
}

void node_reboot(void)
{
	node_end("reboot");
	hal_reset();
}

void node_poweroff(void)
{
	node_end("poweroff");
	hal_poweroff();
}
