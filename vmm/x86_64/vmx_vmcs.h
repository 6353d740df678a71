/* SPDX-License-Identifier: Apache-2.0 */
/* The virtual machine control structure: field encodings (SDM 3C appendix B), control bits (SDM 3C 25.6-25.8), exit reasons (appendix C)
 * and the capability MSRs (SDM 3D appendix A). For the vmx*.c files and their tests alone. */
#ifndef VMM_X86_64_VMX_VMCS_H
#define VMM_X86_64_VMX_VMCS_H
#include <stdint.h>

enum vmcs_field {
	/* 16 bits */
	VMCS_VPID = 0x0000, VMCS_POSTED_VECTOR = 0x0002,
	VMCS_GUEST_ES_SEL = 0x0800, /* + 2 each: CS SS DS FS GS LDTR TR */
	VMCS_GUEST_INTERRUPT_STATUS = 0x0810,
	VMCS_HOST_ES_SEL = 0x0c00, VMCS_HOST_CS_SEL = 0x0c02, VMCS_HOST_SS_SEL = 0x0c04, VMCS_HOST_DS_SEL = 0x0c06, VMCS_HOST_FS_SEL = 0x0c08,
	VMCS_HOST_GS_SEL = 0x0c0a, VMCS_HOST_TR_SEL = 0x0c0c,
	/* 64 bits */
	VMCS_IO_BITMAP_A = 0x2000, VMCS_IO_BITMAP_B = 0x2002, VMCS_MSR_BITMAP = 0x2004, VMCS_TSC_OFFSET = 0x2010, VMCS_VAPIC = 0x2012,
	VMCS_POSTED = 0x2016, VMCS_EPTP = 0x201a, VMCS_EOI_EXITS = 0x201c /* + 2 each, four of them */, VMCS_XSS_BITMAP = 0x202c, VMCS_ENCLS_BITMAP = 0x202e,
	VMCS_GUEST_PHYSICAL = 0x2400,
	VMCS_LINK = 0x2800, VMCS_GUEST_DEBUGCTL = 0x2802, VMCS_GUEST_PAT = 0x2804, VMCS_GUEST_EFER = 0x2806, VMCS_GUEST_PDPTE0 = 0x280a,
	VMCS_HOST_PAT = 0x2c00, VMCS_HOST_EFER = 0x2c02,
	/* 32 bits */
	VMCS_PIN_CONTROLS = 0x4000, VMCS_PROC_CONTROLS = 0x4002, VMCS_EXCEPTIONS = 0x4004, VMCS_PF_MASK = 0x4006, VMCS_PF_MATCH = 0x4008,
	VMCS_CR3_TARGETS = 0x400a, VMCS_EXIT_CONTROLS = 0x400c, VMCS_EXIT_MSR_STORES = 0x400e, VMCS_EXIT_MSR_LOADS = 0x4010,
	VMCS_ENTRY_CONTROLS = 0x4012, VMCS_ENTRY_MSR_LOADS = 0x4014, VMCS_ENTRY_EVENT = 0x4016, VMCS_ENTRY_ERROR_CODE = 0x4018,
	VMCS_ENTRY_INSN_LEN = 0x401a, VMCS_TPR_THRESHOLD = 0x401c, VMCS_PROC2_CONTROLS = 0x401e, VMCS_PLE_GAP = 0x4020, VMCS_PLE_WINDOW = 0x4022,
	VMCS_INSN_ERROR = 0x4400, VMCS_EXIT_REASON = 0x4402, VMCS_EXIT_EVENT = 0x4404, VMCS_EXIT_EVENT_ERROR = 0x4406, VMCS_IDT_EVENT = 0x4408,
	VMCS_IDT_EVENT_ERROR = 0x440a, VMCS_EXIT_INSN_LEN = 0x440c, VMCS_EXIT_INSN_INFO = 0x440e,
	VMCS_GUEST_ES_LIMIT = 0x4800, /* + 2 each: CS SS DS FS GS LDTR TR GDTR IDTR */
	VMCS_GUEST_ES_RIGHTS = 0x4814, /* + 2 each: CS SS DS FS GS LDTR TR */
	VMCS_GUEST_INTERRUPTIBILITY = 0x4824, VMCS_GUEST_ACTIVITY = 0x4826, VMCS_GUEST_SYSENTER_CS = 0x482a,
	VMCS_GUEST_TIMER = 0x482e,
	VMCS_HOST_SYSENTER_CS = 0x4c00,
	/* natural width */
	VMCS_CR0_MASK = 0x6000, VMCS_CR4_MASK = 0x6002, VMCS_CR0_SHADOW = 0x6004, VMCS_CR4_SHADOW = 0x6006,
	VMCS_QUALIFICATION = 0x6400, VMCS_GUEST_LINEAR = 0x640a,
	VMCS_GUEST_CR0 = 0x6800, VMCS_GUEST_CR3 = 0x6802, VMCS_GUEST_CR4 = 0x6804, VMCS_GUEST_ES_BASE = 0x6806, /* + 2 each ... GDTR IDTR */
	VMCS_GUEST_FS_BASE = 0x680e, VMCS_GUEST_GS_BASE = 0x6810, VMCS_GUEST_DR7 = 0x681a, VMCS_GUEST_RSP = 0x681c, VMCS_GUEST_RIP = 0x681e,
	VMCS_GUEST_RFLAGS = 0x6820, VMCS_GUEST_PENDING_DEBUG = 0x6822, VMCS_GUEST_SYSENTER_ESP = 0x6824, VMCS_GUEST_SYSENTER_EIP = 0x6826,
	VMCS_HOST_CR0 = 0x6c00, VMCS_HOST_CR3 = 0x6c02, VMCS_HOST_CR4 = 0x6c04, VMCS_HOST_FS_BASE = 0x6c06, VMCS_HOST_GS_BASE = 0x6c08,
	VMCS_HOST_TR_BASE = 0x6c0a, VMCS_HOST_GDTR_BASE = 0x6c0c, VMCS_HOST_IDTR_BASE = 0x6c0e, VMCS_HOST_SYSENTER_ESP = 0x6c10,
	VMCS_HOST_SYSENTER_EIP = 0x6c12, VMCS_HOST_RSP = 0x6c14, VMCS_HOST_RIP = 0x6c16,
};

