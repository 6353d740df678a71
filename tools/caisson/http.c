/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP/1.1 client; see http.h. The node is trusted to be itself, not to be
 * right: every length is bounded and a malformed answer ends the request with
 * a sentence. Runs in the one thread of the command line.
 */
#include "http.h"

#include <ctype.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static uint64_t http_deadline(int timeout_ms)
{
	return clock_ms() + (uint64_t)timeout_ms;
}

void http_init(struct http *h, struct conn *conn, const char *host, const char *port)
{
	*h = (struct http){.conn = conn, .input = {.max = HTTP_HEAD_MAX + 32768}};
	bool v6 = strchr(host, ':') != NULL;
	snprintf(h->host, sizeof h->host, "%s%s%s:%s", v6 ? "[" : "", host, v6 ? "]" : "", port);
}

void http_close(struct http *h)
{
	conn_close(h->conn);
	h->conn = NULL;
	buffer_free(&h->input);
}

static enum cli_exit http_malformed(struct cli *cli, const char *what)
{
	return cli_fail(cli, CLI_NO_CONNECTION, "the node's answer is not good HTTP/1.1: %s", what);
}

/* Waits for and takes in more bytes; *ended when the other end closed. */
static enum cli_exit http_fill(struct cli *cli, struct http *h, uint64_t deadline, bool *ended)
{
	char chunk[16384];
	size_t got = 0;
	enum cli_exit code = conn_read(cli, h->conn, chunk, sizeof chunk, deadline, &got);
	if (code != CLI_OK)
		return code;
	*ended = got == 0;
	if (!buffer_append(&h->input, chunk, got))
		return http_malformed(cli, "more than was asked for");
	return CLI_OK;
}

/* Takes in what is there without waiting: an early answer to an upload. */
static bool http_answer_waits(struct cli *cli, struct http *h, enum cli_exit *code)
{
	char chunk[4096];
	size_t got = 0;
	if (conn_try_read(cli, h->conn, chunk, sizeof chunk, &got, code) == CONN_DATA)
		(void)buffer_append(&h->input, chunk, got);
	return h->input.length > 0;
}

/* Sends one piece of an upload; *answered when the node spoke first and the rest is not wanted. */
static enum cli_exit http_send_piece(struct cli *cli, struct http *h, const char *bytes, size_t size, int timeout_ms,
                                     bool *answered)
{
	uint64_t deadline = http_deadline(timeout_ms);
	while (size > 0) {
		enum cli_exit code = CLI_OK;
		enum cli_exit read_code = CLI_OK;
		size_t done = 0;
		enum conn_status status = conn_try_write(cli, h->conn, bytes, size, &done, &code);
		*answered = http_answer_waits(cli, h, &read_code);
		if (*answered)
			return CLI_OK;
		if (read_code != CLI_OK) /* an alert says more than a broken pipe */
			return read_code;
		if (status == CONN_AGAIN)
			code = conn_wait(cli, h->conn, POLLIN | POLLOUT, deadline);
		if (code != CLI_OK)
			return code;
		if (done > 0)
			deadline = http_deadline(timeout_ms);
		bytes += done;
		size -= done;
	}
	return CLI_OK;
}

static enum cli_exit http_send_pulled(struct cli *cli, struct http *h, const struct http_request *request)
{
	uint64_t left = request->pull_size;
	char *chunk = malloc(16384);
	if (!chunk)
		return cli_fail(cli, CLI_LOCAL, "out of memory");
	enum cli_exit code = CLI_OK;
	bool answered = false;
	while (left > 0 && code == CLI_OK && !answered) {
		size_t got = 0;
		if (!request->pull(cli, request->pull_context, chunk, left < 16384 ? (size_t)left : 16384, &got) || got == 0) {
			code = CLI_LOCAL;
		} else {
			code = http_send_piece(cli, h, chunk, got, request->timeout_ms, &answered);
			left -= got;
		}
	}
	free(chunk);
	return code;
}

