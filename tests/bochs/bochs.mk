# SPDX-License-Identifier: Apache-2.0
# VT-x on an emulated Intel machine: Bochs and the shim that gives its firmware ACPI tables.
#   $(B)/bochs/bochs           the emulator: built once from the pinned source, kept in DEPS_CACHE by what it is made of
#   $(B)/bochs/shim.efi        starts the shipped image; the firmware's flags and linker script, no libc, no relocator
BOCHS_OUT := $(B)/bochs
BOCHS := $(BOCHS_OUT)/bochs
BOCHS_SHIM := $(BOCHS_OUT)/shim.efi
FW_CFLAGS_shim = $(FW_CFLAGS) $(FW_CFLAGS_efi) -fno-stack-protector -Wno-unused-function

# BOCHS_PACKAGE=1 takes Debian's binary package: another choice makes it anew.
$(BOCHS_OUT)/choice: FORCE
	@mkdir -p $(@D); printf '%s\n' 'package: $(BOCHS_PACKAGE)' >$@.new; if cmp -s $@.new $@; then rm $@.new; else mv $@.new $@; fi
$(BOCHS): export BOCHS_PACKAGE := $(BOCHS_PACKAGE)
$(BOCHS): $(BOCHS_OUT)/choice deps/lock tools/build/bochs.py tools/build/fetch.py tools/build/archive.py $(wildcard tests/bochs/count/*) $(B)/packages-vmx
	$(Q)python3 tools/build/bochs.py deps/lock $(B)/deps $(BOCHS_OUT)
	@touch $@

$(BOCHS_OUT)/shim.o: tests/bochs/shim.c $(O)/flags tests/bochs/bochs.mk | $(O)/deps/READY
	@mkdir -p $(@D)
	@echo '  CC      $<'
	$(Q)$(FW_CC) $(FW_CFLAGS_shim) -MD -MP -c -o $@ $<
$(BOCHS_OUT)/shim.elf: $(BOCHS_OUT)/shim.o efi/efi.lds $(O)/deps/READY
	@echo '  LD      $@'
	$(Q)$(FW_LD) $(FW_LDFLAGS) -o $@ $< $(FW_DEPS)/lib/libc.a
	$(Q)test -z "$$($(FW_TRIPLET)-readelf -rW $@ | grep R_)" || { echo '$@: holds addresses to relocate'; exit 1; }
$(BOCHS_SHIM): $(BOCHS_OUT)/shim.elf tools/build/pe.py
	@echo '  EFI     $@'
	$(Q)$(FW_OBJCOPY) $(addprefix -j ,.text .reloc .rodata .data .bss) --strip-all --target=$(FW_OBJCOPY_TARGET) --subsystem=10 $< $@
	$(Q)python3 tools/build/pe.py $@
-include $(BOCHS_OUT)/shim.d

TEST_NEEDS += $(if $(filter x86_64,$(ARCH)),$(BOCHS) $(BOCHS_SHIM))
ifeq ($(BACKEND),vmx)
DEMO_NEEDS += $(BOCHS) $(BOCHS_SHIM)
export BACKEND
endif

# The tests on Intel machines alone. They are part of make test as well.
.PHONY: test-vmx
test-vmx: demo $(B)/packages-test $$(DEMO_NEEDS) $$(TEST_NEEDS)
	$(Q)python3 tests/run.py -k '$(or $(T),system/test_vmx)' system