/* Pin-based controls, SDM 3C table 25-5 */
#define VMX_PIN_INTERRUPTS (1u << 0)
#define VMX_PIN_NMI (1u << 3)
#define VMX_PIN_VIRTUAL_NMI (1u << 5)
#define VMX_PIN_TIMER (1u << 6)
#define VMX_PIN_POSTED (1u << 7)
/* Primary processor-based controls, table 25-6 */
#define VMX_PROC_INTERRUPT_WINDOW (1u << 2)
#define VMX_PROC_TSC_OFFSET (1u << 3)
#define VMX_PROC_HLT (1u << 7)
#define VMX_PROC_MWAIT (1u << 10)
#define VMX_PROC_RDPMC (1u << 11)
#define VMX_PROC_CR8_LOAD (1u << 19)
#define VMX_PROC_CR8_STORE (1u << 20)
#define VMX_PROC_TPR_SHADOW (1u << 21)
#define VMX_PROC_NMI_WINDOW (1u << 22)
#define VMX_PROC_MOV_DR (1u << 23)
#define VMX_PROC_IO_BITMAPS (1u << 25)
#define VMX_PROC_MSR_BITMAPS (1u << 28)
#define VMX_PROC_MONITOR (1u << 29)
#define VMX_PROC_PAUSE (1u << 30)
#define VMX_PROC_SECONDARY (1u << 31)
/* Secondary processor-based controls, table 25-7 */
#define VMX_PROC2_EPT (1u << 1)
#define VMX_PROC2_RDTSCP (1u << 3)
#define VMX_PROC2_X2APIC (1u << 4)
#define VMX_PROC2_VPID (1u << 5)
#define VMX_PROC2_WBINVD (1u << 6)
#define VMX_PROC2_UNRESTRICTED (1u << 7)
#define VMX_PROC2_INTERRUPTS (1u << 9) /* virtual-interrupt delivery */
#define VMX_PROC2_PAUSE_LOOP (1u << 10)
#define VMX_PROC2_INVPCID (1u << 12)
#define VMX_PROC2_ENCLS (1u << 15)
#define VMX_PROC2_XSAVES (1u << 20)
/* Exit controls, table 25-13 */
#define VMX_EXIT_SAVE_DEBUG (1u << 2)
#define VMX_EXIT_HOST_64 (1u << 9)
#define VMX_EXIT_ACKNOWLEDGE (1u << 15)
#define VMX_EXIT_SAVE_PAT (1u << 18)
#define VMX_EXIT_LOAD_PAT (1u << 19)
#define VMX_EXIT_SAVE_EFER (1u << 20)
#define VMX_EXIT_LOAD_EFER (1u << 21)
/* Entry controls, table 25-15 */
#define VMX_ENTRY_LOAD_DEBUG (1u << 2)
#define VMX_ENTRY_GUEST_64 (1u << 9)
#define VMX_ENTRY_LOAD_PAT (1u << 14)
#define VMX_ENTRY_LOAD_EFER (1u << 15)

