/* SPDX-License-Identifier: Apache-2.0 */
/* A scripted PCI configuration space for tests: functions with 256 bytes of registers and real BAR behaviour. It stands
 * behind pci_cfg_arch, so the code under test enumerates it as it does a PC by ports. Host only. */
#ifndef TESTS_FAKE_PCI_H
#define TESTS_FAKE_PCI_H
#include <stdbool.h>
#include <stdint.h>

struct fake_pci_fn {
	uint8_t bus, devfn;
	uint8_t cfg[256];
	uint32_t bar_mask[6];  /* bits that stick when written, type bits come from cfg; 0: not there */
	unsigned decode_on_sizing; /* counts BAR writes of all ones while memory or I/O decoding was on: must stay 0 */
};
/* fns stays the caller's and must live until replaced; n 0: an empty machine. */
void fake_pci_set(struct fake_pci_fn *fns, unsigned n);
/* Fills id, class and header type. */
void fake_pci_describe(struct fake_pci_fn *f, uint16_t vendor, uint16_t device, uint32_t class_code, uint8_t header);
/* Writes capability id with its link and sets the status bit; the head pointer when first. */
void fake_pci_cap(struct fake_pci_fn *f, uint8_t at, uint8_t id, uint8_t next, bool first);
/* Configuration accesses since fake_pci_set. */
unsigned fake_pci_accesses(void);

#endif
