/* SPDX-License-Identifier: Apache-2.0 */
/* The first C of a guest test: what machine is this (start_info, CPUID), then the test itself on CPU 0; the other CPUs go to smp.c's
 * function. Runs once per CPU start. */
#include "guest.h"

struct start_info { uint32_t magic, version, flags, nr_modules; uint64_t modlist, cmdline, rsdp, memmap; uint32_t memmap_entries, reserved; };
struct map_entry { uint64_t addr, size; uint32_t type, reserved; };

extern uint32_t start_info;
extern uint64_t window_table[512];
extern char stacks[];
struct ram ram[MAX_RAM];
unsigned nram;
uint64_t ram_low_end, ram_high_end;
bool on_caisson;

struct cpu *cpu_of(unsigned index)
{
	return (struct cpu *)(stacks + index * STACK_SIZE);
}

unsigned cpu_count(void)
{
	unsigned n = (cpuid(1, 0).ebx >> 16) & 0xff;

	return n == 0 ? 1 : n > MAX_CPUS ? MAX_CPUS : n;
}

static void read_start_info(void)
{
	const struct start_info *s = (const struct start_info *)(uint64_t)start_info;
	const struct map_entry *m = (const struct map_entry *)s->memmap;

	if (s->magic != 0x336ec578)
		bail("no start_info at 0x%x", start_info);
	for (unsigned i = 0; i < s->memmap_entries && nram < MAX_RAM; i++) {
		uint64_t end = m[i].addr + m[i].size;

		if (m[i].type != 1)
			continue;
		ram[nram++] = (struct ram){m[i].addr, m[i].size};
		if (end <= 1ull << 32 && end > ram_low_end)
			ram_low_end = end;
		if (end > 1ull << 32 && end > ram_high_end)
			ram_high_end = end;
	}
	if (s->cmdline)
		option_init((const char *)s->cmdline);
}

uint64_t window_map(unsigned i, uint64_t gpa, uint64_t flags)
{
	uint64_t at = WINDOW_BASE + 4096ull * i;

	((volatile uint64_t *)window_table)[i] = gpa | flags;
	invlpg(at);
	return at;
}

static void spurious(struct frame *f)
{
	(void)f;
}

void guest_enter(unsigned index);
void guest_enter(unsigned index)
{
	struct cpu *c = cpu_self();

	c->index = index;
	c->fault = VEC_NONE;
	if (index) {
		trap_load();
		apic_enable();
		c->rounds++;
		c->online = true;
		c->fn(index);
		for (;;)
			__asm__ volatile("cli; hlt");
	}
	trap_init();
	trap_set(0xff, spurious);
	read_start_info();
	on_caisson = cpuid(0x40000000, 0).ebx == 0x4b4d564b && cpuid(0x40000000, 0).eax == 0x40000010 && cpuid(0, 0).eax == 0x16;
	if (!on_caisson) { /* a PC with a BIOS: its 8259s are live */
		outb(0x21, 0xff);
		outb(0xa1, 0xff);
	}
	apic_enable();
	clock_init();
	guest_main();
	finish();
}
