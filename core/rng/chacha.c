/* SPDX-License-Identifier: Apache-2.0 */
/* The ChaCha20 block function (RFC 8439 2.3). Pure, constant time, any context.
 * Must not know what the key stream is used for. */
#include "chacha.h"
#include <core/arith.h>

static inline uint32_t rotl(uint32_t v, unsigned n)
{
	return v << n | v >> (32 - n);
}

static inline void quarter_round(uint32_t s[16], unsigned a, unsigned b, unsigned c, unsigned d)
{
	s[a] += s[b]; s[d] = rotl(s[d] ^ s[a], 16);
	s[c] += s[d]; s[b] = rotl(s[b] ^ s[c], 12);
	s[a] += s[b]; s[d] = rotl(s[d] ^ s[a], 8);
	s[c] += s[d]; s[b] = rotl(s[b] ^ s[c], 7);
}

static void double_round(uint32_t s[16])
{
	quarter_round(s, 0, 4, 8, 12);
	quarter_round(s, 1, 5, 9, 13);
	quarter_round(s, 2, 6, 10, 14);
	quarter_round(s, 3, 7, 11, 15);
	quarter_round(s, 0, 5, 10, 15);
	quarter_round(s, 1, 6, 11, 12);
	quarter_round(s, 2, 7, 8, 13);
	quarter_round(s, 3, 4, 9, 14);
}

void chacha_block(const uint8_t key[CHACHA_KEY_BYTES], uint32_t counter, const uint32_t nonce[3],
		  uint8_t out[CHACHA_BLOCK_BYTES])
{
	uint32_t in[16] = { 0x61707865, 0x3320646e, 0x79622d32, 0x6b206574 }, s[16];

	for (unsigned i = 0; i < 8; i++)
		in[4 + i] = get_le32(key + 4 * i);
	in[12] = counter;
	for (unsigned i = 0; i < 3; i++)
		in[13 + i] = nonce[i];
	__builtin_memcpy(s, in, sizeof s);
	for (unsigned i = 0; i < 10; i++)
		double_round(s);
	for (unsigned i = 0; i < 16; i++)
		put_le32(out + 4 * i, s[i] + in[i]);
}
