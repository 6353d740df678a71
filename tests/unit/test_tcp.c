/* SPDX-License-Identifier: Apache-2.0 */
/* The IP stack on a port that reflects every frame: the node talks to itself over real ARP, IP and TCP. Streams, flow
 * control, resets, ports used again, many connections, and the HTTPS server's choice of whom to let go. Tasks of the fake machine. */
#include "tcp_bench.h"
#include "tls_client.h"
#include <lwip/inet_chksum.h>
#include <lwip/priv/tcp_priv.h>
#include <lwip/timeouts.h>
#include <net/http.h>
#include <psa/crypto.h>

static unsigned told;

static void on_address(void *ctx)
{
	(void)ctx;
	told++;
}

static void test_start(void)
{
	char a[46];

	ok(bench_start(on_address) == OK, "the stack starts");
	ok(bench_start(on_address) == E_STATE, "once");
	pass_ms(100);
	ok(told == 1 && net_address(0, a) && !strcmp(a, "192.0.2.5") && !net_address(1, a), "a static address, told once");
	ok(net_listen(7, 8, on_accepted, accepted) == OK, "listening");
	ok(net_listen(7, 8, on_accepted, accepted) == E_BUSY, "once for a port");
}

static char sent[200000], received[200000];

static void move_bytes(struct stream *from, struct stream *to)
{
	size_t out = 0, in = 0, n;

	for (int round = 0; round < 20000 && in < sizeof sent; round++) {
		if (out < sizeof sent && from->ops->write(from, sent + out, MIN(sizeof sent - out, (size_t)30000), &n) == OK)
			out += n;
		fake_loop_settle();
		if (to->ops->read(to, received + in, MIN(sizeof sent - in, (size_t)5000), &n) == OK)
			in += n;
		else
			pass_ms(10);
	}
	ok(in == sizeof sent && !memcmp(sent, received, sizeof sent), "200 kB arrive as they were sent");
}

static void test_stream(void)
{
	struct dialled *d = dial(7);
	struct stream *s;
	char c[16];
	size_t n, filled = 0;

	pass_ms(2000);
	if (!ok(d->up && naccepted == 1, "a connection"))
		return;
	s = accepted[0];
	ok(!strncmp(s->peer, "192.0.2.5:", 10), "from %s", s->peer);
	for (size_t i = 0; i < sizeof sent; i++)
		sent[i] = (char)(i * 31 >> 3);
	move_bytes(&d->s, s);
	move_bytes(s, &d->s);
	while (filled < (4 << 20)) {
		size_t before = filled;

		while (d->s.ops->write(&d->s, sent, 10000, &n) == OK)
			filled += n;
		pass_ms(1000);
		if (before == filled)
			break;
	}
	ok(filled > 100000 && filled < 600000, "who is not read from must stop: after %zu bytes", filled);
	while (s->ops->read(s, received, sizeof received, &n) == OK || filled) {
		filled -= MIN(filled, n);
		n = 0;
		pass_ms(300);
	}
	ok(!filled, "and everything that was taken arrives");
	s->ops->finish(s);
	pass_ms(100);
	ok(d->eof && s->ops->read(s, c, 1, &n) == E_AGAIN, "one direction ends");
	ok(d->s.ops->write(&d->s, "more", 4, &n) == OK, "the other goes on");
	pass_ms(100);
	ok(s->ops->read(s, c, 16, &n) == OK && n == 4, "for as long as it wants");
	stream_close(&d->s);
	pass_ms(100);
	ok(s->ops->read(s, c, 1, &n) == E_CLOSED, "then that one ends too");
	pass_ms(300000); /* TIME_WAIT and all is over: nobody may hold on to the pcb */
	ok(s->ops->write(s, c, 1, &n) != OK, "no writing afterwards");
	stream_close(s);
	naccepted = 0;
}

