/* SPDX-License-Identifier: Apache-2.0 */
/* The node's addresses: DHCPv4 or a static one, IPv6 by SLAAC, name servers, SNTP. CPU 0, loop and tasks. Must not know
 * who uses the network. */
#include "lwip_impl.h"
#include "netif_l2.h"
#include <core/arith.h>
#include <core/err.h>
#include <core/fmt.h>
#include <core/hal.h>
#include <core/log.h>
#include <core/task.h>
#include <lwip/apps/sntp.h>
#include <lwip/dhcp.h>
#include <lwip/dhcp6.h>
#include <lwip/dns.h>
#include <lwip/ip4_addr.h>
#include <net/netif.h>
#include <stdlib.h>
#include <string.h>

struct net_stack {
	struct net_config cfg;
	struct netif netif;
	bool has_netif, started;
	struct work address_work;
	char addresses[(LWIP_IPV6_NUM_ADDRESSES + 1) * 46]; /* as last told */
	void (*on_address)(void *ctx);
	void *ctx;
};
static struct net_stack net;

/* lwIP tells of changes while it is in the middle of them: the news goes through the mailbox. */
static void address_work_fn(struct work *w)
{
	char now[sizeof net.addresses] = "", one[46];
	size_t at = 0;

	(void)w;
	for (unsigned i = 0; at < sizeof now && net_address(i, one); i++)
		at += fmt_buf(now + at, sizeof now - at, "%s ", one);
	if (!strcmp(now, net.addresses))
		return; /* a state on the way, of no interest to others */
	strcpy(net.addresses, now);
	log_info("net", "addresses: %s", now);
	if (net.on_address)
		net.on_address(net.ctx);
}

static void address_changed(struct netif *n)
{
	(void)n;
	work_post(0, &net.address_work);
}

static void link_changed(struct netif *n, bool up)
{
	log_info("net", "link is %s", up ? "up" : "down");
	if (net.cfg.hostname[0])
		netif_set_hostname(n, net.cfg.hostname);
	/* DHCP and SLAAC look at the link by themselves; a static address is announced. */
	if (up && net.cfg.dhcp && !netif_dhcp_data(n) && dhcp_start(n) != ERR_OK)
		log_error("net", "DHCP does not start: no memory");
	address_changed(n);
}

/* "192.0.2.5/24". */
static err_t static_parse(const char *text, ip4_addr_t *addr, ip4_addr_t *mask)
{
	const char *slash = strchr(text, '/');
	char host[20];
	unsigned bits = 0;

	if (!slash || slash - text >= (ptrdiff_t)sizeof host || !slash[1])
		return E_INVAL;
	memcpy(host, text, (size_t)(slash - text));
	host[slash - text] = '\0';
	for (const char *p = slash + 1; *p; p++) {
		if (*p < '0' || *p > '9' || bits > 32)
			return E_INVAL;
		bits = bits * 10 + (unsigned)(*p - '0');
	}
	if (bits < 1 || bits > 32 || !ip4addr_aton(host, addr))
		return E_INVAL;
	ip4_addr_set_u32(mask, lwip_htonl(bits == 32 ? UINT32_MAX : ~(UINT32_MAX >> bits)));
	return OK;
}

static err_t static_apply(struct netif *n, const struct net_config *cfg)
{
	ip4_addr_t addr, mask, gw;

	ip4_addr_set_any(&gw);
	if (static_parse(cfg->address, &addr, &mask) != OK || (cfg->gateway[0] && !ip4addr_aton(cfg->gateway, &gw))) {
		log_error("net", "address \"%s\" or gateway \"%s\" is wrong: expected \"192.0.2.5/24\" and \"192.0.2.1\"", cfg->address, cfg->gateway);
		return E_INVAL;
	}
	netif_set_addr(n, &addr, &mask, &gw);
	return OK;
}

static void dns_apply(const struct net_config *cfg)
{
	for (u8_t i = 0; i < ARRAY_LEN(cfg->dns); i++) {
		ip_addr_t a;

		if (!cfg->dns[i][0])
			continue;
		if (ipaddr_aton(cfg->dns[i], &a))
			dns_setserver(i, &a);
		else
			log_error("net", "name server \"%s\" is wrong: expected an address", cfg->dns[i]);
	}
}

