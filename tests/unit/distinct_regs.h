/* SPDX-License-Identifier: Apache-2.0 */
/* A register file in which no two registers are alike, for tests of what goes into a backend and comes out again. */
#ifndef TESTS_UNIT_DISTINCT_REGS_H
#define TESTS_UNIT_DISTINCT_REGS_H
#include <string.h>
#include <vmm/x86_64/regs.h>

static inline void distinct_regs(struct arch_regs *r)
{
	uint8_t *p = (uint8_t *)r;

	memset(r, 0, sizeof *r);
	for (unsigned i = 0; i < offsetof(struct arch_regs, seg); i++)
		p[i] = (uint8_t)(i * 7 + 1);
	r->version = ARCH_REGS_VERSION;
	for (unsigned i = 0; i < SEG_COUNT; i++)
		r->seg[i] = (struct x86_seg){ .selector = (uint16_t)(i * 8), .attr = (uint16_t)(0x93 + i), .limit = i * 1000, .base = i * 0x1111ull };
	r->rflags = 0x246;
	r->cr0 = 0x80050033, r->cr2 = 2, r->cr3 = 3, r->cr4 = 0x20, r->cr8 = 8, r->efer = 0xd01, r->xcr0 = 7;
	r->dr[0] = 10, r->dr[1] = 11, r->dr[2] = 12, r->dr[3] = 13, r->dr6 = 16, r->dr7 = 17;
	r->star = 20, r->lstar = 21, r->cstar = 22, r->sfmask = 23, r->kernel_gs_base = 24;
	r->sysenter_cs = 30, r->sysenter_esp = 31, r->sysenter_eip = 32, r->pat = 33, r->tsc_aux = 34, r->debugctl = 0;
}

#endif