static void test_resets(void)
{
	struct dialled *d = dial(7), *e;
	char c;
	size_t n;

	pass_ms(2000);
	if (!ok(naccepted == 1, "a connection"))
		return;
	dialled_abort(&d->s);
	pass_ms(100);
	ok(accepted[0]->ops->read(accepted[0], &c, 1, &n) == E_IO && accepted[0]->ops->write(accepted[0], "x", 1, &n) == E_IO, "a reset by the peer");
	stream_close(accepted[0]);
	stream_close(&d->s);
	naccepted = 0;
	e = dial(7);
	pass_ms(2000);
	accepted[0]->ops->abort(accepted[0]);
	pass_ms(100);
	ok(e->broken && accepted[0]->ops->read(accepted[0], &c, 1, &n) == E_IO, "a reset by us");
	stream_close(accepted[0]);
	stream_close(&e->s);
	naccepted = 0;
	d = dial(9);
	pass_ms(2000);
	ok(d->broken && !d->up, "nobody listens there");
	stream_close(&d->s);
	d = dial(7);
	pass_ms(2000);
	cut = true;
	pass_ms(300000);
	ok(accepted[0]->ops->read(accepted[0], &c, 1, &n) == E_IO, "a peer that is gone is found out by keep-alive");
	cut = false;
	stream_close(accepted[0]);
	stream_close(&d->s);
	naccepted = 0;
}

/* ---- a port used again while our end of its last connection is in TIME_WAIT */

#define AGAIN 50007

/* Our end of the connection from AGAIN to port 7. */
static struct tcp_pcb *own_end(struct tcp_pcb *list)
{
	while (list && (list->local_port != 7 || list->remote_port != AGAIN))
		list = list->next;
	return list;
}

static void send_segment(uint32_t seq, uint8_t flags)
{
	struct pbuf *p = pbuf_alloc(PBUF_IP, TCP_HLEN, PBUF_RAM);
	struct tcp_hdr *h = p->payload;
	ip_addr_t own;

	ipaddr_aton("192.0.2.5", &own);
	memset(h, 0, sizeof *h);
	h->src = lwip_htons(AGAIN);
	h->dest = lwip_htons(7);
	h->seqno = lwip_htonl(seq);
	TCPH_HDRLEN_FLAGS_SET(h, TCP_HLEN / 4, flags);
	h->chksum = ip_chksum_pseudo(p, IP_PROTO_TCP, TCP_HLEN, &own, &own);
	ok(ip4_output(p, ip_2_ip4(&own), ip_2_ip4(&own), 64, 0, IP_PROTO_TCP) == ERR_OK, "a segment with flags %#x", flags);
	pbuf_free(p);
	pass_ms(100);
}

/* A connection from AGAIN whose initial sequence number is beyond all of the last one's: the cable is out until one is found, and
 * what then arrives is the SYN's retransmission. */
static struct dialled *dial_again(const struct tcp_pcb *last)
{
	struct dialled *d;

	cut = true;
	while (d = dial_from("192.0.2.5", AGAIN, 7), last && !TCP_SEQ_GT(d->pcb->lastack, last->rcv_nxt))
		stream_close(&d->s);
	cut = false;
	return d;
}

