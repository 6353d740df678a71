/* SPDX-License-Identifier: Apache-2.0 */
/* A guest CPU's registers, the same whatever the backend, and what the x86_64 part of the monitor asks of a backend beside
 * hv_ops. Own CPU of the vCPU, or vCPU parked. Knows no VMCB and no VMCS. */
#ifndef VMM_X86_64_REGS_H
#define VMM_X86_64_REGS_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct vcpu;

/* In the order of instruction encodings (SDM 2A 2.1.5). */
enum { REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
       REG_R8, REG_R9, REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15, REG_GPRS };

/* The first six in the order of segment register encodings. */
enum { SEG_ES, SEG_CS, SEG_SS, SEG_DS, SEG_FS, SEG_GS, SEG_LDTR, SEG_TR, SEG_GDTR, SEG_IDTR, SEG_COUNT };

/* Descriptor bits 40-47 and 52-55 packed into 12 (APM 2 15.5.1): type 0-3, S 4, DPL 5-6, P 7, AVL 8, L 9, D/B 10, G 11. */
struct x86_seg { uint16_t selector, attr; uint32_t limit; /* in bytes, also with G */ uint64_t base; };
#define SEG_ATTR_S 0x010u
#define SEG_ATTR_P 0x080u
#define SEG_ATTR_L 0x200u
#define SEG_ATTR_DB 0x400u
#define SEG_ATTR_G 0x800u
#define SEG_ATTR_CODE16 0x09bu /* reset state of CS: execute/read, accessed */
#define SEG_ATTR_DATA16 0x093u
#define SEG_ATTR_CODE32 0xc9bu
#define SEG_ATTR_DATA32 0xc93u
#define SEG_ATTR_CODE64 0xa9bu
#define SEG_ATTR_TSS 0x08bu    /* busy 32-bit or 64-bit */
#define SEG_ATTR_LDT 0x082u

#define X86_CR0_PE (1ull << 0)
#define X86_CR0_MP (1ull << 1)
#define X86_CR0_EM (1ull << 2)
#define X86_CR0_TS (1ull << 3)
#define X86_CR0_ET (1ull << 4)
#define X86_CR0_NE (1ull << 5)
#define X86_CR0_WP (1ull << 16)
#define X86_CR0_AM (1ull << 18)
#define X86_CR0_NW (1ull << 29)
#define X86_CR0_CD (1ull << 30)
#define X86_CR0_PG (1ull << 31)
#define X86_CR4_PSE (1ull << 4)
#define X86_CR4_PAE (1ull << 5)
#define X86_CR4_MCE (1ull << 6)
#define X86_CR4_PCE (1ull << 8)
#define X86_CR4_LA57 (1ull << 12)
#define X86_CR4_VMXE (1ull << 13)
#define X86_CR4_PCIDE (1ull << 17)
#define X86_CR4_OSXSAVE (1ull << 18)
#define X86_CR4_SMEP (1ull << 20)
#define X86_CR4_SMAP (1ull << 21)
#define X86_CR4_PKE (1ull << 22)
#define X86_EFER_SCE (1ull << 0)
#define X86_EFER_LME (1ull << 8)
#define X86_EFER_LMA (1ull << 10)
#define X86_EFER_NXE (1ull << 11)
#define X86_EFER_SVME (1ull << 12)
#define X86_EFER_LMSLE (1ull << 13)
#define X86_EFER_FFXSR (1ull << 14)
#define X86_EFER_TCE (1ull << 15)
#define X86_RFLAGS_FIXED (1ull << 1)
#define X86_RFLAGS_CF (1ull << 0)
#define X86_RFLAGS_PF (1ull << 2)
#define X86_RFLAGS_AF (1ull << 4)
#define X86_RFLAGS_ZF (1ull << 6)
#define X86_RFLAGS_SF (1ull << 7)
#define X86_RFLAGS_TF (1ull << 8)
#define X86_RFLAGS_IF (1ull << 9)
#define X86_RFLAGS_DF (1ull << 10)
#define X86_RFLAGS_OF (1ull << 11)
#define X86_RFLAGS_RF (1ull << 16)
#define X86_RFLAGS_VM (1ull << 17)
#define X86_RFLAGS_AC (1ull << 18)

