# SPDX-License-Identifier: Apache-2.0
# Caisson: `make help` says what there is. Sources are found by wildcard; rules live in mk/, what differs between
# architectures in mk/$(ARCH).mk. Everything that is made goes to build/.
ARCH ?= x86_64
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
ifeq ($(filter -j%,$(MAKEFLAGS)),)
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

all: $(O)/caisson.efi $(B)/caisson