static void test_port_again(void)
{
	uint32_t last_sent = 0;
	struct tcp_pcb *old;

	for (unsigned i = 0; i < 8; i++) {
		struct dialled *d = dial_again(own_end(tcp_tw_pcbs));
		char c[16];
		size_t n;

		pass_ms(5000);
		if (!ok(d->up && naccepted == 1 && !own_end(tcp_tw_pcbs), "connection %u from one port", i)) {
			stream_close(&d->s);
			break;
		}
		ok(!i || TCP_SEQ_GT(own_end(tcp_active_pcbs)->lastack, last_sent), "our sequence numbers are beyond those before");
		ok(d->s.ops->write(&d->s, "hello", 5, &n) == OK, "it is written to");
		pass_ms(100);
		ok(accepted[0]->ops->read(accepted[0], c, sizeof c, &n) == OK && n == 5, "and read from");
		accepted[0]->ops->finish(accepted[0]);
		pass_ms(100);
		stream_close(&d->s);
		pass_ms(100);
		stream_close(accepted[0]);
		naccepted = 0;
		if (!ok(own_end(tcp_tw_pcbs) != NULL, "we ended it first: TIME_WAIT"))
			return;
		last_sent = own_end(tcp_tw_pcbs)->snd_nxt;
	}
	old = own_end(tcp_tw_pcbs);
	send_segment(old->rcv_nxt - 1, TCP_SYN);
	send_segment(old->rcv_nxt, TCP_SYN);
	send_segment(old->rcv_nxt - 1000000, TCP_SYN);
	send_segment(old->rcv_nxt + 1000000, TCP_SYN | TCP_ACK);
	send_segment(old->rcv_nxt + 1000000, TCP_SYN | TCP_RST);
	send_segment(old->rcv_nxt + 1000000, TCP_SYN | TCP_FIN);
	send_segment(old->rcv_nxt + 1000000, TCP_ACK);
	tcp_arg(old, &old);
	send_segment(old->rcv_nxt + 1000000, TCP_SYN);
	tcp_arg(old, NULL);
	ok(own_end(tcp_tw_pcbs) == old && !own_end(tcp_active_pcbs), "nothing less ends TIME_WAIT, nor while somebody holds the pcb");
	pass_ms(300000);
	ok(!own_end(tcp_tw_pcbs), "time does");
	naccepted = 0;
}

/* ---- the server */

static void handle(void *ctx, struct http_exchange *x)
{
	char *body;
	size_t len;

	(void)ctx;
	if (http_body_read_all(x, 1000, &body, &len) != OK)
		return;
	free(body);
	(void)http_respond(x, 200, "text/plain", "hello", 5);
}

static void problem(void *ctx, struct http_exchange *x, int status, const char *detail)
{
	(void)ctx;
	(void)http_respond(x, status, "text/plain", detail, strlen(detail));
}

static const struct http_handler handler = { handle, problem, NULL };

#define SLOW "Content-Length: 10\r\n\r\n" /* no answer is waited for */
static struct tls_client *talker;
static const char *talk_request;
static int talk_result;
static char talk_text[600];
static bool talked;

static void talk_task(void *arg)
{
	struct tls_client *c = talker;

	(void)arg;
	talk_result = CLIENT_BLOCK(c, mbedtls_ssl_handshake(&c->ssl));
	if (!talk_result)
		talk_result = CLIENT_BLOCK(c, mbedtls_ssl_write(&c->ssl, (const unsigned char *)talk_request, strlen(talk_request)));
	if (talk_result > 0 && !strstr(talk_request, SLOW))
		talk_result = CLIENT_BLOCK(c, mbedtls_ssl_read(&c->ssl, (unsigned char *)talk_text, sizeof talk_text - 1));
	talk_text[talk_result > 0 ? talk_result : 0] = '\0';
	talked = true;
}

static bool has_talked(void *ctx)
{
	(void)ctx;
	return talked;
}

static bool talk_more(struct tls_client *c, const char *request)
{
	talker = c;
	talk_request = request;
	talked = false;
	if (task_create("talk", talk_task, NULL, 65536, NULL) != OK)
		return false;
	return fake_loop_until(has_talked, NULL, hal_clock_ns() + 20 * NS_PER_S) && talk_result > 0;
}

/* A request over TLS on a dialled stream; c is left open. */
static bool talk(struct tls_client *c, struct stream *s)
{
	if (client_init(c, s, NULL, NULL, NULL) || client_set_up(c, "node"))
		return false;
	return talk_more(c, "GET / HTTP/1.1\r\nHost: node\r\n\r\n") && !strncmp(talk_text, "HTTP/1.1 200", 12);
}

