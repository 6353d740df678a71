/* SPDX-License-Identifier: Apache-2.0 */
/* x86_64: guest mode begins at VMRUN (APM 2 15.5.1) and ends where the instruction behind that VMRUN runs. */
#include "target.h"
#include <string.h>

#define NOP_LEN 7
#define VMRUN_LEN 3

static enum insn_kind kind(const uint8_t *b, size_t len, unsigned *mark)
{
	if (len == NOP_LEN && !memcmp(b, "\x0f\x1f\x80", 3) && !memcmp(b + 5, "KM", 2)) {
		*mark = (unsigned)(b[3] | b[4] << 8);
		return INSN_MARK;
	}
	if (len == VMRUN_LEN && !memcmp(b, "\x0f\x01\xd8", VMRUN_LEN))
		return INSN_ENTRY;
	/* HLT, and MWAIT, by which Linux sleeps on this CPU. */
	return (len == 1 && b[0] == 0xf4) || (len == 3 && !memcmp(b, "\x0f\x01\xc9", 3)) ? INSN_SLEEP : INSN_OTHER;
}

static unsigned landings(uint64_t va, uint64_t at[TARGET_LANDINGS])
{
	at[0] = va + VMRUN_LEN;
	return 1;
}

static bool landed(void)
{
	return true; /* the host's own code, where no guest has any */
}

const struct target target_x86_64 = { .name = "x86_64", .kind = kind, .landings = landings, .landed = landed, .control = "rax" };
