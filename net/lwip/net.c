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

#define STOP_LOOK_NS (2 * NS_PER_MS)

struct net_stack {
	struct net_config cfg;
	struct netif netif;
	bool has_netif, started, clock_changed;
	struct work address_work;
	char addresses[(LWIP_IPV6_NUM_ADDRESSES + 1) * 46]; /* as last told */
	void (*on_change)(void *ctx);
	void *ctx;
};
static struct net_stack net;
NETIF_DECLARE_EXT_CALLBACK(lease_callback)

/* Name servers of the config stand alone: lwIP's DHCP client writes over them with each lease. */
static void dns_apply(const struct net_config *cfg)
{
	if (!cfg->dns[0][0])
		return; /* what DHCP gives */
	for (u8_t i = 0; i < DNS_MAX_SERVERS; i++) {
		const char *text = i < ARRAY_LEN(cfg->dns) ? cfg->dns[i] : "";
		ip_addr_t a;

		if (text[0] && !ipaddr_aton(text, &a))
			log_error("net", "name server \"%s\" is wrong: expected an address", text);
		else
			dns_setserver(i, text[0] ? &a : NULL);
	}
}

/* lwIP tells of changes while it is in the middle of them: the news goes through the mailbox. */
static void address_work_fn(struct work *w)
{
	char now[sizeof net.addresses] = "", one[46];
	size_t at = 0;

	(void)w;
	dns_apply(&net.cfg);
	for (unsigned i = 0; at < sizeof now && net_address(i, one); i++)
		at += fmt_buf(now + at, sizeof now - at, "%s ", one);
	if (strcmp(now, net.addresses)) {
		strcpy(net.addresses, now);
		log_info("net", "addresses: %s", now);
	} else if (!net.clock_changed) {
		return; /* a state on the way, of no interest to others */
	}
	net.clock_changed = false;
	if (net.on_change)
		net.on_change(net.ctx);
}

void net_clock_changed(void)
{
	net.clock_changed = true;
	work_post(0, &net.address_work);
}

static void address_changed(struct netif *n)
{
	(void)n;
	work_post(0, &net.address_work);
}

/* Of what address_changed does not say: a lease that was renewed with the same address. */
static void lease_renewed(struct netif *n, netif_nsc_reason_t reason, const netif_ext_callback_args_t *args)
{
	(void)args;
	if (reason & LWIP_NSC_IPV4_ADDR_VALID)
		address_changed(n);
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
		if (!net.cfg.dns[0][0]) /* name servers are all that it is asked for */
			dhcp6_enable_stateless(n);
	}
	return e;
}

err_t net_start(struct l2port *port, const struct net_config *cfg, void (*on_change)(void *ctx), void *ctx)
{
	err_t e = OK;

	if (net.started)
		return E_STATE;
	net.started = true;
	net.cfg = *cfg;
	net.on_change = on_change;
	net.ctx = ctx;
	work_init(&net.address_work, address_work_fn);
	net_timers_init();
	netif_add_ext_callback(&lease_callback, lease_renewed);
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

void net_stop(uint64_t deadline_ns)
{
	if (!net.started)
		return;
	tcp_stream_close_all();
	while (!tcp_stream_all_acknowledged() && hal_clock_ns() < deadline_ns)
		task_sleep_until(MIN(deadline_ns, hal_clock_ns() + STOP_LOOK_NS));
}
