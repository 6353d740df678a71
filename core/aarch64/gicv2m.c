/* SPDX-License-Identifier: Apache-2.0 */
/* GICv2m (Arm's base system architecture, DEN0029, appendix on GICv2m): frames whose doorbell raises a shared interrupt. Boot CPU. */
#include "gic_impl.h"
#include "platform.h"
#include <core/log.h>
#include <core/mmio.h>

enum { MSI_TYPER = 0x8, MSI_SETSPI_NS = 0x40, FRAME_SIZE = 0x1000 };

static struct { uint64_t doorbell; unsigned first, count; } frames[PLATFORM_MAX_V2M];
static unsigned nframes;

void v2m_init(void)
{
	for (unsigned i = 0; i < platform.nv2m; i++) {
		unsigned first = platform.v2m[i].spi_first, count = platform.v2m[i].spi_count;
		volatile void *regs;

		if (count == 0 && hal_map_device(HPA(platform.v2m[i].base), FRAME_SIZE, HAL_MAP_RW | HAL_MAP_UC, &regs) == OK) {
			uint32_t typer = mmio_read32(regs, MSI_TYPER);

			first = typer >> 16 & 0x3ff;
			count = typer & 0x3ff;
		}
		if (count == 0 || first < INTID_SPI || first + count > INTID_SPI_END)
			continue;
		frames[nframes].doorbell = platform.v2m[i].base + MSI_SETSPI_NS;
		frames[nframes].first = first;
		frames[nframes++].count = count;
		log_info("gic", "GICv2m frame with %u interrupts", count);
	}
}

bool v2m_present(void)
{
	return nframes != 0;
}

err_t v2m_msi_alloc(unsigned cpu, hal_irq_fn fn, void *ctx, struct hal_msi *out)
{
	for (unsigned i = 0; i < nframes; i++)
		for (unsigned k = 0; k < frames[i].count; k++) {
			err_t e = gic_spi_take(frames[i].first + k, true, percpu_get(cpu), fn, ctx);

			if (e == E_EXIST)
				continue;
			if (e == OK)
				*out = (struct hal_msi){.address = frames[i].doorbell, .data = frames[i].first + k};
			return e;
		}
	return E_NOMEM;
}
