/* SPDX-License-Identifier: Apache-2.0 */
/* Loads and stores that no syndrome describes: decoded from words of GNU as, and carried out against a device that remembers. Host only. */
#include <stdlib.h>
#include <unit/tap.h>
#include "../../../vmm/aarch64/decode.h"
#include "el2_bench.h"

#define DEVICE 0x09000000ull
#define CODE (BENCH_RAM + 0x1000)
#define END (BENCH_RAM + MIB)

static uint8_t cells[0x1000];
static unsigned accesses;

static uint64_t device_read(void *ctx, uint64_t off, unsigned size)
{
	uint64_t v = 0;

	(void)ctx;
	accesses++;
	memcpy(&v, cells + off, size);
	return v;
}

static void device_write(void *ctx, uint64_t off, unsigned size, uint64_t v)
{
	(void)ctx;
	accesses++;
	memcpy(cells + off, &v, size);
}

static const struct bus_ops device_ops = { device_read, device_write };
static struct arch_regs *r;

/* Runs one instruction with MMU off; true when it was carried out. */
static bool exec(uint32_t insn)
{
	if (gmem_write(bare.mem, GPA(CODE), &insn, 4) != OK)
		abort();
	(void)run_esr(0, 0x92000045);
	r = arm_regs(vcpu_at(0), REGS_WRITE);
	r->pc = CODE;
	r->pstate = PSTATE_EL1H | PSTATE_DAIF;
	r->sys[SYS_VBAR] = 0x8000;
	r->sys[SYS_ESR] = 0;
	accesses = 0;
	arm_emulate(vcpu_at(0), true);
	return r->pc == CODE + 4;
}

static bool aborted(void) { return r->pc == 0x8200 && r->sys[SYS_ESR] == 0x96000050 && r->sys[SYS_ELR] == CODE; }
static uint64_t cell64(unsigned off) { uint64_t v; memcpy(&v, cells + off, 8); return v; }
static uint32_t cell32(unsigned off) { uint32_t v; memcpy(&v, cells + off, 4); return v; }

static void set_up(void)
{
	struct arch_regs *x = arm_regs(vcpu_at(0), REGS_WRITE);

	for (unsigned i = 0; i < ARM_GPRS; i++)
		x->x[i] = 0x1000000000000000ull * (i & 7) + i;
	x->x[2] = DEVICE;
	x->x[3] = (uint64_t)-8;
	x->sys[SYS_SP_EL1] = DEVICE + 0x100;
	for (unsigned i = 0; i < sizeof cells; i++)
		cells[i] = (uint8_t)(i * 7 + 0x80);
}

static void test_pairs(void)
{
	set_up();
	ok(exec(0xa9000440) && cell64(0) == 0 && cell64(8) == 0x1000000000000001 && accesses == 2, "stp x0, x1, [x2]");
	ok(exec(0xa9401444) && r->x[4] == 0 && r->x[5] == 0x1000000000000001, "ldp x4, x5, [x2]");
	ok(exec(0x29411444) && r->x[4] == cell32(8) && r->x[5] == cell32(12), "ldp w4, w5, [x2, #8]");
	ok(exec(0x69411444) && r->x[4] == 1 && r->x[5] == 0x10000000, "ldpsw x4, x5, [x2, #8]");
	cells[11] = 0x80;
	ok(exec(0x69411444) && r->x[4] == 0xffffffff80000001, "with a sign");
	ok(exec(0xa8811845) && cell64(0) == r->x[5] && cell64(8) == r->x[6] && r->x[2] == DEVICE + 16, "stp x5, x6, [x2], #16: writes back");
	set_up();
	ok(exec(0xa9bf07e0) && r->sys[SYS_SP_EL1] == DEVICE + 0xf0 && cell64(0xf8) == 0x1000000000000001, "stp x0, x1, [sp, #-16]!");
	ok(exec(0xa8400444) && r->x[4] == cell64(0), "ldnp x4, x1, [x2]");
}

