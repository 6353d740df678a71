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
	char gateway[16], dns[2][46];
	char ntp[64];                 /* server name or address; empty: what DHCP gives, else none */
	char hostname[64];
};
/* Starts the stack on port (NULL: loopback only). Calls back on_address whenever the set of addresses changes. */
err_t net_start(struct l2port *port, const struct net_config *cfg, void (*on_address)(void *ctx), void *ctx) MUST_CHECK;
/* Formats address i ("10.0.2.15", "fe80::1"); false when there are fewer. */
bool net_address(unsigned i, char dst[46]);
/* Name to address text, blocking; for tasks. E_NOENT, E_TIMEOUT. */
err_t net_resolve(const char *name, char dst[46], uint64_t deadline_ns) MUST_CHECK;

/* Listens on a TCP port (IPv4 and IPv6); accept is called on CPU 0's loop with a new stream, which the callee owns; it closes what it will not take. */
err_t net_listen(uint16_t port, unsigned backlog, void (*accept)(void *ctx, struct stream *s), void *ctx) MUST_CHECK;
/* Ends in order what can be flushed (before reset). */
void net_stop(void);

#endif
