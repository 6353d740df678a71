# SPDX-License-Identifier: Apache-2.0
# Builds the third-party libraries of one flavour into $(OUT)/{include,lib}. Called by mk/deps.mk with
#   OUT, SRC (unpacked sources), CC, AR, LIB_CFLAGS, LIBS (libraries wanted), MUSL (firmware, plain or empty: the host's libc)
# and for musl: TRIPLET, MUSL_DROP, MUSL_WITHOUT, MUSL_STRING_CFLAGS, RAW_SYSCALL, VECTOR_REGISTER. Headers and libraries land where the
# project compiles against them: one include folder, our configuration in it under the names that the libraries look for.
.DELETE_ON_ERROR:
.SUFFIXES:
$(if $(filter 1,$(V)),,.SILENT:)
MAKEFLAGS += -rR
ARCH ?= x86_64
include mk/$(ARCH).mk

INC := $(OUT)/include
HACL := $(SRC)/hacl/nss/lib/freebl/verified
GCCINC := $(shell $(CC) -print-file-name=include)
ifneq ($(MUSL),)
SYSINC := -nostdinc -isystem $(INC) -isystem $(GCCINC)
else
SYSINC := -isystem $(INC)
endif
AES_CFLAGS = $(FW_AES_CFLAGS) -O3
CFLAGS := -std=gnu11 $(LIB_CFLAGS) -ffile-prefix-map=$(CURDIR)=. -MMD -MP -w $(SYSINC)

all: $(LIBS:%=$(OUT)/lib/lib%.a) $(if $(MUSL),$(OUT)/lib/libc.a)

# A change of flags rebuilds; the file changes only when they do.
$(OUT)/flags: FORCE
	@mkdir -p $(@D); printf '%s\n' '$(subst $(CURDIR),.,$(CC) $(CFLAGS) $(AES_CFLAGS) $(FW_AESNI_CFLAGS) $(MUSL) $(MUSL_DROP) $(MUSL_WITHOUT) $(MUSL_STRING_CFLAGS) $(HACL_CFLAGS))' >$@.new; \
	if cmp -s $@.new $@; then rm $@.new; else mv $@.new $@; fi
FORCE:

# ---- headers
$(OUT)/headers: $(SRC)/mbedtls/.stamp $(SRC)/hacl/.stamp $(SRC)/lwip/.stamp $(SRC)/yyjson/.stamp $(SRC)/libyaml/.stamp $(SRC)/dtc/.stamp $(SRC)/zlib/.stamp
	mkdir -p $(INC)/arch
	cp -R $(SRC)/mbedtls/include/mbedtls $(SRC)/mbedtls/include/psa $(SRC)/mbedtls/3rdparty/everest/include/everest $(SRC)/lwip/src/include/lwip $(SRC)/lwip/src/include/netif $(INC)/
	cp $(SRC)/yyjson/src/yyjson.h $(SRC)/libyaml/include/yaml.h $(addprefix $(SRC)/dtc/libfdt/,fdt.h libfdt.h libfdt_env.h) $(addprefix $(SRC)/zlib/,zlib.h zconf.h) $(INC)/
	rm -f $(INC)/mbedtls/mbedtls_config.h
	touch $@
$(INC)/mbedtls/mbedtls_config.h: deps/mbedtls_config.h $(OUT)/headers
	cp $< $@
$(INC)/lwipopts.h: deps/lwip/lwipopts.h $(OUT)/headers
	cp $< $@
$(INC)/arch/cc.h: deps/lwip/arch/cc.h $(OUT)/headers
	cp $< $@
READY_HEADERS := $(INC)/mbedtls/mbedtls_config.h $(INC)/lwipopts.h $(INC)/arch/cc.h $(if $(MUSL),$(OUT)/lib/libc.a)

