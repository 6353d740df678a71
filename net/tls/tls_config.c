/* SPDX-License-Identifier: Apache-2.0 */
/* How the node speaks TLS: 1.3 and 1.2, ECDHE with AEAD only, certificates of clients optional; and the credentials of
 * one server certificate. CPU 0, tasks. */
#include "tls_impl.h"
#include <core/log.h>
#include <mbedtls/ssl_ciphersuites.h>
#include <stdlib.h>

static const int suites[] = {
	MBEDTLS_TLS1_3_AES_128_GCM_SHA256,
	MBEDTLS_TLS1_3_AES_256_GCM_SHA384,
	MBEDTLS_TLS1_3_CHACHA20_POLY1305_SHA256,
	MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
	MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
	MBEDTLS_TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
	MBEDTLS_TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
	MBEDTLS_TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
	MBEDTLS_TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
	0,
};

static const uint16_t groups[] = {
	MBEDTLS_SSL_IANA_TLS_GROUP_X25519, MBEDTLS_SSL_IANA_TLS_GROUP_SECP256R1, MBEDTLS_SSL_IANA_TLS_GROUP_SECP384R1,
	MBEDTLS_SSL_IANA_TLS_GROUP_NONE,
};

/* Curves are for ECDSA keys; X25519 for the exchange alone. */
static const mbedtls_x509_crt_profile profile = {
	MBEDTLS_X509_ID_FLAG(MBEDTLS_MD_SHA256) | MBEDTLS_X509_ID_FLAG(MBEDTLS_MD_SHA384) | MBEDTLS_X509_ID_FLAG(MBEDTLS_MD_SHA512),
	0xfffffff, /* any key type: the curves and the size below bound them */
	MBEDTLS_X509_ID_FLAG(MBEDTLS_ECP_DP_SECP256R1) | MBEDTLS_X509_ID_FLAG(MBEDTLS_ECP_DP_SECP384R1),
	2048,
};

static int config_init(struct tls_creds *c)
{
	static const char *alpn[] = { "http/1.1", NULL };
	mbedtls_ssl_config *conf = &c->conf;
	int ret = mbedtls_ssl_config_defaults(conf, MBEDTLS_SSL_IS_SERVER, MBEDTLS_SSL_TRANSPORT_STREAM, MBEDTLS_SSL_PRESET_DEFAULT);

	if (ret)
		return ret;
	mbedtls_ssl_conf_rng(conf, tls_rng, NULL);
	mbedtls_ssl_conf_min_tls_version(conf, MBEDTLS_SSL_VERSION_TLS1_2);
	mbedtls_ssl_conf_max_tls_version(conf, MBEDTLS_SSL_VERSION_TLS1_3);
	mbedtls_ssl_conf_ciphersuites(conf, suites);
	mbedtls_ssl_conf_groups(conf, groups);
	mbedtls_ssl_conf_cert_profile(conf, &profile);
	mbedtls_ssl_conf_authmode(conf, MBEDTLS_SSL_VERIFY_OPTIONAL);
	mbedtls_ssl_conf_ca_chain(conf, &c->trust, NULL);
	ret = mbedtls_ssl_conf_alpn_protocols(conf, alpn);
	return ret ? ret : mbedtls_ssl_conf_own_cert(conf, &c->chain, &c->key);
}

void tls_creds_unref(struct tls_creds *c)
{
	if (!c || --c->refs)
		return;
	mbedtls_ssl_config_free(&c->conf);
	mbedtls_x509_crt_free(&c->chain);
	mbedtls_x509_crt_free(&c->trust);
	mbedtls_pk_free(&c->key);
	free(c);
}

err_t tls_creds_new(const uint8_t *cert, size_t cert_len, const uint8_t *key, size_t key_len, const mbedtls_x509_crt *ca, struct tls_creds **out)
{
	struct tls_creds *c = calloc(1, sizeof *c);
	int ret;

	if (!c)
		return E_NOMEM;
	c->refs = 1;
	mbedtls_ssl_config_init(&c->conf);
	mbedtls_x509_crt_init(&c->chain);
	mbedtls_x509_crt_init(&c->trust);
	mbedtls_pk_init(&c->key);
	ret = mbedtls_x509_crt_parse(&c->chain, cert, cert_len);
	if (!ret)
		ret = mbedtls_x509_crt_parse_der(&c->chain, ca->raw.p, ca->raw.len);
	if (!ret)
		ret = mbedtls_x509_crt_parse_der(&c->trust, ca->raw.p, ca->raw.len);
	if (!ret)
		ret = mbedtls_pk_parse_key(&c->key, key, key_len, NULL, 0, tls_rng, NULL);
	if (!ret)
		ret = mbedtls_pk_check_pair(&c->chain.pk, &c->key, tls_rng, NULL);
	if (!ret)
		ret = config_init(c);
	if (ret) {
		tls_creds_unref(c);
		log_debug("tls", "credentials are not usable: -0x%04x", (unsigned)-ret);
		return E_CORRUPT;
	}
	*out = c;
	return OK;
}
