/* SPDX-License-Identifier: Apache-2.0 */
/* Instructions that touch device registers. Plain moves become a portable MMIO exit; all others (read-modify-write, exchanges, what
 * crosses a page, strings) are done here, access by access. Own CPU of the vCPU. An instruction that is not known gets #UD; a
 * guest that runs code or keeps page tables outside of its memory is over. */
#include <core/arith.h>
#include <core/fmt.h>
#include <vmm/x86_64/lapic.h>
#include "x86.h"

void x86_gpr_put(struct vcpu *v, uint8_t reg, unsigned size, bool high, uint64_t value)
{
	enum x86_reg r = X86_GPR0 + reg;
	uint64_t old = x86_reg(v, r), m = x86_size_mask(size);

	if (high)
		value = (old & ~0xff00ull) | (value & 0xff) << 8;
	else if (size < 4)
		value = (old & ~m) | (value & m);
	else
		value &= m;
	x86_reg_put(v, r, value);
}

static uint64_t gpr_get(struct vcpu *v, const struct x86_insn *in, unsigned size)
{
	uint64_t value = x86_reg(v, X86_GPR0 + in->reg);

	return (in->high_byte ? value >> 8 : value) & x86_size_mask(size);
}

static uint64_t extend(uint64_t value, unsigned from, bool sign)
{
	unsigned shift = 64 - 8 * from;

	value &= x86_size_mask(from);
	return sign ? (uint64_t)((int64_t)(value << shift) >> shift) : value;
}

static uint64_t swap_bytes(uint64_t value, unsigned size)
{
	return __builtin_bswap64(value) >> (64 - 8 * size);
}

static inline uint64_t operand_offset(struct vcpu *v, const struct x86_mode *m, const struct x86_insn *in)
{
	uint64_t a = (uint64_t)in->disp;

	if (in->base == REG_RIP_RELATIVE)
		a += m->rip + in->len;
	else if (in->base >= 0)
		a += x86_reg(v, X86_GPR0 + (unsigned)in->base);
	if (in->index >= 0)
		a += x86_reg(v, X86_GPR0 + (unsigned)in->index) * in->scale;
	return a & x86_size_mask(in->addr_bytes);
}

void x86_mmio_finish(struct vcpu *v, const struct hv_exit *e)
{
	if (!e->mmio.write)
		x86_gpr_put(v, e->mmio.reg, e->mmio.reg_size, e->mmio.high_byte, extend(e->mmio.value, e->mmio.size, e->mmio.sign_extend));
	hv_current->arch->skip(v, e->mmio.insn_len);
}

/* The move as a portable exit. */
static void plain_move(struct vcpu *v, const struct x86_insn *in, struct gpa a, struct hv_exit *e)
{
	e->kind = HV_EXIT_MMIO;
	e->mmio.addr = a;
	e->mmio.size = in->size;
	e->mmio.write = in->mem_is_dst;
	e->mmio.sign_extend = in->op == X86_OP_MOVSX;
	e->mmio.reg = in->reg;
	e->mmio.reg_size = in->reg_size;
	e->mmio.high_byte = in->high_byte;
	e->mmio.insn_len = in->len;
	e->mmio.op = 0;
	e->mmio.value = 0;
	if (in->mem_is_dst)
		e->mmio.value = (in->src == X86_SRC_IMM ? in->imm : gpr_get(v, in, in->size)) & x86_size_mask(in->size);
}

static bool is_plain(const struct x86_insn *in)
{
	return in->op == X86_OP_MOV || in->op == X86_OP_MOVZX || in->op == X86_OP_MOVSX;
}

/* What op leaves in memory, in its register operand and in the flags. mem: memory's value before. */
struct outcome { uint64_t mem, reg, flags; bool write_mem, write_reg; };

