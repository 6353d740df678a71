# SPDX-License-Identifier: Apache-2.0
# What is particular to firmware for x86_64. Another architecture is another file like this one.
FW_TRIPLET := x86_64-linux-gnu
FW_ARCH_CFLAGS := -mno-red-zone -mstack-protector-guard=global
# Code that runs while a guest's FPU state is loaded keeps to the general registers.
FW_GENERAL_CFLAGS := -mgeneral-regs-only
FW_EFI_INCLUDES := -isystem /usr/include/efi -isystem /usr/include/efi/x86_64 -DGNU_EFI_USE_MS_ABI
FW_EFI_CFLAGS := $(FW_EFI_INCLUDES) -maccumulate-outgoing-args
FW_OBJCOPY_TARGET := efi-app-x86_64
# Members of libc.a that would run a system call or switch stacks by themselves: the link must miss them, not use them.
# The stack protector's guard belongs to core as well: it is set once, before any protected frame that returns.
FW_LIBC_DROP := clone.o syscall_cp.o __unmapself.o vfork.o restore.o __set_thread_area.o __stack_chk_fail.o
# AES and carry-less multiplication are chosen at run time by CPUID; only these files may use what they imply.
FW_AES_CFLAGS := -maes -mpclmul
# For what runs only with AES-NI: each CPU that has it has PSHUFB too, by which GHASH turns the bytes of a block around. Without, that is most of its work.
FW_AESNI_CFLAGS := -mssse3
# HACL* carries by ADC and SBB, which each CPU has.
HACL_CFLAGS := -DHACL_CAN_COMPILE_INTRINSICS
FW_VECTOR_REGISTER := %xmm
FW_RAW_SYSCALL := syscall|sysenter|int \+\$$0x80
