# SPDX-License-Identifier: Apache-2.0
# Third-party code: fetched by deps/lock into build/deps, built in three flavours.
#   $(O)/deps         firmware: musl with system calls as a C function
#   $(B)/tool/deps    the command line: plain musl, static
#   $(B)/host/deps    unit tests: the machine's libc, clang with AddressSanitizer
SRCDIR := $(B)/deps/src
FETCH := python3 tools/build/fetch.py
FW_LIBS := lwip mbedtls yyjson yaml fdt inflate
TOOL_LIBS := mbedtls yyjson
HOST_LIBS := lwip mbedtls yyjson yaml fdt inflate

$(B)/deps/.fetched: deps/lock tools/build/fetch.py tools/build/archive.py $(B)/packages-build
	$(FETCH) deps/lock $(B)/deps musl lwip mbedtls hacl yyjson libyaml dtc zlib spleen gnu-efi-arm64
	@touch $@

# What the libraries of each flavour are made of; the sub-make decides what is out of date inside.
LIB_INPUTS := $(B)/deps/.fetched mk/libs.mk mk/deps.mk $(wildcard deps/*.h deps/*/*.[ch] deps/*/*/*.h)
LIB_MAKE = $(MAKE) --no-print-directory -f mk/libs.mk SRC=$(SRCDIR) OUT=$(@D)

$(O)/deps/READY: $(LIB_INPUTS) mk/$(ARCH).mk
	+$(Q)$(LIB_MAKE) ARCH=$(ARCH) CC='$(FW_CC)' AR='$(FW_AR)' LIB_CFLAGS='$(FW_LIB_CFLAGS)' LIBS='$(FW_LIBS)' MUSL=firmware TRIPLET=$(FW_TRIPLET) \
	  MUSL_DROP='$(FW_LIBC_DROP)' MUSL_WITHOUT='$(FW_LIBC_WITHOUT)' VECTOR_REGISTER='$(FW_VECTOR_REGISTER)' MUSL_STRING_CFLAGS='$(FW_GENERAL_CFLAGS)' RAW_SYSCALL='$(FW_RAW_SYSCALL)'
	@touch $@
$(B)/tool/deps/READY: $(LIB_INPUTS)
	+$(Q)$(LIB_MAKE) ARCH=$(TOOL_ARCH) CC='$(TOOL_CC)' AR='$(TOOL_AR)' LIB_CFLAGS='$(TOOL_LIB_CFLAGS)' LIBS='$(TOOL_LIBS)' MUSL=plain TRIPLET=$(TOOL_TRIPLET)
	@touch $@
$(B)/host/deps/READY: $(LIB_INPUTS) $(B)/packages-check
	+$(Q)$(LIB_MAKE) ARCH=$(HOST_ARCH) CC='$(HOST_CC)' AR=ar LIB_CFLAGS='$(HOST_LIB_CFLAGS)' LIBS='$(HOST_LIBS)'
	@touch $@

# One stamp per group of Debian packages (deps/packages). The lock keeps two groups from using apt at once.
NEED_PYTHON := command -v python3 >/dev/null || { test "$$(id -u)" = 0 && apt-get -qq update && \
  DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends python3 >/dev/null; } || \
  { echo 'python3 is missing: apt-get install python3'; exit 1; }
$(B)/packages-%: deps/packages tools/build/packages.py
	@mkdir -p $(@D)
	$(Q)exec 9>$(B)/.packages.lock; flock 9; $(NEED_PYTHON); python3 tools/build/packages.py deps/packages $*
	@touch $@
