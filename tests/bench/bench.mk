# SPDX-License-Identifier: Apache-2.0
# What the bench runs beside the firmware: QEMU's plugin, the guest of the exit costs, and on Linux's side the monitor and what it boots.
BENCH := $(B)/bench
BENCH_ARCH := $(BENCH)/$(ARCH)
BENCH_PLUGIN := $(BENCH)/plugin.so
BENCH_EXITS := $(BENCH_ARCH)/exits.elf
BENCH_CFLAGS := -std=gnu11 -O2 -g $(WARN) -Itests/bench/guest -Itests/bench/guest/$(ARCH) -Itests/bench/kvm
BENCH_NEEDS := $(BENCH_PLUGIN) $(BENCH_EXITS) $(BENCH_ARCH)/monitor $(BENCH_ARCH)/host-init
# An Intel machine, Linux guests and a web server beside the host: on x86_64.
ifeq ($(ARCH),x86_64)
BENCH_INTEL := $(BOCHS) $(BOCHS_SHIM)
BENCH_NEEDS += $(BENCH_INTEL) $(BENCH_ARCH)/ipi.elf $(BENCH_ARCH)/guest-initrd $(BENCH)/halt.elf $(BENCH)/nginx/nginx $(O)/guest-kernel/version
endif

# The plugin is this machine's own; the programs for Linux are the architecture's.
BENCH_CC := $(if $(filter $(ARCH),$(HOST_ARCH)),gcc,$(FW_CC))
BENCH_PLUGIN_OBJ := $(patsubst %.c,$(BENCH)/obj/%.o,$(wildcard tests/bench/plugin/*.c))
BENCH_LINUX_OBJ := $(patsubst %.c,$(BENCH_ARCH)/obj/%.o,$(wildcard $(addprefix tests/bench/,kvm/*.c kvm/$(ARCH)/*.c host/*.c guest/init.c)))
BENCH_GUEST_OBJ := $(patsubst %.c,$(BENCH_ARCH)/obj/%.o,tests/bench/guest/exits.c tests/bench/guest/$(ARCH)/cases.c)
BENCH_IPI_OBJ := $(patsubst %.c,$(BENCH_ARCH)/obj/%.o,$(wildcard tests/bench/guest/$(ARCH)/ipi.c))
BENCH_OBJ := $(BENCH_PLUGIN_OBJ) $(BENCH_LINUX_OBJ) $(BENCH_GUEST_OBJ) $(BENCH_IPI_OBJ)
-include $(BENCH_OBJ:.o=.d)
$(BENCH_PLUGIN_OBJ): $(BENCH)/obj/%.o: %.c tests/bench/bench.mk | $(B)/packages-build
	@mkdir -p $(@D)
	@echo '  CC      $<'
	$(Q)gcc $(BENCH_CFLAGS) -fPIC -fvisibility=hidden -MD -MP -c -o $@ $<
$(BENCH_PLUGIN): $(BENCH_PLUGIN_OBJ)
	@echo '  PLUGIN  $@'
	$(Q)gcc -shared -o $@ $^
$(BENCH_LINUX_OBJ): $(BENCH_ARCH)/obj/%.o: %.c tests/bench/bench.mk | $(B)/packages-bench
	@mkdir -p $(@D)
	@echo '  CC      $<'
	$(Q)$(BENCH_CC) $(BENCH_CFLAGS) -MD -MP -c -o $@ $<
$(BENCH_GUEST_OBJ) $(BENCH_IPI_OBJ): $(BENCH_ARCH)/obj/%.o: %.c tests/bench/bench.mk | $(B)/packages-build
	@mkdir -p $(@D)
	$(Q)$(FW_CC) $(GUEST_CFLAGS) -Itests/bench/guest -Itests/bench/guest/$(ARCH) -MD -MP -c -o $@ $<
$(BENCH_EXITS): $(BENCH_GUEST_OBJ)
$(BENCH_ARCH)/ipi.elf: $(BENCH_IPI_OBJ)
$(BENCH_EXITS) $(BENCH_ARCH)/ipi.elf: $(GUEST_LIB) $(GUEST_SRC)/$(ARCH)/guest.lds
	@echo '  GUEST   $@'
	$(Q)$(FW_LD) -static -nostdlib --build-id=none -z noexecstack --no-warn-rwx-segments -T $(GUEST_SRC)/$(ARCH)/guest.lds -o $@ $(filter %.o,$^)
$(BENCH_ARCH)/monitor: $(filter $(BENCH_ARCH)/obj/tests/bench/kvm/%,$(BENCH_LINUX_OBJ))
$(BENCH_ARCH)/host-init: $(BENCH_ARCH)/obj/tests/bench/host/init.o
$(BENCH_ARCH)/guest-init: $(BENCH_ARCH)/obj/tests/bench/guest/init.o
$(BENCH_ARCH)/monitor $(BENCH_ARCH)/host-init $(BENCH_ARCH)/guest-init:
	@echo '  LINK    $@'
	$(Q)$(BENCH_CC) -static -o $@ $^
$(BENCH_ARCH)/guest-initrd: $(BENCH_ARCH)/guest-init tools/run/initramfs.py tests/bench/guest_initrd.py
	$(Q)python3 tests/bench/guest_initrd.py $< $@
$(BENCH)/halt.elf: tests/bench/halt_guest.py tests/system/lib/tiny.py tests/bench/counted.py tests/bench/guest/mark.h
	@mkdir -p $(@D)
	$(Q)PYTHONPATH=tests/system/lib python3 $< $@
$(BENCH)/nginx/nginx: tools/build/bench_nginx.py tools/build/guest.py tools/build/archive.py $(B)/packages-bench
	$(Q)python3 tools/build/bench_nginx.py $(@D)
	@touch $@

# Both sides, all metrics; M=name takes one.
.PHONY: bench bench-check bench-accept
bench: demo $(B)/packages-test $$(DEMO_NEEDS) $(BENCH_NEEDS)
	$(Q)python3 tests/bench/bench.py $(M)
# Caisson's exits alone against tests/bench/expected-ARCH.json (M=name: what each function costs in it), and that file made anew.
bench-check bench-accept: demo $(BENCH_PLUGIN) $(BENCH_EXITS) $(BENCH_INTEL)
	$(Q)python3 tests/bench/check.py $(if $(filter bench-accept,$@),accept,$(if $(M),show $(M)))
TEST_NEEDS += $(BENCH_PLUGIN) $(BENCH_EXITS)

# Linux for guests, and so for the launch metrics.
GUEST_KERNEL := $(O)/guest-kernel/version
.PHONY: guest-kernel
guest-kernel: $(GUEST_KERNEL)
$(GUEST_KERNEL): tools/build/guest_kernel.py tools/build/archive.py deps/lock $(wildcard deps/linux/*.config) $(B)/packages-bench
	$(Q)python3 tools/build/guest_kernel.py $(ARCH) deps/lock $(B)/deps $(@D)
