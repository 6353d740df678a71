/* SPDX-License-Identifier: Apache-2.0 */
/* Walks the chain of frame pointers (core is built with -fno-omit-frame-pointer). For panic: any context; the chain
 * may be damaged, so every frame must be mapped, aligned and above the one before. */
#include "paging.h"
#include "panic_impl.h"

unsigned backtrace_walk(uint64_t rip, uint64_t rbp, uint64_t *out, unsigned max)
{
	unsigned n = 0;

	if (n < max)
		out[n++] = rip;
	while (n < max && rbp && !(rbp & 7) && paging_allows(rbp, false, false) && paging_allows(rbp + 8, false, false)) {
		const uint64_t *frame = (const uint64_t *)rbp;

		if (!frame[1])
			break;
		out[n++] = frame[1];
		if (frame[0] <= rbp)
			break;
		rbp = frame[0];
	}
	return n;
}
