/* SPDX-License-Identifier: Apache-2.0 */
/* Where memory and devices lie, for tests of both architectures that point at them on purpose, and message interrupts. */
#ifndef GUEST_PLACES_H
#define GUEST_PLACES_H
#include "guest.h"

/* ---- memory: [RAM_BEGIN, ram_end()) is RAM whose first page a test may overwrite; beyond there is nothing up to BEYOND_END. */
#define SPARE_RAM 0x40200000ull           /* some MiB that hold nothing but the test itself, for a device to read */
#define BEYOND_END (0x8000000000ull - 0x40000000)
static inline bool is_device(uint64_t a) { return a < RAM_BEGIN; }

/* ---- devices */
/* Where an access of that size may begin: device memory is aligned (DDI0487 B2.10.2). */
static inline uint64_t device_place(uint64_t a, unsigned size) { return a & ~(uint64_t)(size - 1); }
#define PCI_SPARE 0x10400000u             /* where a BAR goes that has no address */
#define PCI_SPARE_STEP 0x40000u
#define IRQCHIP GICD                      /* a device's registers, no memory */
static inline bool irqchip_alive(void) { return (read32(GICD + GICD_PIDR2) >> 4 & 15) == 3; }
/* For a BAR of 32 KiB: over memory, other devices and nobody, and the last place of the window. */
#define BAR_LAST (PCI_WINDOW + PCI_WINDOW_SIZE - 0x8000ull)
#define BAR_PLACES 0, RAM_BEGIN, UART & ~0x7fff, GICR, IRQCHIP, ECAM, 0x0c000000, 0xffff8000

/* ---- message interrupts: of number MSI_FIRST and up */
enum { MSI_FIRST = 64 };
static inline bool msi_offered(void) { return read32(GICD + GICD_TYPER) >> 16 & 1; }
static inline uint64_t msi_address(void) { return GICD + GICD_SETSPI_NSR; }
void msi_take(void (*fn)(unsigned number));
/* Messages that no good comes of: to these addresses, and with these data to the right one. */
#define MSI_BAD_ADDRESSES 0, RAM_BEGIN + 0x1000, GICD, GICD + 0x44, GICD + GICD_CLRSPI_NSR, GICD + 0x50, GICD + GICD_SETSPI_NSR + 1, GICR, GICR + 0x40, UART, ECAM, \
	0x10000000ull + GICD, 0x100000000ull + GICD + GICD_SETSPI_NSR, 1ull << 63, ~0ull, 0xd0000000
#define MSI_BAD_DATA 0, 1, 15, 16, 27, 31, 33, 128, 129, 1019, 1020, 1023, 8192, 0xffff, 0x10000 | (MSI_FIRST + 1), 0xffffffff

#endif
