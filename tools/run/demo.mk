# SPDX-License-Identifier: Apache-2.0
# The demo guest's initramfs: busybox, a shell on the console, the power button.
DEMO_INITRD := $(B)/guest/demo-initrd
DEMO_NEEDS += $(DEMO_INITRD)
DEMO_MODULES := kernel/drivers/input/evdev.ko kernel/drivers/acpi/button.ko kernel/drivers/char/hw_random/virtio-rng.ko
$(DEMO_INITRD): tools/run/initramfs.py tools/run/demo-init.sh $(B)/guest/.ready $(B)/packages-run
	@echo '  INITRD  $@'
	$(Q)python3 tools/run/initramfs.py $@ tools/run/demo-init.sh $(DEMO_MODULES)
