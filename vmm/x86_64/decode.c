/* SPDX-License-Identifier: Apache-2.0 */
/* The decoder behind vmm/x86_64/decode.h: one const table of opcodes, ModRM/SIB, displacement, immediate (SDM 2A 2.1-2.2, appendix A).
 * Pure; reads at most min(n, 15) bytes. VEX, EVEX and XOP forms, FPU, SSE and control transfers are refused. */
#include <core/arith.h>
#include <vmm/x86_64/decode.h>
#include <vmm/x86_64/regs.h>

/* Where the operands come from. */
enum form {
	F_NONE,    /* not one of ours */
	F_MR,      /* op r/m, r */
	F_RM,      /* op r, r/m */
	F_MI,      /* op r/m, imm (full size, at most 32 bits) */
	F_MI8,     /* op r/m, imm8 sign-extended */
	F_M1,      /* op r/m */
	F_AO,      /* mov accumulator, moffs */
	F_OA,      /* mov moffs, accumulator */
	F_STRING,
};
enum { T_BYTE = 1, T_GROUP = 2, T_SRC8 = 4, T_SRC16 = 8, T_SRC32 = 16, T_NO16 = 32 /* 32 or 64 bits alone */ };

struct opcode { uint8_t op, form, flags; };

#define ALU(base, op) \
	[0][(base)] = { op, F_MR, T_BYTE }, [0][(base) + 1] = { op, F_MR, 0 }, [0][(base) + 2] = { op, F_RM, T_BYTE }, [0][(base) + 3] = { op, F_RM, 0 }

/* By opcode map (0: none, 1: 0F, 2: 0F 38) and byte. */
static const struct opcode opcodes[3][256] = {
	ALU(0x00, X86_OP_ADD), ALU(0x08, X86_OP_OR), ALU(0x10, X86_OP_ADC), ALU(0x18, X86_OP_SBB),
	ALU(0x20, X86_OP_AND), ALU(0x28, X86_OP_SUB), ALU(0x30, X86_OP_XOR), ALU(0x38, X86_OP_CMP),
	[0][0x63] = { X86_OP_MOVSX, F_RM, T_SRC32 },
	[0][0x6c] = { X86_OP_INS, F_STRING, T_BYTE }, [0][0x6d] = { X86_OP_INS, F_STRING, 0 },
	[0][0x6e] = { X86_OP_OUTS, F_STRING, T_BYTE }, [0][0x6f] = { X86_OP_OUTS, F_STRING, 0 },
	/* group 1: the operation is ModRM.reg */
	[0][0x80] = { X86_OP_ADD, F_MI, T_BYTE | T_GROUP }, [0][0x81] = { X86_OP_ADD, F_MI, T_GROUP }, [0][0x83] = { X86_OP_ADD, F_MI8, T_GROUP },
	[0][0x84] = { X86_OP_TEST, F_MR, T_BYTE }, [0][0x85] = { X86_OP_TEST, F_MR, 0 },
	[0][0x86] = { X86_OP_XCHG, F_MR, T_BYTE }, [0][0x87] = { X86_OP_XCHG, F_MR, 0 },
	[0][0x88] = { X86_OP_MOV, F_MR, T_BYTE }, [0][0x89] = { X86_OP_MOV, F_MR, 0 },
	[0][0x8a] = { X86_OP_MOV, F_RM, T_BYTE }, [0][0x8b] = { X86_OP_MOV, F_RM, 0 },
	[0][0xa0] = { X86_OP_MOV, F_AO, T_BYTE }, [0][0xa1] = { X86_OP_MOV, F_AO, 0 },
	[0][0xa2] = { X86_OP_MOV, F_OA, T_BYTE }, [0][0xa3] = { X86_OP_MOV, F_OA, 0 },
	[0][0xa4] = { X86_OP_MOVS, F_STRING, T_BYTE }, [0][0xa5] = { X86_OP_MOVS, F_STRING, 0 },
	[0][0xaa] = { X86_OP_STOS, F_STRING, T_BYTE }, [0][0xab] = { X86_OP_STOS, F_STRING, 0 },
	[0][0xac] = { X86_OP_LODS, F_STRING, T_BYTE }, [0][0xad] = { X86_OP_LODS, F_STRING, 0 },
	[0][0xc6] = { X86_OP_MOV, F_MI, T_BYTE | T_GROUP }, [0][0xc7] = { X86_OP_MOV, F_MI, T_GROUP },
	[0][0xf6] = { X86_OP_TEST, F_MI, T_BYTE | T_GROUP }, [0][0xf7] = { X86_OP_TEST, F_MI, T_GROUP },
	[0][0xfe] = { X86_OP_INC, F_M1, T_BYTE | T_GROUP }, [0][0xff] = { X86_OP_INC, F_M1, T_GROUP },
	[1][0xb0] = { X86_OP_CMPXCHG, F_MR, T_BYTE }, [1][0xb1] = { X86_OP_CMPXCHG, F_MR, 0 },
	[1][0xb6] = { X86_OP_MOVZX, F_RM, T_SRC8 }, [1][0xb7] = { X86_OP_MOVZX, F_RM, T_SRC16 },
	[1][0xbe] = { X86_OP_MOVSX, F_RM, T_SRC8 }, [1][0xbf] = { X86_OP_MOVSX, F_RM, T_SRC16 },
	[1][0xba] = { X86_OP_BT, F_MI8, T_GROUP },
	[1][0xc0] = { X86_OP_XADD, F_MR, T_BYTE }, [1][0xc1] = { X86_OP_XADD, F_MR, 0 },
	[1][0xc3] = { X86_OP_MOV, F_MR, T_NO16 }, /* MOVNTI */
	[2][0xf0] = { X86_OP_MOVBE, F_RM, 0 }, [2][0xf1] = { X86_OP_MOVBE, F_MR, 0 },
};

