/* SPDX-License-Identifier: Apache-2.0 */
/* TLS as a stream over a stream. CPU 0: handshake in the connection's task, the rest also on the loop. Ciphertext that
 * the lower stream will not take now waits here, so that mbedTLS always gets rid of a record and its calls can
 * be repeated freely; at most one record of data waits. Must not know sockets. */
#include "tls_impl.h"
#include <core/arith.h>
#include <core/hal.h>
#include <core/log.h>
#include <mbedtls/error.h>
#include <stdlib.h>
#include <string.h>

#define OUT_MAX (64 * KIB)          /* waiting ciphertext: a handshake flight fits, no peer makes it grow beyond */
#define LINGER_NS (5 * NS_PER_S)    /* how long the last words wait for room after close */
#define ALERT_LINGER_NS (1 * NS_PER_S)

struct tls_stream {
	struct stream s;
	struct stream *raw;
	mbedtls_ssl_context ssl;
	struct tls_creds *creds;
	struct tls_verify verify;
	uint8_t *out;                /* ciphertext not yet taken by raw: out[out_pos..out_len) */
	size_t out_pos, out_len;
	uint8_t first[5];            /* read before mbedTLS was set up */
	uint8_t first_len, first_pos;
	bool ended, broken;          /* peer's close_notify or end; unusable */
	bool finishing;              /* raw is to be finished when out is empty */
	bool closing;                /* nobody uses s any more: free when out is empty or the timer fires */
	struct timer timer;
};

struct tls_stats tls_counters;

void tls_stats(struct tls_stats *out)
{
	*out = tls_counters;
}

static struct tls_stream *tls_of(struct stream *s)
{
	return container_of(s, struct tls_stream, s);
}

static bool tls_out_pending(const struct tls_stream *t)
{
	return t->out_pos < t->out_len;
}

static void tls_out_drop(struct tls_stream *t)
{
	free(t->out);
	t->out = NULL;
	t->out_pos = t->out_len = 0;
}

/* Gives raw what it takes. */
static void tls_out_flush(struct tls_stream *t)
{
	while (tls_out_pending(t)) {
		size_t put = 0;
		err_t e = t->raw->ops->write(t->raw, t->out + t->out_pos, t->out_len - t->out_pos, &put);

		if (e == E_AGAIN)
			return;
		if (e != OK) {
			t->broken = true;
			break;
		}
		t->out_pos += put;
	}
	tls_out_drop(t);
}

/* ---- what mbedTLS calls */

static int bio_send(void *ctx, const unsigned char *p, size_t n)
{
	struct tls_stream *t = ctx;
	size_t put = 0;
	uint8_t *bigger;
	err_t e = OK;

	if (!tls_out_pending(t))
		e = t->raw->ops->write(t->raw, p, n, &put);
	if (e != OK && e != E_AGAIN)
		return MBEDTLS_ERR_SSL_CONN_EOF;
	if (put == n)
		return (int)n;
	if (t->out_len + n - put > OUT_MAX)
		return MBEDTLS_ERR_SSL_INTERNAL_ERROR;
	bigger = realloc(t->out, t->out_len + n - put);
	if (!bigger)
		return MBEDTLS_ERR_SSL_ALLOC_FAILED;
	t->out = bigger;
	memcpy(t->out + t->out_len, p + put, n - put);
	t->out_len += n - put;
	return (int)n;
}

static int bio_recv(void *ctx, unsigned char *p, size_t n)
{
	struct tls_stream *t = ctx;
	size_t got = 0;
	err_t e;

	if (t->first_pos < t->first_len) {
		got = MIN(n, (size_t)(t->first_len - t->first_pos));
		memcpy(p, t->first + t->first_pos, got);
		t->first_pos += (uint8_t)got;
		return (int)got;
	}
	e = t->raw->ops->read(t->raw, p, n, &got);
	if (e == OK)
		return (int)got;
	return e == E_AGAIN ? MBEDTLS_ERR_SSL_WANT_READ : MBEDTLS_ERR_SSL_CONN_EOF;
}

