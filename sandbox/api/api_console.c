/* SPDX-License-Identifier: Apache-2.0 */
/* A guest's console over WebSocket (several readers, one writer) and its log. CPU 0, the connection's task. */
#include <core/arith.h>
#include <core/hal.h>
#include <stdlib.h>
#include <string.h>
#include <yyjson.h>
#include "call.h"

enum { BACKLOG = 4096, CHUNK = 4096, MESSAGE_MAX = 4096 }; /* CHUNK: no less than a request target may have */
#define RETRY_NS (20 * NS_PER_MS) /* how soon typed bytes that found no room are offered again */
#define DEAF_NS (30 * NS_PER_S)   /* how long, when the guest takes none of them */
#define LOOK_NS NS_PER_S          /* a wake that came while a pong waited for room is not missed for longer */

struct session {
	struct http_exchange *x;
	struct vm_ctl *vm;
	struct console *console;
	struct console_reader reader;
	bool wants_writer, writer;
	unsigned cols, rows;        /* of the client's window, 0: not told */
	bool deaf;                  /* the guest has taken nothing for DEAF_NS: what it does not take now is dropped */
	uint64_t deaf_ns;           /* when it will be */
	uint8_t typed[MESSAGE_MAX]; /* accepted from the client, not yet taken by the guest */
	size_t typed_at, typed_end;
	uint8_t chunk[CHUNK];
};

static err_t send_text(struct session *s, const char *text)
{
	return ws_send(s->x, WS_TEXT, text, strlen(text));
}

static void apply_size(struct session *s)
{
	if (s->writer && s->cols && s->vm->vm)
		vm_console_resize(s->vm->vm, s->cols, s->rows);
}

static bool is_size(yyjson_val *v)
{
	return yyjson_is_uint(v) && yyjson_get_uint(v) >= 1 && yyjson_get_uint(v) <= UINT16_MAX;
}

/* Text messages of the client: only a resize is known; others are ignored, so that newer clients work. */
static void handle_text(struct session *s, const char *text, size_t n)
{
	yyjson_doc *doc = yyjson_read(text, n, 0);
	yyjson_val *root = yyjson_doc_get_root(doc), *cols = yyjson_obj_get(root, "cols"), *rows = yyjson_obj_get(root, "rows");

	if (yyjson_equals_str(yyjson_obj_get(root, "type"), "resize") && is_size(cols) && is_size(rows)) {
		s->cols = (unsigned)yyjson_get_uint(cols);
		s->rows = (unsigned)yyjson_get_uint(rows);
		apply_size(s);
	}
	yyjson_doc_free(doc);
}

/* Offers typed bytes to the guest; keeps what it does not take, though not for ever: who waits for a deaf guest would hear nothing
 * of its client either, and keep the right to type. A guest that is not running takes nothing, and typing is dropped. */
static void offer_typed(struct session *s)
{
	size_t took;

	if (!s->vm->vm || s->vm->deleting || (vm_ctl_state(s->vm) != VM_RUNNING && vm_ctl_state(s->vm) != VM_PAUSED)) {
		s->typed_at = s->typed_end;
		return;
	}
	took = vm_console_input(s->vm->vm, s->typed + s->typed_at, s->typed_end - s->typed_at);
	s->typed_at += took;
	if (took)
		s->deaf_ns = hal_clock_ns() + DEAF_NS;
	s->deaf = !took && hal_clock_ns() >= s->deaf_ns;
	if (s->deaf)
		s->typed_at = s->typed_end;
}

/* One piece at a time: a guest that floods its console must not keep its client's keys away. */
static err_t send_output(struct session *s, bool *sent)
{
	size_t n = console_read(s->console, &s->reader, s->chunk, sizeof(s->chunk));

	if (!n)
		return OK;
	*sent = true;
	return ws_send(s->x, WS_BINARY, s->chunk, n);
}

static err_t update_writer(struct session *s, bool *sent)
{
	if (s->writer || !s->wants_writer || !console_claim(s->console, s))
		return OK;
	s->writer = *sent = true;
	apply_size(s);
	return send_text(s, "{\"type\":\"writer\"}");
}

