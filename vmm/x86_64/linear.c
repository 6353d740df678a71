/* SPDX-License-Identifier: Apache-2.0 */
/* A guest's memory as its instructions see it: segments, linear addresses, pages, and what is behind them. Own CPU of the vCPU.
 * Takes vm->lock around a device access. Faults are queued for the guest; what cannot go on crashes this VM alone. */
#include <core/arith.h>
#include <vmm/x86_64/lapic.h>
#include "x86.h"

uint64_t x86_size_mask(unsigned bytes)
{
	return bytes >= 8 ? UINT64_MAX : (1ull << (8 * bytes)) - 1;
}

void x86_inject(struct vcpu *v, uint8_t vector, bool has_error, uint32_t error, uint64_t address)
{
	const struct hv_event ev = { .kind = HV_EVENT_EXCEPTION, .vector = vector, .has_error = has_error, .error = error, .fault_address = address };

	if (hv_current->vcpu_inject(v, &ev) != OK)
		vm_crash(v->vm, "exception %u could not be delivered (vcpu %u)", vector, v->index);
}

static unsigned left_in_page(uint64_t linear)
{
	return (unsigned)MIN(PAGE_SIZE - (linear & (PAGE_SIZE - 1)), (uint64_t)X86_INSN_MAX);
}

/* Reads what lies in one page; false when it cannot be read. */
static bool fetch_part(struct vcpu *v, const struct gpt_mode *mode, uint64_t linear, uint8_t *dst, unsigned n)
{
	struct gpt_fault fault;
	struct gpa a;

	return gpt_walk_again(v->vm->mem, mode, linear, GPT_FETCH, x86_fetch_memo(v, linear), &a, &fault) == OK && gmem_read(v->vm->mem, a, dst, n) == OK;
}

err_t x86_fetch(struct vcpu *v, const struct x86_mode *m, struct x86_code *out)
{
	const struct gpt_mode mode = gpt_mode_of(m);
	uint64_t linear = x86_code_address(m);
	unsigned first = left_in_page(linear);

	*out = (struct x86_code){ 0 };
	if (!fetch_part(v, &mode, linear, out->b, first))
		return E_GUEST;
	if (first < X86_INSN_MAX && fetch_part(v, &mode, linear + first, out->b + first, X86_INSN_MAX - first))
		first = X86_INSN_MAX;
	out->n = (uint8_t)first;
	return OK;
}

static err_t segment_fault(struct vcpu *v, unsigned seg)
{
	x86_inject(v, seg == SEG_SS ? X86_EXC_SS : X86_EXC_GP, true, 0, 0);
	return E_PERM;
}

/* SDM 3A 5.3: the last byte must lie within the limit; expand-down data segments are valid above it. */
static bool within_limit(const struct x86_seg *s, uint64_t offset, unsigned size)
{
	bool expand_down = (s->attr & 0x1c) == 0x14;
	uint64_t last = offset + size - 1;

	if (!(s->attr & SEG_ATTR_P))
		return false;
	if (expand_down)
		return offset > s->limit && last <= (s->attr & SEG_ATTR_DB ? UINT32_MAX : UINT16_MAX);
	return last <= s->limit;
}

err_t x86_linear_segment(struct vcpu *v, const struct x86_mode *m, unsigned seg, uint64_t offset, unsigned size, uint64_t *out)
{
	bool long_mode = x86_is_64bit(m);
	struct x86_seg s = { 0 };

	if (!long_mode || seg == SEG_FS || seg == SEG_GS)
		hv_current->arch->seg_get(v, seg, &s);
	if (long_mode) {
		*out = offset + s.base;
		return x86_is_canonical(m, *out) ? OK : segment_fault(v, seg);
	}
	offset &= 0xffffffff;
	if (!within_limit(&s, offset, size))
		return segment_fault(v, seg);
	*out = (s.base + offset) & 0xffffffff;
	return OK;
}