static void test_singles(void)
{
	set_up();
	ok(exec(0xf8008444) && cell64(0) == 0x4000000000000004 && r->x[2] == DEVICE + 8, "str x4, [x2], #8");
	set_up();
	ok(exec(0xb8404c45) && r->x[5] == cell32(4) && r->x[2] == DEVICE + 4, "ldr w5, [x2, #4]!");
	set_up();
	ok(exec(0x38401445) && r->x[5] == 0x80 && r->x[2] == DEVICE + 1, "ldrb w5, [x2], #1");
	set_up();
	ok(exec(0x38801445) && r->x[5] == 0xffffffffffffff80, "ldrsb x5, [x2], #1");
	set_up();
	ok(exec(0x38c01445) && r->x[5] == 0xffffff80, "ldrsb w5, [x2], #1");
	set_up();
	r->x[2] = DEVICE + 16;
	ok(exec(0xf8636844) && r->x[4] == cell64(8), "ldr x4, [x2, x3]");
	set_up();
	r->x[3] = 3;
	ok(exec(0x78637844) && r->x[4] == (uint64_t)(cells[6] | cells[7] << 8), "ldrh w4, [x2, x3, lsl #1]");
	set_up();
	r->x[2] = DEVICE + 64;
	r->x[3] = 0xfffffff8;
	ok(exec(0xb863c844) && r->x[4] == cell32(56), "ldr w4, [x2, w3, sxtw]");
	ok(exec(0xb940045f) && accesses == 1, "ldr wzr, [x2, #4] reads all the same");
}

static void test_vectors(void)
{
	uint64_t *q = hv_el2.arch->vreg(vcpu_at(0), 7);

	set_up();
	q[0] = 0x1122334455667788;
	q[1] = 0x99aabbccddeeff00;
	ok(exec(0x3d800447) && cell64(16) == q[0] && cell64(24) == q[1], "str q7, [x2, #16]");
	ok(exec(0x3dc00047) && q[0] == cell64(0) && q[1] == cell64(8), "ldr q7, [x2]");
	ok(exec(0xbd400447) && q[0] == cell32(4) && q[1] == 0, "ldr s7, [x2, #4] clears the rest");
	ok(exec(0xad001c46) && cell64(16) == q[0] && cell64(24) == 0 && accesses == 4, "stp q6, q7, [x2]");
}

static void test_refused(void)
{
	static const struct { uint32_t insn; const char *name; } rows[] = {
		{ 0xc85f7c44, "ldxr x4, [x2]" }, { 0xc8057c44, "stxr w5, x4, [x2]" }, { 0xf8250044, "ldadd x5, x4, [x2]" }, { 0xc8a57c44, "cas x5, x4, [x2]" },
		{ 0xd50b7422, "dc zva, x2" }, { 0xf9800040, "prfm" }, { 0x4c407047, "ld1 {v7.16b}, [x2]" }, { 0x58000004, "ldr x4, literal" }, { 0, "udf" },
		{ 0xe9400444, "a pair of no size" }, { 0xb8bf0844, "an extension that is none" },
	};

	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		set_up();
		ok(!exec(rows[i].insn) && aborted() && accesses == 0, "%s: an external abort", rows[i].name);
	}
	set_up();
	r->x[2] = DEVICE + 0xffc;
	ok(!exec(0xf8408444) && aborted() && accesses == 0, "ldr x4 over the end of a page");
	r->x[2] = DEVICE + 0x3;
	ok(exec(0xb8404444) && r->x[4] == cell32(3), "at an odd address within a page it works");
}

static void test_edge_of_ram(void)
{
	uint64_t word = 0x5555666677778888;

	set_up();
	ok(gmem_write(bare.mem, GPA(END - 8), &word, 8) == OK, "the last word");
	r->x[2] = END - 8;
	ok(exec(0xa9401444) && r->x[4] == word && r->x[5] == ~0ull && atomic_load(&bare.counters.unknown_mmio) == 1, "ldp half in RAM: the rest is nobody's");
	ok(exec(0xa9001044) && gmem_read(bare.mem, GPA(END - 8), &word, 8) == OK && word == r->x[4], "stp");
}

int main(void)
{
	if (!ok(bench_start(), "a VM"))
		return tap_done();
	ok(bus_claim(&bare.mmio, DEVICE, sizeof cells, &device_ops, NULL, "cells") == OK, "a device");
	r = arm_regs(vcpu_at(0), REGS_WRITE);
	test_pairs();
	test_singles();
	test_vectors();
	test_refused();
	test_edge_of_ram();
	ok(bench_end(), "everything came back");
	return tap_done();
}
