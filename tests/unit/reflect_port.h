/* SPDX-License-Identifier: Apache-2.0 */
/* A network port that gives every frame back: the node's stack talks to itself. Frames wait in a queue and are delivered
 * by the mailbox, as a driver would. Fake machine, CPU 0. */
#ifndef TESTS_UNIT_REFLECT_PORT_H
#define TESTS_UNIT_REFLECT_PORT_H
#include <core/l2port.h>
#include <core/task.h>
#include <string.h>

#define FRAMES 512

static struct { size_t len; uint8_t data[L2_FRAME_MAX]; } frames[FRAMES];
static unsigned head, tail;
static bool cut; /* the cable is out */
static struct work deliver;
static struct l2port port;

static err_t port_send(struct l2port *p, const void *frame, size_t len)
{
	(void)p;
	if (cut)
		return OK;
	if (tail - head == FRAMES || len > L2_FRAME_MAX)
		return E_AGAIN;
	memcpy(frames[tail % FRAMES].data, frame, len);
	frames[tail++ % FRAMES].len = len;
	work_post(0, &deliver);
	return OK;
}

static void deliver_fn(struct work *w)
{
	unsigned end = tail;

	(void)w;
	while (head != end) {
		uint8_t copy[L2_FRAME_MAX];
		size_t len = frames[head % FRAMES].len;

		memcpy(copy, frames[head++ % FRAMES].data, len);
		port.rx(port.ctx, copy, len);
	}
}

static const struct l2port_ops port_ops = { port_send };

static void port_init(void)
{
	work_init(&deliver, deliver_fn);
	port.ops = &port_ops;
	port.link_up = true;
	memcpy(port.mac, "\x02\0\0\0\0\x01", 6);
}

#endif
