/* SPDX-License-Identifier: Apache-2.0 */
/* The virtio power button: what it says that it is, strokes as a driver gets them, drivers that have no room or break the protocol. */
#include "tap.h"
#include "vring.h"
#include <vmm/virtio_input.h>

#define RAM (1 * MIB)
static struct gmem *mem;
static struct virtio_input key;
static struct vring events, status;
static unsigned interrupts;

static void notify(void *transport, unsigned q) { (void)transport; (void)q; interrupts++; }
static uint32_t cfg(unsigned off, unsigned size) { return key.dev.ops->config_read(&key.dev, off, size); }
static void set_cfg(unsigned off, unsigned size, uint32_t v) { key.dev.ops->config_write(&key.dev, off, size, v); }

static void start(void)
{
	gmem_clear(mem);
	virtio_input_init(&key, mem);
	key.dev.notify = notify;
	interrupts = 0;
	events = vring_at(mem, 0x1000, 16);
	status = vring_at(mem, 0x5000, 16);
	key.dev.queues[0] = (struct virtq){.mem = mem, .size = 16, .desc = GPA(0x1000), .avail = GPA(0x2000), .used = GPA(0x3000), .enabled = true};
	key.dev.queues[1] = (struct virtq){.mem = mem, .size = 16, .desc = GPA(0x5000), .avail = GPA(0x6000), .used = GPA(0x7000), .enabled = true};
	key.dev.driver_features = VIRTIO_F_VERSION_1;
	virtio_set_status(&key.dev, 0xb);
	virtio_set_status(&key.dev, 0xf);
}

static void offer(unsigned n, uint32_t len, uint16_t flags)
{
	for (unsigned i = 0; i < n; i++) {
		vring_desc(&events, (uint16_t)i, 0x10000 + 8 * i, len, flags, 0);
		vring_offer(&events, (uint16_t)i);
	}
}

static void test_config(void)
{
	char name[16] = "";

	start();
	ok_eq(cfg(2, 1), 0, "nothing is selected");
	set_cfg(0, 1, 1);
	set_cfg(1, 1, 0);
	for (unsigned i = 0; i < cfg(2, 1) && i < 15; i++)
		name[i] = (char)cfg(8 + i, 1);
	ok_str(name, "Power Button", "its name");
	set_cfg(0, 1, 0x11);
	set_cfg(1, 1, 1);
	ok(cfg(2, 1) == 15 && cfg(8 + 14, 1) == 0x10, "one key: 116");
	ok(cfg(0, 1) == 0x11 && cfg(1, 1) == 1, "what was selected");
	set_cfg(1, 1, 2);
	ok_eq(cfg(2, 1), 0, "and no axes");
	set_cfg(0, 2, 0x0003);
	ok(cfg(2, 1) == 8 && cfg(8, 2) == 6, "ids: a virtual bus");
	set_cfg(2, 1, 77);
	set_cfg(8, 4, 77);
	ok(cfg(2, 1) == 8 && cfg(8, 2) == 6, "the rest is read-only");
	ok(cfg(135, 1) == 0 && cfg(136, 1) == 0 && cfg(134, 4) == 0, "its end, and beyond");
}

static void test_stroke(void)
{
	static const uint8_t want[32] = {1, 0, 116, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 116, 0};
	uint8_t got[32];

	start();
	offer(6, 8, V_WRITE);
	virtio_input_press(&key);
	if (gmem_read(mem, GPA(0x10000), got, sizeof(got)))
		abort();
	ok_mem(got, want, sizeof(want), "down, report, up, report");
	ok(vring_used_idx(&events) == 4 && vring_used_len(&events, 3) == 8 && interrupts == 1, "four events, one interrupt");
	virtio_input_press(&key);
	ok(vring_used_idx(&events) == 6 && !(key.dev.status & VIRTIO_S_NEEDS_RESET), "a driver without room misses the rest");
	virtio_input_press(&key);
	ok_eq(vring_used_idx(&events), 6, "or all");
}

static void test_absent(void)
{
	start();
	offer(4, 8, V_WRITE);
	key.dev.status = 0xb;
	virtio_input_press(&key);
	key.dev.status = 0xf;
	key.dev.queues[0].enabled = false;
	virtio_input_press(&key);
	ok(vring_used_idx(&events) == 0 && interrupts == 0, "a driver that is not there yet misses it");
}

static void test_status(void)
{
	start();
	for (unsigned i = 0; i < 3; i++) {
		vring_desc(&status, (uint16_t)i, 0x10000, 8, 0, 0);
		vring_offer(&status, (uint16_t)i);
	}
	virtio_kick(&key.dev, 1);
	ok_eq(vring_used_idx(&status), 3, "what the driver says is taken");
	virtio_kick(&key.dev, 0);
	ok_eq(vring_used_idx(&events), 0, "a kick for events does nothing");
}

static void test_hostile(void)
{
	start();
	offer(1, 7, V_WRITE);
	virtio_input_press(&key);
	ok(key.dev.status & VIRTIO_S_NEEDS_RESET, "a buffer too small for an event");
	start();
	offer(1, 8, 0);
	virtio_input_press(&key);
	ok(key.dev.status & VIRTIO_S_NEEDS_RESET, "one that must not be written");
	start();
	vring_desc(&events, 0, RAM - 4, 8, V_WRITE, 0);
	vring_offer(&events, 0);
	virtio_input_press(&key);
	ok(key.dev.status & VIRTIO_S_NEEDS_RESET, "one beyond memory");
	virtio_input_press(&key);
	ok(key.dev.status & VIRTIO_S_NEEDS_RESET, "and after that nothing");
	start();
	vring_offer(&status, 99);
	virtio_kick(&key.dev, 1);
	ok(key.dev.status & VIRTIO_S_NEEDS_RESET, "a status buffer that is none");
	set_cfg(0, 1, 1);
	virtio_set_status(&key.dev, 0);
	ok(key.dev.status == 0 && cfg(0, 1) == 0, "a reset mends it");
}

int main(void)
{
	fake_init(16 * MIB, 1);
	mem = guest_ram(RAM);
	test_config();
	test_stroke();
	test_absent();
	test_status();
	test_hostile();
	return tap_done();
}
