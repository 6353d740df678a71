/* SPDX-License-Identifier: Apache-2.0 */
/* See fake_hw.h. What a register belongs to is kept apart as hardware keeps it apart: a test that sees another guest's value has found
 * a register that was not switched. */
#include "fake_hw.h"
#include <core/aarch64/el2.h>
#include <core/aarch64/gic.h>
#include <core/panic.h>
#include <string.h>

struct fake_hw fake_hw;
const char trap_vectors[16];
const char hw_vectors[16];

static unsigned interrupted(struct hw_frame *f)
{
	(void)f;
	return HW_EXIT_IRQ;
}

void fake_hw_reset(void)
{
	fake_hw = (struct fake_hw){
		.present = true, .gic_version = 3, .maintenance_ppi = 25, .vtimer_ppi = 27, .vtr = 4ull << 26 | 3, .cptr = 0x33ff, .mdcr = 6,
		.run = interrupted,
	};
	fake_hw.id[arm_id_index(4, 0)] = 0x01000022;             /* GIC, EL1 and EL0 with AArch32 */
	fake_hw.id[arm_id_index(5, 0)] = 5ull << 12 | 3ull << 20; /* 6 breakpoints, 4 watchpoints */
	fake_hw.id[arm_id_index(7, 0)] = 4;                      /* 44 bits, 4 KiB */
}

bool el2_present(void) { return fake_hw.present; }
bool el2_vhe(void) { return fake_hw.vhe; }
uint64_t el2_host_hcr(void) { return 0x80000038; }
bool el2_forgets_branches(void) { return fake_hw.forgets_branches; }
void el2_forget_branches(void) { fake_hw.branches_forgotten += fake_hw.forgets_branches; }

unsigned hw_enter(struct hw_frame *f)
{
	fake_hw.enters++;
	return fake_hw.run(f);
}

void hw_fp_load(const struct hw_fp *f)
{
	fake_hw.fp_loads++;
	fake_hw.fp = *f;
}

void hw_fp_save(struct hw_fp *f)
{
	fake_hw.fp_saves++;
	*f = fake_hw.fp;
}

void hw_id_regs(uint64_t id[ARM_ID_REGS]) { memcpy(id, fake_hw.id, sizeof fake_hw.id); }
uint64_t hw_midr(void) { return fake_hw.midr; }
uint64_t hw_revidr(void) { return fake_hw.revidr; }
uint64_t hw_cptr(void) { return fake_hw.cptr; }
void hw_syndrome(struct hw_syndrome *s) { *s = fake_hw.syndrome; }

void hw_cpu_enable(const struct hw_setup *s)
{
	fake_hw.setup = *s;
	fake_hw.mdcr = s->mdcr;
	fake_hw.enabled++;
}

void hw_cpu_disable(void) { fake_hw.disabled++; }
uint64_t hw_mdcr(void) { return fake_hw.mdcr; }
void hw_set_mdcr(uint64_t v) { fake_hw.mdcr = v; }
void hw_set_vmpidr(uint64_t v) { fake_hw.vmpidr = v; }
void hw_set_vttbr(uint64_t v) { fake_hw.vttbr = v; }
void hw_set_cntvoff(uint64_t v) { fake_hw.cntvoff = v; }

/* ---- EL1's registers; keys only when asked for */

static bool switched(unsigned sys, bool pauth)
{
	return sys != SYS_TPIDR_EL0 && sys != SYS_CNTV_CTL && sys != SYS_CNTV_CVAL && (pauth || sys < SYS_APIAKEYLO);
}

void hw_state_save(struct arch_regs *r, bool vhe, bool pauth)
{
	BUG_ON(vhe != fake_hw.vhe);
	fake_hw.saves++;
	for (unsigned i = 0; i < ARM_SYS_COUNT; i++)
		if (switched(i, pauth))
			r->sys[i] = fake_hw.cpu.sys[i];
}

void hw_state_load(const struct arch_regs *r, uint64_t vttbr, bool vhe, bool pauth)
{
	BUG_ON(vhe != fake_hw.vhe);
	fake_hw.loads++;
	fake_hw.vttbr = vttbr;
	for (unsigned i = 0; i < ARM_SYS_COUNT; i++)
		if (switched(i, pauth))
			fake_hw.cpu.sys[i] = r->sys[i];
}

