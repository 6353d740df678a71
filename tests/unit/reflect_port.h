/* SPDX-License-Identifier: Apache-2.0 */
/* A network port that gives every frame back: the node's stack talks to itself. Frames wait in a queue and are delivered
 * by the mailbox, as a driver would. Who talks to 192.0.2.77 meets itself as well, but under that address. Fake machine, CPU 0. */
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

static void swap_bytes(uint8_t *a, uint8_t *b, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint8_t t = a[i];

		a[i] = b[i];
		b[i] = t;
	}
}

/* The address that stands for our own: ARP for it is answered, and of IP packets sender and receiver change places, which leaves all
 * checksums as they are. */
static void mirror(uint8_t *f)
{
	static const uint8_t twin[] = {192, 0, 2, 77}, arp_request[] = {8, 6, 0, 1, 8, 0, 6, 4, 0, 1}, ip4[] = {8, 0, 0x45};

	if (!memcmp(f + 12, arp_request, sizeof arp_request) && !memcmp(f + 38, twin, 4)) {
		f[21] = 2;
		swap_bytes(f + 22, f + 32, 10);
		memcpy(f + 22, port.mac, 6);
	} else if (!memcmp(f + 12, ip4, sizeof ip4) && !memcmp(f + 30, twin, 4)) {
		swap_bytes(f + 26, f + 30, 4);
	}
}

static void deliver_fn(struct work *w)
{
	unsigned end = tail;

	(void)w;
	while (head != end) {
		uint8_t copy[L2_FRAME_MAX];
		size_t len = frames[head % FRAMES].len;

		memcpy(copy, frames[head++ % FRAMES].data, len);
		mirror(copy);
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