static err_t translate_part(struct vcpu *v, const struct gpt_mode *mode, uint64_t linear, unsigned access, struct gpa *out)
{
	struct gpt_fault fault;
	err_t err = gpt_walk(v->vm->mem, mode, linear, access, out, &fault);

	if (err == E_PERM)
		x86_inject(v, X86_EXC_PF, true, fault.error, fault.address);
	else if (err == E_GUEST)
		vm_crash(v->vm, "page tables outside of memory, for address 0x%llx (vcpu %u)", (unsigned long long)linear, v->index);
	else if (err != OK)
		vm_crash(v->vm, "the node is out of memory while reading page tables (vcpu %u)", v->index);
	return err;
}

err_t x86_translate(struct vcpu *v, const struct x86_mode *state, uint64_t linear, unsigned size, unsigned access, struct mem_ref *out)
{
	unsigned first = (unsigned)MIN(PAGE_SIZE - (linear & (PAGE_SIZE - 1)), (uint64_t)size);
	struct mem_ref m = { .len = { (uint8_t)first, (uint8_t)(size - first) } };
	const struct gpt_mode mode = gpt_mode_of(state);
	err_t err;

	err = translate_part(v, &mode, linear, access, &m.at[0]);
	if (err == OK && m.len[1])
		err = translate_part(v, &mode, linear + first, access, &m.at[1]);
	if (err == OK)
		*out = m;
	return err;
}

void x86_bus(struct vcpu *v, struct bus *b, uint64_t addr, unsigned size, bool write, uint64_t *value)
{
	struct vm *vm = v->vm;
	uint64_t got = 0;
	bool claimed;

	spin_lock(&vm->lock);
	claimed = write ? bus_write(b, addr, size, *value & x86_size_mask(size)) : bus_read(b, addr, size, &got);
	spin_unlock(&vm->lock);
	if (!claimed)
		atomic_fetch_add_explicit(b == &vm->pio ? &vm->counters.unknown_ports : &vm->counters.unknown_mmio, 1, memory_order_relaxed);
	if (!write)
		*value = (claimed ? got : UINT64_MAX) & x86_size_mask(size);
}

/* size 1, 2, 4 or 8 within a page. */
static err_t phys_access(struct vcpu *v, struct gpa a, unsigned size, bool write, uint64_t *value)
{
	err_t err;

	if (lapic_mmio(v, a, size, write, value))
		return OK;
	if (!gmem_is_ram(v->vm->mem, a, size)) {
		x86_bus(v, &v->vm->mmio, a.v, size, write, value);
		return OK;
	}
	if (!write)
		*value = 0;
	err = write ? gmem_write(v->vm->mem, a, value, size) : gmem_read(v->vm->mem, a, value, size);
	if (err == OK)
		return OK;
	vm_crash(v->vm, "the node is out of memory at guest-physical 0x%llx (vcpu %u)", (unsigned long long)a.v, v->index);
	return E_GUEST;
}

/* An access that a page boundary cuts goes byte by byte, as buses have no odd widths. */
static err_t mem_access(struct vcpu *v, const struct mem_ref *m, bool write, uint64_t *value)
{
	unsigned shift = 0;
	uint64_t sum = 0;

	if (!m->len[1])
		return phys_access(v, m->at[0], m->len[0], write, value);
	for (unsigned part = 0; part < 2; part++) {
		for (unsigned i = 0; i < m->len[part]; i++, shift += 8) {
			uint64_t byte = write ? (*value >> shift) & 0xff : 0;
			err_t err = phys_access(v, GPA(m->at[part].v + i), 1, write, &byte);

			if (err != OK)
				return err;
			sum |= (byte & 0xff) << shift;
		}
	}
	if (!write)
		*value = sum;
	return OK;
}

err_t x86_mem_read(struct vcpu *v, const struct mem_ref *m, uint64_t *value)
{
	return mem_access(v, m, false, value);
}

err_t x86_mem_write(struct vcpu *v, const struct mem_ref *m, uint64_t value)
{
	return mem_access(v, m, true, &value);
}
