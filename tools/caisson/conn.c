/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TLS over a non-blocking socket; see conn.h. One connection is used by one
 * caller in one thread. Certificates reach it as PEM text; it knows no files
 * and no HTTP.
 */
#include "conn.h"

#include "identity.h"
#include "signals.h"
#include "text.h"

#include <errno.h>
#include <mbedtls/error.h>
#include <mbedtls/ssl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct conn {
	int fd;
	bool broken; /* the other end takes nothing any more; what it said before is still to be read */
	char host[256];
	mbedtls_ssl_context ssl;
	mbedtls_ssl_config conf;
	mbedtls_x509_crt ca;
	mbedtls_x509_crt cert;
	mbedtls_pk_context key;
};

/*
 * A peer that refuses us says so in an alert and closes; our next send then fails before the alert
 * was read. So a broken pipe is remembered and passed off as success: the next read tells why.
 */
static int conn_bio_send(void *context, const unsigned char *bytes, size_t size)
{
	struct conn *c = context;
	ssize_t n = send(c->fd, bytes, size, MSG_NOSIGNAL);
	if (n >= 0)
		return (int)n;
	if (errno == EAGAIN || errno == EINTR)
		return MBEDTLS_ERR_SSL_WANT_WRITE;
	c->broken = true;
	return (int)size;
}

static int conn_bio_recv(void *context, unsigned char *bytes, size_t size)
{
	const struct conn *c = context;
	ssize_t n = recv(c->fd, bytes, size, 0);
	if (n > 0)
		return (int)n;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return MBEDTLS_ERR_SSL_WANT_READ;
	return n == 0 ? 0 : MBEDTLS_ERR_SSL_CONN_EOF;
}

/* mbedTLS's code as a sentence and an exit code. */
static enum cli_exit conn_fail(struct cli *cli, struct conn *c, int rc, const char *when)
{
	char text[160];
	switch (rc) {
	case MBEDTLS_ERR_SSL_CONN_EOF:
	case 0:
		return cli_fail(cli, CLI_NO_CONNECTION, "%s closed the connection %s", c->host, when);
	case MBEDTLS_ERR_X509_CERT_VERIFY_FAILED:
		return cli_fail(cli, CLI_TLS, "the certificate of %s is not good: %s", c->host,
		                identity_reason(mbedtls_ssl_get_verify_result(&c->ssl)));
	case MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE:
		return cli_fail(cli, CLI_TLS,
		                "%s refused the TLS connection %s; it may no longer know this client's certificate"
		                " ('caisson pair' makes a new one)",
		                c->host, when);
	case MBEDTLS_ERR_SSL_INVALID_RECORD:
		return cli_fail(cli, CLI_TLS, "what %s sent %s is not TLS; is it a Caisson node?", c->host, when);
	default:
		mbedtls_strerror(rc, text, sizeof text);
		return cli_fail(cli, CLI_TLS, "TLS with %s failed %s: %s (-0x%04x)", c->host, when, text, (unsigned)-rc);
	}
}

enum cli_exit conn_wait(struct cli *cli, struct conn *c, short events, uint64_t deadline)
{
	struct pollfd p[2] = {{.fd = c->fd, .events = events}, {.fd = signals_stop_fd(), .events = POLLIN}};
	for (;;) {
		int left = clock_left_ms(deadline);
		int n = poll(p, 2, left);
		if (n > 0 && p[1].revents)
			return cli_fail(cli, CLI_INTERRUPTED, "interrupted");
		if (n > 0)
			return CLI_OK;
		if (n == 0 || left == 0)
			return cli_fail(cli, CLI_NO_CONNECTION, "%s does not answer in time", c->host);
		if (errno != EINTR)
			return cli_fail(cli, CLI_LOCAL, "poll: %s", strerror(errno));
	}
}

static bool conn_again(int rc)
{
	return rc == MBEDTLS_ERR_SSL_WANT_READ || rc == MBEDTLS_ERR_SSL_WANT_WRITE;
}

static enum cli_exit conn_handshake(struct cli *cli, struct conn *c, uint64_t deadline)
{
	int rc;
	while ((rc = mbedtls_ssl_handshake(&c->ssl)) != 0) {
		if (!conn_again(rc))
			return conn_fail(cli, c, rc, "during the handshake");
		enum cli_exit code = conn_wait(cli, c, rc == MBEDTLS_ERR_SSL_WANT_WRITE ? POLLOUT : POLLIN, deadline);
		if (code != CLI_OK)
			return code;
	}
	return CLI_OK;
}

