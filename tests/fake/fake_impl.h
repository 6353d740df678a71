/* SPDX-License-Identifier: Apache-2.0 */
/* Between the files of tests/fake. */
#ifndef TESTS_FAKE_FAKE_IMPL_H
#define TESTS_FAKE_FAKE_IMPL_H
#include "fake.h"

extern unsigned fake_ncpus;
/* Reserves address space for the regions and makes RAM of them. */
void fake_ram_map(const struct boot_region *regions, unsigned n);
/* Base and size of a stack made by hal_stack_alloc. */
void fake_stack_bounds(const void *top, void **base, size_t *size);

#endif
