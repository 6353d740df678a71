/* SPDX-License-Identifier: Apache-2.0 */
/* A driver whose queues lie: loops, indices out of range and running backwards, buffers outside of memory or over the rings
 * themselves, descriptors that another CPU changes while they are read. The device refuses (NEEDS_RESET) or does what it was
 * asked; it writes nowhere else, and after a reset it works as if nothing had been. Wants two CPUs. */
#include "lib/guest.h"
#include "lib/places.h"
#include "lib/virtio.h"

enum { SIZE = 8, BYTES = 64, CONSOLE_SIZE = 64, CANARY = 0x5ca1ab1e };
enum expect { REFUSED, DONE, EITHER };
struct lie { const char *name; enum expect expect; void (*tell)(void); };

static struct virtio rng, con;
static struct ring ring, ring2;
static uint32_t canary_before[1024] __attribute__((aligned(4096)));
static uint8_t buf[8192] __attribute__((aligned(4096)));
static uint32_t canary_after[1024] __attribute__((aligned(4096)));

static bool canaries(void)
{
	for (unsigned i = 0; i < 1024; i++)
		if (canary_before[i] != CANARY || canary_after[i] != CANARY)
			return false;
	return true;
}

static void describe(unsigned i, uint64_t addr, uint32_t len, uint16_t flags, uint16_t next)
{
	ring.desc[i].addr = addr;
	ring.desc[i].len = len;
	ring.desc[i].flags = flags;
	ring.desc[i].next = next;
}

/* One honest buffer in descriptor 0, not yet offered. */
static void prepare(void)
{
	(void)virtio_begin(&rng, 0);
	virtio_queue(&rng, 0, &ring, SIZE);
	virtio_set_status(&rng, VS_ACK | VS_DRIVER | VS_FEATURES_OK | VS_DRIVER_OK);
	memset(buf, 0, sizeof(buf));
	describe(0, (uint64_t)buf, BYTES, VD_WRITE, 0);
}

static void offer(void)
{
	memory_barrier();
	ring.avail.idx++;
	virtio_kick(&rng, 0);
}

/* The whole way of an honest driver. */
static bool works(void)
{
	unsigned sum = 0;

	prepare();
	offer();
	if (!WAIT(ring.used.idx == 1) || ring.used.ring[0].id != 0 || ring.used.ring[0].len == 0 || ring.used.ring[0].len > BYTES)
		return false;
	memory_barrier();
	for (unsigned i = 0; i < sizeof(buf); i++)
		sum += i < ring.used.ring[0].len ? buf[i] != 0 : buf[i] ? 1000 : 0;
	return sum > 0 && sum <= BYTES && !(virtio_status(&rng) & VS_NEEDS_RESET) && canaries();
}

