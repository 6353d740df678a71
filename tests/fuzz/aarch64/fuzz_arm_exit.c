/* SPDX-License-Identifier: Apache-2.0 */
/* Exits of a hostile aarch64 guest: any syndrome, registers, tables and instruction words. Each exit ends; it steps over at most one
 * instruction, or goes on where it was, or at an exception vector in a legal state; and devices see only what they can take. Host only. */
#include <core/panic.h>
#include <stdlib.h>
#include <unit/aarch64/el2_bench.h>

#define DEVICE 0x09000000ull
#define TABLES BENCH_RAM
#define CODE (BENCH_RAM + 0x8000)

struct input { const uint8_t *p, *end; };
static struct input in;
static unsigned exit_code;

static uint64_t take(unsigned n)
{
	uint64_t v = 0;

	while (n-- > 0)
		v = v << 8 | (in.p < in.end ? *in.p++ : 0);
	return v;
}

static uint64_t device_read(void *ctx, uint64_t off, unsigned size)
{
	(void)ctx;
	BUG_ON(off + size > PAGE_SIZE || (size & (size - 1)) || size > 8);
	return off * 0x0101010101010101ull;
}

static void device_write(void *ctx, uint64_t off, unsigned size, uint64_t v)
{
	(void)ctx;
	BUG_ON(off + size > PAGE_SIZE || (size & (size - 1)) || size > 8 || (size < 8 && v >> (size * 8)));
}

static const struct bus_ops device_ops = { device_read, device_write };

static unsigned plays(struct hw_frame *f)
{
	(void)f;
	return exit_code;
}

/* An address: in RAM, in the device, near their ends, or anywhere. */
static uint64_t address(void)
{
	static const uint64_t bases[] = { BENCH_RAM, BENCH_RAM + MIB, DEVICE, DEVICE + PAGE_SIZE, VIRT_GICD, VIRT_GICR, 0, UINT64_MAX };
	uint8_t kind = (uint8_t)take(1);

	return kind & 8 ? take(8) : bases[kind & 7] + (uint64_t)(int64_t)(int16_t)take(2);
}

static void registers(struct arch_regs *r)
{
	static const uint64_t modes[] = { PSTATE_EL0T, PSTATE_EL1T, PSTATE_EL1H, PSTATE_EL1H };

	for (unsigned i = 0; i < 4; i++)
		r->x[take(1) % ARM_GPRS] = address();
	r->pc = take(1) & 1 ? address() & ~3ull : CODE;
	r->pstate = modes[take(1) & 3] | (take(1) & 1 ? PSTATE_SS : 0);
	r->sys[SYS_SP_EL1] = address();
	r->sys[SYS_SCTLR] = take(1) & 1 ? SCTLR_RESET | SCTLR_M : SCTLR_RESET;
	r->sys[SYS_TCR] = take(8);
	r->sys[SYS_TTBR0] = TABLES + (take(1) << 8);
	r->sys[SYS_TTBR1] = TABLES;
	r->sys[SYS_VBAR] = 0xffff000000000000;
}

/* Entries that lead somewhere, and an instruction. */
static void memory(void)
{
	uint32_t insn = (uint32_t)take(4);

	for (unsigned n = (unsigned)take(1) & 15; n > 0; n--) {
		uint64_t e = (address() & ~0xfffull) | take(1);

		if (gmem_write(bare.mem, GPA(TABLES + (take(2) & 0x3fff) * 8), &e, 8) != OK)
			abort();
	}
	if (gmem_write(bare.mem, GPA(CODE), &insn, 4) != OK)
		abort();
}

static void check(const struct arch_regs *r, uint64_t pc)
{
	const uint64_t m = r->pstate & (PSTATE_M | PSTATE_AARCH32);
	bool vectored = (r->pc & ~0x7ffull) == 0xffff000000000000 && (r->pc & 0x7f) == 0 && m == PSTATE_EL1H;

	BUG_ON(m != PSTATE_EL0T && m != PSTATE_EL1T && m != PSTATE_EL1H);
	BUG_ON(r->pc - pc > 4 && !vectored);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool started;
	struct vcpu *v = vcpu_at(0);
	struct arch_regs *r;
	struct hv_exit e;
	uint64_t pc;

	if (!started) {
		if (!bench_start() || bus_claim(&bare.mmio, DEVICE, PAGE_SIZE, &device_ops, NULL, "device") != OK)
			abort();
		started = true;
	}
	in = (struct input){ data, data + size };
	arch_vcpu_reset(v);
	r = arm_regs(v, REGS_WRITE);
	registers(r);
	memory();
	pc = r->pc;
	exit_code = (unsigned)take(1) % 5;
	fake_hw.syndrome = (struct hw_syndrome){ take(4), address(), take(8) };
	if (take(1) & 3)
		fake_hw.syndrome.hpfar = (DEVICE >> 12) << 4;
	fake_hw.run = plays;
	hv_el2.vcpu_run(v, &e);
	BUG_ON(e.kind >= HV_EXIT_KINDS);
	if (e.kind == HV_EXIT_INVALID)
		return 0;
	if (!arch_vcpu_exit(v, &e)) {
		BUG_ON(e.kind != HV_EXIT_HOST && e.kind != HV_EXIT_MMIO && e.kind != HV_EXIT_IDLE && e.kind != HV_EXIT_PAUSE);
		hv_el2.vcpu_complete(v, &e);
	}
	check(arm_regs(v, REGS_READ), pc);
	return 0;
}
