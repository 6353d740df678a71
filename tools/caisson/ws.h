/* SPDX-License-Identifier: Apache-2.0 */
/*
 * WebSocket client (RFC 6455) on a session's connection: a streaming frame
 * parser and an output queue, both without waiting; the caller polls. Knows
 * nothing of consoles.
 */
#ifndef CAISSON_WS_H
#define CAISSON_WS_H

#include "api.h"

enum { WS_TEXT_MAX = 4096, WS_OUTPUT_MAX = 256 * 1024, WS_OUTPUT_HIGH = 64 * 1024 };

/* bytes are valid during the call only. */
struct ws_handler {
	void (*binary)(void *context, const char *bytes, size_t length); /* any piece of a message */
	void (*text)(void *context, const char *text, size_t length);    /* one whole message */
};

struct ws {
	struct api *api;
	const struct ws_handler *handler;
	void *context;
	struct buffer output;
	uint64_t heard_ms; /* clock_ms() when anything last came, a pong included */
	size_t in_flight;  /* bytes of output that TLS has already taken in; see ws_flush */
	unsigned char head[14];
	size_t head_length;
	uint64_t left; /* payload of the current frame still to come */
	bool in_payload;
	unsigned char opcode;  /* of the current frame */
	unsigned char message; /* of the message that continuation frames belong to; 0 when none is open */
	bool final;
	char text[WS_TEXT_MAX + 1]; /* text or control payload */
	size_t text_length;
	char control[126];
	size_t control_length;
	bool close_sent;
	bool closed; /* the other end said Close, or owes it for too long */
};

/* Upgrades a GET of path. The ws borrows api and handler until ws_close. */
MUST_CHECK enum cli_exit ws_open(struct cli *cli, struct ws *ws, struct api *api, const char *path,
                                 const struct ws_handler *handler, void *context);
/* Takes in what has arrived. CLI_OK with ws->closed set at an orderly end, CLI_NO_CONNECTION at one without a Close. */
MUST_CHECK enum cli_exit ws_receive(struct cli *cli, struct ws *ws);
/* True when the queue has room for much more input. */
bool ws_writable(const struct ws *ws);
bool ws_output_waits(const struct ws *ws);
/* Queue one message; false when the queue is full. */
bool ws_send_binary(struct ws *ws, const char *bytes, size_t length);
bool ws_send_text(struct ws *ws, const char *text);
bool ws_send_ping(struct ws *ws);
bool ws_send_close(struct ws *ws);
/* Sends what the socket takes. */
MUST_CHECK enum cli_exit ws_flush(struct cli *cli, struct ws *ws);
void ws_fini(struct ws *ws);

#endif