/* ---- the stream */

static err_t tls_read(struct stream *s, void *dst, size_t n, size_t *got)
{
	struct tls_stream *t = tls_of(s);
	int ret;

	if (t->ended)
		return E_CLOSED;
	if (t->broken)
		return E_IO;
	ret = mbedtls_ssl_read(&t->ssl, dst, n);
	if (ret > 0) {
		*got = (size_t)ret;
		return OK;
	}
	if (ret == MBEDTLS_ERR_SSL_WANT_READ || ret == MBEDTLS_ERR_SSL_WANT_WRITE)
		return E_AGAIN;
	/* HTTP knows where its messages end, so a missing close_notify cuts nothing off unseen (RFC 9112 9.8). */
	if (ret == 0 || ret == MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY || ret == MBEDTLS_ERR_SSL_CONN_EOF) {
		t->ended = true;
		return E_CLOSED;
	}
	log_debug("tls", "%s: read: -0x%04x", s->peer, (unsigned)-ret);
	t->broken = true;
	return E_IO;
}

static err_t tls_write(struct stream *s, const void *src, size_t n, size_t *put)
{
	struct tls_stream *t = tls_of(s);
	int ret;

	tls_out_flush(t);
	if (t->broken || t->finishing)
		return t->broken ? E_IO : E_CLOSED;
	if (tls_out_pending(t) || !n)
		return E_AGAIN;
	ret = mbedtls_ssl_write(&t->ssl, src, n);
	if (ret > 0) {
		*put = (size_t)ret;
		return OK;
	}
	t->broken = true;
	return E_IO;
}

static void tls_finish(struct stream *s)
{
	struct tls_stream *t = tls_of(s);

	if (t->finishing)
		return;
	t->finishing = true;
	if (!t->broken)
		mbedtls_ssl_close_notify(&t->ssl);
	tls_out_flush(t);
	if (!tls_out_pending(t))
		t->raw->ops->finish(t->raw);
}

static void tls_abort(struct stream *s)
{
	struct tls_stream *t = tls_of(s);

	t->broken = true;
	tls_out_drop(t);
	t->raw->ops->abort(t->raw);
}

static void tls_free(struct tls_stream *t)
{
	timer_cancel(&t->timer);
	t->raw->event = NULL;
	stream_close(t->raw);
	tls_out_drop(t);
	mbedtls_ssl_free(&t->ssl);
	tls_creds_unref(t->creds);
	tls_counters.active--;
	free(t);
}

static void tls_timer_expired(struct timer *timer)
{
	tls_free(container_of(timer, struct tls_stream, timer));
}

static void tls_close(struct stream *s)
{
	struct tls_stream *t = tls_of(s);

	tls_finish(s);
	if (!tls_out_pending(t)) {
		tls_free(t);
		return;
	}
	t->closing = true;
	timer_set(&t->timer, hal_clock_ns() + LINGER_NS);
}

/* Something changed below; possibly called from inside the transport, so nothing is closed here. */
static void tls_event(void *ctx)
{
	struct tls_stream *t = ctx;
	bool waited = tls_out_pending(t);

	tls_out_flush(t);
	if (waited && !tls_out_pending(t) && t->finishing)
		t->raw->ops->finish(t->raw);
	if (t->closing) {
		if (!tls_out_pending(t))
			timer_set(&t->timer, hal_clock_ns());
		return;
	}
	stream_wake_readable(&t->s);
	wake_all(&t->s.writable);
}

static const struct stream_ops tls_ops = { tls_read, tls_write, tls_finish, tls_abort, tls_close };

/* ---- the handshake */

static struct tls_stream *tls_new(struct tls_identity *id, struct stream *raw)
{
	struct tls_stream *t = calloc(1, sizeof *t);

