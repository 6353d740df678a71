/* SPDX-License-Identifier: Apache-2.0 */
/* The identity that an operator gives in files of the ESP: used pair by pair, named when it is of no use, wiped afterwards; and the
 * server certificate, which is renewed while the node runs. Fake machine, a store in memory. */
#include "../fake/fake.h"
#include "tap.h"
#include "tls_client.h"
#include <core/arith.h>
#include <core/clock.h>
#include <core/efivar.h>
#include <psa/crypto.h>
#include <sandbox/identity.h>
#include <sandbox/names.h>
#include <sandbox/node.h>
#include <stdlib.h>

#define NS_PER_DAY (86400ull * NS_PER_S)
#define T2026 (1767225600ll * 1000000000)

static const struct tls_store store = {efivar_get, efivar_set};
static struct config config;
static char ca_pem[4096], ca_key[2048], server_pem[4096], server_key[2048], other_key[2048];
static char given_fingerprint[TLS_FINGERPRINT_LEN];
static char text[8][70000]; /* what the way in has read */

/* An operator's CA, a server certificate that it signed, and a key of somebody else. */
static void make_files(void)
{
	static const char *const names[] = {"node.example"};
	struct tls_identity *id = NULL, *other = NULL;
	bool persistent;

	ok(tls_identity_open(NULL, NULL, "operator", names, 1, &id, &persistent) == OK, "an operator's CA");
	ok(tls_identity_open(NULL, NULL, "other", names, 1, &other, &persistent) == OK, "and another");
	strcpy(ca_pem, tls_identity_ca_pem(id));
	strcpy(given_fingerprint, tls_identity_fingerprint(id));
	mbedtls_pk_write_key_pem(&id->ca_key, (unsigned char *)ca_key, sizeof(ca_key));
	mbedtls_pk_write_key_pem(&id->creds->key, (unsigned char *)server_key, sizeof(server_key));
	mbedtls_pk_write_key_pem(&other->ca_key, (unsigned char *)other_key, sizeof(other_key));
	CHECK(cert_pem_write(id->creds->chain.raw.p, id->creds->chain.raw.len, server_pem, sizeof(server_pem)) == OK);
	tls_identity_close(id);
	tls_identity_close(other);
}

static void file(const char *name, const char *content)
{
	unsigned i = fake_boot.nfiles++;

	strcpy(fake_boot.files[i].name, name);
	strcpy(text[i], content);
	fake_boot.files[i].data = text[i];
	fake_boot.files[i].size = strlen(content);
}

/* A boot with the files of before; they are forgotten. The mistakes are in config. */
static void boot(const char *what)
{
	tls_identity_close(node.identity);
	node.identity = NULL;
	config_defaults(&config);
	ok(identity_start(&store, &config) == OK && node.identity, "%s: the node has an identity", what);
	for (unsigned i = 0; i < fake_boot.nfiles; i++)
		if (strstr(fake_boot.files[i].name, "key") || strstr(fake_boot.files[i].name, "KEY"))
			ok(!strstr(text[i], "PRIVATE"), "%s: %s is wiped", what, fake_boot.files[i].name);
	fake_boot.nfiles = 0;
}

static bool is_given(void)
{
	return node.identity && !strcmp(tls_identity_fingerprint(node.identity), given_fingerprint);
}

static void one_mistake(const char *want, const char *what)
{
	ok(config.nerrors == 1 && strstr(config.errors[0], want) == config.errors[0], "%s is a mistake of the config: %s", what,
	   config.nerrors ? config.errors[0] : "none");
}

static void test_ca(void)
{
	static char long_text[66000];

	boot("no files");
	ok(!is_given() && !config.nerrors, "it makes its own");
	file("ca.pem", ca_pem), file("ca.key", ca_key);
	boot("a CA");
	ok(is_given() && !config.nerrors, "the given CA is used");
	file("CA.PEM", ca_pem), file("Ca.Key", ca_key);
	boot("a CA in capitals");
	ok(is_given() && !config.nerrors, "names are without case, as on FAT");
	file("ca.pem", ca_pem);
	boot("a CA without key");
	ok(!is_given(), "it is not used");
	one_mistake("ca.pem: expected ca.key beside it", "a CA without key");
	file("ca.key", ca_key);
	boot("a key without CA");
	one_mistake("ca.key: expected ca.pem beside it", "a key without CA");
	file("ca.pem", ca_pem), file("ca.key", other_key);
	boot("somebody else's key");
	ok(!is_given(), "it is not used");
	one_mistake("ca.pem: expected one CA certificate", "somebody else's key");
	memset(long_text, '\n', sizeof(long_text) - 1);
	memcpy(long_text, ca_pem, strlen(ca_pem));
	file("ca.pem", long_text), file("ca.key", ca_key);
	boot("a file that is too long");
	one_mistake("ca.pem: expected at most 65536 bytes", "a file that is too long");
	long_text[10000] = '\0';
	file("ca.pem", long_text), file("ca.key", ca_key);
	boot("a long file");
	ok(is_given() && !config.nerrors, "10000 bytes are not too long");
}

