/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What mbedTLS needs from the machine: randomness by getrandom(2) and a
 * millisecond clock. The library is configured as in the firmware, without any
 * platform of its own, so both hooks are given here.
 */
#include "identity.h"
#include "text.h"

#include <errno.h>
#include <mbedtls/entropy.h>
#include <mbedtls/platform_time.h>
#include <psa/crypto.h>
#include <sys/random.h>

/* Called by mbedTLS's entropy collector; the prototype is the library's. */
int mbedtls_hardware_poll(void *data, unsigned char *output, size_t length, size_t *done);

int entropy_random(void *context, unsigned char *out, size_t length)
{
	(void)context;
	while (length > 0) {
		ssize_t n = getrandom(out, length, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return MBEDTLS_ERR_ENTROPY_SOURCE_FAILED;
		out += n;
		length -= (size_t)n;
	}
	return 0;
}

int mbedtls_hardware_poll(void *data, unsigned char *output, size_t length, size_t *done)
{
	int rc = entropy_random(data, output, length);
	*done = rc == 0 ? length : 0;
	return rc;
}

mbedtls_ms_time_t mbedtls_ms_time(void)
{
	return (mbedtls_ms_time_t)clock_ms();
}

enum cli_exit entropy_start(struct cli *cli)
{
	if (psa_crypto_init() != PSA_SUCCESS)
		return cli_fail(cli, CLI_LOCAL, "cannot start the cryptography library (no randomness from the kernel?)");
	return CLI_OK;
}
