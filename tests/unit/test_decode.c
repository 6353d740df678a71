/* SPDX-License-Identifier: Apache-2.0 */
/* The instruction decoder: forms that guests use on device registers, in all three modes, with all prefixes; the arithmetic against the
 * host's own CPU; refusals. Host only. */
#include "tap.h"
#include <stdlib.h>
#include <core/arith.h>
#include <vmm/x86_64/decode.h>
#include <vmm/x86_64/regs.h>

struct row {
	const char *text;
	uint8_t bits, n;
	const char *bytes;
	struct x86_insn want; /* len 0: refused */
};
#define I(...) { __VA_ARGS__ }
#define MEM(s, b, i, sc, d) .seg = s, .base = b, .index = i, .scale = sc, .disp = d

static const struct row rows[] = {
	{ "mov %eax,(%rbx)", 64, 2, "\x89\x03", I(X86_OP_MOV, .len = 2, .size = 4, .reg_size = 4, .reg = REG_RAX, .mem_is_dst = true, .addr_bytes = 8, MEM(SEG_DS, REG_RBX, -1, 1, 0)) },
	{ "mov (%rbx),%eax", 64, 2, "\x8b\x03", I(X86_OP_MOV, .len = 2, .size = 4, .reg_size = 4, .reg = REG_RAX, .addr_bytes = 8, MEM(SEG_DS, REG_RBX, -1, 1, 0)) },
	{ "mov 0x80(%r12),%r9", 64, 8, "\x4d\x8b\x8c\x24\x80\x00\x00\x00", I(X86_OP_MOV, .len = 8, .size = 8, .reg_size = 8, .reg = REG_R9, .addr_bytes = 8, MEM(SEG_DS, REG_R12, -1, 1, 0x80)) },
	{ "mov %ah,(%rcx)", 64, 2, "\x88\x21", I(X86_OP_MOV, .len = 2, .size = 1, .reg_size = 1, .reg = REG_RAX, .high_byte = true, .mem_is_dst = true, .addr_bytes = 8, MEM(SEG_DS, REG_RCX, -1, 1, 0)) },
	{ "mov %spl,(%rcx)", 64, 3, "\x40\x88\x21", I(X86_OP_MOV, .len = 3, .size = 1, .reg_size = 1, .reg = REG_RSP, .mem_is_dst = true, .addr_bytes = 8, MEM(SEG_DS, REG_RCX, -1, 1, 0)) },
	{ "movzbl (%rdi),%edx", 64, 3, "\x0f\xb6\x17", I(X86_OP_MOVZX, .len = 3, .size = 1, .reg_size = 4, .reg = REG_RDX, .addr_bytes = 8, MEM(SEG_DS, REG_RDI, -1, 1, 0)) },
	{ "movswq (%rdi),%rdx", 64, 4, "\x48\x0f\xbf\x17", I(X86_OP_MOVSX, .len = 4, .size = 2, .reg_size = 8, .reg = REG_RDX, .addr_bytes = 8, MEM(SEG_DS, REG_RDI, -1, 1, 0)) },
	{ "movslq (%rdi),%rdx", 64, 3, "\x48\x63\x17", I(X86_OP_MOVSX, .len = 3, .size = 4, .reg_size = 8, .reg = REG_RDX, .addr_bytes = 8, MEM(SEG_DS, REG_RDI, -1, 1, 0)) },
	{ "movl $-2,8(%rbp)", 64, 7, "\xc7\x45\x08\xfe\xff\xff\xff", I(X86_OP_MOV, .len = 7, .size = 4, .reg_size = 4, .mem_is_dst = true, .src = X86_SRC_IMM, .imm = ~1ull, .addr_bytes = 8, MEM(SEG_SS, REG_RBP, -1, 1, 8)) },
	{ "movq $-2,(%rax)", 64, 7, "\x48\xc7\x00\xfe\xff\xff\xff", I(X86_OP_MOV, .len = 7, .size = 8, .reg_size = 8, .mem_is_dst = true, .src = X86_SRC_IMM, .imm = ~1ull, .addr_bytes = 8, MEM(SEG_DS, REG_RAX, -1, 1, 0)) },
	{ "movw $0x1234,(%rax)", 64, 5, "\x66\xc7\x00\x34\x12", I(X86_OP_MOV, .len = 5, .size = 2, .reg_size = 2, .mem_is_dst = true, .src = X86_SRC_IMM, .imm = 0x1234, .addr_bytes = 8, MEM(SEG_DS, REG_RAX, -1, 1, 0)) },
	{ "mov %ecx,0x1234(%rip)", 64, 6, "\x89\x0d\x34\x12\x00\x00", I(X86_OP_MOV, .len = 6, .size = 4, .reg_size = 4, .reg = REG_RCX, .mem_is_dst = true, .addr_bytes = 8, MEM(SEG_DS, REG_RIP_RELATIVE, -1, 1, 0x1234)) },
	{ "mov %ecx,0x1234 (32 bit)", 32, 6, "\x89\x0d\x34\x12\x00\x00", I(X86_OP_MOV, .len = 6, .size = 4, .reg_size = 4, .reg = REG_RCX, .mem_is_dst = true, .addr_bytes = 4, MEM(SEG_DS, -1, -1, 1, 0x1234)) },
	{ "mov %ecx,-0x20(%r13,%r14,8)", 64, 5, "\x43\x89\x4c\xf5\xe0", I(X86_OP_MOV, .len = 5, .size = 4, .reg_size = 4, .reg = REG_RCX, .mem_is_dst = true, .addr_bytes = 8, MEM(SEG_DS, REG_R13, REG_R14, 8, -0x20)) },
	{ "mov %ecx,0xfee00000 (sib)", 64, 7, "\x89\x0c\x25\x00\x00\xe0\xfe", I(X86_OP_MOV, .len = 7, .size = 4, .reg_size = 4, .reg = REG_RCX, .mem_is_dst = true, .addr_bytes = 8, MEM(SEG_DS, -1, -1, 1, -0x1200000)) },
	{ "mov %gs:(%eax),%ecx", 64, 4, "\x65\x67\x8b\x08", I(X86_OP_MOV, .len = 4, .size = 4, .reg_size = 4, .reg = REG_RCX, .addr_bytes = 4, MEM(SEG_GS, REG_RAX, -1, 1, 0)) },
	{ "movabs 0x1122334455667788,%al", 64, 9, "\xa0\x88\x77\x66\x55\x44\x33\x22\x11", I(X86_OP_MOV, .len = 9, .size = 1, .reg_size = 1, .reg = REG_RAX, .addr_bytes = 8, MEM(SEG_DS, -1, -1, 1, 0x1122334455667788)) },
	{ "mov %ax,0x1234 (16 bit)", 16, 3, "\xa3\x34\x12", I(X86_OP_MOV, .len = 3, .size = 2, .reg_size = 2, .reg = REG_RAX, .mem_is_dst = true, .addr_bytes = 2, MEM(SEG_DS, -1, -1, 1, 0x1234)) },
	{ "mov %cx,-2(%bp,%si) (16 bit)", 16, 3, "\x89\x4a\xfe", I(X86_OP_MOV, .len = 3, .size = 2, .reg_size = 2, .reg = REG_RCX, .mem_is_dst = true, .addr_bytes = 2, MEM(SEG_SS, REG_RBP, REG_RSI, 1, -2)) },
	{ "mov %ecx,%es:(%bx) (16 bit)", 16, 4, "\x26\x66\x89\x0f", I(X86_OP_MOV, .len = 4, .size = 4, .reg_size = 4, .reg = REG_RCX, .mem_is_dst = true, .addr_bytes = 2, MEM(SEG_ES, REG_RBX, -1, 1, 0)) },
	{ "or $4,(%rax)", 64, 3, "\x83\x08\x04", I(X86_OP_OR, .len = 3, .size = 4, .reg_size = 4, .mem_is_dst = true, .src = X86_SRC_IMM, .imm = 4, .addr_bytes = 8, MEM(SEG_DS, REG_RAX, -1, 1, 0)) },
	{ "andb $0xfe,(%rax)", 64, 3, "\x80\x20\xfe", I(X86_OP_AND, .len = 3, .size = 1, .reg_size = 1, .mem_is_dst = true, .src = X86_SRC_IMM, .imm = ~1ull, .addr_bytes = 8, MEM(SEG_DS, REG_RAX, -1, 1, 0)) },
	{ "testl $1,(%rax)", 64, 6, "\xf7\x00\x01\x00\x00\x00", I(X86_OP_TEST, .len = 6, .size = 4, .reg_size = 4, .mem_is_dst = true, .src = X86_SRC_IMM, .imm = 1, .addr_bytes = 8, MEM(SEG_DS, REG_RAX, -1, 1, 0)) },
	{ "notl (%rax)", 64, 2, "\xf7\x10", I(X86_OP_NOT, .len = 2, .size = 4, .reg_size = 4, .mem_is_dst = true, .addr_bytes = 8, MEM(SEG_DS, REG_RAX, -1, 1, 0)) },
	{ "cmp (%rax),%edx", 64, 2, "\x3b\x10", I(X86_OP_CMP, .len = 2, .size = 4, .reg_size = 4, .reg = REG_RDX, .addr_bytes = 8, MEM(SEG_DS, REG_RAX, -1, 1, 0)) },
	{ "lock xadd %edx,(%rax)", 64, 4, "\xf0\x0f\xc1\x10", I(X86_OP_XADD, .len = 4, .size = 4, .reg_size = 4, .reg = REG_RDX, .mem_is_dst = true, .lock = true, .addr_bytes = 8, MEM(SEG_DS, REG_RAX, -1, 1, 0)) },
	{ "btsl $3,(%rax)", 64, 4, "\x0f\xba\x28\x03", I(X86_OP_BTS, .len = 4, .size = 4, .reg_size = 4, .mem_is_dst = true, .src = X86_SRC_IMM, .imm = 3, .addr_bytes = 8, MEM(SEG_DS, REG_RAX, -1, 1, 0)) },
	{ "movbe (%rax),%edx", 64, 4, "\x0f\x38\xf0\x10", I(X86_OP_MOVBE, .len = 4, .size = 4, .reg_size = 4, .reg = REG_RDX, .addr_bytes = 8, MEM(SEG_DS, REG_RAX, -1, 1, 0)) },
	{ "movnti %edx,(%rax)", 64, 3, "\x0f\xc3\x10", I(X86_OP_MOV, .len = 3, .size = 4, .reg_size = 4, .reg = REG_RDX, .mem_is_dst = true, .addr_bytes = 8, MEM(SEG_DS, REG_RAX, -1, 1, 0)) },
	{ "rep stosl", 64, 2, "\xf3\xab", I(X86_OP_STOS, .len = 2, .size = 4, .reg_size = 4, .rep = true, .addr_bytes = 8, MEM(SEG_DS, -1, -1, 1, 0)) },
	{ "rep movsq", 64, 3, "\xf3\x48\xa5", I(X86_OP_MOVS, .len = 3, .size = 8, .reg_size = 8, .rep = true, .addr_bytes = 8, MEM(SEG_DS, -1, -1, 1, 0)) },
	{ "rep outsb %fs:(%esi)", 64, 4, "\xf3\x64\x67\x6e", I(X86_OP_OUTS, .len = 4, .size = 1, .reg_size = 1, .rep = true, .addr_bytes = 4, MEM(SEG_FS, -1, -1, 1, 0)) },
	{ "insl is four bytes with REX.W", 64, 2, "\x48\x6d", I(X86_OP_INS, .len = 2, .size = 4, .reg_size = 4, .addr_bytes = 8, MEM(SEG_DS, -1, -1, 1, 0)) },
	{ "REX before another prefix is void", 64, 4, "\x48\x66\x89\x03", I(X86_OP_MOV, .len = 4, .size = 2, .reg_size = 2, .reg = REG_RAX, .mem_is_dst = true, .addr_bytes = 8, MEM(SEG_DS, REG_RBX, -1, 1, 0)) },
	/* refused */
	{ "mov %eax,%ebx: no memory", 64, 2, "\x89\xc3", I(0) },
	{ "movups", 64, 3, "\x0f\x10\x03", I(0) },
	{ "vmovdqu", 64, 4, "\xc5\xfa\x6f\x03", I(0) },
	{ "push (%rax)", 64, 2, "\xff\x30", I(0) },
	{ "mul (%rax)", 64, 2, "\xf7\x20", I(0) },
	{ "crc32", 64, 5, "\xf2\x0f\x38\xf1\x10", I(0) },
	{ "arpl (32 bit)", 32, 2, "\x63\x17", I(0) },
	{ "bt group below /4", 64, 4, "\x0f\xba\x18\x03", I(0) },
	{ "cut: no ModRM", 64, 1, "\x89", I(0) },
	{ "cut: no displacement", 64, 4, "\x89\x0d\x34\x12", I(0) },
	{ "cut: no immediate", 64, 4, "\xc7\x00\x34\x12", I(0) },
	{ "cut: 0f alone", 64, 1, "\x0f", I(0) },
	{ "nothing", 64, 0, "", I(0) },
	{ "longer than 15 bytes", 64, 17, "\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x89\x03", I(0) },
};

