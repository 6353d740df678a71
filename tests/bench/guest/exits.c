/* SPDX-License-Identifier: Apache-2.0 */
/* What exits cost, seen from inside: one program for Caisson and for Linux with KVM (tests/bench/kvm/monitor.c). Each case runs BATCHES
 * times ROUNDS rounds between two marks of its own, where the bench's plugin counts, and says the ticks of each batch on the serial port.
 * Nothing else happens between the marks of a case, so that what is left beside "nothing" is the exits. Here is what all
 * architectures have; the rest is in ARCH/cases.c. */
#include "exits.h"
#include "monitor_map.h"
#include "lib/places.h"
#include "../../guest/lib/virtio.h"

#define RANGE (2ull << 20)
#define RANGE_PAGES 512
#define SPIN_NS 40000              /* arming, and all that an emulated host does for it, is over by then */
#define HALT_NS 2000000            /* longer than any host polls before it believes that its guest sleeps */
#define LARGE_PAGES (32ull << 20)  /* the KVM monitor asks for large pages from here on */

uint64_t device = MONITOR_DEVICE, notify = MONITOR_NOTIFY;
uint16_t notify_port = MONITOR_PORT_NOTIFY;
static struct ring queue;
static uint64_t fresh; /* memory that nothing has touched */

/* A queue in which nothing is waiting: what a notification costs before the device has work to do. */
static void find_device(void)
{
	struct virtio v;

	if (!virtio_find(&v, VIRTIO_RNG))
		return;
	virtio_begin(&v, 0);
	virtio_queue(&v, 0, &queue, 256);
	virtio_set_status(&v, VS_ACK | VS_DRIVER | VS_FEATURES_OK | VS_DRIVER_OK);
	device = v.common + VC_DEVICE_SELECT;
	notify = v.notify;
	notify_port = v.port;
}

/* Awaited at work, and asleep. */
static void timers(void)
{
	timer_init();
	for (unsigned batch = 0; batch < BATCHES; batch++) {
		BEGIN(timer_spin);
		for (unsigned i = 0, was = fired; i < ROUNDS; i++, was = fired) {
			timer_arm(SPIN_NS);
			irq_on();
			while (fired == was)
				;
			irq_off();
		}
		END(timer_spin);
	}
	for (unsigned batch = 0; batch < BATCHES; batch++) {
		BEGIN(timer_halt);
		for (unsigned i = 0, was = fired; i < ROUNDS; i++, was = fired) {
			timer_arm(HALT_NS);
			while (fired == was)
				halt_once();
		}
		END(timer_halt);
	}
}

static void touch(uint64_t at, unsigned pages)
{
	for (; pages; pages--, at += 4096)
		*(volatile uint8_t *)at = 1;
}

/* Page after page of one range after the other, each range whole; and of memory that the host may give by 2 MiB, the whole range. */
static void memory(void)
{
	for (unsigned batch = 0; batch < BATCHES; batch++, fresh += ROUNDS * 4096) {
		BEGIN(touch_4k);
		touch(fresh, ROUNDS);
		END(touch_4k);
	}
	fresh = (fresh + RANGE - 1) & -RANGE;
	if (fresh < RAM_BEGIN + LARGE_PAGES)
		fresh = RAM_BEGIN + LARGE_PAGES;
	for (unsigned batch = 0; batch < BATCHES; batch++, fresh += RANGE) {
		BEGIN(touch_2m);
		touch(fresh, RANGE_PAGES);
		END(touch_2m);
	}
}

void guest_main(void)
{
	fresh = (first_free() + RANGE - 1) & -RANGE;
	find_device();
	case_instructions();
	case_devices();
	timers();
	case_ipis();
	memory();
	say("end\n");
	MARK(MARK_END);
}
