/* SPDX-License-Identifier: Apache-2.0 */
/* The interrupt controller, mostly by polling: a test acknowledges by itself, so that nothing happens between its steps. Pending, enabled,
 * active; priorities, masks, preemption; both ways to end an interrupt; edges and levels; routes; more pending than any hardware has list
 * registers; then registers written with nonsense. Wants two CPUs. */
#include "lib/guest.h"

enum { FIRST = 64, MANY = 60, A = 70, B = 71, C = 72, IDLE = 0xff }; /* lines without a device; RPR when nothing runs */
enum { UART_DR = 0, UART_IMSC = 0x38, UART_RIS = 0x3c, UART_ICR = 0x44, UART_TX = 1 << 5, CTL_ON = 1 };

static uint32_t hppi(void) { isb(); return (uint32_t)SYS_READ("icc_hppir1_el1"); }
static uint32_t rpr(void) { isb(); return (uint32_t)SYS_READ("icc_rpr_el1"); }
static void pend(unsigned i) { gic_set_bit(i, GICD_ISPENDR); }
static bool pending(unsigned i) { return gic_bit(i, GICD_ISPENDR); }
static bool active(unsigned i) { return gic_bit(i, GICD_ISACTIVER); }

/* The next interrupt, which may need a moment; or none for good. */
static uint32_t next(void)
{
	uint32_t intid = INTID_SPURIOUS;

	(void)WAIT((intid = irq_ack()) != INTID_SPURIOUS);
	return intid;
}

static bool none(void)
{
	for (unsigned i = 0; i < 20; i++) {
		uint32_t intid = irq_ack();

		if (intid != INTID_SPURIOUS) {
			note("unexpected: %u", intid);
			irq_end(intid);
			return false;
		}
	}
	return true;
}

static void prepare(void)
{
	unsigned n = gic_lines();

	for (unsigned i = 40; i < n; i++)
		gic_edge(i, true);
	for (unsigned i = FIRST; i < FIRST + MANY; i++) {
		irq_enable(i);
		gic_route(i, 0);
		gic_priority(i, PRIORITY_USUAL);
	}
}

static void check_identity(void)
{
	uint32_t typer = read32(GICD + GICD_TYPER);
	uint64_t r = read64(GICR + GICR_TYPER);

	ok(gic_lines() >= 128, "%u interrupts", gic_lines());
	ok_eq(read32(GICD + GICD_PIDR2) >> 4 & 15, 3, "a GICv3 distributor");
	ok_eq(read32(GICR + GICD_PIDR2) >> 4 & 15, 3, "and redistributor");
	ok((read32(GICD + GICD_CTLR) & 0x12) == 0x12, "affinity routing and group 1 are on");
	ok_eq(r >> 32, 0, "the first redistributor is CPU 0's");
	ok_eq(r >> 8 & 0xffff, 0, "and has number 0");
	for (unsigned i = 0; i < cpu_count(); i++) {
		r = read64(gicr_of(i) + GICR_TYPER);
		ok(r >> 32 == i && (r >> 4 & 1) == (i + 1 == cpu_count()), "redistributor of CPU %u, the last is told", i);
	}
	if (on_caisson) {
		ok(typer >> 16 & 1, "message-based interrupts");
		ok(!(typer >> 17 & 1), "no LPIs");
		ok_eq(gic_lines(), 128, "as many lines as the machine has");
	}
	ok((SYS_READ("icc_sre_el1") & 1) == 1, "system registers");
	ok((SYS_READ("icc_ctlr_el1") >> 8 & 7) >= 4, "five or more bits of priority");
}

/* ---- one interrupt's life */
static void check_states(void)
{
	ok(none() && hppi() == INTID_SPURIOUS && rpr() == IDLE, "nothing is there");
	pend(A);
	ok(pending(A) && !active(A) && hppi() == A, "made pending, it is the highest");
	ok(next() == A && !pending(A) && active(A), "acknowledged, it is active and no more pending");
	ok_eq(rpr(), PRIORITY_USUAL, "its priority runs");
	pend(A);
	ok(pending(A) && active(A) && none(), "made pending again, it waits for its own end");
	irq_end(A);
	ok(next() == A, "and comes then");
	irq_end(A);
	ok(!pending(A) && !active(A) && rpr() == IDLE && none(), "ended, it is idle");
	irq_disable(A);
	pend(A);
	ok(none() && pending(A), "disabled, it stays pending and does not come");
	irq_enable(A);
	ok(next() == A, "enabled, it comes");
	irq_end(A);
	pend(A);
	(void)hppi();
	irq_disable(A);
	ok(none(), "one that was about to come does not when it is disabled");
	irq_enable(A);
	gic_set_bit(A, GICD_ICPENDR);
	ok(none() && !pending(A), "nor when it is taken back");
	gic_set_bit(A, GICD_ISACTIVER);
	pend(A);
	ok(active(A) && none(), "made active by its register, it does not come");
	gic_set_bit(A, GICD_ICACTIVER);
	ok(!active(A) && next() == A, "until it is made inactive");
	gic_set_bit(A, GICD_ICACTIVER);
	ok(!active(A), "an acknowledged one can be made inactive");
	irq_end(A);
	ok(rpr() == IDLE && none(), "and its end is no more than the priority's");
}

