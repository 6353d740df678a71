/* SPDX-License-Identifier: Apache-2.0 */
/* WebSocket framing, the server's side (RFC 6455). Sans-I/O and pure: a decoder that takes masked client frames apart
 * and puts fragmented messages together, and a writer for frame headers. */
#ifndef NET_HTTP_WS_H
#define NET_HTTP_WS_H
#include "utf8.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WS_CONTROL_MAX 125
enum ws_opcode { WS_OP_CONT = 0, WS_OP_TEXT = 1, WS_OP_BINARY = 2, WS_OP_CLOSE = 8, WS_OP_PING = 9, WS_OP_PONG = 10 };
/* RFC 6455 7.4.1 */
enum ws_code { WS_CODE_NORMAL = 1000, WS_CODE_AWAY = 1001, WS_CODE_PROTOCOL = 1002, WS_CODE_NONE = 1005, WS_CODE_TEXT = 1007, WS_CODE_TOO_BIG = 1009 };

enum ws_event {
	WS_EV_MORE,    /* all input is used, or dst is to be made larger (see ws_decode) */
	WS_EV_MESSAGE, /* dst holds message_len bytes of type message_type */
	WS_EV_PING,    /* control[0..control_len) */
	WS_EV_PONG,
	WS_EV_CLOSE,   /* code (WS_CODE_NONE: none given) */
	WS_EV_ERROR,   /* close with code; the decoder must not be fed again */
};
struct ws_decoder {
	uint8_t header[14], header_len;
	bool in_payload, fin;
	uint8_t opcode, key[4];
	uint64_t left, done;     /* payload bytes to come and seen, of this frame */
	uint8_t message_type;    /* 0: no message is open */
	size_t message_len;
	struct utf8_state utf8;
	uint8_t control[WS_CONTROL_MAX], control_len;
	uint16_t code;
};
void ws_decoder_init(struct ws_decoder *d);
/* Feeds n bytes, stops at the first event; *used says how many were taken. The open message is kept in dst[0..message_len) by the caller between
 * calls; a message longer than max is WS_EV_ERROR 1009. When the room in dst (cap < max) is used up, WS_EV_MORE returns with *used < n: grow it. */
enum ws_event ws_decode(struct ws_decoder *d, const uint8_t *src, size_t n, size_t *used, uint8_t *dst, size_t cap, size_t max);
/* After WS_EV_MESSAGE has been dealt with: the next message starts at dst[0]. */
void ws_decoder_next(struct ws_decoder *d);
/* Header of an unmasked, unfragmented frame; returns its length, 2..10. */
size_t ws_header_write(uint8_t dst[10], enum ws_opcode op, uint64_t len);
/* May an endpoint send this code in a close frame? */
bool ws_code_valid(unsigned code);

#endif
