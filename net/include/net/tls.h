/* SPDX-License-Identifier: Apache-2.0 */
/* TLS 1.3 and 1.2 (ECDHE + AEAD) as a stream over a stream, and the node's identity: a P-256 CA that signs the server's certificate and
 * those of paired clients. CPU 0, tasks. */
#ifndef NET_TLS_H
#define NET_TLS_H
#include <core/err.h>
#include <net/stream.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TLS_FINGERPRINT_LEN 72 /* "SHA256:" + 64 hex + NUL */

/* Where identity lives: UEFI variables now, the store later, memory in tests. */
struct tls_store {
	err_t (*get)(const char *key, void *dst, size_t *len); /* as efivar_get */
	err_t (*set)(const char *key, const void *src, size_t len);
};
struct tls_identity;
/* Loads CA key+certificate and server key+certificate, or makes and stores them. Pairs of preset (PEM, from the operator) win when both of
 * a pair are there; a given server certificate must be signed by the CA, and keeps its names and its end: E_CORRUPT when one is not usable.
 * names: DNS names and IP addresses for the server certificate's SAN; the server certificate is made anew when they change or it is near its end.
 * When the store fails, identity works until reset; *persistent tells. E_CORRUPT, E_NOMEM. */
struct tls_preset { const char *ca_cert_pem, *ca_key_pem, *server_cert_pem, *server_key_pem; };
err_t tls_identity_open(const struct tls_store *store, const struct tls_preset *preset, const char *node_name,
			const char *const *names, unsigned nnames, struct tls_identity **out, bool *persistent) MUST_CHECK;
/* NULL is fine. No connection may be left. */
void tls_identity_close(struct tls_identity *id);
err_t tls_identity_set_names(struct tls_identity *id, const char *const *names, unsigned nnames) MUST_CHECK; /* addresses changed, or time has passed */
const char *tls_identity_fingerprint(const struct tls_identity *id); /* of the CA certificate */
const char *tls_identity_ca_pem(const struct tls_identity *id);
/* Can this be a client's name? Letters, digits and " ._@-", 1..63 bytes, a letter or digit at both ends: what needs no escaping in a subject. */
bool tls_client_name_ok(const char *name);
/* Signs a client CSR (P-256 or better; the CSR's own signature is checked; only the public key is taken, subject is client_name).
 * cert_pem gets at most cap bytes. E_CORRUPT with why, E_RANGE. */
err_t tls_identity_sign_client(struct tls_identity *id, const char *csr_pem, const char *client_name, char *cert_pem, size_t cap, char serial_hex[41], char why[96]) MUST_CHECK;

struct tls_peer { bool has_cert; char name[64]; char serial[41]; };
/* Server side: handshake on a raw stream, in the caller's task, until deadline. Takes raw (closed on error too). Client certificates are optional at this level, but one
 * that is presented must chain to our CA and be valid now, else the handshake fails. E_TIMEOUT, E_CORRUPT (alert sent), E_PERM (bad certificate), E_CLOSED. */
err_t tls_accept(struct tls_identity *id, struct stream *raw, uint64_t deadline_ns, struct stream **out, struct tls_peer *peer) MUST_CHECK;

struct tls_stats { uint64_t handshakes, failed, bad_certificates, active; };
void tls_stats(struct tls_stats *out);

/* SHA-256, incremental, for digests of uploads. Wraps the crypto library. */
struct tls_sha256;
struct tls_sha256 *tls_sha256_new(void);
void tls_sha256_update(struct tls_sha256 *h, const void *p, size_t n);
void tls_sha256_finish(struct tls_sha256 *h, uint8_t out[32]); /* frees h */
void tls_sha1(const void *p, size_t n, uint8_t out[20]); /* WebSocket accept key only */

#endif
