/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who is who: fingerprints, certificate checks with reasons in plain words, and
 * this machine's own key and signing request. Pure X.509 work in memory; no
 * sockets, no files.
 */
#ifndef CAISSON_IDENTITY_H
#define CAISSON_IDENTITY_H

#include "cli.h"
#include "conn.h"

#include <mbedtls/x509_crt.h>

/* "SHA256:<hex>" of a certificate's DER. */
bool identity_fingerprint(const mbedtls_x509_crt *cert, char out[CONN_FINGERPRINT_SIZE]);
/* Brings what a person typed (any case, colons, with or without SHA256:) to that form. */
bool identity_parse_fingerprint(const char *text, char out[CONN_FINGERPRINT_SIZE]);
/* First reason of a verification result, in plain words. */
const char *identity_reason(uint32_t flags);
/*
 * chain must be issued by ca, be valid now and be for host or, when node is not NULL, for that
 * node name: the CA belongs to one node alone, so either names it (a forwarded port changes only
 * the address).
 */
MUST_CHECK enum cli_exit identity_check(struct cli *cli, mbedtls_x509_crt *chain, mbedtls_x509_crt *ca, const char *host,
                                        const char *node);

/* A new P-256 key and a CSR for CN=name, both PEM, malloced for the caller. */
MUST_CHECK enum cli_exit identity_make_key(struct cli *cli, const char *name, char **key_pem, char **csr_pem);
/* What pairing returned: cert is for this key and issued by ca, and ca has the confirmed fingerprint. */
MUST_CHECK enum cli_exit identity_check_issued(struct cli *cli, const char *cert_pem, const char *ca_pem, const char *key_pem,
                                               const char *fingerprint);
/* Fingerprint of a CA certificate in PEM. */
bool identity_pem_fingerprint(const char *ca_pem, char out[CONN_FINGERPRINT_SIZE]);

/* entropy.c: mbedTLS's f_rng over getrandom(2). */
int entropy_random(void *context, unsigned char *out, size_t length);
/* PSA must be up before any key or TLS 1.3 work. */
MUST_CHECK enum cli_exit entropy_start(struct cli *cli);

#endif
