/* SPDX-License-Identifier: Apache-2.0 */
/* Control registers and paging modes: bits that the monitor keeps for itself read back as the guest set them, what is illegal is #GP and changes
 * nothing, and a leg in 32-bit PAE paging, whose four directory entries the CPU keeps by itself (SDM 3A 4.4.1). One CPU; memory_mib is odd, so
 * that the last MiB is mapped page by page. */
#include "lib/guest.h"

enum {
	CR0_PE = 1, CR0_NE = 1 << 5, CR0_NW = 1 << 29, CR0_CD = 1 << 30,
	CR4_PSE = 1 << 4, CR4_PAE = 1 << 5, CR4_MCE = 1 << 6, CR4_VMXE = 1 << 13, CR4_PCIDE = 1 << 17,
};
#define CR0_PG (1ull << 31)
#define SPECIAL 0x80000000u /* of PDPTE 2, which differs between the legs' tables */
#define PATTERN_A 0x0a0a0a0au
#define PATTERN_B 0x0b0b0b0bu

#define CR_SET(cr, v) ({ cpu_self()->fault = VEC_NONE; __asm__ volatile("1: mov %0, %%" cr "\n2:\n" CATCH : : "r"((uint64_t)(v)) : "memory"); cpu_self()->fault; })
#define CR_GET(cr) ({ uint64_t v_; __asm__ volatile("mov %%" cr ", %0" : "=r"(v_)); v_; })

static bool is_intel(void)
{
	return cpuid(0, 0).ebx == 0x756e6547; /* "Genu" */
}

/* ---- 64-bit mode */

static void check_kept(void)
{
	uint64_t cr0 = CR_GET("cr0"), cr4 = CR_GET("cr4");

	ok(CR_SET("cr0", cr0 | CR0_CD) == VEC_NONE && CR_GET("cr0") == (cr0 | CR0_CD), "CR0.CD reads back");
	ok(CR_SET("cr0", cr0 | CR0_CD | CR0_NW) == VEC_NONE && CR_GET("cr0") == (cr0 | CR0_CD | CR0_NW), "CR0.NW with it");
	ok(CR_SET("cr0", cr0 & ~(uint64_t)CR0_NE) == VEC_NONE && CR_GET("cr0") == (cr0 & ~(uint64_t)CR0_NE), "CR0.NE goes off");
	ok(CR_SET("cr0", cr0) == VEC_NONE && CR_GET("cr0") == cr0, "and all is as it was");
	ok(!(cr4 & CR4_VMXE), "CR4.VMXE reads 0");
	/* Under SVM a guest that reads CR4 sees MCE set always: the host's machine checks need it, and reads go past the monitor. */
	ok(CR_SET("cr4", cr4 ^ CR4_MCE ^ CR4_PSE) == VEC_NONE && CR_GET("cr4") == ((cr4 ^ CR4_MCE ^ CR4_PSE) | (is_intel() ? 0 : CR4_MCE)),
	   "CR4.MCE and PSE read back");
	ok(CR_SET("cr4", cr4) == VEC_NONE && CR_GET("cr4") == cr4, "and are as they were");
}

/* An emulated CPU may refuse less than a real one: then this is not the monitor's to show. Writes to CR4 always are. */
static void refused(const char *name, bool cr4, uint64_t v)
{
	uint64_t was = cr4 ? CR_GET("cr4") : CR_GET("cr0");

	if (!is_intel() && !cr4) {
		skip("QEMU's CPU takes it", name);
		return;
	}
	ok((cr4 ? CR_SET("cr4", v) : CR_SET("cr0", v)) == VEC_GP && (cr4 ? CR_GET("cr4") : CR_GET("cr0")) == was, "%s", name);
}

static void check_refused(void)
{
	uint64_t cr0 = CR_GET("cr0"), cr3 = CR_GET("cr3"), cr4 = CR_GET("cr4");

	refused("CR0.NW without CD is #GP", false, cr0 | CR0_NW);
	refused("CR0.PG without PE is #GP", false, cr0 & ~(uint64_t)CR0_PE);
	refused("CR0.PG off in 64-bit mode is #GP", false, cr0 & ~CR0_PG);
	refused("CR0 bit 32 is #GP", false, cr0 | 1ull << 32);
	refused("CR4.VMXE is #GP", true, cr4 | CR4_VMXE);
	refused("CR4 bit 63 is #GP", true, cr4 | 1ull << 63);
	refused("CR4 bit 15 is #GP", true, cr4 | 1 << 15);
	refused("CR4.PAE off in 64-bit mode is #GP", true, cr4 & ~(uint64_t)CR4_PAE);
	if (is_intel())
		ok_eq(CR_SET("cr3", cr3 | 1ull << 62), VEC_GP, "CR3 beyond the address width is #GP");
	else
		skip("QEMU's CPU takes it", "CR3 beyond the address width is #GP");
}

