/* SPDX-License-Identifier: Apache-2.0 */
/* Second-level table entries of no architecture, for tests that need guest memory and no hardware. Host only. */
#ifndef TESTS_UNIT_AARCH64_PLAIN_STAGE2_H
#define TESTS_UNIT_AARCH64_PLAIN_STAGE2_H
#include <vmm/gmem.h>
#include <vmm/stage2.h>

static uint64_t plain_leaf(struct hpa a, unsigned level, unsigned access) { return a.v | (uint64_t)access << 1 | (level ? 1u << 4 : 0) | 1; }
static uint64_t plain_table(struct hpa next) { return next.v | 1; }
static bool plain_present(uint64_t e) { return e & 1; }
static bool plain_is_leaf(uint64_t e, unsigned level) { return level == 0 || (e & 1u << 4); }
static struct hpa plain_addr(uint64_t e) { return HPA(e & ~0xfffull); }
static unsigned plain_access(uint64_t e) { return e & 1 ? e >> 1 & 7 : 0; }
static const struct stage2_format stage2_plain = {
	.name = "plain", .levels = 4, .max_gpa_bits = 44, .leaf = plain_leaf, .table = plain_table, .present = plain_present,
	.is_leaf = plain_is_leaf, .addr = plain_addr, .access = plain_access,
};

#endif
