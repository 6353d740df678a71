/* SPDX-License-Identifier: Apache-2.0 */
/* Interrupts on their way through the guest's GICv3: from devices, timers and other vCPUs into list registers, through a guest that
 * acknowledges and ends them, and out again. The guest is gicv.h. */
#include <unit/tap.h>
#include "bare_arm.h"

static struct vcpu *const v0 = &bare_vcpus[0], *const v1 = &bare_vcpus[1];
static unsigned registers = 4;

static void start(unsigned n)
{
	CHECK(bare_init(n));
	vgic_probed(registers);
	gicd_set(GICD_CTLR, 2);
	for (unsigned i = 0; i < n; i++)
		vgic_flush(&bare_vcpus[i])->vmcr = GICV_VMCR;
}

static void on(unsigned cpu, unsigned intid, uint8_t priority)
{
	set_priority(cpu, intid, priority);
	bit_set(cpu, ISENABLER, intid);
}

static struct vgic_hw *enter(struct vcpu *v)
{
	struct vgic_hw *hw = vgic_flush(v);

	if (!gicv_legal(hw, registers))
		ok(false, "list registers that hardware understands");
	return hw;
}

/* One visit: the guest takes what is signalled. */
static unsigned take(struct vcpu *v)
{
	unsigned intid = gicv_ack(enter(v));

	vgic_sync(v);
	return intid;
}

static void end(struct vcpu *v, unsigned intid)
{
	gicv_eoi(enter(v), intid);
	vgic_sync(v);
}

static void test_message(void)
{
	struct msi_sink msi;

	start(2);
	msi = vgic_msi_sink(&bare);
	set_edge(70);
	on(0, 70, 0x80);
	ok(!vgic_pending(v0), "quiet");
	msi_send(&msi, VIRT_GICD + SETSPI, 70);
	ok(kicks[0] == 1 && vgic_pending(v0) && !vgic_pending(v1) && bit(0, ISPENDR, 70), "a message pends and kicks");
	msi_send(&msi, VIRT_GICD + SETSPI, 70);
	ok_eq(kicks[0], 1, "once");
	ok_eq(take(v0), 70, "taken");
	ok(bit(0, ISACTIVER, 70) && !bit(0, ISPENDR, 70) && !vgic_pending(v0), "active");
	msi_send(&msi, VIRT_GICD + SETSPI, 70);
	ok(kicks[0] == 2 && bit(0, ISPENDR, 70), "another while it is active");
	ok_eq(take(v0), GICV_NONE, "has to wait");
	end(v0, 70);
	ok(!bit(0, ISACTIVER, 70) && take(v0) == 70, "and comes after the end");
	end(v0, 70);
	ok(take(v0) == GICV_NONE && enter(v0)->used == 0, "quiet again");
	vgic_sync(v0);
	ok_eq(bare.counters.spurious_msis, 0, "nothing spurious");
	CHECK(bare_fini());
}

static void test_message_hostile(void)
{
	static const struct { uint64_t address; uint32_t data; } bad[] = {
		{VIRT_GICD + SETSPI, 27}, {VIRT_GICD + SETSPI, 128}, {VIRT_GICD + SETSPI, UINT32_MAX}, {VIRT_GICD + SETSPI, 0x10046},
		{VIRT_GICD + CLRSPI, 70}, {VIRT_GICD, 70}, {0, 70}, {UINT64_MAX, 70}, {VIRT_RAM, 70},
	};
	struct msi_sink msi;

	start(1);
	msi = vgic_msi_sink(&bare);
	on(0, 70, 0x80);
	on(0, 27, 0x80);
	for (unsigned i = 0; i < ARRAY_LEN(bad); i++)
		msi_send(&msi, bad[i].address, bad[i].data);
	ok_eq(bare.counters.spurious_msis, ARRAY_LEN(bad), "messages to nowhere are counted");
	ok(!vgic_pending(v0) && kicks[0] == 0, "and do nothing");
	CHECK(bare_fini());
}