/* The bytes not yet taken. */
struct cursor { const uint8_t *b; unsigned n, at; bool short_of; };

static uint64_t take(struct cursor *c, unsigned size)
{
	uint64_t v = 0;

	if (c->at + size > c->n) {
		c->short_of = true;
		return 0;
	}
	for (unsigned i = 0; i < size; i++)
		v |= (uint64_t)c->b[c->at + i] << (8 * i);
	c->at += size;
	return v;
}

static int64_t sign_extend(uint64_t v, unsigned size)
{
	unsigned shift = 64 - 8 * size;

	return size >= 8 ? (int64_t)v : (int64_t)(v << shift) >> shift;
}

void decode_prefixes(const uint8_t *b, unsigned n, bool long_mode, struct x86_prefixes *out)
{
	struct x86_prefixes p = { .seg = -1 };
	unsigned i;

	for (i = 0; i < n && i < X86_INSN_MAX; i++) {
		if (long_mode && (b[i] & 0xf0) == 0x40) {
			p.rex = b[i];
			continue;
		}
		switch (b[i]) {
		case 0x66: p.opsize = true; break;
		case 0x67: p.addrsize = true; break;
		case 0xf0: p.lock = true; break;
		case 0xf2: p.repne = true; p.rep = false; break;
		case 0xf3: p.rep = true; p.repne = false; break;
		case 0x26: p.seg = long_mode ? p.seg : SEG_ES; break;
		case 0x2e: p.seg = long_mode ? p.seg : SEG_CS; break;
		case 0x36: p.seg = long_mode ? p.seg : SEG_SS; break;
		case 0x3e: p.seg = long_mode ? p.seg : SEG_DS; break;
		case 0x64: p.seg = SEG_FS; break;
		case 0x65: p.seg = SEG_GS; break;
		default: goto done;
		}
		p.rex = 0; /* REX counts only directly before the opcode */
	}
done:
	p.len = (uint8_t)i;
	*out = p;
}

