/* SPDX-License-Identifier: Apache-2.0 */
/* What lives longer than a request: consoles over WebSocket with readers and a writer, event streams, requests that wait; and objects
 * that go away under each of them. */
#include "api_bench.h"

#define UPGRADE "Host: n\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
#define STOP_NOW "{\"timeout_ms\":0}"

/* ---- consoles */

static struct conn *console_open_cap(const char *query, size_t cap)
{
	struct conn *c = conn_open_cap(true, cap);
	char text[300];
	char *end;

	snprintf(text, sizeof(text), "GET /v1/vms/demo/console%s HTTP/1.1\r\n" UPGRADE, query);
	conn_text(c, text);
	end = strstr(c->in, "\r\n\r\n");
	if (!end || strncmp(c->in, "HTTP/1.1 101 ", 13) != 0) {
		ok(false, "console%s: %.100s", query, c->in);
		return c;
	}
	end += 4;
	c->len -= (size_t)(end - c->in);
	memmove(c->in, end, c->len + 1);
	return c;
}

static struct conn *console_open(const char *query) { return console_open_cap(query, 65536); }

static const char *find_bytes(const struct conn *c, const char *bytes, size_t n)
{
	for (size_t i = 0; i + n <= c->len; i++)
		if (!memcmp(c->in + i, bytes, n))
			return c->in + i;
	return NULL;
}

static bool in_has(const struct conn *c, const char *bytes, size_t n)
{
	return find_bytes(c, bytes, n) != NULL;
}

#define IN_HAS(c, literal) in_has(c, literal, sizeof(literal) - 1)

/* A frame of the client, with a mask of zeros. */
static void frame(struct conn *c, unsigned opcode, const void *p, size_t n)
{
	char buf[8192];
	size_t at = 2;

	buf[0] = (char)(0x80 | opcode);
	buf[1] = (char)(0x80 | (n < 126 ? n : 126));
	if (n >= 126) {
		buf[at++] = (char)(n >> 8);
		buf[at++] = (char)n;
	}
	memset(buf + at, 0, 4);
	memcpy(buf + at + 4, p, n);
	conn_send(c, buf, at + 4 + n);
}

static void type_text(struct conn *c, const char *s) { frame(c, 2, s, strlen(s)); }
static void say(struct conn *c, const char *s) { frame(c, 1, s, strlen(s)); }

static void guest_writes(const char *s)
{
	struct chardev *dev = &vm_ctl_find("demo")->console->dev;

	dev->ops->write(dev, s, strlen(s));
	fake_clock_advance(2 * NS_PER_MS); /* readers are woken so often at most */
	fake_loop_settle();
}

static bool guest_got(const char *s)
{
	bool same = plain.input_len == strlen(s) && !memcmp(plain.input, s, plain.input_len);

	if (!same)
		tap_note("the guest got %zu bytes: %.*s", plain.input_len, (int)MIN(plain.input_len, (size_t)40), plain.input);
	plain.input_len = 0;
	return same;
}

#define HELLO_WRITER "\x81\x1e{\"type\":\"hello\",\"writer\":true}"
#define HELLO_READER "\x81\x1f{\"type\":\"hello\",\"writer\":false}"
#define NOW_WRITER "\x81\x11{\"type\":\"writer\"}"

