/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One TLS connection to a node: TCP with a time limit, mbedTLS on top, and the
 * two identity checks (pinned CA for a paired node, fingerprint while pairing).
 * The socket never blocks; waits end early when the program is told to end.
 * Knows nothing of HTTP.
 */
#ifndef CAISSON_CONN_H
#define CAISSON_CONN_H

#include "cli.h"

struct conn;

struct conn_config {
	const char *host;     /* name or address, IPv6 without brackets */
	const char *port;     /* decimal */
	const char *node;     /* the node's own name, accepted beside host; may be NULL */
	const char *ca_pem;   /* NULL only while pairing: then nothing is verified yet */
	const char *cert_pem; /* client certificate and key; NULL while pairing */
	const char *key_pem;
	int timeout_ms; /* for connecting and for the handshake */
};

enum { CONN_FINGERPRINT_SIZE = 7 + 64 + 1 }; /* "SHA256:" and hex */

MUST_CHECK enum cli_exit conn_open(struct cli *cli, const struct conn_config *config, struct conn **out);
void conn_close(struct conn *c);

/*
 * While pairing: takes the last certificate that the node sent as its CA, checks that it is a CA
 * and that the node's certificate really is issued by it and valid now, and gives its fingerprint.
 * Must be called, and the fingerprint be confirmed, before anything is sent.
 */
MUST_CHECK enum cli_exit conn_peer_ca(struct cli *cli, struct conn *c, char fingerprint[CONN_FINGERPRINT_SIZE]);

enum conn_status { CONN_DATA, CONN_AGAIN, CONN_END, CONN_ERROR };

/* Never blocks. CONN_ERROR leaves the sentence in cli and its exit code in *code. */
enum conn_status conn_try_read(struct cli *cli, struct conn *c, void *bytes, size_t size, size_t *got, enum cli_exit *code);
enum conn_status conn_try_write(struct cli *cli, struct conn *c, const void *bytes, size_t size, size_t *done,
                                enum cli_exit *code);
/* Bytes that TLS has already decrypted: poll() will not report them. */
bool conn_pending(const struct conn *c);
int conn_fd(const struct conn *c);
/* Waits for POLLIN and/or POLLOUT. */
MUST_CHECK enum cli_exit conn_wait(struct cli *cli, struct conn *c, short events, uint64_t deadline);

/* Blocking forms with a limit. *got == 0 means that the other end closed in good order. */
MUST_CHECK enum cli_exit conn_read(struct cli *cli, struct conn *c, void *bytes, size_t size, uint64_t deadline, size_t *got);
MUST_CHECK enum cli_exit conn_write(struct cli *cli, struct conn *c, const void *bytes, size_t size, uint64_t deadline);

/* sock.c: a connected non-blocking TCP socket. */
MUST_CHECK enum cli_exit sock_connect(struct cli *cli, const char *host, const char *port, uint64_t deadline, int *out);

#endif
