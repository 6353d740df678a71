# SPDX-License-Identifier: Apache-2.0
# Guest tests: each tests/guest/$(ARCH)/*.c and tests/guest/common/*.c is a freestanding program, linked with lib/ and $(ARCH)/lib/ to
# build/guest-tests/$(ARCH)/NAME.elf.
GUEST_SRC := tests/guest
GUEST_OUT := $(B)/guest-tests/$(ARCH)
GUEST_CFLAGS_x86_64 := -mno-red-zone -fcf-protection=none
# Atomics by LDXR and STXR, which every core has; accesses that a device would refuse are written as such.
GUEST_CFLAGS_aarch64 := -march=armv8-a -mno-outline-atomics -mstrict-align
GUEST_CFLAGS := -std=gnu11 -O2 -g -ffreestanding -fno-pie -static -mgeneral-regs-only -fno-stack-protector -fno-asynchronous-unwind-tables \
  -fno-strict-aliasing -fno-builtin -fno-tree-loop-distribute-patterns $(GUEST_CFLAGS_$(ARCH)) $(WARN) $(REPRO) -I$(GUEST_SRC)/$(ARCH) -I$(GUEST_SRC)
GUEST_OBJ = $(patsubst $(GUEST_SRC)/%,$(GUEST_OUT)/obj/%.o,$(sort $(wildcard $(1))))
GUEST_LIB := $(call GUEST_OBJ,$(GUEST_SRC)/lib/*.c $(GUEST_SRC)/$(ARCH)/lib/*.c $(GUEST_SRC)/$(ARCH)/lib/*.S)
GUEST_MAIN := $(call GUEST_OBJ,$(GUEST_SRC)/$(ARCH)/*.c $(GUEST_SRC)/common/*.c)
GUEST_ELF := $(patsubst %.c.o,$(GUEST_OUT)/%.elf,$(notdir $(GUEST_MAIN)))

$(GUEST_OUT)/obj/%.o: $(GUEST_SRC)/% tests/guest/guest.mk | $(B)/packages-build
	@mkdir -p $(@D)
	$(Q)$(FW_CC) $(GUEST_CFLAGS) -MD -MP -c -o $@ $<
define guest_program
$(patsubst %.c.o,$(GUEST_OUT)/%.elf,$(notdir $(1))): $(1) $(GUEST_LIB) $(GUEST_SRC)/$(ARCH)/guest.lds
	@echo '  GUEST   $$@'
	$$(Q)$$(FW_LD) -static -nostdlib --build-id=none -z noexecstack --no-warn-rwx-segments -T $(GUEST_SRC)/$(ARCH)/guest.lds -o $$@ $$(filter %.o,$$^)
endef
$(foreach o,$(GUEST_MAIN),$(eval $(call guest_program,$(o))))
-include $(GUEST_LIB:.o=.d) $(GUEST_MAIN:.o=.d)

.PHONY: guest-tests
guest-tests: $(GUEST_ELF)
TEST_NEEDS += $(GUEST_ELF)