static enum cli_exit conn_load(struct cli *cli, struct conn *c, const struct conn_config *config)
{
	if (config->ca_pem &&
	    mbedtls_x509_crt_parse(&c->ca, (const unsigned char *)config->ca_pem, strlen(config->ca_pem) + 1) != 0)
		return cli_fail(cli, CLI_LOCAL, "ca.pem of the profile is not a certificate");
	if (!config->cert_pem)
		return CLI_OK;
	if (mbedtls_x509_crt_parse(&c->cert, (const unsigned char *)config->cert_pem, strlen(config->cert_pem) + 1) != 0)
		return cli_fail(cli, CLI_LOCAL, "client.pem of the profile is not a certificate");
	if (mbedtls_pk_parse_key(&c->key, (const unsigned char *)config->key_pem, strlen(config->key_pem) + 1, NULL, 0,
	                         entropy_random, NULL) != 0)
		return cli_fail(cli, CLI_LOCAL, "client.key of the profile is not a private key");
	return CLI_OK;
}

static enum cli_exit conn_setup(struct cli *cli, struct conn *c, const struct conn_config *config)
{
	enum cli_exit code = conn_load(cli, c, config);
	if (code != CLI_OK)
		return code;
	int rc = mbedtls_ssl_config_defaults(&c->conf, MBEDTLS_SSL_IS_CLIENT, MBEDTLS_SSL_TRANSPORT_STREAM,
	                                     MBEDTLS_SSL_PRESET_DEFAULT);
	if (rc != 0)
		return conn_fail(cli, c, rc, "while setting up");
	mbedtls_ssl_conf_rng(&c->conf, entropy_random, NULL);
	mbedtls_ssl_conf_min_tls_version(&c->conf, MBEDTLS_SSL_VERSION_TLS1_2);
	/* Without a CA (pairing) conn_peer_ca checks afterwards, before anything is sent. */
	mbedtls_ssl_conf_authmode(&c->conf, config->ca_pem ? MBEDTLS_SSL_VERIFY_REQUIRED : MBEDTLS_SSL_VERIFY_NONE);
	if (config->ca_pem)
		mbedtls_ssl_conf_ca_chain(&c->conf, &c->ca, NULL);
	if (config->cert_pem)
		rc = mbedtls_ssl_conf_own_cert(&c->conf, &c->cert, &c->key);
	if (rc == 0)
		rc = mbedtls_ssl_setup(&c->ssl, &c->conf);
	/* The name is checked by identity_check, which knows two good ones; NULL says so. */
	if (rc == 0)
		rc = mbedtls_ssl_set_hostname(&c->ssl, NULL);
	if (rc != 0)
		return conn_fail(cli, c, rc, "while setting up");
	mbedtls_ssl_set_bio(&c->ssl, c, conn_bio_send, conn_bio_recv, NULL);
	return CLI_OK;
}

/* mbedTLS wants a mutable chain for verification but does not change it. */
static mbedtls_x509_crt *conn_peer_chain(struct conn *c)
{
	return (mbedtls_x509_crt *)(uintptr_t)mbedtls_ssl_get_peer_cert(&c->ssl);
}

static enum cli_exit conn_start(struct cli *cli, struct conn *c, const struct conn_config *config)
{
	uint64_t deadline = clock_ms() + (uint64_t)config->timeout_ms;
	enum cli_exit code = conn_setup(cli, c, config);
	if (code == CLI_OK)
		code = sock_connect(cli, config->host, config->port, deadline, &c->fd);
	if (code == CLI_OK)
		code = conn_handshake(cli, c, deadline);
	if (code != CLI_OK || !config->ca_pem)
		return code;
	if (!conn_peer_chain(c))
		return cli_fail(cli, CLI_TLS, "%s sent no certificate", c->host);
	return identity_check(cli, conn_peer_chain(c), &c->ca, config->host, config->node);
}

enum cli_exit conn_open(struct cli *cli, const struct conn_config *config, struct conn **out)
{
	enum cli_exit code = entropy_start(cli);
	if (code != CLI_OK)
		return code;
	struct conn *c = calloc(1, sizeof *c);
	if (!c)
		return cli_fail(cli, CLI_LOCAL, "out of memory");
	c->fd = -1;
	snprintf(c->host, sizeof c->host, "%s", config->host);
	mbedtls_ssl_init(&c->ssl);
	mbedtls_ssl_config_init(&c->conf);
	mbedtls_x509_crt_init(&c->ca);
	mbedtls_x509_crt_init(&c->cert);
	mbedtls_pk_init(&c->key);
	code = conn_start(cli, c, config);
	if (code != CLI_OK)
		conn_close(c);
	else
		*out = c;
	return code;
}

