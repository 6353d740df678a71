/* SPDX-License-Identifier: Apache-2.0 */
/* See fake_svm.c. */
#ifndef TESTS_FAKE_SVM_H
#define TESTS_FAKE_SVM_H
#include "../../vmm/x86_64/svm.h"

/* Plays the guest: changes the VMCB as the CPU would until the next exit. RAX and RSP are in the VMCB. */
extern void (*fake_svm_run)(struct vmcb *b, uint64_t *gpr);

#endif