void hw_vtimer_start(const struct arch_regs *r, bool vhe)
{
	(void)vhe;
	BUG_ON(fake_hw.cpu.sys[SYS_CNTV_CTL] != 0); /* it would fire for another guest, or for nobody */
	fake_hw.cpu.sys[SYS_CNTV_CVAL] = r->sys[SYS_CNTV_CVAL];
	fake_hw.cpu.sys[SYS_CNTV_CTL] = r->sys[SYS_CNTV_CTL];
}

void hw_vtimer_stop(struct arch_regs *r, bool vhe)
{
	(void)vhe;
	r->sys[SYS_CNTV_CVAL] = fake_hw.cpu.sys[SYS_CNTV_CVAL];
	r->sys[SYS_CNTV_CTL] = fake_hw.cpu.sys[SYS_CNTV_CTL];
	fake_hw.cpu.sys[SYS_CNTV_CTL] = 0;
}

void hw_debug_load(const struct hw_debug *d, unsigned breakpoints, unsigned watchpoints)
{
	(void)breakpoints, (void)watchpoints;
	fake_hw.debug_loads++;
	fake_hw.debug = *d;
}

void hw_debug_save(struct hw_debug *d, unsigned breakpoints, unsigned watchpoints)
{
	(void)breakpoints, (void)watchpoints;
	*d = fake_hw.debug;
	fake_hw.debug.mdscr = 0;
}

/* ---- TLB and caches */

void hw_tlb_flush_vm(uint64_t vttbr)
{
	fake_hw.flush_vm++;
	fake_hw.flushed_vttbr = vttbr;
}

void hw_tlb_flush_range(uint64_t vttbr, struct gpa a, uint64_t pages)
{
	fake_hw.flush_range++;
	fake_hw.flushed_vttbr = vttbr;
	fake_hw.flushed_from = a.v;
	fake_hw.flushed_pages = pages;
}

void hw_tlb_flush_stage1_local(void) { fake_hw.flush_stage1++; }
void hw_tlb_flush_all_local(void) { fake_hw.flush_all++; }

void hw_cache_publish(const void *p, uint64_t len)
{
	(void)p;
	fake_hw.published++;
	fake_hw.published_bytes += len;
}

void hw_cache_publish_code(const void *p, uint64_t len)
{
	(void)p;
	fake_hw.published_code++;
	fake_hw.published_bytes += len;
}

/* ---- GIC */

uint64_t hw_gic_vtr(void) { return fake_hw.vtr; }
unsigned hw_gic_next(void) { return fake_hw.next_intid ? fake_hw.next_intid : 1023; }
void hw_gic_enable(void) { fake_hw.gic_enables++; }
void hw_gic_load(const struct vgic_hw *hw, unsigned aprs)
{
	(void)aprs;
	fake_hw.gic_loads++;
	fake_hw.gic = *hw;
}

void hw_gic_save(struct vgic_hw *hw, unsigned aprs)
{
	(void)aprs;
	*hw = fake_hw.gic;
	memset(&fake_hw.gic, 0, sizeof fake_hw.gic);
}

unsigned gic_version(void) { return fake_hw.gic_version; }
unsigned gic_maintenance_ppi(void) { return fake_hw.maintenance_ppi; }
unsigned gic_vtimer_ppi(void) { return fake_hw.vtimer_ppi; }

err_t gic_ppi_enable(unsigned intid, bool forwarded, hal_irq_fn fn, void *ctx)
{
	(void)ctx;
	if (intid < 16 || intid > 31)
		return E_INVAL;
	fake_hw.ppi_fn[intid] = fn;
	fake_hw.ppi_forwarded[intid] = forwarded;
	return OK;
}

void gic_ppi_disable(unsigned intid) { fake_hw.ppi_fn[intid] = NULL; }

void gic_ppi_set_active(unsigned intid, bool active)
{
	fake_hw.ppi_writes++;
	fake_hw.ppi_active[intid] = active;
}
