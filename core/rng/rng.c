/* SPDX-License-Identifier: Apache-2.0 */
/* The machine's random generator: a ChaCha20 key that is replaced with every request (so that what was given
 * out cannot be computed back), fed from EFI_RNG, the CPU's entropy instruction and counter jitter.
 * Any CPU; a spinlock guards the key, the output itself is made outside of it. Must not know its users. */
#include "chacha.h"
#include <core/arith.h>
#include <core/boot_info.h>
#include <core/hal.h>
#include <core/log.h>
#include <core/panic.h>
#include <core/rng.h>
#include <core/spinlock.h>
#include <string.h>

#define RNG_RESEED_NS (60 * NS_PER_S)
#define RNG_RESEED_REQUESTS 65536
#define RNG_JITTER_SAMPLES 2048
#define RNG_REQUEST_MAX (1u << 20) /* bytes from one key */

static struct spinlock rng_lock;
static uint8_t rng_key[CHACHA_KEY_BYTES];
static uint64_t rng_reseed_at_ns;
static uint32_t rng_requests;
static bool rng_ready;

static const uint32_t nonce_output[3], nonce_rekey[3] = { 1 }, nonce_absorb[3] = { 2 };

/* memset of something that is dead afterwards may be dropped by the compiler; this is not. */
static void wipe(void *p, size_t n)
{
	memset(p, 0, n);
	__asm__ volatile("" : : "r"(p) : "memory");
}

/* Folds data into the key, 32 bytes at a time, each through the one-way block function. */
static void rng_absorb(const void *data, size_t len)
{
	const uint8_t *p = data;
	uint8_t block[CHACHA_BLOCK_BYTES];

	while (len) {
		size_t n = MIN(len, (size_t)CHACHA_KEY_BYTES);

		for (size_t i = 0; i < n; i++)
			rng_key[i] ^= p[i];
		chacha_block(rng_key, (uint32_t)n, nonce_absorb, block);
		memcpy(rng_key, block, sizeof rng_key);
		p += n;
		len -= n;
	}
	wipe(block, sizeof block);
}

static err_t absorb_hardware(void)
{
	uint8_t seed[32];
	err_t e = hal_entropy(seed, sizeof seed);

	if (e == OK)
		rng_absorb(seed, sizeof seed);
	wipe(seed, sizeof seed);
	return e;
}

static void absorb_counters(void)
{
	uint64_t c[2] = { hal_counter(), hal_clock_ns() };

	rng_absorb(c, sizeof c);
}

/* The counter read around a data-dependent amount of work: the low bits carry cache and bus jitter. */
static void absorb_jitter(unsigned samples)
{
	for (unsigned i = 0; i < samples; i++) {
		absorb_counters();
		for (volatile unsigned spin = rng_key[0]; spin; spin--)
			;
	}
}

void rng_init(void)
{
	bool hardware, firmware = boot_info && boot_info->entropy_ok;

	spin_lock(&rng_lock);
	if (boot_info)
		rng_absorb(boot_info->entropy, sizeof boot_info->entropy);
	hardware = absorb_hardware() == OK;
	absorb_jitter(firmware || hardware ? 64 : RNG_JITTER_SAMPLES);
	rng_reseed_at_ns = hal_clock_ns() + RNG_RESEED_NS;
	rng_ready = true;
	spin_unlock(&rng_lock);

	log_info("rng", "seeded from%s%s counter jitter", firmware ? " firmware," : "", hardware ? " CPU instruction," : "");
	if (!firmware && !hardware)
		log_warn("rng", "neither UEFI nor the CPU offers random numbers; keys made now rest on jitter alone");
}

/* Under the lock: makes the key of one request and replaces our own. */
static void rng_draw(uint8_t key[CHACHA_KEY_BYTES])
{
	uint8_t block[CHACHA_BLOCK_BYTES];
	uint64_t now = hal_clock_ns();

	if (now >= rng_reseed_at_ns || ++rng_requests >= RNG_RESEED_REQUESTS) {
		rng_reseed_at_ns = now + RNG_RESEED_NS;
		rng_requests = 0;
		(void)!absorb_hardware(); /* without an instruction the jitter below must do */
	}
	absorb_counters();
	chacha_block(rng_key, 0, nonce_rekey, block);
	memcpy(rng_key, block, CHACHA_KEY_BYTES);
	memcpy(key, block + CHACHA_KEY_BYTES, CHACHA_KEY_BYTES);
	wipe(block, sizeof block);
}

/* The key stream of one request key. */
static void rng_expand(const uint8_t key[CHACHA_KEY_BYTES], uint8_t *dst, size_t len)
{
	uint8_t block[CHACHA_BLOCK_BYTES];

	for (uint32_t counter = 0; len; counter++) {
		size_t n = MIN(len, sizeof block);

		chacha_block(key, counter, nonce_output, block);
		memcpy(dst, block, n);
		dst += n;
		len -= n;
	}
	wipe(block, sizeof block);
}

void rng_bytes(void *dst, size_t len)
{
	uint8_t key[CHACHA_KEY_BYTES], *p = dst;

	BUG_ON(!rng_ready);
	while (len) {
		size_t n = MIN(len, (size_t)RNG_REQUEST_MAX);

		spin_lock(&rng_lock);
		rng_draw(key);
		spin_unlock(&rng_lock);
		rng_expand(key, p, n);
		p += n;
		len -= n;
	}
	wipe(key, sizeof key);
}
