/* SPDX-License-Identifier: Apache-2.0 */
/* The node's own IP stack (lwIP) on one uplink. CPU 0. */
#ifndef NET_NETIF_H
#define NET_NETIF_H
#include <core/err.h>
#include <core/l2port.h>
#include <net/stream.h>
#include <stdbool.h>
#include <stdint.h>

struct net_config {
	bool dhcp, ipv6;              /* defaults: both true */
	char address[20];             /* "192.0.2.5/24" when !dhcp */
	char gateway[16], dns[2][46]; /* dns: empty: what DHCP gives; else these alone */
	char ntp[64];                 /* server name or address; empty: what DHCP gives, else none */
	char hostname[64];
};
/* Starts the stack on port (NULL: loopback only). Calls back on_change whenever the set of addresses changes, and when SNTP
 * has set the clock by more than a minute. */
err_t net_start(struct l2port *port, const struct net_config *cfg, void (*on_change)(void *ctx), void *ctx) MUST_CHECK;
/* Formats address i ("10.0.2.15", "fe80::1"); false when there are fewer. */
bool net_address(unsigned i, char dst[46]);

/* Listens on a TCP port (IPv4 and IPv6); accept is called on CPU 0's loop with a new stream, which the callee owns; it closes what it will not take. */
err_t net_listen(uint16_t port, unsigned backlog, void (*accept)(void *ctx, struct stream *s), void *ctx) MUST_CHECK;
/* [task] Before reset: ends all connections in order, and waits until the peers have all that was sent and the end, at most to the deadline. */
void net_stop(uint64_t deadline_ns);

#endif
