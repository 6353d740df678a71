# SPDX-License-Identifier: Apache-2.0
# $(O)/recorder.efi: the objects of the shipped image with tests/system/recorder around its decoders of exits. No test boots it; it writes the
# tables of recorded exits in tests/unit anew.
ifeq ($(ARCH),x86_64)
RECORDER_OBJ := $(patsubst %,$(O)/obj/%.o,$(sort $(wildcard tests/system/recorder/*.c)))
-include $(RECORDER_OBJ:.o=.d)

$(O)/recorder.elf: $(FW_OBJ) $(RECORDER_OBJ) $(O)/ksyms0.o efi/efi.lds $(O)/deps/READY
	@echo '  LD      $@'
	$(Q)$(FW_LD) $(FW_LDFLAGS) --wrap=vmx_exit_decode --wrap=svm_exit_decode -o $@ $(FW_OBJ) $(RECORDER_OBJ) $(O)/ksyms0.o $(FW_LDLIBS)
$(O)/recorder.efi: $(O)/recorder.elf tools/build/pe.py
	@echo '  EFI     $@'
	$(Q)$(FW_OBJCOPY) $(addprefix -j ,.text .reloc .rodata .tdata .relro .data .bss .dynamic .rela) --strip-all \
	  --target=$(FW_OBJCOPY_TARGET) --subsystem=10 $< $@
	$(Q)python3 tools/build/pe.py $@
TEST_NEEDS += $(O)/recorder.efi

.PHONY: record-exits
record-exits: demo $(B)/packages-test $$(TEST_NEEDS)
	$(Q)PYTHONPATH=tests python3 tests/system/record_exits.py
endif
