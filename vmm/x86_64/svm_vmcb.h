/* SPDX-License-Identifier: Apache-2.0 */
/* The virtual machine control block as the hardware reads it (APM 2 appendix B) with its bits and exit codes (appendix C).
 * For the svm*.c files alone. */
#ifndef VMM_X86_64_SVM_VMCB_H
#define VMM_X86_64_SVM_VMCB_H
#include <stddef.h>
#include <stdint.h>

struct vmcb_seg { uint16_t selector, attr; uint32_t limit; uint64_t base; };

struct vmcb_control {
	uint32_t intercept_cr;   /* 0x000: reads in the low half, writes in the high one */
	uint32_t intercept_dr;   /* 0x004: likewise */
	uint32_t intercept_exc;  /* 0x008: one bit a vector */
	uint32_t intercept1, intercept2, intercept3;
	uint8_t reserved1[0x3c - 0x18];
	uint16_t pause_threshold, pause_count;
	uint64_t iopm_pa, msrpm_pa, tsc_offset;
	uint32_t asid;
	uint8_t tlb_control, reserved2[3];
	uint64_t int_ctl, int_state;
	uint64_t exit_code, exit_info1, exit_info2, exit_int_info;
	uint64_t np_enable, avic_bar, ghcb_pa;
	uint64_t event_inj;
	uint64_t n_cr3;
	uint64_t virt_ext;       /* LBR and VMSAVE/VMLOAD virtualisation: not used */
	uint32_t clean, reserved3;
	uint64_t next_rip;
	uint8_t insn_len, insn[15];
	uint8_t reserved4[0x400 - 0xe0];
};

struct vmcb_save {
	struct vmcb_seg es, cs, ss, ds, fs, gs, gdtr, ldtr, idtr, tr;
	uint8_t reserved1[0xcb - 0xa0], cpl;
	uint32_t reserved2;
	uint64_t efer;
	uint8_t reserved3[0x148 - 0xd8];
	uint64_t cr4, cr3, cr0, dr7, dr6, rflags, rip;
	uint8_t reserved4[0x1d8 - 0x180];
	uint64_t rsp, s_cet, ssp, isst, rax;
	uint64_t star, lstar, cstar, sfmask, kernel_gs_base, sysenter_cs, sysenter_esp, sysenter_eip, cr2;
	uint8_t reserved5[0x268 - 0x248];
	uint64_t g_pat, debugctl, br_from, br_to, last_exc_from, last_exc_to;
	uint8_t reserved6[0x2e0 - 0x298];
	uint64_t spec_ctrl;
	uint8_t reserved7[0xc00 - 0x2e8];
};

struct vmcb { struct vmcb_control c; struct vmcb_save s; };

#define VMCB_AT(field, offset) _Static_assert(offsetof(struct vmcb, field) == (offset), #field ": APM 2 appendix B")
VMCB_AT(c.pause_threshold, 0x03c);
VMCB_AT(c.iopm_pa, 0x040);
VMCB_AT(c.tsc_offset, 0x050);
VMCB_AT(c.asid, 0x058);
VMCB_AT(c.tlb_control, 0x05c);
VMCB_AT(c.int_ctl, 0x060);
VMCB_AT(c.int_state, 0x068);
VMCB_AT(c.exit_code, 0x070);
VMCB_AT(c.exit_int_info, 0x088);
VMCB_AT(c.np_enable, 0x090);
VMCB_AT(c.event_inj, 0x0a8);
VMCB_AT(c.n_cr3, 0x0b0);
VMCB_AT(c.clean, 0x0c0);
VMCB_AT(c.next_rip, 0x0c8);
VMCB_AT(c.insn_len, 0x0d0);
VMCB_AT(c.insn, 0x0d1);
VMCB_AT(s.es, 0x400);
VMCB_AT(s.gdtr, 0x460);
VMCB_AT(s.tr, 0x490);
VMCB_AT(s.cpl, 0x4cb);
VMCB_AT(s.efer, 0x4d0);
VMCB_AT(s.cr4, 0x548);
VMCB_AT(s.rflags, 0x570);
VMCB_AT(s.rip, 0x578);
VMCB_AT(s.rsp, 0x5d8);
VMCB_AT(s.rax, 0x5f8);
VMCB_AT(s.star, 0x600);
VMCB_AT(s.cr2, 0x640);
VMCB_AT(s.g_pat, 0x668);
VMCB_AT(s.debugctl, 0x670);
VMCB_AT(s.spec_ctrl, 0x6e0);
_Static_assert(sizeof(struct vmcb) == 4096, "a VMCB is a page");

