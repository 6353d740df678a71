/* SPDX-License-Identifier: Apache-2.0 */
/* Hardware entropy: RDSEED where there is one, else RDRAND (SDM 1 7.3.17). Any CPU. An instruction that keeps
 * failing or repeats itself (a known fault of some CPUs) counts as giving none. */
#include "cpu.h"
#include "insn.h"
#include <core/arch.h>
#include <core/hal.h>
#include <string.h>

#define TRIES 64

static bool entropy_word(uint64_t *out)
{
	unsigned char ok = 0;
	uint64_t v = 0;

	for (unsigned i = 0; i < TRIES && cpu_features.rdseed; i++) {
		__asm__ volatile("rdseed %0; setc %1" : "=r"(v), "=qm"(ok) : : "cc");
		if (ok) {
			*out = v;
			return true;
		}
		arch_relax();
	}
	for (unsigned i = 0; i < TRIES && cpu_features.rdrand; i++) {
		__asm__ volatile("rdrand %0; setc %1" : "=r"(v), "=qm"(ok) : : "cc");
		if (ok) {
			*out = v;
			return true;
		}
	}
	return false;
}

err_t hal_entropy(void *dst, size_t len)
{
	uint64_t last = 0, v;

	if (!cpu_features.rdseed && !cpu_features.rdrand)
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
