/* SPDX-License-Identifier: Apache-2.0 */
/* TCP connections as streams, and listening. CPU 0. lwIP's callbacks only move bytes and wake those who wait; new
 * connections are handed over by the mailbox, so that their owner may do with them what it wants.
 *
 * Received bytes are copied out of the segments at once: a peer that sends single bytes costs their number, not a
 * packet buffer each. The window opens as they are read. */
#include "lwip_impl.h"
#include <core/arith.h>
#include <core/err.h>
#include <core/fmt.h>
#include <core/list.h>
#include <core/log.h>
#include <core/panic.h>
#include <core/task.h>
#include <lwip/priv/tcp_priv.h>
#include <lwip/tcp.h>
#include <net/netif.h>
#include <stdlib.h>
#include <string.h>

#define RX_START 2048
/* All connections together; beyond it each may hold no more than RX_MIN, and peers wait in their own memory. */
#define RX_TOTAL_MAX (4 * MIB)
#define RX_MIN 4096
#define KEEP_IDLE_MS 60000
#define KEEP_INTERVAL_MS 10000
#define KEEP_COUNT 5

struct tcp_listener {
	struct tcp_pcb *pcb;
	void (*accept)(void *ctx, struct stream *s);
	void *ctx;
	struct list fresh; /* accepted by lwIP, not yet handed over */
	struct work work;
};

struct tcp_stream {
	struct stream s;
	struct tcp_pcb *pcb;       /* NULL: gone */
	char *rx;
	size_t rx_cap, rx_head, rx_len; /* ring */
	bool eof, finished, broken;
	struct list link;          /* in all, or in a listener's fresh */
};

static struct list all = { &all, &all };
static size_t rx_total;

static struct tcp_stream *tcp_of(struct stream *s)
{
	return container_of(s, struct tcp_stream, s);
}

/* ---- received bytes */

static bool rx_reserve(struct tcp_stream *t, size_t need)
{
	size_t cap = MAX(t->rx_cap, (size_t)RX_START), first;
	char *p;

	while (cap < need)
		cap *= 2;
	if (cap == t->rx_cap)
		return true;
	if (rx_total + cap - t->rx_cap > RX_TOTAL_MAX && cap > RX_MIN)
		return false;
	p = malloc(cap);
	if (!p)
		return false;
	first = MIN(t->rx_len, t->rx_cap - t->rx_head);
	if (t->rx) {
		memcpy(p, t->rx + t->rx_head, first);
		memcpy(p + first, t->rx, t->rx_len - first);
	}
	free(t->rx);
	rx_total += cap - t->rx_cap;
	t->rx = p;
	t->rx_cap = cap;
	t->rx_head = 0;
	return true;
}

static void rx_free(struct tcp_stream *t)
{
	free(t->rx);
	rx_total -= t->rx_cap;
	t->rx = NULL;
	t->rx_cap = t->rx_len = t->rx_head = 0;
}

static void rx_put(struct tcp_stream *t, const char *src, size_t n)
{
	size_t tail = (t->rx_head + t->rx_len) % t->rx_cap, first = MIN(n, t->rx_cap - tail);

	memcpy(t->rx + tail, src, first);
	memcpy(t->rx, src + first, n - first);
	t->rx_len += n;
}

/* ---- lwIP's callbacks */

static void tcp_stream_detach(struct tcp_stream *t)
{
	tcp_arg(t->pcb, NULL);
	tcp_recv(t->pcb, NULL);
	tcp_sent(t->pcb, NULL);
	tcp_poll(t->pcb, NULL, 0);
	tcp_err(t->pcb, NULL);
}

static void tcp_stream_break(struct tcp_stream *t)
{
	t->pcb = NULL;
	t->broken = true;
	stream_wake_readable(&t->s);
	stream_wake_writable(&t->s);
}

/* Both directions are over: lwIP keeps the rest to itself, and frees it without telling. */
static void tcp_stream_leave(struct tcp_stream *t)
{
	tcp_stream_detach(t);
	tcp_setprio(t->pcb, TCP_PRIO_MIN);
	tcp_close(t->pcb);
	t->pcb = NULL;
}

