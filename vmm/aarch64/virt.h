/* SPDX-License-Identifier: Apache-2.0 */
/* The aarch64 guest's machine as a whole: vm->machine. Private to vmm/aarch64. */
#ifndef VMM_AARCH64_VIRT_H
#define VMM_AARCH64_VIRT_H
#include <vmm/pl011.h>
#include <vmm/pl031.h>
#include <vmm/pl061.h>
#include <vmm/virtio_console.h>
#include <vmm/virtio_input.h>
#include <vmm/virtio_pci.h>
#include <vmm/virtio_rng.h>
#include <vmm/vm.h>

enum virt_console { VIRT_CONSOLE_UART, VIRT_CONSOLE_VIRTIO };

struct virt {
	struct vm *vm;
	struct pl011 uart;
	struct pl031 rtc;
	struct pl061 gpio;
	struct pci_bus pci;
	struct pci_fn host_bridge;
	struct virtio_console console;
	struct virtio_pci console_pci;
	struct virtio_rng rng;
	struct virtio_pci rng_pci;
	struct virtio_input power_key;
	struct virtio_pci power_key_pci;
	enum virt_console active; /* which console the guest wrote to last: typed bytes go there */
};

#endif
