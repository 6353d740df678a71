/* SPDX-License-Identifier: Apache-2.0 */
/* Local APIC: life, interrupt acceptance and priority, INIT/SIPI/NMI signals (SDM 3A 11.8, 8.4). Acceptance runs on any CPU and
 * touches atomics only; priority and acknowledgement run on the vCPU's own CPU. Knows no backend and no register encoding. */
#include "lapic_internal.h"
#include <core/page.h>
#include <vmm/x86_64/ioapic.h>

err_t lapic_create(struct vcpu *v)
{
	struct lapic *l = pool_alloc(&v->vm->pool, sizeof *l);

	if (!l)
		return E_NOMEM;
	l->v = v;
	l->irr = l->own_irr;
	v->irqc = l;
	lapic_reset(v);
	return OK;
}

void lapic_destroy(struct vcpu *v)
{
	if (v->irqc)
		pool_free(&v->vm->pool, v->irqc, sizeof(struct lapic));
	v->irqc = NULL;
}

void lapic_reset(struct vcpu *v)
{
	struct lapic *l = lapic_of(v);

	l->base_msr = LAPIC_DEFAULT_BASE | BASE_EN | (v->index == 0 ? BASE_BSP : 0);
	atomic_store(&l->signals, 0);
	lapic_init_state(l);
	l->wait_sipi = v->index != 0;
}

void lapic_init_state(struct lapic *l)
{
	for (unsigned i = 0; i < VECTOR_WORDS; i++) {
		atomic_store(&l->irr[i], 0);
		atomic_store(&l->tmr[i], 0);
		l->isr[i] = 0;
	}
	for (unsigned i = 0; i < LAPIC_LVTS; i++)
		l->lvt[i] = LVT_MASKED;
	l->tpr = l->esr = l->icr_low = l->icr_high = 0;
	l->svr = 0xff;
	l->timer_divide = l->timer_initial = 0;
	lapic_timer_stop(l);
	atomic_store(&l->esr_pending, 0);
	atomic_store(&l->ldr, 0);
	atomic_store(&l->dfr, 0xffffffff);
	lapic_mode_update(l);
}

void lapic_mode_update(struct lapic *l)
{
	atomic_store(&l->mode, ((l->base_msr & BASE_EN) ? MODE_ENABLED : 0) | (lapic_is_x2(l) ? MODE_X2 : 0) |
			       ((l->svr & SVR_ENABLE) ? MODE_SOFT : 0));
}

uint64_t lapic_base_msr(const struct vcpu *v)
{
	return lapic_of(v)->base_msr;
}

bool lapic_enabled(const struct vcpu *v)
{
	return lapic_of(v)->base_msr & BASE_EN;
}

/* ---- acceptance, any CPU ---- */

void lapic_accept(struct lapic *l, uint8_t vector, bool level)
{
	unsigned word = vector / 64;
	uint64_t bit = vector_bit(vector);

	if ((atomic_load(&l->mode) & (MODE_ENABLED | MODE_SOFT)) != (MODE_ENABLED | MODE_SOFT))
		return;
	if (vector < 16) { /* SDM 3A 11.5.3 */
		atomic_fetch_or(&l->esr_pending, ESR_RECV_ILLEGAL);
		return;
	}
	if (level)
		atomic_fetch_or(&l->tmr[word], bit);
	else
		atomic_fetch_and(&l->tmr[word], ~bit);
	/* Whoever set the bit first kicks (or is about to). A level-triggered one needs an entry, which says that its EOI is awaited. */
	if (atomic_fetch_or(&l->irr[word], bit) & bit)
		return;
	if (level)
		vcpu_kick(l->v);
	else
		vcpu_post(l->v);
}

void lapic_signal(struct lapic *l, uint32_t set, uint32_t clear)
{
	uint32_t old = atomic_load(&l->signals);

	while (!atomic_compare_exchange_weak(&l->signals, &old, (old & ~clear) | set))
		;
	/* Whoever set a signal first kicks: a storm at a vCPU that cannot take it yet costs its CPU nothing. */
	if (set & ~old & (SIG_NMI | SIG_INIT | SIG_SIPI))
		vcpu_kick(l->v);
}

void lapic_post(struct vcpu *v, uint8_t vector, bool level)
{
	lapic_accept(lapic_of(v), vector, level);
}

void lapic_post_nmi(struct vcpu *v)
{
	lapic_signal(lapic_of(v), SIG_NMI, 0);
}

/* ---- priority, own CPU ---- */

static inline int irr_highest(const struct lapic *l)
{
	for (int i = VECTOR_WORDS - 1; i >= 0; i--) {
		uint64_t w = atomic_load_explicit(&l->irr[i], memory_order_acquire);

		if (w)
			return i * 64 + 63 - __builtin_clzll(w);
	}
	return -1;
}

uint32_t lapic_ppr(const struct lapic *l) /* SDM 3A 11.8.3.1 */
{
	int isr = vectors_highest(l->isr);
	uint32_t isrv = isr < 0 ? 0 : (uint32_t)isr;

	return (l->tpr >> 4) >= (isrv >> 4) ? l->tpr : isrv & 0xf0;
}

