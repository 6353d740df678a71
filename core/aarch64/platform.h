/* SPDX-License-Identifier: Apache-2.0 */
/* What the firmware's tables say of this machine, whichever tables it gives: ACPI (platform_acpi.c) or a device tree (platform_fdt.c). Filled
 * once on the boot CPU, constant afterwards. Addresses are the firmware's word: checked for shape, not for truth. Within core/aarch64. */
#ifndef CORE_AARCH64_PLATFORM_H
#define CORE_AARCH64_PLATFORM_H
#include <core/err.h>
#include <core/hal.h>
#include <stdbool.h>
#include <stdint.h>

#define PLATFORM_MAX_GICR 16
#define PLATFORM_MAX_ITS 8
#define PLATFORM_MAX_V2M 8
#define PLATFORM_MAX_ID_MAPS 32

enum psci_conduit { PSCI_NONE, PSCI_SMC, PSCI_HVC };

struct platform_range { uint64_t base, size; };
struct platform_cpu { uint64_t mpidr, gicr; /* gicr 0: in one of the ranges */ };
struct platform_its { uint64_t base; uint32_t id; };
/* A GICv2m frame: count 0: its own register says. */
struct platform_v2m { uint64_t base; uint32_t spi_first, spi_count; };
/* PCI requester ids [first, first+count) of a segment reach ITS its as device ids from device on. */
struct platform_id_map { uint16_t segment; uint32_t first, count, device, its; };

struct platform {
	const char *source;              /* "ACPI", "the device tree", "nothing" */
	struct platform_cpu cpus[HAL_MAX_CPUS]; /* usable ones, the boot CPU among them */
	unsigned ncpus, ncpus_ignored;
	unsigned gic_version;            /* 0: unknown, 2, 3 or 4 */
	uint64_t gicd;
	uint64_t gicc;                   /* version 2: CPU interface */
	struct platform_range gicr[PLATFORM_MAX_GICR];
	unsigned ngicr;
	struct platform_its its[PLATFORM_MAX_ITS];
	unsigned nits;
	struct platform_v2m v2m[PLATFORM_MAX_V2M];
	unsigned nv2m;
	struct platform_id_map id_maps[PLATFORM_MAX_ID_MAPS];
	unsigned nid_maps;               /* 0: requester ids are device ids */
	/* INTIDs, 16..31; 0: not told. */
	unsigned ppi_maintenance, ppi_timer_el2, ppi_vtimer;
	enum psci_conduit psci;
};
extern struct platform platform;

/* From ACPI when it describes an interrupt controller, else from the device tree. E_UNSUPPORTED: neither does. */
err_t platform_init(void) MUST_CHECK;
/* The two sources; E_NOENT: there is none such. They fill *p from zero. */
err_t platform_from_acpi(struct platform *p) MUST_CHECK;
err_t platform_from_fdt(struct platform *p) MUST_CHECK;

/* ACPI's IO Remapping Table into id_maps (platform_iort.c). */
void platform_read_iort(struct platform *p);

/* For the sources. A CPU twice is dropped; too many are counted. */
void platform_add_cpu(struct platform *p, uint64_t mpidr, uint64_t gicr);
/* v when it is a private peripheral interrupt, else 0. */
unsigned platform_ppi(uint32_t v);

#endif
