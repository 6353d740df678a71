/* SPDX-License-Identifier: Apache-2.0 */
/* Events whose delivery meets memory that is not there yet: the stack, the second half of the IDT, the end of the TSS lie on pages that nobody
 * touched, so that the delivery itself exits half way. Each event arrives once all the same, with the right error code and RIP. Then NMIs: one
 * in another's handler, in the shadows of STI and MOV SS, and over an IRET that exits. Its last MiB is mapped page by page: memory_mib is odd. */
#include "lib/guest.h"

enum { TSS_SELECTOR = 32, V_SOFT = 0x80, V_EXTERNAL = 0x81, V_ABSENT = 0x90, V_ABSENT_EXTERNAL = 0xa0, IST = 1, TSS_SIZE = 104, TSS_IST1 = 36, TF = 0x100 };
struct gate { uint16_t low, selector; uint8_t ist, type; uint16_t mid; uint32_t high, zero; };
struct pointer { uint16_t limit; uint64_t base; } __attribute__((packed));

extern char trap_entries[];
extern uint64_t pml4[512];
static struct gate plain_idt[256] __attribute__((aligned(4096)));
static uint64_t gdt[6] = {0, 0x00af9b000000ffff, 0x00cf93000000ffff, 0x00cf9b000000ffff};
static uint8_t plain_tss[TSS_SIZE] __attribute__((aligned(16)));

/* ---- pages that nobody touched */

static uint64_t next_page;

static uint64_t fresh(unsigned pages)
{
	uint64_t a = next_page;

	next_page += pages * 4096ull;
	if (next_page > ram_low_end)
		bail("no page is left that nobody touched");
	return a;
}

/* The top of a stack whose lowest bytes read as a struct cpu, with nothing of it there. Its frame lies on one page, or on two. */
static uint64_t fresh_stack(bool on_two)
{
	next_page = (next_page + STACK_SIZE - 1) & ~(uint64_t)(STACK_SIZE - 1);
	return fresh(STACK_SIZE / 4096) + STACK_SIZE - (on_two ? 4096 - 16 : 0);
}

/* ---- tables */

static void idt_load(const struct gate *idt)
{
	struct pointer p = {sizeof(plain_idt) - 1, (uint64_t)idt};

	__asm__ volatile("lidt %0" : : "m"(p));
}

static void idt_build(struct gate *idt, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		uint64_t a = (uint64_t)trap_entries + 16 * i;

		idt[i] = (struct gate){.low = (uint16_t)a, .selector = 8, .ist = IST, .type = 0x8e, .mid = (uint16_t)(a >> 16), .high = (uint32_t)(a >> 32)};
	}
}

/* A fresh descriptor each time: LTR wants one that is not busy. */
static void tss_load(uint64_t tss)
{
	struct pointer p = {sizeof(gdt) - 1, (uint64_t)gdt};

	gdt[4] = (TSS_SIZE - 1) | (tss & 0xffffff) << 16 | 0x89ull << 40 | (tss >> 24 & 0xff) << 56;
	gdt[5] = tss >> 32;
	__asm__ volatile("lgdt %0; ltr %w1" : : "m"(p), "r"(TSS_SELECTOR) : "memory");
}

static void stack_set(uint64_t top)
{
	memcpy(plain_tss + TSS_IST1, &top, 8);
}

/* ---- what arrived */

static volatile struct { unsigned count; uint64_t vector, error, rip, cr2, rsp; } got;
static uint64_t at, behind;   /* of the instruction of the last STIMULUS */

static void take(struct frame *f)
{
	got.count++;
	got.vector = f->vector;
	got.error = f->error;
	got.rip = f->rip;
	got.rsp = (uint64_t)f;
	__asm__ volatile("mov %%cr2, %0" : "=r"(got.cr2));
	f->rflags &= ~(uint64_t)TF;
	if (f->rip == at) /* a fault */
		f->rip = behind;
	if (f->vector >= 32 && f->vector != V_SOFT)
		apic_eoi();
}

#define STIMULUS(before, insn, operand) ({ got.count = 0; \
	__asm__ volatile("lea 1f(%%rip), %%rax; mov %%rax, %0; lea 2f(%%rip), %%rax; mov %%rax, %1; " before "\n1: " insn "\n2: nop\n" \
			 : "=m"(at), "=m"(behind) : "b"((uint64_t)(operand)) : "rax", "rcx", "rdx", "memory", "cc"); })