static void check_groups(void)
{
	pend(A);
	SYS_WRITE("icc_igrpen1_el1", 0);
	ok(none(), "the group switched off in the CPU: nothing comes");
	SYS_WRITE("icc_igrpen1_el1", 1);
	ok(next() == A, "and on");
	irq_end(A);
	write32(GICD + GICD_CTLR, read32(GICD + GICD_CTLR) & ~2u);
	(void)read32(GICD + GICD_CTLR);
	pend(A);
	ok(none() && pending(A), "the group switched off in the distributor");
	write32(GICD + GICD_CTLR, read32(GICD + GICD_CTLR) | 2);
	ok(next() == A, "and on again");
	irq_end(A);
}

/* ---- priorities */
static void check_priority(void)
{
	gic_priority(A, 0xc0);
	gic_priority(B, 0x40);
	gic_priority(C, 0x80);
	pend(A);
	pend(C);
	pend(B);
	ok(hppi() == B && next() == B, "the highest of three comes first");
	ok(none(), "and holds back the others");
	irq_end(B);
	ok(next() == C, "then the next");
	irq_end(C);
	gic_priority(A, 0x20);
	ok(next() == A && rpr() == 0x20, "a priority that changes while pending counts");
	irq_end(A);
	gic_priority(A, 0x80);
	SYS_WRITE("icc_pmr_el1", 0x80);
	pend(A);
	ok(none(), "the mask holds back its own priority");
	SYS_WRITE("icc_pmr_el1", 0x88);
	ok(next() == A, "and lets higher ones through");
	irq_end(A);
	pend(A);
	SYS_WRITE("icc_pmr_el1", 0);
	ok(none(), "a mask of 0 holds back all");
	SYS_WRITE("icc_pmr_el1", 0xff);
	ok(next() == A, "one that waited comes");
	irq_end(A);
	write32(GICD + GICD_IPRIORITYR + 84, 0xffffffff);
	ok((read32(GICD + GICD_IPRIORITYR + 84) & 0xf8f8f8f8) == 0xf8f8f8f8, "a word of priorities");
	write8(GICD + GICD_IPRIORITYR + 85, 0);
	ok_eq(read32(GICD + GICD_IPRIORITYR + 84) & 0xf8f8f8f8, 0xf8f800f8, "a byte in it");
	write32(GICD + GICD_IPRIORITYR + 84, PRIORITY_USUAL * 0x01010101u);
}

static void check_preemption(void)
{
	gic_priority(A, 0xa0);
	gic_priority(B, 0x60);
	gic_priority(C, 0x20);
	pend(A);
	ok(next() == A, "low");
	pend(B);
	ok(next() == B && rpr() == 0x60, "a higher one preempts it");
	pend(C);
	ok(next() == C && rpr() == 0x20 && active(A) && active(B) && active(C), "and a still higher one that");
	irq_end(C);
	ok_eq(rpr(), 0x60, "the end of each uncovers the one below: second");
	irq_end(B);
	ok_eq(rpr(), 0xa0, "first");
	irq_end(A);
	ok_eq(rpr(), IDLE, "and idle");
	/* The binary point: 0x60 and 0x40 differ only below the group bits of BPR 7..; then they do not preempt one another. */
	SYS_WRITE("icc_bpr1_el1", 6);
	gic_priority(A, 0x60);
	gic_priority(B, 0x40);
	pend(A);
	ok(next() == A, "with a binary point of 6");
	pend(B);
	ok(none(), "priorities of one group do not preempt");
	irq_end(A);
	ok(next() == B, "but come in order");
	irq_end(B);
	SYS_WRITE("icc_bpr1_el1", 0);
	gic_priority(A, PRIORITY_USUAL);
	gic_priority(B, PRIORITY_USUAL);
	gic_priority(C, PRIORITY_USUAL);
}