/* GICD_SETSPI_NSR, GICD_CLRSPI_NSR: message-based levels last until the other register is written; edges until they are taken. */
static void test_setspi(void)
{
	start(1);
	on(0, 80, 0x80);
	mmio_wr(VIRT_GICD + SETSPI, 4, 80);
	ok(take(v0) == 80 && bit(0, ISPENDR, 80), "a level message is pending while active");
	end(v0, 80);
	ok_eq(take(v0), 80, "again and again");
	mmio_wr(VIRT_GICD + CLRSPI, 2, 80);
	end(v0, 80);
	ok_eq(take(v0), GICV_NONE, "until it is cleared");
	set_edge(81);
	on(0, 81, 0x80);
	mmio_wr(VIRT_GICD + SETSPI, 4, 81);
	mmio_wr(VIRT_GICD + CLRSPI, 4, 81);
	ok_eq(take(v0), GICV_NONE, "an edge can be cleared as well");
	mmio_wr(VIRT_GICD + SETSPI, 4, 5);
	mmio_wr(VIRT_GICD + SETSPI, 8, 81);
	mmio_wr(VIRT_GICD + SETSPI, 1, 81);
	ok_eq(take(v0), GICV_NONE, "by words and halves alone");
	CHECK(bare_fini());
}

static void test_level(void)
{
	struct irq_line line;
	struct vgic_hw *hw;

	start(1);
	line = vgic_line(&bare, 33);
	on(0, 33, 0xa0);
	irq_line_set(&line, true);
	irq_line_set(&line, true);
	ok_eq(kicks[0], 1, "the level is told once");
	hw = enter(v0);
	ok_eq(gicv_ack(hw), 33, "taken");
	ok(!gicv_maintenance(hw), "no maintenance while the guest is at it");
	gicv_eoi(hw, 33);
	ok(gicv_maintenance(hw), "its end is told, so that the level is looked at anew");
	vgic_sync(v0);
	ok(take(v0) == 33 && bit(0, ISPENDR, 33), "still up: again");
	ok_eq(take(v0), GICV_NONE, "not while it is active");
	irq_line_set(&line, false);
	end(v0, 33);
	ok(take(v0) == GICV_NONE && !bit(0, ISPENDR, 33), "down: quiet");
	irq_line_set(&line, true);
	irq_line_set(&line, false);
	ok_eq(take(v0), GICV_NONE, "a level that went before it was taken is gone");
	bit_set(0, ISPENDR, 33);
	ok(take(v0) == 33 && !bit(0, ISPENDR, 33), "pending by software lasts until it is taken");
	end(v0, 33);
	ok_eq(take(v0), GICV_NONE, "and not longer");
	kicks[0] = 0;
	irq_line_set(&line, true);
	(void)enter(v0);
	(void)enter(v0); /* an entry that did not come about */
	irq_line_set(&line, false);
	ok_eq(kicks[0], 2, "a level that goes while a guest runs with it takes it out");
	vgic_sync(v0);
	ok_eq(take(v0), GICV_NONE, "before the guest sees it again");
	vgic_line(&bare, 5).set(&bare, 5, true);
	vgic_line(&bare, 128).set(&bare, 128, true);
	ok_eq(take(v0), GICV_NONE, "lines that there are not");
	CHECK(bare_fini());
}

static void test_enables(void)
{
	start(1);
	set_edge(90);
	bit_set(0, ISPENDR, 90);
	ok(!vgic_pending(v0) && take(v0) == GICV_NONE && bit(0, ISPENDR, 90), "pending and not enabled");
	on(0, 90, 0x80);
	ok(kicks[0] == 1 && vgic_pending(v0), "enabling it kicks");
	gicd_set(GICD_CTLR, 0);
	ok(!vgic_pending(v0) && take(v0) == GICV_NONE, "the group is off");
	gicd_set(GICD_CTLR, 2);
	ok(kicks[0] == 2 && vgic_pending(v0), "switching it on kicks");
	vgic_flush(v0)->vmcr &= ~2ull;
	vgic_sync(v0);
	ok(!vgic_pending(v0) && take(v0) == GICV_NONE, "the interface's group is off");
	vgic_flush(v0)->vmcr = 0x80000002;
	vgic_sync(v0);
	ok(!vgic_pending(v0) && take(v0) == GICV_NONE, "the priority mask lets through what is higher");
	vgic_flush(v0)->vmcr = 0x88000002;
	vgic_sync(v0);
	ok(vgic_pending(v0) && take(v0) == 90, "and it is");
	CHECK(bare_fini());
}