int lapic_highest_irr(struct vcpu *v)
{
	const struct lapic *l = lapic_of(v);

	return (l->base_msr & BASE_EN) && !l->wait_sipi ? irr_highest(l) : -1;
}

int lapic_pending(struct vcpu *v)
{
	int vector = lapic_highest_irr(v);

	return vector >= 0 && ((uint32_t)vector >> 4) > (lapic_ppr(lapic_of(v)) >> 4) ? vector : -1;
}

bool lapic_write_is_quick(struct vcpu *v, unsigned reg)
{
	return reg == R_EOI && lapic_highest_irr(v) < 0;
}

void lapic_ack(struct vcpu *v, uint8_t vector)
{
	struct lapic *l = lapic_of(v);

	atomic_fetch_and(&l->irr[vector / 64], ~vector_bit(vector));
	l->isr[vector / 64] |= vector_bit(vector);
}

void lapic_unack(struct vcpu *v, uint8_t vector)
{
	struct lapic *l = lapic_of(v);

	l->isr[vector / 64] &= ~vector_bit(vector);
	atomic_fetch_or(&l->irr[vector / 64], vector_bit(vector));
}

void lapic_eoi(struct lapic *l)
{
	int vector = vectors_highest(l->isr);

	if (vector < 0)
		return; /* EOI without an interrupt does nothing */
	l->isr[vector / 64] &= ~vector_bit((unsigned)vector);
	lapic_eoi_done(l->v, (uint8_t)vector);
}

void lapic_eoi_done(struct vcpu *v, uint8_t vector)
{
	if (!(atomic_load(&lapic_of(v)->tmr[vector / 64]) & vector_bit(vector)))
		return;
	spin_lock(&v->vm->lock);
	ioapic_eoi(v->vm, vector);
	spin_unlock(&v->vm->lock);
}

void lapic_error(struct lapic *l, uint32_t esr_bit)
{
	atomic_fetch_or(&l->esr_pending, esr_bit);
	if (!(l->lvt[LVT_ERROR] & LVT_MASKED))
		lapic_accept(l, l->lvt[LVT_ERROR] & LVT_VECTOR, false);
}

uint8_t lapic_cr8(const struct vcpu *v)
{
	return (uint8_t)(lapic_of(v)->tpr >> 4);
}

void lapic_set_cr8(struct vcpu *v, uint8_t cr8)
{
	lapic_of(v)->tpr = (uint32_t)(cr8 & 0xf) << 4;
}

/* ---- INIT, SIPI, NMI ---- */

bool lapic_signalled(const struct vcpu *v)
{
	const struct lapic *l = lapic_of(v);

	return atomic_load(&l->signals) || l->wait_sipi;
}

bool lapic_take_nmi(struct vcpu *v)
{
	struct lapic *l = lapic_of(v);

	return !l->wait_sipi && (atomic_load(&l->signals) & SIG_NMI) && (atomic_fetch_and(&l->signals, ~SIG_NMI) & SIG_NMI);
}

bool lapic_take_init(struct vcpu *v)
{
	struct lapic *l = lapic_of(v);

	if (!(atomic_load(&l->signals) & SIG_INIT) || !(atomic_fetch_and(&l->signals, ~(SIG_INIT | SIG_NMI)) & SIG_INIT))
		return false;
	if (v->index == 0) {
		/* The BSP would start at the reset vector, where this machine has no firmware: that is a reset. */
		vm_guest_reset(v->vm);
		return false;
	}
	lapic_init_state(l); /* keeps base MSR and with it x2APIC mode, SDM 3A 11.12.5.1 */
	l->wait_sipi = true;
	return true;
}

bool lapic_take_sipi(struct vcpu *v, uint8_t *vector)
{
	struct lapic *l = lapic_of(v);
	uint32_t old;

	/* An INIT that has come first must be taken first. */
	if ((atomic_load(&l->signals) & (SIG_SIPI | SIG_INIT)) != SIG_SIPI)
		return false;
	old = atomic_fetch_and(&l->signals, ~(SIG_SIPI | 0xffu << SIG_VECTOR_SHIFT));
	if (!(old & SIG_SIPI) || !l->wait_sipi)
		return false; /* SIPIs outside of wait-for-SIPI are ignored */
	l->wait_sipi = false;
	*vector = (uint8_t)(old >> SIG_VECTOR_SHIFT);
	return true;
}

bool lapic_waits_for_sipi(const struct vcpu *v)
{
	return lapic_of(v)->wait_sipi;
}

bool lapic_has_work(struct vcpu *v)
{
	const struct lapic *l = lapic_of(v);
	uint32_t wanted = l->wait_sipi ? SIG_INIT | SIG_SIPI : SIG_INIT | SIG_NMI;

	return (atomic_load(&l->signals) & wanted) || lapic_pending(v) >= 0;
}
