/* SPDX-License-Identifier: Apache-2.0 */
/* TLS as a stream: handshakes of a real client (mbedTLS) with tls_accept over streams in memory, in tasks of the fake
 * machine; versions, client certificates good and bad, small buffers, silence and nonsense. */
#include "../fake/fake.h"
#include "tap.h"
#define MBEDTLS_ALLOW_PRIVATE_ACCESS /* which alert came */
#include "tls_client.h"
#include <core/arith.h>
#include <core/clock.h>
#include <psa/crypto.h>
#include <stdlib.h>

#define T2026 (1767225600ll * 1000000000)
#define BULK 100000

static struct tls_identity *id, *foreign;
static bool many_over;
static struct stream *near_end, *far_end; /* client's, server's */

/* One connection: what to try and what came of it. */
static struct {
	const char *cert;
	mbedtls_pk_context *key;
	mbedtls_ssl_protocol_version max;
	const char *host;
	bool check_server;
	err_t accept;
	int shake, read;
	unsigned char alert;
	const char *version, *suite;
	struct tls_peer peer;
	bool client_done, server_done;
	size_t echoed;
	bool same;
} run;

static void server_task(void *arg)
{
	struct stream *s;
	char buf[3000];
	size_t n;

	(void)arg;
	run.accept = tls_accept(id, far_end, hal_clock_ns() + 5 * NS_PER_S, &s, &run.peer);
	if (run.accept == OK) {
		while (stream_read_some(s, buf, sizeof buf, &n, UINT64_MAX) == OK)
			if (stream_write_all(s, buf, n, UINT64_MAX) != OK)
				break;
		stream_close(s);
	}
	run.server_done = true;
}

static unsigned char bulk_byte(size_t i)
{
	return (unsigned char)(i * 7 + i / 251);
}

static void client_writer(void *arg)
{
	struct tls_client *c = arg;
	static unsigned char bulk[BULK];
	size_t at = 0;

	for (size_t i = 0; i < BULK; i++)
		bulk[i] = bulk_byte(i);
	while (at < BULK) {
		int ret = CLIENT_BLOCK(c, mbedtls_ssl_write(&c->ssl, bulk + at, BULK - at));

		if (ret <= 0)
			break;
		at += (size_t)ret;
	}
}

/* After a failed call: the alert that the server sent, if any. */
static unsigned char client_alert(struct tls_client *c, int ret)
{
	return ret == MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE ? c->ssl.in_msg[1] : 0;
}

static void client_talk(struct tls_client *c)
{
	unsigned char buf[5000];

	run.version = mbedtls_ssl_get_version(&c->ssl);
	run.suite = mbedtls_ssl_get_ciphersuite(&c->ssl);
	if (task_create("writer", client_writer, c, 65536, NULL) != OK)
		return;
	run.same = true;
	while (run.echoed < BULK) {
		int ret = CLIENT_BLOCK(c, mbedtls_ssl_read(&c->ssl, buf, sizeof buf));

		run.read = ret;
		if (ret <= 0)
			break;
		for (int i = 0; i < ret; i++)
			run.same = run.same && buf[i] == bulk_byte(run.echoed + (size_t)i);
		run.echoed += (size_t)ret;
	}
	run.alert = client_alert(c, run.read);
	CLIENT_BLOCK(c, mbedtls_ssl_close_notify(&c->ssl));
}

static void client_task(void *arg)
{
	static struct tls_client c;

	(void)arg;
	run.shake = client_init(&c, near_end, run.check_server ? tls_identity_ca_pem(id) : NULL, run.cert, run.key);
	mbedtls_ssl_conf_max_tls_version(&c.conf, run.max);
	if (!run.shake)
		run.shake = client_set_up(&c, run.host);
	if (!run.shake)
		run.shake = CLIENT_BLOCK(&c, mbedtls_ssl_handshake(&c.ssl));
	run.alert = client_alert(&c, run.shake);
	if (!run.shake)
		client_talk(&c);
	client_fini(&c);
	stream_close(near_end);
	run.client_done = true;
}

