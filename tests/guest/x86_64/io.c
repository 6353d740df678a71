/* SPDX-License-Identifier: Apache-2.0 */
/* Port and device-memory exits: every size, string forms with REP and a fault in the middle, every kind of instruction on a device
 * register, and addresses that nobody claims. The device register is the APIC's TPR, which reads back what was written. */
#include "lib/guest.h"

enum { NOBODY = 0x1230, UART_SCRATCH = 0x3ff, RTC_INDEX = 0x70, RTC_DATA = 0x71, RTC_D = 0x0d, RTC_VALID = 0x80 };
#define HOLE 0xd0000000ull  /* between RAM and ECAM */
#define ECAM 0xe0000000ull
#define TPR (APIC_BASE + APIC_TPR)
static uint8_t buffer[8192] __attribute__((aligned(4096)));

/* ---- ports */

static void check_port_sizes(void)
{
	uint64_t rax = 0x1122334455667788;

	ok_eq(inb(NOBODY), 0xff, "IN of a byte from nobody");
	ok_eq(inw(NOBODY), 0xffff, "IN of a word from nobody");
	ok_eq(inl(NOBODY), 0xffffffff, "IN of a doubleword from nobody");
	__asm__ volatile("inb %%dx, %%al" : "+a"(rax) : "d"(NOBODY));
	ok_eq(rax, 0x11223344556677ff, "IN AL leaves the rest of RAX");
	rax = 0x1122334455667788;
	__asm__ volatile("inw %%dx, %%ax" : "+a"(rax) : "d"(NOBODY));
	ok_eq(rax, 0x112233445566ffff, "IN AX leaves the rest of RAX");
	rax = 0x1122334455667788;
	__asm__ volatile("inl %%dx, %%eax" : "+a"(rax) : "d"(NOBODY));
	ok_eq(rax, 0xffffffff, "IN EAX clears the upper half of RAX");
	for (unsigned i = 0; i < 256; i += 51) {
		outb(UART_SCRATCH, (uint8_t)i);
		ok_eq(inb(UART_SCRATCH), i, "a byte to a device and back: %u", i);
	}
	__asm__ volatile("mov $0x0d, %%al; outb %%al, $0x70; xor %%eax, %%eax; inb $0x71, %%al" : "=a"(rax));
	ok_eq(rax, RTC_VALID, "IN and OUT with an immediate port");
	outb(NOBODY, 1);
	outw(NOBODY, 1);
	outl(NOBODY, 1);
	outl(0xffff, 1);
	ok_eq(inl(0xfffe), 0xffffffff, "a doubleword that reaches beyond the last port");
}

static bool all_bytes(const uint8_t *p, size_t n, uint8_t v)
{
	for (size_t i = 0; i < n; i++)
		if (p[i] != v)
			return false;
	return true;
}

static void check_string_in(void)
{
	void *di = buffer + 4000;
	uint64_t n = 200;

	memset(buffer, 0, sizeof(buffer));
	outb(RTC_INDEX, RTC_D);
	__asm__ volatile("cld; rep insb" : "+D"(di), "+c"(n) : "d"(RTC_DATA) : "memory");
	ok(n == 0 && di == buffer + 4200, "REP INSB over a page's end moves RDI and RCX");
	ok(all_bytes(buffer + 4000, 200, RTC_VALID) && buffer[3999] == 0 && buffer[4200] == 0, "and stores what the device gave");
	di = buffer + 400;
	n = 100;
	__asm__ volatile("std; rep insl; cld" : "+D"(di), "+c"(n) : "d"(NOBODY) : "memory");
	ok(n == 0 && di == buffer && all_bytes(buffer + 4, 400, 0xff) && buffer[404] == 0 && buffer[3] == 0, "REP INSD downwards");
	di = buffer;
	n = 0;
	memset(buffer, 7, 16);
	__asm__ volatile("rep insw" : "+D"(di), "+c"(n) : "d"(NOBODY) : "memory");
	ok(n == 0 && di == buffer && buffer[0] == 7, "REP with a count of 0 does nothing");
	__asm__ volatile("insw" : "+D"(di) : "d"(NOBODY) : "memory");
	ok(di == buffer + 2 && buffer[1] == 0xff && buffer[2] == 7, "INSW without REP");
	di = buffer;
	n = 0xabcd000000000003;
	__asm__ volatile("addr32 rep insb" : "+D"(di), "+c"(n) : "d"(NOBODY) : "memory");
	ok((uint32_t)n == 0 && (uint32_t)(uint64_t)di == (uint32_t)(uint64_t)(buffer + 3), "32-bit addresses use ECX and EDI");
}

