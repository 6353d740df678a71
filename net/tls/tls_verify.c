/* SPDX-License-Identifier: Apache-2.0 */
/* Judging a client's certificate during the handshake. None is fine here (who may do what is decided above); one that
 * is shown must be of our CA, valid now and meant for clients. CPU 0, called by mbedTLS. */
#define MBEDTLS_ALLOW_PRIVATE_ACCESS /* the keys of an alert, see alert_send */
#include "tls_impl.h"
#include <core/fmt.h>
#include <mbedtls/oid.h>
#include <mbedtls/ssl.h>
#include <string.h>

/* RFC 8446 6.2 */
static unsigned char alert_for(uint32_t flags)
{
	if (flags & MBEDTLS_X509_BADCERT_NOT_TRUSTED)
		return MBEDTLS_SSL_ALERT_MSG_UNKNOWN_CA;
	if (flags & MBEDTLS_X509_BADCERT_EXPIRED)
		return MBEDTLS_SSL_ALERT_MSG_CERT_EXPIRED;
	if (flags & (MBEDTLS_X509_BADCERT_EXT_KEY_USAGE | MBEDTLS_X509_BADCERT_KEY_USAGE))
		return MBEDTLS_SSL_ALERT_MSG_UNSUPPORTED_CERT;
	return MBEDTLS_SSL_ALERT_MSG_BAD_CERT;
}

/* RFC 8446 4.4.4, 7.3: after its Finished a server writes with its application keys. mbedTLS 3.6 switches to them only
 * when the client's Finished has come, and until then sends alerts that no client can decrypt. Nothing else is sent in
 * between, and this alert ends the connection, so switching early reuses no nonce. */
static void alert_send(mbedtls_ssl_context *ssl, unsigned char alert)
{
	if (mbedtls_ssl_get_version_number(ssl) == MBEDTLS_SSL_VERSION_TLS1_3 && ssl->transform_application &&
	    ssl->transform_out != ssl->transform_application) {
		ssl->transform_out = ssl->transform_application;
		memset(ssl->cur_out_ctr, 0, sizeof ssl->cur_out_ctr);
	}
	mbedtls_ssl_send_alert_message(ssl, MBEDTLS_SSL_ALERT_LEVEL_FATAL, alert);
}

static uint32_t usage_flags(const mbedtls_x509_crt *leaf)
{
	uint32_t flags = 0;

	if (!mbedtls_x509_crt_has_ext_type(leaf, MBEDTLS_X509_EXT_EXTENDED_KEY_USAGE) ||
	    mbedtls_x509_crt_check_extended_key_usage(leaf, MBEDTLS_OID_CLIENT_AUTH, MBEDTLS_OID_SIZE(MBEDTLS_OID_CLIENT_AUTH)))
		flags |= MBEDTLS_X509_BADCERT_EXT_KEY_USAGE;
	if (mbedtls_x509_crt_check_key_usage(leaf, MBEDTLS_X509_KU_DIGITAL_SIGNATURE))
		flags |= MBEDTLS_X509_BADCERT_KEY_USAGE;
	return flags;
}

/* Called for each certificate of the chain, the leaf (depth 0) last. mbedTLS judged dates by the C library's time;
 * that verdict is replaced by one by the node's clock. */
int tls_verify_callback(void *ctx, mbedtls_x509_crt *crt, int depth, uint32_t *flags)
{
	struct tls_verify *v = ctx;

	*flags &= ~(uint32_t)(MBEDTLS_X509_BADCERT_EXPIRED | MBEDTLS_X509_BADCERT_FUTURE);
	*flags |= tls_time_flags(crt);
	if (depth == 0)
		*flags |= usage_flags(crt);
	v->seen = true;
	v->flags |= *flags;
	if (depth || !v->flags)
		return 0;
	/* With optional authentication mbedTLS would go on with a certificate that failed. An error from here ends the
	 * handshake, but with access_denied for everything; the alert that says more goes out first and is the one that counts. */
	alert_send(v->ssl, alert_for(v->flags));
	return MBEDTLS_ERR_X509_FATAL_ERROR;
}

void tls_peer_from_cert(const mbedtls_x509_crt *crt, struct tls_peer *peer)
{
	const mbedtls_x509_name *n;

	memset(peer, 0, sizeof *peer);
	peer->has_cert = true;
	for (n = &crt->subject; n; n = n->next)
		if (MBEDTLS_OID_CMP(MBEDTLS_OID_AT_CN, &n->oid) == 0)
			fmt_buf(peer->name, sizeof peer->name, "%.*s", (int)(n->val.len < 63 ? n->val.len : 63), (const char *)n->val.p);
	for (size_t i = 0; i < crt->serial.len && i < 20; i++)
		fmt_buf(peer->serial + 2 * i, 3, "%02x", crt->serial.p[i]);
}
