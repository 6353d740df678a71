/* SPDX-License-Identifier: Apache-2.0 */
/* The ChaCha20 block function (RFC 8439 2.3). Private to core/rng and its test. Pure. */
#ifndef CORE_RNG_CHACHA_H
#define CORE_RNG_CHACHA_H
#include <stdint.h>

#define CHACHA_KEY_BYTES 32
#define CHACHA_BLOCK_BYTES 64

/* out may not overlap key. Nonce is three little-endian words. */
void chacha_block(const uint8_t key[CHACHA_KEY_BYTES], uint32_t counter, const uint32_t nonce[3],
		  uint8_t out[CHACHA_BLOCK_BYTES]);

#endif
