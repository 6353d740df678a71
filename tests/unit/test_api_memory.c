/* SPDX-License-Identifier: Apache-2.0 */
/* Answers when memory runs out at any moment of their making: whole, or a 507 that says so; never half a document, never a leak. */
#include "api_bench.h"

static unsigned calls, fail_at, fail_for; /* which allocations fail: fail_for of them from fail_at on */

static bool fails(void)
{
	unsigned n = calls++;

	return n >= fail_at && n - fail_at < fail_for;
}

/* In place of sandbox/api/doc_heap.c. */
void *api_heap_alloc(size_t n);
void *api_heap_realloc(void *p, size_t n);
void *api_heap_alloc(size_t n) { return fails() ? NULL : malloc(n); }
void *api_heap_realloc(void *p, size_t n) { return fails() ? NULL : realloc(p, n); }

static void arm(unsigned at, unsigned n)
{
	calls = 0;
	fail_at = at;
	fail_for = n;
}

static void test_answer(const char *path, int status, unsigned failing)
{
	static char whole[300000];
	unsigned needed, bad = 0;
	size_t len;

	arm(UINT32_MAX, 0);
	ok_eq(request("GET", path, NULL), status, path);
	needed = calls;
	len = reply.len;
	memcpy(whole, reply.body, len);
	for (unsigned i = 0; i < needed; i++) {
		arm(i, failing);
		request("GET", path, NULL);
		if (reply.status == status && reply.len == len) /* it could do without */
			continue;
		if (!reply_is_problem(507, "insufficient-memory", "no memory for the answer"))
			bad++;
	}
	arm(UINT32_MAX, 0);
	ok(needed > 1 && !bad, "%s: whole or refused, %u allocations, %u fail", path, needed, failing);
}

static void test_event(void)
{
	struct conn *c;

	event_publish("vm.state", "x", "running", NULL);
	for (unsigned i = 0; i < 4; i++) {
		arm(i, 1);
		c = conn_open(true);
		conn_text(c, "GET /v1/events?since=0 HTTP/1.1\r\nHost: n\r\n\r\n");
		arm(UINT32_MAX, 0);
		ok(conn_has(c, "\r\n0\r\n\r\n") || conn_has(c, "\"state\":\"running\"}"), "an event that cannot be told ends the stream: it is resumed");
		conn_end(c);
	}
}

int main(void)
{
	static const char *const paths[] = {"/v1/vms", "/v1/vms/vm3", "/v1/node", "/v1/images", "/v1/images/kernel"};
	char name[16];

	arm(UINT32_MAX, 0);
	bench_start();
	for (unsigned i = 0; i < 9; i++) {
		snprintf(name, sizeof(name), "vm%u", i);
		make_vm(name);
	}
	for (unsigned i = 0; i < ARRAY_LEN(paths); i++) {
		test_answer(paths[i], 200, 1);
		test_answer(paths[i], 200, UINT32_MAX);
	}
	test_answer("/v1/vms/none", 404, 1);
	test_answer("/v1/vms/none", 404, UINT32_MAX);
	test_event();
	yyjson_doc_free(reply.doc);
	return tap_done();
}
