# SPDX-License-Identifier: Apache-2.0
# $(O)/caisson.efi. Every .c and .S under efi core net vmm sandbox is part of it, except folders of another architecture
# and folders called tests: a new file needs no line here.
FW_DIRS := $(wildcard efi core net vmm sandbox)
FW_NOT := $(foreach a,$(filter-out $(ARCH),$(ARCHES)),-path '*/$(a)' -prune -o) -name tests -prune -o
FW_SRC := $(sort $(shell find $(FW_DIRS) $(FW_NOT) \( -name '*.c' -o -name '*.S' \) -print))
FW_OBJ := $(FW_SRC:%=$(O)/obj/%.o) $(GEN_SRC:$(B)/%=$(O)/obj/%.o)

FW_DEPS := $(O)/deps
# Asked once, and not before the compiler is installed.
FW_GCCINC = $(eval FW_GCCINC := $(shell $(FW_CC) -print-file-name=include))$(FW_GCCINC)
INCLUDES := -Icore/include -Inet/include -Ivmm/include -Isandbox/include -I$(GEN)
FW_CFLAGS = -std=gnu11 $(FW_CODEGEN) $(WARN) $(REPRO) -nostdinc -isystem $(FW_DEPS)/include -isystem $(FW_GCCINC) $(INCLUDES) \
  -DCAISSON_VERSION='"$(VERSION)"'
# By top folder: core and the monitor run while a guest's FPU state is loaded, and are optimised as one, since an exit goes through a dozen
# of their files (fat: each object can be linked by itself as well); efi sees the UEFI headers.
FW_LTO := -flto -ffat-lto-objects
FW_CFLAGS_core := $(FW_GENERAL_CFLAGS) $(FW_LTO)
FW_CFLAGS_vmm := $(FW_GENERAL_CFLAGS) $(FW_LTO)
FW_CFLAGS_efi := $(FW_GENERAL_CFLAGS) $(FW_EFI_CFLAGS)
FW_CFLAGS_gen := $(FW_GENERAL_CFLAGS)
fw_cflags = $(FW_CFLAGS) $(FW_CFLAGS_$(firstword $(subst /, ,$(1))))

$(O)/flags: FORCE | $(B)/packages-build
	@mkdir -p $(@D); printf '%s\n' '$(subst ','\'',$(FW_CFLAGS) $(FW_CFLAGS_core) / $(FW_CFLAGS_efi))' >$@.new; \
	if cmp -s $@.new $@; then rm $@.new; else mv $@.new $@; fi
.PHONY: FORCE
FORCE:

define FW_COMPILE
	@mkdir -p $(@D)
	@echo '  CC      $<'
	$(Q)$(FW_CC) $(call fw_cflags,$*) -MD -MP -c -o $@ $<
endef
$(O)/obj/%.c.o: %.c $(O)/flags | $(O)/deps/READY $(GEN_SRC)
	$(FW_COMPILE)
$(O)/obj/%.S.o: %.S $(O)/flags | $(O)/deps/READY
	$(FW_COMPILE)
$(O)/obj/gen/%.c.o: $(GEN)/%.c $(O)/flags | $(O)/deps/READY
	@mkdir -p $(@D)
	$(Q)$(FW_CC) $(call fw_cflags,gen) -MD -MP -c -o $@ $<
$(O)/ksyms%.o: $(O)/ksyms%.S
	$(Q)$(FW_CC) $(FW_ARCH_CFLAGS) -c -o $@ $<
-include $(patsubst %.o,%.d,$(filter %.o,$(FW_OBJ)))

# A source that went away must not stay linked.
$(O)/sources: FORCE
	@mkdir -p $(@D); printf '%s\n' $(FW_OBJ) >$@.new; if cmp -s $@.new $@; then rm $@.new; else mv $@.new $@; fi

# ---- core and the monitor as one object
FW_ONE_OBJ := $(filter $(O)/obj/core/%.c.o $(O)/obj/vmm/%.c.o,$(FW_OBJ))
$(O)/core+vmm.o: $(FW_ONE_OBJ) $(O)/sources
	@echo '  LTO     $@'
	$(Q)$(FW_CC) $(FW_CODEGEN) $(WARN) $(FW_GENERAL_CFLAGS) $(REPRO) -flto=auto -r -nostdlib -flinker-output=nolto-rel -o $@ $(FW_ONE_OBJ)
# The objects of a link of which $(1) are all.
fw_joined = $(filter-out $(FW_ONE_OBJ),$(1)) $(O)/core+vmm.o
FW_LINK_OBJ := $(call fw_joined,$(FW_OBJ))

# ---- two links: the second carries the names of the first
FW_LDFLAGS := -pie --no-dynamic-linker -z norelro -z text -z noexecstack -z max-page-size=4096 --build-id=none --no-undefined \
  --gc-sections -Bsymbolic --fatal-warnings -T efi/efi.lds
# All names, without what optimising as one appended to them.
fw_names = $(FW_NM) -n $@ | sed 's/\.lto_priv\.[0-9]*//g'
FW_LDLIBS = --start-group $(FW_LIBS:%=$(FW_DEPS)/lib/lib%.a) $(FW_DEPS)/lib/libc.a $(shell $(FW_CC) -print-libgcc-file-name) --end-group

$(O)/ksyms0.S: tools/build/ksyms.py | $(B)/packages-build
	@mkdir -p $(@D)
	$(Q)python3 tools/build/ksyms.py empty $@
$(O)/stage1.elf: $(FW_LINK_OBJ) $(O)/ksyms0.o $(O)/sources efi/efi.lds $(O)/deps/READY
	@echo '  LD      $@'
	$(Q)$(FW_LD) $(FW_LDFLAGS) -o $@ $(FW_LINK_OBJ) $(O)/ksyms0.o $(FW_LDLIBS)
	$(Q)$(fw_names) >$@.nm
$(O)/ksyms1.S: $(O)/stage1.elf tools/build/ksyms.py
	$(Q)python3 tools/build/ksyms.py table $<.nm $@
$(O)/caisson.elf: $(O)/stage1.elf $(O)/ksyms1.o
	@echo '  LD      $@'
	$(Q)$(FW_LD) $(FW_LDFLAGS) -Map=$(O)/caisson.map -o $@ $(FW_LINK_OBJ) $(O)/ksyms1.o $(FW_LDLIBS)
	$(Q)$(fw_names) >$@.nm && python3 tools/build/ksyms.py same $(O)/stage1.elf.nm $@.nm
$(O)/caisson.efi: $(O)/caisson.elf tools/build/pe.py
	@echo '  EFI     $@'
	$(Q)$(FW_OBJCOPY) $(addprefix -j ,.text .reloc .rodata .tdata .relro .data .bss .dynamic .rela) --strip-all \
	  --target=$(FW_OBJCOPY_TARGET) --subsystem=10 $< $@
	$(Q)python3 tools/build/pe.py $@
