/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificates and keys of the command line; see identity.h. Uses mbedTLS's
 * X.509 in memory only. Must not know where certificates are kept or sent.
 */
#include "identity.h"

#include "text.h"

#include <ctype.h>
#include <mbedtls/ecp.h>
#include <mbedtls/pk.h>
#include <mbedtls/platform_util.h>
#include <mbedtls/sha256.h>
#include <mbedtls/x509_csr.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool identity_fingerprint(const mbedtls_x509_crt *cert, char out[CONN_FINGERPRINT_SIZE])
{
	unsigned char hash[32];
	if (mbedtls_sha256(cert->raw.p, cert->raw.len, hash, 0) != 0)
		return false;
	memcpy(out, "SHA256:", 7);
	text_hex(hash, sizeof hash, out + 7);
	return true;
}

bool identity_parse_fingerprint(const char *text, char out[CONN_FINGERPRINT_SIZE])
{
	size_t digits = 0;
	if (strncmp(text, "SHA256:", 7) == 0 || strncmp(text, "sha256:", 7) == 0)
		text += 7;
	memcpy(out, "SHA256:", 7);
	for (; *text; text++) {
		if (*text == ':' || *text == ' ')
			continue;
		if (!isxdigit((unsigned char)*text) || digits == 64)
			return false;
		out[7 + digits++] = (char)tolower((unsigned char)*text);
	}
	out[7 + digits] = '\0';
	return digits == 64;
}

const char *identity_reason(uint32_t flags)
{
	static const struct {
		uint32_t flag;
		const char *text;
	} reasons[] = {
	    {MBEDTLS_X509_BADCERT_NOT_TRUSTED, "it is not issued by the CA that this node showed when it was paired"},
	    {MBEDTLS_X509_BADCERT_EXPIRED, "it has expired (are both clocks right?)"},
	    {MBEDTLS_X509_BADCERT_FUTURE, "it is not valid yet (are both clocks right?)"},
	    {MBEDTLS_X509_BADCERT_REVOKED, "it was revoked"},
	    {MBEDTLS_X509_BADCERT_CN_MISMATCH, "it is for another host"},
	    {MBEDTLS_X509_BADCERT_BAD_MD, "it is signed with a hash that is too weak"},
	    {MBEDTLS_X509_BADCERT_BAD_PK, "it has a key type that is not accepted"},
	    {MBEDTLS_X509_BADCERT_BAD_KEY, "its key is too short"},
	    {MBEDTLS_X509_BADCERT_KEY_USAGE, "its key usage does not allow this"},
	    {MBEDTLS_X509_BADCERT_EXT_KEY_USAGE, "its extended key usage does not allow this"},
	    {MBEDTLS_X509_BADCERT_MISSING, "there is none"},
	};
	for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++)
		if (flags & reasons[i].flag)
			return reasons[i].text;
	return "it cannot be verified";
}

enum cli_exit identity_check(struct cli *cli, mbedtls_x509_crt *chain, mbedtls_x509_crt *ca, const char *host, const char *node)
{
	uint32_t flags = 0;
	uint32_t node_flags = MBEDTLS_X509_BADCERT_CN_MISMATCH;
	int rc = mbedtls_x509_crt_verify(chain, ca, NULL, host, &flags, NULL, NULL);
	if (rc != 0 && flags == MBEDTLS_X509_BADCERT_CN_MISMATCH && node)
		rc = mbedtls_x509_crt_verify(chain, ca, NULL, node, &node_flags, NULL, NULL);
	if (rc == 0)
		return CLI_OK;
	if (flags == MBEDTLS_X509_BADCERT_CN_MISMATCH)
		return cli_fail(cli, CLI_TLS, "the certificate of %s is not good: it is for another host%s%s%s", host,
		                node ? ", and not for the node " : "", node ? node : "", "");
	return cli_fail(cli, CLI_TLS, "the certificate of %s is not good: %s", host, identity_reason(flags));
}

/* RFC 4514 special characters would otherwise change the subject's meaning. */
static void identity_subject(const char *name, char *out, size_t size)
{
	size_t o = (size_t)snprintf(out, size, "CN=");
	size_t limit = o + 64 < size ? o + 64 : size; /* ub-common-name, RFC 5280 appendix A */
	for (; *name && o + 1 < limit; name++)
		out[o++] = isalnum((unsigned char)*name) || strchr("-._@ ", *name) ? *name : '-';
	out[o] = '\0';
}

