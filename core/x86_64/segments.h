/* SPDX-License-Identifier: Apache-2.0 */
/* GDT, TSS and IDT of a CPU. Within core/x86_64 only. */
#ifndef CORE_X86_64_SEGMENTS_H
#define CORE_X86_64_SEGMENTS_H
#include "percpu.h"

#define SEG_CODE 0x08
#define SEG_DATA 0x10
#define SEG_TSS 0x18

enum { IST_NMI = 1, IST_DF = 2, IST_MC = 3 };

/* Boot CPU, once: fills the IDT that all CPUs share. */
void segments_build_idt(void);
/* Loads GDT, segment registers, GS base, TSS and IDT on the calling CPU; the IST entries are still empty. */
void segments_load(struct percpu *p);
/* Gives the CPU its three fault stacks; the TSS may be live. */
err_t segments_alloc_stacks(struct percpu *p) MUST_CHECK;
void segments_free_stacks(struct percpu *p);

#endif
