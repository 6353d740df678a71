/* SPDX-License-Identifier: Apache-2.0 */
/* Randomness for the crypto library: its generator is seeded from the machine's. CPU 0. */
#include "tls_impl.h"
#include <core/log.h>
#include <core/rng.h>
#include <psa/crypto.h>

/* mbedTLS's entropy source (MBEDTLS_ENTROPY_HARDWARE_ALT). */
int mbedtls_hardware_poll(void *ctx, unsigned char *dst, size_t n, size_t *got);

int mbedtls_hardware_poll(void *ctx, unsigned char *dst, size_t n, size_t *got)
{
	(void)ctx;
	rng_bytes(dst, n);
	*got = n;
	return 0;
}

err_t tls_crypto_init(void)
{
	static bool done;
	psa_status_t st;

	if (done)
		return OK;
	st = psa_crypto_init();
	if (st != PSA_SUCCESS) {
		log_error("tls", "the crypto library does not start: %d", (int)st);
		return E_IO;
	}
	done = true;
	return OK;
}

int tls_rng(void *ctx, unsigned char *dst, size_t n)
{
	(void)ctx;
	return psa_generate_random(dst, n) == PSA_SUCCESS ? 0 : MBEDTLS_ERR_SSL_NO_RNG;
}