/* EOImode 1: the priority drops first, the interrupt ends by ICC_DIR (IHI0069 4.7.1). */
static void check_two_steps(void)
{
	SYS_WRITE("icc_ctlr_el1", 2);
	pend(A);
	ok(next() == A, "in two steps");
	irq_end(A);
	ok(rpr() == IDLE && active(A), "the first drops the priority");
	pend(A);
	ok(none(), "it does not come again before the second");
	pend(B);
	ok(next() == B, "but others do");
	irq_end(B);
	SYS_WRITE("icc_dir_el1", B);
	SYS_WRITE("icc_dir_el1", A);
	ok(!active(B) && next() == A, "the second ends it");
	irq_end(A);
	SYS_WRITE("icc_dir_el1", A);
	ok(!active(A) && none(), "and all are idle");
	SYS_WRITE("icc_ctlr_el1", 0);
}

/* More of them dropped and active than there are list registers. */
static void check_dropped(void)
{
	enum { N = 24 };

	SYS_WRITE("icc_ctlr_el1", 2);
	for (unsigned i = 0; i < N; i++)
		pend(FIRST + i);
	for (unsigned i = 0; i < N; i++)
		irq_end(next());
	ok(rpr() == IDLE && active(FIRST) && active(FIRST + N - 1), "%u are dropped and active", N);
	for (unsigned i = N; i-- > 0;)
		SYS_WRITE("icc_dir_el1", FIRST + i);
	ok(!active(FIRST) && !active(FIRST + N / 2) && !active(FIRST + N - 1) && none(), "and end in reverse");
	SYS_WRITE("icc_ctlr_el1", 0);
}

/* Nothing is active or pending any more, whatever was; all lines that a test uses. */
static void calm(void)
{
	for (unsigned i = 0; i < gic_lines(); i += 32) {
		write32(gic_base(i) + GICD_ICENABLER + i / 8, ~0u);
		write32(gic_base(i) + GICD_ICACTIVER + i / 8, ~0u);
		write32(gic_base(i) + GICD_ICPENDR + i / 8, ~0u);
	}
	for (unsigned i = 0; i < 300 && rpr() != IDLE; i++)
		irq_end(A);
	gic_init();
	prepare();
}

/* Ending what is not active, or something else, is unpredictable, and the guest's own trouble (IHI0069 12.2.10). */
static void check_wrong_ends(void)
{
	for (unsigned i = 0; i < 24; i++)
		pend(FIRST + i);
	for (unsigned i = 0; i < 24 && next() != INTID_SPURIOUS; i++)
		irq_end(i % 3 ? 0 : FIRST + 23 - i);
	for (unsigned i = 0; i < 1100; i += i < 130 ? 1 : 97) {
		irq_end(i);
		SYS_WRITE("icc_dir_el1", i);
	}
	calm();
	pend(A);
	ok(next() == A, "ends of the wrong one are survived");
	irq_end(A);
	ok(rpr() == IDLE && none(), "and forgotten");
}

/* ---- more than there are list registers */
static void check_many(void)
{
	unsigned order = 0, came = 0;

	SYS_WRITE("icc_pmr_el1", 0);
	for (unsigned i = 0; i < MANY; i++) {
		unsigned k = i * 37 % MANY; /* 60 and 37 have no divisor in common */

		gic_priority(FIRST + k, (uint8_t)((k % 28 + 2) * 8));
		pend(FIRST + k);
	}
	SYS_WRITE("icc_pmr_el1", 0xff);
	for (unsigned last = 0; came < MANY; came++) {
		uint32_t intid = next(), p;

		if (intid == INTID_SPURIOUS)
			break;
		p = ((intid - FIRST) % 28 + 2) * 8;
		order += p < last;
		last = p;
		irq_end(intid);
	}
	ok_eq(came, MANY, "%u at once all come", MANY);
	ok_eq(order, 0, "by their priorities");
	ok(none(), "and no more");
	for (unsigned i = 0; i < MANY; i++)
		gic_priority(FIRST + i, PRIORITY_USUAL);
	/* While one is active, the others keep coming pending. */
	gic_priority(A, 0x40);
	pend(A);
	ok(next() == A, "one of high priority runs");
	for (unsigned i = 0; i < MANY; i++)
		if (FIRST + i != A)
			pend(FIRST + i);
	ok(none(), "%u of lower priority wait for it", MANY - 1);
	irq_end(A);
	for (came = 0; came < MANY - 1; came++) {
		uint32_t intid = next();

		if (intid == INTID_SPURIOUS)
			break;
		irq_end(intid);
	}
	ok_eq(came, MANY - 1, "and come when it ends");
	gic_priority(A, PRIORITY_USUAL);
	/* Nested as deep as priorities go: more active at a time than list registers. */
	for (came = 0; came < 14; came++) {
		gic_priority(FIRST + came, (uint8_t)(0xe0 - 16 * came));
		pend(FIRST + came);
		if (next() != FIRST + came)
			break;
	}
	ok_eq(came, 14, "14 preempt one another");
	while (came-- > 0)
		irq_end(FIRST + came);
	ok(rpr() == IDLE && none(), "and end in turn");
	for (unsigned i = 0; i < MANY; i++)
		gic_priority(FIRST + i, PRIORITY_USUAL);
}