static bool same(const struct x86_insn *a, const struct x86_insn *b)
{
	return a->op == b->op && a->len == b->len && a->size == b->size && a->reg_size == b->reg_size && a->reg == b->reg &&
	       a->high_byte == b->high_byte && a->mem_is_dst == b->mem_is_dst && a->src == b->src && a->imm == b->imm && a->lock == b->lock &&
	       a->rep == b->rep && a->addr_bytes == b->addr_bytes && a->seg == b->seg && a->base == b->base && a->index == b->index &&
	       a->scale == b->scale && a->disp == b->disp;
}

static void test_rows(void)
{
	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		const struct row *r = &rows[i];
		const struct x86_decode_mode m = { .bits = r->bits };
		struct x86_insn in;
		err_t err = decode_insn((const uint8_t *)r->bytes, r->n, &m, &in);

		if (!r->want.len)
			ok(err != OK, "refused: %s", r->text);
		else if (!ok(err == OK && same(&in, &r->want), "%s", r->text) && err == OK)
			tap_note("op %u len %u size %u/%u reg %u seg %u base %d index %d scale %u disp %lld imm %llx", in.op, in.len, in.size, in.reg_size,
				 in.reg, in.seg, in.base, in.index, in.scale, (long long)in.disp, (unsigned long long)in.imm);
	}
}