static void test_console_sharing(void)
{
	struct conn *a, *b, *r;

	guest_writes("boot\n");
	a = console_open("");
	ok(IN_HAS(a, HELLO_WRITER "\x82\x05" "boot\n"), "hello, then what was written before");
	b = console_open("?mode=rw");
	r = console_open("?mode=ro");
	ok(IN_HAS(b, HELLO_READER "\x82\x05" "boot\n") && IN_HAS(r, HELLO_READER), "the second cannot type, nor who only wants to read");
	conn_clear(a), conn_clear(b), conn_clear(r);
	guest_writes("more");
	conn_collect(a), conn_collect(b), conn_collect(r);
	ok(IN_HAS(a, "\x82\x04more") && IN_HAS(b, "\x82\x04more") && IN_HAS(r, "\x82\x04more"), "all read");
	type_text(a, "ls\r");
	type_text(b, "rm\r");
	type_text(r, "rm\r");
	ok(guest_got("ls\r"), "one types");
	frame(a, 9, "p", 1);
	ok(IN_HAS(a, "\x8a\x01p"), "a ping is answered");
	say(a, "{\"type\":\"resize\",\"cols\":100,\"rows\":40}");
	ok(plain.cols == 100 && plain.rows == 40, "the writer's window is the guest's");
	say(b, "{\"type\":\"resize\",\"cols\":50,\"rows\":20}");
	say(a, "{\"type\":\"resize\",\"cols\":70000,\"rows\":40}");
	say(a, "{\"type\":\"resize\",\"cols\":0,\"rows\":40}");
	say(a, "{\"type\":\"resize\",\"cols\":\"1\",\"rows\":-1}");
	say(a, "{\"type\":\"dance\"}");
	say(a, "[1]");
	say(a, "no JSON");
	ok(plain.cols == 100 && plain.rows == 40 && !a->served, "nothing else is");
	conn_clear(b);
	conn_end(a);
	conn_collect(b), conn_collect(r);
	ok(IN_HAS(b, NOW_WRITER) && !IN_HAS(r, NOW_WRITER), "the writer leaves: the next is told");
	ok(plain.cols == 50 && plain.rows == 20, "and its window counts");
	type_text(b, "pwd\r");
	ok(guest_got("pwd\r"), "it types");
	frame(b, 8, "\x03\xe8", 2);
	ok(IN_HAS(b, "\x88\x02\x03\xe8") && conn_end(b), "a polite end");
	a = console_open("");
	ok(IN_HAS(a, HELLO_WRITER), "the right to type is free again");
	conn_end(a);
	conn_end(r);
}

static void test_console_modes(void)
{
	static char longer[300];

	request_full(true, "GET", "/v1/vms/demo/console?mode=wr", "", NULL, 0);
	ok(reply_is_problem(400, "bad-request", "mode: expected rw or ro"), "another mode");
	memset(longer, 'o', sizeof(longer) - 1);
	memcpy(longer, "/v1/vms/demo/console?mode=r", 27);
	request_full(true, "GET", longer, "", NULL, 0);
	ok(reply_is_problem(400, "bad-request", "mode: expected rw or ro"), "a long one is none either");
	request_full(true, "GET", "/v1/vms/none/console", "", NULL, 0);
	ok(reply_is_problem(404, "not-found", "there is no VM"), "no VM, no console");
}

static void test_console_input(void)
{
	static char paste[4096];
	struct conn *c = console_open(""), *d;

	plain.input_len = 0;
	plain.input_stuck = true;
	type_text(c, "kept");
	pass_ms(100);
	ok(guest_got(""), "a guest that takes nothing yet");
	type_text(c, " in order");
	plain.input_stuck = false;
	pass_ms(50);
	ok(guest_got("kept in order"), "gets all of it when it does");

	/* A client that leaves while its bytes wait must not keep the right to type. */
	plain.input_stuck = true;
	type_text(c, "x");
	d = console_open("");
	conn_clear(d);
	conn_end(c);
	pass_ms(100);
	conn_collect(d);
	ok(IN_HAS(d, NOW_WRITER), "the next writer need not wait for the guest");
	plain.input_len = 0;

	/* Nor one that left much more behind: after a while it is dropped. */
	memset(paste, 'p', sizeof(paste));
	for (unsigned i = 0; i < 6; i++)
		frame(d, 2, paste, sizeof(paste));
	c = console_open("");
	ok(IN_HAS(c, HELLO_READER), "another one waits");
	conn_clear(c);
	stream_close(d->client);
	for (unsigned i = 0; i < 70 && !d->served; i++)
		pass_ms(500);
	conn_collect(c);
	if (ok(d->served && IN_HAS(c, NOW_WRITER), "what no guest takes is dropped in the end"))
		free(d);
	plain.input_stuck = false;
	plain.input_len = 0;
	type_text(c, "ok");
	pass_ms(50);
	ok(guest_got("ok"), "and the guest's ear is open again");
	request("POST", "/v1/vms/demo/stop", STOP_NOW);
	type_text(c, "lost");
	request("POST", "/v1/vms/demo/start", NULL);
	type_text(c, "new");
	ok(guest_got("new"), "typing to a guest that is down is dropped; the next run is heard");
	conn_clear(c);
	guest_writes("second run");
	conn_collect(c);
	ok(IN_HAS(c, "second run"), "and seen");
	conn_end(c);
}