/* intercept1, APM 2 table B-1, offset 0x00c */
#define SVM_I1_INTR (1u << 0)
#define SVM_I1_NMI (1u << 1)
#define SVM_I1_INIT (1u << 3)
#define SVM_I1_VINTR (1u << 4)
#define SVM_I1_RDPMC (1u << 15)
#define SVM_I1_CPUID (1u << 18)
#define SVM_I1_RSM (1u << 19)
#define SVM_I1_IRET (1u << 20)
#define SVM_I1_INVD (1u << 22)
#define SVM_I1_PAUSE (1u << 23)
#define SVM_I1_HLT (1u << 24)
#define SVM_I1_INVLPGA (1u << 26)
#define SVM_I1_IOIO (1u << 27)
#define SVM_I1_MSR (1u << 28)
#define SVM_I1_TASK_SWITCH (1u << 29)
#define SVM_I1_FERR_FREEZE (1u << 30)
#define SVM_I1_SHUTDOWN (1u << 31)
/* intercept2, offset 0x010 */
#define SVM_I2_VMRUN (1u << 0)
#define SVM_I2_VMMCALL (1u << 1)
#define SVM_I2_VMLOAD (1u << 2)
#define SVM_I2_VMSAVE (1u << 3)
#define SVM_I2_STGI (1u << 4)
#define SVM_I2_CLGI (1u << 5)
#define SVM_I2_SKINIT (1u << 6)
#define SVM_I2_WBINVD (1u << 9)
#define SVM_I2_MONITOR (1u << 10)
#define SVM_I2_MWAIT (1u << 11)
#define SVM_I2_MWAIT_COND (1u << 12)
#define SVM_I2_XSETBV (1u << 13)
#define SVM_I2_RDPRU (1u << 14)
/* intercept3, offset 0x014 */
#define SVM_I3_INVLPGB (1u << 0)
#define SVM_I3_INVLPGB_ILLEGAL (1u << 1)
#define SVM_I3_MCOMMIT (1u << 3)
#define SVM_I3_TLBSYNC (1u << 4)

#define SVM_CR4_WRITE_INTERCEPT (1u << 20)
#define SVM_CR8_WRITE_INTERCEPT (1u << 24)
#define SVM_DR_INTERCEPT_ALL 0x00ff00ffu
#define SVM_EXC_DB (1u << 1)
#define SVM_EXC_AC (1u << 17)
#define SVM_EXC_MC (1u << 18)

#define SVM_TLB_KEEP 0
#define SVM_TLB_FLUSH_ALL 1
#define SVM_TLB_FLUSH_ASID 3

/* int_ctl, offset 0x060 */
#define SVM_V_TPR 0xffull
#define SVM_V_IRQ (1ull << 8)
#define SVM_V_PRIO_SHIFT 16
#define SVM_V_IGN_TPR (1ull << 20)
#define SVM_V_INTR_MASKING (1ull << 24)
#define SVM_V_VECTOR_SHIFT 32
#define SVM_INT_SHADOW 1ull