	if (!t)
		return NULL;
	stream_init(&t->s, &tls_ops);
	memcpy(t->s.peer, raw->peer, sizeof t->s.peer);
	t->raw = raw;
	t->creds = id->creds;
	t->creds->refs++;
	mbedtls_ssl_init(&t->ssl);
	timer_init(&t->timer, tls_timer_expired);
	raw->event = tls_event;
	raw->event_ctx = t;
	tls_counters.active++;
	return t;
}

/* The buffers come only when the client speaks: one that is silent costs next to nothing. */
static err_t tls_set_up(struct tls_stream *t, uint64_t deadline_ns)
{
	size_t got = 0;
	err_t e = stream_read_some(t->raw, t->first, sizeof t->first, &got, deadline_ns);

	if (e != OK)
		return e;
	t->first_len = (uint8_t)got;
	if (mbedtls_ssl_setup(&t->ssl, &t->creds->conf))
		return E_NOMEM;
	t->verify.ssl = &t->ssl;
	mbedtls_ssl_set_verify(&t->ssl, tls_verify_callback, &t->verify);
	mbedtls_ssl_set_bio(&t->ssl, t, bio_send, bio_recv, NULL);
	return OK;
}

static err_t tls_shake(struct tls_stream *t, uint64_t deadline_ns)
{
	while (!mbedtls_ssl_is_handshake_over(&t->ssl)) {
		int ret = mbedtls_ssl_handshake_step(&t->ssl);
		err_t e;

		if (hal_clock_ns() >= deadline_ns)
			return E_TIMEOUT;
		if (ret == 0) {
			task_yield(); /* each step may be milliseconds of arithmetic */
		} else if (ret == MBEDTLS_ERR_SSL_WANT_READ || ret == MBEDTLS_ERR_SSL_WANT_WRITE) {
			e = wait_until(&t->raw->readable, deadline_ns);
			(void)e; /* the clock is looked at above */
		} else if (ret == MBEDTLS_ERR_SSL_CONN_EOF || ret == MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY) {
			return E_CLOSED;
		} else {
			log_debug("tls", "%s: handshake: -0x%04x", t->s.peer, (unsigned)-ret);
			return t->verify.flags ? E_PERM : ret == MBEDTLS_ERR_SSL_ALLOC_FAILED ? E_NOMEM : E_CORRUPT;
		}
	}
	return OK;
}

/* The alert is on its way: unread input must not turn into a reset that overtakes it. */
static void tls_failed_linger(struct tls_stream *t)
{
	uint64_t until = hal_clock_ns() + ALERT_LINGER_NS;
	size_t got = 0, total = 0;
	char sink[256];

	tls_out_flush(t);
	t->broken = true;
	t->raw->ops->finish(t->raw);
	while (total < 256 * KIB && stream_read_some(t->raw, sink, sizeof sink, &got, until) == OK) {
		total += got;
		task_yield();
	}
}

static void tls_failed(struct tls_stream *t, err_t e)
{
	tls_counters.failed++;
	if (e == E_PERM) {
		tls_counters.bad_certificates++;
		log_warn("tls", "%s showed a certificate that is not accepted (flags 0x%x)", t->s.peer, (unsigned)t->verify.flags);
	}
	if (e == E_CORRUPT || e == E_PERM)
		tls_failed_linger(t);
	tls_free(t);
}

err_t tls_accept(struct tls_identity *id, struct stream *raw, uint64_t deadline_ns, struct stream **out, struct tls_peer *peer)
{
	struct tls_stream *t = tls_new(id, raw);
	const mbedtls_x509_crt *crt;
	err_t e;

	if (!t) {
		stream_close(raw);
		return E_NOMEM;
	}
	e = tls_set_up(t, deadline_ns);
	if (e == OK)
		e = tls_shake(t, deadline_ns);
	if (e != OK) {
		tls_failed(t, e);
		return e;
	}
	tls_counters.handshakes++;
	crt = mbedtls_ssl_get_peer_cert(&t->ssl);
	memset(peer, 0, sizeof *peer);
	if (crt)
		tls_peer_from_cert(crt, peer);
	*out = &t->s;
	return OK;
}