/* The binary point decides which priorities may interrupt each other (4.8.3). */
static void test_preemption(void)
{
	start(1);
	set_edge(90);
	set_edge(91);
	on(0, 90, 0x98);
	on(0, 91, 0x90);
	bit_set(0, ISPENDR, 90);
	ok_eq(take(v0), 90, "the first");
	bit_set(0, ISPENDR, 91);
	ok(vgic_pending(v0), "a higher one may interrupt it");
	vgic_flush(v0)->vmcr |= 4u << 18;
	vgic_sync(v0);
	ok(!vgic_pending(v0), "not within one group of priorities: binary point 4");
	vgic_flush(v0)->vmcr = GICV_VMCR | 3u << 21 | 1u << 4;
	vgic_sync(v0);
	ok(!vgic_pending(v0), "group 0's binary point 3, when it is common, says the same");
	vgic_flush(v0)->vmcr = GICV_VMCR | 2u << 21 | 1u << 4;
	vgic_sync(v0);
	ok(vgic_pending(v0), "and 2 lets it");
	ok_eq(take(v0), 91, "nested");
	end(v0, 91);
	end(v0, 90);
	CHECK(bare_fini());
}

static void test_sgi(void)
{
	start(18);
	for (unsigned i = 0; i < 18; i++)
		on(i, 3, 0x40);
	(void)vgic_send_sgi(v0, 3u << 24 | 0x0006);
	ok(take(&bare_vcpus[1]) == 3 && take(&bare_vcpus[2]) == 3 && !vgic_pending(v0) && !vgic_pending(&bare_vcpus[3]), "to a list");
	(void)vgic_send_sgi(v0, 3u << 24 | 1u << 16 | 0x0002);
	ok(take(&bare_vcpus[17]) == 3 && !vgic_pending(&bare_vcpus[16]), "in another cluster");
	(void)vgic_send_sgi(v0, 3u << 24 | 1);
	ok(vgic_news(v0) && kicks[0] == 0, "to itself: it is not told, it looks");
	ok(take(v0) == 3 && !vgic_news(v0), "and finds it");
	end(v0, 3);
	on(0, 27, 0x80);
	vgic_set_ppi(v0, 27, true, 27);
	kicks[0] = 0;
	(void)vgic_flush(v0);
	(void)vgic_send_sgi(v0, 3u << 24 | 1);
	ok(!vgic_news(v0) && kicks[0] == 1, "while the timer's is in a list register, the timer is looked at before");
	vgic_set_ppi(v0, 27, false, 27);
	ok_eq(take(v0), 3, "and it comes");
	end(v0, 3);
	end(&bare_vcpus[17], 3);
	end(&bare_vcpus[1], 3);
	end(&bare_vcpus[2], 3);
	(void)vgic_send_sgi(v0, 1ull << 40 | 3u << 24 | 0xffff);
	for (unsigned i = 1; i < 18; i++)
		if (take(&bare_vcpus[i]) != 3)
			ok(false, "vCPU %u got it", i);
	ok(!vgic_pending(v0), "to all others");
	(void)vgic_send_sgi(v0, 3ull << 24 | 2ull << 16 | 0xffff);
	(void)vgic_send_sgi(v0, 3ull << 24 | 1ull << 32 | 0xffff);
	(void)vgic_send_sgi(v0, 3ull << 24 | 1ull << 48 | 0xffff);
	ok(!vgic_pending(v0), "to clusters that there are not");
	CHECK(bare_fini());
}

/* More pending than list registers: all come, best first, and nobody is forgotten. */
static void test_overflow(void)
{
	bool right = true;
	struct vgic_hw *hw;
	unsigned n = 0;

	start(1);
	for (unsigned i = 0; i < 12; i++) {
		set_edge(64 + i);
		on(0, 64 + i, (uint8_t)((20 - i) * 8));
		bit_set(0, ISPENDR, 64 + i);
	}
	while (n < 12) {
		unsigned got;

		hw = enter(v0);
		do {
			got = gicv_ack(hw);
			if (got == GICV_NONE)
				break;
			right &= got == 64 + 11 - n;
			gicv_eoi(hw, got);
			n++;
		} while (!gicv_maintenance(hw));
		vgic_sync(v0);
		if (got == GICV_NONE)
			break;
	}
	ok(n == 12 && right, "twelve through four registers, best first");
	ok(enter(v0)->hcr == 1 && take(v0) == GICV_NONE, "and then quiet, without maintenance");
	CHECK(bare_fini());
}