/* VMCB clean bits, APM 2 15.15.3 */
#define SVM_CLEAN_I (1u << 0)    /* intercepts, TSC offset, pause filter */
#define SVM_CLEAN_ASID (1u << 2)
#define SVM_CLEAN_TPR (1u << 3)
#define SVM_CLEAN_NP (1u << 4)   /* and g_pat */
#define SVM_CLEAN_CR (1u << 5)   /* CR0, CR3, CR4, EFER */
#define SVM_CLEAN_DR (1u << 6)
#define SVM_CLEAN_DT (1u << 7)
#define SVM_CLEAN_SEG (1u << 8)  /* CS, DS, SS, ES, CPL */
#define SVM_CLEAN_CR2 (1u << 9)
#define SVM_CLEAN_LBR (1u << 10)
#define SVM_CLEAN_ALL 0x7ffu

/* Exit codes, APM 2 appendix C */
enum {
	SVM_EXIT_CR_READ = 0x00, SVM_EXIT_CR_WRITE = 0x10, SVM_EXIT_CR4_WRITE = 0x14, SVM_EXIT_CR8_WRITE = 0x18, SVM_EXIT_DR_READ = 0x20, SVM_EXIT_DR_LAST = 0x3f,
	SVM_EXIT_EXC = 0x40, SVM_EXIT_EXC_LAST = 0x5f, SVM_EXIT_INTR = 0x60, SVM_EXIT_NMI, SVM_EXIT_SMI, SVM_EXIT_INIT, SVM_EXIT_VINTR,
	SVM_EXIT_RDPMC = 0x6f, SVM_EXIT_CPUID = 0x72, SVM_EXIT_RSM, SVM_EXIT_IRET, SVM_EXIT_INVD = 0x76, SVM_EXIT_PAUSE, SVM_EXIT_HLT,
	SVM_EXIT_INVLPGA = 0x7a, SVM_EXIT_IOIO, SVM_EXIT_MSR, SVM_EXIT_TASK_SWITCH, SVM_EXIT_FERR_FREEZE, SVM_EXIT_SHUTDOWN,
	SVM_EXIT_VMRUN = 0x80, SVM_EXIT_VMMCALL, SVM_EXIT_VMLOAD, SVM_EXIT_VMSAVE, SVM_EXIT_STGI, SVM_EXIT_CLGI, SVM_EXIT_SKINIT,
	SVM_EXIT_WBINVD = 0x89, SVM_EXIT_MONITOR, SVM_EXIT_MWAIT, SVM_EXIT_MWAIT_COND, SVM_EXIT_XSETBV, SVM_EXIT_RDPRU,
	SVM_EXIT_INVLPGB = 0xa0, SVM_EXIT_INVLPGB_ILLEGAL, SVM_EXIT_MCOMMIT = 0xa3, SVM_EXIT_TLBSYNC, SVM_EXIT_NPF = 0x400,
};
/* The low half alone: TCG leaves the high half of VMEXIT_INVALID (-1) clear. */
#define SVM_EXIT_INVALID 0xffffffffu
#define SVM_EXIT_BUSY 0xfffffffeu

/* EXITINFO1 of IOIO, APM 2 15.10.2 */
#define SVM_IO_IN (1u << 0)
#define SVM_IO_STR (1u << 2)
#define SVM_IO_REP (1u << 3)
#define SVM_IO_SIZE(i) (((i) >> 4) & 7)
/* EXITINFO1 of a nested page fault, APM 2 15.25.6 */
#define SVM_NPF_P (1ull << 0)
#define SVM_NPF_W (1ull << 1)
#define SVM_NPF_FETCH (1ull << 4)
#define SVM_NPF_WALK (1ull << 33)

/* CPUID 8000000A EDX, APM 3 appendix E.4.9 */
#define SVM_F_NPT (1u << 0)
#define SVM_F_NRIPS (1u << 3)
#define SVM_F_CLEAN (1u << 5)
#define SVM_F_FLUSH_BY_ASID (1u << 6)
#define SVM_F_DECODE_ASSISTS (1u << 7)
#define SVM_F_PAUSE_FILTER (1u << 10)
#define SVM_F_PAUSE_THRESHOLD (1u << 12)
#define SVM_F_SPEC_CTRL (1u << 20)

#endif