/* A guest that writes without end, faster than the client reads: its keys must get through all the same. */
static void test_console_flood(void)
{
	static char flood[8192];
	struct conn *c = console_open_cap("", 2048);
	size_t put;

	memset(flood, 'f', sizeof(flood) - 1);
	plain.input_len = 0;
	guest_writes(flood);
	if (c->client->ops->write(c->client, "\x82\x81\0\0\0\0\x03", 7, &put) != OK || put != 7)
		ok(false, "Ctrl-C is written");
	for (unsigned i = 0; i < 100 && !plain.input_len; i++) {
		guest_writes(flood);
		conn_clear(c);
		conn_read(c, 4096);
	}
	ok(guest_got("\x03"), "Ctrl-C reaches a guest that floods its console");
	plain.input_len = 0;
	conn_end(c);
}

static void test_console_backlog(void)
{
	static char lots[80000];
	struct conn *c;
	const char *at;

	for (size_t i = 0; i < sizeof(lots) - 1; i++)
		lots[i] = (char)('a' + i % 26);
	guest_writes(lots);
	c = console_open("?mode=ro");
	at = find_bytes(c, "\x82\x7e\x10\x00", 4);
	ok(at && !memcmp(at + 4, lots + sizeof(lots) - 1 - 4096, 4096), "the last 4 KiB at first");
	conn_end(c);
	ok(request("GET", "/v1/vms/demo/console/log", NULL) == 200 && reply.len == 65536 && !memcmp(reply.body, lots + sizeof(lots) - 1 - 65536, 65536),
	   "the last 64 KiB as a text");
	ok(reply_has_head("\r\nContent-Type: text/plain; charset=utf-8\r\n"), "which it is");
	REFUSED("GET", "/v1/vms/none/console/log", NULL, 404, "not-found", "there is no VM");
}

static void test_console_deleted(void)
{
	struct conn *a = console_open(""), *b = console_open("?mode=ro"), *late;

	conn_clear(a), conn_clear(b);
	request("POST", "/v1/vms/demo/stop", STOP_NOW);
	guest_writes("last words");
	ok_eq(request("DELETE", "/v1/vms/demo", NULL), 204, "deleted while consoles are open");
	conn_collect(a), conn_collect(b);
	ok(IN_HAS(a, "\x82\x0alast words\x88\x14\x03\xe9the VM was deleted") && IN_HAS(b, "\x03\xe9the VM was deleted"), "they read to the end and are told");
	ok(conn_end(a) && conn_end(b), "and end");
	make_vm("demo");
	request("POST", "/v1/vms/demo/start", NULL);
	late = console_open("");
	ok(IN_HAS(late, HELLO_WRITER) && !IN_HAS(late, "last words"), "another VM of that name has another console");
	plain.input_stuck = true;
	type_text(late, "x");
	request("POST", "/v1/vms/demo/stop", STOP_NOW);
	ok_eq(request("DELETE", "/v1/vms/demo", NULL), 204, "deleted while typed bytes wait");
	pass_ms(100);
	conn_collect(late);
	ok(IN_HAS(late, "the VM was deleted") && conn_end(late), "told as well");
	plain.input_stuck = false;
	make_vm("demo");
	request("POST", "/v1/vms/demo/start", NULL);
}

/* A client that does not read holds up nobody else, and is let go. */
static void test_console_deaf_client(void)
{
	static char lots[20000];
	struct conn *deaf = console_open_cap("", 512), *other = console_open("?mode=ro");

	memset(lots, 'x', sizeof(lots) - 1);
	conn_clear(other);
	guest_writes(lots);
	conn_collect(other);
	ok(other->len > sizeof(lots), "who reads has it all");
	pass_ms(http_limits_default.write_ms + 1);
	ok(deaf->served, "who does not is cut off");
	conn_end(deaf);
	conn_end(other);
}

