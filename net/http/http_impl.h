/* SPDX-License-Identifier: Apache-2.0 */
/* The insides of an HTTP connection, shared by the files of net/http and by nobody else. CPU 0, the connection's task;
 * the list of connections also on the loop (accept). */
#ifndef NET_HTTP_IMPL_H
#define NET_HTTP_IMPL_H
#include "http_body.h"
#include "http_parse.h"
#include "ws.h"
#include <core/list.h>

enum http_conn_state { CONN_HANDSHAKE, CONN_IDLE, CONN_HEAD, CONN_BUSY };

/* A connection that was accepted from the network, as its server sees it. */
struct http_conn {
	struct list link;            /* in http_server.conns */
	struct http_server *server;
	struct stream *raw;          /* to break it; owned by the connection's task */
	enum http_conn_state state;
	bool dying;                  /* evicted: no longer counted, its task is on the way out */
	uint64_t since_ns;           /* of the state */
	struct tls_peer peer;
};
void http_conn_set_state(struct http_conn *c, enum http_conn_state state);

enum response_state { RESP_NONE, RESP_STREAM, RESP_DONE, RESP_WEBSOCKET };

/* A connection and its current request. Input: head at in[0..head_len), unread bytes at in[pos..len). */
struct http_exchange {
	struct stream *s;
	const struct tls_peer *peer;
	const struct http_limits *limits;
	const struct http_handler *h;
	struct http_conn *conn;      /* NULL: on a ready stream */
	char *in;
	size_t in_len, in_cap, in_pos;
	struct http_parser parser;
	struct http_head head;       /* of the request, when request is true */
	bool request;
	struct http_body body;
	uint64_t body_start_ns, body_got;
	bool continue_sent;
	enum response_state response;
	bool close;                  /* no further request on this connection */
	bool chunked_out, broken;    /* broken: a write failed, the response is cut */
	char *extra;                 /* more header lines of the response */
	size_t extra_len;
	struct ws_decoder ws;
	uint8_t *ws_buf;             /* the open message */
	size_t ws_cap;
	bool ws_closed;
};

extern struct http_stats http_counters;

/* ---- http_conn.c */
/* Serves requests until the connection is to end; closes s. x on the heap or a task's stack. */
void http_conn_serve(struct http_exchange *x);

/* ---- http_input.c */
/* Reads the next head. E_CLOSED, E_IO, E_TIMEOUT (idle): just close. E_CORRUPT: parser.status and detail are to be answered. */
err_t http_input_head(struct http_exchange *x) MUST_CHECK;
/* Reads more into the buffer, behind what is there; all used bytes are dropped first. E_LIMIT: the buffer is full. */
err_t http_input_fill(struct http_exchange *x, uint64_t deadline_ns) MUST_CHECK;
/* What there is right now, without blocking. E_AGAIN: nothing. */
err_t http_input_poll(struct http_exchange *x) MUST_CHECK;
/* Forgets the head and the body; what follows becomes the start of the next request. */
void http_input_next(struct http_exchange *x);

/* ---- http_write.c */
const char *http_reason(int status);
/* Status line and fields into a malloc'ed buffer of *len bytes with room for extra_room more; NULL: no memory.
 * content_length -1: chunked, or until close when !x->chunked_out. */
char *http_write_head(struct http_exchange *x, int status, const char *content_type, int64_t content_length, size_t extra_room, size_t *len);
err_t http_write_bytes(struct http_exchange *x, const void *p, size_t n) MUST_CHECK;

#endif
