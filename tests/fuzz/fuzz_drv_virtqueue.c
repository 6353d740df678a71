/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes the driver's side of a virtqueue: the input is a script of what the driver adds and what a device writes into the
 * rings. Whatever it writes, chains come back at most once, with their own cookie, and no descriptor is lost. Host only. */
#include "../../core/drv/virtqueue.h"
#include "../fake/fake.h"
#include <core/arith.h>
#include <stdlib.h>
#include <string.h>

#define SIZE 8
#define RING_BYTES 256 /* descriptors, available and used ring of eight entries */

struct input { const uint8_t *p; size_t left; };

static uint8_t next(struct input *in)
{
	if (in->left == 0)
		return 0;
	in->left--;
	return *in->p++;
}

static void must(bool good)
{
	if (!good)
		abort();
}

/* out[i]: chain with cookie i is with the device; its writable bytes. */
static struct { bool out; uint32_t writable; unsigned count; } chains[256];

static void driver_adds(struct virtqueue *q, struct input *in, unsigned cookie)
{
	unsigned nout = next(in) % 4, nin = next(in) % 4;
	struct vq_seg segs[6];
	err_t e;

	if (chains[cookie].out)
		return;
	for (unsigned i = 0; i < nout + nin; i++)
		segs[i] = (struct vq_seg){HPA(0x1000u * i), 1u + next(in)};
	e = virtqueue_add(q, segs, nout, nin, &chains[cookie]);
	if (e != OK)
		return;
	chains[cookie].out = true;
	chains[cookie].count = nout + nin;
	chains[cookie].writable = 0;
	for (unsigned i = nout; i < nout + nin; i++)
		chains[cookie].writable += segs[i].len;
}

static void driver_takes(struct virtqueue *q)
{
	void *cookie;
	uint32_t len;

	while (virtqueue_take(q, &cookie, &len) == OK) {
		size_t i = (size_t)((char *)cookie - (char *)chains) / sizeof(chains[0]);

		must(i < ARRAY_LEN(chains) && chains[i].out && len <= chains[i].writable);
		chains[i].out = false;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool ready;
	struct input in = {data, size};
	struct virtqueue q;
	uint8_t *used, *rings;
	unsigned held = 0;

	if (!ready)
		fake_init(16 * MIB, 1);
	ready = true;
	memset(chains, 0, sizeof(chains));
	must(virtqueue_init(&q, 0, SIZE) == OK);
	rings = hal_direct(virtqueue_desc(&q));
	used = hal_direct(virtqueue_used(&q));
	while (in.left) {
		uint8_t op = next(&in), a = next(&in);

		switch (op % 5) {
		case 0: driver_adds(&q, &in, a); break;
		case 1: (void)virtqueue_publish(&q); break;
		case 2: put_le32(used + 4 + 8 * (a % SIZE), next(&in)), put_le32(used + 8 + 8 * (a % SIZE), next(&in)); break;
		case 3: put_le16(used + 2, (uint16_t)(get_le16(used + 2) + a % 4)), driver_takes(&q); break;
		default: rings[a % RING_BYTES] = next(&in); break;
		}
	}
	driver_takes(&q);
	for (unsigned i = 0; i < ARRAY_LEN(chains); i++)
		held += chains[i].out ? chains[i].count : 0;
	must(held + q.nfree == SIZE);
	virtqueue_fini(&q);
	return 0;
}