static uint8_t operand_size(const struct x86_prefixes *p, unsigned bits)
{
	if (p->rex & 8)
		return 8;
	return (bits == 16) != p->opsize ? 2 : 4;
}

/* 16-bit addressing (SDM 2A table 2-1). */
static void address16(struct cursor *c, unsigned mod, unsigned rm, struct x86_insn *in)
{
	static const int8_t base[8] = { REG_RBX, REG_RBX, REG_RBP, REG_RBP, REG_RSI, REG_RDI, REG_RBP, REG_RBX };
	static const int8_t index[8] = { REG_RSI, REG_RDI, REG_RSI, REG_RDI, -1, -1, -1, -1 };

	in->base = base[rm];
	in->index = index[rm];
	if (mod == 0 && rm == 6) {
		in->base = -1;
		in->disp = (int64_t)take(c, 2);
	} else if (mod != 0) {
		in->disp = sign_extend(take(c, mod), mod);
	}
	if (in->base == REG_RBP)
		in->seg = SEG_SS;
}

/* 32- and 64-bit addressing with SIB (SDM 2A tables 2-2, 2-3, 2-7). */
static void address32(struct cursor *c, unsigned mod, unsigned rm, uint8_t rex, unsigned bits, struct x86_insn *in)
{
	in->base = (int8_t)(rm | (rex & 1 ? 8u : 0u));
	if (rm == 4) {
		uint8_t sib = (uint8_t)take(c, 1);
		unsigned index = ((sib >> 3) & 7) | (rex & 2 ? 8u : 0u);

		in->scale = (uint8_t)(1u << (sib >> 6));
		in->index = index == 4 ? -1 : (int8_t)index;
		in->base = (int8_t)((sib & 7) | (rex & 1 ? 8u : 0u));
		if ((sib & 7) == 5 && mod == 0) {
			in->base = -1;
			in->disp = sign_extend(take(c, 4), 4);
		}
	} else if (rm == 5 && mod == 0) {
		in->base = bits == 64 ? REG_RIP_RELATIVE : -1;
		in->disp = sign_extend(take(c, 4), 4);
	}
	if (mod == 1)
		in->disp = sign_extend(take(c, 1), 1);
	else if (mod == 2)
		in->disp = sign_extend(take(c, 4), 4);
	if (in->base == REG_RSP || in->base == REG_RBP)
		in->seg = SEG_SS;
}

/* Operations of groups, by ModRM.reg; false: not one of ours. */
static bool group_op(const struct opcode *o, unsigned reg, struct x86_insn *in, enum form *form)
{
	switch (o->op) {
	case X86_OP_ADD:
		in->op = X86_OP_ADD + reg;
		return true;
	case X86_OP_MOV:
		return reg == 0;
	case X86_OP_TEST:
		if (reg >= 4)
			return false;
		in->op = reg <= 1 ? X86_OP_TEST : reg == 2 ? X86_OP_NOT : X86_OP_NEG;
		if (reg >= 2)
			*form = F_M1;
		return true;
	case X86_OP_INC:
		in->op = reg == 0 ? X86_OP_INC : X86_OP_DEC;
		return reg <= 1;
	default: /* BT family */
		in->op = X86_OP_BT + (reg & 3);
		return reg >= 4;
	}
}

static void set_reg(struct x86_insn *in, unsigned reg, const struct x86_prefixes *p)
{
	in->reg = (uint8_t)(reg | (p->rex & 4 ? 8u : 0u));
	if (in->reg_size == 1 && !p->rex && reg >= 4) {
		in->reg = (uint8_t)(reg - 4);
		in->high_byte = true;
	}
}

