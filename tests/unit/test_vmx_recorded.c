/* SPDX-License-Identifier: Apache-2.0 */
/* Exits as Bochs' CPUs made them, decoded again (vmx_exits.h). What the registers of the same exit prove is not left to the recording: a port
 * by DX is the one in RDX. Host only. */
#include "tap.h"
#include "vmx_exits.h"
#include <core/arith.h>

#define IO_IMMEDIATE (1u << 6) /* SDM 3C table 28-5 */

static void replay(const char *cpu, const struct vmx_recorded *rows, unsigned n)
{
	bool seen[256] = { false };
	unsigned reasons = 0;

	for (unsigned i = 0; i < n; i++) {
		const struct vmx_recorded *r = &rows[i];
		const uint64_t gpr[REG_GPRS] = { [REG_RAX] = r->rax, [REG_RBX] = r->rbx, [REG_RCX] = r->rcx, [REG_RDX] = r->rdx, [REG_RSI] = r->rsi };
		struct vmx_exit_in in = r->in;
		struct vmx_decoded d;
		struct hv_exit e;

		in.gpr = gpr;
		memset(&e, 1, sizeof(e)); /* of an older exit */
		vmx_exit_decode(&in, &e, &d);
		ok(exit_alike(&e, &r->out) && d.action == r->decoded.action && d.vector == r->decoded.vector && d.has_error == r->decoded.has_error &&
		   d.nmi_unblocked == r->decoded.nmi_unblocked && d.debug_bits == r->decoded.debug_bits, "%s: reason %u, qualification 0x%llx", cpu, in.reason,
		   (unsigned long long)in.qualification);
		if (e.kind == HV_EXIT_PIO && !(in.qualification & IO_IMMEDIATE))
			ok(e.pio.port == (r->rdx & 0xffff), "%s: the port is DX", cpu);
		reasons += !seen[in.reason & 0xff];
		seen[in.reason & 0xff] = true;
	}
	ok(reasons >= 20, "%s: %u reasons", cpu, reasons);
}

int main(void)
{
	replay("Skylake-X", vmx_skylake_x, ARRAY_LEN(vmx_skylake_x));
	replay("Haswell", vmx_haswell, ARRAY_LEN(vmx_haswell));
	return tap_done();
}
