/* SPDX-License-Identifier: Apache-2.0 */
/* Device memory by every kind of load and store. The forms that a hypervisor is told of in full (ESR_EL2.ISV) must work; of the others each
 * either works, or is a data abort that has changed nothing (DDI0487 D24.2.40, ISS of a data abort). Then what nobody claims, and all
 * registers of the small devices. */
#include "lib/guest.h"
#include "lib/virtio.h"

enum { MATCH = RTC + 4, RTC_LR = 8, WORD = GICD + GICD_IPRIORITYR + 40, ROUTER = GICD + GICD_IROUTER + 8 * 40 };
/* The clock's match register keeps 32 bits, a priority word four bytes' upper bits, a route an affinity of 24. */
#define M ((uint64_t)MATCH)
#define P ((uint64_t)WORD)
#define R ((uint64_t)ROUTER)

/* Runs a form: a goes to %1, v to %0 and back. */
#define DO(insn, v, a) ({ cpu_self()->fault = EC_NONE; __asm__ volatile("1: " insn "\n2:\n" CATCH : "+r"(v) : "r"(a) : "memory", "x9"); cpu_self()->fault; })

static void check_words(void)
{
	uint64_t v = 0x1122334455667788;

	write32(M, 0x80000001);
	ok(DO("ldr %w0, [%1]", v, M) == EC_NONE && v == 0x80000001, "LDR of a word clears the upper half");
	ok(DO("ldrsw %0, [%1]", v, M) == EC_NONE && v == 0xffffffff80000001, "LDRSW extends the sign");
	v = 0x5a5a5a5a;
	ok(DO("str %w0, [%1]", v, M) == EC_NONE && read32(M) == 0x5a5a5a5a, "STR");
	ok(DO("str wzr, [%1]", v, M) == EC_NONE && read32(M) == 0, "STR of WZR");
	v = 0x77;
	ok(DO("stlr %w0, [%1]", v, M) == EC_NONE && read32(M) == 0x77, "STLR");
	v = 0;
	ok(DO("ldar %w0, [%1]", v, M) == EC_NONE && v == 0x77, "LDAR");
	ok(DO("ldr wzr, [%1]", v, M) == EC_NONE, "LDR to WZR");
	v = M;
	ok(DO("ldr %w0, [%0]", v, M) == EC_NONE && v == 0x77, "LDR over its own base");
	v = 0;
	ok(DO("ldur %w0, [%1, #-4]", v, M + 4) == EC_NONE && v == 0x77, "LDUR, a negative offset");
	v = 0x99;
	ok(DO("str %w0, [%1, #4092]", v, M - 4092) == EC_NONE && read32(M) == 0x99, "STR, a great offset");
	__asm__ volatile("mov x9, #-8; ldr %w0, [%1, x9]" : "=r"(v) : "r"(M + 8) : "x9", "memory");
	ok_eq(v, 0x99, "LDR, a register as offset");
	__asm__ volatile("mov w9, #1; ldr %w0, [%1, w9, uxtw #2]" : "=r"(v) : "r"(M - 4) : "x9", "memory");
	ok_eq(v, 0x99, "LDR, a scaled word as offset");
	__asm__ volatile("mov w9, #-1; ldr %w0, [%1, w9, sxtw #2]" : "=r"(v) : "r"(M + 4) : "x9", "memory");
	ok_eq(v, 0x99, "LDR, a scaled negative word as offset");
}

