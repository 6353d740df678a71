/* SPDX-License-Identifier: Apache-2.0 */
/* For the tests of TCP: the stack on the reflecting port, a client side, and what the listener on port 7 accepted. Tasks of the fake
 * machine, CPU 0. */
#ifndef TESTS_UNIT_TCP_BENCH_H
#define TESTS_UNIT_TCP_BENCH_H
#include "../fake/fake.h"
#include "reflect_port.h"
#include "tap.h"
#include <core/arith.h>
#include <core/clock.h>
#include <lwip/tcp.h>
#include <net/netif.h>
#include <stdlib.h>

/* ---- a client side on lwIP's raw interface, as a stream: what the node itself has no need for */

struct dialled { struct stream s; struct tcp_pcb *pcb; char rx[300000]; size_t rx_len; bool up, eof, broken; };

static err_t dialled_read(struct stream *s, void *dst, size_t n, size_t *got)
{
	struct dialled *d = container_of(s, struct dialled, s);
	size_t take = MIN(n, d->rx_len);

	if (!take)
		return d->broken ? E_IO : d->eof ? E_CLOSED : E_AGAIN;
	memcpy(dst, d->rx, take);
	memmove(d->rx, d->rx + take, d->rx_len - take);
	d->rx_len -= take;
	if (d->pcb)
		tcp_recved(d->pcb, (u16_t)take);
	*got = take;
	return OK;
}

static err_t dialled_write(struct stream *s, const void *src, size_t n, size_t *put)
{
	struct dialled *d = container_of(s, struct dialled, s);
	size_t room;

	if (!d->pcb)
		return E_IO;
	room = MIN(MIN(n, (size_t)tcp_sndbuf(d->pcb)), (size_t)0xffff);
	if (!room || !d->up || tcp_write(d->pcb, src, (u16_t)room, TCP_WRITE_FLAG_COPY) != ERR_OK)
		return E_AGAIN;
	tcp_output(d->pcb);
	*put = room;
	return OK;
}

static void dialled_finish(struct stream *s)
{
	struct dialled *d = container_of(s, struct dialled, s);

	if (d->pcb)
		tcp_shutdown(d->pcb, 0, 1);
}

static void dialled_drop(struct dialled *d, bool reset)
{
	if (!d->pcb)
		return;
	tcp_arg(d->pcb, NULL);
	tcp_recv(d->pcb, NULL);
	tcp_sent(d->pcb, NULL);
	tcp_err(d->pcb, NULL);
	if (reset || tcp_close(d->pcb) != ERR_OK)
		tcp_abort(d->pcb);
	d->pcb = NULL;
}

static void dialled_abort(struct stream *s)
{
	dialled_drop(container_of(s, struct dialled, s), true);
}

static void dialled_close(struct stream *s)
{
	struct dialled *d = container_of(s, struct dialled, s);

	dialled_drop(d, false);
	free(d);
}

static const struct stream_ops dialled_ops = { dialled_read, dialled_write, dialled_finish, dialled_abort, dialled_close };

static err_t dialled_on_recv(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t e)
{
	struct dialled *d = arg;

	(void)pcb;
	(void)e;
	if (p && d->rx_len + p->tot_len > sizeof d->rx)
		return ERR_MEM;
	if (p) {
		d->rx_len += pbuf_copy_partial(p, d->rx + d->rx_len, p->tot_len, 0);
		pbuf_free(p);
	} else {
		d->eof = true;
	}
	stream_wake_readable(&d->s);
	return ERR_OK;
}

static err_t dialled_on_sent(void *arg, struct tcp_pcb *pcb, u16_t n)
{
	(void)pcb;
	(void)n;
	stream_wake_writable(&((struct dialled *)arg)->s);
	return ERR_OK;
}

static err_t dialled_on_up(void *arg, struct tcp_pcb *pcb, err_t e)
{
	((struct dialled *)arg)->up = e == ERR_OK;
	return dialled_on_sent(arg, pcb, 0);
}

static void dialled_on_error(void *arg, err_t e)
{
	struct dialled *d = arg;

	(void)e;
	d->pcb = NULL;
	d->broken = true;
	stream_wake_readable(&d->s);
	stream_wake_writable(&d->s);
}

/* from: the port, 0 for any. */
static struct dialled *dial_from(const char *address, uint16_t from, uint16_t to)
{
	struct dialled *d = calloc(1, sizeof *d);
	ip_addr_t own;

	stream_init(&d->s, &dialled_ops);
	ipaddr_aton(address, &own);
	d->pcb = tcp_new_ip_type(IP_GET_TYPE(&own));
	tcp_arg(d->pcb, d);
	tcp_recv(d->pcb, dialled_on_recv);
	tcp_sent(d->pcb, dialled_on_sent);
	tcp_err(d->pcb, dialled_on_error);
	if (from && tcp_bind(d->pcb, NULL, from) != ERR_OK)
		ok(false, "tcp_bind");
	if (tcp_connect(d->pcb, &own, to, dialled_on_up) != ERR_OK)
		ok(false, "tcp_connect");
	return d;
}

static struct dialled *dial_address(const char *address, uint16_t to)
{
	return dial_from(address, 0, to);
}

static struct dialled *dial(uint16_t to)
{
	return dial_address("192.0.2.5", to);
}

/* ---- time: the loop with its timers, until something holds or the limit passes */

static bool never(void *ctx)
{
	(void)ctx;
	return false;
}

static void pass_ms(uint64_t ms)
{
	(void)fake_loop_until(never, NULL, hal_clock_ns() + ms * NS_PER_MS);
}

/* ---- the node's side */

static struct stream *accepted[80];
static unsigned naccepted;

static void on_accepted(void *ctx, struct stream *s)
{
	ok(ctx == accepted, "accept gets its context");
	accepted[naccepted++] = s;
}

/* The node 192.0.2.5; changed: as net_start has it. */
static err_t bench_start(void (*changed)(void *ctx))
{
	struct net_config cfg = { .dhcp = false, .ipv6 = true };

	strcpy(cfg.address, "192.0.2.5/24");
	strcpy(cfg.hostname, "node");
	port_init();
	return net_start(&port, &cfg, changed, NULL);
}

#endif
