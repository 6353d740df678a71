/* SPDX-License-Identifier: Apache-2.0 */
/* Do two exits tell the same? Of the members that a decoder fills in; the text of an invalid one is for people. */
#ifndef TESTS_UNIT_EXIT_ALIKE_H
#define TESTS_UNIT_EXIT_ALIKE_H
#include <string.h>
#include <vmm/hv.h>

static inline bool exit_alike(const struct hv_exit *a, const struct hv_exit *b)
{
	if (a->kind != b->kind)
		return false;
	switch (a->kind) {
	case HV_EXIT_STAGE2:
		return a->stage2.addr.v == b->stage2.addr.v && a->stage2.access == b->stage2.access && a->stage2.walk == b->stage2.walk &&
		       a->stage2.delivery == b->stage2.delivery && a->stage2.insn_len == b->stage2.insn_len;
	case HV_EXIT_PIO:
		return a->pio.port == b->pio.port && a->pio.size == b->pio.size && a->pio.write == b->pio.write && a->pio.string == b->pio.string &&
		       a->pio.rep == b->pio.rep && a->pio.value == b->pio.value;
	case HV_EXIT_CALL:
		return a->call.nr == b->call.nr && !memcmp(a->call.args, b->call.args, sizeof(a->call.args));
	case HV_EXIT_CPUID:
		return a->cpuid.leaf == b->cpuid.leaf && a->cpuid.subleaf == b->cpuid.subleaf;
	case HV_EXIT_RDMSR:
	case HV_EXIT_WRMSR:
		return a->msr.index == b->msr.index && a->msr.value == b->msr.value;
	case HV_EXIT_XSETBV:
		return a->xsetbv.index == b->xsetbv.index && a->xsetbv.value == b->xsetbv.value;
	case HV_EXIT_INVALID:
		return a->invalid.code == b->invalid.code && a->invalid.text && *a->invalid.text;
	default:
		return true;
	}
}

#endif
