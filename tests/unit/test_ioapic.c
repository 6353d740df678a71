/* SPDX-License-Identifier: Apache-2.0 */
/* The guest's IOAPIC through its registers: edges, level-triggered flows with EOI from the LAPIC and by register, masks, hostile
 * entries, state that travels. */
#include <unit/tap.h>
#include "bare_vm.h"

static struct vcpu *const v0 = &bare_vcpus[0], *const v1 = &bare_vcpus[1];

static uint32_t io_read(unsigned off)
{
	uint64_t v = 0xdead;

	if (!bus_read(&bare.mmio, IOAPIC_BASE + off, 4, &v))
		ok(false, "claims 0x%x", off);
	return (uint32_t)v;
}

static void io_write(unsigned off, uint32_t v)
{
	if (!bus_write(&bare.mmio, IOAPIC_BASE + off, 4, v))
		ok(false, "claims 0x%x", off);
}

static uint32_t reg(unsigned r) { io_write(0, r); return io_read(0x10); }
static void set_reg(unsigned r, uint32_t v) { io_write(0, r); io_write(0x10, v); }

static void redir(unsigned pin, uint32_t low, uint32_t high)
{
	set_reg(0x11 + 2 * pin, high);
	set_reg(0x10 + 2 * pin, low);
}

static void apic_wr(struct vcpu *v, unsigned off, uint64_t x)
{
	if (!lapic_mmio(v, GPA(LAPIC_DEFAULT_BASE + off), 4, true, &x))
		ok(false, "lapic write");
}

static int take(struct vcpu *v)
{
	int vector = lapic_pending(v);

	if (vector >= 0)
		lapic_ack(v, (uint8_t)vector);
	return vector;
}

static void eoi(struct vcpu *v) { apic_wr(v, 0xb0, 0); }

static void start(void)
{
	uint8_t vector;

	CHECK(bare_init(2));
	CHECK(ioapic_create(&bare) == OK);
	apic_wr(v0, 0xf0, 0x1ff);
	apic_wr(v1, 0xf0, 0x1ff);
	apic_wr(v0, 0x310, 1u << 24);
	apic_wr(v0, 0x300, 0x600);
	CHECK(lapic_take_sipi(v1, &vector));
}

static void finish(void)
{
	ioapic_destroy(&bare);
	ioapic_destroy(&bare);
	ok(bare.mmio.n == 0, "the claim is gone");
	CHECK(bare_fini());
}

static void test_registers(void)
{
	start();
	ok_eq(reg(1), 0x170020, "version 0x20 with 24 pins");
	set_reg(0, 0xffffffff);
	ok_eq(reg(0), 0x0f000000, "the id has four bits");
	ok_eq(reg(2), 0x0f000000, "arbitration id follows");
	ok(reg(0x10) == 0x10000 && reg(0x3e) == 0x10000, "all pins masked");
	redir(23, 0xffffffff, 0xffffffff);
	ok(reg(0x3e) == 0x1afff && reg(0x3f) == 0xff000000, "status, remote IRR and reserved bits stay 0");
	ok(reg(0x40) == 0 && reg(0xff) == 0 && reg(3) == 0 && reg(0xf) == 0, "registers that do not exist");
	set_reg(0x40, 0xffffffff);
	set_reg(0xff, 0xffffffff);
	ok(io_read(0x14) == 0 && io_read(0xffc) == 0, "offsets without register");
	io_write(0xffc, 1);
	io_write(0, 0xffffff11);
	ok_eq(io_read(0), 0x11, "the select register has eight bits");
	ioapic_set(&bare, 24, true);
	ioapic_set(&bare, UINT32_MAX, true);
	ok(!lapic_has_work(v0), "pins beyond the last are nothing");
	finish();
}

static void test_edge(void)
{
	struct irq_line l;

	start();
	l = ioapic_line(&bare, 4);
	irq_line_set(&l, true);
	irq_line_set(&l, false);
	redir(4, 0x34, 0);
	ok_eq(take(v0), -1, "an edge on a masked pin is lost");
	irq_line_set(&l, true);
	ok_eq(take(v0), 0x34, "an edge");
	eoi(v0);
	irq_line_set(&l, true);
	ok_eq(take(v0), -1, "staying up is no edge");
	irq_line_set(&l, false);
	redir(4, 0x35, 1u << 24);
	irq_line_set(&l, true);
	ok(take(v0) == -1 && take(v1) == 0x35, "to another CPU");
	eoi(v1);
	ok_eq(take(v1), -1, "EOI does not repeat it");
	ok_eq(bare.counters.spurious_msis, 0, "nothing spurious");
	finish();
}

