# SPDX-License-Identifier: Apache-2.0
# The demo guest's initramfs: busybox, a shell on the console, the power button.
DEMO_INITRD := $(GUEST)/demo-initrd
DEMO_NEEDS += $(DEMO_INITRD)
DEMO_MODULES_x86_64 := kernel/drivers/input/evdev.ko kernel/drivers/acpi/button.ko kernel/drivers/char/hw_random/virtio-rng.ko
DEMO_MODULES_aarch64 := kernel/drivers/input/evdev.ko kernel/drivers/virtio/virtio_input.ko kernel/drivers/char/hw_random/virtio-rng.ko
$(DEMO_INITRD): tools/run/initramfs.py tools/run/demo.mk tools/run/demo-init.sh $(GUEST)/.ready $(B)/packages-run
	@echo '  INITRD  $@'
	$(Q)python3 tools/run/initramfs.py $(GUEST) $@ tools/run/demo-init.sh $(DEMO_MODULES_$(ARCH))
