/* SPDX-License-Identifier: Apache-2.0 */
/* mbedTLS's fast path for P-256, and for public keys of X25519: the PSA driver that MBEDTLS_PSA_P256M_DRIVER_ENABLED calls, on HACL*'s
 * Hacl_P256.c (constant time for secrets, verified) and on mbedTLS's own everest. A part of libmbedtls. What is not exactly a key that it
 * knows gets PSA_ERROR_NOT_SUPPORTED, by which PSA goes on with mbedTLS's general code, and that refuses it or not.
 *
 * Keys as PSA has them (PSA Crypto API 1.1, 9.6.1 "Key formats"): a P-256 pair is the private key, 32 bytes, big-endian; a P-256 public key
 * is 04 x y, 65 bytes (SEC 1 2.3.3); an X25519 pair is the private key, 32 bytes, little-endian, its public key as well (RFC 7748 5). */
#include <Hacl_Curve25519.h>
#include <mbedtls/hmac_drbg.h>
#include <mbedtls/platform_util.h>
#include <mbedtls/psa_util.h>
#include <psa/crypto.h>
#include <string.h>
#include "../3rdparty/p256-m/p256-m_driver_entrypoints.h" /* needs those before it */

/* Of Hacl_P256.h, whose support headers have the names of everest's. It reads what it takes without const. */
bool Hacl_P256_ecdsa_sign_p256_without_hash(uint8_t *signature, uint32_t msg_len, uint8_t *msg, uint8_t *private_key, uint8_t *nonce);
bool Hacl_P256_ecdsa_verif_without_hash(uint32_t msg_len, uint8_t *msg, uint8_t *public_key, uint8_t *signature_r, uint8_t *signature_s);
bool Hacl_P256_validate_public_key(uint8_t *public_key);
bool Hacl_P256_validate_private_key(uint8_t *private_key);
bool Hacl_P256_dh_initiator(uint8_t *public_key, uint8_t *private_key);
bool Hacl_P256_dh_responder(uint8_t *shared_secret, uint8_t *their_pubkey, uint8_t *private_key);

#define BITS 256
#define NUMBER 32            /* bytes of a coordinate, a scalar, a hash as it is signed */
#define POINT (2 * NUMBER)   /* x y */
#define PUBLIC (1 + POINT)   /* 04 x y */
#define UNCOMPRESSED 0x04
#define X25519_BITS 255
#define STACK_USED 3072      /* by what multiplies a secret by the base point, and more: some 1700 bytes */
#define STACK_USED_ECDH 6144 /* by a key agreement: some 4600 */
#define NONCE_TRIES 16

enum { PAIR = PSA_KEY_TYPE_ECC_KEY_PAIR(PSA_ECC_FAMILY_SECP_R1), PUBLIC_KEY = PSA_KEY_TYPE_ECC_PUBLIC_KEY(PSA_ECC_FAMILY_SECP_R1) };

static uint8_t *unconst(const uint8_t *p)
{
	return (uint8_t *)(uintptr_t)p;
}

/* HACL* and everest leave what they computed on the stack. To be called from the same frame as they were. */
static __attribute__((noinline)) void stack_wipe(void)
{
	uint8_t below[STACK_USED];

	mbedtls_platform_zeroize(below, sizeof below);
}

static __attribute__((noinline)) void stack_wipe_ecdh(void)
{
	uint8_t below[STACK_USED_ECDH];

	mbedtls_platform_zeroize(below, sizeof below);
}

static bool public_ok(const uint8_t *key, size_t len)
{
	return len == PUBLIC && key[0] == UNCOMPRESSED && Hacl_P256_validate_public_key(unconst(key + 1));
}

static bool private_ok(const uint8_t *key, size_t len)
{
	bool ok = len == NUMBER && Hacl_P256_validate_private_key(unconst(key));

	stack_wipe();
	return ok;
}

static bool private_to_public(const uint8_t *private_key, uint8_t out[PUBLIC])
{
	bool ok = Hacl_P256_dh_initiator(out + 1, unconst(private_key));

	stack_wipe();
	out[0] = UNCOMPRESSED;
	return ok;
}

/* The number that is signed (FIPS 186-5 6.4.1, SEC 1 4.1.3): a longer hash's leftmost 256 bits; a shorter one is a smaller number. */
static void hash_to_number(const uint8_t *hash, size_t len, uint8_t out[NUMBER])
{
	size_t n = len < NUMBER ? len : NUMBER;

	memset(out, 0, NUMBER - n);
	memcpy(out + NUMBER - n, hash, n);
}

/* ---- keys */

