/* SPDX-License-Identifier: Apache-2.0 */
/* Bounded string formatting for code that may not use stdio. Pure, any context. */
#ifndef CORE_FMT_H
#define CORE_FMT_H
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

/* fmt_buf formats into dst (size bytes, always NUL-terminated when size > 0) and returns the
 * length the whole text needs, as snprintf does. Conversions: %% %c %s %.*s %d %i %u %x %X %p with
 * flags - 0, width, precision for %s, and lengths hh h l ll z. No floats, no %n. */
size_t fmt_buf(char *dst, size_t size, const char *f, ...) __attribute__((format(printf, 3, 4)));
size_t fmt_vbuf(char *dst, size_t size, const char *f, va_list ap);

#endif
