/* SPDX-License-Identifier: Apache-2.0 */
/* Hardware entropy: RNDR (DDI0487, FEAT_RNG). Any CPU. A register that keeps failing or repeats itself counts as giving none. */
#include "sysreg.h"
#include <core/arch.h>
#include <core/hal.h>
#include <string.h>

#define TRIES 64

static bool entropy_word(uint64_t *out)
{
	for (unsigned i = 0; i < TRIES; i++) {
		uint64_t v, failed;

		/* NZCV is 0b0100 when no number came in time. */
		__asm__ volatile("mrs %0, " REG_RNDR "; cset %1, eq" : "=r"(v), "=r"(failed) : : "cc");
		if (!failed) {
			*out = v;
			return true;
		}
		arch_relax();
	}
	return false;
}

err_t hal_entropy(void *dst, size_t len)
{
	uint64_t last = 0, v;

	if (!el_state.rndr)
		return E_UNSUPPORTED;
	if (!entropy_word(&last))
		return E_IO;
	for (size_t done = 0; done < len;) {
		size_t n = len - done < sizeof(v) ? len - done : sizeof(v);

		if (!entropy_word(&v) || v == last || v == 0 || v == UINT64_MAX)
			return E_IO;
		memcpy((char *)dst + done, &v, n);
		last = v;
		done += n;
	}
	return OK;
}
