/* SPDX-License-Identifier: Apache-2.0 */
/* Local APIC: into and out of the page that a CPU works on when it delivers interrupts by itself (SDM 3C 30.1, 30.2). Own CPU, directly
 * around a run. Senders never touch the page: they set bits in IRR, wherever that lies. Knows the page's layout and no backend. */
#include "lapic_internal.h"

enum { WORD = 4 }; /* 32-bit words from one register to the next */

/* 0: none, since vectors below 16 are never pending. */
static uint8_t highest(const uint64_t words[VECTOR_WORDS])
{
	return (uint8_t)MAX(vectors_highest(words), 0);
}

/* The CPU reads and writes the page through its physical address. */
static volatile uint32_t *reg_at(void *page, unsigned reg)
{
	return (volatile uint32_t *)page + reg * WORD;
}

/* A word of vectors is two registers, from reg on. */
static void put_word(void *page, unsigned reg, uint64_t word)
{
	*reg_at(page, reg) = vector_reg(word, 0);
	*reg_at(page, reg + 1) = vector_reg(word, 1);
}

static uint64_t get_word(void *page, unsigned reg)
{
	return *reg_at(page, reg) | (uint64_t)*reg_at(page, reg + 1) << 32;
}

void lapic_page_load(struct vcpu *v, void *page, struct lapic_run *out)
{
	struct lapic *l = lapic_of(v);
	uint64_t irr[VECTOR_WORDS];

	for (unsigned i = 0; i < VECTOR_WORDS; i++) {
		irr[i] = atomic_load(&l->irr[i]) ? atomic_exchange(&l->irr[i], 0) : 0;
		out->eoi_exits[i] = atomic_load(&l->tmr[i]);
		put_word(page, R_IRR + 2 * i, irr[i]);
		put_word(page, R_ISR + 2 * i, l->isr[i]);
		put_word(page, R_TMR + 2 * i, out->eoi_exits[i]);
	}
	*reg_at(page, R_TPR) = l->tpr;
	*reg_at(page, R_PPR) = lapic_ppr(l);
	out->requested = highest(irr);
	out->in_service = highest(l->isr);
}

/* A level-triggered vector that was posted while its EOI was not awaited yet: when the guest has ended it already, nobody has heard. */
static void end_unheard(struct vcpu *v, const struct lapic_run *run)
{
	struct lapic *l = lapic_of(v);

	for (unsigned i = 0; i < VECTOR_WORDS; i++) {
		uint64_t unheard = atomic_load(&l->tmr[i]) & ~run->eoi_exits[i];

		unheard &= ~(l->isr[i] | atomic_load(&l->irr[i]));
		for (; unheard; unheard &= unheard - 1)
			lapic_eoi_done(v, (uint8_t)(i * 64 + (unsigned)__builtin_ctzll(unheard)));
	}
}

void lapic_page_store(struct vcpu *v, void *page, const struct lapic_run *run)
{
	struct lapic *l = lapic_of(v);

	for (unsigned i = 0; i < VECTOR_WORDS; i++) {
		uint64_t irr = get_word(page, R_IRR + 2 * i);

		if (irr) {
			atomic_fetch_or(&l->irr[i], irr);
			put_word(page, R_IRR + 2 * i, 0);
		}
		l->isr[i] = get_word(page, R_ISR + 2 * i);
	}
	l->tpr = *reg_at(page, R_TPR) & 0xff;
	end_unheard(v, run);
}

bool lapic_x2_live(const struct vcpu *v)
{
	const unsigned all = MODE_ENABLED | MODE_X2 | MODE_SOFT;

	return (atomic_load(&lapic_of(v)->mode) & all) == all;
}

void lapic_irr_move(struct vcpu *v, void *words)
{
	struct lapic *l = lapic_of(v);
	_Atomic uint64_t *to = words ? words : l->own_irr;

	if (to == l->irr)
		return;
	for (unsigned i = 0; i < VECTOR_WORDS; i++)
		atomic_store(&to[i], atomic_exchange(&l->irr[i], 0));
	l->irr = to;
}
