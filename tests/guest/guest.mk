# SPDX-License-Identifier: Apache-2.0
# Guest tests: each tests/guest/x86_64/*.c is a freestanding program, linked with lib/ to build/guest-tests/NAME.elf.
GUEST_SRC := tests/guest/$(ARCH)
GUEST_OUT := $(B)/guest-tests
GUEST_CFLAGS := -std=gnu11 -O2 -g -ffreestanding -fno-pie -static -mno-red-zone -mgeneral-regs-only -fno-stack-protector -fcf-protection=none \
  -fno-asynchronous-unwind-tables -fno-strict-aliasing -fno-builtin -fno-tree-loop-distribute-patterns $(WARN) $(REPRO) -I$(GUEST_SRC)
GUEST_LIB := $(patsubst $(GUEST_SRC)/%,$(GUEST_OUT)/obj/%.o,$(sort $(wildcard $(GUEST_SRC)/lib/*.c $(GUEST_SRC)/lib/*.S)))
GUEST_ELF := $(patsubst $(GUEST_SRC)/%.c,$(GUEST_OUT)/%.elf,$(sort $(wildcard $(GUEST_SRC)/*.c)))

$(GUEST_OUT)/obj/%.o: $(GUEST_SRC)/% tests/guest/guest.mk | $(B)/packages-build
	@mkdir -p $(@D)
	$(Q)$(FW_CC) $(GUEST_CFLAGS) -MD -MP -c -o $@ $<
$(GUEST_OUT)/%.elf: $(GUEST_OUT)/obj/%.c.o $(GUEST_LIB) $(GUEST_SRC)/guest.lds
	@echo '  GUEST   $@'
	$(Q)$(FW_LD) -static -nostdlib --build-id=none -z noexecstack --no-warn-rwx-segments -T $(GUEST_SRC)/guest.lds -o $@ $(filter %.o,$^)
-include $(GUEST_LIB:.o=.d) $(GUEST_ELF:$(GUEST_OUT)/%.elf=$(GUEST_OUT)/obj/%.c.d)

.PHONY: guest-tests
guest-tests: $(GUEST_ELF)
TEST_NEEDS += $(GUEST_ELF)
