/* SPDX-License-Identifier: Apache-2.0 */
/* The node's identity over a store in memory: made once, kept, made anew when it must be; and certificates for clients,
 * from good and hostile requests. */
#include "../fake/fake.h"
#include "tap.h"
#include "tls_client.h"
#include <core/clock.h>
#include <core/efivar.h>
#include <psa/crypto.h>
#include <stdlib.h>

#define S_PER_DAY 86400ll
#define T2026 (1767225600ll * 1000000000)

static const struct tls_store store = { efivar_get, efivar_set };
static const char *const names[] = { "node", "10.0.2.15", "fe80::1" };

static struct tls_identity *open_identity(const struct tls_store *st, const struct tls_preset *preset, bool *persistent)
{
	struct tls_identity *id = NULL;
	err_t e = tls_identity_open(st, preset, "caisson-ab12cd", names, 3, &id, persistent);

	ok(e == OK, "identity opens: %s", err_name(e));
	return id;
}

static mbedtls_x509_crt *server_cert(struct tls_identity *id)
{
	return &id->creds->chain;
}

static void test_first_boot(char fingerprint[TLS_FINGERPRINT_LEN])
{
	bool persistent = false;
	struct tls_identity *id = open_identity(&store, NULL, &persistent), *again;
	char info[2000];
	uint32_t flags;

	if (!id)
		return;
	ok(persistent, "it is kept");
	ok(strlen(tls_identity_fingerprint(id)) == 71 && !strncmp(tls_identity_fingerprint(id), "SHA256:", 7), "a fingerprint");
	ok(strspn(tls_identity_fingerprint(id) + 7, "0123456789abcdef") == 64, "in lower-case hexadecimal");
	ok(!strncmp(tls_identity_ca_pem(id), "-----BEGIN CERTIFICATE-----\n", 28), "the CA in PEM");
	ok(cert_names_equal(server_cert(id), names, 3) && !cert_names_equal(server_cert(id), names, 2), "the server certificate is for the names");
	ok(!mbedtls_x509_crt_verify(server_cert(id), &id->ca, NULL, "node", &flags, NULL, NULL), "and verifies for one");
	ok(mbedtls_x509_crt_verify(server_cert(id), &id->ca, NULL, "other", &flags, NULL, NULL) != 0, "but not for another");
	mbedtls_x509_crt_info(info, sizeof info, "", &id->ca);
	ok(strstr(info, "CN=Caisson CA caisson-ab12cd") && strstr(info, "CA=true, max_pathlen=0") && strstr(info, "2024-01-01"), "the CA says what it is");
	ok(server_cert(id)->valid_from.year == 2025 && server_cert(id)->valid_to.year == 2027, "dates by the node's clock");
	strcpy(fingerprint, tls_identity_fingerprint(id));
	again = open_identity(&store, NULL, &persistent);
	if (again) {
		ok_str(tls_identity_fingerprint(again), fingerprint, "the next boot has the same identity");
		ok(server_cert(again)->raw.len == server_cert(id)->raw.len && !memcmp(server_cert(again)->raw.p, server_cert(id)->raw.p, server_cert(id)->raw.len),
		   "and the same server certificate");
	}
	tls_identity_close(again);
	tls_identity_close(id);
}

static void test_names(const char *fingerprint)
{
	static const char *const other[] = { "node", "192.168.1.7" };
	bool persistent;
	struct tls_identity *id = open_identity(&store, NULL, &persistent);
	struct tls_creds *before;
	char many[20][8];
	const char *list[20];

	if (!id)
		return;
	before = id->creds;
	ok(tls_identity_set_names(id, names, 3) == OK && id->creds == before, "the same names change nothing");
	ok(tls_identity_set_names(id, other, 2) == OK && cert_names_equal(server_cert(id), other, 2), "other names: another server certificate");
	ok_str(tls_identity_fingerprint(id), fingerprint, "of the same CA");
	for (int i = 0; i < 20; i++) {
		snprintf(many[i], sizeof many[i], "n%d", i);
		list[i] = many[i];
	}
	ok(tls_identity_set_names(id, list, 16) == OK, "16 names");
	ok(tls_identity_set_names(id, list, 17) == E_RANGE && cert_names_equal(server_cert(id), list, 16), "17 are too many");
	ok(tls_identity_set_names(id, list, 0) == OK && cert_names_equal(server_cert(id), list, 0), "none is fine");
	tls_identity_close(id);
}