/* ---- lies */
static void loop_of_one(void) { describe(0, (uint64_t)buf, BYTES, VD_WRITE | VD_NEXT, 0); offer(); }
static void loop_of_three(void)
{
	for (unsigned i = 0; i < 3; i++)
		describe(i, (uint64_t)buf + 64 * i, BYTES, VD_WRITE | VD_NEXT, (uint16_t)((i + 1) % 3));
	offer();
}
static void next_out_of_range(void) { describe(0, (uint64_t)buf, BYTES, VD_WRITE | VD_NEXT, SIZE); offer(); }
static void next_far_out(void) { describe(0, (uint64_t)buf, BYTES, VD_WRITE | VD_NEXT, 0xffff); offer(); }
static void head_out_of_range(void) { ring.avail.ring[0] = SIZE; offer(); }
static void head_far_out(void) { ring.avail.ring[0] = 0xffff; offer(); }
static void at_the_end(void) { describe(0, ram_end() - 8, 16, VD_WRITE, 0); offer(); }
static void beyond(void) { describe(0, ram_end(), BYTES, VD_WRITE, 0); offer(); }
static void on_devices(void) { describe(0, IRQCHIP, BYTES, VD_WRITE, 0); offer(); }
static void far_away(void) { describe(0, 1ull << 51, BYTES, VD_WRITE, 0); offer(); }
static void wraps(void) { describe(0, 0xfffffffffffffff0, 0x100, VD_WRITE, 0); offer(); }
static void endless(void) { describe(0, (uint64_t)buf, 0xffffffff, VD_WRITE, 0); offer(); }
static void sum_overflows(void)
{
	for (unsigned i = 0; i < 7; i++)
		describe(i, (uint64_t)buf, 0x2800000, VD_WRITE | (i < 6 ? VD_NEXT : 0), (uint16_t)(i + 1));
	ring.desc[6].len = 0xf0000000;
	offer();
}
static void empty(void) { describe(0, (uint64_t)buf, 0, VD_WRITE, 0); offer(); }
static void empty_nowhere(void) { describe(0, ~0ull, 0, VD_WRITE, 0); offer(); }
static void read_after_write(void)
{
	describe(0, (uint64_t)buf, BYTES, VD_WRITE | VD_NEXT, 1);
	describe(1, (uint64_t)buf + 64, BYTES, 0, 0);
	offer();
}
static void only_readable(void) { describe(0, (uint64_t)buf, BYTES, 0, 0); offer(); }
static void indirect(void) { describe(0, (uint64_t)buf, BYTES, VD_INDIRECT, 0); offer(); }
static void all_flags(void) { describe(0, (uint64_t)buf, BYTES, 0xffff, 0); offer(); }
static void runs_backwards(void)
{
	offer();
	(void)WAIT(ring.used.idx == 1 || (virtio_status(&rng) & VS_NEEDS_RESET));
	ring.avail.idx = 0;
	virtio_kick(&rng, 0);
}
static void jumps(void) { ring.avail.idx = SIZE + 1; virtio_kick(&rng, 0); }
static void jumps_far(void) { ring.avail.idx = 0x8000; virtio_kick(&rng, 0); }
static void same_buffer_often(void) { ring.avail.idx = SIZE; virtio_kick(&rng, 0); }
static void over_used_ring(void) { describe(0, (uint64_t)&ring.used, 512, VD_WRITE, 0); offer(); }
static void over_descriptors(void) { describe(0, (uint64_t)ring.desc, 128, VD_WRITE, 0); ring.avail.idx = SIZE; virtio_kick(&rng, 0); }
static void over_available(void) { describe(0, (uint64_t)&ring.avail, 64, VD_WRITE, 0); offer(); }
static void strange_flags(void) { ring.avail.flags = 0xffff; ring.used.flags = 0xffff; ring.avail.ring[SIZE] = 0x7777; offer(); }
static void kicked_often(void)
{
	for (unsigned i = 0; i < 200; i++)
		virtio_kick(&rng, 0);
	offer();
}

/* The queue itself lies: its parts are one and the same, or not in memory. */
static void again_at(uint64_t desc, uint64_t avail, uint64_t used)
{
	(void)virtio_begin(&rng, 0);
	memset(&ring, 0, sizeof(ring));
	virtio_queue_at(&rng, 0, SIZE, desc, avail, used);
	virtio_set_status(&rng, VS_ACK | VS_DRIVER | VS_FEATURES_OK | VS_DRIVER_OK);
	describe(0, (uint64_t)buf, BYTES, VD_WRITE, 0);
	offer();
}
#define D ((uint64_t)ring.desc)
#define A ((uint64_t)&ring.avail)
#define U ((uint64_t)&ring.used)
static void all_in_one(void) { again_at(D, D, D); }
static void used_over_available(void) { again_at(D, A, (A + 3) & ~3ull); }
static void desc_beyond(void) { again_at(ram_end(), A, U); }
static void desc_over_end(void) { again_at(ram_end() - 16, A, U); }
static void avail_beyond(void) { again_at(D, ram_end() + 4096, U); }
static void avail_over_end(void) { again_at(D, ram_end() - 4, U); }
static void used_over_end(void) { again_at(D, A, ram_end() - 8); }
static void used_on_devices(void) { again_at(D, A, IRQCHIP); }
static void rings_wrap(void) { again_at(~15ull, ~1ull, ~3ull); }
static void rings_odd(void) { again_at(D + 8, A + 1, U + 2); }
static void rings_at_begin(void) { again_at(RAM_BEGIN, RAM_BEGIN, RAM_BEGIN); }

