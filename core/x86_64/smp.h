/* SPDX-License-Identifier: Apache-2.0 */
/* The parameter block that the start-up code (trampoline.S) reads, at the start of its second page.
 * Offsets are spelled out there. Within core/x86_64 only. */
#ifndef CORE_X86_64_SMP_H
#define CORE_X86_64_SMP_H
#include <stddef.h>
#include <stdint.h>

struct smp_params {
	uint64_t cr3, cr4, stack, entry, arg;
	uint32_t apic_id, nx;
	uint32_t far_offset; uint16_t far_selector, pad; /* operand of the far jump into long mode */
	uint16_t gdt_limit; uint32_t gdt_base; uint16_t pad2;
	uint64_t gdt[3];
} __attribute__((packed));

_Static_assert(offsetof(struct smp_params, far_offset) == 48, "trampoline.S");
_Static_assert(offsetof(struct smp_params, gdt_limit) == 56, "trampoline.S");
_Static_assert(offsetof(struct smp_params, gdt) == 64, "trampoline.S");

extern const char smp_trampoline[] __attribute__((visibility("hidden")));
extern const char smp_trampoline_64[] __attribute__((visibility("hidden")));
extern const char smp_trampoline_end[] __attribute__((visibility("hidden")));

#endif