static bool server_is_given(void)
{
	static const char *const names[] = {"node.example"};

	return node.identity && cert_names_equal(&node.identity->creds->chain, names, 1);
}

static void test_server(void)
{
	file("ca.pem", ca_pem), file("ca.key", ca_key), file("server.pem", server_pem), file("server.key", server_key);
	boot("a server certificate");
	ok(is_given() && server_is_given() && !config.nerrors, "the given server certificate is used");
	ok(node.identity && tls_identity_set_names(node.identity, NULL, 0) == OK && server_is_given(), "and keeps its names");
	file("ca.pem", ca_pem), file("ca.key", ca_key), file("server.pem", server_pem);
	boot("a server certificate without key");
	ok(is_given() && !server_is_given(), "the node makes its own by the given CA");
	one_mistake("server.pem: expected server.key beside it", "a server certificate without key");
	file("server.pem", server_pem), file("server.key", server_key);
	boot("a server certificate without its CA");
	ok(!server_is_given(), "is not used");
	one_mistake("server.pem: expected a server's certificate that the node's CA signed", "a foreign one");
	file("ca.pem", ca_pem), file("ca.key", ca_key), file("server.pem", server_pem), file("server.key", other_key);
	boot("a server certificate with somebody else's key");
	ok(is_given() && !server_is_given(), "is not used");
	one_mistake("server.pem: expected a server's certificate", "somebody else's key");
	file("ca.pem", ca_pem), file("ca.key", ca_key), file("server.pem", ca_pem), file("server.key", ca_key);
	boot("the CA as a server");
	one_mistake("server.pem: expected a server's certificate", "the CA itself");
}

static void test_own_files(void)
{
	ok(identity_is_own_file("ca.key") && identity_is_own_file("CA.KEY") && identity_is_own_file("Server.key") && identity_is_own_file("CAISSON.YAML"),
	   "the node's own files are no images, in capitals neither");
	ok(!identity_is_own_file("vmlinuz") && !identity_is_own_file("ca.keys"), "others are");
}

static bool past(void *ctx)
{
	return hal_clock_ns() >= *(uint64_t *)ctx;
}

/* So much time passes at once, and then a day; the node's clock is monotonic time plus an offset. */
static void run_days(unsigned days)
{
	uint64_t until;

	fake_clock_advance((days - 1) * NS_PER_DAY);
	until = hal_clock_ns() + NS_PER_DAY;
	(void)fake_loop_until(past, &until, until + 2 * NS_PER_DAY);
}

static const mbedtls_x509_crt *cert(void)
{
	return &node.identity->creds->chain;
}

static void test_renewal(void)
{
	boot("a node that runs for long");
	CHECK(names_start() == OK);
	run_days(300);
	ok(tls_time_left(cert()) < 98 * 86400, "after 300 days the first server certificate still serves");
	run_days(90);
	ok(tls_time_left(cert()) > 300 * 86400, "before it ends there is another");
	clock_set_utc(T2026 + 3000 * (int64_t)NS_PER_DAY, CLOCK_SNTP);
	names_changed();
	fake_loop_settle();
	ok(tls_time_flags(cert()) == 0 && tls_time_left(cert()) > 300 * 86400, "when the clock turns out to have been wrong there is another at once");
}

int main(void)
{
	fake_init(64 << 20, 1);
	clock_set_utc(T2026, CLOCK_UEFI);
	strcpy(node.name, "caisson-test");
	make_files();
	test_own_files();
	test_ca();
	test_server();
	test_renewal();
	tls_identity_close(node.identity);
	mbedtls_psa_crypto_free();
	return tap_done();
}
