/* SPDX-License-Identifier: Apache-2.0 */
/* Who the node is: its CA, made on first boot or given by the operator, and the server certificate that follows the
 * node's names. CPU 0, tasks. Must not know where the store keeps things. */
#include "tls_impl.h"
#include <core/fmt.h>
#include <core/log.h>
#include <mbedtls/oid.h>
#include <mbedtls/platform_util.h>
#include <mbedtls/sha256.h>
#include <stdlib.h>
#include <string.h>

#define KEY_CA_KEY "CaissonCaKey"
#define KEY_CA_CERT "CaissonCaCert"
#define KEY_SERVER_KEY "CaissonServerKey"
#define KEY_SERVER_CERT "CaissonServerCert"
#define CA_PEM_MAX 8192
#define SERVER_RENEW_S (30 * 86400ll)

static void identity_store(struct tls_identity *id, const char *key, const void *src, size_t len)
{
	err_t e = id->store ? id->store->set(key, src, len) : E_UNSUPPORTED;

	if (e == OK)
		return;
	if (id->persistent)
		log_warn("tls", "%s cannot be kept (%s): the identity lasts until reset", key, err_name(e));
	id->persistent = false;
}

static bool identity_fetch(struct tls_identity *id, const char *key, uint8_t *dst, size_t cap, size_t *len)
{
	*len = cap;
	return id->store && id->store->get(key, dst, len) == OK && *len <= cap;
}

/* ---- the CA */

static err_t ca_check(struct tls_identity *id)
{
	if (!id->ca.raw.p || id->ca.next || !mbedtls_x509_crt_get_ca_istrue(&id->ca))
		return E_CORRUPT;
	if (mbedtls_x509_crt_check_key_usage(&id->ca, MBEDTLS_X509_KU_KEY_CERT_SIGN))
		return E_CORRUPT;
	return mbedtls_pk_check_pair(&id->ca.pk, &id->ca_key, tls_rng, NULL) ? E_CORRUPT : OK;
}

static void ca_forget(struct tls_identity *id)
{
	mbedtls_x509_crt_free(&id->ca);
	mbedtls_pk_free(&id->ca_key);
	mbedtls_x509_crt_init(&id->ca);
	mbedtls_pk_init(&id->ca_key);
}

static err_t ca_from_preset(struct tls_identity *id, const struct tls_preset *p)
{
	if (mbedtls_x509_crt_parse(&id->ca, (const unsigned char *)p->ca_cert_pem, strlen(p->ca_cert_pem) + 1) ||
	    mbedtls_pk_parse_key(&id->ca_key, (const unsigned char *)p->ca_key_pem, strlen(p->ca_key_pem) + 1, NULL, 0, tls_rng, NULL)) {
		log_error("tls", "the given CA is not readable: expected a certificate and its unencrypted key in PEM");
		return E_CORRUPT;
	}
	if (ca_check(id) != OK) {
		log_error("tls", "the given CA is not usable: expected one CA certificate that may sign certificates, with its own key");
		return E_CORRUPT;
	}
	return OK;
}

static bool ca_from_store(struct tls_identity *id)
{
	uint8_t key[TLS_KEY_MAX], cert[TLS_CERT_MAX];
	size_t key_len, cert_len;
	bool fine;

	if (!identity_fetch(id, KEY_CA_KEY, key, sizeof key, &key_len) || !identity_fetch(id, KEY_CA_CERT, cert, sizeof cert, &cert_len))
		return false;
	fine = !mbedtls_x509_crt_parse_der(&id->ca, cert, cert_len) && !mbedtls_pk_parse_key(&id->ca_key, key, key_len, NULL, 0, tls_rng, NULL) &&
	       ca_check(id) == OK;
	mbedtls_platform_zeroize(key, sizeof key);
	if (!fine) {
		log_error("tls", "the stored CA is damaged: a new one is made, clients must pair again");
		ca_forget(id);
	}
	return fine;
}

static err_t ca_make(struct tls_identity *id)
{
	struct cert_request r = { .role = CERT_CA, .subject_key = &id->ca_key, .issuer_key = &id->ca_key };
	uint8_t key[TLS_KEY_MAX], cert[TLS_CERT_MAX];
	size_t key_len, cert_len;
	char subject[64];
	err_t e;

	fmt_buf(subject, sizeof subject, "Caisson CA %s", id->node_name);
	r.subject = subject;
	e = cert_key_new(&id->ca_key);
	if (e == OK)
		e = cert_sign(&r, cert, &cert_len, NULL);
	if (e == OK && mbedtls_x509_crt_parse_der(&id->ca, cert, cert_len))
		e = E_CORRUPT;
	if (e == OK)
		e = cert_key_write(&id->ca_key, key, &key_len);
	if (e != OK)
		return e;
	identity_store(id, KEY_CA_KEY, key, key_len);
	identity_store(id, KEY_CA_CERT, cert, cert_len);
	mbedtls_platform_zeroize(key, sizeof key);
	log_info("tls", "made a new identity");
	return OK;
}

