# SPDX-License-Identifier: Apache-2.0
# Caisson: `make help` says what there is. Sources are found by wildcard; rules live in mk/, what differs between
# architectures in mk/$(ARCH).mk. Everything that is made goes to build/.
ARCHES := x86_64 aarch64
# ARCH= limits it to one. Without it the first is meant where there can be one only (run, image), and the others are built too.
ALSO := $(if $(ARCH),,$(wordlist 2,9,$(ARCHES)))
ARCH ?= $(firstword $(ARCHES))
B := build
O := $(B)/$(ARCH)
V ?= 0
Q := $(if $(filter 0,$(V)),@)
SHELL := /bin/bash
.SHELLFLAGS := -eo pipefail -c
.DELETE_ON_ERROR:
.SUFFIXES:
.SECONDARY:
MAKEFLAGS += -rR
ifeq ($(MAKELEVEL)$(filter -j%,$(MAKEFLAGS)),0)
MAKEFLAGS += -j$(shell nproc)
endif
VERSION := $(file <VERSION)

.PHONY: all
all:

include mk/$(ARCH).mk
include mk/flags.mk
include mk/deps.mk
include mk/gen.mk
include mk/firmware.mk
include mk/tool.mk

all: $(O)/caisson.efi $(B)/caisson $(ALSO:%=also-%)
# Another architecture, by a make of its own, once what all share is there. AS says what of it.
AS := firmware
.PHONY: firmware testable $(ALSO:%=also-%)
$(ALSO:%=also-%): also-%: $(B)/deps/.fetched $(GEN_SRC) $(B)/caisson
	+$(Q)$(MAKE) --no-print-directory ARCH=$* $(AS)
firmware: $(O)/caisson.efi
.SECONDEXPANSION:
include mk/check.mk
include mk/run.mk

.PHONY: licenses clean distclean help compile_commands.json
# For editors: asks make what it would run, with the libraries taken as they are.
compile_commands.json: $(O)/deps/READY $(B)/tool/deps/READY $(H)/deps/READY
	$(Q)$(MAKE) --no-print-directory -nB V=1 -j1 $(addprefix -o ,$^ $(B)/deps/.fetched) $(FW_OBJ) $(TOOL_OBJ) $(UNIT_BIN) \
	  $(FUZZ_BIN) $(GUEST_ELF) $(SELF_OBJ) $(BOCHS_SHIM) $(RECORDER_OBJ) $(BENCH_OBJ) | python3 tools/build/compdb.py $@

# Everything whose code or data is linked into the firmware or the command line.
all: licenses
licenses: $(B)/LICENSES.txt
$(B)/LICENSES.txt: deps/lock LICENSE tools/build/licenses.py $(B)/deps/.fetched
	$(Q)python3 tools/build/licenses.py deps/lock $(SRCDIR) $@ musl lwip mbedtls hacl yyjson libyaml dtc zlib spleen
	@echo '  LICENSES $@'

clean:
	rm -rf $(ARCHES:%=$(B)/%) $(B)/tool $(H) $(B)/gen $(B)/caisson $(B)/LICENSES.txt compile_commands.json
distclean:
	rm -rf $(B) compile_commands.json

help:
	@printf '%s\n' \
	 'make              $(ARCHES:%=build/%/caisson.efi) and build/caisson; with ARCH=... that firmware alone' \
	 'make run          boot it in QEMU with the demo guest; Ctrl-C ends it' \
	 '                  BACKEND=vmx: on an Intel CPU, by KVM where it nests, else in Bochs' \
	 'make start, stop  the same in the background, with build/caisson paired to it' \
	 'make check        unit tests with sanitizers, style checks (fast)' \
	 'make test         everything: check, fuzz targets for seconds, guest and system tests; with ARCH=... those of one architecture' \
	 '                  T=pattern runs the programs whose name contains it, for example T=unit/test_fmt' \
	 'make test-vmx     the tests on an emulated Intel machine alone (Bochs; fetched and built once)' \
	 'make fuzz T=name  one fuzz target without end' \
	 'make bench        Caisson beside Linux + KVM, counted in instructions; M=name takes one metric' \
	 'make bench-check  the exits against what was accepted: what grew, and where; make bench-accept takes it in' \
	 'make guest-kernel   Linux for guests, small, from source: built once, 5 to 10 minutes' \
	 'make image        a disk image for a USB stick' \
	 'make licenses     build/LICENSES.txt, the terms of what is linked in (a part of make)' \
	 'make compile_commands.json   for editors and clang tools' \
	 'make clean        what was built; make distclean takes what was fetched too' \
	 '' \
	 'V=1 shows commands. ARCH=$(ARCH). DEPS_CACHE (~/.cache/caisson) keeps downloads between checkouts.'
