/* SPDX-License-Identifier: Apache-2.0 */
/* A guest's PL061 (Arm DDI0190 3): data by masked addresses, interrupts by edge or level. In the exit path under vm->lock, and on CPU 0
 * for the lines. Outputs lead nowhere. */
#include <vmm/pl061.h>
#include <vmm/primecell.h>

enum {
	REG_DATA_END = 0x400, REG_DIR = 0x400, REG_IS = 0x404, REG_IBE = 0x408, REG_IEV = 0x40c, REG_IE = 0x410, REG_RIS = 0x414, REG_MIS = 0x418,
	REG_IC = 0x41c, REG_AFSEL = 0x420,
	PART = 0x061, REVISION = 0,
};

/* What the pins carry: an output's own value, else what the machine drives. */
static uint8_t pl061_pins(const struct pl061_state *s)
{
	return (uint8_t)((s->output & s->dir) | (s->input & ~s->dir));
}

/* GPIORIS: a level line asks while its pin has the level of its event bit; an edge line keeps what was latched. */
static uint8_t pl061_raw(const struct pl061_state *s)
{
	uint8_t at_level = (uint8_t)~(pl061_pins(s) ^ s->event);

	return (uint8_t)((s->level & at_level) | (~s->level & s->edges));
}

/* After any change: latches the edges that the pins made since before, and drives the interrupt. */
static void pl061_update(struct pl061 *g, uint8_t before)
{
	struct pl061_state *s = &g->s;
	uint8_t now = pl061_pins(s), changed = before ^ now;

	/* Of an edge line: both, or the one that event names (1: rising). */
	s->edges |= (uint8_t)(changed & ~s->level & (s->both | (uint8_t)~(now ^ s->event)));
	irq_line_set(&g->irq, pl061_raw(s) & s->mask);
}

/* Address bits 9:2 say which data lines are meant (GPIODATA). */
static uint8_t pl061_data_mask(uint64_t off) { return (uint8_t)(off >> 2); }

static uint8_t pl061_register(const struct pl061_state *s, uint64_t off)
{
	switch (off) {
	case REG_DIR: return s->dir;
	case REG_IS: return s->level;
	case REG_IBE: return s->both;
	case REG_IEV: return s->event;
	case REG_IE: return s->mask;
	case REG_RIS: return pl061_raw(s);
	case REG_MIS: return pl061_raw(s) & s->mask;
	case REG_AFSEL: return s->afsel;
	default: return off >= PRIMECELL_ID ? primecell_id(PART, REVISION, off) : 0;
	}
}

static uint64_t pl061_read(void *ctx, uint64_t off, unsigned size)
{
	const struct pl061 *g = ctx;

	if (size > 4 || off % 4)
		return 0;
	return off < REG_DATA_END ? pl061_pins(&g->s) & pl061_data_mask(off) : pl061_register(&g->s, off);
}

static void pl061_write_register(struct pl061_state *s, uint64_t off, uint8_t v)
{
	switch (off) {
	case REG_DIR: s->dir = v; break;
	case REG_IS: s->level = v; break;
	case REG_IBE: s->both = v; break;
	case REG_IEV: s->event = v; break;
	case REG_IE: s->mask = v; break;
	case REG_IC: s->edges &= (uint8_t)~v; break;
	case REG_AFSEL: s->afsel = v; break;
	}
}

static void pl061_write(void *ctx, uint64_t off, unsigned size, uint64_t value)
{
	struct pl061 *g = ctx;
	uint8_t before = pl061_pins(&g->s), mask = pl061_data_mask(off);

	if (size > 4 || off % 4)
		return;
	if (off < REG_DATA_END)
		g->s.output = (uint8_t)((g->s.output & ~mask) | ((uint8_t)value & mask & g->s.dir));
	else
		pl061_write_register(&g->s, off, (uint8_t)value);
	pl061_update(g, before);
}
const struct bus_ops pl061_ops = {.read = pl061_read, .write = pl061_write};

void pl061_init(struct pl061 *g, struct irq_line irq)
{
	*g = (struct pl061){.irq = irq};
	pl061_reset(g);
}

void pl061_reset(struct pl061 *g)
{
	g->s = (struct pl061_state){.input = g->s.input};
	irq_line_set(&g->irq, false);
}

void pl061_set(struct pl061 *g, unsigned line, bool level)
{
	uint8_t before = pl061_pins(&g->s), bit;

	if (line >= 8)
		return;
	bit = (uint8_t)(1u << line);
	g->s.input = (uint8_t)(level ? g->s.input | bit : g->s.input & ~bit);
	pl061_update(g, before);
}
