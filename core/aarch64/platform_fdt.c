/* SPDX-License-Identifier: Apache-2.0 */
/* The machine by a flattened device tree, with the bindings that Linux's Documentation/devicetree/bindings define: arm,gic-v3, arm,gic,
 * arm,arch_timer, psci, pci-host-ecam-generic. Boot CPU. */
#include "platform.h"
#include <core/arith.h>
#include <core/fdt.h>
#include <libfdt.h>
#include <string.h>

enum { TIMER_VIRTUAL = 2, TIMER_HYP = 3 };
#define MSI_MAP_CELLS 4

static unsigned ppi_at(int node, unsigned index)
{
	uint32_t intid;
	bool edge;

	return fdt_gic_interrupt(node, index, &intid, &edge) ? platform_ppi(intid) : 0;
}

static void read_cpus(struct platform *p)
{
	const void *t = fdt_tree();
	int cpus = fdt_path_offset(t, "/cpus"), node;
	int wide = cpus >= 0 ? fdt_address_cells(t, cpus) : 0;

	if (cpus < 0 || wide < 1 || wide > 2)
		return;
	fdt_for_each_subnode(node, t, cpus) {
		const char *type = fdt_getprop(t, node, "device_type", NULL);
		uint32_t high = 0, low;

		if (!type || strcmp(type, "cpu") != 0 || !fdt_is_enabled(node))
			continue;
		if ((wide == 2 && !fdt_cell(node, "reg", 0, &high)) || !fdt_cell(node, "reg", (unsigned)wide - 1, &low))
			continue;
		platform_add_cpu(p, (uint64_t)high << 32 | low, 0);
	}
}

static bool read_gicv3(struct platform *p)
{
	static const char *const names[] = {"arm,gic-v3"}, *const its_names[] = {"arm,gic-v3-its"};
	int node = fdt_next_compatible(-1, names, 1);
	uint32_t regions = 1;
	uint64_t size;

	if (node < 0 || !fdt_reg(node, 0, &p->gicd, &size))
		return false;
	p->gic_version = 3;
	p->ppi_maintenance = ppi_at(node, 0);
	fdt_cell(node, "#redistributor-regions", 0, &regions);
	for (unsigned i = 0; i < regions && i < PLATFORM_MAX_GICR; i++) {
		struct platform_range r;

		if (fdt_reg(node, 1 + i, &r.base, &r.size))
			p->gicr[p->ngicr++] = r;
	}
	for (node = -1; (node = fdt_next_compatible(node, its_names, 1)) >= 0 && p->nits < PLATFORM_MAX_ITS;) {
		struct platform_its its = {.id = fdt_get_phandle(fdt_tree(), node)};

		if (fdt_is_enabled(node) && fdt_reg(node, 0, &its.base, &size))
			p->its[p->nits++] = its;
	}
	return true;
}

static bool read_gicv2(struct platform *p)
{
	static const char *const names[] = {"arm,gic-400", "arm,cortex-a15-gic", "arm,cortex-a7-gic", "arm,cortex-a9-gic"};
	static const char *const frame_names[] = {"arm,gic-v2m-frame"};
	int node = fdt_next_compatible(-1, names, ARRAY_LEN(names));
	uint64_t size;

	if (node < 0 || !fdt_reg(node, 0, &p->gicd, &size) || !fdt_reg(node, 1, &p->gicc, &size))
		return false;
	p->gic_version = 2;
	p->ppi_maintenance = ppi_at(node, 0);
	for (node = -1; (node = fdt_next_compatible(node, frame_names, 1)) >= 0 && p->nv2m < PLATFORM_MAX_V2M;) {
		struct platform_v2m f = {0};

		if (!fdt_reg(node, 0, &f.base, &size))
			continue;
		if (fdt_cell(node, "arm,msi-base-spi", 0, &f.spi_first) && !fdt_cell(node, "arm,msi-num-spis", 0, &f.spi_count))
			f.spi_first = 0;
		p->v2m[p->nv2m++] = f;
	}
	return true;
}

static void read_timer(struct platform *p)
{
	static const char *const names[] = {"arm,armv8-timer", "arm,armv7-timer"};
	int node = fdt_next_compatible(-1, names, ARRAY_LEN(names));

	if (node < 0)
		return;
	p->ppi_vtimer = ppi_at(node, TIMER_VIRTUAL);
	p->ppi_timer_el2 = ppi_at(node, TIMER_HYP);
}

static void read_psci(struct platform *p)
{
	/* Version 0.1 has function numbers of its own and no version to ask for. */
	static const char *const names[] = {"arm,psci-1.0", "arm,psci-0.2"};
	int node = fdt_next_compatible(-1, names, ARRAY_LEN(names));
	const char *method = node >= 0 ? fdt_getprop(fdt_tree(), node, "method", NULL) : NULL;

	if (method)
		p->psci = strcmp(method, "hvc") == 0 ? PSCI_HVC : strcmp(method, "smc") == 0 ? PSCI_SMC : PSCI_NONE;
}

/* msi-map: requester id, phandle of the service, device id, length. */
static void read_msi_maps(struct platform *p)
{
	static const char *const names[] = {"pci-host-ecam-generic"};

	for (int node = -1; (node = fdt_next_compatible(node, names, 1)) >= 0;) {
		uint32_t segment = 0, v[MSI_MAP_CELLS];

		fdt_cell(node, "linux,pci-domain", 0, &segment);
		for (unsigned i = 0; p->nid_maps < PLATFORM_MAX_ID_MAPS; i++) {
			unsigned got = 0;

			while (got < MSI_MAP_CELLS && fdt_cell(node, "msi-map", i * MSI_MAP_CELLS + got, &v[got]))
				got++;
			if (got < MSI_MAP_CELLS)
				break;
			p->id_maps[p->nid_maps++] = (struct platform_id_map){(uint16_t)segment, v[0], v[3], v[2], v[1]};
		}
	}
}

err_t platform_from_fdt(struct platform *p)
{
	if (!fdt_tree())
		return E_NOENT;
	*p = (struct platform){.source = "the device tree"};
	if (!read_gicv3(p) && !read_gicv2(p))
		return E_NOENT;
	read_cpus(p);
	read_timer(p);
	read_psci(p);
	if (p->nits)
		read_msi_maps(p);
	return OK;
}
