# SPDX-License-Identifier: Apache-2.0
# $(O)/selftest.efi: core, the monitor and the way in of the shipped image under another composition root, tests/system/selftest.
SELF_SRC := $(sort $(wildcard $(foreach d,. $(ARCH),tests/system/selftest/$(d)/*.c tests/system/selftest/$(d)/*.S)))
SELF_OBJ := $(filter $(O)/obj/efi/boot/% $(O)/obj/efi/start.c.o $(O)/obj/core/% $(O)/obj/vmm/% $(O)/obj/gen/font%,$(FW_OBJ)) $(SELF_SRC:%=$(O)/obj/%.o)
FW_CFLAGS_tests := -I. -Itests/system/selftest/$(ARCH)
-include $(SELF_SRC:%=$(O)/obj/%.d)

SELF_LINK_OBJ := $(call fw_joined,$(SELF_OBJ))
$(O)/selftest.elf: $(SELF_LINK_OBJ) $(O)/ksyms0.o efi/efi.lds $(O)/deps/READY
	@echo '  LD      $@'
	$(Q)$(FW_LD) $(FW_LDFLAGS) -o $@ $(SELF_LINK_OBJ) $(O)/ksyms0.o $(FW_LDLIBS)
$(O)/selftest.efi: $(O)/selftest.elf tools/build/pe.py
	@echo '  EFI     $@'
	$(Q)$(FW_OBJCOPY) $(addprefix -j ,.text .reloc .rodata .tdata .relro .data .bss .dynamic .rela) --strip-all \
	  --target=$(FW_OBJCOPY_TARGET) --subsystem=10 $< $@
	$(Q)python3 tools/build/pe.py $@
TEST_NEEDS += $(O)/selftest.efi
