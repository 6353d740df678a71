/* SPDX-License-Identifier: Apache-2.0 */
/* Accesses to mapped device registers: exactly one access of the width named, in program order with each other.
 * Offsets are the driver's constants or checked by it. Any context. */
#ifndef CORE_MMIO_H
#define CORE_MMIO_H
#include <core/arch.h>
#include <stddef.h>
#include <stdint.h>

static inline uint8_t mmio_read8(volatile void *base, size_t off) { return *((volatile uint8_t *)base + off); }
static inline uint16_t mmio_read16(volatile void *base, size_t off)
{
	return *(volatile uint16_t *)((volatile uint8_t *)base + off);
}
static inline uint32_t mmio_read32(volatile void *base, size_t off)
{
	return *(volatile uint32_t *)((volatile uint8_t *)base + off);
}
/* Writes come after all earlier stores to memory (rings), as a doorbell needs. */
static inline void mmio_write8(volatile void *base, size_t off, uint8_t v)
{
	arch_io_barrier();
	*((volatile uint8_t *)base + off) = v;
}
static inline void mmio_write16(volatile void *base, size_t off, uint16_t v)
{
	arch_io_barrier();
	*(volatile uint16_t *)((volatile uint8_t *)base + off) = v;
}
static inline void mmio_write32(volatile void *base, size_t off, uint32_t v)
{
	arch_io_barrier();
	*(volatile uint32_t *)((volatile uint8_t *)base + off) = v;
}

#endif