static void check_string_out(void)
{
	const void *si = buffer;
	uint64_t n = 100;

	for (unsigned i = 0; i < 100; i++)
		buffer[i] = (uint8_t)(i + 1);
	__asm__ volatile("rep outsb" : "+S"(si), "+c"(n) : "d"(UART_SCRATCH) : "memory");
	ok(n == 0 && si == buffer + 100 && inb(UART_SCRATCH) == 100, "REP OUTSB: the last byte is the last");
	si = buffer + 41;
	__asm__ volatile("outsb" : "+S"(si) : "d"(UART_SCRATCH) : "memory");
	ok(si == buffer + 42 && inb(UART_SCRATCH) == 42, "OUTSB without REP");
	si = buffer;
	n = 1000;
	__asm__ volatile("rep outsl" : "+S"(si), "+c"(n) : "d"(NOBODY) : "memory");
	ok(n == 0 && si == buffer + 4000, "REP OUTSD to nobody");
}

/* The second page is not there: the fault must show the element that failed, with those before it done. */
static void check_string_fault(void)
{
	uint64_t page = window_map(0, (uint64_t)buffer, PTE_P | PTE_W), di = page + 4096 - 50, n = 100;

	window_map(1, 0, 0);
	memset(buffer, 0, sizeof(buffer));
	outb(RTC_INDEX, RTC_D);
	cpu_self()->fault = VEC_NONE;
	__asm__ volatile("1: rep insb\n2:\n" CATCH : "+D"(di), "+c"(n) : "d"(RTC_DATA) : "memory");
	ok(cpu_self()->fault == VEC_PF && cpu_self()->fault_address == page + 4096 && cpu_self()->fault_error == 2, "REP INSB into a missing page is #PF");
	ok(di == page + 4096 && n == 50, "and RDI, RCX are those of the element that failed");
	ok(all_bytes(buffer + 4046, 50, RTC_VALID) && buffer[4045] == 0, "with those before it done");
}

/* ---- device memory */

static void check_register_forms(void)
{
	uint64_t a = TPR, v, flags;

	write32(a, 0x20);
	ok_eq(read32(a), 0x20, "MOV to a device register and back");
	__asm__ volatile("movl $0x31, (%0)" : : "r"(a) : "memory");
	ok_eq(read32(a), 0x31, "MOV of an immediate");
	v = ~0ull;
	__asm__ volatile("movl (%1), %k0" : "+r"(v) : "r"(a) : "memory");
	ok_eq(v, 0x31, "MOV of 32 bits clears the upper half");
	__asm__ volatile("orl $0x42, (%0)" : : "r"(a) : "memory");
	ok_eq(read32(a), 0x73, "OR in place");
	__asm__ volatile("andl %1, (%0)" : : "r"(a), "r"(0xf0) : "memory");
	ok_eq(read32(a), 0x70, "AND in place");
	__asm__ volatile("addl $0x11, (%0); incl (%0); xorl $2, (%0); subl $0x10, (%0); decl (%0)" : : "r"(a) : "memory");
	ok_eq(read32(a), 0x6f, "ADD, INC, XOR, SUB, DEC in place"); /* 70+11=81, 82, 80, 70, 6f */
	v = 0x55;
	__asm__ volatile("xchgl %k0, (%1)" : "+r"(v) : "r"(a) : "memory");
	ok(v == 0x6f && read32(a) == 0x55, "XCHG");
	v = 5;
	__asm__ volatile("lock xaddl %k0, (%1)" : "+r"(v) : "r"(a) : "memory");
	ok(v == 0x55 && read32(a) == 0x5a, "LOCK XADD");
	v = 0x5a;
	__asm__ volatile("lock cmpxchgl %k2, (%3); pushfq; pop %1" : "+a"(v), "=&r"(flags) : "r"(0x66), "r"(a) : "memory", "cc");
	ok((flags & 0x40) && read32(a) == 0x66, "LOCK CMPXCHG that matches");
	v = 1;
	__asm__ volatile("cmpxchgl %k2, (%3); pushfq; pop %1" : "+a"(v), "=&r"(flags) : "r"(0x77), "r"(a) : "memory", "cc");
	ok(!(flags & 0x40) && v == 0x66 && read32(a) == 0x66, "CMPXCHG that does not");
	__asm__ volatile("btsl $3, (%0)" : : "r"(a) : "memory", "cc");
	ok_eq(read32(a), 0x6e, "BTS");
	__asm__ volatile("cmpl $0x6e, (%1); pushfq; pop %0" : "=r"(flags) : "r"(a) : "memory", "cc");
	ok(flags & 0x40, "CMP with an immediate");
	__asm__ volatile("testl $0x91, (%1); pushfq; pop %0" : "=r"(flags) : "r"(a) : "memory", "cc");
	ok(flags & 0x40, "TEST with an immediate");
	v = 0x1000;
	__asm__ volatile("addl (%1), %k0" : "+r"(v) : "r"(a) : "memory", "cc");
	ok_eq(v, 0x106e, "ADD from a device register");
	write32(a, 0);
}

