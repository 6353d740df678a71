/* SPDX-License-Identifier: Apache-2.0 */
/* Can this machine run guests at EL1, and what is set on each of its CPUs for that? probe on CPU 0, the rest on its own CPU. Values of
 * control registers are decided here; hw_cpu.c writes them. */
#include "el2.h"
#include <core/aarch64/el2.h>
#include <core/aarch64/gic.h>
#include <core/arith.h>
#include <core/fmt.h>
#include <core/log.h>
#include <core/page.h>
#include "arm.h"

struct el2_features el2_features;
struct el2_cpu el2_cpus[HAL_MAX_CPUS];
static struct spinlock merge_lock;

/* Fields of ID registers that decide here (DDI0487, by the registers' names). */
static unsigned field(uint64_t reg, unsigned shift) { return (unsigned)(reg >> shift) & 0xf; }
static uint64_t pfr0(const uint64_t *id) { return id[arm_id_index(4, 0)]; }
static uint64_t pfr1(const uint64_t *id) { return id[arm_id_index(4, 1)]; }
static uint64_t dfr0(const uint64_t *id) { return id[arm_id_index(5, 0)]; }
static uint64_t isar1(const uint64_t *id) { return id[arm_id_index(6, 1)]; }
static uint64_t isar2(const uint64_t *id) { return id[arm_id_index(6, 2)]; }
static uint64_t mmfr0(const uint64_t *id) { return id[arm_id_index(7, 0)]; }
static uint64_t mmfr1(const uint64_t *id) { return id[arm_id_index(7, 1)]; }
static uint64_t mmfr2(const uint64_t *id) { return id[arm_id_index(7, 2)]; }
static unsigned parange(const uint64_t *id) { return field(mmfr0(id), 0); }

/* TGran4_2: 0 means as in stage 1 (TGran4), 1 not, more supported. */
static bool has_granule(const uint64_t *id)
{
	unsigned two = field(mmfr0(id), 40);

	return two == 0 ? field(mmfr0(id), 28) != 0xf : two > 1;
}

static bool has_fwb(const uint64_t *id) { return field(mmfr2(id), 40) != 0; }
static bool has_vmid16(const uint64_t *id) { return field(mmfr1(id), 4) == 2; }

static err_t refuse(char *reason, const char *why)
{
	fmt_buf(reason, HV_REASON_MAX, "%s", why);
	return E_UNSUPPORTED;
}

/* ICH_VTR_EL2 (IHI0069 12.4.9) */
#define VTR_LIST_REGS(v) ((unsigned)(v) & 0x1f)
#define VTR_PRE_BITS(v) ((unsigned)((v) >> 26) & 7)

static err_t probe_gic(const uint64_t *id, char *reason)
{
	uint64_t vtr;

	if (gic_version() < 3)
		return refuse(reason, "guests need a GICv3; this machine has a GICv2");
	if (field(pfr0(id), 24) == 0)
		return refuse(reason, "this CPU has no system registers for the GIC");
	if (!gic_maintenance_ppi())
		return refuse(reason, "this machine's GICv3 has no maintenance interrupt: it cannot help guests");
	if (!gic_vtimer_ppi())
		return refuse(reason, "the machine's tables name no interrupt for the virtual timer");
	vtr = hw_gic_vtr();
	el2_features.lrs = MIN(VTR_LIST_REGS(vtr) + 1, (unsigned)VGIC_LR_MAX);
	el2_features.aprs = 1u << (VTR_PRE_BITS(vtr) > 4 ? VTR_PRE_BITS(vtr) - 4 : 0); /* 5 bits of preemption: 1; 7: 4 */
	vgic_probed(el2_features.lrs);
	vgic_probed_preemption(VTR_PRE_BITS(vtr) + 1);
	return OK;
}

/* What a guest may do without an exit, and what not. Set/way cache maintenance is not trapped: a vCPU keeps its CPU, where it is as
 * good as on a machine of its own, and HCR_EL2.VM turns invalidation into cleaning. TID2 neither: the caches are what they are. */
static uint64_t guest_hcr(const struct el2_features *f)
{
	return HCR_VM | HCR_SWIO | HCR_FMO | HCR_IMO | HCR_AMO | HCR_FB | HCR_BSU_INNER | HCR_TWI | HCR_TID1 | HCR_TID3 | HCR_TSC | HCR_TIDCP |
	       HCR_TACR | HCR_RW | HCR_TLOR | HCR_TERR | HCR_TID5 | (f->vhe ? HCR_E2H : 0) | (f->pauth ? HCR_API | HCR_APK : 0) |
	       (f->fwb ? HCR_FWB : 0);
}

/* CPTR_EL2 has another layout with E2H. SVE, SME, trace and activity monitors trap always. */
#define CPTR_RES1 0x3300ull       /* TZ and TSM among them */
#define CPTR_LOW_RES1 0xffull
#define CPTR_TFP (1ull << 10)
#define CPTR_TTA (1ull << 20)
#define CPTR_TAM (1ull << 30)
#define CPTR_VHE_TTA (1ull << 28)
#define CPTR_VHE_FPEN (3ull << 20)

static void choose_cptr(struct el2_features *f)
{
	if (f->vhe) {
		f->cptr_closed = CPTR_VHE_TTA | CPTR_TAM;
		f->cptr_open = f->cptr_closed | CPTR_VHE_FPEN;
	} else {
		f->cptr_open = CPTR_RES1 | CPTR_LOW_RES1 | CPTR_TTA | CPTR_TAM;
		f->cptr_closed = f->cptr_open | CPTR_TFP;
	}
}

