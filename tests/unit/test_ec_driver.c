/* SPDX-License-Identifier: Apache-2.0 */
/* P-256 behind PSA (deps/mbedtls/ec_driver.c): known answers, keys and signatures that must be refused, and mbedTLS's general code, which
 * is still linked, as a second opinion. */
#include "../fake/fake.h"
#include "tap.h"
#include "tls_client.h"
#include <mbedtls/ecdsa.h>
#include <psa/crypto.h>

#define NUMBER 32
#define POINT 64
#define PUBLIC 65
#define FAMILY PSA_ECC_FAMILY_SECP_R1
#define ANY_ECDSA PSA_ALG_ECDSA_ANY
#define ROUNDS 24

/* The order of the group and the field's prime (SEC 2 2.4.2). */
#define N_HEX "FFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551"
#define N_LESS_1_HEX "FFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632550"
#define P_HEX "FFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF"
#define ZERO_HEX "0000000000000000000000000000000000000000000000000000000000000000"

/* RFC 6979 A.2.5 */
#define X_HEX "C9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721"
#define U_HEX "60FED4BA255A9D31C961EB74C6356D68C049B8923B61FA6CE669622E60F29FB67903FE1008B8BC99A41AE9E95628BC64F2F1B20C2D7E9F5177A3C294D4462299"
static const struct { psa_algorithm_t hash; const char *message, *signature; } rfc6979[] = {
	{ PSA_ALG_SHA_1, "sample", "61340C88C3AAEBEB4F6D667F672CA9759A6CCAA9FA8811313039EE4A35471D326D7F147DAC089441BB2E2FE8F7A3FA264B9C475098FDCF6E00D7C996E1B8B7EB" },
	{ PSA_ALG_SHA_224, "sample", "53B2FFF5D1752B2C689DF257C04C40A587FABABB3F6FC2702F1343AF7CA9AA3FB9AFB64FDC03DC1A131C7D2386D11E349F070AA432A4ACC918BEA988BF75C74C" },
	{ PSA_ALG_SHA_256, "sample", "EFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716F7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8" },
	{ PSA_ALG_SHA_384, "sample", "0EAFEA039B20E9B42309FB1D89E213057CBF973DC0CFC8F129EDDDC800EF77194861F0491E6998B9455193E34E7B0D284DDD7149A74B95B9261F13ABDE940954" },
	{ PSA_ALG_SHA_512, "sample", "8496A60B5E9B47C825488827E0495B0E3FA109EC4568FD3F8D1097678EB97F002362AB1ADBE2B8ADF9CB9EDAB740EA6049C028114F2460F96554F61FAE3302FE" },
	{ PSA_ALG_SHA_1, "test", "0CBCC86FD6ABD1D99E703E1EC50069EE5C0B4BA4B9AC60E409E8EC5910D81A8901B9D7B73DFAA60D5651EC4591A0136F87653E0FD780C3B1BC872FFDEAE479B1" },
	{ PSA_ALG_SHA_224, "test", "C37EDB6F0AE79D47C3C27E962FA269BB4F441770357E114EE511F662EC34A692C820053A05791E521FCAAD6042D40AEA1D6B1A540138558F47D0719800E18F2D" },
	{ PSA_ALG_SHA_256, "test", "F1ABB023518351CD71D881567B1EA663ED3EFCF6C5132B354F28D3B0B7D38367019F4113742A2B14BD25926B49C649155F267E60D3814B4C0CC84250E46F0083" },
	{ PSA_ALG_SHA_384, "test", "83910E8B48BB0C74244EBDF7F07A1C5413D61472BD941EF3920E623FBCCEBEB68DDBEC54CF8CD5874883841D712142A56A8D0F218F5003CB0296B6B509619F2C" },
	{ PSA_ALG_SHA_512, "test", "461D93F31B6540894788FD206C07CFA0CC35F46FA3C91816FFF1040AD1581A0439AF9F15DE0DB8D97E72719C74820D304CE5226E32DEDAE67519E840D1194E55" },
};

static void from_hex(const char *text, uint8_t *out)
{
	for (; *text; text += 2) {
		unsigned byte = 0;

		sscanf(text, "%2x", &byte);
		*out++ = (uint8_t)byte;
	}
}

