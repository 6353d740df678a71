/* SPDX-License-Identifier: Apache-2.0 */
/* Exits of instructions: HLT, PAUSE, hypercalls, XSETBV, WBINVD, what must be #UD, control and debug registers, RDTSC, and exceptions
 * right behind an emulated instruction. */
#include "lib/guest.h"

enum { VECTOR = 0x41 };
static volatile unsigned ticks, breaks;
static volatile uint64_t break_rip;

static void tick(struct frame *f)
{
	(void)f;
	ticks++;
	apic_eoi();
}

static void timer_in(uint32_t ns)
{
	apic_write(APIC_TIMER_DIVIDE, 0xb);
	apic_write(APIC_LVT_TIMER, TIMER_ONESHOT | VECTOR);
	apic_write(APIC_TIMER_INITIAL, ns);
}

static void check_hlt(void)
{
	trap_set(VECTOR, tick);
	for (unsigned i = 0; i < 20; i++) {
		timer_in(100000);
		halt_once();
	}
	ok_eq(ticks, 20, "HLT wakes by the timer, 20 times");
	timer_in(1);
	for (unsigned i = 0; i < 1000; i++)
		pause();
	halt_once();
	ok_eq(ticks, 21, "HLT with an interrupt pending wakes at once");
	ticks = 0;
	timer_in(1000);
	__asm__ volatile("cli; nop");
	ok(WAIT(apic_read(APIC_IRR + 0x20) & 2) && ticks == 0, "no interrupt while they are off");
	irq_window();
	ok_eq(ticks, 1, "and one when they come on");
}

/* Each vendor has its own hypercall instruction. */
#define VMCALL ".byte 0x0f, 0x01, 0xc1"
#define VMMCALL ".byte 0x0f, 0x01, 0xd9"

static bool is_intel(void)
{
	return cpuid(0, 0).ebx == 0x756e6547; /* "Genu" */
}

static void check_undefined(void)
{
	ok_eq(CAUGHT("vmrun %%rax"), VEC_UD, "VMRUN is #UD");
	ok_eq(CAUGHT("vmload %%rax"), VEC_UD, "VMLOAD is #UD");
	ok_eq(CAUGHT("vmsave %%rax"), VEC_UD, "VMSAVE is #UD");
	ok_eq(CAUGHT("stgi"), VEC_UD, "STGI is #UD");
	ok_eq(CAUGHT("clgi"), VEC_UD, "CLGI is #UD");
	ok_eq(CAUGHT("skinit %%eax"), VEC_UD, "SKINIT is #UD");
	ok_eq(CAUGHT("invlpga %%rax, %%ecx"), VEC_UD, "INVLPGA is #UD");
	if (on_caisson) { /* a plain emulator has them */
		ok_eq(CAUGHT_AT("xor %%ecx, %%ecx; 1: .byte 0x0f, 0x01, 0xc8"), VEC_UD, "MONITOR is #UD"); /* extensions in ECX would be #GP */
		ok_eq(CAUGHT_AT("xor %%ecx, %%ecx; 1: .byte 0x0f, 0x01, 0xc9"), VEC_UD, "MWAIT is #UD");
		ok_eq(CAUGHT_AT("mov $9, %%ecx; 1: rdpmc"), VEC_GP, "RDPMC is #GP");
	}
	ok_eq(CAUGHT(".byte 0x0f, 0x01, 0xfd"), VEC_UD, "RDPRU is #UD");
	ok_eq(is_intel() ? CAUGHT(VMMCALL) : CAUGHT(VMCALL), VEC_UD, "the other vendor's hypercall is #UD");
	ok_eq(CAUGHT(".byte 0x0f, 0xaa"), VEC_UD, "RSM is #UD");
	ok_eq(CAUGHT("ud2"), VEC_UD, "UD2 is #UD");
}

/* On a coherent machine both are without meaning; INVD, if it were carried out, would take everybody's unwritten data with it. */
static void check_cache(void)
{
	static volatile uint64_t line[8];

	for (unsigned i = 0; i < 8; i++)
		line[i] = 0x1111111111111111ull * i;
	ok_eq(CAUGHT("wbinvd"), VEC_NONE, "WBINVD does nothing bad");
	ok_eq(CAUGHT("invd"), VEC_NONE, "INVD does nothing bad");
	ok_eq(CAUGHT(".byte 0x48, 0x0f, 0x08"), VEC_NONE, "INVD with a prefix neither");
	for (unsigned i = 0; i < 8; i++)
		if (line[i] != 0x1111111111111111ull * i) {
			ok(false, "what was written before INVD is still there");
			return;
		}
	ok(true, "what was written before INVD is still there");
}

