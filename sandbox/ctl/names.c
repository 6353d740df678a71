/* SPDX-License-Identifier: Apache-2.0 */
/* Keeps the server certificate in step with the node's addresses and with time: after each change, and twice a day, since a node may
 * run for longer than a certificate does. A task of CPU 0. Must not know how certificates are made (net/tls). */
#include <core/arith.h>
#include <core/fmt.h>
#include <core/hal.h>
#include <core/log.h>
#include <core/task.h>
#include <net/netif.h>
#include <sandbox/names.h>
#include <sandbox/node.h>
#include <strings.h>

#define CHECK_NS (12 * 3600 * NS_PER_S)
enum { NAMES_STACK = 64 * 1024 };

static bool dirty;
static struct wait_queue changed = {{&changed.waiters, &changed.waiters}};

unsigned names_collect(const char *list[NAMES_MAX])
{
	static const char *const fixed[] = {"localhost", "127.0.0.1", "::1"};
	static char texts[NAMES_MAX][64];
	char address[46];
	unsigned n = 0;

	fmt_buf(texts[n++], sizeof(texts[0]), "%s", node.name);
	for (unsigned i = 0; i < ARRAY_LEN(fixed); i++)
		fmt_buf(texts[n++], sizeof(texts[0]), "%s", fixed[i]);
	for (unsigned i = 0; n < NAMES_MAX && net_address(i, address); i++)
		if (strncasecmp(address, "fe80:", 5) != 0) /* link-local ones have no place in a certificate */
			fmt_buf(texts[n++], sizeof(texts[0]), "%s", address);
	for (unsigned i = 0; i < n; i++)
		list[i] = texts[i];
	return n;
}

void names_changed(void)
{
	dirty = true;
	wake_all(&changed);
}

static void names_task(void *arg)
{
	const char *list[NAMES_MAX];

	(void)arg;
	for (;;) {
		if (!dirty) {
			err_t e = wait_until(&changed, hal_clock_ns() + CHECK_NS);

			(void)e; /* woken or timed out: the certificate is looked at */
		}
		dirty = false;
		if (tls_identity_set_names(node.identity, list, names_collect(list)) != OK)
			log_warn("tls", "the server certificate could not be made anew");
	}
}

err_t names_start(void)
{
	struct task *t;

	return task_create("names", names_task, NULL, NAMES_STACK, &t);
}