void conn_close(struct conn *c)
{
	if (!c)
		return;
	if (c->fd >= 0) {
		(void)mbedtls_ssl_close_notify(&c->ssl); /* best effort: the socket does not block */
		close(c->fd);
	}
	mbedtls_ssl_free(&c->ssl);
	mbedtls_ssl_config_free(&c->conf);
	mbedtls_x509_crt_free(&c->ca);
	mbedtls_x509_crt_free(&c->cert);
	mbedtls_pk_free(&c->key);
	free(c);
}

enum cli_exit conn_peer_ca(struct cli *cli, struct conn *c, char fingerprint[CONN_FINGERPRINT_SIZE])
{
	mbedtls_x509_crt *chain = conn_peer_chain(c);
	if (!chain)
		return cli_fail(cli, CLI_TLS, "%s sent no certificate", c->host);
	const mbedtls_x509_crt *last = chain;
	while (last->next)
		last = last->next;
	if (last == chain || !mbedtls_x509_crt_get_ca_istrue(last))
		return cli_fail(cli, CLI_TLS, "%s did not send its CA certificate; is it a Caisson node?", c->host);
	/* A copy, so that the chain under test and the trusted list do not share nodes. */
	if (mbedtls_x509_crt_parse_der(&c->ca, last->raw.p, last->raw.len) != 0 || !identity_fingerprint(&c->ca, fingerprint))
		return cli_fail(cli, CLI_TLS, "cannot read the CA certificate of %s", c->host);
	uint32_t flags = 0;
	if (mbedtls_x509_crt_verify(chain, &c->ca, NULL, NULL, &flags, NULL, NULL) != 0)
		return cli_fail(cli, CLI_TLS, "the certificate of %s is not good: %s", c->host, identity_reason(flags));
	return CLI_OK;
}

enum conn_status conn_try_read(struct cli *cli, struct conn *c, void *bytes, size_t size, size_t *got, enum cli_exit *code)
{
	int rc;
	/* TLS 1.3 session tickets come between application data (RFC 8446 4.6.1); more may be buffered behind one. */
	do
		rc = mbedtls_ssl_read(&c->ssl, bytes, size);
	while (rc == MBEDTLS_ERR_SSL_RECEIVED_NEW_SESSION_TICKET);
	if (rc > 0) {
		*got = (size_t)rc;
		return CONN_DATA;
	}
	if (conn_again(rc))
		return CONN_AGAIN;
	if (rc == MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY)
		return CONN_END;
	*code = conn_fail(cli, c, rc, "while it was in use");
	return CONN_ERROR;
}

enum conn_status conn_try_write(struct cli *cli, struct conn *c, const void *bytes, size_t size, size_t *done,
                                enum cli_exit *code)
{
	int rc = c->broken ? MBEDTLS_ERR_SSL_CONN_EOF : mbedtls_ssl_write(&c->ssl, bytes, size);
	if (rc > 0 && !c->broken) {
		*done = (size_t)rc;
		return CONN_DATA;
	}
	if (conn_again(rc))
		return CONN_AGAIN;
	*code = conn_fail(cli, c, c->broken ? MBEDTLS_ERR_SSL_CONN_EOF : rc, "while it was in use");
	return CONN_ERROR;
}

bool conn_pending(const struct conn *c)
{
	return mbedtls_ssl_get_bytes_avail(&c->ssl) > 0 || mbedtls_ssl_check_pending(&c->ssl) != 0;
}

int conn_fd(const struct conn *c)
{
	return c->fd;
}

enum cli_exit conn_read(struct cli *cli, struct conn *c, void *bytes, size_t size, uint64_t deadline, size_t *got)
{
	for (;;) {
		enum cli_exit code = CLI_OK;
		enum conn_status status = conn_try_read(cli, c, bytes, size, got, &code);
		if (status == CONN_DATA)
			return CLI_OK;
		if (status == CONN_END) {
			*got = 0;
			return CLI_OK;
		}
		if (status == CONN_AGAIN)
			code = conn_wait(cli, c, POLLIN, deadline);
		if (code != CLI_OK)
			return code;
	}
}

enum cli_exit conn_write(struct cli *cli, struct conn *c, const void *bytes, size_t size, uint64_t deadline)
{
	const unsigned char *p = bytes;
	while (size > 0) {
		size_t done = 0;
		enum cli_exit code = CLI_OK;
		enum conn_status status = conn_try_write(cli, c, p, size, &done, &code);
		if (status == CONN_AGAIN)
			code = conn_wait(cli, c, POLLOUT, deadline);
		if (code != CLI_OK)
			return code;
		p += done;
		size -= done;
	}
	return CLI_OK;
}