static void check_hypercall(void)
{
	int64_t rax = 12345;

	if (!on_caisson) {
		skip("not in Caisson", "hypercall");
		return;
	}
	if (is_intel())
		__asm__ volatile(VMCALL : "+a"(rax) : : "memory");
	else
		__asm__ volatile(VMMCALL : "+a"(rax) : : "memory");
	ok_eq((uint64_t)rax, (uint64_t)-1000, "hypercall: no such call");
}

static int xsetbv(uint32_t index, uint64_t v)
{
	cpu_self()->fault = VEC_NONE;
	__asm__ volatile("1: xsetbv\n2:\n" CATCH : : "c"(index), "a"((uint32_t)v), "d"((uint32_t)(v >> 32)) : "memory");
	return cpu_self()->fault;
}

static uint64_t xgetbv(void)
{
	uint32_t lo, hi;

	__asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
	return (uint64_t)hi << 32 | lo;
}

static void check_xsetbv(void)
{
	uint64_t cr4, all = (uint64_t)cpuid(0xd, 0).edx << 32 | cpuid(0xd, 0).eax;

	if (!(cpuid(1, 0).ecx & 1 << 26)) {
		skip("no XSAVE", "XSETBV");
		return;
	}
	ok_eq(xsetbv(0, 1), VEC_UD, "XSETBV without OSXSAVE is #UD");
	__asm__ volatile("mov %%cr4, %0" : "=r"(cr4));
	__asm__ volatile("mov %0, %%cr4" : : "r"(cr4 | 1 << 18));
	ok_eq(xgetbv(), 1, "XCR0 after reset");
	ok(xsetbv(0, 3) == VEC_NONE && xgetbv() == 3, "XCR0 = 3");
	ok_eq(cpuid(0xd, 0).ebx, 576, "CPUID tells the size for XCR0 = 3");
	ok(xsetbv(0, all) == VEC_NONE && xgetbv() == all, "XCR0 = all that is offered (0x%llx)", (unsigned long long)all);
	ok_eq(cpuid(0xd, 0).ebx, cpuid(0xd, 0).ecx, "CPUID tells the size for all");
	ok_eq(xsetbv(0, 2), VEC_GP, "XCR0 without x87 is #GP");
	ok_eq(xsetbv(0, 5), VEC_GP, "XCR0 with AVX and without SSE is #GP");
	ok_eq(xsetbv(0, all | 1ull << 63), VEC_GP, "XCR0 bit 63 is #GP");
	ok_eq(xsetbv(0, ~0ull), VEC_GP, "XCR0 = all ones is #GP");
	ok_eq(xsetbv(1, 1), VEC_GP, "XCR1 is #GP");
	ok_eq(xgetbv(), all, "a refused write changes nothing");
	ok_eq(xsetbv(0, 1), VEC_NONE, "XCR0 = 1");
	__asm__ volatile("mov %0, %%cr4" : : "r"(cr4));
}

#define CR_SET(cr, v) ({ cpu_self()->fault = VEC_NONE; __asm__ volatile("1: mov %0, %%" cr "\n2:\n" CATCH : : "r"((uint64_t)(v)) : "memory"); cpu_self()->fault; })
#define CR_GET(cr) ({ uint64_t v_; __asm__ volatile("mov %%" cr ", %0" : "=r"(v_)); v_; })

static void check_control_registers(void)
{
	uint64_t cr0 = CR_GET("cr0"), cr3 = CR_GET("cr3");

	ok(CR_SET("cr0", cr0 & ~(1ull << 16)) == VEC_NONE && CR_GET("cr0") == (cr0 & ~(1ull << 16)), "CR0.WP goes off");
	ok(CR_SET("cr0", cr0) == VEC_NONE && CR_GET("cr0") == cr0, "and on");
	/* Illegal values of CR0 and CR4 are the CPU's to refuse, and emulated ones do not. */
	ok(CR_SET("cr3", cr3) == VEC_NONE && CR_GET("cr3") == cr3, "CR3 reload");
	ok(CR_SET("cr8", 7) == VEC_NONE && CR_GET("cr8") == 7, "CR8 = 7");
	ok_eq(apic_read(APIC_TPR), 0x70, "the APIC's TPR is CR8");
	apic_write(APIC_TPR, 0x30);
	ok_eq(CR_GET("cr8"), 3, "CR8 is the APIC's TPR");
	ok(CR_SET("cr8", 0) == VEC_NONE && apic_read(APIC_TPR) == 0, "CR8 = 0");
	if (!on_caisson) /* an emulated CPU has it all, and refuses less */
		return;
	ok_eq(wrmsr_catch(0xc0000080, rdmsr(0xc0000080) | 1ull << 12), VEC_GP, "EFER.SVME is #GP");
	ok_eq(wrmsr_catch(0xc0000080, rdmsr(0xc0000080) & ~(1ull << 8)), VEC_GP, "EFER.LME off while paging is #GP");
	ok_eq(rdmsr(0xc0000080) & 0xd00, 0xd00, "EFER reads LME, LMA, NXE");
}

