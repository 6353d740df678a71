/* SPDX-License-Identifier: Apache-2.0 */
/* Frames between an l2port and lwIP. CPU 0, loop context. A received frame is copied into memory of its own size, so
 * that no peer can use up a pool of fixed buffers with tiny segments. Must not know addresses. */
#include "netif_l2.h"
#include "lwip_impl.h"
#include <core/arith.h>
#include <core/err.h>
#include <lwip/etharp.h>
#include <lwip/ethip6.h>
#include <netif/ethernet.h>
#include <string.h>

static void (*link_changed)(struct netif *n, bool up);

static err_t l2_output(struct netif *n, struct pbuf *p)
{
	struct l2port *port = n->state;
	uint8_t frame[L2_FRAME_MAX];

	if (p->tot_len > sizeof frame || p->tot_len < SIZEOF_ETH_HDR)
		return ERR_IF;
	pbuf_copy_partial(p, frame, p->tot_len, 0);
	/* A full queue loses the frame, as any network may. */
	return port->ops->send(port, frame, p->tot_len) == OK ? ERR_OK : ERR_IF;
}

static void l2_rx(void *ctx, const void *frame, size_t len)
{
	struct netif *n = ctx;
	struct pbuf *p;

	if (len < SIZEOF_ETH_HDR || len > L2_FRAME_MAX)
		return;
	p = pbuf_alloc(PBUF_RAW, (u16_t)len, PBUF_RAM);
	if (!p)
		return;
	memcpy(p->payload, frame, len);
	if (n->input(p, n) != ERR_OK)
		pbuf_free(p);
	net_timers_rearm();
}

static void l2_link(void *ctx, bool up)
{
	struct netif *n = ctx;

	if (up)
		netif_set_link_up(n);
	else
		netif_set_link_down(n);
	link_changed(n, up);
	net_timers_rearm();
}

static err_t l2_init(struct netif *n)
{
	struct l2port *port = n->state;

	n->name[0] = 'e';
	n->name[1] = 'n';
	n->mtu = 1500;
	n->hwaddr_len = ETH_HWADDR_LEN;
	memcpy(n->hwaddr, port->mac, ETH_HWADDR_LEN);
	n->flags = NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_ETHERNET | NETIF_FLAG_IGMP | NETIF_FLAG_MLD6;
	n->output = etharp_output;
	n->output_ip6 = ethip6_output;
	n->linkoutput = l2_output;
	return ERR_OK;
}

int netif_l2_add(struct netif *n, struct l2port *port, void (*on_link)(struct netif *n, bool up))
{
	link_changed = on_link;
	if (!netif_add(n, NULL, NULL, NULL, port, l2_init, ethernet_input))
		return E_NOMEM;
	netif_set_default(n);
	port->ctx = n;
	port->link = l2_link;
	port->rx = l2_rx;
	netif_set_up(n);
	if (port->link_up)
		l2_link(n, true);
	return OK;
}