static enum cli_exit http_send(struct cli *cli, struct http *h, const struct http_request *request)
{
	struct buffer head = {.max = HTTP_HEAD_MAX};
	uint64_t size = request->pull ? request->pull_size : request->body_size;
	bool ok = buffer_printf(&head, "%s %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: caisson/" CAISSON_VERSION "\r\n%s",
	                        request->method, request->path, h->host, request->headers ? request->headers : "");
	if (ok && request->content_type)
		ok = buffer_printf(&head, "Content-Type: %s\r\nContent-Length: %llu\r\n", request->content_type,
		                   (unsigned long long)size);
	else if (ok && strcmp(request->method, "POST") == 0)
		ok = buffer_printf(&head, "Content-Length: 0\r\n");
	ok = ok && buffer_append(&head, "\r\n", 2);
	if (ok && request->body && request->body_size <= 4096) { /* one record for what is small */
		head.max += request->body_size;
		ok = buffer_append(&head, request->body, request->body_size);
	}
	if (!ok) {
		buffer_free(&head);
		return cli_fail(cli, CLI_USAGE, "the request is too long");
	}
	bool answered = false;
	enum cli_exit code = http_send_piece(cli, h, head.data, head.length, request->timeout_ms, &answered);
	buffer_free(&head);
	if (code == CLI_OK && !answered && request->body && request->body_size > 4096)
		code = http_send_piece(cli, h, request->body, request->body_size, request->timeout_ms, &answered);
	if (code == CLI_OK && !answered && request->pull)
		code = http_send_pulled(cli, h, request);
	return code;
}

static void http_copy(char *out, size_t size, const char *value, size_t length)
{
	if (length >= size)
		length = size - 1;
	memcpy(out, value, length);
	out[length] = '\0';
}

static bool http_parse_length(const char *value, size_t length, uint64_t *out)
{
	char text[24];
	if (length >= sizeof text)
		return false;
	http_copy(text, sizeof text, value, length);
	return text_parse_u64(text, INT64_MAX, out);
}

