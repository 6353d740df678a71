/* SPDX-License-Identifier: Apache-2.0 */
/* Digests: SHA-256 for uploads and fingerprints, SHA-1 for the WebSocket handshake. CPU 0; never block. */
#include <mbedtls/sha1.h>
#include <mbedtls/sha256.h>
#include <net/tls.h>
#include <stdlib.h>
#include <string.h>

struct tls_sha256 { mbedtls_sha256_context ctx; };

struct tls_sha256 *tls_sha256_new(void)
{
	struct tls_sha256 *h = malloc(sizeof *h);

	if (!h)
		return NULL;
	mbedtls_sha256_init(&h->ctx);
	mbedtls_sha256_starts(&h->ctx, 0);
	return h;
}

void tls_sha256_update(struct tls_sha256 *h, const void *p, size_t n)
{
	mbedtls_sha256_update(&h->ctx, p, n);
}

void tls_sha256_finish(struct tls_sha256 *h, uint8_t out[32])
{
	mbedtls_sha256_finish(&h->ctx, out);
	mbedtls_sha256_free(&h->ctx);
	free(h);
}

void tls_sha1(const void *p, size_t n, uint8_t out[20])
{
	/* Fails only where hardware does the work; ours is software. */
	if (mbedtls_sha1(p, n, out))
		memset(out, 0, 20);
}