/* The first half of a request, which keeps its connection busy. cert_pem and key: NULL for a stranger. */
static bool talk_half(struct tls_client *c, struct stream *s, const char *cert_pem, mbedtls_pk_context *key)
{
	bool sent = !client_init(c, s, NULL, cert_pem, key) && !client_set_up(c, "node") && talk_more(c, "POST / HTTP/1.1\r\nHost: node\r\n" SLOW "12345");

	pass_ms(50); /* the server has it */
	return sent;
}

#define LIMIT 20
#define CLIENTS 50

static void test_server(struct tls_identity *id)
{
	static struct http_limits limits;
	static struct tls_client clients[CLIENTS];
	struct dialled *d[CLIENTS], *silent[LIMIT];
	struct http_stats st;
	unsigned served = 0, gone = 0;

	limits = http_limits_default;
	limits.connections = LIMIT;
	limits.strangers_per_address = LIMIT;
	ok(http_serve(8443, id, &limits, &handler) == OK, "the server");
	for (unsigned i = 0; i < LIMIT; i++)
		silent[i] = dial(8443);
	pass_ms(6000); /* the first SYNs wait for ARP, which keeps but one: most come by retransmission */
	http_stats(&st);
	ok_eq(st.active, LIMIT, "all places are taken by silent clients");
	for (unsigned i = 0; i < CLIENTS; i++) {
		d[i] = dial(8443);
		served += talk(&clients[i], &d[i]->s);
	}
	ok_eq(served, CLIENTS, "yet each newcomer is served");
	http_stats(&st);
	ok(st.active == LIMIT && st.refused == CLIENTS, "and there are never more than the limit");
	for (unsigned i = 0; i < CLIENTS; i++)
		gone += d[i]->broken || d[i]->eof;
	ok_eq(gone, CLIENTS - LIMIT, "the oldest idle ones went");
	ok(!d[CLIENTS - 1]->broken, "the newest stays");
	for (unsigned i = 0; i < LIMIT; i++)
		stream_close(&silent[i]->s);
	for (unsigned i = 0; i < CLIENTS; i++) {
		client_fini(&clients[i]);
		stream_close(&d[i]->s);
	}
	pass_ms(30000);
	http_stats(&st);
	ok_eq(st.active, 0, "in the end nobody is left");
}

/* A paired client in the middle of an upload, all other places with strangers who send half a body, and then a newcomer. */
static void test_slow_bodies(struct tls_identity *id)
{
	static struct http_limits limits;
	static struct tls_client clients[LIMIT + 1], known;
	static mbedtls_pk_context key;
	struct dialled *d[LIMIT + 1], *k;
	char csr[2048], pem[2048], serial[41], why[96];
	unsigned sent = 0, served = 0;
	struct http_stats st;

	limits = http_limits_default;
	limits.connections = limits.strangers_per_address = LIMIT;
	ok(http_serve(8444, id, &limits, &handler) == OK, "a server");
	if (client_csr(&key, csr, sizeof csr) || tls_identity_sign_client(id, csr, "known", pem, sizeof pem, serial, why) != OK)
		return;
	k = dial(8444);
	ok(talk_half(&known, &k->s, pem, &key), "a paired client has sent half a body");
	for (unsigned i = 0; i < LIMIT - 1; i++) {
		d[i] = dial(8444);
		sent += talk_half(&clients[i], &d[i]->s, NULL, NULL);
	}
	http_stats(&st);
	ok(sent == LIMIT - 1 && st.active == LIMIT, "strangers with half a body take all other places");
	for (unsigned i = LIMIT - 1; i < LIMIT + 1; i++) {
		d[i] = dial(8444);
		served += talk(&clients[i], &d[i]->s);
	}
	ok_eq(served, 2, "newcomers are served");
	ok((d[0]->broken || d[0]->eof) && !d[2]->broken && !d[2]->eof, "the strangers who were slow for longest went");
	ok(talk_more(&known, "67890") && !strncmp(talk_text, "HTTP/1.1 200", 12), "the paired client's request ends well");
	client_fini(&known);
	stream_close(&k->s);
	for (unsigned i = 0; i < LIMIT + 1; i++) {
		client_fini(&clients[i]);
		stream_close(&d[i]->s);
	}
	mbedtls_pk_free(&key);
	pass_ms(30000);
	http_stats(&st);
	ok_eq(st.active, 0, "in the end nobody is left");
}

