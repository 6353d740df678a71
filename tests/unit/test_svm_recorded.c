/* SPDX-License-Identifier: Apache-2.0 */
/* Exits as QEMU's AMD CPU made them, decoded again (svm_exits.h). What the registers of the same exit prove is not left to the recording: a port
 * is the one in RDX where the instruction has no room for its number. Host only. */
#include "tap.h"
#include "svm_exits.h"
#include <core/arith.h>

static void replay(const char *cpu, const struct svm_recorded *rows, unsigned n)
{
	unsigned codes = 0;
	uint64_t last = UINT64_MAX;

	for (unsigned i = 0; i < n; i++) {
		const struct svm_recorded *r = &rows[i];
		struct svm_decoded d;
		struct hv_exit e;

		svm_decode_in(&r->in, &e, &d);
		ok(exit_alike(&e, &r->out) && d.action == r->decoded.action && d.vector == r->decoded.vector && d.has_error == r->decoded.has_error &&
		   d.next_rip == r->decoded.next_rip, "%s: code 0x%llx, info 0x%llx", cpu, (unsigned long long)r->in.code, (unsigned long long)r->in.info1);
		if (e.kind == HV_EXIT_PIO && e.pio.port > 0xff)
			ok(e.pio.port == (r->in.rdx & 0xffff), "%s: the port is DX", cpu);
		codes += r->in.code != last; /* they are in order */
		last = r->in.code;
	}
	ok(codes >= 20, "%s: %u codes", cpu, codes);
}

int main(void)
{
	replay("TCG", svm_tcg, ARRAY_LEN(svm_tcg));
	return tap_done();
}
