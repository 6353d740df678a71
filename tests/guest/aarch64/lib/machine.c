/* SPDX-License-Identifier: Apache-2.0 */
/* The first C of a guest test: what machine is this (device tree), then the test itself on CPU 0; the other CPUs go to psci.c's function.
 * Runs once per CPU start. */
#include "guest.h"

extern volatile uint64_t window_table[512];
extern char stacks[];
uint64_t ram_size, dtb, dtb_size;
bool on_caisson;

struct cpu *cpu_of(unsigned index)
{
	return (struct cpu *)(stacks + index * STACK_SIZE);
}

uint64_t window_set(unsigned i, uint64_t entry)
{
	window_table[i] = entry;
	return WINDOW_BASE + 4096ull * i;
}

/* Break before make (DDI0487 D8.16.1). */
uint64_t window_map(unsigned i, uint64_t entry)
{
	uint64_t at = window_set(i, 0);

	tlb_forget(at);
	(void)window_set(i, entry);
	__asm__ volatile("dsb ishst; isb" ::: "memory");
	return at;
}

/* #address-cells and #size-cells are 2 in such a machine. */
static void read_tree(const void *at)
{
	const void *value;
	uint32_t len;

	/* Who starts a plain ELF leaves the tree where RAM begins. */
	if (!fdt_open(at) && !fdt_open((const void *)RAM_BEGIN))
		bail("no device tree at 0x%llx", (unsigned long long)(uint64_t)at);
	dtb = at && be32(at) == 0xd00dfeed ? (uint64_t)at : RAM_BEGIN;
	dtb_size = fdt_total();
	if (fdt_find("memory", NULL, "reg", &value, &len) != 1 || len != 16 || be64(value) != RAM_BEGIN)
		bail("the device tree tells of other memory than one piece at 0x%llx", (unsigned long long)RAM_BEGIN);
	ram_size = be64((const uint8_t *)value + 8);
	if (fdt_find("chosen", NULL, "bootargs", &value, &len) && value)
		option_init(value);
	/* The plain emulator is QEMU's machine of the same map, which has its fw_cfg device. */
	on_caisson = fdt_find("fw-cfg", NULL, NULL, NULL, NULL) == 0;
}

void guest_enter(unsigned index, const void *tree, uint64_t sctlr, uint64_t daif);
void guest_enter(unsigned index, const void *tree, uint64_t sctlr, uint64_t daif)
{
	struct cpu *c = cpu_self();

	c->index = index;
	c->fault = EC_NONE;
	c->catch_at = 0;
	c->entry_sctlr = sctlr;
	c->entry_daif = daif;
	if (index) {
		gic_cpu_init();
		c->rounds++;
		c->online = true;
		c->fn(index);
		irq_off();
		(void)psci(PSCI_CPU_OFF, 0, 0, 0);
		bail("CPU %u could not turn itself off", index);
	}
	serial_init();
	clock_init();
	read_tree(tree);
	gic_init();
	guest_main();
	finish();
}