static void check_bytes(void)
{
	uint64_t v = 0x1122334455667788;

	write32(P, 0x10a0c080);
	ok(DO("ldrb %w0, [%1]", v, P + 1) == EC_NONE && v == 0xc0, "LDRB");
	ok(DO("ldrsb %0, [%1]", v, P + 2) == EC_NONE && v == 0xffffffffffffffa0, "LDRSB to 64 bits");
	ok(DO("ldrsb %w0, [%1]", v, P + 2) == EC_NONE && v == 0xffffffa0, "LDRSB to 32 bits");
	ok(DO("ldrsb %0, [%1]", v, P + 3) == EC_NONE && v == 0x10, "LDRSB of a positive one");
	v = 0xffffff40;
	ok(DO("strb %w0, [%1]", v, P + 1) == EC_NONE && read32(P) == 0x10a04080, "STRB stores its byte alone");
	v = 0xe0;
	ok(DO("stlrb %w0, [%1]", v, P + 3) == EC_NONE && read32(P) == 0xe0a04080, "STLRB");
	ok(DO("ldarb %w0, [%1]", v, P + 3) == EC_NONE && v == 0xe0, "LDARB");
}

static void check_doublewords(void)
{
	uint64_t v = 0x123456;

	ok(DO("str %0, [%1]", v, R) == EC_NONE && read64(R) == 0x123456, "STR of 64 bits");
	ok(DO("str xzr, [%1]", v, R) == EC_NONE && read64(R) == 0, "STR of XZR");
	v = 1;
	ok(DO("stlr %0, [%1]", v, R) == EC_NONE, "STLR of 64 bits");
	ok(DO("ldar %0, [%1]", v, R) == EC_NONE && v == 1, "LDAR of 64 bits");
	write32(R + 4, 0);
	write32(R, 0x654321);
	ok_eq(read64(R), 0x654321, "a doubleword register in two words");
	write64(R, 0);
}

static void check_halves(void)
{
	struct virtio rng;
	uint64_t v = 0, at;

	if (!virtio_find(&rng, VIRTIO_RNG)) {
		ok(!on_caisson, "an entropy device may be missing elsewhere only");
		return;
	}
	at = ECAM + (rng.slot << 15);
	ok(DO("ldrh %w0, [%1]", v, at) == EC_NONE && v == 0x1af4, "LDRH");
	pci_write16(rng.slot, PCI_COMMAND, 0);
	pci_write32(rng.slot, rng.bar_reg, ~0u);
	ok(DO("ldrsh %0, [%1]", v, at + rng.bar_reg + 2) == EC_NONE && v == ~0ull, "LDRSH to 64 bits");
	ok(DO("ldrsh %w0, [%1]", v, at + rng.bar_reg + 2) == EC_NONE && v == 0xffffffff, "LDRSH to 32 bits");
	pci_write32(rng.slot, rng.bar_reg, (uint32_t)rng.bar);
	v = PCI_MEMORY | PCI_MASTER;
	ok(DO("strh %w0, [%1]", v, at + PCI_COMMAND) == EC_NONE && pci_read16(rng.slot, PCI_COMMAND) == (PCI_MEMORY | PCI_MASTER), "STRH");
	ok_eq(read16(rng.common + VC_QUEUES), 1, "a device's 16-bit register");
	v = 0x1122334455667788;
	ok(DO("str %0, [%1]", v, rng.common + VC_DESC) == EC_NONE && read32(rng.common + VC_DESC) == 0x55667788 && read32(rng.common + VC_DESC + 4) == 0x11223344,
	   "all 64 bits of a device's register");
	virtio_reset(&rng);
}

/* ---- forms without a syndrome */

/* A data abort that points at the device. */
static bool refused(uint64_t at)
{
	return cpu_self()->fault == EC_DABT && cpu_self()->fault_address >= at && cpu_self()->fault_address < at + 16;
}

static const char *how(void) { return cpu_self()->fault == EC_NONE ? "works" : "is a clean data abort"; }

