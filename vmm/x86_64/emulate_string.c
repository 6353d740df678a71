/* SPDX-License-Identifier: Apache-2.0 */
/* String instructions on devices and ports: MOVS, STOS, LODS, INS, OUTS with and without REP (SDM 2B). A bounded batch of elements
 * per exit; registers are up to date after each element, so that a fault or the batch's end resumes where it stopped.
 * Own CPU of the vCPU. */
#include <core/arith.h>
#include "x86.h"

#define BATCH 32

struct string_op { struct vcpu *v; const struct x86_mode *m; const struct x86_insn *in; uint16_t port; int64_t step; };

static uint64_t index_get(const struct string_op *s, unsigned reg)
{
	return x86_reg(s->v, X86_GPR0 + reg) & x86_size_mask(s->in->addr_bytes);
}

static void index_add(const struct string_op *s, unsigned reg, int64_t by)
{
	uint64_t now = x86_reg(s->v, X86_GPR0 + reg) + (uint64_t)by;

	x86_gpr_put(s->v, (uint8_t)reg, s->in->addr_bytes, false, now);
}

static err_t source(const struct string_op *s, uint64_t *value)
{
	struct mem_ref ref;
	uint64_t linear;
	err_t err = x86_linear(s->v, s->m, s->in->seg, index_get(s, REG_RSI), s->in->size, &linear);

	if (err == OK)
		err = x86_translate(s->v, s->m, linear, s->in->size, GPT_READ, &ref);
	return err == OK ? x86_mem_read(s->v, &ref, value) : err;
}

/* The destination is ES without override. It is translated before anything is read, so that a fault loses no input. */
static err_t destination(const struct string_op *s, struct mem_ref *ref)
{
	uint64_t linear;
	err_t err = x86_linear(s->v, s->m, SEG_ES, index_get(s, REG_RDI), s->in->size, &linear);

	return err == OK ? x86_translate(s->v, s->m, linear, s->in->size, GPT_WRITE, ref) : err;
}

static err_t element_to_memory(const struct string_op *s)
{
	struct mem_ref ref;
	uint64_t value = 0;
	err_t err = destination(s, &ref);

	if (err != OK)
		return err;
	if (s->in->op == X86_OP_INS)
		x86_bus(s->v, &s->v->vm->pio, s->port, s->in->size, false, &value);
	else if (s->in->op == X86_OP_STOS)
		value = x86_reg(s->v, X86_GPR0 + REG_RAX);
	else
		err = source(s, &value);
	if (err == OK)
		err = x86_mem_write(s->v, &ref, value & x86_size_mask(s->in->size));
	if (err != OK)
		return err;
	index_add(s, REG_RDI, s->step);
	if (s->in->op == X86_OP_MOVS)
		index_add(s, REG_RSI, s->step);
	return OK;
}

static err_t element(const struct string_op *s)
{
	uint64_t value = 0;
	err_t err;

	if (s->in->op != X86_OP_LODS && s->in->op != X86_OP_OUTS)
		return element_to_memory(s);
	err = source(s, &value);
	if (err != OK)
		return err;
	if (s->in->op == X86_OP_LODS)
		x86_gpr_put(s->v, REG_RAX, s->in->size, false, value);
	else
		x86_bus(s->v, &s->v->vm->pio, s->port, s->in->size, true, &value);
	index_add(s, REG_RSI, s->step);
	return OK;
}

void x86_emulate_string(struct vcpu *v, const struct x86_mode *m, const struct x86_insn *in, uint16_t port)
{
	struct string_op s = { v, m, in, port, in->size };
	uint64_t count = 1;

	x86_settle(v);
	if (m->rflags & X86_RFLAGS_DF)
		s.step = -s.step;
	if (in->rep)
		count = index_get(&s, REG_RCX);
	for (unsigned i = 0; i < BATCH && count; i++, count--) {
		if (element(&s) != OK)
			return;
		if (in->rep)
			index_add(&s, REG_RCX, -1);
	}
	if (!count)
		hv_current->arch->skip(v, in->len);
}

void x86_emulate_string_io(struct vcpu *v, const struct hv_exit *e)
{
	struct x86_decode_mode mode;
	struct x86_mode m;
	struct x86_code code;
	struct x86_insn in;

	hv_current->arch->mode_get(v, &m);
	mode = (struct x86_decode_mode){ .bits = x86_code_bits(&m) };
	if (x86_fetch(v, &m, &code) != OK || decode_insn(code.b, code.n, &mode, &in) != OK)
		return; /* changed while it ran: the CPU will see for itself */
	if (in.op == (e->pio.write ? X86_OP_OUTS : X86_OP_INS) && in.size == e->pio.size) /* as the CPU checked it */
		x86_emulate_string(v, &m, &in, e->pio.port);
}
