/* SPDX-License-Identifier: Apache-2.0 */
/* The IP stack seen from the cable: the test is the network. It leases addresses by DHCP with name servers in the lease, and asks for
 * echoes (ICMP, ICMPv6). Frames are made and read byte by byte here, with no help of the stack under test. */
#include "../fake/fake.h"
#include "tap.h"
#include <core/arith.h>
#include <core/l2port.h>
#include <core/task.h>
#include <lwip/dns.h>
#include <net/netif.h>
#include <string.h>

enum { ETH = 14, IP4 = 20, IP6 = 40, UDP = 8, BOOTP = 240 }; /* header sizes; BOOTP with the magic number (RFC 2131 2, RFC 2132 2) */
enum { DISCOVER = 1, OFFER, REQUEST, ACK = 5 };              /* RFC 2132 9.6 */

static const uint8_t our_mac[6] = {2, 0, 0, 0, 0, 9}, our_ip[4] = {10, 0, 2, 2}, node_ip[4] = {10, 0, 2, 15};
static const uint8_t our_ip6[16] = {0xfe, 0x80, [15] = 9};
static struct l2port port;
static struct work deliver;
static uint8_t reply[L2_FRAME_MAX], echo[L2_FRAME_MAX];
static size_t reply_len, echo_len;
static unsigned leases;

