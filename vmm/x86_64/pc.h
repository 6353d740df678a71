/* SPDX-License-Identifier: Apache-2.0 */
/* The guest PC as a whole: vm->machine. Private to vmm/x86_64. */
#ifndef VMM_X86_64_PC_H
#define VMM_X86_64_PC_H
#include <vmm/uart.h>
#include <vmm/virtio_console.h>
#include <vmm/virtio_pci.h>
#include <vmm/virtio_rng.h>
#include <vmm/vm.h>
#include "pc_io.h"

enum pc_console { PC_CONSOLE_UART, PC_CONSOLE_VIRTIO };

struct pc {
	struct vm *vm;
	uint64_t low_ram, high_ram;
	struct vuart com1;
	struct rtc rtc;
	struct pm pm;
	struct pci_bus pci;
	struct pci_fn host_bridge;
	struct virtio_console console;
	struct virtio_pci console_pci;
	struct virtio_rng rng;
	struct virtio_pci rng_pci;
	enum pc_console active; /* which console the guest wrote to last: typed bytes go there */
};

#endif
