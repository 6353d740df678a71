# SPDX-License-Identifier: Apache-2.0
# $(B)/caisson, the command line: a static program that runs on any x86_64 Linux, whatever its libc.
TOOL_SRC := $(sort $(wildcard tools/caisson/*.c))
TOOL_OBJ := $(TOOL_SRC:%.c=$(B)/tool/obj/%.o)
TOOL_DEPS := $(B)/tool/deps
TOOL_GCCINC = $(eval TOOL_GCCINC := $(shell $(TOOL_CC) -print-file-name=include))$(TOOL_GCCINC)
TOOL_CFLAGS = -std=gnu11 $(TOOL_CODEGEN) $(WARN) $(REPRO) -nostdinc -isystem $(TOOL_DEPS)/include \
  -isystem $(TOOL_GCCINC) -D_GNU_SOURCE -DCAISSON_VERSION='"$(VERSION)"'

$(B)/tool/flags: FORCE | $(B)/packages-build
	@mkdir -p $(@D); printf '%s\n' '$(subst ','\'',$(TOOL_CFLAGS))' $(TOOL_OBJ) >$@.new; \
	if cmp -s $@.new $@; then rm $@.new; else mv $@.new $@; fi
$(B)/tool/obj/%.o: %.c $(B)/tool/flags | $(TOOL_DEPS)/READY
	@mkdir -p $(@D)
	@echo '  CC      $<'
	$(Q)$(TOOL_CC) $(TOOL_CFLAGS) -MD -MP -c -o $@ $<
-include $(TOOL_OBJ:.o=.d)

# The one with symbols is for debugging; the shipped one goes without.
$(B)/caisson: $(B)/tool/caisson.elf
	$(Q)$(TOOL_TRIPLET)-strip -o $@ $<
$(B)/tool/caisson.elf: $(TOOL_OBJ) $(B)/tool/flags $(TOOL_DEPS)/READY
	@echo '  LD      $@'
	$(Q)$(TOOL_CC) -static-pie -nostdlib -Wl,--gc-sections,--build-id=none,-z,relro,-z,now,-z,noexecstack -o $@ \
	  $(TOOL_DEPS)/lib/rcrt1.o $(TOOL_DEPS)/lib/crti.o $(TOOL_OBJ) \
	  -Wl,--start-group $(TOOL_LIBS:%=$(TOOL_DEPS)/lib/lib%.a) $(TOOL_DEPS)/lib/libc.a -lgcc -Wl,--end-group $(TOOL_DEPS)/lib/crtn.o
