/* SPDX-License-Identifier: Apache-2.0 */
/* A TLS client for tests: mbedTLS over a struct stream, blocking, in a task of the fake machine. Also makes keys and
 * certificate requests, as a pairing client does. */
#ifndef TESTS_UNIT_TLS_CLIENT_H
#define TESTS_UNIT_TLS_CLIENT_H
#include "../../net/tls/tls_impl.h"
#include <core/hal.h>
#include <mbedtls/error.h>
#include <mbedtls/net_sockets.h>
#include <mbedtls/x509_csr.h>
#include <net/stream.h>
#include <net/tls.h>
#include <string.h>

struct tls_client {
	mbedtls_ssl_context ssl;
	mbedtls_ssl_config conf;
	mbedtls_x509_crt ca, cert;
	mbedtls_pk_context *key;
	struct stream *s;
};

__attribute__((unused)) static int client_send(void *ctx, const unsigned char *p, size_t n)
{
	struct stream *s = ctx;
	size_t put = 0;
	err_t e = s->ops->write(s, p, n, &put);

	return e == OK ? (int)put : e == E_AGAIN ? MBEDTLS_ERR_SSL_WANT_WRITE : MBEDTLS_ERR_NET_CONN_RESET;
}

__attribute__((unused)) static int client_recv(void *ctx, unsigned char *p, size_t n)
{
	struct stream *s = ctx;
	size_t got = 0;
	err_t e = s->ops->read(s, p, n, &got);

	return e == OK ? (int)got : e == E_AGAIN ? MBEDTLS_ERR_SSL_WANT_READ : e == E_CLOSED ? 0 : MBEDTLS_ERR_NET_CONN_RESET;
}

/* ca_pem NULL: the server is not checked. cert_pem and key may be NULL. Returns mbedTLS's error. */
__attribute__((unused)) static int client_init(struct tls_client *c, struct stream *s, const char *ca_pem, const char *cert_pem, mbedtls_pk_context *key)
{
	int ret;

	memset(c, 0, sizeof *c);
	c->s = s;
	c->key = key;
	mbedtls_ssl_init(&c->ssl);
	mbedtls_ssl_config_init(&c->conf);
	mbedtls_x509_crt_init(&c->ca);
	mbedtls_x509_crt_init(&c->cert);
	ret = mbedtls_ssl_config_defaults(&c->conf, MBEDTLS_SSL_IS_CLIENT, MBEDTLS_SSL_TRANSPORT_STREAM, MBEDTLS_SSL_PRESET_DEFAULT);
	mbedtls_ssl_conf_rng(&c->conf, tls_rng, NULL);
	mbedtls_ssl_conf_authmode(&c->conf, ca_pem ? MBEDTLS_SSL_VERIFY_REQUIRED : MBEDTLS_SSL_VERIFY_NONE);
	if (!ret && ca_pem)
		ret = mbedtls_x509_crt_parse(&c->ca, (const unsigned char *)ca_pem, strlen(ca_pem) + 1);
	mbedtls_ssl_conf_ca_chain(&c->conf, &c->ca, NULL);
	if (!ret && cert_pem)
		ret = mbedtls_x509_crt_parse(&c->cert, (const unsigned char *)cert_pem, strlen(cert_pem) + 1);
	if (!ret && cert_pem)
		ret = mbedtls_ssl_conf_own_cert(&c->conf, &c->cert, key);
	return ret;
}

/* After changes to c->conf. */
__attribute__((unused)) static int client_set_up(struct tls_client *c, const char *host)
{
	int ret = mbedtls_ssl_setup(&c->ssl, &c->conf);

	if (!ret)
		ret = mbedtls_ssl_set_hostname(&c->ssl, host);
	mbedtls_ssl_set_bio(&c->ssl, c->s, client_send, client_recv, NULL);
	return ret;
}

/* Repeats call while it would block. */
#define CLIENT_BLOCK(c, call) __extension__({ \
	int ret_; \
	while ((ret_ = (call)) == MBEDTLS_ERR_SSL_WANT_READ || ret_ == MBEDTLS_ERR_SSL_WANT_WRITE) \
		wait_on(ret_ == MBEDTLS_ERR_SSL_WANT_READ ? &(c)->s->readable : &(c)->s->writable); \
	ret_; \
})

__attribute__((unused)) static void client_fini(struct tls_client *c)
{
	mbedtls_ssl_free(&c->ssl);
	mbedtls_ssl_config_free(&c->conf);
	mbedtls_x509_crt_free(&c->ca);
	mbedtls_x509_crt_free(&c->cert);
}

/* A P-256 key and a request for it. */
__attribute__((unused)) static int client_csr(mbedtls_pk_context *key, char *pem, size_t cap)
{
	mbedtls_x509write_csr w;
	int ret;

	mbedtls_pk_init(key);
	if (cert_key_new(key) != OK)
		return -1;
	mbedtls_x509write_csr_init(&w);
	mbedtls_x509write_csr_set_key(&w, key);
	mbedtls_x509write_csr_set_md_alg(&w, MBEDTLS_MD_SHA256);
	ret = mbedtls_x509write_csr_set_subject_name(&w, "CN=whatever,O=ignored");
	if (!ret)
		ret = mbedtls_x509write_csr_pem(&w, (unsigned char *)pem, cap, tls_rng, NULL);
	mbedtls_x509write_csr_free(&w);
	return ret;
}

#endif