static const struct lie lies[] = {
	{"a descriptor that is its own next", REFUSED, loop_of_one}, {"a loop of three", REFUSED, loop_of_three},
	{"next just out of range", REFUSED, next_out_of_range}, {"next far out of range", REFUSED, next_far_out},
	{"head just out of range", REFUSED, head_out_of_range}, {"head far out of range", REFUSED, head_far_out},
	{"a buffer over the end of memory", REFUSED, at_the_end}, {"a buffer beyond it", REFUSED, beyond},
	{"a buffer on a device", REFUSED, on_devices}, {"a buffer at 1 << 51", REFUSED, far_away}, {"a buffer that wraps", REFUSED, wraps},
	{"a buffer of 4 GiB", REFUSED, endless}, {"lengths whose sum overflows", REFUSED, sum_overflows},
	{"an empty buffer", EITHER, empty}, {"an empty buffer nowhere", EITHER, empty_nowhere},
	{"readable after writable", REFUSED, read_after_write}, {"a buffer that cannot be written", EITHER, only_readable},
	{"an indirect table, which was not offered", REFUSED, indirect}, {"all flags", REFUSED, all_flags},
	{"an index that runs backwards", REFUSED, runs_backwards}, {"an index that jumps over the size", REFUSED, jumps},
	{"an index that jumps by half", REFUSED, jumps_far}, {"the same buffer eight times", DONE, same_buffer_often},
	{"a buffer over the used ring", EITHER, over_used_ring}, {"a buffer over the descriptors", EITHER, over_descriptors},
	{"a buffer over the available ring", EITHER, over_available}, {"strange ring flags", DONE, strange_flags},
	{"kicks without buffers", DONE, kicked_often}, {"three rings in one place", EITHER, all_in_one},
	{"used over available", EITHER, used_over_available}, {"descriptors beyond memory", REFUSED, desc_beyond},
	{"descriptors over its end", REFUSED, desc_over_end}, {"available ring beyond memory", REFUSED, avail_beyond},
	{"available ring over its end", REFUSED, avail_over_end}, {"used ring over its end", REFUSED, used_over_end},
	{"used ring on a device", REFUSED, used_on_devices}, {"rings that wrap", REFUSED, rings_wrap}, {"rings at odd addresses", REFUSED, rings_odd},
	{"rings where memory begins", EITHER, rings_at_begin},
};

static bool refused(void) { return virtio_status(&rng) & VS_NEEDS_RESET; }

static void check_lies(void)
{
	static uint8_t low[4096];
	void *begin = (void *)RAM_BEGIN;

	memcpy(low, begin, sizeof(low)); /* rings there write there */
	for (unsigned i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		const struct lie *l = &lies[i];
		bool as_expected = true;

		prepare();
		l->tell();
		if (l->expect == REFUSED && on_caisson)
			as_expected = WAIT(refused());
		if (l->expect == DONE)
			as_expected = WAIT(ring.used.idx > 0) && !refused();
		ok(as_expected, "%s: %s", l->name, l->expect == REFUSED ? "refused" : l->expect == DONE ? "done" : "survived");
		ok(works(), "%s: works after a reset", l->name);
	}
	memcpy(begin, low, sizeof(low));
}

/* After NEEDS_RESET the device does nothing more, whatever it is told, until it is reset. */
static void check_stopped(void)
{
	prepare();
	head_out_of_range();
	if (!on_caisson || !ok(WAIT(refused()), "refused once"))
		return;
	ring.avail.ring[1] = 0;
	ring.avail.idx = 2;
	virtio_kick(&rng, 0);
	ok(ring.used.idx == 0 && buf[0] == 0, "a stopped device does nothing");
	virtio_set_status(&rng, VS_ACK | VS_DRIVER | VS_FEATURES_OK | VS_DRIVER_OK);
	ok(refused(), "and cannot be talked out of it");
	ok(works(), "but by a reset");
}

/* ---- changing while read */
static volatile bool stop, running;

static uint64_t noise(uint64_t *x)
{
	*x ^= *x << 13;
	*x ^= *x >> 7;
	*x ^= *x << 17;
	return *x;
}

