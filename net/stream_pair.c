/* SPDX-License-Identifier: Apache-2.0 */
/* A connected pair of streams in memory: each end owns the ring that it reads from. CPU 0, loop or tasks.
 * Used by tests, and by parts of the node that speak a stream protocol to each other. */
#include <core/arith.h>
#include <net/stream.h>
#include <stdlib.h>
#include <string.h>

struct mem_stream {
	struct stream s;
	struct mem_stream *peer; /* NULL: closed at the other end */
	bool eof;                /* no more bytes will come in */
	bool finished, aborted;
	size_t cap, head, len;
	char ring[];
};

static struct mem_stream *mem_of(struct stream *s)
{
	return container_of(s, struct mem_stream, s);
}

static err_t mem_read(struct stream *s, void *dst, size_t n, size_t *got)
{
	struct mem_stream *m = mem_of(s);
	size_t take = MIN(n, m->len), first = MIN(take, m->cap - m->head);

	if (m->aborted)
		return E_IO;
	if (!take)
		return m->eof && n ? E_CLOSED : E_AGAIN;
	memcpy(dst, m->ring + m->head, first);
	memcpy((char *)dst + first, m->ring, take - first);
	m->head = (m->head + take) % m->cap;
	m->len -= take;
	*got = take;
	if (m->peer)
		stream_wake_writable(&m->peer->s);
	return OK;
}

static err_t mem_write(struct stream *s, const void *src, size_t n, size_t *put)
{
	struct mem_stream *m = mem_of(s), *p = m->peer;
	size_t take, tail, first;

	if (m->aborted)
		return E_IO;
	if (!p || p->aborted || m->finished)
		return E_CLOSED;
	take = MIN(n, p->cap - p->len);
	if (!take)
		return E_AGAIN;
	tail = (p->head + p->len) % p->cap;
	first = MIN(take, p->cap - tail);
	memcpy(p->ring + tail, src, first);
	memcpy(p->ring, (const char *)src + first, take - first);
	p->len += take;
	*put = take;
	stream_wake_readable(&p->s);
	return OK;
}

static void mem_finish(struct stream *s)
{
	struct mem_stream *m = mem_of(s);

	m->finished = true;
	if (m->peer) {
		m->peer->eof = true;
		stream_wake_readable(&m->peer->s);
	}
}

static void mem_wake_both(struct mem_stream *m)
{
	stream_wake_readable(&m->s);
	stream_wake_writable(&m->s);
}

static void mem_abort(struct stream *s)
{
	struct mem_stream *m = mem_of(s);

	m->aborted = true;
	mem_wake_both(m);
	if (m->peer) {
		m->peer->aborted = true;
		mem_wake_both(m->peer);
	}
}

static void mem_close(struct stream *s)
{
	struct mem_stream *m = mem_of(s), *p = m->peer;

	if (p) {
		p->peer = NULL;
		p->eof = true;
		mem_wake_both(p);
	}
	free(m);
}

static const struct stream_ops mem_ops = { mem_read, mem_write, mem_finish, mem_abort, mem_close };

static struct mem_stream *mem_new(size_t cap)
{
	struct mem_stream *m = calloc(1, sizeof *m + cap);

	if (m) {
		stream_init(&m->s, &mem_ops);
		strcpy(m->s.peer, "memory");
		m->cap = cap;
	}
	return m;
}

err_t stream_pair(size_t cap, struct stream **a, struct stream **b)
{
	struct mem_stream *x, *y;

	if (!cap || cap > MIB)
		return E_NOMEM;
	x = mem_new(cap);
	y = mem_new(cap);
	if (!x || !y) {
		free(x);
		free(y);
		return E_NOMEM;
	}
	x->peer = y;
	y->peer = x;
	*a = &x->s;
	*b = &y->s;
	return OK;
}