static void compute_store(struct vcpu *v, const struct x86_insn *in, uint64_t mem, struct outcome *o)
{
	uint64_t src = in->src == X86_SRC_IMM ? in->imm : gpr_get(v, in, in->size), rax;

	o->write_mem = in->op != X86_OP_CMP && in->op != X86_OP_TEST && in->op != X86_OP_BT;
	switch (in->op) {
	case X86_OP_MOVBE:
		o->mem = swap_bytes(src, in->size);
		break;
	case X86_OP_XCHG:
		o->mem = src;
		o->reg = mem;
		o->write_reg = true;
		break;
	case X86_OP_XADD:
		o->mem = decode_alu(in->op, in->size, mem, src, o->flags, &o->flags);
		o->reg = mem;
		o->write_reg = true;
		break;
	case X86_OP_CMPXCHG:
		rax = x86_reg(v, X86_GPR0) & x86_size_mask(in->size);
		decode_alu(in->op, in->size, rax, mem, o->flags, &o->flags);
		o->mem = rax == mem ? src : mem;
		if (rax != mem)
			x86_gpr_put(v, REG_RAX, in->size, false, mem);
		break;
	default:
		o->mem = decode_alu(in->op, in->size, mem, src, o->flags, &o->flags);
		break;
	}
}

static void compute_load(struct vcpu *v, const struct x86_insn *in, uint64_t mem, struct outcome *o)
{
	o->write_reg = in->op != X86_OP_CMP;
	if (is_plain(in))
		o->reg = extend(mem, in->size, in->op == X86_OP_MOVSX);
	else if (in->op == X86_OP_MOVBE)
		o->reg = swap_bytes(mem, in->size);
	else
		o->reg = decode_alu(in->op, in->size, gpr_get(v, in, in->size), mem, o->flags, &o->flags);
}

/* The long way: translate, read, compute, write. An error has been told to the guest, or it is over. */
static __attribute__((noinline)) void execute(struct vcpu *v, const struct x86_mode *m, const struct x86_insn *in, uint64_t linear)
{
	bool reads = !(in->mem_is_dst && (in->op == X86_OP_MOV || in->op == X86_OP_MOVBE));
	struct outcome o = { .flags = m->rflags };
	struct mem_ref ref;
	uint64_t mem = 0;

	x86_settle(v);
	if (x86_translate(v, m, linear, in->size, in->mem_is_dst ? GPT_WRITE : GPT_READ, &ref) != OK)
		return;
	if (reads && x86_mem_read(v, &ref, &mem) != OK)
		return;
	if (in->mem_is_dst)
		compute_store(v, in, mem, &o);
	else
		compute_load(v, in, mem, &o);
	if (o.write_mem && x86_mem_write(v, &ref, o.mem) != OK)
		return;
	if (o.write_reg)
		x86_gpr_put(v, in->reg, in->reg_size, in->high_byte, o.reg);
	x86_reg_put(v, X86_RFLAGS, o.flags);
	hv_current->arch->skip(v, in->len);
}

static __attribute__((noinline)) void refuse(struct vcpu *v, const struct x86_code *code, uint64_t gpa)
{
	char text[3 * X86_INSN_MAX + 1] = "";

	for (unsigned i = 0; i < code->n; i++)
		fmt_buf(text + 3 * i, sizeof(text) - 3 * i, "%02x ", code->b[i]);
	if (vm_log_allowed(v->vm))
		log_warn("vm", "%s: vcpu %u: instruction %son device address 0x%llx is not supported: #UD", v->vm->name, v->index, text,
			 (unsigned long long)gpa);
	x86_inject(v, X86_EXC_UD, false, 0, 0);
}

/* Accesses that no instruction operand makes. */
static inline bool is_impossible(const struct hv_exit *e)
{
	return e->stage2.delivery || e->stage2.walk || (e->stage2.access & GMEM_X);
}

