/* SPDX-License-Identifier: Apache-2.0 */
/*
 * caisson events: follows GET /v1/events (server-sent events) and takes a lost
 * connection up again where it broke, by Last-Event-ID. Runs until interrupted
 * or until --count events were shown.
 */
#include "api.h"
#include "signals.h"

#include <stdio.h>
#include <string.h>

/* The node sends a comment every 15 s; three missed ones mean that it is gone. */
enum { EVENTS_SILENCE_MS = 45000, EVENTS_LINE_MAX = 64 * 1024, EVENTS_BACKOFF_MIN_MS = 500, EVENTS_BACKOFF_MAX_MS = 10000 };

struct follower {
	struct cli *cli;
	struct buffer line; /* not yet ended by a newline */
	struct buffer data;
	char type[64];
	char id[32]; /* of the event being read */
	char last_id[32];
	uint64_t left; /* events still to show; UINT64_MAX without --count */
	bool heard;    /* something came on this connection */
};

static void events_show(const struct follower *f)
{
	char out[600], line[600];
	yyjson_doc *doc = yyjson_read(f->data.data, f->data.length, 0);
	yyjson_val *root = yyjson_doc_get_root(doc);
	const char *state = json_text(root, "state", "");
	const char *reason = json_text(root, "reason", "");
	snprintf(line, sizeof line, "%-24s %-16s %-20s %s%s%s%s", json_text(root, "time", "-"),
	         f->type[0] ? f->type : json_text(root, "type", "-"), json_text(root, "object", "-"), state, *reason ? " (" : "",
	         reason, *reason ? ")" : "");
	text_mask(line, strlen(line), out, sizeof out);
	size_t length = strlen(out);
	while (length > 0 && out[length - 1] == ' ')
		out[--length] = '\0';
	puts(out);
	yyjson_doc_free(doc);
}

/* An empty line ends an event (WHATWG HTML 9.2.6). */
static void events_dispatch(struct follower *f)
{
	if (f->id[0])
		memcpy(f->last_id, f->id, sizeof f->last_id);
	if (strcmp(f->type, "lost") == 0)
		fprintf(stderr, "caisson: some events are gone; the node keeps only the latest ones\n");
	if (f->data.length > 0 && f->left > 0) {
		if (f->cli->json)
			printf("%s\n", f->data.data);
		else if (strcmp(f->type, "lost") != 0)
			events_show(f);
		fflush(stdout);
		if (f->left != UINT64_MAX && strcmp(f->type, "lost") != 0)
			f->left--;
	}
	f->type[0] = '\0';
	f->id[0] = '\0';
	buffer_consume(&f->data, f->data.length);
}

static void events_copy(char *out, size_t size, const char *value)
{
	size_t n = strnlen(value, size - 1);
	memcpy(out, value, n);
	out[n] = '\0';
}

static bool events_line(struct follower *f, char *line)
{
	uint64_t number;
	if (line[0] == '\0') {
		events_dispatch(f);
		return true;
	}
	char *colon = strchr(line, ':');
	if (!colon || colon == line)
		return true; /* a comment, or a field without a value */
	*colon = '\0';
	const char *value = colon + 1 + (colon[1] == ' ');
	if (strcmp(line, "data") == 0)
		return (f->data.length == 0 || buffer_append(&f->data, "\n", 1)) && buffer_append(&f->data, value, strlen(value));
	if (strcmp(line, "event") == 0)
		events_copy(f->type, sizeof f->type, value);
	else if (strcmp(line, "id") == 0 && text_parse_u64(value, UINT64_MAX, &number)) /* it goes back in a header */
		events_copy(f->id, sizeof f->id, value);
	return true;
}

