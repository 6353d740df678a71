/* SPDX-License-Identifier: Apache-2.0 */
/* Making certificates (RFC 5280): the node's CA, its server certificate, and those of paired clients; P-256, SHA-256.
 * CPU 0, tasks: a signature takes a few milliseconds. Must not know where identity is stored. */
#include "tls_impl.h"
#include <arpa/inet.h>
#include <core/arith.h>
#include <core/log.h>
#include <mbedtls/ecp.h>
#include <mbedtls/oid.h>
#include <mbedtls/pem.h>
#include <mbedtls/platform_util.h>
#include <stdio.h>
#include <string.h>

#define DAY_S 86400ll
#define CA_DAYS (20 * 365)
#define SERVER_DAYS 397
#define CLIENT_DAYS (5 * 365)

static err_t cert_failed(const char *what, int ret)
{
	log_error("tls", "%s: -0x%04x", what, (unsigned)-ret);
	return E_CORRUPT;
}

bool tls_client_name_ok(const char *name)
{
	static const char alnum[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
	size_t n = strlen(name);

	return n && n < 64 && strchr(alnum, name[0]) && strchr(alnum, name[n - 1]) &&
	       strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 ._@-") == n;
}

err_t cert_key_new(mbedtls_pk_context *key)
{
	int ret = mbedtls_pk_setup(key, mbedtls_pk_info_from_type(MBEDTLS_PK_ECKEY));

	if (!ret)
		ret = mbedtls_ecp_gen_key(MBEDTLS_ECP_DP_SECP256R1, mbedtls_pk_ec(*key), tls_rng, NULL);
	return ret ? cert_failed("a key cannot be made", ret) : OK;
}

err_t cert_key_write(mbedtls_pk_context *key, uint8_t der[TLS_KEY_MAX], size_t *len)
{
	int n = mbedtls_pk_write_key_der(key, der, TLS_KEY_MAX);

	if (n <= 0)
		return cert_failed("a key cannot be written", n);
	memmove(der, der + TLS_KEY_MAX - n, (size_t)n); /* it is written at the end of the buffer */
	mbedtls_platform_zeroize(der + n, TLS_KEY_MAX - (size_t)n);
	*len = (size_t)n;
	return OK;
}

err_t cert_pem_write(const uint8_t *der, size_t len, char *pem, size_t cap)
{
	size_t olen;
	int ret = mbedtls_pem_write_buffer("-----BEGIN CERTIFICATE-----\n", "-----END CERTIFICATE-----\n", der, len, (unsigned char *)pem, cap, &olen);

	return ret ? E_RANGE : OK;
}

/* ---- alternative names (RFC 5280 4.2.1.6) */

struct san { int type; size_t len; uint8_t ip[16]; const char *text; };

static void san_from_name(const char *name, struct san *s)
{
	s->text = name;
	s->type = MBEDTLS_X509_SAN_IP_ADDRESS;
	if (inet_pton(AF_INET, name, s->ip) == 1) {
		s->len = 4;
	} else if (inet_pton(AF_INET6, name, s->ip) == 1) {
		s->len = 16;
	} else {
		s->type = MBEDTLS_X509_SAN_DNS_NAME;
		s->len = strlen(name);
	}
}

static const void *san_bytes(const struct san *s)
{
	return s->type == MBEDTLS_X509_SAN_DNS_NAME ? (const void *)s->text : s->ip;
}

static bool cert_has_san(const mbedtls_x509_crt *crt, const struct san *s)
{
	for (const mbedtls_x509_sequence *q = &crt->subject_alt_names; q && q->buf.p; q = q->next)
		if ((q->buf.tag & MBEDTLS_ASN1_TAG_VALUE_MASK) == s->type && q->buf.len == s->len && !memcmp(q->buf.p, san_bytes(s), s->len))
			return true;
	return false;
}

bool cert_names_equal(const mbedtls_x509_crt *crt, const char *const *names, unsigned nnames)
{
	unsigned have = 0;

	for (const mbedtls_x509_sequence *q = &crt->subject_alt_names; q && q->buf.p; q = q->next)
		have++;
	for (unsigned i = 0; i < nnames; i++) {
		struct san s;

		san_from_name(names[i], &s);
		if (!cert_has_san(crt, &s))
			return false;
	}
	return have == nnames;
}

static int cert_set_sans(mbedtls_x509write_cert *w, const char *const *names, unsigned nnames)
{
	struct san sans[TLS_MAX_NAMES];
	mbedtls_x509_san_list list[TLS_MAX_NAMES];

	memset(list, 0, sizeof list);
	for (unsigned i = 0; i < nnames; i++) {
		san_from_name(names[i], &sans[i]);
		list[i].node.type = sans[i].type;
		list[i].node.san.unstructured_name.p = (unsigned char *)(uintptr_t)san_bytes(&sans[i]);
		list[i].node.san.unstructured_name.len = sans[i].len;
		list[i].next = i + 1 < nnames ? &list[i + 1] : NULL;
	}
	return nnames ? mbedtls_x509write_crt_set_subject_alternative_name(w, list) : 0;
}

/* ---- the rest */

static int cert_set_usage(mbedtls_x509write_cert *w, enum cert_role role)
{
	mbedtls_asn1_sequence eku = { 0 };
	int ret;

	if (role == CERT_CA) {
		ret = mbedtls_x509write_crt_set_basic_constraints(w, 1, 0);
		return ret ? ret : mbedtls_x509write_crt_set_key_usage(w, MBEDTLS_X509_KU_KEY_CERT_SIGN | MBEDTLS_X509_KU_CRL_SIGN);
	}
	eku.buf.tag = MBEDTLS_ASN1_OID;
	eku.buf.p = (unsigned char *)(uintptr_t)(role == CERT_SERVER ? MBEDTLS_OID_SERVER_AUTH : MBEDTLS_OID_CLIENT_AUTH);
	eku.buf.len = MBEDTLS_OID_SIZE(MBEDTLS_OID_SERVER_AUTH);
	ret = mbedtls_x509write_crt_set_basic_constraints(w, 0, -1);
	if (!ret)
		ret = mbedtls_x509write_crt_set_key_usage(w, MBEDTLS_X509_KU_DIGITAL_SIGNATURE);
	return ret ? ret : mbedtls_x509write_crt_set_ext_key_usage(w, &eku);
}

/* The end: by role, but not after the issuer's own. A node that does not know the time gives as long as it may. */
static int cert_set_validity(mbedtls_x509write_cert *w, const struct cert_request *r)
{
	static const int64_t days[] = { [CERT_CA] = CA_DAYS, [CERT_SERVER] = SERVER_DAYS, [CERT_CLIENT] = CLIENT_DAYS };
	char from[16], to[16], limit[24];

	/* The CA begins in 2024 whatever the clock says: what a wrong clock made on the first day must still be valid on the next. */
	strcpy(from, "20240101000000");
	if (r->role != CERT_CA && tls_time_known())
		tls_time_format(-DAY_S, from);
	tls_time_format((tls_time_known() ? days[r->role] : (int64_t)CA_DAYS) * DAY_S, to);
	if (r->issuer) {
		const mbedtls_x509_time *t = &r->issuer->valid_to;

		snprintf(limit, sizeof limit, "%04d%02d%02d%02d%02d%02d", t->year, t->mon, t->day, t->hour, t->min, t->sec);
		if (strcmp(limit, to) < 0)
			memcpy(to, limit, sizeof to - 1);
	}
	return mbedtls_x509write_crt_set_validity(w, from, to);
}

static int cert_set_names(mbedtls_x509write_cert *w, const struct cert_request *r)
{
	char dn[512];
	int ret;

	snprintf(dn, sizeof dn, "CN=%s", r->subject);
	ret = mbedtls_x509write_crt_set_subject_name(w, dn);
	if (!ret && r->issuer) {
		ret = mbedtls_x509_dn_gets(dn, sizeof dn, &r->issuer->subject);
		ret = ret < 0 ? ret : 0;
	}
	return ret ? ret : mbedtls_x509write_crt_set_issuer_name(w, dn);
}

static int cert_fill(mbedtls_x509write_cert *w, const struct cert_request *r, const uint8_t *serial)
{
	int ret;

	mbedtls_x509write_crt_set_version(w, MBEDTLS_X509_CRT_VERSION_3);
	mbedtls_x509write_crt_set_md_alg(w, MBEDTLS_MD_SHA256);
	mbedtls_x509write_crt_set_subject_key(w, r->subject_key);
	mbedtls_x509write_crt_set_issuer_key(w, r->issuer_key);
	ret = mbedtls_x509write_crt_set_serial_raw(w, (unsigned char *)(uintptr_t)serial, TLS_SERIAL_LEN);
	if (!ret)
		ret = cert_set_names(w, r);
	if (!ret)
		ret = cert_set_validity(w, r);
	if (!ret)
		ret = cert_set_usage(w, r->role);
	if (!ret)
		ret = mbedtls_x509write_crt_set_subject_key_identifier(w);
	if (!ret)
		ret = mbedtls_x509write_crt_set_authority_key_identifier(w);
	if (!ret && r->role == CERT_SERVER)
		ret = cert_set_sans(w, r->names, r->nnames);
	return ret;
}

err_t cert_sign(const struct cert_request *r, uint8_t der[TLS_CERT_MAX], size_t *len, uint8_t *serial_out)
{
	uint8_t serial[TLS_SERIAL_LEN];
	mbedtls_x509write_cert w;
	int ret;

	if (!tls_client_name_ok(r->subject) || r->nnames > TLS_MAX_NAMES)
		return E_RANGE;
	if (tls_rng(NULL, serial, sizeof serial))
		return E_IO;
	serial[0] = (serial[0] & 0x7f) | 0x40; /* positive and of full length (RFC 5280 4.1.2.2) */
	mbedtls_x509write_crt_init(&w);
	ret = cert_fill(&w, r, serial);
	if (!ret)
		ret = mbedtls_x509write_crt_der(&w, der, TLS_CERT_MAX, tls_rng, NULL);
	mbedtls_x509write_crt_free(&w);
	if (ret <= 0)
		return cert_failed("a certificate cannot be made", ret);
	memmove(der, der + TLS_CERT_MAX - ret, (size_t)ret);
	*len = (size_t)ret;
	if (serial_out)
		memcpy(serial_out, serial, sizeof serial);
	return OK;
}