static void test_level(void)
{
	struct irq_line l;

	start();
	l = ioapic_line(&bare, 9);
	redir(9, 0x8049, 0);
	irq_line_set(&l, true);
	ok_eq(reg(0x22), 0xc049, "remote IRR is set");
	ok_eq(take(v0), 0x49, "level up");
	irq_line_set(&l, true);
	ok_eq(take(v0), -1, "no second before the EOI");
	eoi(v0);
	ok_eq(take(v0), 0x49, "still up at the EOI: again");
	irq_line_set(&l, false);
	eoi(v0);
	ok(take(v0) == -1 && reg(0x22) == 0x8049, "down at the EOI: quiet");
	redir(9, 0x18049, 0);
	irq_line_set(&l, true);
	ok_eq(take(v0), -1, "masked");
	redir(9, 0x8049, 0);
	ok_eq(take(v0), 0x49, "unmasked while up");
	redir(9, 0x18049, 0);
	eoi(v0);
	ok_eq(take(v0), -1, "masked at the EOI");
	redir(9, 0x8049, 0);
	ok_eq(take(v0), 0x49, "and it comes with the unmasking");
	redir(9, 0x10049, 0);
	ok_eq(reg(0x22), 0x10049, "turned to edge, remote IRR is gone");
	eoi(v0);
	redir(9, 0x8049, 0);
	ok_eq(take(v0), 0x49, "back to level, it asks again");
	irq_line_set(&l, false);
	io_write(0x40, 0x49);
	ok_eq(reg(0x22), 0x8049, "EOI by the register");
	finish();
}

/* Two pins on one vector, and an edge interrupt of the same vector in service. */
static void test_shared(void)
{
	start();
	redir(10, 0x8049, 0);
	redir(11, 0x8049, 0);
	ioapic_set(&bare, 10, true);
	ioapic_set(&bare, 11, true);
	ok_eq(take(v0), 0x49, "one interrupt for both");
	ioapic_set(&bare, 10, false);
	eoi(v0);
	ok_eq(take(v0), 0x49, "the other is still up");
	ioapic_set(&bare, 11, false);
	eoi(v0);
	ok_eq(take(v0), -1, "quiet");
	ioapic_set(&bare, 10, true);
	ok_eq(take(v0), 0x49, "level again");
	lapic_post(v0, 0x49, false);
	eoi(v0);
	ok(reg(0x24) == 0xc049, "an edge of the same vector meanwhile: its EOI does not reach the IOAPIC");
	ok_eq(take(v0), 0x49, "the edge");
	finish();
}

static void test_hostile(void)
{
	start();
	redir(1, 0x0005, 0);
	ioapic_set(&bare, 1, true);
	ok_eq(bare.counters.spurious_msis, 1, "vector 5");
	redir(2, 0x0700, 0);
	ioapic_set(&bare, 2, true);
	ok_eq(bare.counters.spurious_msis, 2, "ExtINT");
	redir(3, 0x0041, 77u << 24);
	ioapic_set(&bare, 3, true);
	ok_eq(bare.counters.spurious_msis, 3, "nobody's id");
	redir(5, 0x8400, 0);
	ioapic_set(&bare, 5, true);
	ok(lapic_take_nmi(v0) && !(reg(0x1a) & 0x4000), "a level NMI has no remote IRR");
	redir(6, 0x8940, 0xffffffff);
	ioapic_set(&bare, 6, true);
	ok(lapic_highest_irr(v0) == 0x40 || lapic_highest_irr(v1) == 0x40, "lowest priority to all");
	for (unsigned i = 0; i < 100000; i++) {
		uint32_t r = i * 2654435761u;

		set_reg(r >> 24, r * 40503u);
		ioapic_set(&bare, (r >> 8) % 32, r & 1);
		if (r & 2)
			ioapic_eoi(&bare, (uint8_t)(r >> 16));
	}
	ok(true, "random writes do no harm");
	finish();
}

static void test_state(void)
{
	struct ioapic_state s, t, bad;

	start();
	redir(9, 0x8049, 0);
	redir(4, 0x34, 1u << 24);
	ioapic_set(&bare, 9, true);
	set_reg(0, 5u << 24);
	ioapic_save(&bare, &s);
	ioapic_reset(&bare);
	ok(reg(0x22) == 0x10000, "reset masks");
	ioapic_save(&bare, &t);
	ok_eq(t.level, s.level, "but lines are the devices'");
	ok_eq(ioapic_load(&bare, &s), OK, "load");
	ioapic_save(&bare, &t);
	ok_mem(&t, &s, sizeof s, "round trip");
	bad = s;
	bad.version = 9;
	ok_eq(ioapic_load(&bare, &bad), E_CORRUPT, "another version");
	bad = s;
	bad.redir[0] = 1ull << 40;
	ok_eq(ioapic_load(&bare, &bad), E_CORRUPT, "reserved bits");
	bad = s;
	bad.redir[0] = 0x4000;
	ok_eq(ioapic_load(&bare, &bad), E_CORRUPT, "remote IRR on an edge pin");
	bad = s;
	bad.level = 1u << 24;
	ok_eq(ioapic_load(&bare, &bad), E_CORRUPT, "a pin that does not exist");
	finish();
}

int main(void)
{
	fake_init(32 * MIB, 1);
	test_registers();
	test_edge();
	test_level();
	test_shared();
	test_hostile();
	test_state();
	return tap_done();
}
