/* SPDX-License-Identifier: Apache-2.0 */
/* The aarch64 guest's address map and interrupt numbers. Guest-physical, bytes. The same as QEMU's "virt" machine where both have the device, so
 * that a guest program can be tried there. */
#ifndef VMM_AARCH64_VIRT_LAYOUT_H
#define VMM_AARCH64_VIRT_LAYOUT_H
#include <stdint.h>

#define VIRT_GICD 0x08000000ull
#define VIRT_GICD_SIZE 0x10000ull
#define VIRT_GICR 0x080a0000ull      /* one contiguous region, VIRT_GICR_STRIDE for each vCPU */
#define VIRT_GICR_STRIDE 0x20000ull
#define VIRT_UART 0x09000000ull      /* PL011 */
#define VIRT_RTC 0x09010000ull       /* PL031 */
#define VIRT_GPIO 0x09030000ull      /* PL061: line 3 is the power key */
#define VIRT_DEVICE_SIZE 0x1000ull
#define VIRT_PVTIME 0x090a0000ull    /* RAM: stolen time, a record for each vCPU */
#define VIRT_PVTIME_SIZE 0x1000ull
#define VIRT_PCI_WINDOW 0x10000000ull
#define VIRT_PCI_WINDOW_SIZE 0x2eff0000ull
#define VIRT_ECAM 0x3f000000ull      /* PCI_ECAM_SIZE: one bus */
#define VIRT_RAM 0x40000000ull       /* all of it, contiguous */
#define VIRT_FDT VIRT_RAM            /* the device tree that the loader leaves there */
#define VIRT_FDT_SIZE 0x200000ull
#define VIRT_KERNEL_MIN (VIRT_FDT + VIRT_FDT_SIZE) /* kernels and initrds lie above */

/* Affinity fields of a vCPU's MPIDR_EL1 (DDI0487 D19.2.100), also in GICD_IROUTER and ICC_SGI1R_EL1: sixteen to a cluster, since an SGI
 * names its targets by a list of sixteen. */
#define VIRT_AFFINITY(index) ((uint64_t)((index) & 15u) | (uint64_t)((index) >> 4) << 8)

/* INTIDs (IHI0069 2.2). Private ones are the usual ones of Arm's base system architecture. */
#define VIRT_PPI_MAINTENANCE 25
#define VIRT_PPI_VTIMER 27
#define VIRT_PPI_PTIMER 30
#define VIRT_SPI_UART 33
#define VIRT_SPI_RTC 34
#define VIRT_SPI_GPIO 39
#define VIRT_MSI_FIRST 64            /* message-based SPIs: GICD_SETSPI_NSR is the MSI doorbell */
#define VIRT_MSI_COUNT 64
#define VIRT_INTIDS 128              /* SGIs, PPIs and SPIs */

#endif
