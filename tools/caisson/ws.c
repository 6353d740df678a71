/* SPDX-License-Identifier: Apache-2.0 */
/*
 * WebSocket client framing (RFC 6455 section 5) and upgrade (section 4). A
 * frame is never held as a whole unless it is small; lengths from the node are
 * bounded. Runs in the one thread of the command line and never waits.
 */
#include "ws.h"

#include "identity.h"

#include <mbedtls/base64.h>
#include <mbedtls/sha1.h>
#include <stdio.h>
#include <string.h>

enum { WS_CONTINUATION = 0, WS_TEXT = 1, WS_BINARY = 2, WS_CLOSE = 8, WS_PING = 9, WS_PONG = 10 };

static enum cli_exit ws_malformed(struct cli *cli, const char *what)
{
	return cli_fail(cli, CLI_NO_CONNECTION, "the node's WebSocket is not good: %s", what);
}

/* RFC 6455 4.2.2: base64(SHA-1(key + fixed GUID)). */
static bool ws_accept_for(const char *key, char out[32])
{
	unsigned char hash[20];
	char joined[80];
	size_t length;
	snprintf(joined, sizeof joined, "%s258EAFA5-E914-47DA-95CA-C5AB0DC85B11", key);
	return mbedtls_sha1((const unsigned char *)joined, strlen(joined), hash) == 0 &&
	       mbedtls_base64_encode((unsigned char *)out, 32, &length, hash, sizeof hash) == 0;
}

static bool ws_make_key(char out[32])
{
	unsigned char nonce[16];
	size_t length;
	return entropy_random(NULL, nonce, sizeof nonce) == 0 &&
	       mbedtls_base64_encode((unsigned char *)out, 32, &length, nonce, sizeof nonce) == 0;
}

enum cli_exit ws_open(struct cli *cli, struct ws *ws, struct api *api, const char *path, const struct ws_handler *handler,
                      void *context)
{
	char key[32], expected[32], headers[256];
	struct http_response response = {0};
	*ws = (struct ws){.api = api, .handler = handler, .context = context, .output = {.max = WS_OUTPUT_MAX}};
	ws->heard_ms = clock_ms();
	if (!ws_make_key(key) || !ws_accept_for(key, expected))
		return cli_fail(cli, CLI_LOCAL, "no randomness from the kernel");
	snprintf(headers, sizeof headers,
	         "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\n", key);
	const struct http_request request = {.method = "GET", .path = path, .headers = headers, .timeout_ms = API_TIMEOUT_MS};
	enum cli_exit code = api_begin(cli, api, &request, &response);
	if (code != CLI_OK)
		return code;
	if (response.status != 101)
		return ws_malformed(cli, "it did not switch protocols");
	if (strcmp(response.ws_accept, expected) != 0)
		return ws_malformed(cli, "Sec-WebSocket-Accept does not match");
	return CLI_OK;
}

static bool ws_send_frame(struct ws *ws, unsigned opcode, const char *bytes, size_t length)
{
	unsigned char head[14];
	size_t n = 2;
	head[0] = (unsigned char)(0x80 | opcode);
	if (length < 126) {
		head[1] = (unsigned char)(0x80 | length);
	} else if (length < 65536) {
		head[1] = 0x80 | 126;
		head[2] = (unsigned char)(length >> 8);
		head[3] = (unsigned char)length;
		n = 4;
	} else {
		return false; /* callers send small pieces */
	}
	unsigned char *mask = head + n;
	if (ws->close_sent || ws->output.length + n + 4 + length > WS_OUTPUT_MAX || entropy_random(NULL, mask, 4) != 0 ||
	    !buffer_append(&ws->output, head, n + 4))
		return false;
	size_t start = ws->output.length;
	if (!buffer_append(&ws->output, bytes, length)) {
		ws->output.length = start - n - 4;
		return false;
	}
	for (size_t i = 0; i < length; i++)
		ws->output.data[start + i] = (char)(ws->output.data[start + i] ^ mask[i & 3]);
	return true;
}

bool ws_writable(const struct ws *ws)
{
	return ws->output.length < WS_OUTPUT_HIGH;
}

bool ws_output_waits(const struct ws *ws)
{
	return ws->output.length > 0;
}

bool ws_send_binary(struct ws *ws, const char *bytes, size_t length)
{
	return ws_send_frame(ws, WS_BINARY, bytes, length);
}

bool ws_send_text(struct ws *ws, const char *text)
{
	return ws_send_frame(ws, WS_TEXT, text, strlen(text));
}

bool ws_send_ping(struct ws *ws)
{
	return ws_send_frame(ws, WS_PING, "", 0);
}

bool ws_send_close(struct ws *ws)
{
	bool ok = ws_send_frame(ws, WS_CLOSE, "\x03\xe8", 2); /* 1000, normal closure */
	ws->close_sent = true;
	return ok;
}

