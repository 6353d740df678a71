/* SPDX-License-Identifier: Apache-2.0 */
/* Results and flags of the integer operations that guests use on device registers (SDM 1 3.4.3.1, SDM 2 per instruction).
 * Pure. Undefined flags are left as they were. */
#include <vmm/x86_64/decode.h>
#include <vmm/x86_64/regs.h>

#define FLAGS_ARITH (X86_RFLAGS_CF | X86_RFLAGS_PF | X86_RFLAGS_AF | X86_RFLAGS_ZF | X86_RFLAGS_SF | X86_RFLAGS_OF)

static uint64_t mask_of(unsigned size)
{
	return size >= 8 ? UINT64_MAX : (1ull << (8 * size)) - 1;
}

static uint64_t flags_szp(uint64_t r, unsigned size)
{
	uint64_t f = 0;

	if (r == 0)
		f |= X86_RFLAGS_ZF;
	if (r >> (8 * size - 1) & 1)
		f |= X86_RFLAGS_SF;
	if (!__builtin_parity((unsigned)(r & 0xff)))
		f |= X86_RFLAGS_PF;
	return f;
}

/* r = a + b + carry: the flags that tell carries, from the bits of all three. */
static uint64_t flags_add(uint64_t a, uint64_t b, uint64_t r, unsigned size)
{
	unsigned top = 8 * size - 1;
	uint64_t carries = (a & b) | ((a | b) & ~r), f = flags_szp(r, size);

	if (carries >> top & 1)
		f |= X86_RFLAGS_CF;
	if (carries >> 3 & 1)
		f |= X86_RFLAGS_AF;
	if (((a ^ r) & (b ^ r)) >> top & 1)
		f |= X86_RFLAGS_OF;
	return f;
}

static uint64_t flags_sub(uint64_t a, uint64_t b, uint64_t r, unsigned size)
{
	unsigned top = 8 * size - 1;
	uint64_t borrows = (~a & b) | ((~a | b) & r), f = flags_szp(r, size);

	if (borrows >> top & 1)
		f |= X86_RFLAGS_CF;
	if (borrows >> 3 & 1)
		f |= X86_RFLAGS_AF;
	if (((a ^ b) & (a ^ r)) >> top & 1)
		f |= X86_RFLAGS_OF;
	return f;
}

static uint64_t bit_op(enum x86_op op, unsigned size, uint64_t a, uint64_t b, uint64_t in, uint64_t *out)
{
	uint64_t bit = 1ull << (b & (8 * size - 1));

	*out = (in & ~X86_RFLAGS_CF) | (a & bit ? X86_RFLAGS_CF : 0);
	switch (op) {
	case X86_OP_BTS: return a | bit;
	case X86_OP_BTR: return a & ~bit;
	case X86_OP_BTC: return a ^ bit;
	default: return a;
	}
}

uint64_t decode_alu(enum x86_op op, unsigned size, uint64_t a, uint64_t b, uint64_t in, uint64_t *out)
{
	uint64_t m = mask_of(size), carry = in & X86_RFLAGS_CF, keep = in & ~FLAGS_ARITH, r;

	a &= m;
	b &= m;
	switch (op) {
	case X86_OP_ADD:
	case X86_OP_XADD:
		r = (a + b) & m;
		*out = keep | flags_add(a, b, r, size);
		return r;
	case X86_OP_ADC:
		r = (a + b + carry) & m;
		*out = keep | flags_add(a, b, r, size);
		return r;
	case X86_OP_SUB:
	case X86_OP_CMP:
	case X86_OP_CMPXCHG:
		r = (a - b) & m;
		*out = keep | flags_sub(a, b, r, size);
		return r;
	case X86_OP_SBB:
		r = (a - b - carry) & m;
		*out = keep | flags_sub(a, b, r, size);
		return r;
	case X86_OP_NEG:
		r = (0 - a) & m;
		*out = keep | flags_sub(0, a, r, size);
		return r;
	case X86_OP_INC: /* CF stays */
		r = (a + 1) & m;
		*out = keep | carry | (flags_add(a, 1, r, size) & ~X86_RFLAGS_CF);
		return r;
	case X86_OP_DEC:
		r = (a - 1) & m;
		*out = keep | carry | (flags_sub(a, 1, r, size) & ~X86_RFLAGS_CF);
		return r;
	case X86_OP_AND:
	case X86_OP_TEST:
		r = a & b;
		break;
	case X86_OP_OR:
		r = a | b;
		break;
	case X86_OP_XOR:
		r = a ^ b;
		break;
	case X86_OP_NOT:
		*out = in;
		return ~a & m;
	case X86_OP_BT:
	case X86_OP_BTS:
	case X86_OP_BTR:
	case X86_OP_BTC:
		return bit_op(op, size, a, b, in, out);
	default:
		*out = in;
		return b;
	}
	*out = keep | (in & X86_RFLAGS_AF) | flags_szp(r, size);
	return r;
}