/* Writeback: the base moves exactly when the access was done. */
static void check_writeback(void)
{
	uint64_t v = 0, a = M;

	write32(M, 0x1234);
	cpu_self()->fault = EC_NONE;
	__asm__ volatile("1: ldr %w0, [%1], #8\n2:\n" CATCH : "+r"(v), "+r"(a) : : "memory");
	ok(refused(M) ? a == M && v == 0 : cpu_self()->fault == EC_NONE && a == M + 8 && v == 0x1234, "LDR, post-indexed, %s", how());
	a = M - 16;
	v = 0;
	cpu_self()->fault = EC_NONE;
	__asm__ volatile("1: ldr %w0, [%1, #16]!\n2:\n" CATCH : "+r"(v), "+r"(a) : : "memory");
	ok(refused(M) ? a == M - 16 && v == 0 : cpu_self()->fault == EC_NONE && a == M && v == 0x1234, "LDR, pre-indexed, %s", how());
	a = M;
	v = 0x4321;
	cpu_self()->fault = EC_NONE;
	__asm__ volatile("1: str %w0, [%1], #-4\n2:\n" CATCH : "+r"(v), "+r"(a) : : "memory");
	ok(refused(M) ? a == M && read32(M) == 0x1234 : cpu_self()->fault == EC_NONE && a == M - 4 && read32(M) == 0x4321, "STR, post-indexed, %s", how());
	a = M - 64;
	v = 0x8765;
	write32(M, 0x1234);
	cpu_self()->fault = EC_NONE;
	__asm__ volatile("1: str %w0, [%1, #64]!\n2:\n" CATCH : "+r"(v), "+r"(a) : : "memory");
	ok(refused(M) ? a == M - 64 && read32(M) == 0x1234 : cpu_self()->fault == EC_NONE && a == M && read32(M) == 0x8765, "STR, pre-indexed, %s", how());
}

/* Two routes, which are alike. */
static void check_pairs(void)
{
	uint64_t a = 5, b = 5;

	write64(R, 0x100);
	write64(R + 8, 1);
	cpu_self()->fault = EC_NONE;
	__asm__ volatile("1: ldp %0, %1, [%2]\n2:\n" CATCH : "+r"(a), "+r"(b) : "r"(R) : "memory");
	ok(refused(R) ? a == 5 && b == 5 : cpu_self()->fault == EC_NONE && a == 0x100 && b == 1, "LDP %s", how());
	a = 1;
	b = 0x100;
	cpu_self()->fault = EC_NONE;
	__asm__ volatile("1: stp %0, %1, [%2]\n2:\n" CATCH : "+r"(a), "+r"(b) : "r"(R) : "memory");
	ok(refused(R) ? read64(R) == 0x100 && read64(R + 8) == 1 : cpu_self()->fault == EC_NONE && read64(R) == 1 && read64(R + 8) == 0x100,
	   "STP %s", how());
	write64(R, 0);
	write64(R + 8, 0);
}

/* Exclusives and atomics on device memory are CONSTRAINED or fault (DDI0487 B2.12.2); a store that did not happen may say so. */
static void check_atomics(void)
{
	uint64_t v = 0, status = 7;
	bool lse = SYS_READ("id_aa64isar0_el1") >> 20 & 15;

	write32(M, 0x600);
	cpu_self()->fault = EC_NONE;
	__asm__ volatile("1: ldxr %w0, [%1]\n2: clrex\n" CATCH : "+r"(v) : "r"(M) : "memory");
	ok(cpu_self()->fault == EC_NONE ? v == 0x600 : refused(M), "LDXR %s", how());
	v = 0x700;
	cpu_self()->fault = EC_NONE;
	__asm__ volatile("ldxr wzr, [%3]\n1: stxr %w1, %w0, [%2]\n2:\n" CATCH : "+r"(v), "+r"(status) : "r"(M), "r"(&status) : "memory");
	ok(read32(M) == 0x600 || (status == 0 && cpu_self()->fault == EC_NONE), "STXR %s", how());
	if (!lse)
		return;
	write32(M, 0x600);
	v = 0x21;
	ok(DO(".arch_extension lse; ldadd %w0, %w0, [%1]", v, M) == EC_NONE ? v == 0x600 && read32(M) == 0x621 : refused(M) && read32(M) == 0x600, "LDADD %s", how());
	write32(M, 0x600);
	v = 0x22;
	ok(DO(".arch_extension lse; swpal %w0, %w0, [%1]", v, M) == EC_NONE ? v == 0x600 && read32(M) == 0x22 : refused(M) && read32(M) == 0x600, "SWP %s", how());
	write32(M, 0x600);
	v = 0x600;
	(void)DO(".arch_extension lse; casal %w0, wzr, [%1]", v, M);
	ok(cpu_self()->fault == EC_NONE ? v == 0x600 && read32(M) == 0 : refused(M) && read32(M) == 0x600, "CAS %s", how());
}