static void sntp_apply(const struct net_config *cfg)
{
	sntp_setoperatingmode(SNTP_OPMODE_POLL);
	if (cfg->ntp[0])
		sntp_setservername(0, cfg->ntp);
	else
		sntp_servermode_dhcp(cfg->dhcp);
	if (cfg->ntp[0] || cfg->dhcp)
		sntp_init();
}

static err_t netif_start(struct l2port *port)
{
	struct netif *n = &net.netif;
	err_t e = netif_l2_add(n, port, link_changed);

	if (e != OK)
		return e;
	net.has_netif = true;
	netif_set_status_callback(n, address_changed);
	if (!net.cfg.dhcp)
		e = static_apply(n, &net.cfg);
	if (net.cfg.ipv6) {
		netif_create_ip6_linklocal_address(n, 1);
		netif_set_ip6_autoconfig_enabled(n, 1);
		dhcp6_enable_stateless(n);
	}
	return e;
}

err_t net_start(struct l2port *port, const struct net_config *cfg, void (*on_address)(void *ctx), void *ctx)
{
	err_t e = OK;

	if (net.started)
		return E_STATE;
	net.started = true;
	net.cfg = *cfg;
	net.on_address = on_address;
	net.ctx = ctx;
	work_init(&net.address_work, address_work_fn);
	net_timers_init();
	if (port)
		e = netif_start(port);
	dns_apply(&net.cfg);
	sntp_apply(&net.cfg);
	net_timers_rearm();
	return e;
}

bool net_address(unsigned i, char dst[46])
{
	const struct netif *n = &net.netif;

	if (!net.has_netif)
		return false;
	if (!ip4_addr_isany(netif_ip4_addr(n)) && i-- == 0) {
		ip4addr_ntoa_r(netif_ip4_addr(n), dst, 46);
		return true;
	}
	for (unsigned k = 0; k < LWIP_IPV6_NUM_ADDRESSES; k++)
		if (ip6_addr_isvalid(netif_ip6_addr_state(n, k)) && i-- == 0) {
			ip6addr_ntoa_r(netif_ip6_addr(n, k), dst, 46);
			/* The zone is ours alone; nobody else can use it. */
			dst[strcspn(dst, "%")] = '\0';
			for (char *p = dst; *p; p++) /* RFC 5952 4.3 */
				*p |= *p >= 'A' && *p <= 'F' ? 0x20 : 0;
			return true;
		}
	return false;
}

/* ---- names */

/* On the heap: the answer may come after the asker gave up. */
struct lookup { struct wait_queue q; bool done, abandoned; bool found; ip_addr_t addr; };

static void lookup_found(const char *name, const ip_addr_t *addr, void *arg)
{
	struct lookup *l = arg;

	(void)name;
	if (l->abandoned) {
		free(l);
		return;
	}
	l->done = true;
	if (addr) {
		l->found = true;
		l->addr = *addr;
	}
	wake_all(&l->q);
}

err_t net_resolve(const char *name, char dst[46], uint64_t deadline_ns)
{
	struct lookup *l = calloc(1, sizeof *l);
	err_t e, r;

	if (!l)
		return E_NOMEM;
	wait_init(&l->q);
	r = dns_gethostbyname_addrtype(name, &l->addr, lookup_found, l, LWIP_DNS_ADDRTYPE_IPV4_IPV6);
	net_timers_rearm();
	l->found = r == ERR_OK;
	while (r == ERR_INPROGRESS && !l->done) {
		if (hal_clock_ns() >= deadline_ns) {
			l->abandoned = true;
			return E_TIMEOUT;
		}
		e = wait_until(&l->q, deadline_ns);
		(void)e;
	}
	e = l->found ? OK : E_NOENT;
	if (e == OK)
		ipaddr_ntoa_r(&l->addr, dst, 46);
	free(l);
	return e;
}

void net_stop(void)
{
	if (!net.started)
		return;
	tcp_stream_close_all();
}
