/* SPDX-License-Identifier: Apache-2.0 */
/* Virtio input device (Virtio 1.2 5.8): a keyboard whose one key is the power button, for guests that have no driver for the machine's own.
 * In the exit path under vm->lock, and on CPU 0 for strokes. */
#include <core/arith.h>
#include <string.h>
#include <vmm/virtio_input.h>

enum {
	EVENTQ = 0, STATUSQ = 1, QUEUE_SIZE = 16, CHAINS_PER_KICK = 4 * QUEUE_SIZE,
	/* what select asks for (5.8.4) */
	CFG_ID_NAME = 0x01, CFG_ID_DEVIDS = 0x03, CFG_EV_BITS = 0x11,
	/* Linux include/uapi/linux/input-event-codes.h, as 5.8.2 wants it */
	EV_SYN = 0, EV_KEY = 1, KEY_POWER = 116, SYN_REPORT = 0, BUS_VIRTUAL = 6,
};

struct input_config { uint8_t select, subsel, size, reserved[5], u[128]; };
struct input_event { uint16_t type, code; uint32_t value; };
_Static_assert(sizeof(struct input_config) == 136 && sizeof(struct input_event) == 8, "Virtio 1.2 5.8.4, 5.8.6");

static struct virtio_input *input_of(struct virtio_dev *d) { return container_of(d, struct virtio_input, dev); }

static struct input_config input_config(const struct virtio_input *p)
{
	static const char name[] = "Power Button";
	struct input_config c = {.select = p->select, .subsel = p->subsel};

	if (p->select == CFG_ID_NAME && p->subsel == 0) {
		c.size = sizeof(name) - 1;
		memcpy(c.u, name, c.size);
	} else if (p->select == CFG_ID_DEVIDS && p->subsel == 0) {
		c.size = 8; /* bus, vendor, product, version */
		put_le16(c.u, BUS_VIRTUAL);
	} else if (p->select == CFG_EV_BITS && p->subsel == EV_KEY) {
		c.size = KEY_POWER / 8 + 1;
		c.u[KEY_POWER / 8] = 1u << (KEY_POWER % 8);
	}
	return c;
}

static uint32_t input_config_read(struct virtio_dev *d, unsigned off, unsigned size)
{
	struct input_config c = input_config(input_of(d));
	uint32_t v = 0;

	if (range_within(off, size, sizeof(c)))
		memcpy(&v, (const uint8_t *)&c + off, size);
	return v;
}

static void input_config_write(struct virtio_dev *d, unsigned off, unsigned size, uint32_t v)
{
	struct virtio_input *p = input_of(d);

	if (off == offsetof(struct input_config, select))
		p->select = (uint8_t)v;
	if (off == offsetof(struct input_config, subsel) || (off == 0 && size > 1))
		p->subsel = (uint8_t)(off ? v : v >> 8);
}

/* What a driver says of lamps and sounds is taken and forgotten: there are none. */
static void input_kick(struct virtio_dev *d, unsigned queue)
{
	struct virtq *q = &d->queues[queue];
	struct virtq_chain chain;
	err_t e = OK;

	if (queue != STATUSQ)
		return; /* buffers for events: used when there is one */
	for (unsigned i = 0; i < CHAINS_PER_KICK && e == OK; i++) {
		e = virtq_pop(q, &chain);
		if (e == OK)
			e = virtq_push(q, chain.head, 0);
	}
	if (e && e != E_AGAIN)
		virtio_needs_reset(d, "malformed status buffer");
	else
		virtio_notify_queue(d, queue);
}

static void input_reset(struct virtio_dev *d)
{
	input_of(d)->select = input_of(d)->subsel = 0;
}

static const struct virtio_dev_ops input_ops = {
	.id = VIRTIO_ID_INPUT, .nqueues = 2, .queue_size = QUEUE_SIZE,
	.config_read = input_config_read, .config_write = input_config_write, .kick = input_kick, .reset = input_reset,
};

void virtio_input_init(struct virtio_input *p, struct gmem *mem)
{
	memset(p, 0, sizeof(*p));
	virtio_dev_init(&p->dev, &input_ops, mem);
}

static err_t input_send(struct virtq *q, const struct input_event *ev)
{
	struct virtq_chain chain;
	err_t e = virtq_pop(q, &chain);

	if (e == OK)
		e = chain.in_len < sizeof(*ev) ? E_GUEST : virtq_write(q, &chain, 0, ev, sizeof(*ev));
	return e ? e : virtq_push(q, chain.head, sizeof(*ev));
}

void virtio_input_press(struct virtio_input *p)
{
	static const struct input_event stroke[] = {
		{EV_KEY, KEY_POWER, 1}, {EV_SYN, SYN_REPORT, 0}, {EV_KEY, KEY_POWER, 0}, {EV_SYN, SYN_REPORT, 0},
	};
	struct virtio_dev *d = &p->dev;
	err_t e = OK;

	if (!(d->status & VIRTIO_S_DRIVER_OK) || (d->status & VIRTIO_S_NEEDS_RESET) || !d->queues[EVENTQ].enabled)
		return;
	for (unsigned i = 0; i < ARRAY_LEN(stroke) && e == OK; i++)
		e = input_send(&d->queues[EVENTQ], &stroke[i]);
	if (e && e != E_AGAIN)
		virtio_needs_reset(d, "malformed event buffer");
	else
		virtio_notify_queue(d, EVENTQ);
}
