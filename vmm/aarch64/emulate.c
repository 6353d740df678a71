/* SPDX-License-Identifier: Apache-2.0 */
/* Device accesses by instructions that the hardware does not describe (ESR_EL2.ISV 0): fetched through the guest's own tables, decoded,
 * and carried out register by register. What is not decoded gets an external abort, as on a bus that cannot carry it. Own CPU; takes
 * vm->lock around the bus. */
#include <core/arith.h>
#include <string.h>
#include "arm.h"
#include "decode.h"

#define PIECES_MAX 4 /* two registers of two words */
#define SP 31u

/* One access of a power of two up to 8 bytes. */
struct piece { struct gpa at; uint8_t size; uint64_t value; };

static uint64_t stack_pointer(struct arch_regs *r, const uint64_t *put)
{
	uint64_t *sp = &r->sys[(r->pstate & PSTATE_M) == PSTATE_EL1H ? SYS_SP_EL1 : SYS_SP_EL0];

	if (put)
		*sp = *put;
	return *sp;
}

static uint64_t index_value(const struct arch_regs *r, const struct arm_ldst *in)
{
	uint64_t x = regs_x(r, in->rm);

	switch (in->extend) {
	case 2:
		x = (uint32_t)x;
		break;
	case 6:
		x = (uint64_t)(int64_t)(int32_t)(uint32_t)x;
		break;
	default:
		break;
	}
	return x << in->shift;
}

/* One access on the bus or to RAM: a pair may reach over the edge between them. */
static err_t piece_access(struct vm *vm, struct piece *p, bool load)
{
	bool claimed;

	if (gmem_is_ram(vm->mem, p->at, p->size))
		return load ? gmem_read(vm->mem, p->at, &p->value, p->size) : gmem_write(vm->mem, p->at, &p->value, p->size);
	spin_lock(&vm->lock);
	claimed = load ? bus_read(&vm->mmio, p->at.v, p->size, &p->value) : bus_write(&vm->mmio, p->at.v, p->size, p->value);
	spin_unlock(&vm->lock);
	if (claimed)
		return OK;
	atomic_fetch_add_explicit(&vm->counters.unknown_mmio, 1, memory_order_relaxed);
	if (load)
		p->value = UINT64_MAX;
	return OK;
}

/* Where a piece of register i comes from or goes to: word w of a vector register. */
static uint64_t piece_source(struct vcpu *v, const struct arch_regs *r, const struct arm_ldst *in, unsigned i, unsigned w)
{
	return in->vector ? hv_current->arch->vreg(v, in->rt[i])[w] : regs_x(r, in->rt[i]);
}

static void vector_put(struct vcpu *v, const struct arm_ldst *in, unsigned i, unsigned w, uint64_t value)
{
	uint64_t *reg = hv_current->arch->vreg(v, in->rt[i]);

	reg[w] = value;
	if (in->size <= 8)
		reg[1] = 0; /* a load of less clears the rest */
}

static void general_put(struct arch_regs *r, const struct arm_ldst *in, unsigned i, uint64_t value)
{
	unsigned bits = in->size * 8u;

	if (bits < 64 && in->sign_extend && (value >> (bits - 1) & 1))
		value |= ~0ull << bits;
	regs_x_put(r, in->rt[i], in->reg_size < 8 ? (uint32_t)value : value);
}

static uint64_t cut(uint64_t value, unsigned bytes)
{
	return bytes < 8 ? value & ((1ull << (bytes * 8)) - 1) : value;
}

/* All pieces are translated before the first access. E_GUEST: the first address is mapped no longer; E_RANGE: another is not, or a piece lies
 * in two pages, which may be anywhere. */
static err_t locate(struct vcpu *v, const struct arm_ldst *in, uint64_t va, struct piece *pieces, unsigned n)
{
	const unsigned size = MIN(in->size, 8);

	for (unsigned k = 0; k < n; k++) {
		err_t err;

		if ((va + k * size) % PAGE_SIZE + size > PAGE_SIZE)
			return E_RANGE;
		pieces[k].size = (uint8_t)size;
		err = arm_translate(v, va + k * size, &pieces[k].at);
		if (err != OK)
			return err == E_GUEST && k > 0 ? E_RANGE : err;
	}
	return OK;
}

static err_t execute(struct vcpu *v, const struct arm_ldst *in)
{
	struct arch_regs *r = arm_regs(v, REGS_WRITE);
	const uint64_t base = in->rn == SP ? stack_pointer(r, NULL) : regs_x(r, in->rn);
	const uint64_t offset = in->has_index ? index_value(r, in) : (uint64_t)in->offset, after = base + offset;
	const unsigned words = in->size > 8 ? 2 : 1, n = in->count * words;
	struct piece pieces[PIECES_MAX];
	err_t err = locate(v, in, in->post ? base : after, pieces, n);

	for (unsigned k = 0; k < n && err == OK; k++) {
		if (!in->load)
			pieces[k].value = cut(piece_source(v, r, in, k / words, k % words), pieces[k].size);
		err = piece_access(v->vm, &pieces[k], in->load);
	}
	if (err != OK)
		return err;
	for (unsigned k = 0; in->load && k < n; k++) {
		const uint64_t value = cut(pieces[k].value, pieces[k].size);

		if (in->vector)
			vector_put(v, in, k / words, k % words, value);
		else
			general_put(r, in, k, value);
	}
	if (in->writeback && in->rn == SP)
		(void)stack_pointer(r, &after);
	else if (in->writeback)
		regs_x_put(r, in->rn, after);
	hv_current->arch->skip(v);
	return OK;
}

static err_t fetch(struct vcpu *v, uint32_t *insn)
{
	struct gpa at;
	err_t err = arm_translate(v, arm_regs(v, REGS_CORE)->pc, &at);

	return err == OK ? gmem_read(v->vm->mem, at, insn, sizeof *insn) : err;
}

void arm_emulate(struct vcpu *v, bool write)
{
	struct arm_ldst in;
	uint32_t insn;
	err_t err = fetch(v, &insn);

	if (err == OK)
		err = arm_decode(insn, &in) ? execute(v, &in) : E_UNSUPPORTED;
	switch (err) {
	case OK:
	case E_GUEST: /* another vCPU took the mapping away: the guest runs into that itself */
		break;
	case E_NOMEM:
		vm_crash(v->vm, "the node is out of memory at pc=0x%llx (vcpu %u)", (unsigned long long)arm_regs(v, REGS_CORE)->pc, v->index);
		break;
	default:
		arm_inject_abort(v, hv_current->arch->fault_va(v), false, write, false);
		break;
	}
}