static bool run_done(void *ctx)
{
	(void)ctx;
	return run.client_done && run.server_done;
}

static void connect_with(const char *cert, mbedtls_pk_context *key, mbedtls_ssl_protocol_version max, size_t ring)
{
	memset(&run, 0, sizeof run);
	run.cert = cert;
	run.key = key;
	run.max = max;
	run.host = "node";
	run.check_server = true;
	if (stream_pair(ring, &near_end, &far_end) != OK || task_create("server", server_task, NULL, 65536, NULL) != OK ||
	    task_create("client", client_task, NULL, 65536, NULL) != OK)
		ok(false, "set up");
}

static bool finish(void)
{
	bool done = fake_loop_until(run_done, NULL, hal_clock_ns() + 60 * NS_PER_S);
	struct tls_stats st;

	fake_clock_advance(10 * NS_PER_S);
	fake_loop_settle();
	tls_stats(&st);
	return done && st.active == 0;
}

static void test_versions(void)
{
	connect_with(NULL, NULL, MBEDTLS_SSL_VERSION_TLS1_3, 65536);
	ok(finish() && run.accept == OK && run.shake == 0, "TLS 1.3 without a client certificate");
	ok_str(run.version, "TLSv1.3", "version");
	ok(run.echoed == BULK && run.same, "100 kB there and back");
	ok(!run.peer.has_cert && !run.peer.name[0], "nobody is known");
	connect_with(NULL, NULL, MBEDTLS_SSL_VERSION_TLS1_2, 65536);
	ok(finish() && run.accept == OK && run.shake == 0, "TLS 1.2");
	ok_str(run.version, "TLSv1.2", "version");
	ok(run.suite && !strncmp(run.suite, "TLS-ECDHE-ECDSA-WITH-", 21), "forward secrecy");
	ok(run.echoed == BULK && run.same, "100 kB there and back");
	connect_with(NULL, NULL, MBEDTLS_SSL_VERSION_TLS1_3, 700);
	ok(finish() && run.echoed == BULK && run.same, "over a stream with little room");
	connect_with(NULL, NULL, MBEDTLS_SSL_VERSION_TLS1_3, 65536);
	run.host = "evil";
	ok(finish() && run.shake != 0 && run.accept != OK, "a client that wanted another node goes away");
}

/* A certificate for key, signed by who. */
static void client_cert(struct tls_identity *who, mbedtls_pk_context *key, char *pem, size_t cap)
{
	char csr[2048], serial[41], why[96];

	if (client_csr(key, csr, sizeof csr) || tls_identity_sign_client(who, csr, "laptop", pem, cap, serial, why) != OK)
		ok(false, "a client certificate");
}

static void test_good_certificate(void)
{
	mbedtls_pk_context key;
	char pem[2048];

	client_cert(id, &key, pem, sizeof pem);
	for (int v = 0; v < 2; v++) {
		connect_with(pem, &key, v ? MBEDTLS_SSL_VERSION_TLS1_3 : MBEDTLS_SSL_VERSION_TLS1_2, 65536);
		ok(finish() && run.accept == OK && run.echoed == BULK, "a paired client by %s", run.version ? run.version : "?");
		ok(run.peer.has_cert && !strcmp(run.peer.name, "laptop") && strlen(run.peer.serial) == 32, "is known by name");
	}
	mbedtls_pk_free(&key);
}

static void refused(const char *pem, mbedtls_pk_context *key, int alert, const char *name)
{
	struct tls_stats before, after;

	for (int v = 0; v < 2; v++) {
		tls_stats(&before);
		connect_with(pem, key, v ? MBEDTLS_SSL_VERSION_TLS1_3 : MBEDTLS_SSL_VERSION_TLS1_2, 65536);
		run.check_server = false; /* its certificate may have expired as well */
		ok(finish() && run.accept == E_PERM && !run.echoed, "%s is refused (TLS 1.%d)", name, v + 2);
		if (!ok_eq(run.alert, alert, "and the client is told why"))
			tap_note("shake -0x%x read -0x%x", -run.shake, -run.read);
		tls_stats(&after);
		ok(after.bad_certificates == before.bad_certificates + 1 && after.failed == before.failed + 1, "and it is counted");
	}
}

