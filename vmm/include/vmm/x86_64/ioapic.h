/* SPDX-License-Identifier: Apache-2.0 */
/* A guest's IOAPIC (82093AA with the EOI register of version 0x20): 24 pins. vm->irqchip points to it. All under vm->lock,
 * except create and destroy. It delivers by lapic_deliver_msi and hears of EOIs from the LAPICs. */
#ifndef VMM_X86_64_IOAPIC_H
#define VMM_X86_64_IOAPIC_H
#include <core/err.h>
#include <stdbool.h>
#include <stdint.h>
#include <vmm/irq.h>

struct vm;

#define IOAPIC_BASE 0xfec00000ull
#define IOAPIC_SIZE 0x1000ull
#define IOAPIC_PINS 24

/* Allocates vm->irqchip from the VM's pool, in reset state, and claims IOAPIC_BASE on vm->mmio. E_NOMEM, E_LIMIT, E_EXIST. */
err_t ioapic_create(struct vm *vm) MUST_CHECK;
void ioapic_destroy(struct vm *vm); /* accepts one that was never created */
/* All pins masked, edge, remote IRR clear; line levels stay as the devices drive them. */
void ioapic_reset(struct vm *vm);
/* Drives a pin: irq_line's set. A pin beyond the last is ignored. */
void ioapic_set(struct vm *vm, unsigned pin, bool level);
/* The line of a pin for a device; valid while the VM lives. */
struct irq_line ioapic_line(struct vm *vm, unsigned pin);
/* A LAPIC ended a level-triggered vector: clears remote IRR of its pins and sends again where the line is still up. */
void ioapic_eoi(struct vm *vm, uint8_t vector);

#define IOAPIC_STATE_VERSION 1
struct ioapic_state {
	uint32_t version;
	uint32_t id, select;
	uint32_t level;              /* bit per pin: line as driven */
	uint64_t redir[IOAPIC_PINS]; /* as the guest reads them: bit 14 remote IRR, bit 12 delivery status (always 0) */
};
void ioapic_save(const struct vm *vm, struct ioapic_state *out);
err_t ioapic_load(struct vm *vm, const struct ioapic_state *in) MUST_CHECK; /* E_CORRUPT: unchanged */

#endif
