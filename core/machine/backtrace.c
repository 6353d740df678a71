/* SPDX-License-Identifier: Apache-2.0 */
/* Walks the chain of frame pointers (core is built with -fno-omit-frame-pointer): the caller's pointer, then the return address, the same
 * on both architectures (SysV AMD64 3.2.2, AAPCS64 6.4.6). For panic: any context; the chain
 * may be damaged, so every frame must be mapped, aligned and above the one before. */
#include "paging.h"
#include "panic_impl.h"

unsigned backtrace_walk(uint64_t pc, uint64_t fp, uint64_t *out, unsigned max)
{
	unsigned n = 0;

	if (n < max)
		out[n++] = pc;
	while (n < max && fp && !(fp & 7) && paging_allows(fp, false, false) && paging_allows(fp + 8, false, false)) {
		const uint64_t *frame = (const uint64_t *)fp;

		if (!frame[1])
			break;
		out[n++] = frame[1];
		if (frame[0] <= fp)
			break;
		fp = frame[0];
	}
	return n;
}