static void check_vectors(void)
{
	uint64_t v = 0;

	SYS_WRITE("cpacr_el1", 3 << 20);
	write32(M, 0x3344);
	cpu_self()->fault = EC_NONE;
	__asm__ volatile(".arch_extension fp\n fmov s3, wzr\n1: ldr s3, [%1]\n2: fmov %w0, s3\n" CATCH : "=r"(v) : "r"(M) : "memory");
	ok(refused(M) ? v == 0 : cpu_self()->fault == EC_NONE && v == 0x3344, "LDR to S3 %s", how());
	cpu_self()->fault = EC_NONE;
	__asm__ volatile("mov w9, #0x99\n fmov s4, w9\n1: str s4, [%0]\n2:\n" CATCH : : "r"(M) : "memory", "x9");
	ok(refused(M) ? read32(M) == 0x3344 : cpu_self()->fault == EC_NONE && read32(M) == 0x99, "STR of S4 %s", how());
	cpu_self()->fault = EC_NONE;
	__asm__ volatile(".arch_extension simd\n1: ldr q5, [%0]\n2:\n" CATCH : : "r"(P & ~15ull) : "memory");
	ok(refused(P & ~15ull) || cpu_self()->fault == EC_NONE, "LDR to Q5 %s", how());
	cpu_self()->fault = EC_NONE;
	__asm__ volatile("1: ld1 {v6.4s, v7.4s}, [%0]\n2:\n" CATCH : : "r"(P & ~15ull) : "memory");
	ok(cpu_self()->fault == EC_DABT || cpu_self()->fault == EC_NONE, "LD1 of two registers %s", how());
}

static void check_cache_operations(void)
{
	uint64_t v = M;

	write32(M, 0x55);
	ok(DO("prfm pldl1keep, [%0]", v, M) == EC_NONE, "PRFM");
	(void)DO("dc civac, %0", v, M);
	ok(cpu_self()->fault == EC_NONE || refused(M & ~63ull) || refused(M), "DC CIVAC %s", how());
	(void)DO("dc zva, %0", v, M);
	ok(cpu_self()->fault == EC_DABT || cpu_self()->fault == EC_NONE, "DC ZVA %s", how());
	(void)DO("ic ivau, %0", v, M);
	ok(cpu_self()->fault == EC_NONE || cpu_self()->fault == EC_DABT, "IC IVAU %s", how());
	ok_eq((uint64_t)DO("at s1e1r, %0", v, M), EC_NONE, "AT S1E1R");
	ok_eq(SYS_READ("par_el1") & 0xfffffffff001, M & ~4095ull, "and its answer");
}