static void public_of(const char *xy, uint8_t out[PUBLIC])
{
	out[0] = 4;
	from_hex(xy, out + 1);
}

static psa_status_t import(psa_key_type_t type, size_t bits, psa_algorithm_t alg, const uint8_t *data, size_t len, psa_key_id_t *key)
{
	psa_key_attributes_t a = PSA_KEY_ATTRIBUTES_INIT;

	psa_set_key_type(&a, type);
	psa_set_key_bits(&a, bits);
	psa_set_key_algorithm(&a, alg);
	psa_set_key_usage_flags(&a, PSA_KEY_USAGE_SIGN_HASH | PSA_KEY_USAGE_VERIFY_HASH | PSA_KEY_USAGE_DERIVE);
	return psa_import_key(&a, data, len, key);
}

static psa_status_t import_public(const uint8_t *data, size_t len, psa_key_id_t *key)
{
	return import(PSA_KEY_TYPE_ECC_PUBLIC_KEY(FAMILY), 0, ANY_ECDSA, data, len, key);
}

static psa_key_id_t pair_of(const char *hex, psa_algorithm_t alg)
{
	uint8_t x[NUMBER];
	psa_key_id_t key = 0;

	from_hex(hex, x);
	ok(import(PSA_KEY_TYPE_ECC_KEY_PAIR(FAMILY), 256, alg, x, sizeof x, &key) == PSA_SUCCESS, "a private key is taken");
	return key;
}

/* ---- known answers */

static void test_rfc6979(void)
{
	uint8_t hash[64], want[POINT], got[POINT], want_public[PUBLIC], got_public[PUBLIC];
	size_t hash_len, len;
	psa_key_id_t key;

	public_of(U_HEX, want_public);
	for (size_t i = 0; i < sizeof rfc6979 / sizeof *rfc6979; i++) {
		key = pair_of(X_HEX, PSA_ALG_ECDSA(rfc6979[i].hash));
		from_hex(rfc6979[i].signature, want);
		psa_hash_compute(rfc6979[i].hash, (const uint8_t *)rfc6979[i].message, strlen(rfc6979[i].message), hash, sizeof hash, &hash_len);
		ok(psa_sign_hash(key, PSA_ALG_ECDSA(rfc6979[i].hash), hash, hash_len, got, sizeof got, &len) == PSA_SUCCESS && len == POINT &&
			   !memcmp(got, want, POINT), "RFC 6979: \"%s\" by %zu bytes of hash", rfc6979[i].message, hash_len);
		ok(psa_verify_hash(key, PSA_ALG_ECDSA(rfc6979[i].hash), hash, hash_len, want, POINT) == PSA_SUCCESS, "and verified by the pair");
		ok(psa_sign_hash(key, PSA_ALG_ECDSA(rfc6979[i].hash), hash, hash_len, got, POINT - 1, &len) == PSA_ERROR_BUFFER_TOO_SMALL, "not into 63 bytes");
		ok(psa_export_public_key(key, got_public, sizeof got_public, &len) == PSA_SUCCESS && len == PUBLIC && !memcmp(got_public, want_public, PUBLIC),
		   "the public key");
		psa_destroy_key(key);
		ok(import_public(want_public, PUBLIC, &key) == PSA_SUCCESS, "it can be imported");
		ok(psa_verify_hash(key, ANY_ECDSA, hash, hash_len, want, POINT) == PSA_SUCCESS, "and verifies");
		psa_destroy_key(key);
	}
}