static err_t on_recv(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t err)
{
	struct tcp_stream *t = arg;

	(void)err;
	if (!p) {
		t->eof = true;
		if (t->finished)
			tcp_stream_leave(t);
		stream_wake_readable(&t->s);
		return ERR_OK;
	}
	if (!rx_reserve(t, t->rx_len + p->tot_len)) {
		/* lwIP keeps what is refused and offers it again: the window stays shut meanwhile. */
		if (pcb->state != TIME_WAIT && pcb->state != CLOSING)
			return ERR_MEM;
		/* But not when the peer's FIN came with it after ours: in TIME_WAIT, where CLOSING leads too, it offers nothing and
		 * tells nothing any more. */
		pbuf_free(p);
		tcp_stream_leave(t);
		tcp_stream_break(t);
		return ERR_OK;
	}
	for (const struct pbuf *q = p; q; q = q->next)
		rx_put(t, q->payload, q->len);
	pbuf_free(p);
	stream_wake_readable(&t->s);
	return ERR_OK;
}

static err_t on_sent(void *arg, struct tcp_pcb *pcb, u16_t len)
{
	struct tcp_stream *t = arg;

	(void)pcb;
	(void)len;
	stream_wake_writable(&t->s);
	return ERR_OK;
}

/* Each second or so: a write that failed for lack of memory, with nothing in flight, is tried again. */
static err_t on_poll(void *arg, struct tcp_pcb *pcb)
{
	return on_sent(arg, pcb, 0);
}

/* The pcb is freed already. */
static void on_error(void *arg, err_t err)
{
	(void)err;
	tcp_stream_break(arg);
}

/* ---- the stream */

static err_t tcp_stream_read(struct stream *s, void *dst, size_t n, size_t *got)
{
	struct tcp_stream *t = tcp_of(s);
	size_t take = MIN(n, t->rx_len), first;

	if (!take) {
		if (t->eof)
			return E_CLOSED;
		return t->broken ? E_IO : E_AGAIN;
	}
	first = MIN(take, t->rx_cap - t->rx_head);
	memcpy(dst, t->rx + t->rx_head, first);
	memcpy((char *)dst + first, t->rx, take - first);
	t->rx_head = (t->rx_head + take) % t->rx_cap;
	t->rx_len -= take;
	if (!t->rx_len)
		rx_free(t); /* an idle connection holds nothing */
	if (t->pcb) {
		for (size_t left = take; left;) {
			u16_t step = (u16_t)MIN(left, 0xffffu);

			tcp_recved(t->pcb, step);
			left -= step;
		}
		net_timers_rearm();
	}
	*got = take;
	return OK;
}

static err_t tcp_stream_write(struct stream *s, const void *src, size_t n, size_t *put)
{
	struct tcp_stream *t = tcp_of(s);
	size_t room;
	err_t e;

	if (!t->pcb || t->finished)
		return t->broken ? E_IO : E_CLOSED;
	room = MIN(MIN(n, (size_t)tcp_sndbuf(t->pcb)), (size_t)0xffff);
	if (!room)
		return E_AGAIN;
	e = tcp_write(t->pcb, src, (u16_t)room, TCP_WRITE_FLAG_COPY);
	if (e == ERR_MEM)
		return E_AGAIN;
	if (e != ERR_OK)
		return E_IO;
	e = tcp_output(t->pcb);
	net_timers_rearm();
	if (e != ERR_OK && e != ERR_MEM && e != ERR_RTE && e != ERR_IF)
		return E_IO;
	*put = room; /* queued: lwIP sends it again when the interface would not take it */
	return OK;
}

static void tcp_stream_finish(struct stream *s)
{
	struct tcp_stream *t = tcp_of(s);

	if (!t->pcb || t->finished)
		return;
	t->finished = true;
	/* Out of memory: lwIP sends the FIN later by itself. */
	if (tcp_shutdown(t->pcb, 0, 1) == ERR_OK)
		tcp_output(t->pcb);
	net_timers_rearm();
}

static void tcp_stream_abort(struct stream *s)
{
	struct tcp_stream *t = tcp_of(s);

	if (t->pcb) {
		tcp_stream_detach(t);
		tcp_abort(t->pcb);
		t->pcb = NULL;
		net_timers_rearm();
	}
	t->broken = true;
	rx_free(t);
	stream_wake_readable(s);
	stream_wake_writable(s);
}