static void change(unsigned index)
{
	uint64_t x = 0x9e3779b97f4a7c15 + index;

	running = true;
	while (!stop) {
		uint64_t r = noise(&x);
		unsigned i = r & (SIZE - 1);

		switch (r >> 3 & 7) {
		case 0: ring.desc[i].addr = (uint64_t)buf + (r >> 8 & 0xfff); break;
		case 1: ring.desc[i].addr = r & 64 ? ram_end() - 32 : r; break;
		case 2: ring.desc[i].len = r & 64 ? (uint32_t)(r >> 32) : BYTES; break;
		case 3: ring.desc[i].flags = (uint16_t)(r >> 8 & 7); break;
		case 4: ring.desc[i].next = (uint16_t)(r >> 8 & (r & 64 ? 0xf : 7)); break;
		case 5: ring.avail.idx = (uint16_t)(r & 64 ? ring.avail.idx + 1u : r >> 16); break;
		case 6: ring.avail.ring[i] = (uint16_t)(r >> 8 & 15); break;
		default: ring.used.idx = (uint16_t)(r >> 9); break;
		}
	}
	running = false;
}

static void check_changing(void)
{
	unsigned refusals = 0;

	if (cpu_count() < 2 || !ok(cpu_start(1, change), "another CPU changes the rings"))
		return;
	(void)WAIT(running);
	for (unsigned i = 0; i < 400; i++) {
		if (i % 4 == 0 || refused())
			prepare();
		virtio_kick(&rng, 0);
		refusals += refused();
	}
	stop = true;
	(void)WAIT(!running);
	note("%u refusals", refusals);
	/* Lengths were such that only the buffer and its second page could be meant, and memory's end. */
	ok(works(), "it works afterwards");
}

/* ---- the console's two queues */
static void console_ready(void)
{
	(void)virtio_begin(&con, 0);
	virtio_queue(&con, 0, &ring2, CONSOLE_SIZE);
	virtio_queue(&con, 1, &ring, CONSOLE_SIZE);
	virtio_set_status(&con, VS_ACK | VS_DRIVER | VS_FEATURES_OK | VS_DRIVER_OK);
}

static bool console_works(void)
{
	static const char text[] = "# this line came by virtio\n";

	console_ready();
	describe(0, (uint64_t)text, sizeof(text) - 1, 0, 0);
	ring.avail.idx = 1;
	virtio_kick(&con, 1);
	return WAIT(ring.used.idx == 1) && !(virtio_status(&con) & VS_NEEDS_RESET);
}

static void check_console(void)
{
	ok(console_works(), "the console sends");
	console_ready();
	for (unsigned i = 0; i < CONSOLE_SIZE; i++)
		describe(i, SPARE_RAM, 0x100000, i < CONSOLE_SIZE - 1 ? VD_NEXT : 0, (uint16_t)(i + 1));
	ring.avail.idx = 1;
	virtio_kick(&con, 1);
	if (on_caisson)
		ok(virtio_status(&con) & VS_NEEDS_RESET, "64 MiB in one line are refused");
	ok(console_works(), "it works after a reset");
	console_ready();
	describe(0, (uint64_t)buf, BYTES, VD_WRITE, 0);
	ring.avail.idx = 1;
	virtio_kick(&con, 1);
	ok(console_works(), "a buffer for writing in the transmit queue is survived");
	console_ready();
	ring2.avail.idx = 0x4000;
	virtio_kick(&con, 0);
	ring2.avail.idx = 1;
	ring2.avail.ring[0] = 0x1234;
	virtio_kick(&con, 0);
	ok(console_works(), "a receive queue that lies is survived");
}

void guest_main(void)
{
	for (unsigned i = 0; i < 1024; i++)
		canary_before[i] = canary_after[i] = CANARY;
	if (!ok(virtio_find(&rng, VIRTIO_RNG), "there is an entropy device") || !ok(virtio_find(&con, VIRTIO_CONSOLE), "there is a console"))
		return;
	ok(works(), "it gives entropy");
	check_lies();
	check_stopped();
	check_changing();
	check_console();
}