static void debug_trap(struct frame *f)
{
	breaks++;
	break_rip = f->rip;
	f->rflags &= ~(1ull << 8);
}

static void check_debug(void)
{
	extern char after_cpuid[], after_out[];
	uint64_t v = (uint64_t)&ticks;

	trap_set(VEC_DB, debug_trap);
	__asm__ volatile("pushfq; orq $0x100, (%%rsp); popfq; cpuid; .globl after_cpuid; after_cpuid: nop; nop" : : "a"(0), "c"(0) : "rbx", "rdx", "memory", "cc");
	ok(breaks == 1 && break_rip == (uint64_t)after_cpuid, "single step over CPUID stops right behind it");
	breaks = 0;
	__asm__ volatile("pushfq; orq $0x100, (%%rsp); popfq; outb %%al, $0x80; .globl after_out; after_out: nop; nop" : : "a"(0) : "memory", "cc");
	ok(breaks == 1 && break_rip == (uint64_t)after_out, "single step over OUT stops right behind it");
	__asm__ volatile("mov %0, %%dr0; mov %0, %%dr3; mov %1, %%dr7" : : "r"(v), "r"(0x400d0001ull));
	__asm__ volatile("mov %%dr3, %0" : "=r"(v));
	ok_eq(v, (uint64_t)&ticks, "debug registers keep their values");
	breaks = 0;
	__asm__ volatile("mov %0, %%dr7" : : "r"(0xd0401ull)); /* DR0: writes of four bytes */
	ticks = 5;
	ok_eq(breaks, 1, "a data breakpoint hits");
	__asm__ volatile("mov %0, %%dr7" : : "r"(0x400ull));
}

static volatile unsigned soft;

static void soft_interrupt(struct frame *f)
{
	(void)f;
	soft++;
}

static void check_exceptions(void)
{
	uint64_t page = window_map(0, (uint64_t)&ticks & ~4095ull, 0);

	ok_eq(CAUGHT_AT("xor %%edx, %%edx; xor %%ecx, %%ecx; 1: div %%ecx"), VEC_DE, "division by zero");
	trap_set(0x99, soft_interrupt);
	__asm__ volatile("int $0x99" ::: "memory");
	ok_eq(soft, 1, "INT n");
	trap_set(VEC_BP, soft_interrupt);
	__asm__ volatile("int3" ::: "memory");
	ok_eq(soft, 2, "INT3");
	cpu_self()->fault = VEC_NONE;
	__asm__ volatile("1: movb (%0), %%al\n2:\n" CATCH : : "r"(page + 5) : "rax", "memory");
	ok(cpu_self()->fault == VEC_PF && cpu_self()->fault_address == page + 5 && cpu_self()->fault_error == 0, "#PF: not present");
	window_map(0, (uint64_t)&ticks & ~4095ull, PTE_P);
	cpu_self()->fault = VEC_NONE;
	__asm__ volatile("1: movb $1, (%0)\n2:\n" CATCH : : "r"(page + 7) : "memory");
	ok(cpu_self()->fault == VEC_PF && cpu_self()->fault_address == page + 7 && cpu_self()->fault_error == 3, "#PF: write to a read-only page");
	cpu_self()->fault = VEC_NONE;
	__asm__ volatile("1: movb (%0), %%al\n2:\n" CATCH : : "r"(0x800000000000ull) : "rax", "memory");
	ok_eq(cpu_self()->fault, VEC_GP, "a non-canonical address is #GP");
}

static void check_tsc(void)
{
	uint64_t last = rdtsc();
	bool rises = true;

	for (unsigned i = 0; i < 2000; i++) {
		uint64_t now;

		if (i % 8 == 0)
			(void)cpuid(0, 0);
		now = rdtsc();
		rises &= now > last;
		last = now;
	}
	ok(rises, "RDTSC rises, over exits too");
	if (cpuid(0x80000001, 0).edx & 1 << 27) {
		uint32_t lo, hi, aux;

		wrmsr(0xc0000103, 0x5a5a);
		__asm__ volatile("rdtscp" : "=a"(lo), "=d"(hi), "=c"(aux));
		ok(aux == 0x5a5a && ((uint64_t)hi << 32 | lo) >= last, "RDTSCP tells the time and TSC_AUX");
	}
}

void guest_main(void)
{
	check_hlt();
	for (unsigned i = 0; i < 1000; i++)
		pause();
	ok(true, "PAUSE a thousand times");
	check_undefined();
	check_cache();
	check_hypercall();
	check_xsetbv();
	check_control_registers();
	check_debug();
	check_exceptions();
	check_tsc();
}