static err_t ca_describe(struct tls_identity *id)
{
	uint8_t hash[32];
	size_t at;

	if (mbedtls_sha256(id->ca.raw.p, id->ca.raw.len, hash, 0))
		return E_IO;
	at = fmt_buf(id->fingerprint, sizeof id->fingerprint, "SHA256:");
	for (unsigned i = 0; i < 32; i++, at += 2)
		fmt_buf(id->fingerprint + at, 3, "%02x", hash[i]);
	id->ca_pem = malloc(CA_PEM_MAX);
	return id->ca_pem ? cert_pem_write(id->ca.raw.p, id->ca.raw.len, id->ca_pem, CA_PEM_MAX) : E_NOMEM;
}

/* ---- the server */

static err_t server_key_load(struct tls_identity *id)
{
	mbedtls_pk_context key;
	bool fine;
	err_t e;

	mbedtls_pk_init(&key);
	fine = identity_fetch(id, KEY_SERVER_KEY, id->server_key, sizeof id->server_key, &id->server_key_len) &&
	       !mbedtls_pk_parse_key(&key, id->server_key, id->server_key_len, NULL, 0, tls_rng, NULL);
	if (fine) {
		mbedtls_pk_free(&key);
		return OK;
	}
	mbedtls_pk_free(&key);
	mbedtls_pk_init(&key);
	e = cert_key_new(&key);
	if (e == OK)
		e = cert_key_write(&key, id->server_key, &id->server_key_len);
	mbedtls_pk_free(&key);
	if (e == OK)
		identity_store(id, KEY_SERVER_KEY, id->server_key, id->server_key_len);
	return e;
}

/* Did our CA sign it? Whatever its dates say: those are judged by the node's clock, not the C library's. */
static bool server_cert_is_ours(struct tls_identity *id, mbedtls_x509_crt *crt)
{
	const uint32_t dates = MBEDTLS_X509_BADCERT_EXPIRED | MBEDTLS_X509_BADCERT_FUTURE;
	uint32_t flags = 0;

	return !mbedtls_x509_crt_verify(crt, &id->ca, NULL, NULL, &flags, NULL, NULL) || !(flags & ~dates);
}

/* Is it ours, for these names, and good for a while? */
static bool server_cert_fits(struct tls_identity *id, mbedtls_x509_crt *crt, const char *const *names, unsigned nnames)
{
	if (!server_cert_is_ours(id, crt))
		return false;
	return !tls_time_flags(crt) && tls_time_left(crt) > SERVER_RENEW_S && cert_names_equal(crt, names, nnames);
}

static bool server_cert_load(struct tls_identity *id, const char *const *names, unsigned nnames, uint8_t *der, size_t *len)
{
	mbedtls_x509_crt crt;
	bool fine;

	if (!identity_fetch(id, KEY_SERVER_CERT, der, TLS_CERT_MAX, len))
		return false;
	mbedtls_x509_crt_init(&crt);
	fine = !mbedtls_x509_crt_parse_der(&crt, der, *len) && server_cert_fits(id, &crt, names, nnames);
	mbedtls_x509_crt_free(&crt);
	return fine;
}

static err_t server_cert_make(struct tls_identity *id, const char *const *names, unsigned nnames, uint8_t *der, size_t *len)
{
	struct cert_request r = {
		.role = CERT_SERVER, .subject = id->node_name, .issuer_key = &id->ca_key, .issuer = &id->ca, .names = names, .nnames = nnames
	};
	mbedtls_pk_context key;
	err_t e = E_CORRUPT;

	mbedtls_pk_init(&key);
	r.subject_key = &key;
	if (!mbedtls_pk_parse_key(&key, id->server_key, id->server_key_len, NULL, 0, tls_rng, NULL))
		e = cert_sign(&r, der, len, NULL);
	mbedtls_pk_free(&key);
	if (e == OK)
		identity_store(id, KEY_SERVER_CERT, der, *len);
	return e;
}

