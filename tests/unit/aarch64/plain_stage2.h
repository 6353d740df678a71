/* SPDX-License-Identifier: Apache-2.0 */
/* Second-level table entries of no architecture, for tests that need guest memory and no hardware. Host only. */
#ifndef TESTS_UNIT_AARCH64_PLAIN_STAGE2_H
#define TESTS_UNIT_AARCH64_PLAIN_STAGE2_H
#include <vmm/gmem.h>
#include <vmm/stage2.h>

static uint64_t plain_leaf(struct hpa a, unsigned level, unsigned access) { return a.v | (uint64_t)access << 1 | (level ? 1u << 4 : 0) | 1; }
static uint64_t plain_table(struct hpa next) { return next.v | 1; }
static unsigned plain_access(uint64_t e) { return e & 1 ? e >> 1 & 7 : 0; }
static const struct stage2_format stage2_plain = {
	.name = "plain", .levels = 4, .max_gpa_bits = 44, .leaf = plain_leaf, .table = plain_table, .present = 1,
	.large = 1u << 4, .large_is = 1u << 4, .addr = ~0xfffull, .access = plain_access,
};

#endif