/* A descriptor's attributes in words, for dumps. */
void x86_seg_describe(uint16_t attr, char *buf, size_t n);

/* The whole register file: what vcpu_get_regs and vcpu_set_regs move, and the plain struct that travels. */
#define ARCH_REGS_VERSION 1
struct arch_regs {
	uint32_t version;
	uint64_t gpr[REG_GPRS], rip, rflags;
	struct x86_seg seg[SEG_COUNT];
	uint64_t cr0, cr2, cr3, cr4, cr8, efer, xcr0;
	uint64_t dr[4], dr6, dr7;
	uint64_t star, lstar, cstar, sfmask, kernel_gs_base;
	uint64_t sysenter_cs, sysenter_esp, sysenter_eip;
	uint64_t pat, tsc_aux, debugctl;
};
/* The state after power-on (SDM 3A table 9-1). */
void regs_reset(struct arch_regs *r);
/* After INIT and SIPI: real mode at vector << 12; keeps what INIT keeps (MSRs but EFER, CR0.CD/NW, TSC_AUX ...). */
void regs_sipi(struct arch_regs *r, uint8_t vector);
/* Flat protected mode, paging off, interrupts off (PVH entry, and the start for a 64-bit one). */
void regs_flat32(struct arch_regs *r);
/* Flat 64-bit mode with the given page tables; interrupts off. */
void regs_flat64(struct arch_regs *r, uint64_t cr3);

/* Single registers by name, for exit handlers that need but a few. */
enum x86_reg {
	X86_GPR0, /* + REG_* */
	X86_RIP = REG_GPRS, X86_RFLAGS, X86_CR0, X86_CR2, X86_CR3, X86_CR4, X86_CR8, X86_EFER, X86_XCR0, X86_CPL,
	X86_FS_BASE, X86_GS_BASE, X86_KERNEL_GS_BASE, X86_STAR, X86_LSTAR, X86_CSTAR, X86_SFMASK,
	X86_SYSENTER_CS, X86_SYSENTER_ESP, X86_SYSENTER_EIP, X86_PAT, X86_TSC_AUX, X86_DEBUGCTL, X86_SPEC_CTRL,
	X86_CR8_WATCH, /* write only: non-zero asks for an IRQ_WINDOW exit when the guest is about to write CR8 */
	X86_REGS
};

/* What an instruction's fetch and its addresses depend on. */
struct x86_mode { uint64_t rip, rflags, cr0, cr3, cr4, efer; struct x86_seg cs; uint8_t cpl; };

/* What hv_ops->arch points to. */
struct hv_arch_ops {
	uint64_t (*reg_get)(struct vcpu *v, enum x86_reg r);
	/* The value is legal: the caller has checked it. */
	void (*reg_set)(struct vcpu *v, enum x86_reg r, uint64_t value);
	void (*seg_get)(struct vcpu *v, unsigned seg, struct x86_seg *out);
	void (*mode_get)(struct vcpu *v, struct x86_mode *out);
	/* Steps over the instruction of this exit when its length is known only now (MMIO): len bytes. */
	void (*skip)(struct vcpu *v, unsigned len);
	/* INIT: drops queued and half-delivered events, NMI blocking, interrupt shadow. power_on: the FPU state as well, which INIT keeps. */
	void (*latch_reset)(struct vcpu *v, bool power_on);
	/* May this guest see SPEC_CTRL? (it is switched with the guest) */
	bool (*has_spec_ctrl)(void);
	/* Do interrupts go from the LAPIC into the guest by themselves, so that none is to be injected? NULL: no. */
	bool (*takes_interrupts)(void);
	/* Does XSAVES run in a guest, with IA32_XSS 0? NULL: no. */
	bool (*has_xsaves)(void);
};

#endif