/* ---- events */

static struct conn *events_open(const char *query, const char *header)
{
	struct conn *c = conn_open(true);
	char text[400];

	snprintf(text, sizeof(text), "GET /v1/events%s HTTP/1.1\r\nHost: n\r\n%s\r\n", query, header);
	conn_text(c, text);
	return c;
}

static void test_events(void)
{
	struct conn *a = events_open("", ""), *b;
	uint64_t last = event_last_id();
	char want[200], header[60];

	ok(conn_has(a, "HTTP/1.1 200 ") && conn_has(a, "\r\nContent-Type: text/event-stream\r\n") && !conn_has(a, "data:"), "a stream begins with what comes");
	b = events_open("", "");
	conn_clear(a), conn_clear(b);
	event_publish("vm.state", "demo", "crashed", "a \"reason\"\n");
	conn_collect(a), conn_collect(b);
	snprintf(want, sizeof(want), "id: %llu\nevent: vm.state\ndata: ", (unsigned long long)last + 1);
	ok(conn_has(a, want) && conn_has(b, want), "id and type");
	ok(conn_has(a, "\"type\":\"vm.state\",\"object\":\"demo\",\"state\":\"crashed\",\"reason\":\"a \\\"reason\\\"\\n\"}"), "data on one line of JSON");
	ok(conn_has(a, "\n\n\r\n"), "and an empty line");
	conn_clear(a);
	pass_ms(14999);
	conn_collect(a);
	ok(!a->len, "silence");
	pass_ms(1);
	conn_collect(a);
	ok(conn_has(a, ": keep-alive\n\n"), "a sign of life each 15 s");
	ok(conn_end(a) && conn_end(b), "it ends with its client");
	for (unsigned i = 0; i < 5; i++)
		event_publish("image.added", "x", NULL, NULL);
	snprintf(header, sizeof(header), "Last-Event-ID: %llu\r\n", (unsigned long long)event_last_id() - 2);
	a = events_open("", header);
	snprintf(want, sizeof(want), "id: %llu\n", (unsigned long long)event_last_id() - 1);
	ok(conn_has(a, want), "resumed behind what was seen");
	snprintf(want, sizeof(want), "id: %llu\n", (unsigned long long)event_last_id() - 2);
	ok(!conn_has(a, want) && !conn_has(a, "event: lost"), "not with it");
	conn_end(a);
	snprintf(header, sizeof(header), "?since=%llu", (unsigned long long)event_last_id() - 2);
	a = events_open(header, "");
	ok(conn_has(a, "image.added") && !conn_has(a, want), "the same by a parameter");
	conn_end(a);
	a = events_open("?since=0", "");
	ok(conn_has(a, "id: 1\n") && !conn_has(a, "event: lost"), "all of them");
	conn_end(a);
	a = events_open("", "Last-Event-ID: 99999999999999999999999\r\n");
	ok(conn_has(a, "id: 1\n"), "an id of an earlier run: all of this run is new");
	conn_end(a);
}

static void refused_id(const char *query, const char *header, const char *name)
{
	struct conn *c = events_open(query, header);

	reply_parse(c);
	ok(reply_is_problem(400, "bad-request", "expected the number of an event"), "%s", name);
	conn_end(c);
}

static void test_event_ids(void)
{
	refused_id("?since=x", "", "no number");
	refused_id("?since=", "", "nothing");
	refused_id("?since=-1", "", "a negative number");
	refused_id("?since=1x", "", "a number with a tail");
	refused_id("?since=00000000000000000000000000000000000001x", "", "a long one with a tail");
	refused_id("?since=xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", "", "a long one");
	refused_id("", "Last-Event-ID: a\r\n", "in the header");
}

