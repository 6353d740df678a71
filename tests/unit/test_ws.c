/* SPDX-License-Identifier: Apache-2.0 */
/* WebSocket framing: messages in every way of cutting them, control frames in between, and each breach of RFC 6455 with its
 * close code. Pure code, no fakes. */
#include "../../net/http/ws.h"
#include "tap.h"
#include <stdlib.h>

static uint8_t wire[70000];
static size_t wire_len;

/* A client's frame: masked. */
static void put_frame(unsigned first, const void *payload, size_t n)
{
	static const uint8_t key[4] = { 0x12, 0x34, 0x56, 0x78 };
	uint8_t header[10];
	size_t h = ws_header_write(header, WS_OP_BINARY, n);

	header[0] = (uint8_t)first;
	header[1] |= 0x80;
	memcpy(wire + wire_len, header, h);
	memcpy(wire + wire_len + h, key, 4);
	wire_len += h + 4;
	for (size_t i = 0; i < n; i++)
		wire[wire_len++] = ((const uint8_t *)payload)[i] ^ key[i & 3];
}

static void put_text(unsigned first, const char *text)
{
	put_frame(first, text, strlen(text));
}

static struct ws_decoder d;
static uint8_t *message;
static size_t message_cap;

/* Feeds the wire in steps until an event; *at goes on from the last one. */
static enum ws_event next_event(size_t *at, size_t step, size_t max)
{
	for (;;) {
		size_t used, n = step < wire_len - *at ? step : wire_len - *at;
		enum ws_event ev = ws_decode(&d, wire + *at, n, &used, message, message_cap, max);

		*at += used;
		if (ev != WS_EV_MORE)
			return ev;
		if (used < n) {
			message_cap = message_cap * 2 < max ? message_cap * 2 + 1 : max;
			message = realloc(message, message_cap);
		} else if (*at == wire_len) {
			return WS_EV_MORE;
		}
	}
}

static void start(void)
{
	ws_decoder_init(&d);
	wire_len = 0;
	free(message);
	message = NULL;
	message_cap = 0;
}

static void messages(size_t step)
{
	size_t at = 0;

	start();
	put_text(0x81, "hello");
	put_text(0x01, "gr\xc3");
	put_text(0x89, "ping");
	put_text(0x80, "\xbc\xc3\x9f");
	put_text(0x82, "");
	put_frame(0x88, "\x03\xe8" "bye", 5);
	ok(next_event(&at, step, 100) == WS_EV_MESSAGE && d.message_len == 5 && !memcmp(message, "hello", 5), "a message, in steps of %zu", step);
	ws_decoder_next(&d);
	ok(next_event(&at, step, 100) == WS_EV_PING && d.control_len == 4 && !memcmp(d.control, "ping", 4), "a ping between fragments");
	ok(next_event(&at, step, 100) == WS_EV_MESSAGE && d.message_len == 6 && !memcmp(message, "gr\xc3\xbc\xc3\x9f", 6) && d.message_type == WS_OP_TEXT,
	   "fragments, cut inside a character");
	ws_decoder_next(&d);
	ok(next_event(&at, step, 100) == WS_EV_MESSAGE && d.message_len == 0 && d.message_type == WS_OP_BINARY, "an empty message");
	ws_decoder_next(&d);
	ok(next_event(&at, step, 100) == WS_EV_CLOSE && d.code == 1000 && at == wire_len, "close");
}

static void test_lengths(void)
{
	static const size_t lens[] = { 125, 126, 65535, 65536 };
	static uint8_t data[65536];

	for (size_t i = 0; i < 4; i++) {
		size_t at = 0;

		start();
		memset(data, (int)i + 1, sizeof data);
		put_frame(0x82, data, lens[i]);
		ok(next_event(&at, 1000, 65536) == WS_EV_MESSAGE && d.message_len == lens[i] && !memcmp(message, data, lens[i]), "%zu bytes", lens[i]);
	}
	for (size_t i = 0; i < 4; i++) {
		size_t at = 0;

		start();
		put_frame(0x82, data, lens[i]);
		ok(next_event(&at, 1000, lens[i] - 1) == WS_EV_ERROR && d.code == 1009, "%zu bytes are one too many", lens[i]);
	}
}

/* Raw bytes and the close code they earn. */
static const struct { const char *bytes; size_t len; unsigned code; const char *name; } breaches[] = {
	{ "\x81\x05hello", 7, 1002, "not masked" },
	{ "\xc1\x80\0\0\0\0", 6, 1002, "a reserved bit" },
	{ "\x83\x80\0\0\0\0", 6, 1002, "a reserved opcode" },
	{ "\x8b\x80\0\0\0\0", 6, 1002, "a reserved control opcode" },
	{ "\x09\x80\0\0\0\0", 6, 1002, "a fragmented ping" },
	{ "\x89\xfe\0\x7e\0\0\0\0", 8, 1002, "a long ping" },
	{ "\x80\x80\0\0\0\0", 6, 1002, "continuation of nothing" },
	{ "\x01\x80\0\0\0\0\x81\x80\0\0\0\0", 12, 1002, "a new message inside of another" },
	{ "\x82\xfe\0\x7d\0\0\0\0", 8, 1002, "16-bit length for 125" },
	{ "\x82\xff\0\0\0\0\0\0\xff\xff\0\0\0\0", 14, 1002, "64-bit length for 65535" },
	{ "\x82\xff\x80\0\0\0\0\0\0\0\0\0\0\0", 14, 1002, "a length with its top bit set" },
	{ "\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff\0\0\0\0", 14, 1009, "a length of nearly 2^63" },
	{ "\x81\x81\0\0\0\0\xff", 7, 1007, "text that is not UTF-8" },
	{ "\x81\x82\0\0\0\0\xc3\x28", 8, 1007, "a broken character" },
	{ "\x81\x81\0\0\0\0\xc3", 7, 1007, "half a character at the end" },
	{ "\x81\x83\0\0\0\0\xed\xa0\x80", 9, 1007, "a surrogate" },
	{ "\x88\x81\0\0\0\0\x03", 7, 1002, "a close of one byte" },
	{ "\x88\x82\0\0\0\0\x03\xed", 8, 1002, "close code 1005" },
	{ "\x88\x82\0\0\0\0\x03\xe7", 8, 1002, "close code 999" },
	{ "\x88\x83\0\0\0\0\x03\xe8\xff", 9, 1007, "a close reason that is not UTF-8" },
};

static void test_breaches(void)
{
	for (size_t i = 0; i < sizeof breaches / sizeof breaches[0]; i++)
		for (size_t step = 1; step < 100; step += 98) {
			size_t at = 0;
			enum ws_event ev;

			start();
			memcpy(wire, breaches[i].bytes, breaches[i].len);
			wire_len = breaches[i].len;
			ev = next_event(&at, step, 1000);
			ok(ev == WS_EV_ERROR && d.code == breaches[i].code, "%s: %u", breaches[i].name, breaches[i].code);
		}
}

static void test_rest(void)
{
	size_t at = 0;

	start();
	put_frame(0x88, "", 0);
	ok(next_event(&at, 1, 10) == WS_EV_CLOSE && d.code == WS_CODE_NONE, "a close without a code");
	ok(ws_code_valid(1000) && ws_code_valid(4999) && !ws_code_valid(1006) && !ws_code_valid(1015) && !ws_code_valid(2999) && !ws_code_valid(5000), "close codes");
	start();
	free(message);
	message = NULL;
}

int main(void)
{
	messages(1);
	messages(3);
	messages(1000);
	test_lengths();
	test_breaches();
	test_rest();
	return tap_done();
}