static int identity_write(mbedtls_pk_context *key, const char *name, char *key_pem, char *csr_pem, size_t size)
{
	mbedtls_x509write_csr csr;
	char subject[80];
	identity_subject(name, subject, sizeof subject);
	mbedtls_x509write_csr_init(&csr);
	mbedtls_x509write_csr_set_md_alg(&csr, MBEDTLS_MD_SHA256);
	mbedtls_x509write_csr_set_key(&csr, key);
	int rc = mbedtls_x509write_csr_set_subject_name(&csr, subject);
	if (rc == 0)
		rc = mbedtls_x509write_csr_pem(&csr, (unsigned char *)csr_pem, size, entropy_random, NULL);
	if (rc == 0)
		rc = mbedtls_pk_write_key_pem(key, (unsigned char *)key_pem, size);
	mbedtls_x509write_csr_free(&csr);
	return rc;
}

enum cli_exit identity_make_key(struct cli *cli, const char *name, char **key_pem, char **csr_pem)
{
	enum { PEM_SIZE = 2048 };
	enum cli_exit code = entropy_start(cli);
	if (code != CLI_OK)
		return code;
	char *key_text = malloc(PEM_SIZE);
	char *csr_text = malloc(PEM_SIZE);
	mbedtls_pk_context key;
	mbedtls_pk_init(&key);
	int rc = -1;
	if (key_text && csr_text)
		rc = mbedtls_pk_setup(&key, mbedtls_pk_info_from_type(MBEDTLS_PK_ECKEY));
	if (rc == 0)
		rc = mbedtls_ecp_gen_key(MBEDTLS_ECP_DP_SECP256R1, mbedtls_pk_ec(key), entropy_random, NULL);
	if (rc == 0)
		rc = identity_write(&key, name, key_text, csr_text, PEM_SIZE);
	mbedtls_pk_free(&key);
	if (rc != 0) {
		free(key_text);
		free(csr_text);
		return cli_fail(cli, CLI_LOCAL, "cannot make a key (mbedTLS error -0x%04x)", (unsigned)-rc);
	}
	*key_pem = key_text;
	*csr_pem = csr_text;
	return CLI_OK;
}

static int identity_parse_pem(mbedtls_x509_crt *cert, const char *pem)
{
	return mbedtls_x509_crt_parse(cert, (const unsigned char *)pem, strlen(pem) + 1);
}

bool identity_pem_fingerprint(const char *ca_pem, char out[CONN_FINGERPRINT_SIZE])
{
	mbedtls_x509_crt ca;
	mbedtls_x509_crt_init(&ca);
	bool ok = identity_parse_pem(&ca, ca_pem) == 0 && identity_fingerprint(&ca, out);
	mbedtls_x509_crt_free(&ca);
	return ok;
}

static enum cli_exit identity_compare(struct cli *cli, mbedtls_x509_crt *cert, mbedtls_x509_crt *ca, mbedtls_pk_context *key,
                                      const char *fingerprint)
{
	char got[CONN_FINGERPRINT_SIZE];
	uint32_t flags = 0;
	if (!identity_fingerprint(ca, got) || strcmp(got, fingerprint) != 0)
		return cli_fail(cli, CLI_TLS, "the node returned another CA than the one that was confirmed; nothing is stored");
	if (mbedtls_pk_check_pair(&cert->pk, key, entropy_random, NULL) != 0)
		return cli_fail(cli, CLI_TLS, "the node returned a certificate for another key; nothing is stored");
	if (mbedtls_x509_crt_verify(cert, ca, NULL, NULL, &flags, NULL, NULL) != 0)
		return cli_fail(cli, CLI_TLS, "the certificate that the node issued is not good: %s", identity_reason(flags));
	return CLI_OK;
}

enum cli_exit identity_check_issued(struct cli *cli, const char *cert_pem, const char *ca_pem, const char *key_pem,
                                    const char *fingerprint)
{
	mbedtls_x509_crt cert, ca;
	mbedtls_pk_context key;
	mbedtls_x509_crt_init(&cert);
	mbedtls_x509_crt_init(&ca);
	mbedtls_pk_init(&key);
	enum cli_exit code;
	if (identity_parse_pem(&cert, cert_pem) != 0 || identity_parse_pem(&ca, ca_pem) != 0 ||
	    mbedtls_pk_parse_key(&key, (const unsigned char *)key_pem, strlen(key_pem) + 1, NULL, 0, entropy_random, NULL) != 0)
		code = cli_fail(cli, CLI_TLS, "the node returned something that is not a certificate; nothing is stored");
	else
		code = identity_compare(cli, &cert, &ca, &key, fingerprint);
	mbedtls_pk_free(&key);
	mbedtls_x509_crt_free(&ca);
	mbedtls_x509_crt_free(&cert);
	return code;
}