static void test_bad_certificates(void)
{
	static char pem[4096], key_pem[1024];
	mbedtls_pk_context key;

	client_cert(foreign, &key, pem, sizeof pem);
	refused(pem, &key, MBEDTLS_SSL_ALERT_MSG_UNKNOWN_CA, "a certificate of another CA");
	mbedtls_pk_free(&key);
	client_cert(id, &key, pem, sizeof pem);
	clock_set_utc(T2026 + 6 * 365 * 86400ll * 1000000000, CLOCK_SNTP);
	refused(pem, &key, MBEDTLS_SSL_ALERT_MSG_CERT_EXPIRED, "an expired certificate");
	clock_set_utc(T2026 - 100 * 86400ll * 1000000000, CLOCK_SNTP);
	refused(pem, &key, MBEDTLS_SSL_ALERT_MSG_BAD_CERT, "a certificate of the future");
	clock_set_utc(T2026, CLOCK_SNTP);
	mbedtls_pk_free(&key);
	/* The server's own, which our CA has signed, but not for this. */
	mbedtls_pk_init(&key);
	ok(!mbedtls_pk_write_key_pem(&id->creds->key, (unsigned char *)key_pem, sizeof key_pem) &&
	   !mbedtls_pk_parse_key(&key, (unsigned char *)key_pem, strlen(key_pem) + 1, NULL, 0, tls_rng, NULL) &&
	   cert_pem_write(id->creds->chain.raw.p, id->creds->chain.raw.len, pem, sizeof pem) == OK, "the server's certificate as a client's");
	refused(pem, &key, MBEDTLS_SSL_ALERT_MSG_UNSUPPORTED_CERT, "a server certificate");
	mbedtls_pk_free(&key);
}

/* A server alone, and bytes by hand. */
static void raw_server(void)
{
	memset(&run, 0, sizeof run);
	if (stream_pair(65536, &near_end, &far_end) != OK || task_create("server", server_task, NULL, 65536, NULL) != OK)
		ok(false, "set up");
	fake_loop_settle();
}

static void test_nonsense(void)
{
	/* RFC 4346 7.4.1.2: a ClientHello of TLS 1.1 with TLS_RSA_WITH_AES_128_CBC_SHA. */
	static const uint8_t hello11[] = {
		0x16, 3, 1, 0, 45, 1, 0, 0, 41, 3, 2, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28,
		29, 30, 31, 32, 0, 0, 2, 0, 0x2f, 1, 0,
	};
	uint8_t answer[64];
	size_t n = 0;

	raw_server();
	ok(near_end->ops->write(near_end, hello11, sizeof hello11, &n) == OK, "a ClientHello of TLS 1.1");
	fake_loop_settle();
	ok(near_end->ops->read(near_end, answer, sizeof answer, &n) == OK && n == 7 && answer[0] == 21 && answer[5] == 2 && answer[6] == 70, "protocol_version alert");
	stream_close(near_end);
	run.client_done = true;
	ok(finish() && run.accept == E_CORRUPT, "and no connection");

	raw_server();
	ok(near_end->ops->write(near_end, "GET / HTTP/1.1\r\n\r\n", 18, &n) == OK, "plain HTTP");
	fake_loop_settle();
	ok(near_end->ops->read(near_end, answer, sizeof answer, &n) == E_CLOSED, "gets no answer at all");
	stream_close(near_end);
	run.client_done = true;
	ok(finish() && run.accept == E_CORRUPT, "and no connection");

	raw_server();
	fake_clock_advance(5 * NS_PER_S + 1);
	fake_loop_settle();
	ok(run.server_done && run.accept == E_TIMEOUT, "silence ends at the deadline");
	stream_close(near_end);

	raw_server();
	ok(near_end->ops->write(near_end, hello11, 20, &n) == OK, "half a ClientHello");
	fake_loop_settle();
	fake_clock_advance(5 * NS_PER_S + 1);
	fake_loop_settle();
	ok(run.server_done && run.accept == E_TIMEOUT, "ends at the deadline too");
	stream_close(near_end);

	raw_server();
	stream_close(near_end);
	fake_loop_settle();
	ok(run.server_done && run.accept == E_CLOSED, "a client that leaves at once");

	raw_server();
	far_end->ops->abort(far_end);
	fake_loop_settle();
	ok(run.server_done && run.accept == E_IO, "a connection that is broken from our side");
	stream_close(near_end);
}

