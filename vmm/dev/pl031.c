/* SPDX-License-Identifier: Apache-2.0 */
/* A guest's PL031 (Arm DDI0224 3): reads give the host's UTC. Setting it is remembered and has no effect, and the alarm never rings: the
 * machine's description names no interrupt for it. In the exit path under vm->lock. */
#include <core/arith.h>
#include <core/clock.h>
#include <vmm/pl031.h>
#include <vmm/primecell.h>

enum {
	REG_DR = 0x00, REG_MR = 0x04, REG_LR = 0x08, REG_CR = 0x0c, REG_IMSC = 0x10,
	PART = 0x031, REVISION = 0,
};

/* Seconds since 1970 in 32 bits, as the part has them: good until 2106. */
static uint32_t pl031_seconds(void)
{
	int64_t now = clock_utc_ns();

	return now > 0 ? (uint32_t)((uint64_t)now / NS_PER_S) : 0;
}

static uint64_t pl031_read(void *ctx, uint64_t off, unsigned size)
{
	const struct pl031 *r = ctx;

	if (size > 4 || off % 4)
		return 0;
	switch (off) {
	case REG_DR: return pl031_seconds();
	case REG_MR: return r->match;
	case REG_LR: return r->load;
	case REG_CR: return 1; /* started, and nothing stops it (RTCCR) */
	case REG_IMSC: return r->imsc;
	default: return off >= PRIMECELL_ID ? primecell_id(PART, REVISION, off) : 0; /* RIS, MIS: no interrupt */
	}
}

static void pl031_write(void *ctx, uint64_t off, unsigned size, uint64_t v)
{
	struct pl031 *r = ctx;

	if (size != 4)
		return;
	if (off == REG_MR)
		r->match = (uint32_t)v;
	else if (off == REG_LR)
		r->load = (uint32_t)v;
	else if (off == REG_IMSC)
		r->imsc = v & 1;
}
const struct bus_ops pl031_ops = {.read = pl031_read, .write = pl031_write};

void pl031_reset(struct pl031 *r)
{
	*r = (struct pl031){0};
}
