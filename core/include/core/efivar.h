/* SPDX-License-Identifier: Apache-2.0 */
/* UEFI variables through runtime services (CPU 0, after ExitBootServices). Vendor GUID is Caisson's own. */
#ifndef CORE_EFIVAR_H
#define CORE_EFIVAR_H
#include <core/err.h>
#include <stddef.h>
#include <stdint.h>

/* Reads into dst; *len: capacity in, size out. E_NOENT, E_RANGE (too small), E_UNSUPPORTED, E_IO. */
err_t efivar_get(const char *name, void *dst, size_t *len) MUST_CHECK;
/* Non-volatile, boot+runtime access. len 0 deletes. */
err_t efivar_set(const char *name, const void *src, size_t len) MUST_CHECK;

#endif
