/* SPDX-License-Identifier: Apache-2.0 */
/* ACPI fixed hardware of the guest PC (ACPI 6.5 4.8.3): power button, S5, PM timer; and the two ways to reset. In the exit path
 * under vm->lock. */
#include <core/arith.h>
#include <core/hal.h>
#include <vmm/vm.h>
#include "pc_io.h"

enum {
	PM1_PWRBTN = 1u << 8,
	/* Timer, global lock, buttons, RTC: all can be enabled, but only the power button ever happens. Software checks that they stick. */
	PM1_ENABLES = 1u << 0 | 1u << 5 | PM1_PWRBTN | 1u << 9 | 1u << 10,
	CNT_SCI_EN = 1u << 0, CNT_SLP_TYP_SHIFT = 10, CNT_SLP_EN = 1u << 13,
};
#define PM_TIMER_HZ 3579545ull

static void pm_update_sci(struct pm *p)
{
	irq_line_set(&p->sci, p->status & p->enable);
}

static uint32_t pm_timer(const struct pm *p)
{
	uint64_t ns = hal_clock_ns() + (uint64_t)p->vm->clock_offset_ns;

	return (uint32_t)((unsigned __int128)ns * PM_TIMER_HZ / NS_PER_S); /* 32-bit counter: FADT says TMR_VAL_EXT */
}

static uint64_t pm_read(void *ctx, uint64_t off, unsigned size)
{
	struct pm *p = ctx;
	uint64_t regs[2] = {
		p->status | (uint64_t)p->enable << 16 | (uint64_t)(p->control | CNT_SCI_EN) << 32,
		off >= 8 ? pm_timer(p) : 0,
	};
	uint64_t v = 0;

	if (range_within(off, size, sizeof(regs)))
		__builtin_memcpy(&v, (const uint8_t *)regs + off, size);
	return v;
}

static void pm_write_control(struct pm *p, uint16_t v)
{
	p->control = v & (uint16_t)~(CNT_SLP_EN | CNT_SCI_EN); /* SLP_EN reads as zero */
	if ((v & CNT_SLP_EN) && ((v >> CNT_SLP_TYP_SHIFT) & 7) == PM_SLP_TYP_S5)
		vm_guest_poweroff(p->vm);
}

static void pm_write(void *ctx, uint64_t off, unsigned size, uint64_t v)
{
	struct pm *p = ctx;

	/* Software uses aligned 16- and 32-bit accesses here (4.8.3); anything else is dropped. */
	if (off == 0 && (size == 2 || size == 4))
		p->status &= (uint16_t)~v;
	if (off == 0 && size == 4)
		p->enable = (uint16_t)(v >> 16) & PM1_ENABLES;
	if (off == 2 && size == 2)
		p->enable = (uint16_t)v & PM1_ENABLES;
	if (off == 4 && (size == 2 || size == 4))
		pm_write_control(p, (uint16_t)v);
	pm_update_sci(p);
}
const struct bus_ops pm_ops = {.read = pm_read, .write = pm_write};

void pm_reset(struct pm *p)
{
	p->status = p->enable = p->control = 0;
	pm_update_sci(p);
}

void pm_power_button(struct pm *p)
{
	p->status |= PM1_PWRBTN;
	pm_update_sci(p);
}

static uint64_t reset_read(void *ctx, uint64_t off, unsigned size)
{
	(void)ctx, (void)off, (void)size;
	return 0;
}

/* 0xCF9: bit 2 makes the reset happen (ICH data sheets, "Reset Control Register"). */
static void reset_write(void *ctx, uint64_t off, unsigned size, uint64_t v)
{
	(void)off, (void)size;
	if (v & 4)
		vm_guest_reset(ctx);
}
const struct bus_ops reset_ops = {.read = reset_read, .write = reset_write};

/* There is no keyboard controller: its status reads "nothing there to wait for", and only the pulse on its reset line works. */
static void kbd_write(void *ctx, uint64_t off, unsigned size, uint64_t v)
{
	if (off == 4 && size == 1 && v == 0xfe)
		vm_guest_reset(ctx);
}
const struct bus_ops kbd_ops = {.read = reset_read, .write = kbd_write};
