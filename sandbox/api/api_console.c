/* SPDX-License-Identifier: Apache-2.0 */
/* A guest's console over WebSocket (several readers, one writer) and its log. CPU 0, the connection's task. */
#include <core/arith.h>
#include <core/hal.h>
#include <stdlib.h>
#include <string.h>
#include <yyjson.h>
#include "call.h"

enum { BACKLOG = 4096, CHUNK = 4096, MESSAGE_MAX = 4096 };
#define RETRY_NS (20 * NS_PER_MS) /* how soon typed bytes that found no room are offered again */

struct session {
	struct http_exchange *x;
	struct vm_ctl *vm;
	struct console *console;
	struct console_reader reader;
	bool wants_writer, writer;
	uint8_t typed[MESSAGE_MAX]; /* accepted from the client, not yet taken by the guest */
	size_t typed_at, typed_end;
	uint8_t chunk[CHUNK];
};

static err_t send_text(struct session *s, const char *text)
{
	return ws_send(s->x, WS_TEXT, text, strlen(text));
}

/* Text messages of the client: only a resize is known; others are ignored, so that newer clients work. */
static void handle_text(struct session *s, const char *text, size_t n)
{
	yyjson_doc *doc = yyjson_read(text, n, 0);
	yyjson_val *root = yyjson_doc_get_root(doc), *cols = yyjson_obj_get(root, "cols"), *rows = yyjson_obj_get(root, "rows");

	if (s->writer && s->vm->vm && yyjson_equals_str(yyjson_obj_get(root, "type"), "resize") && yyjson_is_uint(cols) && yyjson_is_uint(rows) &&
	    yyjson_get_uint(cols) <= UINT16_MAX && yyjson_get_uint(rows) <= UINT16_MAX)
		vm_console_resize(s->vm->vm, (unsigned)yyjson_get_uint(cols), (unsigned)yyjson_get_uint(rows));
	yyjson_doc_free(doc);
}

/* Offers typed bytes to the guest; keeps what it does not take. A guest that is not running takes nothing, and typing is dropped. */
static void offer_typed(struct session *s)
{
	if (!s->vm->vm || s->vm->deleting || (vm_ctl_state(s->vm) != VM_RUNNING && vm_ctl_state(s->vm) != VM_PAUSED))
		s->typed_at = s->typed_end;
	else
		s->typed_at += vm_console_input(s->vm->vm, s->typed + s->typed_at, s->typed_end - s->typed_at);
}

static err_t send_output(struct session *s)
{
	size_t n;
	err_t e = OK;

	while (e == OK && (n = console_read(s->console, &s->reader, s->chunk, sizeof(s->chunk))) > 0)
		e = ws_send(s->x, WS_BINARY, s->chunk, n);
	return e;
}

static err_t update_writer(struct session *s)
{
	if (s->writer || !s->wants_writer || !console_claim(s->console, s))
		return OK;
	s->writer = true;
	return send_text(s, "{\"type\":\"writer\"}");
}

/* One message of the client, or E_TIMEOUT/E_AGAIN when the wait ended without one. While typed bytes wait, no more are read: the
 * client's TCP window slows it down. */
static err_t receive(struct session *s)
{
	enum ws_type type;
	size_t n;
	err_t e;

	if (s->typed_at < s->typed_end) {
		task_sleep_until(hal_clock_ns() + RETRY_NS);
		offer_typed(s);
		return E_AGAIN;
	}
	e = ws_recv(s->x, &type, s->typed, sizeof(s->typed), &n, UINT64_MAX);
	if (e)
		return e;
	if (type == WS_TEXT) {
		handle_text(s, (const char *)s->typed, n);
	} else if (type == WS_BINARY && s->writer) {
		s->typed_at = 0;
		s->typed_end = n;
		offer_typed(s);
	}
	return type == WS_CLOSE ? E_CLOSED : OK;
}

static void session_run(struct session *s)
{
	err_t e = send_text(s, s->writer ? "{\"type\":\"hello\",\"writer\":true}" : "{\"type\":\"hello\",\"writer\":false}");

	while (e == OK || e == E_AGAIN || e == E_TIMEOUT) {
		e = send_output(s);
		if (e == OK)
			e = update_writer(s);
		if (e == OK && s->console->closed) {
			ws_close(s->x, 1001, "the VM was deleted");
			return;
		}
		if (e == OK)
			e = receive(s);
	}
	ws_close(s->x, 1000, "");
}

static void run_console(struct call *c, struct vm_ctl *vm)
{
	struct session *s = calloc(1, sizeof(*s));
	char mode[8];

	if (!s) {
		api_problem_text(c->x, PROBLEM_INSUFFICIENT_MEMORY, "no memory for another console session");
		return;
	}
	*s = (struct session){.x = c->x, .vm = vm, .console = console_ref(vm->console)};
	s->wants_writer = !http_query(c->x, "mode", mode, sizeof(mode)) || strcmp(mode, "ro") != 0;
	if (http_websocket(c->x) == OK) {
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
