/* SPDX-License-Identifier: Apache-2.0 */
/* Decoder of plain loads and stores (DDI0487, "Loads and Stores": load/store pair, register with immediate, register with register
 * offset). Pure; the word comes from a guest. */
#include "decode.h"
#include <string.h>

#define BITS(insn, hi, lo) ((insn) >> (lo) & ((1u << ((hi) - (lo) + 1)) - 1))
#define VECTOR(insn) ((insn) >> 26 & 1)

static int64_t sign(uint32_t v, unsigned bits)
{
	return (int64_t)((uint64_t)v << (64 - bits)) >> (64 - bits);
}

enum { INDEX_NONE, INDEX_POST, INDEX_OFFSET, INDEX_PRE };

static void set_index(struct arm_ldst *o, unsigned kind)
{
	o->writeback = kind == INDEX_POST || kind == INDEX_PRE;
	o->post = kind == INDEX_POST;
}

static bool decode_pair(uint32_t insn, struct arm_ldst *o)
{
	unsigned opc = BITS(insn, 31, 30), kind = BITS(insn, 24, 23);

	if (opc == 3)
		return false;
	o->load = BITS(insn, 22, 22);
	o->vector = VECTOR(insn);
	if (o->vector) {
		o->size = (uint8_t)(4u << opc);
	} else {
		o->size = opc == 2 ? 8 : 4;
		o->sign_extend = opc == 1;
		if (o->sign_extend && (!o->load || kind == INDEX_NONE))
			return false; /* tag stores, and what is not allocated */
		o->reg_size = opc == 0 ? 4 : 8;
	}
	o->count = 2;
	o->rt[1] = (uint8_t)BITS(insn, 14, 10);
	o->offset = sign(BITS(insn, 21, 15), 7) * o->size;
	set_index(o, kind);
	return true;
}

/* Size and direction of a single register: size in bits 31-30, opc in 23-22. */
static bool decode_single(uint32_t insn, struct arm_ldst *o)
{
	unsigned size = BITS(insn, 31, 30), opc = BITS(insn, 23, 22);

	o->count = 1;
	o->vector = VECTOR(insn);
	if (o->vector) {
		if (opc >= 2 && size != 0)
			return false;
		o->size = (uint8_t)(opc >= 2 ? 16 : 1u << size);
		o->load = opc & 1;
		return true;
	}
	if ((size == 3 && opc >= 2) || (size == 2 && opc == 3))
		return false; /* prefetch, or not allocated */
	o->size = (uint8_t)(1u << size);
	o->load = opc != 0;
	o->sign_extend = opc >= 2;
	o->reg_size = opc == 2 || size == 3 ? 8 : 4;
	return true;
}

static bool decode_imm9(uint32_t insn, struct arm_ldst *o)
{
	unsigned kind = BITS(insn, 11, 10);

	o->offset = sign(BITS(insn, 20, 12), 9);
	if (kind == 1 || kind == 3)
		set_index(o, kind == 1 ? INDEX_POST : INDEX_PRE);
	return decode_single(insn, o); /* 0: unscaled; 2: unprivileged */
}

static bool decode_imm12(uint32_t insn, struct arm_ldst *o)
{
	if (!decode_single(insn, o))
		return false;
	o->offset = (int64_t)BITS(insn, 21, 10) * o->size;
	return true;
}

static bool decode_register(uint32_t insn, struct arm_ldst *o)
{
	if (!decode_single(insn, o))
		return false;
	o->has_index = true;
	o->rm = (uint8_t)BITS(insn, 20, 16);
	o->extend = (uint8_t)BITS(insn, 15, 13);
	o->shift = BITS(insn, 12, 12) ? (uint8_t)__builtin_ctz(o->size) : 0;
	return o->extend & 2; /* UXTW, UXTX (LSL), SXTW, SXTX */
}

bool arm_decode(uint32_t insn, struct arm_ldst *o)
{
	memset(o, 0, sizeof *o);
	o->rt[0] = (uint8_t)BITS(insn, 4, 0);
	o->rn = (uint8_t)BITS(insn, 9, 5);
	if ((insn & 0x3a000000) == 0x28000000)
		return decode_pair(insn, o);
	if ((insn & 0x3b200000) == 0x38000000)
		return decode_imm9(insn, o);
	if ((insn & 0x3b000000) == 0x39000000)
		return decode_imm12(insn, o);
	if ((insn & 0x3b200c00) == 0x38200800)
		return decode_register(insn, o);
	return false;
}