/* While typed bytes wait, no more are read: the client's TCP window slows it down. */
static err_t retry_typed(struct session *s, bool wait)
{
	if (http_client_gone(s->x))
		return E_CLOSED;
	if (wait)
		task_sleep_until(hal_clock_ns() + RETRY_NS);
	offer_typed(s);
	return OK;
}

/* One message of the client; when wait is set, until there is one or something to send. */
static err_t receive(struct session *s, bool wait)
{
	enum ws_type type;
	size_t n;
	err_t e;

	if (s->typed_at < s->typed_end)
		return retry_typed(s, wait);
	e = ws_recv(s->x, &type, s->typed, sizeof(s->typed), &n, wait ? hal_clock_ns() + LOOK_NS : 0);
	if (e)
		return e == E_TIMEOUT || e == E_AGAIN ? OK : e;
	if (type == WS_TEXT) {
		handle_text(s, (const char *)s->typed, n);
	} else if (type == WS_BINARY && s->writer) {
		s->typed_at = 0;
		s->typed_end = n;
		if (!s->deaf)
			s->deaf_ns = hal_clock_ns() + DEAF_NS;
		offer_typed(s);
	}
	return type == WS_CLOSE ? E_CLOSED : OK;
}

/* Sending may block, and what wakes a task then is lost: so it waits only after a round in which nothing was sent. */
static void session_run(struct session *s)
{
	err_t e = send_text(s, s->writer ? "{\"type\":\"hello\",\"writer\":true}" : "{\"type\":\"hello\",\"writer\":false}");

	while (e == OK) {
		bool sent = false;

		e = send_output(s, &sent);
		if (e == OK)
			e = update_writer(s, &sent);
		if (e == OK && !sent && s->console->closed) {
			ws_close(s->x, 1001, "the VM was deleted");
			return;
		}
		if (e == OK)
			e = receive(s, !sent);
		if (sent)
			task_yield(); /* a fast client must not keep the others waiting */
	}
	ws_close(s->x, 1000, "");
}

static bool read_mode(struct session *s)
{
	char *mode = (char *)s->chunk;

	s->wants_writer = true;
	if (!http_query(s->x, "mode", mode, sizeof(s->chunk)))
		return true;
	s->wants_writer = strcmp(mode, "rw") == 0;
	if (s->wants_writer || strcmp(mode, "ro") == 0)
		return true;
	api_problem_text(s->x, PROBLEM_BAD_REQUEST, "mode: expected rw or ro");
	return false;
}

static void run_console(struct call *c, struct vm_ctl *vm)
{
	struct session *s = calloc(1, sizeof(*s));

	if (!s) {
		api_problem_text(c->x, PROBLEM_INSUFFICIENT_MEMORY, "no memory for another console session");
		return;
	}
	s->x = c->x;
	s->vm = vm;
	s->console = console_ref(vm->console);
	if (read_mode(s) && http_websocket(c->x) == OK) {
		s->writer = s->wants_writer && console_claim(s->console, s);
		console_attach(s->console, &s->reader, BACKLOG, ws_wait_queue(c->x));
		session_run(s);
		console_detach(s->console, &s->reader);
		console_release(s->console, s);
	}
	console_unref(s->console);
	free(s);
}

void api_vm_console(struct call *c)
{
	struct vm_ctl *vm = call_vm(c);

	if (!vm)
		return;
	vm_ctl_ref(vm);
	run_console(c, vm);
	vm_ctl_unref(vm);
}

void api_vm_console_log(struct call *c)
{
	struct vm_ctl *vm = call_vm(c);
	struct console_reader r;
	struct wait_queue unused;
	char *text;

	if (!vm)
		return;
	text = malloc(CONSOLE_LOG);
	if (!text) {
		api_problem_text(c->x, PROBLEM_INSUFFICIENT_MEMORY, "no memory for the log");
		return;
	}
	wait_init(&unused);
	console_attach(vm->console, &r, CONSOLE_LOG, &unused);
	size_t n = console_read(vm->console, &r, text, CONSOLE_LOG);
	console_detach(vm->console, &r);
	http_respond(c->x, 200, "text/plain; charset=utf-8", text, n);
	free(text);
}