/* ---- levels: the timer's, which is private, and the serial port's */
static void check_timer_level(void)
{
	irq_enable(INTID_VTIMER);
	SYS_WRITE("cntv_cval_el0", 0);
	SYS_WRITE("cntv_ctl_el0", CTL_ON);
	ok(next() == INTID_VTIMER && active(INTID_VTIMER), "a private level comes");
	irq_end(INTID_VTIMER);
	ok(next() == INTID_VTIMER, "and again while it is up");
	SYS_WRITE("cntv_ctl_el0", 0);
	irq_end(INTID_VTIMER);
	ok(none(), "and not when it fell while active");
	ok(!pending(INTID_VTIMER), "when it is not pending");
	ok(!active(INTID_VTIMER), "nor active");
	SYS_WRITE("cntv_ctl_el0", CTL_ON);
	irq_disable(INTID_VTIMER);
	ok(none() && pending(INTID_VTIMER), "disabled, it is pending");
	gic_set_bit(INTID_VTIMER, GICD_ICPENDR);
	ok(pending(INTID_VTIMER), "and cannot be taken back while it is up");
	SYS_WRITE("cntv_ctl_el0", 0);
	ok(WAIT(!pending(INTID_VTIMER)), "but falls with its line");
}

static void check_uart_level(void)
{
	gic_edge(SPI_UART, false);
	gic_route(SPI_UART, 0);
	write32(UART + UART_ICR, 0x7ff);
	write32(UART + UART_IMSC, UART_TX);
	irq_enable(SPI_UART);
	say("# a line that ends when it is sent\n");
	if (!ok(WAIT(read32(UART + UART_RIS) & UART_TX), "what was sent asks for an interrupt"))
		return;
	ok(next() == SPI_UART, "a device's level comes");
	irq_end(SPI_UART);
	ok(next() == SPI_UART && active(SPI_UART), "and again while it is up");
	write32(UART + UART_ICR, UART_TX);
	irq_end(SPI_UART);
	ok(none() && !pending(SPI_UART), "and not when it fell while active");
	irq_disable(SPI_UART);
	say("# another\n");
	ok(WAIT(pending(SPI_UART)) && none(), "disabled, it is pending");
	write32(UART + UART_ICR, UART_TX);
	ok(!pending(SPI_UART), "and falls with its line");
	say("# a third\n");
	(void)WAIT(pending(SPI_UART));
	irq_enable(SPI_UART);
	ok(next() == SPI_UART, "enabled, it comes");
	write32(UART + UART_IMSC, 0);
	irq_end(SPI_UART);
	ok(none(), "masked in the device, it is gone");
	irq_disable(SPI_UART);
	write32(UART + UART_ICR, 0x7ff);
}

/* ---- messages (IHI0069 12.9.37) */
static void check_messages(void)
{
	if (!(read32(GICD + GICD_TYPER) >> 16 & 1)) {
		skip("not here", "message-based interrupts");
		return;
	}
	write32(GICD + GICD_SETSPI_NSR, A);
	ok(next() == A, "a message is an interrupt");
	write32(GICD + GICD_SETSPI_NSR, A);
	ok(pending(A) && active(A), "another while it is active waits");
	irq_end(A);
	ok(next() == A, "and comes");
	irq_end(A);
	write32(GICD + GICD_SETSPI_NSR, A);
	write32(GICD + GICD_CLRSPI_NSR, A);
	ok(none(), "one can be taken back");
	write16(GICD + GICD_SETSPI_NSR, B);
	ok(next() == B, "16 bits are enough");
	irq_end(B);
	for (unsigned i = 0; i < 2048; i += i < 128 ? 1 : 101)
		if (i < FIRST || i >= FIRST + MANY)
			write32(GICD + GICD_SETSPI_NSR, i);
	for (unsigned i = 32; i < 64; i++)
		gic_set_bit(i, GICD_ICPENDR);
	ok(none(), "messages of other numbers are survived");
}

/* ---- routes */
static volatile unsigned took[MAX_CPUS];
static volatile bool up, stop;