/* Each connection holds keys in the crypto library's store. */
#define MANY 70
static unsigned many_accepted, many_shaken;
static struct stream *many_near[MANY], *many_far[MANY];
static struct wait_queue many_end;

static void many_server(void *arg)
{
	struct stream *s;
	struct tls_peer peer;

	if (tls_accept(id, *(struct stream **)arg, UINT64_MAX, &s, &peer) != OK)
		return;
	many_accepted++;
	while (!many_over)
		wait_on(&many_end);
	stream_close(s);
}

static void many_client(void *arg)
{
	struct tls_client *c = calloc(1, sizeof *c);

	if (!client_init(c, *(struct stream **)arg, NULL, NULL, NULL) && !client_set_up(c, "node") && !CLIENT_BLOCK(c, mbedtls_ssl_handshake(&c->ssl))) {
		many_shaken++;
		while (!many_over)
			wait_on(&many_end);
	}
	client_fini(c);
	free(c);
}

static void test_many(void)
{
	struct tls_stats st;

	wait_init(&many_end);
	for (unsigned i = 0; i < MANY; i++)
		if (stream_pair(16384, &many_near[i], &many_far[i]) != OK || task_create("s", many_server, &many_far[i], 65536, NULL) != OK ||
		    task_create("c", many_client, &many_near[i], 65536, NULL) != OK)
			ok(false, "set up");
	fake_loop_settle();
	ok(many_accepted == MANY && many_shaken == MANY, "%u and %u of %d connections at the same time", many_accepted, many_shaken, MANY);
	many_over = true;
	wake_all(&many_end);
	fake_loop_settle();
	for (unsigned i = 0; i < MANY; i++)
		stream_close(many_near[i]);
	tls_stats(&st);
	ok_eq(st.active, 0, "all are gone");
}

static void test_new_names(void)
{
	static const char *const other[] = { "other" };
	const struct tls_creds *before = id->creds;

	connect_with(NULL, NULL, MBEDTLS_SSL_VERSION_TLS1_3, 700);
	(void)loop_turn();
	(void)loop_turn();
	ok(tls_identity_set_names(id, other, 1) == OK && id->creds != before, "new names while a client connects");
	ok(finish() && run.accept == OK && run.echoed == BULK, "do not hurt it");
	connect_with(NULL, NULL, MBEDTLS_SSL_VERSION_TLS1_3, 65536);
	run.host = "other";
	ok(finish() && run.accept == OK && run.shake == 0, "the next one sees the new certificate");
}

int main(void)
{
	static const char *const names[] = { "node" };
	bool persistent;

	fake_init(64 << 20, 1);
	clock_set_utc(T2026, CLOCK_UEFI);
	if (tls_identity_open(NULL, NULL, "node-1", names, 1, &id, &persistent) != OK || tls_identity_open(NULL, NULL, "node-2", names, 1, &foreign, &persistent) != OK)
		return 1;
	test_versions();
	test_good_certificate();
	test_bad_certificates();
	test_nonsense();
	test_many();
	test_new_names();
	tls_identity_close(id);
	tls_identity_close(foreign);
	mbedtls_psa_crypto_free();
	return tap_done();
}
