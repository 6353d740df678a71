# SPDX-License-Identifier: Apache-2.0
# Compilers and flags of the three worlds: firmware (freestanding over musl), tool (static Linux program), host (unit tests).
WARN := -Wall -Wextra -Werror -Wvla -Wstrict-prototypes
REPRO := -ffile-prefix-map=$(CURDIR)=.

# ---- firmware. Hosted mode on purpose: -ffreestanding would turn off builtins and slow the cryptography several times.
FW_CC := $(FW_TRIPLET)-gcc
FW_LD := $(FW_TRIPLET)-ld
FW_AR := $(FW_TRIPLET)-ar
FW_NM := $(FW_TRIPLET)-nm
FW_OBJCOPY := $(FW_TRIPLET)-objcopy
# Frame pointers are for the panic's backtrace.
FW_CODEGEN := -O2 -g -fPIE -fvisibility=hidden -fno-common -ffunction-sections -fdata-sections -fno-asynchronous-unwind-tables \
  -fno-omit-frame-pointer -fstack-protector-strong -ftrivial-auto-var-init=zero $(FW_ARCH_CFLAGS)
# musl keeps its own start-up code free of the protector; the rest of the libraries get what our code gets.
FW_LIB_CFLAGS := $(FW_CODEGEN)

# ---- the command line
TOOL_ARCH := x86_64
TOOL_TRIPLET := $(TOOL_ARCH)-linux-gnu
TOOL_CC := $(TOOL_TRIPLET)-gcc
TOOL_AR := $(TOOL_TRIPLET)-ar
TOOL_CODEGEN := -O2 -g -fPIE -fno-common -ffunction-sections -fdata-sections -fno-asynchronous-unwind-tables -fstack-protector-strong
TOOL_LIB_CFLAGS := $(TOOL_CODEGEN)

# ---- the host: coverage instrumentation is on everywhere, so that one archive serves unit tests and fuzz targets
HOST_ARCH := $(shell uname -m)
HOST_CC := clang
HOST_SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=all
HOST_CODEGEN := -g -O1 -fno-omit-frame-pointer -fno-common
HOST_LIB_CFLAGS := $(HOST_CODEGEN) -fsanitize=address