/* Segment access rights, table 25-2: bits 0-7 and 12-15 as in a descriptor */
#define VMX_RIGHTS_UNUSABLE (1u << 16)
/* Interruptibility, table 25-3 */
#define VMX_BLOCKED_BY_STI (1u << 0)
#define VMX_BLOCKED_BY_SS (1u << 1)
#define VMX_BLOCKED_BY_NMI (1u << 3)
/* Pending debug exceptions, table 25-4 */
#define VMX_PENDING_BREAK (1ull << 12) /* an enabled breakpoint was met */
#define VMX_PENDING_STEP (1ull << 14)
#define VMX_PENDING_POINTS 0xfull
/* Exit reason, table 25-18 */
#define VMX_REASON_ENTRY_FAILED (1u << 31)
#define VMX_EVENT_NMI_UNBLOCKED (1u << 12) /* exit event and EPT qualification, SDM 3C 28.2.3 */

/* Basic exit reasons, appendix C */
enum {
	VMX_EXIT_EXCEPTION = 0, VMX_EXIT_INTERRUPT = 1, VMX_EXIT_TRIPLE_FAULT = 2, VMX_EXIT_INIT = 3, VMX_EXIT_SIPI = 4, VMX_EXIT_IO_SMI = 5,
	VMX_EXIT_OTHER_SMI = 6, VMX_EXIT_IRQ_WINDOW = 7, VMX_EXIT_NMI_WINDOW = 8, VMX_EXIT_TASK_SWITCH = 9, VMX_EXIT_CPUID = 10,
	VMX_EXIT_GETSEC = 11, VMX_EXIT_HLT = 12, VMX_EXIT_INVD = 13, VMX_EXIT_INVLPG = 14, VMX_EXIT_RDPMC = 15, VMX_EXIT_RDTSC = 16,
	VMX_EXIT_RSM = 17, VMX_EXIT_VMCALL = 18, VMX_EXIT_VMCLEAR = 19, VMX_EXIT_VMXON = 27, VMX_EXIT_CR = 28, VMX_EXIT_DR = 29,
	VMX_EXIT_IO = 30, VMX_EXIT_RDMSR = 31, VMX_EXIT_WRMSR = 32, VMX_EXIT_GUEST_STATE = 33, VMX_EXIT_MSR_LOADING = 34, VMX_EXIT_MWAIT = 36,
	VMX_EXIT_MONITOR = 39, VMX_EXIT_PAUSE = 40, VMX_EXIT_ENTRY_MCE = 41, VMX_EXIT_TPR = 43, VMX_EXIT_EOI = 45,
	VMX_EXIT_GDTR_IDTR = 46, VMX_EXIT_LDTR_TR = 47,
	VMX_EXIT_EPT_VIOLATION = 48, VMX_EXIT_EPT_MISCONFIG = 49, VMX_EXIT_INVEPT = 50, VMX_EXIT_RDTSCP = 51, VMX_EXIT_TIMER = 52,
	VMX_EXIT_INVVPID = 53, VMX_EXIT_WBINVD = 54, VMX_EXIT_XSETBV = 55, VMX_EXIT_APIC_WRITE = 56, VMX_EXIT_INVPCID = 58, VMX_EXIT_VMFUNC = 59, VMX_EXIT_ENCLS = 60,
	VMX_EXIT_XSAVES = 63, VMX_EXIT_XRSTORS = 64, VMX_EXIT_UMWAIT = 67, VMX_EXIT_TPAUSE = 68,
	VMX_EXIT_REASONS /* one above */
};

