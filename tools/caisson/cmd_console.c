/* SPDX-License-Identifier: Apache-2.0 */
/*
 * caisson vm console: this terminal joined to a VM's console by WebSocket. One
 * poll loop per connection; between connections the terminal is back in line
 * mode, so that Ctrl-C works while it tries again. Knows the console's text
 * messages, not the framing.
 */
#include "escape.h"
#include "signals.h"
#include "term.h"
#include "ws.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { PING_MS = 20000, SILENCE_MS = 60000, CLOSE_MS = 5000, BACKOFF_MIN_MS = 500, BACKOFF_MAX_MS = 10000 };

struct console {
	struct cli *cli;
	const char *name;
	bool read_only;     /* as asked for */
	bool tty;           /* standard input is a terminal */
	uint64_t linger_ms; /* after the end of input that is not a terminal */
	struct ws ws;
	struct escape escape;
	bool greeted;    /* the node said hello */
	bool writer;     /* it lets this client type */
	bool was_denied; /* said so once */
	bool left;       /* the person asked to leave */
	bool input_ended;
	bool output_failed;
	uint64_t begun_ms; /* this connection */
	uint64_t pinged_ms;
	uint64_t end_ms; /* when to close after the end of input; 0 while input lasts */
};

/* One line of our own between the guest's, on stderr. */
static void console_say(const struct console *c, const char *text)
{
	fprintf(stderr, c->tty ? "\r\n[%s]\r\n" : "[%s]\n", text);
}

static void console_send_size(struct console *c)
{
	char text[80];
	unsigned columns, rows;
	if (!c->tty || !c->writer || !term_size(&columns, &rows))
		return;
	snprintf(text, sizeof text, "{\"type\":\"resize\",\"cols\":%u,\"rows\":%u}", columns, rows);
	(void)ws_send_text(&c->ws, text);
}

static void console_on_binary(void *context, const char *bytes, size_t length)
{
	struct console *c = context;
	while (length > 0 && !c->output_failed) {
		ssize_t n = write(STDOUT_FILENO, bytes, length);
		if (n < 0 && errno != EINTR && errno != EAGAIN)
			c->output_failed = true;
		if (n < 0 && errno == EAGAIN) {
			struct pollfd p[2] = {{.fd = STDOUT_FILENO, .events = POLLOUT},
			                      {.fd = signals_stop_fd(), .events = POLLIN}};
			(void)poll(p, 2, -1);
			c->output_failed = signals_stopped();
		}
		if (n > 0) {
			bytes += n;
			length -= (size_t)n;
		}
	}
}

static void console_on_text(void *context, const char *text, size_t length)
{
	struct console *c = context;
	yyjson_doc *doc = yyjson_read(text, length, 0);
	yyjson_val *root = yyjson_doc_get_root(doc);
	const char *type = json_text(root, "type", "");
	if (strcmp(type, "hello") == 0) {
		c->greeted = true;
		c->writer = json_true(root, "writer");
		if (!c->writer && !c->read_only)
			console_say(c, "someone else is typing on this console; it is read-only until they leave");
	} else if (strcmp(type, "writer") == 0) {
		c->writer = true;
		if (!c->read_only)
			console_say(c, "the console is free; you can type now");
	}
	if (c->writer)
		console_send_size(c);
	yyjson_doc_free(doc);
}

static const struct ws_handler console_handler = {console_on_binary, console_on_text};

static void console_type(struct console *c, const char *bytes, size_t length)
{
	if (length == 0)
		return;
	if (c->writer && !c->read_only) {
		(void)ws_send_binary(&c->ws, bytes, length);
	} else if (!c->was_denied) {
		c->was_denied = true;
		console_say(c, "read-only: what you type goes nowhere; Ctrl-] . leaves");
	}
}