/* The guest is over. */
static __attribute__((noinline)) void crash_impossible(struct vcpu *v, const struct hv_exit *e)
{
	const char *what = e->stage2.delivery ? "delivers an event through" : e->stage2.walk ? "keeps page tables at" : "runs code from";
	char where[48];

	fmt_buf(where, sizeof(where), "rip=0x%llx", (unsigned long long)x86_reg(v, X86_RIP));
	vm_crash(v->vm, "guest %s address 0x%llx, which is not memory, at %s (vcpu %u)", what, (unsigned long long)e->stage2.addr.v, where,
		 v->index);
}

static inline err_t read_insn(struct vcpu *v, const struct x86_mode *m, const struct hv_exit *e, struct x86_code *out)
{
	if (!e->stage2.insn_len)
		return x86_fetch_known(v, m, out) ? OK : x86_fetch(v, m, out);
	*out = (struct x86_code){ .n = e->stage2.insn_len };
	__builtin_memcpy(out->b, e->stage2.insn, out->n);
	return OK;
}

/* NULL: an instruction that is not known. */
static const struct x86_insn *decode(struct vcpu *v, const struct x86_code *code, const struct x86_decode_mode *mode)
{
	struct x86_vcpu *x = x86_of(v);
	const struct x86_code *last = &x->decoded.code;

	if (code->n && last->n == code->n && x->decoded.bits == mode->bits && last->words[0] == code->words[0] && last->words[1] == code->words[1])
		return &x->decoded.in;
	x->decoded.code.n = 0;
	if (decode_insn(code->b, code->n, mode, &x->decoded.in) != OK)
		return NULL;
	x->decoded.code = *code;
	x->decoded.bits = mode->bits;
	x->decoded.plain = is_plain(&x->decoded.in);
	return &x->decoded.in;
}

/* What is no plain move. */
static __attribute__((noinline)) void emulate_other(struct vcpu *v, const struct x86_mode *m, const struct x86_code *code, const struct x86_insn *in, struct gpa a)
{
	uint64_t linear;

	if (in->op == X86_OP_MOVS || in->op == X86_OP_STOS || in->op == X86_OP_LODS)
		x86_emulate_string(v, m, in, 0);
	else if (in->op == X86_OP_INS || in->op == X86_OP_OUTS)
		refuse(v, code, a.v);
	else if (x86_linear(v, m, in->seg, operand_offset(v, m, in), in->size, &linear) == OK)
		execute(v, m, in, linear);
}

bool x86_emulate_mmio(struct vcpu *v, struct hv_exit *e)
{
	struct x86_decode_mode mode;
	struct x86_mode m UNINIT;
	struct gpa a = e->stage2.addr;
	struct x86_code code UNINIT;
	const struct x86_insn *in;
	uint64_t linear UNINIT;

	if (is_impossible(e)) {
		crash_impossible(v, e);
		return true;
	}
	hv_current->arch->mode_get(v, &m);
	mode = (struct x86_decode_mode){ .bits = x86_code_bits(&m) };
	if (read_insn(v, &m, e, &code) != OK)
		return true; /* it was changed while it ran: the CPU will see for itself */
	in = decode(v, &code, &mode);
	if (!in) {
		refuse(v, &code, a.v);
		return true;
	}
	if (!x86_of(v)->decoded.plain) {
		emulate_other(v, &m, &code, in, a);
		return true;
	}
	if (x86_linear(v, &m, in->seg, operand_offset(v, &m, in), in->size, &linear) != OK)
		return true;
	if ((linear & (PAGE_SIZE - 1)) + in->size > PAGE_SIZE || ((linear ^ a.v) & (PAGE_SIZE - 1))) {
		execute(v, &m, in, linear);
		return true;
	}
	plain_move(v, in, a, e);
	if (!lapic_mmio(v, a, in->size, in->mem_is_dst, &e->mmio.value)) {
		e->quick = true; /* as with ports */
		return false;
	}
	e->quick = e->mmio.write && !x86_takes_interrupts() && lapic_write_is_quick(v, (a.v & (PAGE_SIZE - 1)) / 16);
	x86_mmio_finish(v, e);
	return true;
}