static void check_pcide(void)
{
	static const char *const names[] = {
		"CR3 with caching bits", "CR4.PCIDE with them is #GP", "CR4.PCIDE goes on", "CR3 keeps a number, and not the bit that asks for no flush",
		"CR4.PCIDE goes off",
	};
	uint64_t cr3 = CR_GET("cr3"), cr4 = CR_GET("cr4");

	if (!(cpuid(1, 0).ecx & 1 << 17)) {
		for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
			skip("no PCID here", names[i]);
		return;
	}
	ok(CR_SET("cr3", cr3 | 0x18) == VEC_NONE, "%s", names[0]);
	refused(names[1], true, cr4 | CR4_PCIDE);
	ok(CR_SET("cr3", cr3) == VEC_NONE && CR_SET("cr4", cr4 | CR4_PCIDE) == VEC_NONE && CR_GET("cr4") == (cr4 | CR4_PCIDE), "%s", names[2]);
	ok(CR_SET("cr3", cr3 | 5 | 1ull << 63) == VEC_NONE && CR_GET("cr3") == (cr3 | 5), "%s", names[3]);
	ok(CR_SET("cr3", cr3) == VEC_NONE && CR_SET("cr4", cr4) == VEC_NONE && CR_GET("cr4") == cr4, "%s", names[4]);
}

/* ---- 32-bit mode with PAE paging: identity, but for the GiB at SPECIAL */

extern uint64_t page_dirs[4][512];
extern void pae_leg(void); /* at the end of this file */
uint64_t pae_plain[4] __attribute__((aligned(32))), pae_other[4] __attribute__((aligned(32)));
uint64_t pae_bad[4] __attribute__((aligned(32))), pae_far[4] __attribute__((aligned(32)));
static uint64_t dir_a[512] __attribute__((aligned(4096))), dir_b[512] __attribute__((aligned(4096)));
struct { uint32_t first, other, bad_vector, bad_cr3, kept, kept_cd, far_vector, far_error, far_address, apic, cpuid_max, entry_vector; } pae_seen;

static void pae_tables(uint64_t *pdpt, const uint64_t *special)
{
	for (unsigned i = 0; i < 4; i++)
		pdpt[i] = (uint64_t)(i == 2 && special ? special : page_dirs[i]) | PTE_P;
}

static void check_pae(void)
{
	uint64_t a = 32ull << 20, b = 34ull << 20;

	*(volatile uint32_t *)a = PATTERN_A;
	*(volatile uint32_t *)b = PATTERN_B;
	dir_a[0] = a | 0x80 | PTE_P | PTE_W;
	dir_b[0] = b | 0x80 | PTE_P | PTE_W;
	pae_tables(pae_plain, dir_a);
	pae_tables(pae_other, dir_b);
	pae_tables(pae_bad, dir_b);
	pae_bad[1] |= 2; /* reserved in this mode */
	pae_tables(pae_far, (const uint64_t *)(ram_low_end - 4096)); /* a page that nobody touched */
	pae_leg();
	ok_eq(pae_seen.first, PATTERN_A, "PAE paging: the third directory entry's memory");
	ok_eq(pae_seen.other, PATTERN_B, "PAE paging: another CR3, other entries");
	if (is_intel()) {
		ok_eq(pae_seen.bad_vector, VEC_GP, "PAE paging: CR3 with a reserved bit in an entry is #GP");
		ok_eq(pae_seen.bad_cr3, (uint64_t)pae_plain, "PAE paging: and CR3 is as it was");
	} else {
		skip("QEMU's CPU takes it", "PAE paging: CR3 with a reserved bit in an entry is #GP");
		skip("QEMU's CPU takes it", "PAE paging: and CR3 is as it was");
	}
	ok_eq(pae_seen.kept, PATTERN_A, "PAE paging: the entries hold over an exit");
	ok_eq(pae_seen.kept_cd, PATTERN_A, "PAE paging: and over CR0.CD on and off");
	ok(pae_seen.far_vector == VEC_PF && pae_seen.far_error == 0 && pae_seen.far_address == SPECIAL, "PAE paging: a directory on an untouched page is #PF");
	ok(pae_seen.apic != 0 && pae_seen.apic != ~0u, "PAE paging: a device register is read");
	ok_eq(pae_seen.cpuid_max, cpuid(0, 0).eax, "PAE paging: CPUID");
	ok_eq(pae_seen.entry_vector, 0, "PAE paging: no other fault");
}

void guest_main(void)
{
	check_kept();
	check_refused();
	check_pcide();
	check_pae();
	ok(rdtsc() != 0 && CR_GET("cr4") & CR4_PAE, "back in 64-bit mode");
}