/* Qualification of an EPT violation, table 28-7 */
#define VMX_EPT_READ (1u << 0)
#define VMX_EPT_WRITE (1u << 1)
#define VMX_EPT_FETCH (1u << 2)
#define VMX_EPT_LINEAR (1u << 7)       /* there is a guest-linear address ... */
#define VMX_EPT_TRANSLATED (1u << 8)   /* ... and the access is to its translation, not to a table on the way */
/* Qualification of an I/O exit, table 28-5 */
#define VMX_IO_IN (1u << 3)
#define VMX_IO_STRING (1u << 4)
#define VMX_IO_REP (1u << 5)
/* Qualification of a control-register exit, table 28-3 */
#define VMX_CR_NUMBER(q) ((q) & 0xf)
#define VMX_CR_KIND(q) (((q) >> 4) & 3)
#define VMX_CR_GPR(q) (((q) >> 8) & 0xf)
enum { VMX_CR_TO, VMX_CR_FROM, VMX_CR_CLTS, VMX_CR_LMSW };
/* Qualification of #DB, table 28-1: bits as in DR6 */
#define VMX_DB_BITS 0x6fffull

/* EPT pointer, SDM 3C table 25-9 */
#define VMX_EPTP_WB 6ull
#define VMX_EPTP_FOUR_LEVELS (3ull << 3)
#define VMX_EPTP_AD (1ull << 6)

/* Capability MSRs, SDM 3D appendix A */
#define MSR_FEATURE_CONTROL 0x3au
#define FEATURE_CONTROL_LOCK (1ull << 0)
#define FEATURE_CONTROL_VMX (1ull << 2) /* outside of SMX */
#define MSR_VMX_BASIC 0x480u
#define MSR_VMX_PIN 0x481u
#define MSR_VMX_PROC 0x482u
#define MSR_VMX_EXIT 0x483u
#define MSR_VMX_ENTRY 0x484u
#define MSR_VMX_MISC 0x485u
#define MSR_VMX_CR0_FIXED0 0x486u
#define MSR_VMX_CR0_FIXED1 0x487u
#define MSR_VMX_CR4_FIXED0 0x488u
#define MSR_VMX_CR4_FIXED1 0x489u
#define MSR_VMX_PROC2 0x48bu
#define MSR_VMX_EPT_VPID 0x48cu
#define MSR_VMX_TRUE_PIN 0x48du
#define MSR_VMX_TRUE_PROC 0x48eu
#define MSR_VMX_TRUE_EXIT 0x48fu
#define MSR_VMX_TRUE_ENTRY 0x490u
#define VMX_BASIC_REVISION 0x7fffffffull
#define VMX_BASIC_ADDRESS_32 (1ull << 48)
#define VMX_BASIC_MEMORY_TYPE(m) (((m) >> 50) & 0xf)
#define VMX_MEMORY_WB 6u
#define VMX_BASIC_TRUE (1ull << 55)
#define VMX_MISC_TIMER_RATE(m) ((m) & 0x1f)
#define VMX_MISC_STORES_LMA (1ull << 5)
#define VMX_EPT_4_LEVELS (1ull << 6)
#define VMX_EPT_WB (1ull << 14)
#define VMX_EPT_2M (1ull << 16)
#define VMX_EPT_1G (1ull << 17)
#define VMX_EPT_INVEPT (1ull << 20)
#define VMX_EPT_AD (1ull << 21)
#define VMX_EPT_INVEPT_ONE (1ull << 25)
#define VMX_EPT_INVEPT_ALL (1ull << 26)
#define VMX_VPID_INVVPID (1ull << 32)
#define VMX_VPID_INVVPID_ONE (1ull << 41)
#define VMX_VPID_INVVPID_ALL (1ull << 42)
/* Types of INVEPT and INVVPID, SDM 3C 31.3 */
enum { VMX_INV_ADDRESS, VMX_INV_ONE, VMX_INV_ALL };

#endif