static bool nest(unsigned n)
{
	bool right = true;

	for (unsigned i = 0; i < n; i++) {
		set_edge(64 + i);
		on(0, 64 + i, (uint8_t)((20 - i) * 8));
		bit_set(0, ISPENDR, 64 + i);
		right &= take(v0) == 64 + i;
	}
	return right;
}

/* Exactly the first n are active. */
static bool nested(unsigned n)
{
	bool right = true;

	for (unsigned i = 0; i < 10; i++)
		right &= bit(0, ISACTIVER, 64 + i) == (i < n);
	return right;
}

/* Nested deeper than there are list registers: the guest's ends find the right ones, in registers or not. */
static void test_nesting(void)
{
	bool right = true;

	start(1);
	ok(nest(10) && nested(10), "ten nested");
	for (unsigned i = 10; i-- > 0;) {
		end(v0, 64 + i);
		right &= nested(i);
	}
	ok(right, "each end ends its own");
	ok(enter(v0)->used == 0, "nothing is left");
	gicv_eoi(enter(v0), 64);
	vgic_sync(v0);
	ok(take(v0) == GICV_NONE, "an end of nothing");
	CHECK(bare_fini());
}

/* The same without leaving the guest in between: those that are not in registers are counted, and that is told. */
static void test_nesting_counted(void)
{
	struct vgic_hw *hw;
	unsigned i = 10;

	start(1);
	ok(nest(10), "ten nested");
	hw = enter(v0);
	while (i > 10 - MIN(registers, 8u))
		gicv_eoi(hw, 64 + --i);
	ok(!gicv_maintenance(hw), "the ends of those in registers are the hardware's");
	gicv_eoi(hw, 64 + --i);
	ok(gicv_maintenance(hw), "the end of one that is not is told");
	gicv_eoi(hw, 64 + --i);
	vgic_sync(v0);
	ok(nested(i), "and all have found theirs");
	hw = enter(v0);
	while (i)
		gicv_eoi(hw, 64 + --i);
	vgic_sync(v0);
	ok(nested(0) && enter(v0)->used == 0, "to the last");
	vgic_sync(v0);
	CHECK(bare_fini());
}

/* Ends without deactivation (EOImode 1): what is pending is signalled although active ones fill the registers. */
static void test_separate_deactivation(void)
{
	bool right = true;

	start(1);
	vgic_flush(v0)->vmcr = GICV_VMCR | GICV_VMCR_EOIM;
	vgic_sync(v0);
	for (unsigned i = 0; i < 6; i++) {
		set_edge(64 + i);
		on(0, 64 + i, 0x80);
		bit_set(0, ISPENDR, 64 + i);
		right &= take(v0) == 64 + i;
		end(v0, 64 + i);
		right &= bit(0, ISACTIVER, 64 + i);
	}
	ok(right, "six active, none running, and each new one gets through");
	ok_eq(take(v0), GICV_NONE, "none is taken twice");
	for (unsigned i = 0; i < 6; i++)
		bit_set(0, ISPENDR, 64 + i);
	ok(!vgic_pending(v0) && !gicv_maintenance(enter(v0)), "all pending again, and none to be told: no maintenance that would never end");
	vgic_sync(v0);
	ok(enter(v0)->hcr & 1u << 14, "more active than registers: deactivation traps");
	vgic_sync(v0);
	vgic_deactivate(v0, 66);
	vgic_deactivate(v0, 1023);
	vgic_deactivate(v0, 0xffffffff);
	ok(!bit(0, ISACTIVER, 66) && bit(0, ISACTIVER, 64) && bit(0, ISACTIVER, 69), "and ends the one that it names");
	ok_eq(take(v0), 66, "which can come again");
	for (unsigned i = 64; i < 66; i++) {
		vgic_deactivate(v0, i);
		bit_set(0, ICPENDR, i);
	}
	ok(!(enter(v0)->hcr & 1u << 14), "with few enough there is no trap");
	vgic_sync(v0);
	CHECK(bare_fini());
}

