/* SPDX-License-Identifier: Apache-2.0 */
/* Hostile use of the guest's interrupt controllers: register accesses, MSRs, messages, lines, time, acknowledgements and travelled state
 * in any order. Nothing may overflow, hang or reach another VM's objects; what pends is always a legal vector. */
#include <core/panic.h>
#include <string.h>
#include <unit/bare_vm.h>

enum { VCPUS = 3 };

struct input { const uint8_t *p, *end; };

static uint64_t take(struct input *in, unsigned n)
{
	uint64_t v = 0;

	while (n-- > 0)
		v = v << 8 | (in->p < in->end ? *in->p++ : 0);
	return v;
}

static void state_round(struct vcpu *v)
{
	struct lapic_state s, t;
	struct ioapic_state io;

	lapic_save(v, &s);
	BUG_ON(lapic_load(v, &s) != OK);
	lapic_save(v, &t);
	BUG_ON(memcmp(&s, &t, sizeof s) != 0);
	ioapic_save(&bare, &io);
	BUG_ON(ioapic_load(&bare, &io) != OK);
}

static void enter(struct vcpu *v)
{
	uint8_t vector;
	int pending;

	lapic_timer_expire(v, hal_clock_ns());
	(void)lapic_take_init(v);
	(void)lapic_take_sipi(v, &vector);
	(void)lapic_take_nmi(v);
	(void)lapic_timer_deadline_ns(v);
	pending = lapic_pending(v);
	BUG_ON(pending >= 0 && (pending < 16 || pending > lapic_highest_irr(v)));
	if (pending >= 0)
		lapic_ack(v, (uint8_t)pending);
}

static void one(struct input *in)
{
	unsigned op = (unsigned)take(in, 1);
	struct vcpu *v = &bare_vcpus[op / 16 % VCPUS];
	uint64_t x;

	switch (op % 16) {
	case 0:
	case 1:
		x = take(in, 4);
		(void)lapic_mmio(v, GPA((lapic_base_msr(v) & ~0xfffull) + (take(in, 1) << 4)), 4, op & 1, &x);
		break;
	case 2:
		x = take(in, 8);
		(void)lapic_mmio(v, GPA(take(in, 8)), 1u << op / 64, true, &x);
		break;
	case 3:
		(void)!lapic_msr_write(v, 0x800 + (uint32_t)take(in, 1), take(in, 8));
		break;
	case 4:
		(void)!lapic_msr_read(v, 0x800 + (uint32_t)take(in, 1), &x);
		break;
	case 5:
		(void)!lapic_msr_write(v, MSR_APIC_BASE, take(in, 5));
		break;
	case 6:
		(void)!lapic_msr_write(v, MSR_TSC_DEADLINE, take(in, 8));
		break;
	case 7:
		x = take(in, 1) << 12 | take(in, 1);
		lapic_deliver_msi(&bare, LAPIC_DEFAULT_BASE | x, (uint32_t)take(in, 2));
		break;
	case 8:
		x = take(in, 8);
		lapic_deliver_msi(&bare, x, (uint32_t)take(in, 4));
		break;
	case 9:
		(void)bus_write(&bare.mmio, IOAPIC_BASE, 4, take(in, 1));
		(void)bus_write(&bare.mmio, IOAPIC_BASE + 0x10, 4, take(in, 4));
		break;
	case 10:
		(void)bus_write(&bare.mmio, IOAPIC_BASE + take(in, 2) % 0xff8, 4, take(in, 4));
		(void)bus_read(&bare.mmio, IOAPIC_BASE + 0x10, 4, &x);
		break;
	case 11:
		ioapic_set(&bare, (unsigned)take(in, 1), op & 16);
		break;
	case 12:
		fake_clock_advance(take(in, 1 + op / 64));
		break;
	case 13:
		lapic_set_cr8(v, (uint8_t)take(in, 1));
		break;
	case 14:
		v->counter_offset = (int64_t)take(in, 8);
		break;
	default:
		state_round(v);
		break;
	}
	enter(v);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool inited;
	struct input in = { data, data + size };

	if (!inited)
		fake_init(16 * MIB, 1);
	inited = true;
	BUG_ON(!bare_init(VCPUS) || ioapic_create(&bare) != OK);
	while (in.p < in.end)
		one(&in);
	ioapic_destroy(&bare);
	BUG_ON(!bare_fini());
	return 0;
}
