/* SPDX-License-Identifier: Apache-2.0 */
/* Certificate signing requests of clients that pair (PKCS #10, RFC 2986): only the public key is believed, and that
 * only when its owner has signed the request. CPU 0, tasks. */
#define MBEDTLS_ALLOW_PRIVATE_ACCESS /* the request's signature: mbedTLS parses it, but has no call that checks it */
#include "tls_impl.h"
#include <core/fmt.h>
#include <mbedtls/x509_csr.h>
#include <string.h>

#define CSR_PEM_MAX 8192

static err_t csr_refuse(char why[96], err_t e, const char *text)
{
	fmt_buf(why, 96, "%s", text);
	return e;
}

/* RFC 2986 4.2: the signature is over certificationRequestInfo, by the key inside. */
static bool csr_signature_ok(mbedtls_x509_csr *csr)
{
	const mbedtls_md_info_t *md = mbedtls_md_info_from_type(csr->sig_md);
	unsigned char hash[MBEDTLS_MD_MAX_SIZE];

	if (!md || csr->sig_md == MBEDTLS_MD_SHA1 || mbedtls_md(md, csr->cri.p, csr->cri.len, hash))
		return false;
	return mbedtls_pk_verify_ext(csr->sig_pk, csr->sig_opts, &csr->pk, csr->sig_md, hash, mbedtls_md_get_size(md), csr->sig.p, csr->sig.len) == 0;
}

/* 128 bits of security and no more work than we are ready to do for each handshake. */
static bool csr_key_ok(mbedtls_pk_context *pk)
{
	size_t bits = mbedtls_pk_get_bitlen(pk);

	if (mbedtls_pk_get_type(pk) == MBEDTLS_PK_RSA)
		return bits >= 2048 && bits <= 4096;
	return mbedtls_pk_can_do(pk, MBEDTLS_PK_ECDSA) && bits >= 256;
}

static void serial_to_hex(const uint8_t *serial, char hex[41])
{
	for (unsigned i = 0; i < TLS_SERIAL_LEN; i++)
		fmt_buf(hex + 2 * i, 3, "%02x", serial[i]);
}

static err_t csr_sign(struct tls_identity *id, mbedtls_x509_csr *csr, const char *client_name, char *pem, size_t cap, char serial_hex[41], char why[96])
{
	struct cert_request r = { .role = CERT_CLIENT, .subject = client_name, .subject_key = &csr->pk, .issuer_key = &id->ca_key, .issuer = &id->ca };
	uint8_t der[TLS_CERT_MAX], serial[TLS_SERIAL_LEN];
	size_t len;
	err_t e;

	if (!csr_signature_ok(csr))
		return csr_refuse(why, E_CORRUPT, "the request is not signed by its own key");
	if (!csr_key_ok(&csr->pk))
		return csr_refuse(why, E_CORRUPT, "expected an EC key of P-256 or P-384, or RSA of 2048 to 4096 bits");
	e = cert_sign(&r, der, &len, serial);
	if (e != OK)
		return csr_refuse(why, e, "the certificate could not be made");
	e = cert_pem_write(der, len, pem, cap);
	if (e != OK)
		return csr_refuse(why, e, "the certificate is longer than the room for it");
	serial_to_hex(serial, serial_hex);
	return OK;
}

err_t tls_identity_sign_client(struct tls_identity *id, const char *csr_pem, const char *client_name, char *cert_pem, size_t cap, char serial_hex[41], char why[96])
{
	size_t n = strnlen(csr_pem, CSR_PEM_MAX + 1);
	mbedtls_x509_csr csr;
	err_t e;

	if (!tls_client_name_ok(client_name))
		return csr_refuse(why, E_RANGE, "expected a name of 1 to 63 letters, digits and \" ._@-\" that begins and ends with a letter or digit");
	if (n > CSR_PEM_MAX)
		return csr_refuse(why, E_RANGE, "the certificate request is longer than 8192 bytes");
	mbedtls_x509_csr_init(&csr);
	if (!strstr(csr_pem, "-----BEGIN") || mbedtls_x509_csr_parse(&csr, (const unsigned char *)csr_pem, n + 1))
		e = csr_refuse(why, E_CORRUPT, "expected a certificate request (PKCS #10) in PEM");
	else
		e = csr_sign(id, &csr, client_name, cert_pem, cap, serial_hex, why);
	mbedtls_x509_csr_free(&csr);
	return e;
}