/* RFC 5903 8.1 */
static void test_ecdh(void)
{
	static const char secret_hex[] = "D6840F6B42F6EDAFD13116E0E12565202FEF8E9ECE7DCE03812464D04B9442DE";
	psa_key_id_t key = pair_of("C88F01F510D9AC3F70A292DAA2316DE544E9AAB8AFE84049C62A9C57862D1433", PSA_ALG_ECDH);
	uint8_t peer[PUBLIC + 1], want[NUMBER], got[NUMBER];
	size_t len;

	public_of("D12DFB5289C8D4F81208B70270398C342296970A0BCCB74C736FC7554494BF6356FBF3CA366CC23E8157854C13C58D6AAC23F046ADA30F8353E74F33039872AB", peer);
	from_hex(secret_hex, want);
	ok(psa_raw_key_agreement(PSA_ALG_ECDH, key, peer, PUBLIC, got, sizeof got, &len) == PSA_SUCCESS && len == NUMBER && !memcmp(got, want, NUMBER),
	   "RFC 5903: the shared secret");
	ok(psa_raw_key_agreement(PSA_ALG_ECDH, key, peer, PUBLIC, got, NUMBER - 1, &len) == PSA_ERROR_BUFFER_TOO_SMALL, "not into 31 bytes");
	ok(psa_raw_key_agreement(PSA_ALG_ECDH, key, peer, PUBLIC - 1, got, sizeof got, &len) == PSA_ERROR_INVALID_ARGUMENT, "a point that is cut");
	ok(psa_raw_key_agreement(PSA_ALG_ECDH, key, peer, PUBLIC + 1, got, sizeof got, &len) == PSA_ERROR_INVALID_ARGUMENT, "a point and a byte");
	ok(psa_raw_key_agreement(PSA_ALG_ECDH, key, peer, 0, got, sizeof got, &len) == PSA_ERROR_INVALID_ARGUMENT, "nothing");
	peer[0] = 6;
	ok(psa_raw_key_agreement(PSA_ALG_ECDH, key, peer, PUBLIC, got, sizeof got, &len) == PSA_ERROR_INVALID_ARGUMENT, "a hybrid point");
	peer[0] = 4;
	peer[PUBLIC - 1] ^= 1;
	ok(psa_raw_key_agreement(PSA_ALG_ECDH, key, peer, PUBLIC, got, sizeof got, &len) == PSA_ERROR_INVALID_ARGUMENT, "a point off the curve");
	memset(peer + 1, 0, POINT);
	ok(psa_raw_key_agreement(PSA_ALG_ECDH, key, peer, PUBLIC, got, sizeof got, &len) == PSA_ERROR_INVALID_ARGUMENT, "0, 0");
	psa_destroy_key(key);
}

/* RFC 7748 6.1 */
static void test_x25519(void)
{
	uint8_t a[NUMBER], want[NUMBER], got[NUMBER];
	psa_key_id_t key;
	size_t len;

	from_hex("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a", a);
	from_hex("8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a", want);
	ok(import(PSA_KEY_TYPE_ECC_KEY_PAIR(PSA_ECC_FAMILY_MONTGOMERY), 255, PSA_ALG_ECDH, a, sizeof a, &key) == PSA_SUCCESS, "an X25519 key is taken");
	ok(psa_export_public_key(key, got, sizeof got, &len) == PSA_SUCCESS && len == NUMBER && !memcmp(got, want, NUMBER), "RFC 7748: its public key");
	ok(psa_export_public_key(key, got, NUMBER - 1, &len) == PSA_ERROR_BUFFER_TOO_SMALL, "not into 31 bytes");
	from_hex("de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f", a);
	from_hex("4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742", want);
	ok(psa_raw_key_agreement(PSA_ALG_ECDH, key, a, NUMBER, got, sizeof got, &len) == PSA_SUCCESS && len == NUMBER && !memcmp(got, want, NUMBER),
	   "and the shared secret");
	psa_destroy_key(key);
}

/* ---- what must be refused */

static void test_private_keys(void)
{
	static const struct { const char *hex, *name; psa_status_t want; } rows[] = {
		{ ZERO_HEX, "0", PSA_ERROR_INVALID_ARGUMENT },
		{ N_HEX, "the order", PSA_ERROR_INVALID_ARGUMENT },
		{ P_HEX, "more than it", PSA_ERROR_INVALID_ARGUMENT },
		{ N_LESS_1_HEX, "the order less 1", PSA_SUCCESS },
	};
	uint8_t x[NUMBER + 1] = { 0 };
	psa_key_id_t key;

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		from_hex(rows[i].hex, x);
		ok(import(PSA_KEY_TYPE_ECC_KEY_PAIR(FAMILY), 256, ANY_ECDSA, x, NUMBER, &key) == rows[i].want, "a private key of %s", rows[i].name);
		ok(import(PSA_KEY_TYPE_ECC_KEY_PAIR(FAMILY), 0, ANY_ECDSA, x, NUMBER, &key) == rows[i].want, "the same, its size not told");
		psa_destroy_key(key);
	}
	from_hex(X_HEX, x);
	ok(import(PSA_KEY_TYPE_ECC_KEY_PAIR(FAMILY), 256, ANY_ECDSA, x, NUMBER - 1, &key) != PSA_SUCCESS, "31 bytes");
	ok(import(PSA_KEY_TYPE_ECC_KEY_PAIR(FAMILY), 256, ANY_ECDSA, x, NUMBER + 1, &key) != PSA_SUCCESS, "33 bytes");
	ok(import(PSA_KEY_TYPE_ECC_KEY_PAIR(FAMILY), 384, ANY_ECDSA, x, NUMBER, &key) != PSA_SUCCESS, "32 bytes that are said to be of P-384");
}

