/* SPDX-License-Identifier: Apache-2.0 */
/* PSCI (DEN0022 5) by the conduit that the firmware's tables name. At EL2 that is always SMC: HVC would come back to ourselves. */
#include "psci.h"
#include "platform.h"
#include "sysreg.h"
#include <core/aarch64/el2.h>
#include <core/log.h>

#define PSCI_VERSION 0x84000000u
#define PSCI_CPU_ON 0xc4000003u
#define PSCI_SYSTEM_OFF 0x84000008u
#define PSCI_SYSTEM_RESET 0x84000009u
#define PSCI_FEATURES 0x8400000au
#define SMCCC_VERSION 0x80000000u
#define SMCCC_ARCH_FEATURES 0x80000001u
#define SMCCC_ARCH_WORKAROUND_1 0x80008000u
#define SMCCC_VERSION_1_1 0x10001
enum { PSCI_NOT_SUPPORTED = -1, PSCI_ALREADY_ON = -4, PSCI_ON_PENDING = -5 };

static bool psci_there, forgets_branches;

static int64_t psci_call(uint64_t fn, uint64_t a, uint64_t b, uint64_t c)
{
	return (int64_t)(platform.psci == PSCI_HVC && !el_state.at2 ? psci_hvc(fn, a, b, c) : psci_smc(fn, a, b, c));
}

/* A core whose predictions are told apart by itself says so (ID_AA64PFR0_EL1.CSV2). SMCCC is to be asked for by PSCI, since older firmware may
 * not know the very question (DEN0028 3.7). */
static void branches_init(void)
{
	if ((SYSREG_READ("ID_AA64PFR0_EL1") >> 56 & 0xf) != 0 || (int32_t)psci_call(PSCI_FEATURES, SMCCC_VERSION, 0, 0) < 0 ||
	    (int32_t)psci_call(SMCCC_VERSION, 0, 0, 0) < SMCCC_VERSION_1_1)
		return;
	forgets_branches = (int32_t)psci_call(SMCCC_ARCH_FEATURES, SMCCC_ARCH_WORKAROUND_1, 0, 0) == 0;
}

bool el2_forgets_branches(void)
{
	return forgets_branches;
}

void el2_forget_branches(void)
{
	if (forgets_branches)
		psci_call(SMCCC_ARCH_WORKAROUND_1, 0, 0, 0);
}

void psci_init(void)
{
	int32_t version;

	if (platform.psci == PSCI_NONE) {
		log_warn("psci", "the firmware offers none: one CPU, and power by UEFI alone");
		return;
	}
	version = (int32_t)psci_call(PSCI_VERSION, 0, 0, 0);
	psci_there = version > 0;
	if (psci_there)
		log_info("psci", "version %d.%d by %s", version >> 16, version & 0xffff, platform.psci == PSCI_HVC && !el_state.at2 ? "HVC" : "SMC");
	else
		log_warn("psci", "it does not answer");
	if (psci_there)
		branches_init();
}

err_t psci_cpu_on(uint64_t mpidr, uint64_t entry, uint64_t context)
{
	int64_t r;

	if (!psci_there)
		return E_UNSUPPORTED;
	r = psci_call(PSCI_CPU_ON, mpidr, entry, context);
	if (r == 0)
		return OK;
	return r == PSCI_ALREADY_ON || r == PSCI_ON_PENDING ? E_EXIST : r == PSCI_NOT_SUPPORTED ? E_UNSUPPORTED : E_IO;
}

void psci_reset(void)
{
	if (psci_there)
		psci_call(PSCI_SYSTEM_RESET, 0, 0, 0);
}

void psci_off(void)
{
	if (psci_there)
		psci_call(PSCI_SYSTEM_OFF, 0, 0, 0);
}
