/* SPDX-License-Identifier: Apache-2.0 */
/* WebSocket framing (RFC 6455 5): strict where the RFC says MUST: masked frames, shortest length form, control frames
 * whole and short, no reserved bits, text that is UTF-8, codes that exist. Pure. */
#include "ws.h"
#include <core/arith.h>
#include <string.h>

void ws_decoder_init(struct ws_decoder *d)
{
	memset(d, 0, sizeof *d);
}

void ws_decoder_next(struct ws_decoder *d)
{
	d->message_type = 0;
	d->message_len = 0;
	memset(&d->utf8, 0, sizeof d->utf8);
}

bool ws_code_valid(unsigned code)
{
	return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) || (code >= 3000 && code <= 4999);
}

static enum ws_event ws_error(struct ws_decoder *d, unsigned code)
{
	d->code = (uint16_t)code;
	return WS_EV_ERROR;
}

static bool is_control(unsigned opcode)
{
	return opcode & 8;
}

/* 5.2: first two bytes. Returns the length of the whole header, 0 when it breaks the protocol. */
static unsigned header_size(const uint8_t h[2])
{
	unsigned opcode = h[0] & 15, len = h[1] & 127;

	if (h[0] & 0x70 || !(h[1] & 0x80))
		return 0;
	if (opcode > WS_OP_PONG || (opcode > WS_OP_BINARY && opcode < WS_OP_CLOSE))
		return 0;
	if (is_control(opcode) && (len > WS_CONTROL_MAX || !(h[0] & 0x80)))
		return 0;
	return 6 + (len == 126 ? 2 : len == 127 ? 8 : 0);
}

static uint64_t get_be(const uint8_t *p, unsigned n)
{
	uint64_t v = 0;

	while (n--)
		v = v << 8 | *p++;
	return v;
}

/* The header is complete: is it right where it stands in the message? */
static bool frame_begin(struct ws_decoder *d, size_t max)
{
	unsigned size = d->header_len, opcode = d->header[0] & 15;
	uint64_t len = d->header[1] & 127;

	d->code = WS_CODE_PROTOCOL;
	if (size == 8) {
		len = get_be(d->header + 2, 2);
		if (len < 126)
			return false;
	} else if (size == 14) {
		len = get_be(d->header + 2, 8);
		if (len <= UINT16_MAX || len >> 63)
			return false;
	}
	if (opcode == WS_OP_CONT ? !d->message_type : !is_control(opcode) && d->message_type)
		return false;
	if (!is_control(opcode) && len > max - d->message_len) {
		d->code = WS_CODE_TOO_BIG;
		return false;
	}
	memcpy(d->key, d->header + size - 4, 4);
	d->fin = d->header[0] & 0x80;
	d->opcode = (uint8_t)opcode;
	d->left = len;
	d->done = 0;
	d->in_payload = true;
	d->header_len = 0;
	if (is_control(opcode))
		d->control_len = 0;
	else if (opcode != WS_OP_CONT)
		d->message_type = (uint8_t)opcode;
	return true;
}

static void unmask(struct ws_decoder *d, uint8_t *dst, const uint8_t *src, size_t n)
{
	for (size_t i = 0; i < n; i++)
		dst[i] = src[i] ^ d->key[(d->done + i) & 3];
	d->done += n;
	d->left -= n;
}

/* 5.5.1 */
static enum ws_event close_end(struct ws_decoder *d)
{
	if (!d->control_len) {
		d->code = WS_CODE_NONE;
		return WS_EV_CLOSE;
	}
	if (d->control_len == 1 || !ws_code_valid((unsigned)get_be(d->control, 2)))
		return ws_error(d, WS_CODE_PROTOCOL);
	if (!utf8_valid(d->control + 2, d->control_len - 2u))
		return ws_error(d, WS_CODE_TEXT);
	d->code = (uint16_t)get_be(d->control, 2);
	return WS_EV_CLOSE;
}

static enum ws_event frame_end(struct ws_decoder *d)
{
	d->in_payload = false;
	switch (d->opcode) {
	case WS_OP_CLOSE: return close_end(d);
	case WS_OP_PING: return WS_EV_PING;
	case WS_OP_PONG: return WS_EV_PONG;
	}
	if (!d->fin)
		return WS_EV_MORE;
	if (d->message_type == WS_OP_TEXT && !utf8_complete(&d->utf8))
		return ws_error(d, WS_CODE_TEXT);
	return WS_EV_MESSAGE;
}

/* Copies what it can; false when text is not UTF-8. */
static bool payload_take(struct ws_decoder *d, const uint8_t *src, size_t n, size_t *used, uint8_t *dst, size_t cap)
{
	size_t take = MIN(n, d->left);

	*used = 0;
	if (is_control(d->opcode)) {
		unmask(d, d->control + d->control_len, src, take);
		d->control_len += (uint8_t)take;
	} else {
		take = MIN(take, cap - d->message_len);
		if (take)
			unmask(d, dst + d->message_len, src, take);
		if (take && d->message_type == WS_OP_TEXT && !utf8_feed(&d->utf8, dst + d->message_len, take))
			return false;
		d->message_len += take;
	}
	*used = take;
	return true;
}

enum ws_event ws_decode(struct ws_decoder *d, const uint8_t *src, size_t n, size_t *used, uint8_t *dst, size_t cap, size_t max)
{
	size_t i = 0, took;
	enum ws_event ev = WS_EV_MORE;

	*used = 0;
	if (cap > max)
		cap = max;
	if (d->message_len > cap)
		return ws_error(d, WS_CODE_TOO_BIG);
	while (ev == WS_EV_MORE && (i < n || (d->in_payload && !d->left))) {
		if (!d->in_payload) {
			unsigned size;

			d->header[d->header_len++] = src[i++];
			size = d->header_len < 2 ? 2 : header_size(d->header);
			if (!size)
				return ws_error(d, WS_CODE_PROTOCOL);
			if (d->header_len >= 2 && d->header_len == size && !frame_begin(d, max))
				return ws_error(d, d->code);
			continue;
		}
		if (!payload_take(d, src + i, n - i, &took, dst, cap))
			return ws_error(d, WS_CODE_TEXT);
		i += took;
		if (!d->left)
			ev = frame_end(d);
		else if (!took)
			break; /* no room */
	}
	*used = i;
	return ev;
}

size_t ws_header_write(uint8_t dst[10], enum ws_opcode op, uint64_t len)
{
	unsigned bytes = len < 126 ? 0 : len <= UINT16_MAX ? 2 : 8;

	dst[0] = (uint8_t)(0x80 | op);
	dst[1] = (uint8_t)(bytes == 0 ? len : bytes == 2 ? 126 : 127);
	for (unsigned i = 0; i < bytes; i++)
		dst[2 + i] = (uint8_t)(len >> 8 * (bytes - 1 - i));
	return 2 + bytes;
}
