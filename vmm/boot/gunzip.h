/* SPDX-License-Identifier: Apache-2.0 */
/* A gzip-compressed kernel, read from its start to its end once (RFC 1952). CPU 0. */
#ifndef VMM_BOOT_GUNZIP_H
#define VMM_BOOT_GUNZIP_H
#include "boot.h"

struct gunzip;

/* Does it begin like a gzip file? */
bool gunzip_recognise(const uint8_t head[3]);
/* Some 60 KiB of c->pool, given back by close, which accepts NULL. E_NOMEM with why. */
err_t gunzip_open(struct boot_ctx *c, struct gunzip **out) MUST_CHECK;
void gunzip_close(struct gunzip *z);
/* The next bytes of what was compressed; *got is less than len only at its end, which is after the checksum was found right. E_CORRUPT with why. */
err_t gunzip_read(struct gunzip *z, void *dst, uint32_t len, uint32_t *got) MUST_CHECK;

#endif
