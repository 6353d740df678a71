/* SPDX-License-Identifier: Apache-2.0 */
/* Blocking helpers over any stream, and how a change is told to those who wait. CPU 0: the helpers in tasks, the
 * wake-ups on the loop too. Must not know what a stream is made of. */
#include <core/arith.h>
#include <core/hal.h>
#include <net/stream.h>

void stream_init(struct stream *s, const struct stream_ops *ops)
{
	s->ops = ops;
	wait_init(&s->readable);
	wait_init(&s->writable);
	s->peer[0] = '\0';
	s->event = NULL;
	s->event_ctx = NULL;
}

static void stream_tell(struct stream *s, struct wait_queue *q)
{
	wake_all(q);
	if (s->event)
		s->event(s->event_ctx);
}

void stream_wake_readable(struct stream *s)
{
	stream_tell(s, &s->readable);
}

void stream_wake_writable(struct stream *s)
{
	stream_tell(s, &s->writable);
}

err_t stream_read_some(struct stream *s, void *dst, size_t n, size_t *got, uint64_t deadline_ns)
{
	for (;;) {
		err_t e = s->ops->read(s, dst, n, got);

		if (e != E_AGAIN)
			return e;
		if (hal_clock_ns() >= deadline_ns)
			return E_TIMEOUT;
		/* A timeout is found by the clock above, after one more look. */
		e = wait_until(&s->readable, deadline_ns);
		(void)e;
	}
}

err_t stream_write_all(struct stream *s, const void *src, size_t n, uint64_t deadline_ns)
{
	const char *p = src;

	while (n) {
		size_t put = 0;
		err_t e = s->ops->write(s, p, n, &put);

		if (e == OK) {
			p += put;
			n -= put;
			continue;
		}
		if (e != E_AGAIN)
			return e;
		if (hal_clock_ns() >= deadline_ns)
			return E_TIMEOUT;
		e = wait_until(&s->writable, deadline_ns);
		(void)e;
	}
	return OK;
}

void stream_linger_close(struct stream *s, uint64_t max_bytes, uint64_t deadline_ns)
{
	char sink[512];
	size_t got = 0;

	s->ops->finish(s);
	while (stream_read_some(s, sink, sizeof sink, &got, deadline_ns) == OK && got <= max_bytes) {
		max_bytes -= got;
		/* A peer that sends for ever must not keep the loop from other work, nor outstay the deadline. */
		task_yield();
		if (hal_clock_ns() >= deadline_ns)
			break;
	}
	s->ops->close(s);
}