static void test_renewal(void)
{
	bool persistent;
	struct tls_identity *id = open_identity(&store, NULL, &persistent);

	if (!id)
		return;
	clock_set_utc(T2026 + 380 * S_PER_DAY * 1000000000, CLOCK_SNTP);
	ok(tls_identity_set_names(id, names, 3) == OK && tls_time_left(server_cert(id)) > 300 * S_PER_DAY, "near its end a server certificate is renewed");
	clock_set_utc(T2026, CLOCK_UEFI);
	tls_identity_close(id);
}

static err_t set_fails(const char *key, const void *src, size_t len)
{
	(void)key;
	(void)src;
	(void)len;
	return E_IO;
}

static void test_bad_stores(const char *fingerprint)
{
	static const struct tls_store read_only = { efivar_get, set_fails };
	static uint8_t saved[4096];
	size_t len = sizeof saved;
	bool persistent = true;
	struct tls_identity *id = open_identity(NULL, NULL, &persistent);

	ok(id && !persistent, "without a store it lasts until reset");
	ok(efivar_get("CaissonCaKey", saved, &len) == OK, "the CA key is a variable");
	tls_identity_close(id);
	ok(efivar_set("CaissonCaKey", "rubbish", 7) == OK, "which is damaged now");
	persistent = false;
	id = open_identity(&store, NULL, &persistent);
	ok(id && persistent && strcmp(tls_identity_fingerprint(id), fingerprint), "a damaged CA is replaced");
	tls_identity_close(id);
	ok(efivar_set("CaissonServerKey", "rubbish", 7) == OK, "a damaged server key");
	id = open_identity(&read_only, NULL, &persistent);
	ok(id && !persistent && cert_names_equal(server_cert(id), names, 3), "is replaced too, here for a while");
	tls_identity_close(id);
}

static void test_preset(void)
{
	static char key_pem[2048], ca_pem[4096];
	struct tls_preset preset = { .ca_cert_pem = ca_pem, .ca_key_pem = key_pem };
	bool persistent;
	struct tls_identity *other = open_identity(NULL, NULL, &persistent), *id;

	if (!other)
		return;
	mbedtls_pk_write_key_pem(&other->ca_key, (unsigned char *)key_pem, sizeof key_pem);
	strcpy(ca_pem, tls_identity_ca_pem(other));
	id = open_identity(&store, &preset, &persistent);
	ok(id && !strcmp(tls_identity_fingerprint(id), tls_identity_fingerprint(other)), "a given CA wins");
	tls_identity_close(id);
	key_pem[60] ^= 1; /* in the private number */
	ok(tls_identity_open(&store, &preset, "n", names, 3, &id, &persistent) == E_CORRUPT, "a damaged one is refused");
	preset.ca_key_pem = "";
	ok(tls_identity_open(&store, &preset, "n", names, 3, &id, &persistent) == E_CORRUPT, "an empty one is refused");
	{
		static char leaf[4096];
		size_t n = server_cert(other)->raw.len;

		mbedtls_pk_write_key_pem(&other->creds->key, (unsigned char *)key_pem, sizeof key_pem);
		preset = (struct tls_preset){ .ca_cert_pem = leaf, .ca_key_pem = key_pem };
		ok(cert_pem_write(server_cert(other)->raw.p, n, leaf, sizeof leaf) == OK, "a server certificate");
		ok(tls_identity_open(&store, &preset, "n", names, 3, &id, &persistent) == E_CORRUPT, "is no CA");
	}
	tls_identity_close(other);
}