/* arrived: at the instruction (a fault) or behind it. */
static bool arrived(const char *where, const char *what, uint64_t vector, uint64_t error, uint64_t rip)
{
	bool good = ok(got.count == 1 && got.vector == vector && got.error == error && got.rip == rip, "%s: %s", where, what);

	if (!good)
		note("%u times, vector %u, error %llx, rip %llx; expected vector %u, error %llx, rip %llx", got.count, (unsigned)got.vector,
		     (unsigned long long)got.error, (unsigned long long)got.rip, (unsigned)vector, (unsigned long long)error, (unsigned long long)rip);
	return good;
}

static void to_cpu0(uint32_t low)
{
	apic_ipi(low, 0);
}

static void check_events(const char *where, bool on_two)
{
	uint64_t page = window_map(3, 0, 0);

	stack_set(fresh_stack(on_two));
	STIMULUS("", "movb (%2), %%al", page + 5);
	arrived(where, "#PF of a read", VEC_PF, 0, at);
	ok_eq(got.cr2, page + 5, "%s: its address", where);
	window_map(3, (uint64_t)plain_tss & ~4095ull, PTE_P);
	stack_set(fresh_stack(on_two));
	STIMULUS("", "movb $1, (%2)", page + 6);
	arrived(where, "#PF of a write", VEC_PF, 3, at);
	stack_set(fresh_stack(on_two));
	STIMULUS("mov $0x100, %%eax", "mov %%ax, %%fs", 0);
	arrived(where, "#GP with a selector", VEC_GP, 0x100, at);
	stack_set(fresh_stack(on_two));
	STIMULUS("", "ud2", 0);
	arrived(where, "#UD", VEC_UD, 0, at);
	stack_set(fresh_stack(on_two));
	STIMULUS("", "int $0x80", 0);
	arrived(where, "INT n", V_SOFT, 0, behind);
	stack_set(fresh_stack(on_two));
	STIMULUS("", "int3", 0);
	arrived(where, "INT3", VEC_BP, 0, behind);
	stack_set(fresh_stack(on_two));
	STIMULUS("", ".byte 0xf1", 0);
	arrived(where, "INT1", VEC_DB, 0, behind);
	stack_set(fresh_stack(on_two));
	STIMULUS("pushfq; orq $0x100, (%%rsp); popfq", "nop", 0);
	arrived(where, "a single step", VEC_DB, 0, behind);
	stack_set(fresh_stack(on_two));
	STIMULUS("", "nop", 0);
	to_cpu0(ICR_NMI);
	ok(WAIT(got.count) && got.count == 1 && got.vector == VEC_NMI, "%s: NMI", where);
	stack_set(fresh_stack(on_two));
	got.count = 0;
	to_cpu0(ICR_FIXED | V_EXTERNAL);
	ok(WAIT((irq_window(), got.count)) && got.count == 1 && got.vector == V_EXTERNAL, "%s: an external interrupt", where);
	irq_window();
	ok(got.count == 1 && !(apic_read(APIC_ISR + 0x40) & 2) && !(apic_read(APIC_IRR + 0x40) & 2), "%s: and nothing of it is left", where);
}

static bool is_intel(void)
{
	return cpuid(0, 0).ebx == 0x756e6547; /* "Genu" */
}

/* Gates of zeros: the event becomes #GP, whose gate is on the half that is there. */
static void check_idt(void)
{
	struct gate *idt = (struct gate *)(fresh(3) + 2048);

	idt_build(idt, 128);
	idt_load(idt);
	stack_set(fresh_stack(false));
	STIMULUS("", "int $0x90", 0);
	arrived("the IDT's other half", "INT n is #GP", VEC_GP, V_ABSENT * 8 | 2, at);
	if (is_intel()) {
		idt = (struct gate *)(fresh(3) + 2048);
		idt_build(idt, 128);
		idt_load(idt);
		stack_set(fresh_stack(false));
		got.count = 0;
		to_cpu0(ICR_FIXED | V_ABSENT_EXTERNAL);
		ok(WAIT((irq_window(), got.count)) && got.count == 1 && got.vector == VEC_GP && got.error == (V_ABSENT_EXTERNAL * 8 | 3),
		   "the IDT's other half: an external interrupt is #GP");
		apic_eoi();
	} else { /* do_interrupt_x86_hardirq() leaves by longjmp, before its caller takes V_IRQ back */
		skip("QEMU gives a virtual interrupt again whose delivery ended in a fault", "the IDT's other half: an external interrupt is #GP");
	}
	idt_load(plain_idt);
}

