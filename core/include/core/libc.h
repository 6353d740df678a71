/* SPDX-License-Identifier: Apache-2.0 */
/* The C library of the management plane (net, sandbox and the libraries): musl over the system calls of core/libc.
 * Stateful libc works on CPU 0 alone; a call from another CPU panics. */
#ifndef CORE_LIBC_H
#define CORE_LIBC_H
#include <core/page.h>

/* Everything that malloc holds is charged here. */
extern struct pool libc_pool;

/* CPU 0, after page_init, hal_init and rng_init: sets up libc (thread pointer, TZ=UTC) and goes on with next(),
 * which never returns. */
_Noreturn void libc_start(void (*next)(void));

#endif
