/* SPDX-License-Identifier: Apache-2.0 */
/* A byte stream: TCP, TLS, vsock, or the in-memory pair in tests. Non-blocking operations plus two wait queues on which tasks
 * of CPU 0 block. Reads and writes may be used by two different tasks at once (one reader, one writer). */
#ifndef NET_STREAM_H
#define NET_STREAM_H
#include <core/err.h>
#include <core/task.h>
#include <stddef.h>
#include <stdint.h>

struct stream;
struct stream_ops {
	/* Up to n bytes into dst, *got >= 1 on OK. E_AGAIN: nothing now; E_CLOSED: orderly end; E_IO: broken. */
	err_t (*read)(struct stream *s, void *dst, size_t n, size_t *got);
	/* Takes up to n bytes, *put >= 1 on OK. E_AGAIN: no room now; E_CLOSED, E_IO. */
	err_t (*write)(struct stream *s, const void *src, size_t n, size_t *put);
	/* No more writes will come: the peer sees the end after what was written; reading goes on. Never blocks. */
	void (*finish)(struct stream *s);
	/* Breaks the connection at once without freeing s: its other calls end with E_CLOSED or E_IO, waiters are woken. */
	void (*abort)(struct stream *s);
	/* Orderly when possible; frees s. Never blocks. */
	void (*close)(struct stream *s);
};
struct stream {
	const struct stream_ops *ops;
	struct wait_queue readable, writable; /* woken on any change, also on close and error */
	char peer[64];                         /* "10.0.2.2:51234" for logs */
	/* For a stream that is layered on this one, or NULL: called after the queues were woken, on the loop or inside the
	 * transport: may read and write s, must neither block nor abort nor close it. */
	void (*event)(void *ctx);
	void *event_ctx;
};
/* For implementations: an empty stream; then the two ways to tell of a change. */
void stream_init(struct stream *s, const struct stream_ops *ops);
void stream_wake_readable(struct stream *s);
void stream_wake_writable(struct stream *s);

/* Blocking forms for tasks: E_TIMEOUT at deadline_ns (UINT64_MAX: never). read_some returns after the first bytes; write_all all or error. */
err_t stream_read_some(struct stream *s, void *dst, size_t n, size_t *got, uint64_t deadline_ns) MUST_CHECK;
err_t stream_write_all(struct stream *s, const void *src, size_t n, uint64_t deadline_ns) MUST_CHECK;
static inline void stream_close(struct stream *s) { if (s) s->ops->close(s); }
/* The polite end, for tasks: finish, then discard what the peer still sends until it ends, max_bytes or the deadline; then close. Without it
 * unread input would make the transport reset the connection, and the peer lose our last words. */
void stream_linger_close(struct stream *s, uint64_t max_bytes, uint64_t deadline_ns);

/* A connected pair of in-memory streams with buffers of cap bytes (tests, and inside the node). E_NOMEM. */
err_t stream_pair(size_t cap, struct stream **a, struct stream **b) MUST_CHECK;

#endif