/* The last 16 KiB of the address space, where a stack pointer of 0 leads. */
static void map_top(void)
{
	static uint64_t tables[3][512] __attribute__((aligned(4096)));
	static uint8_t stack[STACK_SIZE] __attribute__((aligned(4096)));

	pml4[511] = (uint64_t)tables[0] | PTE_P | PTE_W;
	tables[0][511] = (uint64_t)tables[1] | PTE_P | PTE_W;
	tables[1][511] = (uint64_t)tables[2] | PTE_P | PTE_W;
	for (unsigned i = 0; i < STACK_SIZE / 4096; i++)
		tables[2][512 - STACK_SIZE / 4096 + i] = ((uint64_t)stack + 4096 * i) | PTE_P | PTE_W;
}

/* IST1 is the first word of a page that is not there: it reads as 0. */
static void check_tss(void)
{
	map_top();
	tss_load(fresh(2) + 4096 - TSS_IST1);
	STIMULUS("", "int $0x80", 0);
	arrived("the TSS's end", "INT n", V_SOFT, 0, behind);
	ok_eq(got.rsp + sizeof(struct frame), 0, "the TSS's end: on the stack that it names");
	tss_load(fresh(2) + 4096 - TSS_IST1);
	got.count = 0;
	to_cpu0(ICR_NMI);
	ok(WAIT(got.count) && got.count == 1 && got.vector == VEC_NMI, "the TSS's end: NMI");
	tss_load(fresh(2) + 4096 - TSS_IST1);
	STIMULUS("", "movb (%2), %%al", window_map(3, 0, 0));
	arrived("the TSS's end", "#PF", VEC_PF, 0, at);
	tss_load((uint64_t)plain_tss);
}

/* ---- NMIs */

static volatile unsigned nmis, depth, deepest;
static volatile uint64_t nmi_rip;
static volatile bool send_again;
extern char faulting_iret[], after_iret[];

static void on_nmi(struct frame *f)
{
	depth++;
	deepest = depth > deepest ? depth : deepest;
	nmis++;
	nmi_rip = f->rip;
	if (send_again) {
		send_again = false;
		to_cpu0(ICR_NMI);
		to_cpu0(ICR_NMI); /* two that wait are one */
		for (unsigned i = 0; i < 50; i++)
			(void)cpuid(0, 0);
	}
	depth--;
}

static void check_nested_nmi(void)
{
	nmis = deepest = 0;
	send_again = true;
	to_cpu0(ICR_NMI);
	ok(WAIT(nmis == 2) && deepest == 1, "an NMI in an NMI's handler comes after its IRET");
	for (unsigned i = 0; i < 50; i++)
		(void)cpuid(0, 0);
	ok_eq(nmis, 2, "and only once");
}

static volatile unsigned iret_faults;

/* The frame that IRET pops lies on a page of zeros that is not there: an exit in the middle, then #GP for the null CS. NMIs are open from
 * there on, and the one that waits comes then, not between the exit and the fault (SDM 3C 28.2.3, bit 12 of the exit qualification). */
static void on_iret_fault(struct frame *f)
{
	iret_faults++;
	f->rip = (uint64_t)after_iret;
}

static void on_nmi_iret(struct frame *f)
{
	nmis++;
	nmi_rip = f->rip;
	if (nmis > 1)
		return;
	to_cpu0(ICR_NMI);
	for (unsigned i = 0; i < 20; i++)
		(void)cpuid(0, 0);
	__asm__ volatile("mov %%rsp, %%rbx; mov %0, %%rsp; .globl faulting_iret; faulting_iret: iretq; .globl after_iret; after_iret: mov %%rbx, %%rsp"
			 : : "r"(fresh_stack(false) - 64) : "rbx", "memory", "cc");
}