static void console_keys(struct console *c, const char *in, size_t length)
{
	char out[2 * 1024 + 1];
	while (length > 0 && !c->left) {
		size_t used, n;
		enum escape_action action = escape_filter(&c->escape, in, length, &used, out, &n);
		console_type(c, out, n);
		if (action == ESCAPE_LEAVE)
			c->left = true;
		else if (action == ESCAPE_HELP)
			console_say(c, "Ctrl-] . leaves, Ctrl-] Ctrl-] types Ctrl-], Ctrl-] ? shows this");
		in += used;
		length -= used;
	}
}

static void console_input(struct console *c)
{
	char in[1024];
	ssize_t n = read(STDIN_FILENO, in, sizeof in);
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n <= 0)
		c->input_ended = true;
	else if (c->tty)
		console_keys(c, in, (size_t)n);
	else
		(void)ws_send_binary(&c->ws, in, (size_t)n); /* fits: only called when ws_writable */
	if (c->input_ended && c->tty)
		c->left = true;
}

static void console_signals(struct console *c)
{
	for (int number; (number = signals_next()) != 0;) {
		if (number == SIGTSTP)
			term_suspend();
		if (number == SIGWINCH || number == SIGTSTP || number == SIGCONT)
			console_send_size(c);
	}
}

/* Whether typed or piped bytes are wanted now. */
static bool console_wants_input(const struct console *c)
{
	if (c->input_ended || !ws_writable(&c->ws))
		return false;
	return c->tty || (c->greeted && !c->read_only);
}

static enum cli_exit console_wait(struct console *c)
{
	int sock = conn_fd(c->ws.api->http.conn);
	struct pollfd p[4] = {
	    {.fd = sock, .events = (short)(POLLIN | (ws_output_waits(&c->ws) ? POLLOUT : 0))},
	    {.fd = signals_stop_fd(), .events = POLLIN},
	    {.fd = c->tty ? signals_terminal_fd() : -1, .events = POLLIN},
	    {.fd = console_wants_input(c) ? STDIN_FILENO : -1, .events = POLLIN},
	};
	int timeout = 1000;
	if (c->end_ms && clock_left_ms(c->end_ms) < timeout)
		timeout = clock_left_ms(c->end_ms);
	if (poll(p, 4, conn_pending(c->ws.api->http.conn) ? 0 : timeout) < 0 && errno != EINTR)
		return cli_fail(c->cli, CLI_LOCAL, "poll: %s", strerror(errno));
	if (signals_stopped())
		return cli_fail(c->cli, CLI_INTERRUPTED, "interrupted");
	if (p[2].revents)
		console_signals(c);
	if (p[3].revents)
		console_input(c);
	return CLI_OK;
}

/* Notices a dead peer, and ends the session when its work is done. */
static enum cli_exit console_tick(struct console *c)
{
	uint64_t now = clock_ms();
	if (now - c->ws.heard_ms > SILENCE_MS)
		return cli_fail(c->cli, CLI_NO_CONNECTION, "the node is silent");
	if (!c->greeted && now - c->begun_ms > API_TIMEOUT_MS)
		return cli_fail(c->cli, CLI_NO_CONNECTION, "the node opened the console but does not say hello");
	if (now - c->pinged_ms > PING_MS) {
		c->pinged_ms = now;
		(void)ws_send_ping(&c->ws);
	}
	if (c->output_failed)
		return cli_fail(c->cli, CLI_LOCAL, "cannot write to standard output");
	if (!c->tty && c->greeted && !c->read_only && !c->writer)
		return cli_fail(c->cli, CLI_CONFLICT, "someone else is typing on the console of '%s'; nothing was sent", c->name);
	if (c->input_ended && !c->end_ms)
		c->end_ms = now + c->linger_ms;
	/* Also a person who leaves waits, shortly, for the other end's Close: a socket that is closed with something unread in it is reset, and
	 * the reset can overtake our Close and the last keys. */
	if (!c->ws.close_sent && (c->left || (c->end_ms && now >= c->end_ms))) {
		(void)ws_send_close(&c->ws);
		c->end_ms = now + CLOSE_MS;
	} else if (c->ws.close_sent && c->end_ms && now >= c->end_ms) {
		c->ws.closed = true;
	}
	return CLI_OK;
}

