/* SPDX-License-Identifier: Apache-2.0 */
/* Reset and power-off. Any CPU and context, panic included; other CPUs may still run. Each way may fail or be a
 * lie of the firmware, so they are tried in turn until one works. */
#include "../machine/efirt.h"
#include "insn.h"
#include "io.h"
#include "power.h"
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

/* The reset register of ACPI 6.5 4.8.3.6, eight bits wide: looked for and mapped beforehand, since a panic must take no lock that a
 * stopped CPU may hold. */
static struct { uint16_t port; volatile uint8_t *memory; uint8_t value; } acpi_reset;

void power_init(void)
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
	acpi_reset.value = fadt[FADT_RESET_VALUE];
	if (gas[0] == GAS_IO && addr <= 0xffff)
		acpi_reset.port = (uint16_t)addr;
	else if (gas[0] == GAS_MEMORY && hal_map_device(HPA(addr), 1, HAL_MAP_RW | HAL_MAP_UC, &reg) == OK)
		acpi_reset.memory = reg;
}

static void power_reset_acpi(void)
{
	if (acpi_reset.port)
		io_out8(acpi_reset.port, acpi_reset.value);
	else if (acpi_reset.memory)
		*acpi_reset.memory = acpi_reset.value;
	else
		return;
	power_settle();
}

_Noreturn void hal_reset(void)
{
	static const struct { uint16_t limit; uint64_t base; } __attribute__((packed)) no_idt = {0, 0};

	insn_cli();
	power_reset_acpi();
	efirt_reset(EFI_RESET_COLD);
	power_settle();
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
	efirt_reset(EFI_RESET_SHUTDOWN);
	power_settle();
	log_error("power", "the firmware did not switch the machine off; it is safe to do so by hand");
	hal_halt();
}