/* The virtual timer: the host's interrupt 27 is active as long as the guest has it. */
static void test_linked(void)
{
	struct vgic_hw *hw;

	start(1);
	on(0, 27, 0xa0);
	vgic_set_ppi(v0, 27, true, 27);
	vgic_set_ppi(v0, 27, true, 27);
	ok(kicks[0] == 1 && vgic_pending(v0) && !vgic_ppi_active(v0, 27), "the timer fires");
	hw = enter(v0);
	ok(hw->used == 1 && hw->lr[0] >> 61 == 3 && (hw->lr[0] >> 32 & 0x3ff) == 27, "pending and linked");
	ok_eq(gicv_ack(hw), 27, "taken");
	vgic_sync(v0);
	ok(vgic_ppi_active(v0, 27), "active");
	hw = enter(v0);
	ok_eq(hw->lr[0] >> 61, 5, "while the level is still up: active, not pending too");
	gicv_eoi(hw, 27);
	ok(gicv_deactivated[27] == 1 && !gicv_maintenance(hw), "the end reaches the host's, and nobody has to know");
	vgic_sync(v0);
	vgic_set_ppi(v0, 27, false, 27);
	ok(!vgic_ppi_active(v0, 27) && take(v0) == GICV_NONE, "the guest had set its timer anew");
	/* It fires while the guest is away, and the guest masks its timer before it takes it. */
	vgic_set_ppi(v0, 27, true, 27);
	(void)enter(v0);
	vgic_sync(v0);
	vgic_set_ppi(v0, 27, false, 27);
	ok(!vgic_pending(v0) && take(v0) == GICV_NONE, "a timer that went away is not told");
	CHECK(bare_fini());
}

static void test_linked_by_hand(void)
{
	struct vgic_hw *hw;

	start(1);
	on(0, 27, 0xa0);
	vgic_set_ppi(v0, 27, false, 27);
	bit_set(0, ISPENDR, 27);
	hw = enter(v0);
	ok(hw->used == 1 && hw->lr[0] >> 62 == 1 && !(hw->lr[0] >> 61 & 1), "pending by software is not linked: the host's is not active");
	ok_eq(gicv_ack(hw), 27, "taken");
	vgic_sync(v0);
	vgic_set_ppi(v0, 27, true, 27);
	hw = enter(v0);
	gicv_eoi(hw, 27);
	ok(gicv_deactivated[27] == 0 && gicv_maintenance(hw), "its end is told");
	vgic_sync(v0);
	ok_eq(take(v0), 27, "and the timer's own comes");
	bit_set(0, ICACTIVER, 27);
	ok(!vgic_ppi_active(v0, 27), "ended by software");
	vgic_set_ppi(v0, 3, true, 0);
	vgic_set_ppi(v0, 32, true, 0);
	ok(!bit(0, ISPENDR, 3) && !bit(0, ISPENDR, 32) && !vgic_ppi_active(v0, 77), "only private peripherals' interrupts");
	CHECK(bare_fini());
}

static void test_routing(void)
{
	start(2);
	set_edge(70);
	on(0, 70, 0x80);
	mmio_wr(VIRT_GICD + IROUTER + 70 * 8, 8, 1);
	bit_set(0, ISPENDR, 70);
	ok(!vgic_pending(v0) && vgic_pending(v1) && kicks[1] == 1, "to the second vCPU");
	mmio_wr(VIRT_GICD + IROUTER + 70 * 8, 8, 0);
	ok(vgic_pending(v0) && !vgic_pending(v1) && kicks[0] == 1, "pending ones move");
	mmio_wr(VIRT_GICD + IROUTER + 70 * 8, 8, 0x500);
	ok(!vgic_pending(v0) && !vgic_pending(v1) && bit(0, ISPENDR, 70), "nobody's wait");
	mmio_wr(VIRT_GICD + IROUTER + 70 * 8, 8, 1);
	ok_eq(take(v1), 70, "taken by the second");
	mmio_wr(VIRT_GICD + IROUTER + 70 * 8, 8, 0);
	bit_set(0, ISPENDR, 70);
	ok(!vgic_pending(v0), "another waits for the one that is active there");
	end(v1, 70);
	ok(take(v0) == 70 && take(v1) == GICV_NONE, "and comes to the first");
	end(v0, 70);
	/* Moved while it is in the registers of a vCPU that runs. */
	bit_set(0, ISPENDR, 70);
	kicks[0] = kicks[1] = 0;
	(void)enter(v0);
	mmio_wr(VIRT_GICD + IROUTER + 70 * 8, 8, 1);
	ok(kicks[0] == 1 && take(v1) == GICV_NONE, "called back from a vCPU that runs");
	vgic_sync(v0);
	ok(kicks[1] == 1 && take(v1) == 70 && take(v0) == GICV_NONE, "and given to the other");
	/* The same with a level, which stays up: no two have it at once. */
	on(0, 33, 0x40);
	vgic_line(&bare, 33).set(&bare, 33, true);
	ok_eq(gicv_ack(enter(v0)), 33, "a level");
	mmio_wr(VIRT_GICD + IROUTER + 33 * 8, 8, 1);
	ok_eq(take(v1), GICV_NONE, "moved, and still the first one's");
	vgic_sync(v0);
	ok(take(v1) == GICV_NONE && bit(0, ISACTIVER, 33), "which has taken it");
	end(v0, 33);
	ok(take(v1) == 33 && take(v0) == GICV_NONE, "until its end");
	CHECK(bare_fini());
}