static void check_iret(void)
{
	nmis = iret_faults = 0;
	trap_set(VEC_NMI, on_nmi_iret);
	trap_set(VEC_GP, on_iret_fault);
	plain_idt[VEC_NMI].ist = plain_idt[VEC_GP].ist = 0; /* the second comes on the first one's stack */
	to_cpu0(ICR_NMI);
	ok(WAIT(nmis == 2) && iret_faults == 1, "an IRET whose frame is not there: #GP once, and the NMI that waits");
	if (!ok(nmi_rip != (uint64_t)faulting_iret, "which does not come before that IRET is through"))
		note("at %llx, the IRET is at %llx, the next instruction at %llx", (unsigned long long)nmi_rip, (unsigned long long)faulting_iret, (unsigned long long)after_iret);
	plain_idt[VEC_NMI].ist = IST;
}

/* Another CPU sends the next NMI as soon as the last one came. */
static volatile unsigned sent;
static volatile bool quiet, ended;

static void sender(unsigned index)
{
	(void)index;
	while (!quiet) {
		unsigned before = nmis;

		sent++;
		to_cpu0(ICR_NMI);
		while (nmis == before)
			pause();
	}
	ended = true;
	for (;;)
		pause();
}

static volatile unsigned shadowed; /* NMIs right behind MOV SS */
extern char behind_mov_ss[];

static __attribute__((noinline)) void touch_behind_mov_ss(uint64_t a)
{
	__asm__ volatile("mov %%ss, %%ecx; mov %%ecx, %%ss; .globl behind_mov_ss; behind_mov_ss: movb (%0), %%al" : : "r"(a) : "rax", "rcx", "memory");
}

static void on_nmi_shadow(struct frame *f)
{
	shadowed += f->rip == (uint64_t)behind_mov_ss;
	nmis++;
}

/* An exit in the shadow: the page is not there. What comes meanwhile waits for the right moment. */
static void check_shadows(void)
{
	trap_set(VEC_NMI, on_nmi_shadow);
	plain_idt[VEC_NMI].ist = 0;
	nmis = 0;
	if (!ok(cpu_start(1, sender), "CPU 1 starts"))
		return;
	for (unsigned i = 0; i < 48; i++)
		__asm__ volatile("sti; movb (%0), %%al; cli" : : "r"(fresh(1)) : "rax", "memory");
	for (unsigned i = 0; i < 48; i++)
		touch_behind_mov_ss(fresh(1));
	ok(WAIT(nmis > 100), "NMIs without end while pages come in the shadows of STI and MOV SS");
	quiet = true;
	ok(WAIT(ended) && nmis == sent, "each was taken once");
	ok_eq(shadowed, 0, "and none in the shadow of MOV SS");
}

/* A user's program can do the first: #DB exits in a shadow while a step is pending, which the next entry must tell (SDM 3C 27.3.1.5). */
static void check_debug_shadow(void)
{
	stack_set(fresh_stack(false));
	STIMULUS("mov %%ss, %%ecx; pushfq; orq $0x100, (%%rsp); popfq; mov %%ecx, %%ss", ".byte 0xf1", 0);
	ok(got.count >= 1 && got.vector == VEC_DB && got.rip == behind, "INT1 in the shadow of MOV SS with a step pending");
	stack_set(fresh_stack(false));
	STIMULUS("pushfq; orq $0x100, (%%rsp); popfq", "sti", 0);
	irq_off();
	ok(got.count == 1 && got.vector == VEC_DB && got.rip == behind, "a single step over STI");
}

void guest_main(void)
{
	next_page = ram_low_end - (1 << 20);
	for (unsigned i = 0; i < 256; i++)
		if (i != VEC_DF)
			trap_set(i, take);
	idt_build(plain_idt, 256);
	plain_idt[VEC_DF].ist = 0;
	idt_load(plain_idt);
	tss_load((uint64_t)plain_tss);
	check_events("an untouched stack", false);
	check_events("a frame on two untouched pages", true);
	check_idt();
	check_tss();
	stack_set(fresh_stack(false));
	trap_set(VEC_NMI, on_nmi);
	check_nested_nmi();
	check_debug_shadow();
	check_iret();
	check_shadows();
}