/* One connection, until it is closed or lost. */
static enum cli_exit console_pump(struct console *c)
{
	enum cli_exit code = CLI_OK;
	c->begun_ms = c->pinged_ms = clock_ms();
	while (code == CLI_OK && !c->ws.closed) {
		code = ws_receive(c->cli, &c->ws);
		if (code == CLI_OK)
			code = console_tick(c);
		if (code == CLI_OK)
			code = ws_flush(c->cli, &c->ws);
		if (code == CLI_OK && !c->ws.closed)
			code = console_wait(c);
	}
	return code;
}

static enum cli_exit console_session(struct console *c, const char *path, bool *opened)
{
	struct api api = {0};
	c->greeted = c->writer = c->was_denied = false;
	c->escape = (struct escape){0};
	enum cli_exit code = ws_open(c->cli, &c->ws, &api, path, &console_handler, c);
	*opened = code == CLI_OK;
	if (code == CLI_OK && c->tty && !term_raw())
		code = cli_fail(c->cli, CLI_LOCAL, "cannot set the terminal: %s", strerror(errno));
	if (code == CLI_OK)
		code = console_pump(c);
	term_restore();
	ws_fini(&c->ws);
	api_fini(&api);
	if (code == CLI_OK && !c->left && !c->input_ended)
		code = cli_fail(c->cli, CLI_NO_CONNECTION, "the node closed the console");
	return code;
}

/* A lost connection is taken up again; a refusal that cannot pass is not. */
static enum cli_exit console_run(struct console *c, const char *path)
{
	int backoff = BACKOFF_MIN_MS;
	bool ever = false;
	for (;;) {
		bool opened = false;
		uint64_t begun = clock_ms();
		enum cli_exit code = console_session(c, path, &opened);
		ever = ever || opened;
		bool again = code == CLI_NO_CONNECTION || code == CLI_REFUSED;
		if (c->left || !again || !ever || (!c->tty && !c->read_only))
			return c->left ? CLI_OK : code;
		if (opened && clock_ms() - begun > 2 * BACKOFF_MAX_MS)
			backoff = BACKOFF_MIN_MS;
		fprintf(stderr, "\n[%s; trying again in %d.%d s, Ctrl-C leaves]\n", c->cli->error, backoff / 1000,
		        backoff % 1000 / 100);
		if (signals_sleep(backoff))
			return cli_fail(c->cli, CLI_INTERRUPTED, "interrupted");
		backoff = backoff * 2 < BACKOFF_MAX_MS ? backoff * 2 : BACKOFF_MAX_MS;
	}
}

enum cli_exit cmd_vm_console(struct cli *cli, const struct cli_args *args)
{
	struct console c = {.cli = cli, .name = args->positional[0]};
	char path[320];
	const char *linger = args_option(args, "linger");
	c.read_only = args_option(args, "read-only") != NULL;
	c.tty = isatty(STDIN_FILENO);
	if (linger && !text_parse_ms(linger, &c.linger_ms))
		return cli_fail(cli, CLI_USAGE, "--linger %s: expected a time like 2s or 500ms", linger);
	enum cli_exit code =
	    api_path(cli, "vms", c.name, c.read_only ? "/console?mode=ro" : "/console?mode=rw", path, sizeof path);
	if (code != CLI_OK)
		return code;
	if (c.tty) {
		if (!signals_watch_terminal())
			return cli_fail(cli, CLI_LOCAL, "cannot set up signal handling");
		fprintf(stderr, "[console of %s: Ctrl-] then . leaves, Ctrl-] then ? helps]\n", c.name);
	}
	code = console_run(&c, path);
	if (c.tty)
		fprintf(stderr, "\n[left the console of %s]\n", c.name);
	return code;
}
