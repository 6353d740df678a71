/* SPDX-License-Identifier: Apache-2.0 */
/* The small port-I/O devices of the guest PC: CMOS clock, ACPI power management, reset. Embedded in struct pc; under vm->lock. */
#ifndef VMM_X86_64_PC_IO_H
#define VMM_X86_64_PC_IO_H
#include <stdint.h>
#include <vmm/bus.h>
#include <vmm/irq.h>

struct vm;

/* MC146818 clock: host UTC in BCD, 24 hours; alarms and periodic interrupts are not offered. Ports 0x70-0x71. */
#define RTC_PORT 0x70
struct rtc { uint8_t index, reg_a, reg_b; };
extern const struct bus_ops rtc_ops; /* ctx: struct rtc */
void rtc_reset(struct rtc *r);

/* ACPI fixed hardware (ACPI 6.5 4.8): PM1 event and control blocks and the 3.579545 MHz timer. */
#define PM_PORT 0x600
#define PM_SIZE 0x10
#define PM1_EVT_PORT 0x600
#define PM1_CNT_PORT 0x604
#define PM_TMR_PORT 0x608
#define PM_SLP_TYP_S5 5
struct pm { struct vm *vm; struct irq_line sci; uint16_t status, enable, control; };
extern const struct bus_ops pm_ops; /* ctx: struct pm */
void pm_reset(struct pm *p);
void pm_power_button(struct pm *p);

/* Reset control register 0xCF9 and the keyboard controller's reset line at 0x64. ctx: struct vm. */
#define RESET_PORT 0xcf9
#define KBD_PORT 0x60
extern const struct bus_ops reset_ops, kbd_ops;

#endif
