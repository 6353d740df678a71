/* SPDX-License-Identifier: Apache-2.0 */
/* Virtio console device: one port, terminal size, emergency write (Virtio 1.2 5.3). Runs in the exit path under vm->lock, and on
 * CPU 0 for input. Sees chains only; the bytes go to a chardev. */
#include <core/arith.h>
#include <string.h>
#include <vmm/virtio_console.h>

enum {
	RECEIVEQ = 0, TRANSMITQ = 1, QUEUE_SIZE = 64,
	F_SIZE = 1u << 0, F_EMERG_WRITE = 1u << 2,
	CHAIN_MAX = 64 * 1024,        /* longer output buffers are no console's: bounds the work of one kick */
	CHAINS_PER_KICK = 4 * QUEUE_SIZE,
	BYTES_PER_KICK = 256 * 1024,  /* and what is sent beyond is lost, as with any console that cannot keep up */
};

struct console_config { uint16_t cols, rows; uint32_t max_nr_ports, emerg_wr; };
_Static_assert(sizeof(struct console_config) == 12, "Virtio 1.2 5.3.4");

static struct virtio_console *console_of(struct virtio_dev *d) { return container_of(d, struct virtio_console, dev); }

static uint32_t console_config_read(struct virtio_dev *d, unsigned off, unsigned size)
{
	struct virtio_console *c = console_of(d);
	struct console_config cfg = {.cols = c->cols, .rows = c->rows, .max_nr_ports = 1};
	uint32_t v = 0;

	if (range_within(off, size, sizeof(cfg)))
		memcpy(&v, (const uint8_t *)&cfg + off, size);
	return v;
}

static void console_emit(struct virtio_console *c, const void *p, size_t n)
{
	if (c->wrote)
		c->wrote(c->ctx);
	/* A console that cannot take more loses output: a guest never waits for a reader. */
	chardev_write(c->out, p, n);
}

static void console_config_write(struct virtio_dev *d, unsigned off, unsigned size, uint32_t v)
{
	uint8_t byte = (uint8_t)v;

	(void)size;
	if (off == offsetof(struct console_config, emerg_wr))
		console_emit(console_of(d), &byte, 1);
}

/* budget: bytes that this kick may still write. */
static err_t console_send(struct virtio_console *c, struct virtq *q, const struct virtq_chain *chain, uint32_t *budget)
{
	uint8_t part[256];

	if (chain->out_len > CHAIN_MAX)
		return E_GUEST;
	for (uint32_t off = 0; off < chain->out_len && *budget; off += sizeof(part)) {
		uint32_t n = MIN(MIN((uint32_t)sizeof(part), chain->out_len - off), *budget);
		err_t e = virtq_read(q, chain, off, part, n);

		if (e)
			return e;
		console_emit(c, part, n);
		*budget -= n;
	}
	return virtq_push(q, chain->head, 0);
}

static void console_transmit(struct virtio_console *c)
{
	struct virtq *q = &c->dev.queues[TRANSMITQ];
	uint32_t budget = BYTES_PER_KICK;
	UNINIT struct virtq_chain chain;
	bool sent = false;
	err_t e = OK;

	for (unsigned i = 0; i < CHAINS_PER_KICK; i++) {
		e = virtq_pop_or_ask(q, &chain);
		if (e == OK) {
			e = console_send(c, q, &chain, &budget);
			sent = true;
		}
		if (e)
			break;
	}
	if (e && e != E_AGAIN)
		virtio_needs_reset(&c->dev, "malformed transmit buffer");
	else if (sent)
		virtio_notify_queue(&c->dev, TRANSMITQ);
	if (!e)
		virtio_kick_again(&c->dev, TRANSMITQ);
}

/* Moves typed bytes into the driver's buffers, as far as there are both. */
static void console_receive(struct virtio_console *c)
{
	struct virtq *q = &c->dev.queues[RECEIVEQ];
	UNINIT struct virtq_chain chain;
	bool pushed = false;
	err_t e = OK;

	if (!(c->dev.status & VIRTIO_S_DRIVER_OK) || (c->dev.status & VIRTIO_S_NEEDS_RESET) || !q->enabled)
		return;
	while (c->head != c->tail) { /* each turn takes a byte at least */
		uint32_t at = c->head & (VIRTIO_CONSOLE_INPUT - 1), n;

		e = virtq_pop_or_ask(q, &chain);
		if (e)
			break;
		n = MIN(MIN(chain.in_len, c->tail - c->head), VIRTIO_CONSOLE_INPUT - at);
		e = virtq_write(q, &chain, 0, c->input + at, n);
		if (e == OK)
			e = virtq_push(q, chain.head, n);
		if (e)
			break;
		c->head += n;
		pushed = true;
		if (n == 0) {
			e = E_GUEST; /* a receive buffer without room would be popped for ever */
			break;
		}
	}
	if (e && e != E_AGAIN)
		virtio_needs_reset(&c->dev, "malformed receive buffer");
	else if (pushed)
		virtio_notify_queue(&c->dev, RECEIVEQ);
	(void)virtq_ask(q);
}

static void console_kick(struct virtio_dev *d, unsigned q)
{
	if (q == TRANSMITQ)
		console_transmit(console_of(d));
	else
		console_receive(console_of(d));
}

static void console_reset(struct virtio_dev *d)
{
	struct virtio_console *c = console_of(d);

	c->head = c->tail = 0;
}

static const struct virtio_dev_ops console_ops = {
	.id = VIRTIO_ID_CONSOLE, .nqueues = 2, .queue_size = QUEUE_SIZE, .features = F_SIZE | F_EMERG_WRITE,
	.config_read = console_config_read, .config_write = console_config_write, .kick = console_kick, .reset = console_reset,
};

void virtio_console_init(struct virtio_console *c, struct gmem *mem, struct chardev *out)
{
	memset(c, 0, sizeof(*c));
	virtio_dev_init(&c->dev, &console_ops, mem);
	c->out = out;
	c->cols = 80;
	c->rows = 25;
}

size_t virtio_console_input(struct virtio_console *c, const void *buf, size_t n)
{
	const uint8_t *p = buf;
	size_t room = VIRTIO_CONSOLE_INPUT - (c->tail - c->head), take = MIN(n, room);

	for (size_t i = 0; i < take; i++)
		c->input[c->tail++ & (VIRTIO_CONSOLE_INPUT - 1)] = p[i];
	console_receive(c);
	return take;
}

void virtio_console_resize(struct virtio_console *c, unsigned cols, unsigned rows)
{
	c->cols = (uint16_t)MIN(cols, UINT16_MAX);
	c->rows = (uint16_t)MIN(rows, UINT16_MAX);
	virtio_config_changed(&c->dev);
}
