/* SPDX-License-Identifier: Apache-2.0 */
/* Local APIC: into and out of the page that a CPU works on when it delivers interrupts by itself (SDM 3C 30.1, 30.2). Own CPU, directly
 * around a run. Senders never touch the page: they set bits in IRR, wherever that lies. Knows the page's layout and no backend. */
#include "lapic_internal.h"

enum { WORD = 4 }; /* 32-bit words from one register to the next */

static uint8_t highest(const uint32_t words[8])
{
	for (int i = 7; i >= 0; i--)
		if (words[i])
			return (uint8_t)(i * 32 + 31 - __builtin_clz(words[i]));
	return 0; /* vectors below 16 are never pending */
}

/* The CPU reads and writes the page through its physical address. */
static volatile uint32_t *reg_at(void *page, unsigned reg)
{
	return (volatile uint32_t *)page + reg * WORD;
}

void lapic_page_load(struct vcpu *v, void *page, struct lapic_run *out)
{
	struct lapic *l = lapic_of(v);
	uint32_t irr[8], tmr[8];

	for (unsigned i = 0; i < 8; i++) {
		irr[i] = atomic_load(&l->irr[i]) ? atomic_exchange(&l->irr[i], 0) : 0;
		tmr[i] = atomic_load(&l->tmr[i]);
		*reg_at(page, R_IRR + i) = irr[i];
		*reg_at(page, R_ISR + i) = l->isr[i];
		*reg_at(page, R_TMR + i) = tmr[i];
	}
	*reg_at(page, R_TPR) = l->tpr;
	*reg_at(page, R_PPR) = lapic_ppr(l);
	out->requested = highest(irr);
	out->in_service = highest(l->isr);
	for (unsigned i = 0; i < 4; i++)
		out->eoi_exits[i] = tmr[2 * i] | (uint64_t)tmr[2 * i + 1] << 32;
}

/* A level-triggered vector that was posted while its EOI was not awaited yet: when the guest has ended it already, nobody has heard. */
static void end_unheard(struct vcpu *v, const struct lapic_run *run)
{
	struct lapic *l = lapic_of(v);

	for (unsigned i = 0; i < 8; i++) {
		uint32_t unheard = atomic_load(&l->tmr[i]) & ~(uint32_t)(run->eoi_exits[i / 2] >> (i % 2 * 32));

		unheard &= ~(l->isr[i] | atomic_load(&l->irr[i]));
		for (; unheard; unheard &= unheard - 1)
			lapic_eoi_done(v, (uint8_t)(i * 32 + (unsigned)__builtin_ctz(unheard)));
	}
}

void lapic_page_store(struct vcpu *v, void *page, const struct lapic_run *run)
{
	struct lapic *l = lapic_of(v);

	for (unsigned i = 0; i < 8; i++) {
		uint32_t irr = *reg_at(page, R_IRR + i);

		if (irr) {
			atomic_fetch_or(&l->irr[i], irr);
			*reg_at(page, R_IRR + i) = 0;
		}
		l->isr[i] = *reg_at(page, R_ISR + i);
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
	atomic_uint *to = words ? words : l->own_irr;

	if (to == l->irr)
		return;
	for (unsigned i = 0; i < 8; i++)
		atomic_store(&to[i], atomic_exchange(&l->irr[i], 0));
	l->irr = to;
}