# ---- musl
ifneq ($(MUSL),)
MUSL_OBJ := $(OUT)/obj/musl
MUSL_CFLAGS := $(LIB_CFLAGS) -ffile-prefix-map=$(CURDIR)=.
ifeq ($(MUSL),firmware)
# -iquote: our headers of the same names come before those that musl finds by -I.
MUSL_CPPFLAGS := -iquote $(CURDIR)/deps/musl
endif
$(OUT)/lib/libc.a: $(SRC)/musl/.stamp $(wildcard deps/musl/*.h) $(OUT)/flags
	@echo "  MUSL    $@"
	rm -rf $(MUSL_OBJ); mkdir -p $(MUSL_OBJ) $(OUT)/lib
	cd $(MUSL_OBJ) && env -u MAKEFLAGS -u MFLAGS CC="$(CC)" AR="$(AR)" RANLIB="$(AR) s" CPPFLAGS="$(MUSL_CPPFLAGS)" CFLAGS="$(MUSL_CFLAGS)" \
	  $(abspath $(SRC))/musl/configure --srcdir=$(shell realpath -ms --relative-to=$(MUSL_OBJ) $(SRC)/musl) --target=$(TRIPLET) \
	  --prefix=$(abspath $(OUT)) --disable-shared --disable-wrapper --disable-optimize >configure.log 2>&1 || { tail -5 configure.log; false; }
	printf '%s\n' 'AOBJS = $$(LIBC_OBJS)' 'ARCH_SRCS := $$(filter-out $(MUSL_WITHOUT),$$(sort $$(wildcard $$(ARCH_GLOBS))))' \
	  'obj/src/string/%.o: CFLAGS_ALL += $(MUSL_STRING_CFLAGS)' >>$(MUSL_OBJ)/config.mak
	+cd $(MUSL_OBJ) && $(MAKE) --no-print-directory AR="$(AR)" RANLIB="$(AR) s" install-headers install-libs >make.log 2>&1 || { tail -5 make.log; false; }
ifeq ($(MUSL),firmware)
	for o in $(MUSL_DROP) $(MUSL_DROP); do $(AR) d $@ $$o 2>/dev/null || :; done
	@if $(TRIPLET)-objdump -d $@ | grep -E '\s($(RAW_SYSCALL))\s*$$'; then echo '$@: a system call instruction is left'; rm $@; false; fi
	@if $(TRIPLET)-objdump -d $(MUSL_OBJ)/obj/src/string/*.o | grep -qE '$(VECTOR_REGISTER)'; then echo '$@: a string function uses vector registers'; rm $@; false; fi
endif
endif

# ---- the others: sources by wildcard, since this file runs after they have been fetched
mbedtls_SRC := $(wildcard $(SRC)/mbedtls/library/*.c) $(addprefix $(SRC)/mbedtls/3rdparty/everest/library/,everest.c x25519.c Hacl_Curve25519_joined.c) \
  deps/mbedtls/ec_driver.c $(HACL)/Hacl_P256.c
mbedtls_CFLAGS = -I$(SRC)/mbedtls/library $(EVEREST_CFLAGS)
EVEREST_CFLAGS := $(addprefix -I$(SRC)/mbedtls/3rdparty/everest/include,/ /everest /everest/kremlib)
# P-256 by HACL*, which our driver puts behind PSA. Its headers have the names of everest's, so that each is built with its own.
$(OUT)/obj/mbedtls/Hacl_P256.o: EVEREST_CFLAGS := $(addprefix -I$(HACL),/ /internal /karamel/include /karamel/krmllib/dist/minimal) $(HACL_CFLAGS) -DHACL_CAN_COMPILE_UINT128
$(OUT)/obj/mbedtls/ec_driver.o: CFLAGS := $(filter-out -w,$(CFLAGS)) -Wall -Wextra -Werror
lwip_SRC := $(wildcard $(addprefix $(SRC)/lwip/src/,core/*.c core/ipv4/*.c core/ipv6/*.c)) $(addprefix $(SRC)/lwip/src/,netif/ethernet.c apps/sntp/sntp.c)
yyjson_SRC := $(SRC)/yyjson/src/yyjson.c
yaml_SRC := $(wildcard $(SRC)/libyaml/src/*.c)
# Without overlays: they parse text. The monitor and the machine layer call it, so the firmware's keeps to their registers.
fdt_SRC := $(addprefix $(SRC)/dtc/libfdt/,fdt.c fdt_check.c fdt_ro.c fdt_rw.c fdt_sw.c fdt_wip.c fdt_strerror.c fdt_addresses.c)
fdt_CFLAGS := $(if $(filter firmware,$(MUSL)),$(MUSL_STRING_CFLAGS))
yaml_CFLAGS := -DYAML_VERSION_MAJOR=0 -DYAML_VERSION_MINOR=2 -DYAML_VERSION_PATCH=5 -DYAML_VERSION_STRING='"0.2.5"' -DYAML_DECLARE_STATIC
# Of zlib nothing but inflate, which gets its memory from the caller.
inflate_SRC := $(addprefix $(SRC)/zlib/,inflate.c inftrees.c inffast.c adler32.c crc32.c zutil.c)
inflate_CFLAGS := $(if $(filter firmware,$(MUSL)),$(MUSL_STRING_CFLAGS)) -DZ_SOLO

# The files that hold AES intrinsics; whether they run is decided by asking the CPU. Each byte that goes over TLS passes through them.
$(addprefix $(OUT)/obj/mbedtls/,aes.o aesni.o gcm.o): EXTRA = $(AES_CFLAGS)
$(OUT)/obj/mbedtls/aesni.o: EXTRA = $(AES_CFLAGS) $(FW_AESNI_CFLAGS)

define LIB_RULES
$(1)_OBJ := $$(patsubst %.c,$(OUT)/obj/$(1)/%.o,$$(notdir $$($(1)_SRC)))
$(OUT)/lib/lib$(1).a: $$($(1)_OBJ)
	@mkdir -p $$(@D); rm -f $$@
	@echo '  AR      $$@'
	@$(AR) rcD $$@ $$^
$$($(1)_OBJ): $(OUT)/flags $(READY_HEADERS)
$$(foreach s,$$($(1)_SRC),$$(eval $(OUT)/obj/$(1)/$$(notdir $$(s:.c=.o)): $$(s)))
$(OUT)/obj/$(1)/%.o:
	@mkdir -p $$(@D)
	@echo '  CC      $(1)/$$*.c'
	@$$(CC) $$(CFLAGS) $$($(1)_CFLAGS) $$(EXTRA) -c -o $$@ $$(firstword $$(filter %.c,$$^))
-include $$($(1)_OBJ:.o=.d)
endef
$(foreach l,$(LIBS),$(eval $(call LIB_RULES,$(l))))