psa_status_t p256_transparent_import_key(const psa_key_attributes_t *attributes, const uint8_t *data, size_t data_length, uint8_t *key_buffer,
					 size_t key_buffer_size, size_t *key_buffer_length, size_t *bits)
{
	psa_key_type_t type = psa_get_key_type(attributes);

	if (!(type == PAIR && data_length == NUMBER) && !(type == PUBLIC_KEY && data_length == PUBLIC))
		return PSA_ERROR_NOT_SUPPORTED;
	if (*bits && *bits != BITS)
		return PSA_ERROR_NOT_SUPPORTED;
	if (type == PAIR ? !private_ok(data, data_length) : !public_ok(data, data_length))
		return PSA_ERROR_INVALID_ARGUMENT;
	if (key_buffer_size < data_length)
		return PSA_ERROR_BUFFER_TOO_SMALL;
	memcpy(key_buffer, data, data_length);
	*key_buffer_length = data_length;
	*bits = BITS;
	return PSA_SUCCESS;
}

/* RFC 7748 6.1. mbedTLS's general code does this by a ladder that costs ten times as much. */
static psa_status_t x25519_export_public(const uint8_t *key, size_t len, uint8_t *data, size_t data_size, size_t *data_length)
{
	uint8_t base[NUMBER] = { 9 };

	if (len != NUMBER)
		return PSA_ERROR_NOT_SUPPORTED;
	if (data_size < NUMBER)
		return PSA_ERROR_BUFFER_TOO_SMALL;
	Hacl_Curve25519_crypto_scalarmult(data, unconst(key), base);
	stack_wipe();
	*data_length = NUMBER;
	return PSA_SUCCESS;
}

/* Called for keys of every type. */
psa_status_t p256_transparent_export_public_key(const psa_key_attributes_t *attributes, const uint8_t *key_buffer, size_t key_buffer_size,
						uint8_t *data, size_t data_size, size_t *data_length)
{
	psa_key_type_t type = psa_get_key_type(attributes);
	size_t bits = psa_get_key_bits(attributes);

	if (type == PSA_KEY_TYPE_ECC_KEY_PAIR(PSA_ECC_FAMILY_MONTGOMERY) && bits == X25519_BITS)
		return x25519_export_public(key_buffer, key_buffer_size, data, data_size, data_length);
	if (type != PAIR || bits != BITS || key_buffer_size != NUMBER)
		return PSA_ERROR_NOT_SUPPORTED;
	if (data_size < PUBLIC)
		return PSA_ERROR_BUFFER_TOO_SMALL;
	if (!private_to_public(key_buffer, data))
		return PSA_ERROR_INVALID_ARGUMENT;
	*data_length = PUBLIC;
	return PSA_SUCCESS;
}

/* Drawing a number is no work that mbedTLS does slowly. */
psa_status_t p256_transparent_generate_key(const psa_key_attributes_t *attributes, uint8_t *key_buffer, size_t key_buffer_size,
					   size_t *key_buffer_length)
{
	(void)attributes, (void)key_buffer, (void)key_buffer_size, (void)key_buffer_length;
	return PSA_ERROR_NOT_SUPPORTED;
}

/* ECDH (SP 800-56A 5.7.1.2): the x of what both have. The peer's point is checked. */
psa_status_t p256_transparent_key_agreement(const psa_key_attributes_t *attributes, const uint8_t *key_buffer, size_t key_buffer_size,
					    psa_algorithm_t alg, const uint8_t *peer_key, size_t peer_key_length, uint8_t *shared_secret,
					    size_t shared_secret_size, size_t *shared_secret_length)
{
	uint8_t point[POINT];
	bool ok;

	(void)alg;
	if (psa_get_key_type(attributes) != PAIR || key_buffer_size != NUMBER)
		return PSA_ERROR_NOT_SUPPORTED;
	if (peer_key_length != PUBLIC || peer_key[0] != UNCOMPRESSED)
		return PSA_ERROR_INVALID_ARGUMENT;
	if (shared_secret_size < NUMBER)
		return PSA_ERROR_BUFFER_TOO_SMALL;
	ok = Hacl_P256_dh_responder(point, unconst(peer_key + 1), unconst(key_buffer));
	stack_wipe_ecdh();
	if (ok) {
		memcpy(shared_secret, point, NUMBER);
		*shared_secret_length = NUMBER;
	}
	mbedtls_platform_zeroize(point, sizeof point);
	return ok ? PSA_SUCCESS : PSA_ERROR_INVALID_ARGUMENT;
}

/* ---- signatures (FIPS 186-5 6.4): r s */

/* Deterministic (RFC 6979 3.2), so that a machine with poor randomness gives no key away: HMAC_DRBG seeded with the private key and the hash
 * is that algorithm. bits2octets takes the order off once, which only a hash beyond it needs; HACL* does that by itself when it signs. */
