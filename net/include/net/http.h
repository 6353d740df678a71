/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP/1.1 server: sans-I/O parser (http_parse.h) and writer, and the connection loop over a stream, one task each. The API above sees an exchange: a parsed
 * request, a body to read, a response to write. CPU 0, in the connection's task; all calls may block up to the connection's limits. */
#ifndef NET_HTTP_H
#define NET_HTTP_H
#include <core/err.h>
#include <net/stream.h>
#include <net/tls.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum http_method { HTTP_GET, HTTP_HEAD, HTTP_POST, HTTP_PUT, HTTP_DELETE, HTTP_PATCH, HTTP_OPTIONS, HTTP_OTHER };

struct http_exchange; /* opaque: the connection's current request and response */

/* ---- request ---- */
enum http_method http_method(const struct http_exchange *x);
const char *http_method_name(const struct http_exchange *x);
const char *http_path(const struct http_exchange *x);             /* percent-decoded, no query, normal: no "..", no NUL */
bool http_query(const struct http_exchange *x, const char *key, char *dst, size_t cap); /* decoded; false: absent or longer than cap */
/* A query key other than known (NULL: any), its name cut to cap; false: there is none. */
bool http_stray_query(const struct http_exchange *x, const char *known, char *dst, size_t cap);
const char *http_header(const struct http_exchange *x, const char *name); /* value or NULL; name in any case */
bool http_has_body(const struct http_exchange *x);
int64_t http_content_length(const struct http_exchange *x);       /* -1: chunked */
const struct tls_peer *http_peer(const struct http_exchange *x);
const char *http_remote(const struct http_exchange *x);
/* Reads body bytes; *got == 0 at the end. Sends 100-continue when asked for. E_TIMEOUT, E_CLOSED, E_CORRUPT. */
err_t http_body_read(struct http_exchange *x, void *dst, size_t n, size_t *got) MUST_CHECK;
/* Whole body into a malloc'ed NUL-terminated buffer, at most max. E_LIMIT when longer. The caller frees. */
err_t http_body_read_all(struct http_exchange *x, size_t max, char **out, size_t *len) MUST_CHECK;

/* ---- response: exactly one of the following per exchange ---- */
/* Extra header, before the response starts; copied. */
void http_add_header(struct http_exchange *x, const char *name, const char *value);
err_t http_respond(struct http_exchange *x, int status, const char *content_type, const void *body, size_t len);
/* Streaming (chunked): begin, any number of writes, end. */
err_t http_stream_begin(struct http_exchange *x, int status, const char *content_type) MUST_CHECK;
err_t http_stream_write(struct http_exchange *x, const void *p, size_t n) MUST_CHECK;
err_t http_stream_end(struct http_exchange *x);
/* True when the client is gone (for long streams), without blocking. */
bool http_client_gone(struct http_exchange *x);
/* The exchange's wait queue is woken when the client closes; a streaming handler may wait on its own queue with a deadline. */

/* WebSocket upgrade (RFC 6455); checks the handshake headers; answers 400/426 itself on error. */
enum ws_type { WS_TEXT = 1, WS_BINARY = 2, WS_CLOSE = 8 };
err_t http_websocket(struct http_exchange *x) MUST_CHECK;
/* Whole message of at most cap bytes (longer: close 1009 and E_LIMIT); pings are answered inside. E_TIMEOUT at the deadline: nothing lost, call again. */
err_t ws_recv(struct http_exchange *x, enum ws_type *type, void *dst, size_t cap, size_t *len, uint64_t deadline_ns) MUST_CHECK;
err_t ws_send(struct http_exchange *x, enum ws_type type, const void *p, size_t n) MUST_CHECK;
void ws_close(struct http_exchange *x, uint16_t code, const char *reason);
/* Lets another event end a ws_recv wait: the queue that ws_recv sleeps on; wake_all it. */
struct wait_queue *ws_wait_queue(struct http_exchange *x);

/* ---- server ---- */
struct http_limits {
	unsigned connections;        /* 128; beyond: refused after accept, oldest idle one is closed first */
	unsigned strangers_per_address; /* 64, half of all; of one address, without a certificate (yet); beyond: its oldest one is closed */
	size_t header_bytes;         /* 16 KiB; beyond: 431 */
	uint32_t handshake_ms, header_ms, body_idle_ms, idle_ms, write_ms;
};
extern const struct http_limits http_limits_default;
/* Errors that the server itself answers (400, 408, 413, 431, 501, 505) go through this, so that all bodies are problem documents. */
struct http_handler {
	void (*handle)(void *ctx, struct http_exchange *x);
	void (*problem)(void *ctx, struct http_exchange *x, int status, const char *detail);
	void *ctx;
};
/* TLS server on a port. */
err_t http_serve(uint16_t port, struct tls_identity *id, const struct http_limits *limits, const struct http_handler *h) MUST_CHECK;
/* The same on one ready stream (tests; vsock later): returns when the connection ends; closes it. */
void http_serve_stream(struct stream *s, const struct tls_peer *peer, const struct http_limits *limits, const struct http_handler *h);
struct http_stats { uint64_t connections, active, refused, requests, bad_requests, timeouts; }; /* refused: or closed for a newer one */
void http_stats(struct http_stats *out);

#endif