/* MDCR_EL2: all debug, PMU, profiling and trace registers trap; the number of counters stays what it is. */
#define MDCR_HPMN 0x1full
#define MDCR_TRAPS (1ull << 5 /* TPMCR */ | 1ull << 6 /* TPM */ | MDCR_TDA | 1ull << 10 /* TDOSA */ | 1ull << 11 /* TDRA */ | \
		    1ull << 14 /* TPMS */ | 1ull << 19 /* TTRF */ | 1ull << 27 /* TDCC */)
/* CNTHCTL_EL2: EL1 gets neither the physical counter, which no offset moves, nor its timer. */
#define CNTHCTL_PHYSICAL 3ull
#define CNTHCTL_VHE_SHIFT 10

/* An empty table: what EL1's registers in a CPU name when they are nobody's leads nowhere, and a VM's tables may be freed. */
static err_t nobody_init(struct hpa *root)
{
	return root->v ? OK : page_alloc(&pool_core, 0, PAGE_HOST, root);
}

static void choose_setup(struct el2_features *f)
{
	const uint64_t *id = f->host.id;

	f->setup = (struct hw_setup){
		.vttbr = f->nobody.v,
		.vtcr = vmsa_vtcr(f->format, parange(id), f->vmid16),
		.cnthctl_clear = CNTHCTL_PHYSICAL << (f->vhe ? CNTHCTL_VHE_SHIFT : 0),
		.hcx = field(mmfr1(id), 40) != 0,
		.fgt = field(mmfr0(id), 56) != 0,
		.fgt2 = field(mmfr0(id), 56) > 1,
		.amu = field(pfr0(id), 44) != 0,
		.mpam = field(pfr0(id), 40) != 0 || field(pfr1(id), 16) != 0,
	};
}

err_t el2_probe(char *reason)
{
	struct el2_features *f = &el2_features;
	const uint64_t *id = f->host.id;
	err_t err;

	if (!el2_present())
		return refuse(reason, "the firmware was started at EL1: without EL2 there is no virtualisation");
	hw_id_regs(f->host.id);
	f->host.revidr = hw_revidr();
	if (!has_granule(id))
		return refuse(reason, "this CPU's stage 2 has no 4 KiB pages");
	f->fwb = has_fwb(id);
	f->format = vmsa_format(parange(id), f->fwb);
	if (!f->format)
		return refuse(reason, "this CPU has fewer than 40 bits of physical address");
	err = probe_gic(id, reason);
	if (err != OK)
		return err;
	if (nobody_init(&f->nobody) != OK)
		return refuse(reason, "no memory for an empty stage-2 table");
	f->vhe = el2_vhe();
	f->vmid16 = has_vmid16(id);
	f->pauth = field(isar1(id), 4) || field(isar1(id), 8) || field(isar2(id), 12);
	f->host.pauth = f->pauth;
	f->host.guest_parange = vmsa_guest_parange(f->format);
	f->breakpoints = field(dfr0(id), 12) + 1;
	f->watchpoints = field(dfr0(id), 20) + 1;
	f->hcr = guest_hcr(f);
	choose_cptr(f);
	choose_setup(f);
	el2_vmid_init(f->vmid16 ? 16 : 8);
	return OK;
}

/* A CPU of another make may be less; guests see the least. What the tables and controls were made for has to be the same. */
static err_t merge(void)
{
	struct el2_features *f = &el2_features;
	uint64_t id[ARM_ID_REGS];
	bool same;

	hw_id_regs(id);
	spin_lock(&merge_lock);
	same = parange(id) >= parange(f->host.id) && has_granule(id) && has_fwb(id) == f->fwb && has_vmid16(id) == f->vmid16 &&
	       field(dfr0(id), 12) + 1 == f->breakpoints && field(dfr0(id), 20) + 1 == f->watchpoints;
	if (same)
		id_regs_least(f->host.id, id);
	spin_unlock(&merge_lock);
	if (same)
		return OK;
	log_error("el2", "CPU %u is of another make than CPU 0", hal_cpu_id());
	return E_UNSUPPORTED;
}

/* The interrupt has done its work by ending the guest run: at exit the virtual interface is off, and with it the line. */
static void maintenance(void *ctx)
{
	(void)ctx;
}

err_t el2_cpu_enable(void)
{
	struct el2_cpu *c = el2_cpu();
	struct hw_setup setup = el2_features.setup;
	err_t err;

	if (c->enabled)
		return OK;
	err = merge();
	if (err != OK)
		return err;
	err = gic_ppi_enable(gic_maintenance_ppi(), false, maintenance, NULL);
	if (err != OK)
		return err;
	err = vtimer_cpu_enable();
	if (err != OK) {
		gic_ppi_disable(gic_maintenance_ppi());
		return err;
	}
	setup.midr = hw_midr();
	setup.mdcr = (hw_mdcr() & MDCR_HPMN) | MDCR_TRAPS;
	hw_cpu_enable(&setup);
	hw_gic_enable();
	hw_tlb_flush_all_local(); /* of whoever used EL1 before us */
	*c = (struct el2_cpu){ .enabled = true, .vttbr = setup.vttbr };
	return OK;
}

void el2_cpu_disable(void)
{
	struct el2_cpu *c = el2_cpu();

	if (!c->enabled)
		return;
	vtimer_cpu_disable();
	gic_ppi_disable(gic_maintenance_ppi());
	hw_cpu_disable();
	*c = (struct el2_cpu){ .enabled = false };
}
