/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP/1.1 client over one conn (RFC 9112): one request at a time, bodies of
 * known length, chunked or ended by close. Headers and bodies are bounded.
 * Knows nothing of the API behind it.
 */
#ifndef CAISSON_HTTP_H
#define CAISSON_HTTP_H

#include "conn.h"
#include "text.h"

enum { HTTP_HEAD_MAX = 16 * 1024, HTTP_BODY_MAX = 16 * 1024 * 1024 };

struct http_response {
	int status;
	char content_type[96]; /* lower case, without parameters */
	char retry_after[32];
	char ws_accept[64]; /* Sec-WebSocket-Accept */
	bool close;         /* the connection cannot be used for another request */
};

enum http_body_kind { HTTP_BODY_NONE, HTTP_BODY_LENGTH, HTTP_BODY_CHUNKED, HTTP_BODY_TO_CLOSE };

/* Zero-initialise by http_init. Owns conn from then on. */
struct http {
	struct conn *conn;
	char host[300];      /* for the Host header, with port */
	struct buffer input; /* received, not yet consumed */
	enum http_body_kind kind;
	uint64_t left;   /* of the body, or of the current chunk */
	bool chunk_open; /* its CRLF is still to come */
	bool ended;      /* the body was read to its end */
};

struct http_request {
	const char *method;
	const char *path;
	const char *headers;      /* extra lines, each ended by CRLF; may be NULL */
	const char *content_type; /* NULL: no body */
	const void *body;
	size_t body_size;
	/* Or a body that is pulled: returns false at a local error, having set cli->error. */
	bool (*pull)(struct cli *cli, void *context, void *bytes, size_t size, size_t *got);
	void *pull_context;
	uint64_t pull_size;
	int timeout_ms; /* for each wait, not for the whole */
};

void http_init(struct http *h, struct conn *conn, const char *host, const char *port);
void http_close(struct http *h);

/* Sends the request and reads the response's head; 1xx other than 101 are skipped. */
MUST_CHECK enum cli_exit http_begin(struct cli *cli, struct http *h, const struct http_request *request,
                                    struct http_response *response);
/* Next bytes of the body; *got == 0 at its end. */
MUST_CHECK enum cli_exit http_read_body(struct cli *cli, struct http *h, void *bytes, size_t size, int timeout_ms, size_t *got);
/* All of the body, at most body->max. */
MUST_CHECK enum cli_exit http_read_all(struct cli *cli, struct http *h, int timeout_ms, struct buffer *body);

#endif