enum cli_exit ws_flush(struct cli *cli, struct ws *ws)
{
	while (ws->output.length > 0) {
		/* After "again" mbedTLS must be given the same length, or it drops what was added since. */
		size_t n = ws->in_flight ? ws->in_flight : ws->output.length < 8192 ? ws->output.length : 8192;
		size_t done = 0;
		enum cli_exit code = CLI_OK;
		enum conn_status status = conn_try_write(cli, ws->api->http.conn, ws->output.data, n, &done, &code);
		if (status == CONN_AGAIN) {
			ws->in_flight = n;
			return CLI_OK;
		}
		if (status != CONN_DATA)
			return code;
		ws->in_flight = 0;
		buffer_consume(&ws->output, done);
	}
	return CLI_OK;
}

/* Total size of the frame header, known from its first two bytes. */
static size_t ws_head_size(const unsigned char *head)
{
	unsigned length = head[1] & 0x7f;
	return length == 127 ? 10 : length == 126 ? 4 : 2;
}

static enum cli_exit ws_start_frame(struct cli *cli, struct ws *ws)
{
	const unsigned char *h = ws->head;
	ws->final = (h[0] & 0x80) != 0;
	ws->opcode = h[0] & 0x0f;
	if (h[0] & 0x70)
		return ws_malformed(cli, "reserved bits are set");
	if (h[1] & 0x80)
		return ws_malformed(cli, "a server must not mask");
	ws->left = h[1] & 0x7f;
	if (ws->left >= 126) {
		size_t n = ws->left == 126 ? 2 : 8;
		ws->left = 0;
		for (size_t i = 0; i < n; i++)
			ws->left = ws->left << 8 | h[2 + i];
	}
	if (ws->opcode >= WS_CLOSE) {
		ws->control_length = 0;
		if (!ws->final || ws->left > 125 || ws->opcode > WS_PONG)
			return ws_malformed(cli, "a control frame is not one");
	} else if (ws->opcode == WS_CONTINUATION) {
		if (!ws->message)
			return ws_malformed(cli, "a continuation of nothing");
	} else {
		if (ws->message || ws->opcode > WS_BINARY)
			return ws_malformed(cli, "an unexpected kind of frame");
		ws->message = ws->opcode;
		ws->text_length = 0;
	}
	ws->in_payload = true;
	return CLI_OK;
}

static void ws_end_frame(struct ws *ws)
{
	ws->in_payload = false;
	ws->head_length = 0;
	if (ws->opcode == WS_PING) {
		(void)ws_send_frame(ws, WS_PONG, ws->control, ws->control_length);
	} else if (ws->opcode == WS_CLOSE) {
		if (!ws->close_sent)
			(void)ws_send_close(ws);
		ws->closed = true;
	} else if (ws->opcode < WS_CLOSE && ws->final) {
		if (ws->message == WS_TEXT) {
			ws->text[ws->text_length] = '\0';
			ws->handler->text(ws->context, ws->text, ws->text_length);
		}
		ws->message = 0;
	}
}

static enum cli_exit ws_payload(struct cli *cli, struct ws *ws, const char *bytes, size_t length)
{
	if (ws->opcode >= WS_CLOSE) {
		memcpy(ws->control + ws->control_length, bytes, length); /* at most 125, checked with the header */
		ws->control_length += length;
	} else if (ws->message == WS_BINARY) {
		ws->handler->binary(ws->context, bytes, length);
	} else {
		if (length > WS_TEXT_MAX - ws->text_length)
			return ws_malformed(cli, "a text message is too long");
		memcpy(ws->text + ws->text_length, bytes, length);
		ws->text_length += length;
	}
	return CLI_OK;
}

static enum cli_exit ws_parse(struct cli *cli, struct ws *ws, const char *bytes, size_t length)
{
	enum cli_exit code = CLI_OK;
	ws->heard_ms = clock_ms();
	while (code == CLI_OK && !ws->closed && length > 0) {
		size_t n = 1;
		if (!ws->in_payload) {
			ws->head[ws->head_length++] = (unsigned char)*bytes;
			if (ws->head_length >= 2 && ws->head_length == ws_head_size(ws->head))
				code = ws_start_frame(cli, ws);
		} else {
			n = ws->left < length ? (size_t)ws->left : length;
			code = ws_payload(cli, ws, bytes, n);
			ws->left -= n;
		}
		bytes += n;
		length -= n;
		if (code == CLI_OK && ws->in_payload && ws->left == 0)
			ws_end_frame(ws);
	}
	return code;
}

enum cli_exit ws_receive(struct cli *cli, struct ws *ws)
{
	struct buffer *early = &ws->api->http.input; /* what came with the answer to the upgrade */
	enum cli_exit code = CLI_OK;
	char chunk[8192];
	if (early->length > 0) {
		code = ws_parse(cli, ws, early->data, early->length);
		buffer_consume(early, early->length);
	}
	while (code == CLI_OK && !ws->closed) {
		size_t got = 0;
		enum conn_status status = conn_try_read(cli, ws->api->http.conn, chunk, sizeof chunk, &got, &code);
		if (status == CONN_AGAIN)
			break;
		if (status == CONN_END) /* without a Close: what was on its way may be lost (RFC 6455 7.1.5, code 1006) */
			code = cli_fail(cli, CLI_NO_CONNECTION, "the node ended the connection without closing the console");
		else if (status == CONN_DATA)
			code = ws_parse(cli, ws, chunk, got);
	}
	return code;
}

void ws_fini(struct ws *ws)
{
	buffer_free(&ws->output);
}