/* The operator's own certificate. Clients trust the CA alone, so it must have signed this one. */
static err_t server_from_preset(struct tls_identity *id, const struct tls_preset *p)
{
	err_t e = tls_creds_new((const uint8_t *)p->server_cert_pem, strlen(p->server_cert_pem) + 1, (const uint8_t *)p->server_key_pem,
				strlen(p->server_key_pem) + 1, &id->ca, &id->creds);

	if (e != OK) {
		log_error("tls", "the given server certificate is not readable: expected a certificate and its unencrypted key in PEM");
		return e;
	}
	if (!server_cert_is_ours(id, &id->creds->chain) || mbedtls_x509_crt_get_ca_istrue(&id->creds->chain) ||
	    mbedtls_x509_crt_check_extended_key_usage(&id->creds->chain, MBEDTLS_OID_SERVER_AUTH, MBEDTLS_OID_SIZE(MBEDTLS_OID_SERVER_AUTH))) {
		log_error("tls", "the given server certificate is not usable: expected one for servers, signed by the node's CA");
		return E_CORRUPT;
	}
	id->server_given = true;
	return OK;
}

static void server_given_check(const struct tls_identity *id)
{
	if (tls_time_flags(&id->creds->chain) || tls_time_left(&id->creds->chain) <= SERVER_RENEW_S)
		log_warn("tls", "the given server certificate is not valid now, or ends within 30 days: it is for you to renew");
}

err_t tls_identity_set_names(struct tls_identity *id, const char *const *names, unsigned nnames)
{
	uint8_t der[TLS_CERT_MAX];
	struct tls_creds *creds;
	size_t len;
	err_t e = OK;

	if (nnames > TLS_MAX_NAMES)
		return E_RANGE;
	if (id->server_given) {
		server_given_check(id);
		return OK;
	}
	if (id->creds && server_cert_fits(id, &id->creds->chain, names, nnames))
		return OK;
	if (server_cert_load(id, names, nnames, der, &len) &&
	    tls_creds_new(der, len, id->server_key, id->server_key_len, &id->ca, &creds) == OK)
		goto take;
	e = server_cert_make(id, names, nnames, der, &len);
	if (e == OK)
		e = tls_creds_new(der, len, id->server_key, id->server_key_len, &id->ca, &creds);
	if (e != OK)
		return e;
take:
	tls_creds_unref(id->creds);
	id->creds = creds;
	return OK;
}

void tls_identity_close(struct tls_identity *id)
{
	if (!id)
		return;
	tls_creds_unref(id->creds);
	mbedtls_x509_crt_free(&id->ca);
	mbedtls_pk_free(&id->ca_key);
	mbedtls_platform_zeroize(id->server_key, sizeof id->server_key);
	free(id->ca_pem);
	free(id);
}

static err_t identity_load(struct tls_identity *id, const struct tls_preset *preset, const char *const *names, unsigned nnames)
{
	err_t e = OK;

	if (preset && preset->ca_cert_pem && preset->ca_key_pem)
		e = ca_from_preset(id, preset);
	else if (!ca_from_store(id))
		e = ca_make(id);
	if (e == OK)
		e = ca_describe(id);
	if (e == OK)
		e = preset && preset->server_cert_pem && preset->server_key_pem ? server_from_preset(id, preset) : server_key_load(id);
	return e == OK ? tls_identity_set_names(id, names, nnames) : e;
}

err_t tls_identity_open(const struct tls_store *store, const struct tls_preset *preset, const char *node_name,
			const char *const *names, unsigned nnames, struct tls_identity **out, bool *persistent)
{
	struct tls_identity *id;
	err_t e = tls_crypto_init();

	if (e != OK)
		return e;
	id = calloc(1, sizeof *id);
	if (!id)
		return E_NOMEM;
	id->store = store;
	id->persistent = true;
	fmt_buf(id->node_name, sizeof id->node_name, "%.40s", node_name); /* "Caisson CA " goes before it in 63 bytes */
	mbedtls_x509_crt_init(&id->ca);
	mbedtls_pk_init(&id->ca_key);
	e = identity_load(id, preset, names, nnames);
	if (e != OK) {
		tls_identity_close(id);
		return e;
	}
	*persistent = id->persistent;
	*out = id;
	return OK;
}

const char *tls_identity_fingerprint(const struct tls_identity *id)
{
	return id->fingerprint;
}

const char *tls_identity_ca_pem(const struct tls_identity *id)
{
	return id->ca_pem;
}