/* One address with many connections pushes out its own, not those of others. */
static void test_crowd(struct tls_identity *id)
{
	static struct http_limits limits;
	static struct tls_client clients[10], other;
	struct dialled *d[10], *o;
	unsigned served = 0;
	struct http_stats st;

	limits = http_limits_default;
	limits.strangers_per_address = 4;
	ok(http_serve(8445, id, &limits, &handler) == OK, "a server");
	o = dial_address("192.0.2.77", 8445);
	ok(talk(&other, &o->s), "a client of another address");
	for (unsigned i = 0; i < 10; i++) {
		d[i] = dial(8445);
		served += talk(&clients[i], &d[i]->s);
	}
	http_stats(&st);
	ok_eq(served, 10, "each connection of a crowd is served");
	ok_eq(st.active, 5, "but so many are kept of one address");
	ok((d[5]->broken || d[5]->eof) && !d[6]->broken && !d[6]->eof, "the newest of them");
	ok(!o->broken && !o->eof, "and the client of the other address");
	client_fini(&other);
	stream_close(&o->s);
	for (unsigned i = 0; i < 10; i++) {
		client_fini(&clients[i]);
		stream_close(&d[i]->s);
	}
	pass_ms(30000);
}

/* ---- the end */

static uint64_t stop_took_ns;
static bool stopped;

static void stop_task(void *arg)
{
	uint64_t began = hal_clock_ns();

	(void)arg;
	net_stop(began + NS_PER_S);
	stop_took_ns = hal_clock_ns() - began;
	stopped = true;
}

static bool has_stopped(void *ctx)
{
	(void)ctx;
	return stopped;
}

static bool stop(void)
{
	stopped = false;
	return task_create("stop", stop_task, NULL, 65536, NULL) == OK && fake_loop_until(has_stopped, NULL, hal_clock_ns() + 10 * NS_PER_S);
}

static void test_stop(void)
{
	struct dialled *d = dial(7);
	size_t n;

	pass_ms(2000);
	if (!ok(naccepted == 1, "a connection"))
		return;
	ok(accepted[0]->ops->write(accepted[0], "last words", 10, &n) == OK && stop(), "the network stops");
	ok(d->rx_len == 10 && d->eof && stop_took_ns < 500 * NS_PER_MS, "as soon as the peer has the last words and the end");
	stream_close(accepted[0]);
	stream_close(&d->s);
	naccepted = 0;
	pass_ms(5000);
	d = dial(7);
	pass_ms(2000);
	if (!ok(naccepted == 1, "a connection"))
		return;
	cut = true;
	ok(accepted[0]->ops->write(accepted[0], "last words", 10, &n) == OK && stop(), "the network stops without a cable");
	ok(stop_took_ns >= NS_PER_S && stop_took_ns < 2 * NS_PER_S, "after its time");
	cut = false;
	stream_close(accepted[0]);
	stream_close(&d->s);
	naccepted = 0;
	pass_ms(30000);
}

int main(void)
{
	static const char *const names[] = { "node" };
	struct tls_identity *id;
	bool persistent;

	fake_init(128 << 20, 1);
	clock_set_utc(1767225600ll * 1000000000, CLOCK_UEFI);
	test_start();
	test_stream();
	test_resets();
	test_port_again();
	if (tls_identity_open(NULL, NULL, "node", names, 1, &id, &persistent) != OK)
		return 1;
	test_server(id);
	test_slow_bodies(id);
	test_crowd(id);
	test_stop();
	tls_identity_close(id);
	mbedtls_psa_crypto_free();
	return tap_done();
}