/* Another vCPU writes while an interrupt is in the registers of one that runs. */
static void test_recall(void)
{
	start(2);
	set_edge(70);
	on(0, 70, 0x80);
	bit_set(0, ISPENDR, 70);
	(void)enter(v0);
	ok(bit(0, ISPENDR, 70), "pending as the other sees it");
	kicks[0] = 0;
	bit_set(0, ICPENDR, 70);
	ok(kicks[0] == 1 && !bit(0, ISPENDR, 70), "cleared: taken out");
	vgic_sync(v0);
	ok_eq(take(v0), GICV_NONE, "and it is not pending again");

	bit_set(0, ISPENDR, 70);
	(void)enter(v0);
	bit_set(0, ICPENDR, 70);
	bit_set(0, ISPENDR, 70);
	vgic_sync(v0);
	ok_eq(take(v0), 70, "cleared and set again: pending");
	end(v0, 70);

	bit_set(0, ISPENDR, 70);
	(void)enter(v0);
	kicks[0] = 0;
	bit_set(0, ICENABLER, 70);
	ok_eq(kicks[0], 1, "disabled: taken out");
	vgic_sync(v0);
	ok(take(v0) == GICV_NONE && bit(0, ISPENDR, 70), "still pending, not told");
	bit_set(0, ISENABLER, 70);
	ok_eq(take(v0), 70, "enabled again");

	(void)enter(v0);
	bit_set(0, ICACTIVER, 70);
	ok(!bit(0, ISACTIVER, 70), "deactivated by another");
	vgic_sync(v0);
	ok(!bit(0, ISACTIVER, 70) && enter(v0)->used == 0, "which stays so");
	vgic_sync(v0);
	end(v0, 70);
	bit_set(0, ISPENDR, 70);
	(void)enter(v0);
	bit_set(0, ISACTIVER, 70);
	vgic_sync(v0);
	ok(bit(0, ISACTIVER, 70) && bit(0, ISPENDR, 70) && take(v0) == GICV_NONE, "activated by another: waits");
	bit_set(0, ICACTIVER, 70);
	ok_eq(take(v0), 70, "until it is not");
	CHECK(bare_fini());
}

/* One register and sixteen work as four do. */
static void test_registers(void)
{
	static const unsigned counts[] = {1, 2, 16};

	for (unsigned i = 0; i < ARRAY_LEN(counts); i++) {
		registers = counts[i];
		test_overflow();
		test_nesting();
		if (registers < 10)
			test_nesting_counted();
	}
	registers = 4;
}

/* Seven bits of preemption spread the active priorities over four registers. */
static void test_preemption_bits(void)
{
	start(1);
	set_edge(70);
	on(0, 70, 0x80);
	bit_set(0, ISPENDR, 70);
	vgic_probed_preemption(7);
	vgic_flush(v0)->ap1r[2] = 1;
	vgic_sync(v0);
	ok(!vgic_pending(v0), "priority 0x80 runs: an equal one waits");
	vgic_flush(v0)->ap1r[2] = 2;
	vgic_sync(v0);
	ok(vgic_pending(v0), "0x82 runs: 0x80 interrupts it");
	vgic_probed_preemption(5);
	CHECK(bare_fini());
}

int main(void)
{
	fake_init(32 * MIB, 1);
	test_message();
	test_message_hostile();
	test_setspi();
	test_level();
	test_enables();
	test_preemption();
	test_sgi();
	test_overflow();
	test_nesting();
	test_nesting_counted();
	test_separate_deactivation();
	test_linked();
	test_linked_by_hand();
	test_routing();
	test_recall();
	test_registers();
	test_preemption_bits();
	return tap_done();
}