/* ---- what nobody claims: holes between devices */
static void check_unclaimed(void)
{
	static const uint64_t at[] = {0, 0x1000, 0x04000000, 0x08010000, 0x09020000, 0x09100000, 0x0c000000, 0x0ffff000, 0x10000000 + 0x20000000, 0x3efff000, 0x3ff00000};
	uint64_t v = 0;

	if (!on_caisson) {
		skip("not in Caisson", "unclaimed device memory");
		return;
	}
	for (unsigned i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
		write8(at[i], 1);
		write16(at[i], 2);
		write32(at[i], 3);
		write64(at[i], 4);
		ok(read8(at[i]) == 0xff && read16(at[i]) == 0xffff && read32(at[i]) == 0xffffffff && read64(at[i]) == ~0ull,
		   "reads of 1, 2, 4, 8 bytes at %llx are all ones", (unsigned long long)at[i]);
	}
	ok(DO("ldrsb %0, [%1]", v, at[2]) == EC_NONE && v == ~0ull, "LDRSB");
	ok(DO("ldrsh %w0, [%1]", v, at[2]) == EC_NONE && v == 0xffffffff, "LDRSH");
	ok(DO("ldrsw %0, [%1]", v, at[2]) == EC_NONE && v == ~0ull, "LDRSW");
	ok(DO("ldrb %w0, [%1]", v, at[2] + 3) == EC_NONE && v == 0xff, "LDRB at an odd address");
	(void)DO("ldp %0, x9, [%1]", v, at[2]);
	ok(cpu_self()->fault == EC_NONE || refused(at[2]), "LDP %s", how());
}

/* ---- the small devices: who they are, and every register in every size */
static void check_device(const char *name, uint64_t at, uint8_t part)
{
	uint64_t v = 0;
	uint32_t w = 0;

	ok(read32(at + 0xfe0) == part && (read32(at + 0xfe4) & 0xff) == 0x10 && read32(at + 0xff0) == 0x0d && read32(at + 0xff4) == 0xf0 &&
	   read32(at + 0xff8) == 5 && read32(at + 0xffc) == 0xb1, "%s is a PrimeCell of part %x", name, part);
	if (!on_caisson) /* a plain emulator ends it for some sizes */
		return;
	for (uint64_t off = 4; off < 0x1000; off += off < 0x80 ? 4 : 0x1c) {
		(void)read32_catch(at + off, &w);
		(void)write32_catch(at + off, ~0u);
		(void)write32_catch(at + off, 0x5a5a5a5a);
		(void)write32_catch(at + off, 0);
		(void)DO("ldrb %w0, [%1]", v, at + off + 1);
		(void)DO("ldrh %w0, [%1]", v, at + off + 2);
		(void)DO("ldr %0, [%1]", v, at + (off & ~7ull));
		(void)DO("strb %w0, [%1]", v, at + off + 3);
		(void)DO("strh %w0, [%1]", v, at + off);
	}
}

static void check_devices(uint32_t then)
{
	check_device("the clock", RTC, 0x31);
	write32(RTC + RTC_LR, then);
	ok(read32(RTC) - then < 60, "the clock can be set: %u", then);
	ok(then > 1700000000, "and knew the time");
	check_device("GPIO", GPIO, 0x61);
	check_device("the serial port", UART, 0x11);
	serial_init();
	ok(true, "and it speaks again");
}

static void check_config_space(void)
{
	ok(read32(ECAM) == 0x00081b36 && read16(ECAM + 2) == 8 && read8(ECAM) == 0x36, "the host bridge, in all sizes");
	ok_eq(read32(ECAM + (31 << 15)), 0xffffffff, "an empty slot reads all ones");
	if (!on_caisson)
		return;
	ok_eq(read32(ECAM + (1 << 12)), 0xffffffff, "function 1 is nobody");
	ok_eq(read64(ECAM), ~0ull, "no doublewords");
	ok_eq(read32(ECAM + 0xffffc), 0xffffffff, "the last function of the bus is empty");
	for (unsigned off = 0; off < 0x1000; off += 3)
		write8(ECAM + off, 0xff);
	ok_eq(read32(ECAM), 0x00081b36, "identity stays, whatever is written");
}

void guest_main(void)
{
	uint32_t then = read32(RTC);

	check_words();
	check_bytes();
	check_doublewords();
	check_halves();
	check_writeback();
	check_pairs();
	check_atomics();
	check_vectors();
	check_cache_operations();
	check_unclaimed();
	check_devices(then);
	check_config_space();
}
