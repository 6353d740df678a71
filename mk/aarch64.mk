# SPDX-License-Identifier: Apache-2.0
# What is particular to firmware for aarch64, built by Debian's cross compiler. Armv8.0 is the base: what a core has beyond it is used by
# asking the ID registers.
FW_TRIPLET := aarch64-linux-gnu
# Atomics inline, not by libgcc's functions, which ask a C library for the CPU's features.
FW_ARCH_CFLAGS := -mno-outline-atomics -mstack-protector-guard=global
# Code that runs while a guest's FP and SIMD registers are loaded keeps to the general ones. Device memory allows no unaligned access
# (DDI0487 B2.10.2), and with the MMU off all memory is of that kind.
FW_GENERAL_CFLAGS := -mgeneral-regs-only -mstrict-align
# The package for arm64 cannot be installed beside this machine's own: fetched and unpacked.
FW_EFI_INCLUDES = $(addprefix -isystem $(SRCDIR)/gnu-efi-arm64/usr/include/,efi efi/aarch64)
FW_EFI_CFLAGS = $(FW_EFI_INCLUDES)
FW_OBJCOPY_TARGET := efi-app-aarch64
FW_LIBC_DROP := clone.o syscall_cp.o __unmapself.o vfork.o restore.o __stack_chk_fail.o
# musl's assembly for this one uses SIMD registers; its C twin takes its place.
FW_LIBC_WITHOUT := %/string/aarch64/memset.S
FW_VECTOR_REGISTER := [[:space:],{]([qdvsbh][0-9]{1,2})([,}.]|\[|$$$$)
FW_RAW_SYSCALL := svc[[:space:]].*
# mbedTLS raises the target for its own intrinsics, and runs them when AT_HWCAP says so (core/libc/start.c).
FW_AES_CFLAGS :=
FW_AESNI_CFLAGS :=
HACL_CFLAGS :=
