/* SPDX-License-Identifier: Apache-2.0 */
/* Anything that sends and receives Ethernet frames: a physical NIC, a guest's virtio-net, a switch port. */
#ifndef CORE_L2PORT_H
#define CORE_L2PORT_H
#include <core/err.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define L2_FRAME_MAX 1514 /* header + payload, without FCS */

struct l2port;
/* A received frame, borrowed until return. Called on the CPU that owns the port (CPU 0 for NICs), loop context. */
typedef void (*l2_rx_fn)(void *ctx, const void *frame, size_t len);
typedef void (*l2_link_fn)(void *ctx, bool up);

struct l2port_ops {
	/* Copies and queues one frame of 14..L2_FRAME_MAX bytes. E_AGAIN: queue full (frame dropped), E_IO, E_INVAL. */
	err_t (*send)(struct l2port *p, const void *frame, size_t len);
};
struct l2port {
	const struct l2port_ops *ops;
	char name[16];
	uint8_t mac[6];
	bool link_up;
	l2_rx_fn rx; l2_link_fn link; void *ctx; /* set by the one consumer before its first event */
	uint64_t rx_frames, tx_frames, rx_dropped, tx_dropped, rx_bytes, tx_bytes;
};

/* All uplinks found by the drivers, in PCI order; filled on CPU 0 during driver probing. */
#define L2_MAX_UPLINKS 8
extern struct l2port *l2_uplinks[L2_MAX_UPLINKS];
extern unsigned l2_nuplinks;
void l2_register_uplink(struct l2port *p);

#endif