static void test_sign(void)
{
	static const char *const bad_names[] = { "", " a", "a ", "a,O=x", "a=b", "a\nb", "a+b", "0123456789012345678901234567890123456789012345678901234567890123" };
	bool persistent;
	struct tls_identity *id = open_identity(&store, NULL, &persistent);
	char csr[2048], pem[2048], serial[41] = "", why[96] = "", *at;
	mbedtls_pk_context key;
	mbedtls_x509_crt crt;
	struct tls_peer peer;
	uint32_t flags;

	if (!id || client_csr(&key, csr, sizeof csr))
		return;
	ok(tls_identity_sign_client(id, csr, "laptop of a.b@c", pem, sizeof pem, serial, why) == OK, "a client certificate");
	mbedtls_x509_crt_init(&crt);
	ok(!mbedtls_x509_crt_parse(&crt, (unsigned char *)pem, strlen(pem) + 1), "which can be read");
	ok(!mbedtls_x509_crt_verify(&crt, &id->ca, NULL, NULL, &flags, NULL, NULL), "and verifies");
	ok(!mbedtls_x509_crt_get_ca_istrue(&crt), "is no CA");
	tls_peer_from_cert(&crt, &peer);
	ok(peer.has_cert && !strcmp(peer.name, "laptop of a.b@c") && !strcmp(peer.serial, serial) && strlen(serial) == 32, "name and serial come back");
	mbedtls_x509_crt_free(&crt);
	for (size_t i = 0; i < sizeof bad_names / sizeof bad_names[0]; i++)
		ok(tls_identity_sign_client(id, csr, bad_names[i], pem, sizeof pem, serial, why) == E_RANGE && why[0], "name %zu is refused", i);
	ok(tls_identity_sign_client(id, csr, "a", pem, 100, serial, why) == E_RANGE, "no room for the answer");
	ok(tls_identity_sign_client(id, "", "a", pem, sizeof pem, serial, why) == E_CORRUPT, "no request");
	ok(tls_identity_sign_client(id, tls_identity_ca_pem(id), "a", pem, sizeof pem, serial, why) == E_CORRUPT, "a certificate is no request");
	/* Somebody else's key under the same signature: change a digit in the middle, where the key is. */
	for (at = csr + 28; at < csr + strlen(csr) - 30; at += 7) {
		char old = *at;

		if (old == '\n')
			continue;
		*at = old == 'A' ? 'B' : 'A';
		if (tls_identity_sign_client(id, csr, "a", pem, sizeof pem, serial, why) != E_CORRUPT)
			ok(false, "a changed request is signed (byte %zu)", (size_t)(at - csr));
		*at = old;
	}
	ok(tls_identity_sign_client(id, csr, "a", pem, sizeof pem, serial, why) == OK, "no changed request was signed");
	mbedtls_pk_free(&key);
	tls_identity_close(id);
}

static void test_no_clock(void)
{
	bool persistent;
	struct tls_identity *id;

	ok(!tls_time_known(), "at first nobody knows the time");
	id = open_identity(NULL, NULL, &persistent);
	ok(id && server_cert(id)->valid_from.year == 2024 && server_cert(id)->valid_to.year >= 2043, "so the certificate is valid for long");
	ok(id && tls_time_flags(server_cert(id)) == 0, "and dates are not checked");
	clock_set_utc(1000000000ll * 1000000000, CLOCK_UEFI);
	ok(!tls_time_known(), "a clock that shows 2001 is not set");
	clock_set_utc(T2026, CLOCK_UEFI);
	ok(tls_time_known() && id && tls_time_flags(server_cert(id)) == 0, "later they are");
	tls_identity_close(id);
}

int main(void)
{
	char fingerprint[TLS_FINGERPRINT_LEN] = "";

	fake_init(64 << 20, 1);
	test_no_clock();
	test_first_boot(fingerprint);
	test_names(fingerprint);
	test_renewal();
	test_sign();
	test_bad_stores(fingerprint);
	test_preset();
	mbedtls_psa_crypto_free();
	return tap_done();
}
