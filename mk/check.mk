# SPDX-License-Identifier: Apache-2.0
# Host-side tests: one archive of everything portable plus tests/fake, under AddressSanitizer and UBSan; each
# tests/unit/test_*.c is a program, each tests/fuzz/fuzz_*.c a libFuzzer target.
H := $(B)/host
# Out: the hal's folders and what they share, the musl seam, the way in. The monitor's part of an architecture is arithmetic and tables, and in, in an archive
# for each, since both define the same names; assembly is not, nor the files of instructions that only that architecture has (hw_*.c).
HOST_PRUNE := $(foreach a,$(ARCHES),-path '*/$(a)' -prune -o) -path core/libc -prune -o -path core/machine -prune -o -name tests -prune -o
HOST_SRC := $(sort $(shell find $(wildcard core net vmm sandbox) $(HOST_PRUNE) -name '*.c' -print)) $(sort $(wildcard tests/fake/*.c))
host_arch_src = $(sort $(shell find $(wildcard vmm/$(1) vmm/boot/$(1) tests/fake/$(1)) -name 'hw_*.c' -o -name '*.c' -print))
HOST_OBJ := $(HOST_SRC:%=$(H)/obj/%.o) $(GEN_SRC:$(B)/%=$(H)/obj/%.o)
$(foreach a,$(ARCHES),$(eval HOST_OBJ_$(a) := $(HOST_OBJ) $(patsubst %,$(H)/obj/%.o,$(call host_arch_src,$(a)))))
# Programs of a folder named after an architecture are linked with that one's archive, all others with x86_64's.
UNIT_BIN := $(patsubst tests/unit/%.c,$(H)/unit/%,$(sort $(wildcard tests/unit/test_*.c $(ARCHES:%=tests/unit/%/test_*.c))))
FUZZ_BIN := $(patsubst tests/fuzz/%.c,$(H)/fuzz/%,$(sort $(wildcard tests/fuzz/fuzz_*.c $(ARCHES:%=tests/fuzz/%/fuzz_*.c))))
host_arch = $(firstword $(foreach a,$(ARCHES),$(if $(findstring /$(a)/,$(1)),$(a))) x86_64)
host_archive = $(H)/libcaisson-$(call host_arch,$(1)).a

HOST_INCLUDES := $(INCLUDES) -Itests -I. -isystem $(H)/deps/include
HOST_CFLAGS := -std=gnu11 $(HOST_CODEGEN) $(HOST_SANITIZE) -fsanitize=fuzzer-no-link $(WARN) $(REPRO) $(HOST_INCLUDES) -DCAISSON_VERSION='"$(VERSION)"'
HOST_LIBFILES := $(HOST_LIBS:%=$(H)/deps/lib/lib%.a)

$(H)/flags: FORCE | $(B)/packages-check
	@mkdir -p $(@D); printf '%s\n' '$(subst ','\'',$(HOST_CFLAGS))' >$@.new; \
	if cmp -s $@.new $@; then rm $@.new; else mv $@.new $@; fi
define HOST_COMPILE
	@mkdir -p $(@D)
	@echo '  HOSTCC  $<'
	$(Q)$(HOST_CC) $(HOST_CFLAGS) -MD -MP -c -o $@ $<
endef
$(H)/obj/%.c.o: %.c $(H)/flags | $(H)/deps/READY $(GEN_SRC)
	$(HOST_COMPILE)
$(H)/obj/gen/%.c.o: $(GEN)/%.c $(H)/flags | $(H)/deps/READY
	$(HOST_COMPILE)
# The way in, by the UEFI headers.
$(H)/obj/tests/unit/test_boot_exit.c.o: HOST_CFLAGS += $(FW_EFI_INCLUDES)
$(H)/ksyms0.o: $(O)/ksyms0.S
	@mkdir -p $(@D)
	$(Q)$(HOST_CC) -c -o $@ $<
-include $(sort $(foreach a,$(ARCHES),$(HOST_OBJ_$(a):.o=.d))) $(UNIT_BIN:$(H)/unit/%=$(H)/obj/tests/unit/%.c.d) $(FUZZ_BIN:$(H)/fuzz/%=$(H)/obj/tests/fuzz/%.c.d)

define HOST_ARCHIVE
$(H)/sources-$(1): FORCE
	@mkdir -p $$(@D); printf '%s\n' $$(HOST_OBJ_$(1)) >$$@.new; if cmp -s $$@.new $$@; then rm $$@.new; else mv $$@.new $$@; fi
$(H)/libcaisson-$(1).a: $$(HOST_OBJ_$(1)) $(H)/ksyms0.o $(H)/sources-$(1)
	@echo '  AR      $$@'
	@rm -f $$@; ar rcD $$@ $$(filter %.o,$$^)
endef
$(foreach a,$(ARCHES),$(eval $(call HOST_ARCHIVE,$(a))))

HOST_LINK = $(Q)mkdir -p $(@D) && $(HOST_CC) $(1) -o $@ $< -Wl,--start-group $(filter $(H)/libcaisson-%.a,$^) $(HOST_LIBFILES) -Wl,--end-group
$(H)/unit/%: $(H)/obj/tests/unit/%.c.o $$(call host_archive,$$@) $(H)/deps/READY
	@echo '  LINK    $@'
	$(call HOST_LINK,$(HOST_SANITIZE))
$(H)/fuzz/%: $(H)/obj/tests/fuzz/%.c.o $$(call host_archive,$$@) $(H)/deps/READY
	@echo '  LINK    $@'
	$(call HOST_LINK,$(HOST_SANITIZE) -fsanitize=fuzzer)

RUN_TESTS := STYLE_CFLAGS='-std=gnu11 -Wall -Wextra -Werror -Wno-unused-function $(HOST_INCLUDES) $(FW_EFI_INCLUDES) $(addprefix -Itests/,bench/kvm bench/guest bench/guest/$(ARCH) guest/$(ARCH))' python3 tests/run.py $(if $(ALSO),,-a $(ARCH)) $(if $(T),-k '$(T)')

# With T only the programs that it names; a pattern with stars is left to the runner.
chosen = $(if $(findstring *,$(T)),$(1),$(if $(T),$(foreach b,$(1),$(if $(findstring $(T),$(b)),$(b))),$(1)))

.PHONY: check test fuzz
check: $(call chosen,$(UNIT_BIN)) $(H)/deps/READY $(GEN)/embed.h
	$(Q)$(RUN_TESTS) style unit

test: AS := testable
test: demo licenses $(ALSO:%=also-%) $(call chosen,$(UNIT_BIN) $(FUZZ_BIN)) $(B)/packages-test $$(DEMO_NEEDS) $$(TEST_NEEDS)
	$(Q)$(RUN_TESTS) style unit fuzz guest system

# One target without end (Ctrl-C stops it); what it finds is kept in build/fuzz/NAME.
fuzz: $(if $(T),$(filter %/fuzz_$(T),$(FUZZ_BIN)),$(FUZZ_BIN))
ifeq ($(T),)
	@echo 'make fuzz T=name, where name is one of: $(patsubst fuzz_%,%,$(notdir $(FUZZ_BIN)))'
else
	@mkdir -p $(B)/fuzz/$(T)
	$< -artifact_prefix=$(B)/fuzz/$(T)- $(B)/fuzz/$(T) $(wildcard tests/fuzz/corpus/$(T))
endif