static void tcp_stream_close(struct stream *s)
{
	struct tcp_stream *t = tcp_of(s);

	if (t->pcb) {
		tcp_stream_detach(t);
		/* A peer that does not acknowledge the end must not keep a place from a new one: lwIP may drop it for that. */
		tcp_setprio(t->pcb, TCP_PRIO_MIN);
		if (tcp_close(t->pcb) != ERR_OK)
			tcp_abort(t->pcb);
		net_timers_rearm();
	}
	list_remove(&t->link);
	rx_free(t);
	free(t);
}

static const struct stream_ops tcp_ops = { tcp_stream_read, tcp_stream_write, tcp_stream_finish, tcp_stream_abort, tcp_stream_close };

static struct tcp_stream *tcp_stream_new(struct tcp_pcb *pcb)
{
	struct tcp_stream *t = calloc(1, sizeof *t);
	char host[48];

	if (!t)
		return NULL;
	stream_init(&t->s, &tcp_ops);
	ipaddr_ntoa_r(&pcb->remote_ip, host, sizeof host);
	fmt_buf(t->s.peer, sizeof t->s.peer, IP_IS_V6_VAL(pcb->remote_ip) ? "[%s]:%u" : "%s:%u", host, pcb->remote_port);
	list_init(&t->link);
	t->pcb = pcb;
	tcp_arg(pcb, t);
	tcp_recv(pcb, on_recv);
	tcp_sent(pcb, on_sent);
	tcp_poll(pcb, on_poll, 2); /* in units of half a second */
	tcp_err(pcb, on_error);
	tcp_nagle_disable(pcb);
	ip_set_option(pcb, SOF_KEEPALIVE);
	pcb->keep_idle = KEEP_IDLE_MS;
	pcb->keep_intvl = KEEP_INTERVAL_MS;
	pcb->keep_cnt = KEEP_COUNT;
	return t;
}

/* ---- listening */

static void listener_work(struct work *w)
{
	struct tcp_listener *l = container_of(w, struct tcp_listener, work);
	struct list *n;

	while ((n = list_pop_front(&l->fresh))) {
		struct tcp_stream *t = list_entry(n, struct tcp_stream, link);

		list_push_back(&all, &t->link);
		l->accept(l->ctx, &t->s);
	}
}

static err_t on_accept(void *arg, struct tcp_pcb *pcb, err_t err)
{
	struct tcp_listener *l = arg;
	struct tcp_stream *t;

	if (err != ERR_OK || !pcb)
		return ERR_VAL;
	t = tcp_stream_new(pcb);
	if (!t)
		return ERR_MEM; /* lwIP aborts the connection */
	list_push_back(&l->fresh, &t->link);
	work_post(0, &l->work);
	return ERR_OK;
}

err_t net_listen(uint16_t port, unsigned backlog, void (*accept)(void *ctx, struct stream *s), void *ctx)
{
	struct tcp_listener *l = calloc(1, sizeof *l);
	struct tcp_pcb *pcb = tcp_new_ip_type(IPADDR_TYPE_ANY), *listening;
	err_t e;

	if (!l || !pcb) {
		free(l);
		if (pcb)
			tcp_abort(pcb);
		return E_NOMEM;
	}
	e = tcp_bind(pcb, IP_ANY_TYPE, port);
	listening = e == ERR_OK ? tcp_listen_with_backlog(pcb, (u8_t)MIN(backlog, 255u)) : NULL;
	if (!listening) {
		tcp_abort(pcb);
		free(l);
		return e == ERR_USE ? E_BUSY : E_NOMEM;
	}
	l->pcb = listening;
	l->accept = accept;
	l->ctx = ctx;
	list_init(&l->fresh);
	work_init(&l->work, listener_work);
	tcp_arg(listening, l);
	tcp_accept(listening, on_accept);
	return OK;
}

void tcp_stream_close_all(void)
{
	list_foreach(n, &all)
		tcp_stream_finish(&list_entry(n, struct tcp_stream, link)->s);
}

bool tcp_stream_all_acknowledged(void)
{
	for (const struct tcp_pcb *pcb = tcp_active_pcbs; pcb; pcb = pcb->next)
		if (pcb->unsent || pcb->unacked)
			return false;
	return true;
}
