/* SPDX-License-Identifier: Apache-2.0 */
/* The guest PC's address map. Guest-physical, bytes. */
#ifndef VMM_X86_64_PC_LAYOUT_H
#define VMM_X86_64_PC_LAYOUT_H

#define PC_BOOT_GDT 0x500ull        /* what the loaders leave for the first instruction */
#define PC_PVH_INFO 0x6000ull       /* start_info, module list, memory map */
#define PC_ZERO_PAGE 0x7000ull      /* struct boot_params */
#define PC_BOOT_STACK 0x8ff0ull
#define PC_BOOT_TABLES 0x9000ull    /* PML4, PDPT, 4 page directories: 4 GiB identity */
#define PC_CMDLINE 0x20000ull
#define PC_LOW_RAM_END 0x9fc00ull
#define PC_ACPI_BASE 0xe0000ull     /* RSDP first, so that a scan finds it too */
#define PC_ACPI_SIZE 0x20000ull
#define PC_KERNEL_MIN 0x100000ull
#define PC_RAM_HOLE 0xc0000000ull   /* RAM below, devices up to 4 GiB, the rest of RAM above */
#define PC_HIGH_RAM 0x100000000ull
#define PC_ECAM_BASE 0xe0000000ull
#define PC_PCI_WINDOW 0xe8000000ull
#define PC_PCI_WINDOW_SIZE 0x08000000ull
#define PC_PCI_IO_WINDOW 0xc000      /* beyond all ports of the machine itself; a guest that avoids ISA's aliases has a quarter of it */
#define PC_PCI_IO_WINDOW_SIZE 0x4000
#define PC_GSI_COM1 4
#define PC_GSI_SCI 9
#define PC_COM1 0x3f8

#endif
