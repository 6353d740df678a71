/* SPDX-License-Identifier: Apache-2.0 */
/* VMs for the self-test: see guest_vm.c. */
#ifndef TESTS_SYSTEM_SELFTEST_GUEST_VM_H
#define TESTS_SYSTEM_SELFTEST_GUEST_VM_H
#include <stdbool.h>
#include <stdint.h>
#include <vmm/vm.h>

/* Something went wrong that no check can tell: all waiting ends at once. */
extern bool guest_failed;

/* Yields until met, or until that takes too long. */
bool guest_wait(bool (*met)(void));
/* Makes and starts a VM. Its vCPUs do nothing before GUEST_PAGE has an address. */
bool guest_start(const char *name, unsigned vcpus, struct vm **out);
/* A word of a vCPU's mailbox. */
uint32_t guest_mail(struct vm *vm, unsigned index, unsigned word);

#endif
