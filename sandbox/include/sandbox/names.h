/* SPDX-License-Identifier: Apache-2.0 */
/* What the node's server certificate is valid for, and that it stays valid: it follows the addresses and the clock. CPU 0. */
#ifndef SANDBOX_NAMES_H
#define SANDBOX_NAMES_H
#include <core/err.h>

#define NAMES_MAX 12
/* The node's name, loopback (a forwarded port), and the addresses that reach further than the cable. Texts stay valid until the next call. */
unsigned names_collect(const char *list[NAMES_MAX]);
/* Starts the task that keeps the certificate of node.identity in step, for as long as the node runs. E_NOMEM. */
err_t names_start(void) MUST_CHECK;
/* The addresses or the clock have changed. Also before names_start. */
void names_changed(void);

#endif
