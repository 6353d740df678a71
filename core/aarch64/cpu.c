/* SPDX-License-Identifier: Apache-2.0 */
/* Exception level, features by the ID registers (DDI0487, by name), and the control registers of every CPU. Runs on each CPU while it comes
 * up. */
#include "cpu.h"
#include "sysreg.h"
#include <core/aarch64/el2.h>
#include <core/fmt.h>
#include <core/hal.h>
#include <core/log.h>

/* CPTR_EL2: no traps of FP and SIMD, SVE trapped; without VHE most bits read as one. */
#define CPTR_NVHE 0x33ffull
#define CPTR_VHE (3ull << 20)
#define CPACR_FPEN (3ull << 20)
#define PA_RANGE_48 5u

struct el_state el_state;
static char model[48];

static unsigned id_field(uint64_t reg, unsigned shift)
{
	return (unsigned)(reg >> shift & 0xf);
}

/* MIDR_EL1: implementer and part number. A part that is not named shows its numbers. */
static void cpu_probe_model(void)
{
	static const struct { uint16_t implementer, part; const char *name; } parts[] = {
		{0x41, 0xd03, "Arm Cortex-A53"}, {0x41, 0xd05, "Arm Cortex-A55"}, {0x41, 0xd07, "Arm Cortex-A57"},
		{0x41, 0xd08, "Arm Cortex-A72"}, {0x41, 0xd09, "Arm Cortex-A73"}, {0x41, 0xd0a, "Arm Cortex-A75"},
		{0x41, 0xd0b, "Arm Cortex-A76"}, {0x41, 0xd0c, "Arm Neoverse N1"}, {0x41, 0xd40, "Arm Neoverse V1"},
		{0x41, 0xd41, "Arm Cortex-A78"}, {0x41, 0xd47, "Arm Cortex-A710"}, {0x41, 0xd49, "Arm Neoverse N2"},
		{0x41, 0xd4f, "Arm Neoverse V2"}, {0xc0, 0xac3, "Ampere-1"}, {0x00, 0x051, "QEMU maximal CPU"},
	};
	uint64_t midr = SYSREG_READ("MIDR_EL1");
	unsigned implementer = midr >> 24 & 0xff, part = midr >> 4 & 0xfff;

	for (unsigned i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		if (parts[i].implementer == implementer && parts[i].part == part) {
			fmt_buf(model, sizeof(model), "%s r%up%u", parts[i].name, (unsigned)(midr >> 20 & 0xf), (unsigned)(midr & 0xf));
			return;
		}
	fmt_buf(model, sizeof(model), "implementer 0x%02x part 0x%03x", implementer, part);
}

err_t cpu_probe(void)
{
	uint64_t mmfr0 = SYSREG_READ("ID_AA64MMFR0_EL1"), mmfr1 = SYSREG_READ("ID_AA64MMFR1_EL1"), isar0 = SYSREG_READ("ID_AA64ISAR0_EL1");

	cpu_probe_model();
	el_state.at2 = sysreg_current_el() == 2;
	el_state.vhe = el_state.at2 && id_field(mmfr1, 8) != 0;
	/* PAN means nothing to EL2's own translation regime, which knows no user pages (D8.4.1). */
	el_state.pan = id_field(mmfr1, 20) != 0 && (el_state.vhe || !el_state.at2);
	el_state.rndr = id_field(isar0, 60) != 0;
	el_state.hcr = HCR_RW | HCR_AMO | HCR_IMO | HCR_FMO | (el_state.vhe ? HCR_E2H : 0);
	return id_field(mmfr0, 28) == 0xf ? E_UNSUPPORTED : OK;
}

uint64_t cpu_pa_range(void)
{
	unsigned range = id_field(SYSREG_READ("ID_AA64MMFR0_EL1"), 0);

	return range > PA_RANGE_48 ? PA_RANGE_48 : range; /* descriptors of the 4 KiB granule hold 48 bits (D8.3) */
}

void cpu_setup(void)
{
	if (!el_state.at2) {
		SYSREG_WRITE("CPACR_EL1", CPACR_FPEN);
	} else {
		SYSREG_WRITE("CPTR_EL2", el_state.vhe ? CPTR_VHE : CPTR_NVHE);
		SYSREG_WRITE("HSTR_EL2", 0);
		SYSREG_WRITE("VTTBR_EL2", 0);
		SYSREG_WRITE("CNTVOFF_EL2", 0);
	}
	/* libc sets its own on CPU 0; elsewhere a stray use of errno or malloc faults at page zero. */
	SYSREG_WRITE("TPIDR_EL0", 0);
	isb();
	hal_guest_access_end();
}

void cpu_log(void)
{
	log_info("cpu", "%s at %s%s%s", model, !el_state.at2 ? "EL1" : el_state.vhe ? "EL2 with VHE" : "EL2 without VHE",
		 el_state.pan ? ", PAN" : "", el_state.rndr ? ", RNDR" : "");
	if (!el_state.pan)
		log_warn("cpu", "no PAN: stray accesses to guest memory will not fault");
}

const char *hal_cpu_model(void)
{
	return model;
}

/* MSR PAN, #imm (MSR (immediate)), as numbers: Armv8.1's name is not the base architecture's. */
void hal_guest_access_begin(void)
{
	if (el_state.pan)
		__asm__ volatile(".inst 0xd500409f" : : : "memory");
}

void hal_guest_access_end(void)
{
	if (el_state.pan)
		__asm__ volatile(".inst 0xd500419f" : : : "memory");
}

bool el2_present(void)
{
	return el_state.at2;
}

bool el2_vhe(void)
{
	return el_state.vhe;
}

uint64_t el2_host_hcr(void)
{
	return el_state.hcr;
}
