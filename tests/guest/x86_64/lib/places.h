/* SPDX-License-Identifier: Apache-2.0 */
/* Where the PC's memory and devices lie, for tests of both architectures that point at them on purpose, and its message interrupts. */
#ifndef GUEST_PLACES_H
#define GUEST_PLACES_H
#include "guest.h"

/* ---- memory: [RAM_BEGIN, ram_end()) is RAM whose first page a test may overwrite; beyond there is nothing up to BEYOND_END, but devices. */
#define RAM_BEGIN 0ull
#define SPARE_RAM 0x100000ull             /* some MiB that hold nothing but the test itself, for a device to read */
#define BEYOND_END (0x8000000000ull - 0x40000000)
static inline uint64_t ram_end(void) { return ram_low_end; }
static inline bool is_device(uint64_t a) { return a >= 0xe0000000 && a < 0x100000000; }
/* What the loader put into memory that is else fresh. */
static inline bool is_loaders(uint64_t a) { (void)a; return false; }

/* ---- devices */
/* Where an access of that size may begin: anywhere. */
static inline uint64_t device_place(uint64_t a, unsigned size) { (void)size; return a; }
#define ECAM 0xe0000000ull
#define PCI_SPARE 0xe8400000u             /* where a BAR goes that has no address */
#define PCI_SPARE_STEP 0x40000u
#define IRQCHIP APIC_BASE                 /* a device's registers, no memory */
static inline bool irqchip_alive(void) { return apic_read(APIC_VERSION) != 0xffffffff; }
/* For a BAR of 32 KiB: over memory, other devices and nobody, and the last place of the window. */
#define BAR_LAST 0xefff8000ull
#define BAR_PLACES 0, 0x100000, 0xfec00000, IRQCHIP, ECAM, 0xd0000000, 0xfffff000

/* ---- message interrupts: of number MSI_FIRST and up */
enum { MSI_FIRST = 0x61 };
static inline bool msi_offered(void) { return true; }
static inline uint64_t msi_address(void) { return APIC_BASE; }
void msi_take(void (*fn)(unsigned number));
/* Messages that no good comes of: to these addresses, and with these data to the right one. INIT to CPU 0 is a reset by right and left out. */
#define MSI_BAD_ADDRESSES 0, 0x1000, 0xfee01000 | 3, 0xfeeff000, 0xfee80000, 0xfef00000, 0xfed00000, 0x1fee00000, 0xfee0000000000000, ~0ull, 0xd0000000, 0xfec00000
#define MSI_BAD_DATA 0, 1, 15, 0x100 | (MSI_FIRST + 1), 0x200, 0x300, 0x600, 0x700, 0x8000 | (MSI_FIRST + 1), 0xffff0000 | (MSI_FIRST + 1), 0xfffff700

#endif