static void test_public_keys(void)
{
	uint8_t p[PUBLIC + 1] = { 0 }, good[PUBLIC];
	psa_key_id_t key;

	public_of(U_HEX, good);
	for (int header = 0; header < 8; header++) {
		memcpy(p, good, PUBLIC);
		p[0] = (uint8_t)header;
		ok((import_public(p, PUBLIC, &key) == PSA_SUCCESS) == (header == 4), "a public key that begins with %d", header);
	}
	memcpy(p, good, PUBLIC);
	ok(import_public(p, PUBLIC - 1, &key) != PSA_SUCCESS && import_public(p, PUBLIC + 1, &key) != PSA_SUCCESS && import_public(p, 1, &key) != PSA_SUCCESS,
	   "one of another length");
	p[PUBLIC - 1] ^= 1;
	ok(import_public(p, PUBLIC, &key) == PSA_ERROR_INVALID_ARGUMENT, "a point off the curve");
	memset(p + 1, 0, POINT);
	ok(import_public(p, PUBLIC, &key) == PSA_ERROR_INVALID_ARGUMENT, "0, 0");
	memset(p + 1, 0xff, POINT);
	ok(import_public(p, PUBLIC, &key) == PSA_ERROR_INVALID_ARGUMENT, "numbers beyond the prime");
	/* With x = 0 there is a point; as x = p it is the same modulo p, and not canonical. */
	from_hex(ZERO_HEX "66485C780E2F83D72433BD5D84A06BB6541C2AF31DAE871728BF856A174F93F4", p + 1);
	ok(import_public(p, PUBLIC, &key) == PSA_SUCCESS, "the point with x = 0");
	psa_destroy_key(key);
	from_hex(P_HEX, p + 1);
	ok(import_public(p, PUBLIC, &key) == PSA_ERROR_INVALID_ARGUMENT, "the same with x = p");
	p[0] = 2;
	ok(import_public(p, 1 + NUMBER, &key) != PSA_SUCCESS, "a compressed point");
}