static void check_addressing(void)
{
	uint64_t base = TPR - 0x40, index = 0x10, v = 0, r12 = TPR - 0x1000;

	__asm__ volatile("movl $0x24, (%1,%2,4); movl (%1,%2,4), %k0" : "+r"(v) : "r"(base), "r"(index) : "memory");
	ok_eq(v, 0x24, "base + index * 4");
	__asm__ volatile("mov %1, %%r12; movl $0x34, 0x1000(%%r12); movl 0x1000(%%r12), %%r9d; mov %%r9, %0" : "=r"(v) : "r"(r12) : "r9", "r12", "memory");
	ok_eq(v, 0x34, "R12 + displacement, into R9");
	__asm__ volatile("movl $0xfee00080, %%ebx; movl $0x44, %%fs:(%%ebx); movl (%%ebx), %k0" : "=a"(v) : : "rbx", "memory");
	ok_eq(v, 0x44, "32-bit address, segment override");
	__asm__ volatile("movabsl 0xfee00080, %%eax" : "=a"(v));
	ok_eq((uint32_t)v, 0x44, "absolute 64-bit address");
	write32(TPR, 0);
}

static void check_string_mmio(void)
{
	uint64_t di = TPR, si = TPR, n = 1, rax = 0x28;
	uint32_t back = 0;
	void *to = &back;

	__asm__ volatile("stosl" : "+D"(di) : "a"(rax) : "memory");
	ok(di == TPR + 4 && read32(TPR) == 0x28, "STOS to a device register");
	__asm__ volatile("lodsl" : "+S"(si), "=a"(rax) : : "memory");
	ok(si == TPR + 4 && (uint32_t)rax == 0x28, "LODS from it");
	si = TPR;
	__asm__ volatile("rep movsl" : "+S"(si), "+D"(to), "+c"(n) : : "memory");
	ok(n == 0 && back == 0x28 && to == &back + 1, "REP MOVS from it");
	write32(TPR, 0);
}

static void check_unclaimed(void)
{
	uint64_t v, n = 300;
	const uint64_t at[] = {HOLE, HOLE + 0xff8, 0xfec01000, 0xfed00000, 0xfffff000, 0xffc00000};
	void *to = buffer;
	uint64_t si = HOLE;

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
	__asm__ volatile("movzbl (%1), %k0" : "=r"(v) : "r"(HOLE) : "memory");
	ok_eq(v, 0xff, "MOVZX");
	__asm__ volatile("movsbq (%1), %0" : "=r"(v) : "r"(HOLE) : "memory");
	ok_eq(v, ~0ull, "MOVSX");
	ok_eq(read64(HOLE + 0xffc), ~0ull, "a read over a page's end");
	ok_eq(read32(HOLE + 1), 0xffffffff, "an odd address");
	v = 0x1234;
	__asm__ volatile("xchgq %0, (%1)" : "+r"(v) : "r"(HOLE) : "memory");
	ok_eq(v, ~0ull, "XCHG");
	memset(buffer, 0, sizeof(buffer));
	__asm__ volatile("rep movsb" : "+S"(si), "+D"(to), "+c"(n) : : "memory");
	ok(n == 0 && si == HOLE + 300 && all_bytes(buffer, 300, 0xff) && buffer[300] == 0, "REP MOVSB of 300 bytes");
	ok_eq(CAUGHT_AT("mov $0xd0000000, %%eax; 1: movq (%%rax), %%mm0"), VEC_UD, "an instruction that is not emulated is #UD");
}

/* ---- configuration space both ways */

static uint32_t cf8(unsigned slot, unsigned reg)
{
	outl(0xcf8, 0x80000000u | slot << 11 | reg);
	return inl(0xcfc);
}

static void check_config_space(void)
{
	bool same = true;

	ok_eq(cf8(31, 0), 0xffffffff, "an empty slot reads all ones");
	if (!on_caisson) {
		skip("not in Caisson", "ECAM");
		return;
	}
	for (unsigned slot = 0; slot < 4; slot++)
		for (unsigned reg = 0; reg < 0x100; reg += 4)
			same &= cf8(slot, reg) == read32(ECAM + (slot << 15) + reg);
	ok(same, "ECAM and 0xCF8 show the same");
	ok(cf8(0, 0) == 0x00081b36 && read16(ECAM + 2) == 8 && read8(ECAM) == 0x36, "the host bridge, in all sizes");
	outl(0xcf8, 0x80000000);
	ok(inw(0xcfe) == 8 && inb(0xcfc) == 0x36 && inl(0xcf8) == 0x80000000, "0xCF8 in parts");
	ok_eq(read32(ECAM + 0xffffc), 0xffffffff, "the last function of the bus is empty");
}

void guest_main(void)
{
	check_port_sizes();
	check_string_in();
	check_string_out();
	check_string_fault();
	check_register_forms();
	check_addressing();
	check_string_mmio();
	check_unclaimed();
	check_config_space();
}
