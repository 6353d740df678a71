/* SPDX-License-Identifier: Apache-2.0 */
/* The insides of TLS and identity, shared by the files of net/tls and by nobody else. CPU 0, tasks. */
#ifndef NET_TLS_IMPL_H
#define NET_TLS_IMPL_H
#include <mbedtls/ssl.h>
#include <mbedtls/x509_crt.h>
#include <net/tls.h>

#define TLS_MAX_NAMES 16
#define TLS_CERT_MAX 2048 /* DER bytes of a certificate that we make */
#define TLS_KEY_MAX 256   /* DER bytes of a P-256 key */
#define TLS_SERIAL_LEN 16

/* What a connection needs of the identity. Replaced as a whole when the names change; connections keep theirs. */
struct tls_creds {
	unsigned refs;
	mbedtls_ssl_config conf;
	mbedtls_x509_crt chain; /* leaf, CA */
	mbedtls_pk_context key;
	mbedtls_x509_crt trust; /* CA */
};

struct tls_identity {
	const struct tls_store *store;
	bool persistent;
	char node_name[64];
	mbedtls_x509_crt ca;
	mbedtls_pk_context ca_key;
	uint8_t server_key[TLS_KEY_MAX];
	size_t server_key_len;
	struct tls_creds *creds;
	bool server_given; /* creds are the operator's: not ours to renew */
	char fingerprint[TLS_FINGERPRINT_LEN];
	char *ca_pem;
};

/* ---- tls_rng.c: seeds the crypto library once. E_IO. */
err_t tls_crypto_init(void) MUST_CHECK;
/* For mbedTLS parameters called f_rng. */
int tls_rng(void *ctx, unsigned char *dst, size_t n);

/* ---- tls_time.c */
/* mbedTLS verification flags of one certificate's validity now by the node's clock; when that is unknown, 0 (logged once). */
uint32_t tls_time_flags(const mbedtls_x509_crt *crt);
/* "YYYYMMDDhhmmss" of now + offset_s; without a clock (or before 2024) of 2024-01-01 + offset_s. */
void tls_time_format(int64_t offset_s, char dst[16]);
bool tls_time_known(void);
/* Seconds until the certificate ends; INT64_MAX when the clock is unknown. */
int64_t tls_time_left(const mbedtls_x509_crt *crt);

/* ---- cert.c: everything that is signed */
enum cert_role { CERT_CA, CERT_SERVER, CERT_CLIENT };
struct cert_request {
	enum cert_role role;
	const char *subject;            /* common name, which tls_client_name_ok takes */
	mbedtls_pk_context *subject_key;
	mbedtls_pk_context *issuer_key;
	const mbedtls_x509_crt *issuer; /* NULL: self-signed */
	const char *const *names;       /* SAN of a server */
	unsigned nnames;
};
/* Signs; der gets *len bytes of at most TLS_CERT_MAX; serial TLS_SERIAL_LEN bytes when not NULL. E_CORRUPT, E_RANGE. */
err_t cert_sign(const struct cert_request *r, uint8_t der[TLS_CERT_MAX], size_t *len, uint8_t *serial) MUST_CHECK;
/* Are the certificate's alternative names exactly these? */
bool cert_names_equal(const mbedtls_x509_crt *crt, const char *const *names, unsigned nnames);
err_t cert_key_new(mbedtls_pk_context *key) MUST_CHECK;
err_t cert_key_write(mbedtls_pk_context *key, uint8_t der[TLS_KEY_MAX], size_t *len) MUST_CHECK;
err_t cert_pem_write(const uint8_t *der, size_t len, char *pem, size_t cap) MUST_CHECK;

/* ---- tls_config.c */
/* A set of credentials with one reference. cert and key: DER, or PEM with its NUL counted. ca is copied. E_CORRUPT, E_NOMEM. */
err_t tls_creds_new(const uint8_t *cert, size_t cert_len, const uint8_t *key, size_t key_len, const mbedtls_x509_crt *ca, struct tls_creds **out) MUST_CHECK;
void tls_creds_unref(struct tls_creds *c);

/* ---- tls_verify.c: the client's certificate, if it shows one */
struct tls_verify { mbedtls_ssl_context *ssl; uint32_t flags; bool seen; };
int tls_verify_callback(void *ctx, mbedtls_x509_crt *crt, int depth, uint32_t *flags);
void tls_peer_from_cert(const mbedtls_x509_crt *crt, struct tls_peer *peer);

extern struct tls_stats tls_counters;
#endif
