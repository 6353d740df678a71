/* SPDX-License-Identifier: Apache-2.0 */
/* Address to function name, from the table that the build embeds. Any context, also panic. */
#ifndef CORE_KSYMS_H
#define CORE_KSYMS_H
#include <stddef.h>
#include <stdint.h>

/* Name of the function that holds the address (static storage) and the offset into it; NULL when unknown. */
const char *ksyms_lookup(uintptr_t addr, size_t *offset);

#endif
