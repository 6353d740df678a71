/* SPDX-License-Identifier: Apache-2.0 */
/* The table behind ksyms_lookup, made by tools/build/ksyms.py in the second link. Const; any context. */
#ifndef CORE_KSYM_BLOB_H
#define CORE_KSYM_BLOB_H
#include <stdint.h>

/* Sorted by offset. A function reaches to the next entry's offset; the last entry is the end of the code, named "". */
struct ksym_entry {
	uint32_t offset; /* of the function's first byte from image_base */
	uint32_t name;   /* index of a NUL-terminated name in ksym_names */
};

extern const uint32_t ksym_count; /* 0 when no table was embedded */
extern const struct ksym_entry ksym_table[];
extern const char ksym_names[];

#endif