/* Every cut of a known instruction is refused, without reading beyond it (AddressSanitizer watches). */
static void test_cuts(void)
{
	bool all = true;

	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		for (unsigned n = 0; n < rows[i].want.len; n++) {
			const struct x86_decode_mode m = { .bits = rows[i].bits };
			uint8_t *cut = malloc(n ? n : 1);
			struct x86_insn in;

			memcpy(cut, rows[i].bytes, n);
			if (decode_insn(cut, n, &m, &in) == OK)
				all = false;
			free(cut);
		}
	}
	ok(all, "no instruction is longer than its bytes");
}

#define FLAGS (X86_RFLAGS_CF | X86_RFLAGS_PF | X86_RFLAGS_AF | X86_RFLAGS_ZF | X86_RFLAGS_SF | X86_RFLAGS_OF)
/* The same on this machine's CPU. */
#define REAL(name, insn, type, con) \
	static uint64_t name(type a, type b, uint64_t in, uint64_t *out) \
	{ \
		__asm__ volatile("push %3; popf; " insn "; pushf; pop %1" : "+" con(a), "=&r"(*out) : con(b), "r"(in) : "cc"); \
		return a; \
	}
REAL(real_add8, "addb %2, %0", uint8_t, "q")
REAL(real_add, "addl %2, %0", uint32_t, "r")
REAL(real_adc, "adcl %2, %0", uint32_t, "r")
REAL(real_sub16, "subw %2, %0", uint16_t, "r")
REAL(real_sub, "subq %2, %0", uint64_t, "r")
REAL(real_sbb, "sbbl %2, %0", uint32_t, "r")
REAL(real_and, "andl %2, %0", uint32_t, "r")
REAL(real_or, "orw %2, %0", uint16_t, "r")
REAL(real_xor, "xorq %2, %0", uint64_t, "r")
REAL(real_inc, "incl %0", uint32_t, "r")
REAL(real_dec, "decw %0", uint16_t, "r")
REAL(real_neg, "negl %0", uint32_t, "r")
REAL(real_bts, "btsl %2, %0", uint32_t, "r")