/* Cuts the stream into lines; false when one is too long. */
static bool events_feed(struct follower *f, const char *bytes, size_t length)
{
	while (length > 0 && f->left > 0) {
		const char *end = memchr(bytes, '\n', length);
		size_t n = end ? (size_t)(end - bytes) : length;
		if (!buffer_append(&f->line, bytes, n))
			return false;
		if (!end)
			return true;
		if (f->line.length > 0 && f->line.data[f->line.length - 1] == '\r')
			f->line.data[--f->line.length] = '\0';
		if (memchr(f->line.data, '\0', f->line.length) || !events_line(f, f->line.data))
			return false;
		buffer_consume(&f->line, f->line.length);
		bytes += n + 1;
		length -= n + 1;
	}
	return true;
}

static enum cli_exit events_stream(struct follower *f, struct api *api)
{
	char chunk[8192], headers[96];
	struct http_response response = {0};
	snprintf(headers, sizeof headers, "Accept: text/event-stream\r\n%s%s%s", f->last_id[0] ? "Last-Event-ID: " : "",
	         f->last_id, f->last_id[0] ? "\r\n" : "");
	const struct http_request request = {
	    .method = "GET", .path = "/v1/events", .headers = headers, .timeout_ms = API_TIMEOUT_MS};
	enum cli_exit code = api_begin(f->cli, api, &request, &response);
	if (code == CLI_OK && strcmp(response.content_type, "text/event-stream") != 0)
		return cli_fail(f->cli, CLI_REFUSED, "the node does not answer with events");
	buffer_consume(&f->line, f->line.length);
	buffer_consume(&f->data, f->data.length);
	f->type[0] = f->id[0] = '\0';
	f->heard = f->heard || code == CLI_OK;
	while (code == CLI_OK && f->left > 0) {
		size_t got = 0;
		code = http_read_body(f->cli, &api->http, chunk, sizeof chunk, EVENTS_SILENCE_MS, &got);
		if (code == CLI_OK && got == 0)
			return cli_fail(f->cli, CLI_NO_CONNECTION, "the node closed the stream of events");
		if (code == CLI_OK && !events_feed(f, chunk, got))
			return cli_fail(f->cli, CLI_NO_CONNECTION, "the node sent something that is not an event");
	}
	return code;
}

static enum cli_exit events_follow(struct follower *f)
{
	int backoff = EVENTS_BACKOFF_MIN_MS;
	for (;;) {
		struct api api = {0};
		char before[sizeof f->last_id];
		memcpy(before, f->last_id, sizeof before);
		enum cli_exit code = events_stream(f, &api);
		api_fini(&api);
		bool again = code == CLI_NO_CONNECTION || (code == CLI_REFUSED && f->heard);
		if (code == CLI_OK || !again || !f->heard)
			return code;
		if (strcmp(before, f->last_id) != 0)
			backoff = EVENTS_BACKOFF_MIN_MS;
		fprintf(stderr, "caisson: %s; trying again\n", f->cli->error);
		if (signals_sleep(backoff))
			return cli_fail(f->cli, CLI_INTERRUPTED, "interrupted");
		backoff = backoff * 2 < EVENTS_BACKOFF_MAX_MS ? backoff * 2 : EVENTS_BACKOFF_MAX_MS;
	}
}

enum cli_exit cmd_events(struct cli *cli, const struct cli_args *args)
{
	struct follower f = {.cli = cli, .left = UINT64_MAX};
	uint64_t number;
	const char *since = args_option(args, "since");
	const char *count = args_option(args, "count");
	f.line.max = f.data.max = EVENTS_LINE_MAX;
	if (since && !text_parse_u64(since, UINT64_MAX, &number))
		return cli_fail(cli, CLI_USAGE, "--since %s: expected the number of an event", since);
	if (since)
		snprintf(f.last_id, sizeof f.last_id, "%llu", (unsigned long long)number);
	if (count && (!text_parse_u64(count, INT32_MAX, &f.left) || f.left == 0))
		return cli_fail(cli, CLI_USAGE, "--count %s: expected a number from 1", count);
	enum cli_exit code = events_follow(&f);
	buffer_free(&f.line);
	buffer_free(&f.data);
	return code;
}