/* One header line without its CRLF. */
static bool http_header(struct http *h, struct http_response *r, const char *line, size_t length)
{
	const char *colon = memchr(line, ':', length);
	if (!colon || colon == line)
		return false;
	size_t name = (size_t)(colon - line);
	const char *value = colon + 1;
	const char *end = line + length;
	while (value < end && (*value == ' ' || *value == '\t'))
		value++;
	while (end > value && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	size_t n = (size_t)(end - value);
#define IS(s) (name == sizeof(s) - 1 && strncasecmp(line, s, name) == 0)
	if (IS("Content-Length")) {
		if (!http_parse_length(value, n, &h->left))
			return false;
		if (h->kind != HTTP_BODY_CHUNKED) /* RFC 9112 6.3: Transfer-Encoding wins */
			h->kind = HTTP_BODY_LENGTH;
	} else if (IS("Transfer-Encoding")) {
		if (n != 7 || strncasecmp(value, "chunked", 7) != 0)
			return false;
		h->kind = HTTP_BODY_CHUNKED;
	} else if (IS("Content-Type")) {
		const char *semicolon = memchr(value, ';', n);
		http_copy(r->content_type, sizeof r->content_type, value, semicolon ? (size_t)(semicolon - value) : n);
		for (char *p = r->content_type; *p; p++)
			*p = (char)tolower((unsigned char)*p);
	} else if (IS("Connection")) {
		r->close = r->close || (n == 5 && strncasecmp(value, "close", 5) == 0);
	} else if (IS("Retry-After")) {
		http_copy(r->retry_after, sizeof r->retry_after, value, n);
	} else if (IS("Sec-WebSocket-Accept")) {
		http_copy(r->ws_accept, sizeof r->ws_accept, value, n);
	}
#undef IS
	return true;
}

/* "HTTP/1.1 200 OK" */
static bool http_status_line(struct http_response *r, const char *line, size_t length)
{
	if (length < 12 || memcmp(line, "HTTP/1.", 7) != 0 || !isdigit((unsigned char)line[7]) || line[8] != ' ')
		return false;
	for (int i = 9; i < 12; i++)
		if (!isdigit((unsigned char)line[i]))
			return false;
	if (length > 12 && line[12] != ' ')
		return false;
	r->status = (line[9] - '0') * 100 + (line[10] - '0') * 10 + (line[11] - '0');
	r->close = line[7] == '0';
	return r->status >= 100 && r->status < 600;
}

/* head: up to and with the empty line. */
static bool http_parse_head(struct http *h, struct http_response *r, const char *head, size_t length)
{
	const char *end = head + length;
	bool first = true;
	*r = (struct http_response){0};
	h->kind = HTTP_BODY_TO_CLOSE;
	h->left = 0;
	h->chunk_open = false;
	h->ended = false;
	while (head < end) {
		const char *line_end = memchr(head, '\n', (size_t)(end - head));
		if (!line_end || line_end == head || line_end[-1] != '\r')
			return false;
		size_t n = (size_t)(line_end - head) - 1;
		if (n == 0)
			break;
		if (memchr(head, '\0', n) || !(first ? http_status_line(r, head, n) : http_header(h, r, head, n)))
			return false;
		first = false;
		head = line_end + 1;
	}
	if (r->status < 200 || r->status == 204 || r->status == 304)
		h->kind = HTTP_BODY_NONE;
	if (h->kind == HTTP_BODY_CHUNKED)
		h->left = 0;
	if (h->kind == HTTP_BODY_TO_CLOSE)
		r->close = true;
	h->ended = h->kind == HTTP_BODY_NONE || (h->kind == HTTP_BODY_LENGTH && h->left == 0);
	return !first;
}

static enum cli_exit http_read_head(struct cli *cli, struct http *h, int timeout_ms, struct http_response *response)
{
	uint64_t deadline = http_deadline(timeout_ms);
	for (;;) {
		char *end = h->input.length ? memmem(h->input.data, h->input.length, "\r\n\r\n", 4) : NULL;
		if (end) {
			size_t length = (size_t)(end - h->input.data) + 4;
			if (!http_parse_head(h, response, h->input.data, length))
				return http_malformed(cli, "the header cannot be read");
			buffer_consume(&h->input, length);
			return CLI_OK;
		}
		if (h->input.length > HTTP_HEAD_MAX)
			return http_malformed(cli, "the header is too long");
		bool ended = false;
		enum cli_exit code = http_fill(cli, h, deadline, &ended);
		if (code != CLI_OK)
			return code;
		if (ended)
			return cli_fail(cli, CLI_NO_CONNECTION, "the node closed the connection without an answer");
	}
}

enum cli_exit http_begin(struct cli *cli, struct http *h, const struct http_request *request, struct http_response *response)
{
	enum cli_exit code = http_send(cli, h, request);
	for (int interim = 0; code == CLI_OK; interim++) {
		code = http_read_head(cli, h, request->timeout_ms, response);
		if (code == CLI_OK && (response->status >= 200 || response->status == 101))
			break;
		if (interim > 8)
			return http_malformed(cli, "too many interim answers");
	}
	return code;
}

/* Makes sure that a whole line is at the front of the input; *length without CRLF. */
static enum cli_exit http_need_line(struct cli *cli, struct http *h, uint64_t deadline, size_t *length)
{
	for (;;) {
		char *end = h->input.length ? memmem(h->input.data, h->input.length, "\r\n", 2) : NULL;
		if (end) {
			*length = (size_t)(end - h->input.data);
			return CLI_OK;
		}
		if (h->input.length > 4096)
			return http_malformed(cli, "a chunk size is too long");
		bool ended = false;
		enum cli_exit code = http_fill(cli, h, deadline, &ended);
		if (code != CLI_OK)
			return code;
		if (ended)
			return cli_fail(cli, CLI_NO_CONNECTION, "the node closed the connection in the middle of an answer");
	}
}

/* RFC 9112 7.1: size in hex, extensions ignored. */
static bool http_chunk_size(const char *line, size_t length, uint64_t *size)
{
	uint64_t v = 0;
	size_t i = 0;
	for (; i < length && isxdigit((unsigned char)line[i]); i++) {
		if (i >= 8)
			return false;
		char c = (char)tolower((unsigned char)line[i]);
		v = v * 16 + (uint64_t)(c <= '9' ? c - '0' : c - 'a' + 10);
	}
	*size = v;
	return i > 0 && (i == length || line[i] == ';' || line[i] == ' ');
}

static enum cli_exit http_next_chunk(struct cli *cli, struct http *h, uint64_t deadline)
{
	size_t length = 0;
	enum cli_exit code = CLI_OK;
	if (h->chunk_open) {
		code = http_need_line(cli, h, deadline, &length);
		if (code == CLI_OK && length != 0)
			return http_malformed(cli, "a chunk is longer than it says");
		if (code == CLI_OK)
			buffer_consume(&h->input, 2);
		h->chunk_open = false;
	}
	if (code == CLI_OK)
		code = http_need_line(cli, h, deadline, &length);
	if (code != CLI_OK)
		return code;
	if (!http_chunk_size(h->input.data, length, &h->left))
		return http_malformed(cli, "a chunk size cannot be read");
	buffer_consume(&h->input, length + 2);
	if (h->left > 0) {
		h->chunk_open = true;
		return CLI_OK;
	}
	do { /* trailers, ended by an empty line */
		code = http_need_line(cli, h, deadline, &length);
		if (code != CLI_OK)
			return code;
		buffer_consume(&h->input, length + 2);
	} while (length > 0);
	h->ended = true;
	return CLI_OK;
}

enum cli_exit http_read_body(struct cli *cli, struct http *h, void *bytes, size_t size, int timeout_ms, size_t *got)
{
	uint64_t deadline = http_deadline(timeout_ms);
	enum cli_exit code = CLI_OK;
	*got = 0;
	if (!h->ended && h->kind == HTTP_BODY_CHUNKED && h->left == 0)
		code = http_next_chunk(cli, h, deadline);
	if (code != CLI_OK || h->ended)
		return code;
	if (h->input.length == 0) {
		bool ended = false;
		code = http_fill(cli, h, deadline, &ended);
		if (code != CLI_OK)
			return code;
		if (ended && h->kind != HTTP_BODY_TO_CLOSE)
			return cli_fail(cli, CLI_NO_CONNECTION, "the node closed the connection in the middle of an answer");
		h->ended = ended;
	}
	size_t n = h->input.length < size ? h->input.length : size;
	if (h->kind != HTTP_BODY_TO_CLOSE && n > h->left)
		n = (size_t)h->left;
	if (n > 0)
		memcpy(bytes, h->input.data, n);
	buffer_consume(&h->input, n);
	if (h->kind != HTTP_BODY_TO_CLOSE)
		h->left -= n;
	if (h->kind == HTTP_BODY_LENGTH && h->left == 0)
		h->ended = true;
	*got = n;
	return CLI_OK;
}

enum cli_exit http_read_all(struct cli *cli, struct http *h, int timeout_ms, struct buffer *body)
{
	char chunk[8192];
	for (;;) {
		size_t got = 0;
		enum cli_exit code = http_read_body(cli, h, chunk, sizeof chunk, timeout_ms, &got);
		if (code != CLI_OK || got == 0)
			return code;
		if (!buffer_append(body, chunk, got))
			return http_malformed(cli, "the body is too long");
	}
}
