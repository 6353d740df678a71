/* SPDX-License-Identifier: Apache-2.0 */
/* What handlers see of a request. Everything answers sensibly when there is no valid request (the server's own error
 * answers). The connection's task. */
#include "http_impl.h"

enum http_method http_method(const struct http_exchange *x)
{
	return x->request ? x->head.method : HTTP_OTHER;
}

const char *http_method_name(const struct http_exchange *x)
{
	return x->request ? x->head.method_name : "";
}

const char *http_path(const struct http_exchange *x)
{
	return x->request ? x->head.path : "";
}

bool http_query(const struct http_exchange *x, const char *key, char *dst, size_t cap)
{
	return x->request && http_query_find(x->head.query, key, dst, cap);
}

bool http_stray_query(const struct http_exchange *x, const char *known, char *dst, size_t cap)
{
	return x->request && http_query_stray(x->head.query, known, dst, cap);
}

const char *http_header(const struct http_exchange *x, const char *name)
{
	return x->request ? http_field_find(&x->parser, x->in, name) : NULL;
}

bool http_has_body(const struct http_exchange *x)
{
	return x->request && (x->head.chunked || (x->head.has_length && x->head.content_length));
}

int64_t http_content_length(const struct http_exchange *x)
{
	if (!x->request)
		return 0;
	return x->head.chunked ? -1 : (int64_t)x->head.content_length;
}

const struct tls_peer *http_peer(const struct http_exchange *x)
{
	return x->peer;
}

const char *http_remote(const struct http_exchange *x)
{
	return x->s->peer;
}

bool http_client_gone(struct http_exchange *x)
{
	err_t e;

	if (x->broken)
		return true;
	e = http_input_poll(x);
	return e == E_CLOSED || e == E_IO;
}

struct wait_queue *ws_wait_queue(struct http_exchange *x)
{
	return &x->s->readable;
}