static const uint64_t values[] = { 0, 1, 2, 7, 8, 15, 16, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff,
	0x7fffffffffffffff, 0x8000000000000000, 0xffffffffffffffff, 0x123456789abcdef0 };

#define COMPARE(op, size, name, mask) do { \
	unsigned bad = 0; \
	for (unsigned i = 0; i < ARRAY_LEN(values); i++) \
		for (unsigned j = 0; j < ARRAY_LEN(values); j++) \
			for (uint64_t c = 0; c < 2; c++) { \
				uint64_t real_flags, flags, m = (size) == 8 ? ~0ull : (1ull << (8 * (size))) - 1; \
				uint64_t real = name(values[i] & m, values[j] & m, 0x202 | c, &real_flags) & m; \
				uint64_t r = decode_alu(op, size, values[i], values[j], 0x202 | c, &flags); \
				if (r != real || ((flags ^ real_flags) & (mask))) \
					bad++; \
			} \
	ok_eq(bad, 0, #name " as this CPU computes it"); \
} while (0)

static void test_alu(void)
{
	const uint64_t logic = FLAGS & ~X86_RFLAGS_AF;

	COMPARE(X86_OP_ADD, 1, real_add8, FLAGS);
	COMPARE(X86_OP_ADD, 4, real_add, FLAGS);
	COMPARE(X86_OP_ADC, 4, real_adc, FLAGS);
	COMPARE(X86_OP_SUB, 2, real_sub16, FLAGS);
	COMPARE(X86_OP_SUB, 8, real_sub, FLAGS);
	COMPARE(X86_OP_SBB, 4, real_sbb, FLAGS);
	COMPARE(X86_OP_AND, 4, real_and, logic);
	COMPARE(X86_OP_OR, 2, real_or, logic);
	COMPARE(X86_OP_XOR, 8, real_xor, logic);
	COMPARE(X86_OP_INC, 4, real_inc, FLAGS);
	COMPARE(X86_OP_DEC, 2, real_dec, FLAGS);
	COMPARE(X86_OP_NEG, 4, real_neg, FLAGS);
	COMPARE(X86_OP_BTS, 4, real_bts, X86_RFLAGS_CF);
}

int main(void)
{
	test_rows();
	test_cuts();
	test_alu();
	return tap_done();
}