/* Through compatibility mode to 32-bit mode, a new CR3 with paging off, and back. The handler of all faults leaves vector, error and address,
 * and goes on where pae_resume says. */
__asm__(
	".section .text\n"
	".code64\n"
	".globl pae_leg\n"
	"pae_leg: push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15\n"
	"	mov %rsp, pae_rsp\n"
	"	mov %cr3, %rax; mov %rax, pae_cr3\n"
	"	sidt pae_old_idt\n"
	"	movl $pae_gp, %eax; mov $pae_idt + 8 * 13, %edi; call pae_gate\n"
	"	movl $pae_pf, %eax; mov $pae_idt + 8 * 14, %edi; call pae_gate\n"
	"	pushq $24; pushq $pae_32; lretq\n"
	/* EAX: handler, EDI: its gate */
	"pae_gate: movw %ax, (%rdi); movw $24, 2(%rdi); movw $0x8e00, 4(%rdi); shr $16, %eax; movw %ax, 6(%rdi); ret\n"
	".code32\n"
	"pae_32: mov $16, %eax; mov %eax, %ds; mov %eax, %es; mov %eax, %ss\n"
	"	mov pae_rsp, %esp\n"
	"	lidtl pae_new_idt\n"
	"	mov %cr0, %eax; and $0x7fffffff, %eax; mov %eax, %cr0\n"
	"	mov $0xc0000080, %ecx; rdmsr; and $~0x100, %eax; wrmsr\n"
	"	mov $pae_plain, %eax; mov %eax, %cr3\n"
	"	mov %cr0, %eax; or $0x80000000, %eax; mov %eax, %cr0\n"
	"	mov 0x80000000, %eax; mov %eax, pae_seen\n"
	"	mov $pae_other, %eax; mov %eax, %cr3\n"
	"	mov 0x80000000, %eax; mov %eax, pae_seen + 4\n"
	"	mov $pae_plain, %eax; mov %eax, %cr3\n"
	"	movl $1f, pae_resume; mov $pae_bad, %eax; mov %eax, %cr3\n"
	"1:	mov pae_vector, %eax; mov %eax, pae_seen + 8; mov %cr3, %eax; mov %eax, pae_seen + 12\n"
	"	mov $pae_plain, %eax; mov %eax, %cr3; movl $0, pae_vector\n"
	"	xor %eax, %eax; cpuid; mov %eax, pae_seen + 40\n"
	"	mov 0x80000000, %eax; mov %eax, pae_seen + 16\n"
	"	mov %cr0, %eax; mov %eax, %edx; or $0x40000000, %eax; mov %eax, %cr0; mov %edx, %cr0\n"
	"	mov 0x80000000, %eax; mov %eax, pae_seen + 20\n"
	"	mov 0xfee00030, %eax; mov %eax, pae_seen + 36\n"
	"	mov pae_vector, %eax; mov %eax, pae_seen + 44\n"
	"	movl $1f, pae_resume; mov $pae_far, %eax; mov %eax, %cr3; mov 0x80000000, %eax\n"
	"1:	mov pae_vector, %eax; mov %eax, pae_seen + 24; mov pae_error, %eax; mov %eax, pae_seen + 28; mov %cr2, %eax; mov %eax, pae_seen + 32\n"
	"	mov %cr0, %eax; and $0x7fffffff, %eax; mov %eax, %cr0\n"
	"	mov $0xc0000080, %ecx; rdmsr; or $0x100, %eax; wrmsr\n"
	"	mov pae_cr3, %eax; mov %eax, %cr3\n"
	"	mov %cr0, %eax; or $0x80000000, %eax; mov %eax, %cr0\n"
	"	ljmp $8, $pae_back\n"
	"pae_gp: movl $13, pae_vector; jmp 2f\n"
	"pae_pf: movl $14, pae_vector\n"
	"2:	pop pae_error; push %eax; mov pae_resume, %eax; mov %eax, 4(%esp); pop %eax; iret\n"
	".code64\n"
	"pae_back: mov $16, %eax; mov %eax, %ds; mov %eax, %es; mov %eax, %ss\n"
	"	mov pae_rsp, %rsp\n"
	"	lidt pae_old_idt\n"
	"	pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx\n"
	"	ret\n"
	".section .data\n"
	".balign 8\n"
	"pae_rsp: .quad 0\n"
	"pae_cr3: .quad 0\n"
	"pae_vector: .long 0\n"
	"pae_error: .long 0\n"
	"pae_resume: .long 0\n"
	"pae_old_idt: .skip 10\n"
	".balign 4\n"
	"pae_new_idt: .word 8 * 32 - 1; .long pae_idt\n"
	".balign 8\n"
	"pae_idt: .skip 8 * 32\n"
	".text\n");
