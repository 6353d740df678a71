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
	/* Orderly when possible; frees s. Never blocks. */
	void (*close)(struct stream *s);
};
struct stream {
	const struct stream_ops *ops;
	struct wait_queue readable, writable; /* woken on any change, also on close and error */
	char peer[64];                         /* "10.0.2.2:51234" for logs */
};
/* Blocking forms for tasks: E_TIMEOUT at deadline_ns (UINT64_MAX: never). read_some returns after the first bytes; write_all all or error. */
err_t stream_read_some(struct stream *s, void *dst, size_t n, size_t *got, uint64_t deadline_ns) MUST_CHECK;
err_t stream_write_all(struct stream *s, const void *src, size_t n, uint64_t deadline_ns) MUST_CHECK;
static inline void stream_close(struct stream *s) { if (s) s->ops->close(s); }

/* A connected pair of in-memory streams with buffers of cap bytes (tests, and inside the node). E_NOMEM. */
err_t stream_pair(size_t cap, struct stream **a, struct stream **b) MUST_CHECK;

#endif
