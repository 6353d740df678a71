/* SPDX-License-Identifier: Apache-2.0 */
/* Wall clock: UTC from UEFI at boot, corrected by SNTP. CPU 0 sets, any CPU reads. */
#ifndef CORE_CLOCK_H
#define CORE_CLOCK_H
#include <stdbool.h>
#include <stdint.h>

enum clock_source { CLOCK_NONE, CLOCK_UEFI, CLOCK_SNTP };
void clock_set_utc(int64_t utc_ns, enum clock_source s); /* ns since 1970 at the moment of the call */
int64_t clock_utc_ns(void);
enum clock_source clock_source(void);
/* RFC 3339 with milliseconds, "2026-01-01T00:00:00.000Z"; dst has 25 bytes. */
void clock_rfc3339(int64_t utc_ns, char dst[25]);

#endif
