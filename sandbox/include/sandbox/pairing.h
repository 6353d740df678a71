/* SPDX-License-Identifier: Apache-2.0 */
/* The one-time pairing code: shown on the console, exchanged for a client certificate. CPU 0. Wrong codes are throttled (one try per
 * second) and counted; five burn the code, and the next one is made ten minutes later or at restart. */
#ifndef SANDBOX_PAIRING_H
#define SANDBOX_PAIRING_H
#include <sandbox/problem.h>
#include <stdint.h>

#define PAIRING_CODE_LEN 9 /* "XXXX-XXXX" */
#define PAIRING_TRIES 5
void pairing_init(void);
/* The code to show, or NULL while it is burnt. */
const char *pairing_code(void);
/* Checks a code in constant time, in any case, with or without the dash. On success the code is used up and a new one made.
 * FORBIDDEN (says how many tries are left), TOO_MANY_REQUESTS. */
err_t pairing_try(const char *code, struct problem *p) MUST_CHECK;
struct pairing_stats { uint64_t paired, wrong, throttled, burnt; };
void pairing_stats(struct pairing_stats *out);

#endif
