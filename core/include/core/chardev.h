/* SPDX-License-Identifier: Apache-2.0 */
/* A byte pipe with two ends that do not know each other: guest serial port or virtio-console on one side, the API's
 * console on the other. Calls on both ends hold no locks of the other; implementations say which CPU. */
#ifndef CORE_CHARDEV_H
#define CORE_CHARDEV_H
#include <core/err.h>
#include <stddef.h>
#include <stdint.h>

struct chardev;
struct chardev_ops {
	/* Offers n bytes; returns how many were taken (0..n). Never blocks. */
	size_t (*write)(struct chardev *c, const void *buf, size_t n);
	/* Terminal size in characters; may be NULL. */
	void (*resize)(struct chardev *c, unsigned cols, unsigned rows);
};
struct chardev { const struct chardev_ops *ops; };

static inline size_t chardev_write(struct chardev *c, const void *buf, size_t n) { return c->ops->write(c, buf, n); }

#endif
