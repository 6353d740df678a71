/* SPDX-License-Identifier: Apache-2.0 */
/* DNS and SNTP: the stack on a port that reflects every frame asks servers that the test plays on the same stack; right
 * answers, none and wrong ones. The fake machine's loop. */
#include "../fake/fake.h"
#include "reflect_port.h"
#include "tap.h"
#include <core/arith.h>
#include <core/clock.h>
#include <lwip/udp.h>
#include <net/netif.h>

#define NTP_UNIX 2208988800u /* 1900 to 1970, s (RFC 5905) */
#define T2033 2000000000u

static unsigned asked_dns, asked_ntp;
static bool mute = true, nowhere, lie;

static void answer(struct udp_pcb *pcb, const void *p, size_t n, const ip_addr_t *to, u16_t to_port)
{
	struct pbuf *q = pbuf_alloc(PBUF_TRANSPORT, (u16_t)n, PBUF_RAM);

	pbuf_take(q, p, (u16_t)n);
	udp_sendto(pcb, q, to, to_port);
	pbuf_free(q);
}

/* RFC 1035 4.1: one question; *.test exists, nothing else does. */
static void on_dns(void *arg, struct udp_pcb *pcb, struct pbuf *p, const ip_addr_t *from, u16_t from_port)
{
	static const uint8_t record[] = { 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 5 };
	uint8_t m[600];
	size_t n = pbuf_copy_partial(p, m, 512, 0);
	bool known = !nowhere && n > 22 && !memcmp(m + n - 10, "\4test", 6), v4 = m[n - 3] == 1;

	(void)arg;
	pbuf_free(p);
	asked_dns++;
	if (mute)
		return;
	m[2] = 0x81;
	m[3] = known ? 0x80 : 0x83;
	m[7] = known && v4;
	if (known && v4) {
		memcpy(m + n, record, sizeof record);
		n += sizeof record;
	}
	answer(pcb, m, n, from, from_port);
}

/* RFC 5905 7.3: a server's answer; the originate timestamp is the client's transmit timestamp. */
static void on_ntp(void *arg, struct udp_pcb *pcb, struct pbuf *p, const ip_addr_t *from, u16_t from_port)
{
	uint32_t t = __builtin_bswap32(T2033 + NTP_UNIX);
	uint8_t m[48] = { 0 }, q[48] = { 0 };

	(void)arg;
	pbuf_copy_partial(p, q, 48, 0);
	pbuf_free(p);
	asked_ntp++;
	m[0] = 0x24;
	m[1] = 1;
	memcpy(m + 24, q + 40, 8);
	m[24] ^= lie;
	memcpy(m + 32, &t, 4);
	memcpy(m + 40, &t, 4);
	answer(pcb, m, 48, from, from_port);
}

static void serve(u16_t at, udp_recv_fn fn)
{
	struct udp_pcb *pcb = udp_new_ip_type(IPADDR_TYPE_V4);

	ok(pcb && udp_bind(pcb, IP4_ADDR_ANY, at) == ERR_OK, "a server on port %u", at);
	udp_recv(pcb, fn, NULL);
}

static bool is_set(void *ctx)
{
	(void)ctx;
	return clock_source() == CLOCK_SNTP;
}

static bool has_asked(void *ctx)
{
	return asked_ntp > *(unsigned *)ctx;
}

static bool asks_time(uint64_t within_s)
{
	unsigned before = asked_ntp;

	return fake_loop_until(has_asked, &before, hal_clock_ns() + within_s * NS_PER_S);
}

static void test_names(void)
{
	ok(!asks_time(60) && asked_dns > 1, "without an answer the time server's name is asked for again, and nobody for the time");
	mute = false;
	nowhere = true;
	ok(!asks_time(600), "a name that does not exist leads nowhere");
	nowhere = false;
	ok(asks_time(600), "an answer leads to the time server");
}

static unsigned told;

static void on_change(void *ctx)
{
	(void)ctx;
	told++;
}

static void test_time(void)
{
	ok(!fake_loop_until(is_set, NULL, hal_clock_ns() + 120 * NS_PER_S) && asked_ntp, "a server that does not repeat our timestamp is not believed");
	lie = false;
	told = 0;
	ok(fake_loop_until(is_set, NULL, hal_clock_ns() + 600 * NS_PER_S), "an honest one is");
	ok(clock_utc_ns() / (int64_t)NS_PER_S - T2033 < 5, "the clock shows its time");
	fake_loop_settle();
	ok_eq(told, 1, "those who care for the time are told");
	ok(asks_time(7200), "the time is asked for again");
	fake_loop_settle();
	ok_eq(told, 2, "and told again, since this server's clock stands still");
}

int main(void)
{
	struct net_config cfg = { .dhcp = false };

	fake_init(64 << 20, 1);
	port_init();
	strcpy(cfg.address, "192.0.2.5/24");
	strcpy(cfg.dns[0], "192.0.2.5");
	strcpy(cfg.ntp, "time.test");
	lie = true;
	ok(net_start(&port, &cfg, on_change, NULL) == OK, "the stack starts");
	serve(53, on_dns);
	serve(123, on_ntp);
	test_names();
	test_time();
	return tap_done();
}
