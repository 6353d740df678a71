/* SPDX-License-Identifier: Apache-2.0 */
/* An lwIP interface on an l2port. CPU 0. */
#ifndef NET_LWIP_NETIF_L2_H
#define NET_LWIP_NETIF_L2_H
#include <core/l2port.h>
#include <lwip/netif.h>

/* Adds n as an Ethernet interface on port and makes it the default; link changes follow the port. on_link is called after
 * them, on the loop. OK or E_NOMEM. */
int netif_l2_add(struct netif *n, struct l2port *port, void (*on_link)(struct netif *n, bool up));

#endif
