/* SPDX-License-Identifier: Apache-2.0 */
/* PCI configuration mechanism 1 through ports 0xCF8 and 0xCFC (PCI 3.0, 3.2.2.3.2): segment 0, 256 bytes a function.
 * Any CPU; the address and data ports are a pair, hence the lock. Knows no device. */
#include "../bus/pci_cfg.h"
#include "io.h"
#include <core/spinlock.h>
#include <stddef.h>

#define CF8_ADDRESS 0xcf8
#define CF8_DATA 0xcfc
#define CF8_ENABLE 0x80000000u

static struct spinlock cf8_lock = SPINLOCK_INIT;

static void cf8_select(struct pci_addr a, unsigned off)
{
	io_out32(CF8_ADDRESS, CF8_ENABLE | (uint32_t)a.bus << 16 | (uint32_t)a.devfn << 8 | (off & 0xfc));
}

static uint32_t cf8_read(struct pci_addr a, unsigned off, unsigned size)
{
	uint16_t port = (uint16_t)(CF8_DATA + (off & 3));
	uint32_t v;

	spin_lock(&cf8_lock);
	cf8_select(a, off);
	v = size == 1 ? io_in8(port) : size == 2 ? io_in16(port) : io_in32(port);
	spin_unlock(&cf8_lock);
	return v;
}

static void cf8_write(struct pci_addr a, unsigned off, unsigned size, uint32_t v)
{
	uint16_t port = (uint16_t)(CF8_DATA + (off & 3));

	spin_lock(&cf8_lock);
	cf8_select(a, off);
	if (size == 1)
		io_out8(port, (uint8_t)v);
	else if (size == 2)
		io_out16(port, (uint16_t)v);
	else
		io_out32(port, v);
	spin_unlock(&cf8_lock);
}

static const struct pci_cfg_ops cf8_ops = {.space = 256, .read = cf8_read, .write = cf8_write};

const struct pci_cfg_ops *pci_cfg_arch(void)
{
	return &cf8_ops;
}