static void put16(uint8_t *p, unsigned v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

/* RFC 1071, over what start stands for and n bytes at p. */
static unsigned checksum(uint32_t start, const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		start += i % 2 ? p[i] : (uint32_t)p[i] << 8;
	while (start >> 16)
		start = (start & 0xffff) + (start >> 16);
	return ~start & 0xffff;
}

static size_t put_ip4(uint8_t *f, unsigned protocol, const uint8_t *to, size_t payload)
{
	uint8_t *ip = f + ETH;

	memcpy(f, port.mac, 6);
	memcpy(f + 6, our_mac, 6);
	put16(f + 12, 0x0800);
	memset(ip, 0, IP4);
	ip[0] = 0x45;
	put16(ip + 2, (unsigned)(IP4 + payload));
	ip[8] = 64;
	ip[9] = (uint8_t)protocol;
	memcpy(ip + 12, our_ip, 4);
	memcpy(ip + 16, to, 4);
	put16(ip + 10, checksum(0, ip, IP4));
	return ETH + IP4 + payload;
}

static size_t put_option(uint8_t *o, unsigned code, const void *value, size_t n)
{
	o[0] = (uint8_t)code;
	o[1] = (uint8_t)n;
	memcpy(o + 2, value, n);
	return n + 2;
}

/* The answer to a DHCP message: an address for an hour, and name servers 10.0.2.3 and 10.0.2.4. */
static void dhcp_answer(const uint8_t *q, uint8_t kind)
{
	static const uint8_t lease[4] = {0, 0, 14, 16}, mask[4] = {255, 255, 255, 0}, dns[8] = {10, 0, 2, 3, 10, 0, 2, 4};
	uint8_t *udp = reply + ETH + IP4, *b = udp + UDP, *o = b + BOOTP;

	memset(reply, 0, sizeof(reply));
	b[0] = 2;
	b[1] = 1;
	b[2] = 6;
	memcpy(b + 4, q + 4, 4); /* xid */
	memcpy(b + 16, node_ip, 4);
	memcpy(b + 28, port.mac, 6);
	memcpy(b + 236, "\x63\x82\x53\x63", 4);
	o += put_option(o, 53, &kind, 1);
	o += put_option(o, 54, our_ip, 4);
	o += put_option(o, 51, lease, 4);
	o += put_option(o, 1, mask, 4);
	o += put_option(o, 6, dns, 8);
	*o++ = 255;
	put16(udp, 67);
	put16(udp + 2, 68);
	put16(udp + 4, (unsigned)(o - udp));
	reply_len = put_ip4(reply, 17, node_ip, (size_t)(o - udp));
	leases += kind == ACK;
}

static void on_dhcp(const uint8_t *b, size_t n)
{
	for (size_t i = BOOTP; i + 2 < n && b[i] != 255; i += b[i] ? 2u + b[i + 1] : 1)
		if (b[i] == 53 && (b[i + 2] == DISCOVER || b[i + 2] == REQUEST))
			dhcp_answer(b, b[i + 2] == DISCOVER ? OFFER : ACK);
}

/* Who has our address? (RFC 826) */
static void on_arp(const uint8_t *a)
{
	if (a[7] != 1 || memcmp(a + 24, our_ip, 4) != 0)
		return;
	memset(reply, 0, ETH + 28);
	memcpy(reply, port.mac, 6);
	memcpy(reply + 6, our_mac, 6);
	put16(reply + 12, 0x0806);
	memcpy(reply + ETH, "\0\1\x08\0\6\4\0\2", 8);
	memcpy(reply + ETH + 8, our_mac, 6);
	memcpy(reply + ETH + 14, our_ip, 4);
	memcpy(reply + ETH + 18, a + 8, 10);
	reply_len = ETH + 28;
}

static unsigned icmp6_sum(const uint8_t *ip, size_t n)
{
	return checksum(checksum(58 + (uint32_t)n, ip + 8, 32) ^ 0xffff, ip + IP6, n);
}

static void put_ip6(uint8_t *f, const uint8_t *to, size_t payload)
{
	memcpy(f, port.mac, 6);
	memcpy(f + 6, our_mac, 6);
	put16(f + 12, 0x86dd);
	memset(f + ETH, 0, IP6);
	f[ETH] = 0x60;
	put16(f + ETH + 4, (unsigned)payload);
	f[ETH + 6] = 58;
	f[ETH + 7] = 255;
	memcpy(f + ETH + 8, our_ip6, 16);
	memcpy(f + ETH + 24, to, 16);
	put16(f + ETH + IP6 + 2, icmp6_sum(f + ETH, payload));
}

/* Neighbour solicitation for our address: the advertisement (RFC 4861 4.4). */
static void on_solicitation(const uint8_t *ip)
{
	uint8_t *icmp = reply + ETH + IP6;

	if (memcmp(ip + IP6 + 8, our_ip6, 16) != 0)
		return;
	memset(reply, 0, ETH + IP6 + 32);
	icmp[0] = 136;
	icmp[4] = 0x60;
	memcpy(icmp + 8, our_ip6, 16);
	icmp[24] = 2;
	icmp[25] = 1;
	memcpy(icmp + 26, our_mac, 6);
	put_ip6(reply, ip + 8, 32);
	reply_len = ETH + IP6 + 32;
}

static err_t port_send(struct l2port *p, const void *frame, size_t len)
{
	const uint8_t *f = frame, *ip = f + ETH;
	unsigned type = (unsigned)f[12] << 8 | f[13];

	(void)p;
	if (type == 0x0806)
		on_arp(ip);
	else if (type == 0x0800 && ip[9] == 17 && ip[IP4 + 3] == 67)
		on_dhcp(ip + IP4 + UDP, len - ETH - IP4 - UDP);
	else if (type == 0x86dd && ip[6] == 58 && ip[IP6] == 135)
		on_solicitation(ip);
	else if ((type == 0x0800 && ip[9] == 1) || (type == 0x86dd && ip[6] == 58 && ip[IP6] == 129))
		memcpy(echo, f, echo_len = len);
	if (reply_len)
		work_post(0, &deliver);
	return OK;
}

static void deliver_fn(struct work *w)
{
	uint8_t copy[L2_FRAME_MAX];
	size_t n = reply_len;

	(void)w;
	memcpy(copy, reply, n);
	reply_len = 0;
	if (n)
		port.rx(port.ctx, copy, n);
}

static const struct l2port_ops port_ops = {port_send};

static bool has_lease(void *ctx)
{
	char a[46];

	return leases >= *(unsigned *)ctx && net_address(0, a) && !strcmp(a, "10.0.2.15");
}

static bool wait_leases(unsigned n)
{
	return fake_loop_until(has_lease, &n, hal_clock_ns() + 7200 * NS_PER_S);
}

static bool never(void *ctx)
{
	(void)ctx;
	return false;
}

static bool servers_are(const char *first, const char *second)
{
	return !strcmp(ipaddr_ntoa(dns_getserver(0)), first) && !strcmp(ipaddr_ntoa(dns_getserver(1)), second) &&
	       ip_addr_isany(dns_getserver(2)) && ip_addr_isany(dns_getserver(3));
}

static void test_dhcp(void)
{
	ok(wait_leases(1), "an address by DHCP");
	fake_loop_settle();
	ok(servers_are("192.0.2.53", "0.0.0.0"), "the config's name server stands alone, whatever the lease says");
	ok(wait_leases(2), "the lease is renewed");
	fake_loop_settle();
	ok(servers_are("192.0.2.53", "0.0.0.0"), "and the config's name server still stands");
}

/* An echo request with a payload of odd length; the answer is the same with another type (RFC 792). */
static void test_echo(void)
{
	uint8_t f[ETH + IP4 + 8 + 33], *icmp = f + ETH + IP4;

	memset(icmp, 0x5a, 8 + 33);
	memcpy(icmp, "\x08\0\0\0\x12\x34\0\7", 8);
	put16(icmp + 2, checksum(0, icmp, 8 + 33));
	put_ip4(f, 1, node_ip, 8 + 33);
	echo_len = 0;
	port.rx(port.ctx, f, sizeof(f));
	(void)fake_loop_until(never, NULL, hal_clock_ns() + NS_PER_S);
	ok(echo_len == sizeof(f) && !memcmp(echo + ETH + 12, node_ip, 4) && !memcmp(echo + ETH + 16, our_ip, 4), "ICMP: an echo is answered");
	ok(echo[ETH + IP4] == 0 && checksum(0, echo + ETH + IP4, 8 + 33) == 0 && !memcmp(echo + ETH + IP4 + 4, icmp + 4, 4 + 33),
	   "with type, checksum and the same content");
	icmp[20] ^= 1;
	echo_len = 0;
	port.rx(port.ctx, f, sizeof(f));
	(void)fake_loop_until(never, NULL, hal_clock_ns() + NS_PER_S);
	ok_eq(echo_len, 0, "a damaged one is not");
}

static void test_echo6(void)
{
	/* fe80:: and the interface identifier that the MAC makes (RFC 4291, appendix A) */
	uint8_t node6[16] = {0xfe, 0x80, [8] = port.mac[0] ^ 2, port.mac[1], port.mac[2], 0xff, 0xfe, port.mac[3], port.mac[4], port.mac[5]};
	uint8_t f[ETH + IP6 + 8 + 33], *icmp = f + ETH + IP6;

	memset(icmp, 0xa5, 8 + 33);
	memcpy(icmp, "\x80\0\0\0\x12\x34\0\7", 8);
	put_ip6(f, node6, 8 + 33);
	echo_len = 0;
	port.rx(port.ctx, f, sizeof(f));
	(void)fake_loop_until(never, NULL, hal_clock_ns() + 3 * NS_PER_S); /* the neighbour is asked for first */
	ok(echo_len == sizeof(f) && !memcmp(echo + ETH + 8, node6, 16) && !memcmp(echo + ETH + 24, our_ip6, 16), "ICMPv6: an echo is answered");
	ok(echo[ETH + IP6] == 129 && icmp6_sum(echo + ETH, 8 + 33) == 0 && !memcmp(echo + ETH + IP6 + 4, icmp + 4, 4 + 33),
	   "with type, checksum and the same content");
}

int main(void)
{
	struct net_config cfg = {.dhcp = true, .ipv6 = true, .dns = {"192.0.2.53"}};

	fake_init(64 << 20, 1);
	work_init(&deliver, deliver_fn);
	port.ops = &port_ops;
	port.link_up = true;
	memcpy(port.mac, "\x02\0\0\0\0\x01", 6);
	ok(net_start(&port, &cfg, NULL, NULL) == OK, "the stack starts");
	test_dhcp();
	test_echo();
	test_echo6();
	return tap_done();
}
