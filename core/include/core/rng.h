/* SPDX-License-Identifier: Apache-2.0 */
/* The machine's random source for seeds and nonces of the core, and the seed for the crypto library. Any CPU.
 * Mixes EFI_RNG, hardware instructions and interrupt/TSC jitter with a ChaCha20-based generator. */
#ifndef CORE_RNG_H
#define CORE_RNG_H
#include <core/err.h>
#include <stddef.h>

void rng_init(void);
void rng_bytes(void *dst, size_t len);

#endif
