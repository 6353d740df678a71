/* SPDX-License-Identifier: Apache-2.0 */
/* Reset and power-off. Any CPU and context, panic included; other CPUs may still run. Each way may fail or be a
 * lie of the firmware, so they are tried in turn until one works. */
#include "efirt.h"
#include "insn.h"
#include "io.h"
#include "paging.h"
#include <core/acpi.h>
#include <core/arith.h>
#include <core/hal.h>
#include <core/log.h>

enum { FADT_FLAGS = 112, FADT_RESET_REG = 116, FADT_RESET_VALUE = 128 };
#define FADT_RESET_SUP (1u << 10)
enum { GAS_MEMORY = 0, GAS_IO = 1, GAS_PCI = 2 };
#define RESET_SETTLE_NS (200 * NS_PER_MS)

static void power_settle(void)
{
	uint64_t start = hal_clock_ns();

	while (hal_counter_hz() && hal_clock_ns() - start < RESET_SETTLE_NS)
		__asm__ volatile("pause");
}

/* ACPI 6.5 4.8.3.6: the reset register, eight bits wide. */
static void power_reset_acpi(void)
{
	const struct acpi_header *h;
	const uint8_t *fadt, *gas;
	volatile void *reg;
	uint64_t addr;

	if (acpi_find("FACP", 0, &h) != OK || h->length < FADT_RESET_VALUE + 1)
		return;
	fadt = (const uint8_t *)h;
	gas = fadt + FADT_RESET_REG;
	addr = get_le64(gas + 4);
	if (!(get_le32(fadt + FADT_FLAGS) & FADT_RESET_SUP) || !addr)
		return;
	if (gas[0] == GAS_IO && addr <= 0xffff)
		io_out8((uint16_t)addr, fadt[FADT_RESET_VALUE]);
	else if (gas[0] == GAS_MEMORY && hal_map_device(HPA(addr), 1, HAL_MAP_RW | HAL_MAP_UC, &reg) == OK)
		*(volatile uint8_t *)reg = fadt[FADT_RESET_VALUE];
	else
		return;
	power_settle();
}

static void power_efi(enum efi_reset type)
{
	struct efirt_state s;
	const struct efi_runtime *rt = efirt_enter(&s);

	if (!rt)
		return;
	rt->reset(type, 0, 0, NULL);
	efirt_leave(&s);
	power_settle();
}

_Noreturn void hal_reset(void)
{
	static const struct { uint16_t limit; uint64_t base; } __attribute__((packed)) no_idt = {0, 0};

	insn_cli();
	power_reset_acpi();
	power_efi(EFI_RESET_COLD);
	io_out8(0xcf9, 0x02); /* the chipset's reset control register of PCs */
	io_out8(0xcf9, 0x0e);
	power_settle();
	__asm__ volatile("lidt %0; ud2" : : "m"(no_idt)); /* a triple fault resets every PC */
	hal_halt();
}

_Noreturn void hal_poweroff(void)
{
	insn_cli();
	/* Power-off by ACPI would need AML for the sleep type; the firmware knows it. */
	power_efi(EFI_RESET_SHUTDOWN);
	log_error("power", "the firmware did not switch the machine off; it is safe to do so by hand");
	hal_halt();
}