static void test_events_lost(void)
{
	struct conn *a, *slow = conn_open_cap(true, 1024);
	char want[100];

	conn_text(slow, "GET /v1/events HTTP/1.1\r\nHost: n\r\n\r\n");
	for (unsigned i = 0; i < 3 * EVENT_RING; i++) {
		event_publish("vm.state", "flood", "running", NULL);
		if (i % 100 == 0)
			fake_loop_settle();
	}
	a = events_open("?since=1", "");
	snprintf(want, sizeof(want), "event: lost\ndata: {\"first\":2,\"last\":%llu}\n\n", (unsigned long long)event_oldest_id() - 1);
	ok(conn_has(a, want), "what is gone is named");
	snprintf(want, sizeof(want), "\nid: %llu\n", (unsigned long long)event_last_id());
	ok(conn_has(a, want), "what is there follows, to the last");
	conn_end(a);
	conn_collect(slow);
	ok(conn_has(slow, "event: lost") && conn_has(slow, want), "a slow reader loses some, is told, and gets to the last");
	conn_end(slow);
}

/* ---- requests that wait */

static void test_waiting(void)
{
	struct conn *a = conn_open(true), *b = conn_open(true);

	conn_text(a, "POST /v1/vms/demo/stop HTTP/1.1\r\nHost: n\r\n\r\n");
	ok(a->len == 0, "a stop waits for the guest");
	ok(request("GET", "/v1/vms/demo", NULL) == 200 && !strcmp(reply_str("/state"), "running"), "others do not");
	conn_text(b, "POST /v1/vms/demo/stop HTTP/1.1\r\nHost: n\r\nContent-Type: application/json\r\nContent-Length: 20\r\n\r\n{\"timeout_ms\":60000}");
	vm_guest_poweroff(vm_ctl_find("demo")->vm);
	conn_collect(a), conn_collect(b);
	ok(conn_has(a, "\"state\":\"stopped\"") && conn_has(b, "\"state\":\"stopped\""), "both hear of the end");
	request("POST", "/v1/vms/demo/start", NULL);
	conn_text(a, "POST /v1/vms/demo/stop HTTP/1.1\r\nHost: n\r\n\r\n");
	ok(conn_end(b), "an idle connection ends");
	stream_close(a->client);
	fake_loop_settle();
	pass_ms(10001);
	ok(a->served && vm_ctl_state(vm_ctl_find("demo")) == VM_STOPPED, "a client that leaves does not stop the stop");
	free(a);
	request("POST", "/v1/vms/demo/start", NULL);
}

/* A second client deletes the VM while the first one's stop is on its way back. */
static void test_deleted_meanwhile(void)
{
	struct conn *stop = conn_open(true), *reset = conn_open(true), *gone = conn_open(true);
	size_t put;

	conn_text(stop, "POST /v1/vms/demo/stop HTTP/1.1\r\nHost: n\r\n\r\n");
	conn_text(gone, "");
	vm_guest_poweroff(vm_ctl_find("demo")->vm);
	/* all in the same turn of the loop as the end of the guest, as far as it goes */
	if (reset->client->ops->write(reset->client, "POST /v1/vms/demo/reset HTTP/1.1\r\nHost: n\r\n\r\n", 46, &put) != OK)
		return;
	while (vm_ctl_find("demo") && loop_turn())
		if (gone->client->ops->write(gone->client, "DELETE /v1/vms/demo HTTP/1.1\r\nHost: n\r\n\r\n", 42, &put) != OK)
			break;
	conn_collect(stop), conn_collect(reset), conn_collect(gone);
	ok(conn_has(stop, "HTTP/1.1 200 "), "the stop is done");
	ok(conn_has(reset, "HTTP/1.1 409 "), "the reset came to nothing");
	conn_end(stop);
	conn_end(reset);
	conn_end(gone);
	request("DELETE", "/v1/vms/demo", NULL);
	ok(!vm_ctl_find("demo") && fake_hv.vms == 0, "gone");
}

int main(void)
{
	bench_start();
	make_vm("demo");
	request("POST", "/v1/vms/demo/start", NULL);
	test_console_sharing();
	test_console_modes();
	test_console_input();
	test_console_flood();
	test_console_backlog();
	test_console_deleted();
	test_console_deaf_client();
	test_events();
	test_event_ids();
	test_events_lost();
	test_waiting();
	test_deleted_meanwhile();
	yyjson_doc_free(reply.doc);
	return tap_done();
}
