/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes the instruction decoder: the first byte chooses the mode, the rest is code in a buffer of exactly that size. What is decoded
 * must be within its own promises. Host only. */
#include <stdlib.h>
#include <string.h>
#include <vmm/x86_64/decode.h>
#include <vmm/x86_64/regs.h>

static void check(const struct x86_insn *in, size_t n)
{
	bool sizes = (in->size == 1 || in->size == 2 || in->size == 4 || in->size == 8) && in->reg_size >= in->size && in->reg_size <= 8;
	bool regs = in->reg < REG_GPRS && in->base >= -1 && in->base <= REG_RIP_RELATIVE && in->index >= -1 && in->index < REG_GPRS;
	bool address = (in->addr_bytes == 2 || in->addr_bytes == 4 || in->addr_bytes == 8) && in->seg <= SEG_GS &&
		       (in->scale == 1 || in->scale == 2 || in->scale == 4 || in->scale == 8);

	if (!in->len || in->len > n || in->len > X86_INSN_MAX || !sizes || !regs || !address || in->op > X86_OP_OUTS)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t bits[] = { 16, 32, 64, 64 };
	struct x86_decode_mode m;
	struct x86_insn in;
	uint64_t flags;
	uint8_t *code;

	if (size < 1)
		return 0;
	m.bits = bits[data[0] & 3];
	code = malloc(size);
	memcpy(code, data + 1, size - 1);
	code = realloc(code, size > 1 ? size - 1 : 1);
	if (decode_insn(code, (unsigned)size - 1, &m, &in) == OK) {
		check(&in, size - 1);
		decode_alu(in.op, in.size, in.imm, (uint64_t)in.disp, data[0], &flags);
	}
	free(code);
	return 0;
}