static err_t decode_modrm(struct cursor *c, const struct opcode *o, const struct x86_prefixes *p, unsigned bits, struct x86_insn *in)
{
	uint8_t modrm = (uint8_t)take(c, 1);
	unsigned mod = modrm >> 6, reg = (modrm >> 3) & 7, rm = modrm & 7;
	enum form form = o->form;

	if (c->short_of)
		return E_RANGE;
	if (mod == 3)
		return E_UNSUPPORTED; /* no memory operand: cannot have been an access */
	if ((o->flags & T_GROUP) && !group_op(o, reg, in, &form))
		return E_UNSUPPORTED;
	if (in->addr_bytes == 2)
		address16(c, mod, rm, in);
	else
		address32(c, mod, rm, p->rex, bits, in);
	if (p->seg >= 0)
		in->seg = (uint8_t)p->seg;
	in->mem_is_dst = form != F_RM;
	if (form == F_MI) {
		unsigned size = in->size == 8 ? 4 : in->size;

		in->src = X86_SRC_IMM;
		in->imm = (uint64_t)sign_extend(take(c, size), size);
	} else if (form == F_MI8) {
		in->src = X86_SRC_IMM;
		in->imm = (uint64_t)sign_extend(take(c, 1), 1);
	} else if (form != F_M1) {
		set_reg(in, reg, p);
	}
	return OK;
}

static void sizes(const struct opcode *o, const struct x86_prefixes *p, unsigned bits, struct x86_insn *in)
{
	in->size = o->flags & T_BYTE ? 1 : operand_size(p, bits);
	if ((o->flags & T_NO16) && in->size == 2)
		in->size = 4;
	in->reg_size = in->size;
	if (o->flags & T_SRC8)
		in->size = 1;
	else if (o->flags & T_SRC16)
		in->size = 2;
	else if (o->flags & T_SRC32)
		in->size = (uint8_t)MIN(in->size, 4); /* MOVSXD r16 reads 16 bits */
	if (o->op == X86_OP_INS || o->op == X86_OP_OUTS)
		in->size = in->reg_size = (uint8_t)MIN(in->size, 4);
}

err_t decode_insn(const uint8_t *b, unsigned n, const struct x86_decode_mode *m, struct x86_insn *out)
{
	struct cursor c = { .b = b, .n = MIN(n, (unsigned)X86_INSN_MAX) };
	struct x86_insn in = { .seg = SEG_DS, .base = -1, .index = -1, .scale = 1 };
	const struct opcode *o;
	struct x86_prefixes p;
	uint8_t map = 0, byte;
	err_t err = OK;

	decode_prefixes(b, c.n, m->bits == 64, &p);
	c.at = p.len;
	byte = (uint8_t)take(&c, 1);
	if (byte == 0x0f && !c.short_of) {
		map = 1;
		byte = (uint8_t)take(&c, 1);
		if (byte == 0x38 && !c.short_of) {
			map = 2;
			byte = (uint8_t)take(&c, 1);
		}
	}
	if (c.short_of)
		return E_RANGE;
	o = &opcodes[map][byte];
	if (o->form == F_NONE || (map == 2 && (p.rep || p.repne)) || (byte == 0x63 && map == 0 && m->bits != 64))
		return E_UNSUPPORTED;
	in.op = o->op;
	in.lock = p.lock;
	in.rep = p.rep || p.repne; /* MOVS, STOS, LODS, INS, OUTS: both mean REP */
	in.addr_bytes = m->bits == 64 ? (p.addrsize ? 4 : 8) : (m->bits == 16) != p.addrsize ? 2 : 4;
	sizes(o, &p, m->bits, &in);
	if (o->form == F_STRING) {
		in.seg = p.seg >= 0 ? (uint8_t)p.seg : SEG_DS;
		in.reg = REG_RAX;
	} else if (o->form == F_AO || o->form == F_OA) {
		in.disp = (int64_t)take(&c, in.addr_bytes);
		in.mem_is_dst = o->form == F_OA;
		in.seg = p.seg >= 0 ? (uint8_t)p.seg : SEG_DS;
	} else {
		err = decode_modrm(&c, o, &p, m->bits, &in);
	}
	if (err == OK && c.short_of)
		err = E_RANGE;
	if (err != OK)
		return err;
	in.len = (uint8_t)c.at;
	*out = in;
	return OK;
}
