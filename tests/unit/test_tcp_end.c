/* SPDX-License-Identifier: Apache-2.0 */
/* How a connection ends when the peer's last bytes find no room: lwIP keeps the pcb of an ended connection to itself, and frees it
 * without telling, so that its stream must have let go of it. Fake machine. */
#include "tcp_bench.h"
#include <lwip/priv/tcp_priv.h>
#include <lwip/stats.h>

/* All connections together may hold 4 MiB of received bytes: 32 times 128 KiB, the next power of two. */
#define HOLDERS 32
#define HELD 70000
#define KEPT 4000 /* 4096 each may hold even then */
#define LAST 1000 /* one segment, that does not fit */

static char bytes[HELD];

static bool connect_pair(struct dialled **d, struct stream **s)
{
	unsigned before = naccepted;

	*d = dial(7);
	pass_ms(2000);
	if (!ok((*d)->up && naccepted == before + 1, "a connection"))
		return false;
	*s = accepted[before];
	return true;
}

/* Writes n bytes, and lets them arrive. */
static void fill(struct dialled *d, size_t n)
{
	size_t put;

	for (unsigned round = 0; n && round < 100; round++) {
		if (d->s.ops->write(&d->s, bytes, n, &put) == OK)
			n -= put;
		pass_ms(20);
	}
	ok(!n, "bytes that are not read");
	pass_ms(200);
}

static unsigned pcbs_used(void)
{
	return lwip_stats.memp[MEMP_TCP_PCB]->used;
}

static bool refused_data_waits(void)
{
	for (const struct tcp_pcb *pcb = tcp_tw_pcbs; pcb; pcb = pcb->next)
		if (pcb->refused_data)
			return true;
	return false;
}

/* at_once: the peer's last bytes, with its FIN, come before it has seen our FIN. */
static void test_last_bytes_refused(bool at_once)
{
	const char *how = at_once ? "both ended at once" : "we ended first";
	unsigned used = pcbs_used(), first = naccepted;
	struct dialled *d, *other;
	struct stream *s, *other_s;
	char c[KEPT];
	size_t n;

	if (!connect_pair(&d, &s))
		return;
	fill(d, KEPT);
	s->ops->finish(s);
	if (!at_once)
		pass_ms(100);
	ok(tcp_write(d->pcb, bytes, LAST, TCP_WRITE_FLAG_COPY) == ERR_OK, "last bytes, kept until the FIN goes with them");
	stream_close(&d->s);
	pass_ms(1000);
	ok(tcp_tw_pcbs && !refused_data_waits(), "%s: nothing waits in a pcb that has seen it all", how);
	ok(s->ops->read(s, c, sizeof c, &n) == OK && n == KEPT, "what had room is there");
	ok(s->ops->read(s, c, sizeof c, &n) == E_IO, "and then the stream is broken, not at its end");
	pass_ms(300000);
	ok_eq(pcbs_used(), used, "TIME_WAIT is over");
	if (!connect_pair(&other, &other_s)) /* by the pcbs that were freed */
		return;
	stream_close(s);
	pass_ms(1000);
	ok(other->pcb && !other->eof && !other->broken, "another connection is none of its business");
	ok(other->s.ops->write(&other->s, "on", 2, &n) == OK, "the other is written to");
	pass_ms(100);
	ok(other_s->ops->read(other_s, c, sizeof c, &n) == OK && n == 2, "and read from");
	ok(other_s->ops->write(other_s, "back", 4, &n) == OK, "it is answered");
	pass_ms(100);
	ok_eq(other->rx_len, 4, "and gets the answer");
	stream_close(&other->s);
	pass_ms(100);
	stream_close(other_s);
	pass_ms(300000);
	ok_eq(pcbs_used(), used, "no pcb is lost");
	naccepted = first;
}

int main(void)
{
	static struct dialled *holders[HOLDERS];
	unsigned used;

	fake_init(128 << 20, 1);
	clock_set_utc(1767225600ll * 1000000000, CLOCK_UEFI);
	ok(bench_start(NULL) == OK, "the stack starts");
	pass_ms(100);
	ok(net_listen(7, 8, on_accepted, accepted) == OK, "listening");
	used = pcbs_used();
	for (unsigned i = 0; i < HOLDERS; i++) {
		struct stream *s;

		if (connect_pair(&holders[i], &s))
			fill(holders[i], HELD);
	}
	test_last_bytes_refused(false);
	test_last_bytes_refused(true);
	for (unsigned i = 0; i < HOLDERS; i++) {
		stream_close(accepted[i]);
		stream_close(&holders[i]->s);
	}
	pass_ms(300000);
	ok_eq(pcbs_used(), used, "in the end nobody is left");
	return tap_done();
}
