/* SPDX-License-Identifier: Apache-2.0 */
/* Initial register states of a guest CPU: power-on, SIPI, and the flat modes that the loaders start a kernel in.
 * Pure; knows no backend. */
#include <core/fmt.h>
#include <string.h>
#include <vmm/x86_64/regs.h>

#define PAT_RESET 0x0007040600070406ull /* SDM 3A 12.12.4 */
#define DR6_RESET 0xffff0ff0ull
#define DR7_RESET 0x400ull
#define CPU_SIGNATURE_RESET 0x600ull    /* RDX: family, model, stepping; any value is legal */

static void regs_reset_segments(struct arch_regs *r)
{
	for (unsigned i = 0; i < SEG_COUNT; i++)
		r->seg[i] = (struct x86_seg){ .attr = SEG_ATTR_DATA16, .limit = 0xffff };
	r->seg[SEG_CS].attr = SEG_ATTR_CODE16;
	r->seg[SEG_LDTR].attr = SEG_ATTR_LDT;
	r->seg[SEG_TR].attr = SEG_ATTR_TSS;
	r->seg[SEG_GDTR].attr = r->seg[SEG_IDTR].attr = 0;
}

/* What INIT and power-on have in common (SDM 3A table 9-1). */
static void regs_reset_common(struct arch_regs *r)
{
	memset(r->gpr, 0, sizeof(r->gpr));
	r->gpr[REG_RDX] = CPU_SIGNATURE_RESET;
	r->rflags = X86_RFLAGS_FIXED;
	regs_reset_segments(r);
	r->cr2 = r->cr3 = r->cr4 = r->cr8 = r->efer = 0;
	memset(r->dr, 0, sizeof(r->dr));
	r->dr6 = DR6_RESET;
	r->dr7 = DR7_RESET;
}

void regs_reset(struct arch_regs *r)
{
	memset(r, 0, sizeof(*r));
	r->version = ARCH_REGS_VERSION;
	regs_reset_common(r);
	r->cr0 = X86_CR0_CD | X86_CR0_NW | X86_CR0_ET;
	r->rip = 0xfff0;
	r->seg[SEG_CS].selector = 0xf000;
	r->seg[SEG_CS].base = 0xffff0000;
	r->xcr0 = 1;
	r->pat = PAT_RESET;
}

void regs_sipi(struct arch_regs *r, uint8_t vector)
{
	uint64_t cache = r->cr0 & (X86_CR0_CD | X86_CR0_NW);

	regs_reset_common(r);
	r->cr0 = X86_CR0_ET | cache;
	r->rip = 0;
	r->seg[SEG_CS].selector = (uint16_t)(vector << 8);
	r->seg[SEG_CS].base = (uint64_t)vector << 12;
}

static void regs_flat(struct arch_regs *r, uint16_t code)
{
	regs_reset(r);
	for (unsigned i = SEG_ES; i <= SEG_GS; i++)
		r->seg[i] = (struct x86_seg){ .selector = 0x18, .attr = SEG_ATTR_DATA32, .limit = UINT32_MAX };
	r->seg[SEG_CS] = (struct x86_seg){ .selector = 0x10, .attr = code, .limit = UINT32_MAX };
	r->seg[SEG_TR].limit = 0x67;
	r->seg[SEG_GDTR].limit = r->seg[SEG_IDTR].limit = 0;
	r->cr0 = X86_CR0_PE | X86_CR0_ET | X86_CR0_NE;
}

void regs_flat32(struct arch_regs *r)
{
	regs_flat(r, SEG_ATTR_CODE32);
}

void regs_flat64(struct arch_regs *r, uint64_t cr3)
{
	regs_flat(r, SEG_ATTR_CODE64);
	r->cr0 |= X86_CR0_PG | X86_CR0_WP;
	r->cr3 = cr3;
	r->cr4 = X86_CR4_PAE;
	r->efer = X86_EFER_LME | X86_EFER_LMA;
}

void x86_seg_describe(uint16_t attr, char *buf, size_t n)
{
	fmt_buf(buf, n, "type %u%s DPL %u%s%s%s%s", attr & 0xfu, attr & SEG_ATTR_S ? "" : " system", (attr >> 5) & 3u, attr & SEG_ATTR_P ? "" : " not present",
		attr & SEG_ATTR_L ? " L" : "", attr & SEG_ATTR_DB ? " D" : "", attr & SEG_ATTR_G ? " G" : "");
}
