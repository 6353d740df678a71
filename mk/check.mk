# SPDX-License-Identifier: Apache-2.0
# Host-side tests: one archive of everything portable plus tests/fake, under AddressSanitizer and UBSan; each
# tests/unit/test_*.c is a program, each tests/fuzz/fuzz_*.c a libFuzzer target.
H := $(B)/host
# Out: the hal's folders, the musl seam, the way in. The monitor's x86 part is arithmetic and tables, and in; assembly is not.
HOST_SRC := $(sort $(shell find $(wildcard core net vmm sandbox) \
  $(foreach a,$(ARCHES),-path 'core/*$(a)' -prune -o -path 'net/*$(a)' -prune -o -path 'sandbox/*$(a)' -prune -o) \
  -path 'vmm/*aarch64' -prune -o -path core/libc -prune -o -name tests -prune -o -name '*.c' -print)) $(sort $(wildcard tests/fake/*.c))
HOST_OBJ := $(HOST_SRC:%=$(H)/obj/%.o) $(GEN_SRC:$(B)/%=$(H)/obj/%.o)
UNIT_BIN := $(patsubst tests/unit/%.c,$(H)/unit/%,$(sort $(wildcard tests/unit/test_*.c)))
FUZZ_BIN := $(patsubst tests/fuzz/%.c,$(H)/fuzz/%,$(sort $(wildcard tests/fuzz/fuzz_*.c)))

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
$(H)/ksyms0.o: $(O)/ksyms0.S
	@mkdir -p $(@D)
	$(Q)$(HOST_CC) -c -o $@ $<
-include $(HOST_OBJ:.o=.d) $(UNIT_BIN:$(H)/unit/%=$(H)/obj/tests/unit/%.c.d) $(FUZZ_BIN:$(H)/fuzz/%=$(H)/obj/tests/fuzz/%.c.d)

$(H)/sources: FORCE
	@mkdir -p $(@D); printf '%s\n' $(HOST_OBJ) >$@.new; if cmp -s $@.new $@; then rm $@.new; else mv $@.new $@; fi
$(H)/libcaisson.a: $(HOST_OBJ) $(H)/ksyms0.o $(H)/sources
	@echo '  AR      $@'
	@rm -f $@; ar rcD $@ $(filter %.o,$^)

HOST_LINK = $(Q)mkdir -p $(@D) && $(HOST_CC) $(1) -o $@ $< -Wl,--start-group $(H)/libcaisson.a $(HOST_LIBFILES) -Wl,--end-group
$(H)/unit/%: $(H)/obj/tests/unit/%.c.o $(H)/libcaisson.a $(H)/deps/READY
	@echo '  LINK    $@'
	$(call HOST_LINK,$(HOST_SANITIZE))
$(H)/fuzz/%: $(H)/obj/tests/fuzz/%.c.o $(H)/libcaisson.a $(H)/deps/READY
	@echo '  LINK    $@'
	$(call HOST_LINK,$(HOST_SANITIZE) -fsanitize=fuzzer)

RUN_TESTS := STYLE_CFLAGS='-std=gnu11 -Wall -Wextra -Werror -Wno-unused-function $(HOST_INCLUDES) $(FW_EFI_INCLUDES)' python3 tests/run.py $(if $(T),-k '$(T)')

# With T only the programs that it names; a pattern with stars is left to the runner.
chosen = $(if $(findstring *,$(T)),$(1),$(if $(T),$(foreach b,$(1),$(if $(findstring $(T),$(b)),$(b))),$(1)))

.PHONY: check test fuzz bench
check: $(call chosen,$(UNIT_BIN)) $(H)/deps/READY $(GEN)/embed.h
	$(Q)$(RUN_TESTS) style unit

test: demo $(call chosen,$(UNIT_BIN) $(FUZZ_BIN)) $(B)/packages-test $$(DEMO_NEEDS) $$(TEST_NEEDS)
	$(Q)$(RUN_TESTS) style unit fuzz guest system

# One target without end (Ctrl-C stops it); what it finds is kept in build/fuzz/NAME.
fuzz: $(if $(T),$(H)/fuzz/fuzz_$(T),$(FUZZ_BIN))
ifeq ($(T),)
	@echo 'make fuzz T=name, where name is one of: $(FUZZ_BIN:$(H)/fuzz/fuzz_%=%)'
else
	@mkdir -p $(B)/fuzz/$(T)
	$< -artifact_prefix=$(B)/fuzz/$(T)- $(B)/fuzz/$(T) $(wildcard tests/fuzz/corpus/$(T))
endif

bench: demo $(B)/packages-test $$(DEMO_NEEDS)
	$(Q)set -e; for b in $(sort $(wildcard tests/bench/*.py)); do echo "== $$b"; PYTHONPATH=tests python3 $$b; done