static void test_signatures(void)
{
	uint8_t hash[32], good[POINT], s[POINT + 1], p[PUBLIC];
	psa_key_id_t key;
	unsigned wrong = 0;
	size_t len;

	public_of(U_HEX, p);
	from_hex(rfc6979[2].signature, good);
	psa_hash_compute(PSA_ALG_SHA_256, (const uint8_t *)"sample", 6, hash, sizeof hash, &len);
	ok(import_public(p, PUBLIC, &key) == PSA_SUCCESS, "the key of RFC 6979");
	for (unsigned bit = 0; bit < POINT * 8; bit += 3) {
		memcpy(s, good, POINT);
		s[bit / 8] ^= (uint8_t)(1 << bit % 8);
		wrong += psa_verify_hash(key, ANY_ECDSA, hash, sizeof hash, s, POINT) != PSA_ERROR_INVALID_SIGNATURE;
	}
	ok_eq(wrong, 0, "no bit of a signature can change");
	for (unsigned bit = 0; bit < 256; bit += 3) {
		hash[bit / 8] ^= (uint8_t)(1 << bit % 8);
		wrong += psa_verify_hash(key, ANY_ECDSA, hash, sizeof hash, good, POINT) != PSA_ERROR_INVALID_SIGNATURE;
		hash[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	ok_eq(wrong, 0, "nor one of the hash");
	static const char *const bad[] = { ZERO_HEX, N_HEX, P_HEX, "FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF" };
	for (size_t i = 0; i < 4; i++) {
		memcpy(s, good, POINT);
		from_hex(bad[i], s);
		ok(psa_verify_hash(key, ANY_ECDSA, hash, sizeof hash, s, POINT) == PSA_ERROR_INVALID_SIGNATURE, "r = %s", bad[i]);
		memcpy(s, good, POINT);
		from_hex(bad[i], s + NUMBER);
		ok(psa_verify_hash(key, ANY_ECDSA, hash, sizeof hash, s, POINT) == PSA_ERROR_INVALID_SIGNATURE, "s = %s", bad[i]);
		from_hex(bad[i], s);
		ok(psa_verify_hash(key, ANY_ECDSA, hash, sizeof hash, s, POINT) == PSA_ERROR_INVALID_SIGNATURE, "both");
	}
	memcpy(s, good, POINT);
	s[POINT] = 0;
	ok(psa_verify_hash(key, ANY_ECDSA, hash, sizeof hash, s, POINT - 1) == PSA_ERROR_INVALID_SIGNATURE, "a signature of 63 bytes");
	ok(psa_verify_hash(key, ANY_ECDSA, hash, sizeof hash, s, POINT + 1) == PSA_ERROR_INVALID_SIGNATURE, "of 65");
	ok(psa_verify_hash(key, ANY_ECDSA, hash, sizeof hash, s, 0) == PSA_ERROR_INVALID_SIGNATURE, "of none");
	ok(psa_verify_hash(key, ANY_ECDSA, hash, sizeof hash, good, POINT) == PSA_SUCCESS, "the good one still verifies");
	psa_destroy_key(key);
}

/* ---- mbedTLS's general code as a second opinion */

/* Its verdict on a signature r s. */
static bool general_verifies(const uint8_t p[PUBLIC], const uint8_t *hash, size_t len, const uint8_t sig[POINT])
{
	mbedtls_ecp_group grp;
	mbedtls_ecp_point q;
	mbedtls_mpi r, s;
	int ret;

	mbedtls_ecp_group_init(&grp);
	mbedtls_ecp_point_init(&q);
	mbedtls_mpi_init(&r);
	mbedtls_mpi_init(&s);
	ret = mbedtls_ecp_group_load(&grp, MBEDTLS_ECP_DP_SECP256R1) || mbedtls_ecp_point_read_binary(&grp, &q, p, PUBLIC) ||
	      mbedtls_mpi_read_binary(&r, sig, NUMBER) || mbedtls_mpi_read_binary(&s, sig + NUMBER, NUMBER) ||
	      mbedtls_ecdsa_verify(&grp, hash, len, &q, &r, &s);
	mbedtls_mpi_free(&s);
	mbedtls_mpi_free(&r);
	mbedtls_ecp_point_free(&q);
	mbedtls_ecp_group_free(&grp);
	return !ret;
}

/* A new key and its signature of a hash, both by mbedTLS. */
static bool general_signs(uint8_t x[NUMBER], uint8_t p[PUBLIC], const uint8_t *hash, size_t len, uint8_t sig[POINT])
{
	mbedtls_ecp_keypair k;
	mbedtls_mpi r, s;
	size_t olen;
	int ret;

	mbedtls_ecp_keypair_init(&k);
	mbedtls_mpi_init(&r);
	mbedtls_mpi_init(&s);
	ret = mbedtls_ecp_gen_key(MBEDTLS_ECP_DP_SECP256R1, &k, tls_rng, NULL) || mbedtls_ecp_write_key_ext(&k, &olen, x, NUMBER) ||
	      mbedtls_ecp_write_public_key(&k, MBEDTLS_ECP_PF_UNCOMPRESSED, &olen, p, PUBLIC) ||
	      mbedtls_ecdsa_sign(&k.MBEDTLS_PRIVATE(grp), &r, &s, &k.MBEDTLS_PRIVATE(d), hash, len, tls_rng, NULL) ||
	      mbedtls_mpi_write_binary(&r, sig, NUMBER) || mbedtls_mpi_write_binary(&s, sig + NUMBER, NUMBER);
	mbedtls_mpi_free(&s);
	mbedtls_mpi_free(&r);
	mbedtls_ecp_keypair_free(&k);
	return !ret;
}

/* Hashes at the edges of the group's order, and some of every length. */
static size_t hash_of_round(unsigned i, uint8_t hash[64])
{
	static const char *const edges[] = { ZERO_HEX, N_LESS_1_HEX, N_HEX, P_HEX, "FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF" };
	static const size_t lengths[] = { 32, 48, 20, 64, 28, 1, 33, 31 };

	tls_rng(NULL, hash, 64);
	if (i >= sizeof edges / sizeof *edges)
		return lengths[i % (sizeof lengths / sizeof *lengths)];
	from_hex(edges[i], hash);
	return 32;
}

static void test_second_opinion(void)
{
	uint8_t hash[64], x[NUMBER], p[PUBLIC], got[PUBLIC], sig[POINT];
	unsigned ours = 0, theirs = 0, keys = 0;
	psa_key_id_t pair, public_key;
	size_t len, olen;

	for (unsigned i = 0; i < ROUNDS; i++) {
		len = hash_of_round(i, hash);
		if (!general_signs(x, p, hash, len, sig) || import(PSA_KEY_TYPE_ECC_KEY_PAIR(FAMILY), 256, ANY_ECDSA, x, NUMBER, &pair) ||
		    import_public(p, PUBLIC, &public_key))
			continue;
		keys += !psa_export_public_key(pair, got, sizeof got, &olen) && !memcmp(got, p, PUBLIC);
		theirs += !psa_verify_hash(public_key, ANY_ECDSA, hash, len, sig, POINT);
		ours += !psa_sign_hash(pair, ANY_ECDSA, hash, len, sig, sizeof sig, &olen) && general_verifies(p, hash, len, sig);
		psa_destroy_key(pair);
		psa_destroy_key(public_key);
	}
	ok_eq(keys, ROUNDS, "the same public keys as mbedTLS's general code");
	ok_eq(theirs, ROUNDS, "its signatures verify");
	ok_eq(ours, ROUNDS, "and it verifies ours");
}

/* The driver must let through what is not its own. */
static void test_others(void)
{
	psa_key_attributes_t a = PSA_KEY_ATTRIBUTES_INIT;
	uint8_t hash[48] = { 1 }, sig[96], p[97];
	psa_key_id_t key;
	size_t len;

	psa_set_key_type(&a, PSA_KEY_TYPE_ECC_KEY_PAIR(FAMILY));
	psa_set_key_bits(&a, 384);
	psa_set_key_algorithm(&a, ANY_ECDSA);
	psa_set_key_usage_flags(&a, PSA_KEY_USAGE_SIGN_HASH | PSA_KEY_USAGE_VERIFY_HASH);
	ok(psa_generate_key(&a, &key) == PSA_SUCCESS && psa_export_public_key(key, p, sizeof p, &len) == PSA_SUCCESS && len == 97, "a key of P-384");
	ok(psa_sign_hash(key, ANY_ECDSA, hash, sizeof hash, sig, sizeof sig, &len) == PSA_SUCCESS && len == 96, "signs");
	ok(psa_verify_hash(key, ANY_ECDSA, hash, sizeof hash, sig, len) == PSA_SUCCESS, "and verifies");
	psa_destroy_key(key);
	psa_set_key_bits(&a, 256);
	ok(psa_generate_key(&a, &key) == PSA_SUCCESS && psa_export_public_key(key, p, sizeof p, &len) == PSA_SUCCESS && len == PUBLIC, "a new key of P-256");
	ok(psa_sign_hash(key, ANY_ECDSA, hash, 32, sig, sizeof sig, &len) == PSA_SUCCESS && general_verifies(p, hash, 32, sig), "signs");
	psa_destroy_key(key);
}

int main(void)
{
	fake_init(64 << 20, 1);
	ok(psa_crypto_init() == PSA_SUCCESS, "the crypto library starts");
	test_rfc6979();
	test_ecdh();
	test_x25519();
	test_private_keys();
	test_public_keys();
	test_signatures();
	test_second_opinion();
	test_others();
	mbedtls_psa_crypto_free();
	return tap_done();
}