static psa_status_t sign_with_nonces(mbedtls_hmac_drbg_context *drbg, const uint8_t *private_key, const uint8_t number[NUMBER], uint8_t signature[POINT])
{
	uint8_t nonce[NUMBER];
	bool ok = false;

	/* A nonce that is 0, or not below the order, or leads to r or s of 0, is refused and the next one taken: a chance of 2^-32 each time. */
	for (unsigned i = 0; i < NONCE_TRIES && !ok; i++) {
		if (mbedtls_hmac_drbg_random(drbg, nonce, sizeof nonce))
			break;
		ok = Hacl_P256_ecdsa_sign_p256_without_hash(signature, NUMBER, unconst(number), unconst(private_key), nonce);
		stack_wipe();
	}
	mbedtls_platform_zeroize(nonce, sizeof nonce);
	if (!ok)
		mbedtls_platform_zeroize(signature, POINT);
	return ok ? PSA_SUCCESS : PSA_ERROR_GENERIC_ERROR;
}

/* bits2octets of RFC 6979 2.3.4: number mod n, n the order of the group. The hash is public. */
static void number_below_order(const uint8_t number[NUMBER], uint8_t out[NUMBER])
{
	static const uint8_t order[NUMBER] = {
		0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
		0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
	};
	bool beyond = memcmp(number, order, NUMBER) >= 0;
	int borrow = 0;

	for (unsigned i = NUMBER; i-- > 0;) {
		int d = number[i] - (beyond ? order[i] : 0) - borrow;

		out[i] = (uint8_t)d;
		borrow = d < 0;
	}
}

psa_status_t p256_transparent_sign_hash(const psa_key_attributes_t *attributes, const uint8_t *key_buffer, size_t key_buffer_size,
					psa_algorithm_t alg, const uint8_t *hash, size_t hash_length, uint8_t *signature, size_t signature_size,
					size_t *signature_length)
{
	const mbedtls_md_info_t *md = mbedtls_md_info_from_type(mbedtls_md_type_from_psa_alg(PSA_ALG_SIGN_GET_HASH(alg)));
	mbedtls_hmac_drbg_context drbg;
	uint8_t number[NUMBER], seed[2 * NUMBER];
	psa_status_t st;

	if (psa_get_key_type(attributes) != PAIR || key_buffer_size != NUMBER)
		return PSA_ERROR_NOT_SUPPORTED;
	if (signature_size < POINT)
		return PSA_ERROR_BUFFER_TOO_SMALL;
	if (!md) /* the key is for any hash */
		md = mbedtls_md_info_from_type(MBEDTLS_MD_SHA256);
	hash_to_number(hash, hash_length, number);
	memcpy(seed, key_buffer, NUMBER);
	number_below_order(number, seed + NUMBER);
	mbedtls_hmac_drbg_init(&drbg);
	st = mbedtls_hmac_drbg_seed_buf(&drbg, md, seed, sizeof seed) ? PSA_ERROR_INSUFFICIENT_MEMORY : PSA_SUCCESS;
	mbedtls_platform_zeroize(seed, sizeof seed);
	if (st == PSA_SUCCESS)
		st = sign_with_nonces(&drbg, key_buffer, number, signature);
	mbedtls_hmac_drbg_free(&drbg);
	if (st == PSA_SUCCESS)
		*signature_length = POINT;
	return st;
}

/* HACL* checks that r and s are in 1..n-1 and that the point is one of the curve. */
psa_status_t p256_transparent_verify_hash(const psa_key_attributes_t *attributes, const uint8_t *key_buffer, size_t key_buffer_size,
					  psa_algorithm_t alg, const uint8_t *hash, size_t hash_length, const uint8_t *signature,
					  size_t signature_length)
{
	uint8_t number[NUMBER], own[PUBLIC];
	const uint8_t *key = key_buffer;

	(void)alg;
	if (psa_get_key_type(attributes) == PAIR) {
		if (key_buffer_size != NUMBER || !private_to_public(key_buffer, own))
			return PSA_ERROR_INVALID_ARGUMENT;
		key = own;
	} else if (key_buffer_size != PUBLIC || key_buffer[0] != UNCOMPRESSED) {
		return PSA_ERROR_INVALID_ARGUMENT;
	}
	if (signature_length != POINT)
		return PSA_ERROR_INVALID_SIGNATURE;
	hash_to_number(hash, hash_length, number);
	if (!Hacl_P256_ecdsa_verif_without_hash(NUMBER, number, unconst(key + 1), unconst(signature), unconst(signature + NUMBER)))
		return PSA_ERROR_INVALID_SIGNATURE;
	return PSA_SUCCESS;
}