static void on_spi(unsigned intid)
{
	(void)intid;
	took[cpu_self()->index]++;
}

static void other(unsigned index)
{
	(void)index;
	up = true;
	irq_on();
	while (!stop)
		wfi();
	irq_off();
}

static bool took_one(unsigned cpu)
{
	bool met = WAIT((irq_window(), took[cpu] == 1));

	for (unsigned i = 0; i < 50; i++)
		irq_window();
	met &= took[cpu] == 1 && took[!cpu] == 0;
	took[0] = took[1] = 0;
	return met;
}

static void check_routes(void)
{
	irq_set(A, on_spi);
	irq_set(0, on_spi);
	if (cpu_count() < 2 || !ok(cpu_start(1, other) && WAIT(up), "CPU 1 starts"))
		return;
	gic_route(A, 1);
	pend(A);
	ok(took_one(1), "routed to CPU 1, which sleeps");
	gic_route(A, 0);
	pend(A);
	ok(took_one(0), "and back");
	pend(A);
	gic_route(A, 1);
	ok(took_one(1), "one that waits for CPU 0 goes with its route");
	gic_route(A, 0);
	for (unsigned i = 0; i < 30; i++) {
		gic_route(A, i & 1);
		pend(A);
		(void)WAIT((irq_window(), took[0] + took[1] == i + 1));
		(void)WAIT(!active(A)); /* counted, but not ended yet; what is pended meanwhile may come where it is active */
	}
	ok(took[0] == 15 && took[1] == 15, "to and fro, 30 times: %u and %u", took[0], took[1]);
	took[0] = took[1] = 0;
	gic_route(A, 0x77);
	pend(A);
	for (unsigned i = 0; i < 50; i++)
		irq_window();
	ok(took[0] + took[1] == 0, "routed to nobody, it goes nowhere");
	gic_set_bit(A, GICD_ICPENDR);
	write64(GICD + GICD_IROUTER + 8 * A, 1ull << 31);
	pend(A);
	(void)WAIT((irq_window(), took[0] + took[1] == 1));
	for (unsigned i = 0; i < 50; i++)
		irq_window();
	ok_eq(took[0] + took[1], 1, "routed to any, one takes it");
	took[0] = took[1] = 0;
	/* Another CPU's end of what this one acknowledged means nothing there. */
	gic_route(A, 0);
	pend(A);
	ok(next() == A, "taken here");
	stop = true;
	sgi_send(0, 2);
	ok(WAIT(cpu_is_off(1)), "CPU 1 leaves");
	irq_end(A);
	ok(!active(A), "and ended here");
}

/* ---- nonsense */
static void check_nonsense(void)
{
	uint32_t v = 0;

	if (!on_caisson)
		return;
	for (unsigned round = 0; round < 2; round++)
		for (uint64_t off = 0; off < 0x10000; off += off < 0x1000 || (off >= 0x6000 && off < 0x6400) ? 4 : 0x104) {
			uint32_t w = round == 0 ? ~0u : (uint32_t)off * 0x9e3779b9;

			(void)write32_catch(GICD + off, w);
			(void)write32_catch(gicr_of(0) + off, w);
			(void)write32_catch(gicr_of(0) + GICR_SGI + off, w);
			(void)write32_catch(gicr_of(1) + GICR_SGI + off, w);
			(void)read32_catch(GICD + off, &v);
			(void)read32_catch(gicr_of(1) + off, &v);
			(void)read8(GICD + off + 1);
			(void)read16(GICD + off + 2);
			(void)read64(GICD + (off & ~7ull));
			write8(gicr_of(0) + GICR_SGI + off + 3, (uint8_t)w);
			write16(gicr_of(0) + off, (uint16_t)w);
			write64(GICD + (off & ~7ull), w);
		}
	(void)read32_catch(gicr_of(MAX_CPUS + 3), &v);
	for (unsigned i = 0; i < 2000; i++) {
		uint32_t intid = irq_ack();

		SYS_WRITE("icc_eoir1_el1", intid == INTID_SPURIOUS ? i : intid);
		SYS_WRITE("icc_dir_el1", i);
	}
	calm();
	ok(none(), "quiet after nonsense in every register");
	pend(A);
	ok(next() == A, "and it works");
	irq_end(A);
}

void guest_main(void)
{
	check_identity();
	prepare();
	check_states();
	check_groups();
	check_priority();
	check_preemption();
	check_two_steps();
	check_dropped();
	check_wrong_ends();
	check_many();
	check_timer_level();
	check_uart_level();
	check_messages();
	check_routes();
	check_nonsense();
}
