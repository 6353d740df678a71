/* SPDX-License-Identifier: Apache-2.0 */
/* Instruction decoder for what guests use on device registers and string I/O (SDM 2A 2, APM 3 1). Pure: bytes and a mode in, a
 * struct out. All bytes are hostile. Knows no vCPU, no memory. */
#ifndef VMM_X86_64_DECODE_H
#define VMM_X86_64_DECODE_H
#include <core/err.h>
#include <stdbool.h>
#include <stdint.h>

#define X86_INSN_MAX 15

struct x86_prefixes {
	uint8_t len;           /* bytes of prefixes, REX included */
	uint8_t rex;           /* 0 none */
	bool opsize, addrsize, lock, repne, rep;
	int8_t seg;            /* SEG_* override, -1 none */
};
/* Never fails: stops at the first byte that is no prefix or at n. */
void decode_prefixes(const uint8_t *b, unsigned n, bool long_mode, struct x86_prefixes *out);

enum x86_op {
	X86_OP_MOV, X86_OP_MOVZX, X86_OP_MOVSX, X86_OP_MOVBE,
	X86_OP_ADD, X86_OP_OR, X86_OP_ADC, X86_OP_SBB, X86_OP_AND, X86_OP_SUB, X86_OP_XOR, X86_OP_CMP, /* in the order of ModRM.reg of 0x80 */
	X86_OP_TEST, X86_OP_NOT, X86_OP_NEG, X86_OP_INC, X86_OP_DEC,
	X86_OP_XCHG, X86_OP_XADD, X86_OP_CMPXCHG, X86_OP_BT, X86_OP_BTS, X86_OP_BTR, X86_OP_BTC, /* BT family in the order of 0F BA */
	X86_OP_MOVS, X86_OP_STOS, X86_OP_LODS, X86_OP_INS, X86_OP_OUTS,
};
enum x86_operand { X86_SRC_REG, X86_SRC_IMM };

struct x86_decode_mode { uint8_t bits; /* 16, 32 or 64: the code segment's */ };

struct x86_insn {
	enum x86_op op;
	enum x86_operand src;
	uint8_t size;          /* of the memory operand: 1, 2, 4, 8 */
	bool mem_is_dst;       /* op mem, src; else op reg, mem */
	uint8_t reg;           /* REG_* of the register operand */
	uint8_t reg_size;      /* of the register operand (MOVZX, MOVSX: wider than size) */
	uint8_t len;
	bool high_byte;        /* AH, CH, DH, BH: reg is RAX..RBX then */
	uint64_t imm;          /* sign-extended to 64 bits */
	bool lock, rep;
	/* the memory operand: linear = base of seg + (base + index * scale + disp) in addr_bytes */
	uint8_t addr_bytes;    /* 2, 4, 8 */
	uint8_t seg;           /* SEG_*; of the source for MOVS and OUTS (the destination is ES) */
	int8_t base, index;    /* REG_*, -1 none; base REG_RIP_RELATIVE: from the next instruction */
	uint8_t scale;
	int64_t disp;
};
#define REG_RIP_RELATIVE 16

/* E_UNSUPPORTED: not one of the forms above; E_RANGE: the instruction goes on beyond n bytes (or 15). */
err_t decode_insn(const uint8_t *b, unsigned n, const struct x86_decode_mode *m, struct x86_insn *out) MUST_CHECK;

/* The arithmetic: result of op on size bytes, and RFLAGS with the arithmetic flags replaced (SDM 1 3.4.3.1). a is the destination's
 * value, b the source's. For CMP and TEST the result is to be thrown away. */
uint64_t decode_alu(enum x86_op op, unsigned size, uint64_t a, uint64_t b, uint64_t rflags_in, uint64_t *rflags_out);

#endif
