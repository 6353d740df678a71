/* SPDX-License-Identifier: Apache-2.0 */
/* Writing an exit down: see record.h. */
#include "record.h"
#include <core/arith.h>
#include <core/fmt.h>
#include <core/log.h>
#include <core/spinlock.h>
#include <vmm/x86_64/regs.h>

#define KEYS_MAX 160

static struct spinlock lock;
static uint64_t keys[KEYS_MAX];
static unsigned used;
static _Atomic unsigned number;

bool record_first(uint64_t key)
{
	bool first;
	unsigned i = 0;

	spin_lock(&lock);
	while (i < used && keys[i] != key)
		i++;
	first = i == used && used < KEYS_MAX;
	if (first)
		keys[used++] = key;
	spin_unlock(&lock);
	return first;
}

void record_field(struct record_line *l, const char *name, uint64_t value)
{
	if (value)
		l->len += fmt_buf(l->text + l->len, sizeof(l->text) - l->len, ".%s = 0x%llx, ", name, (unsigned long long)value);
}

void record_name(struct record_line *l, const char *name, const char *word)
{
	l->len += fmt_buf(l->text + l->len, sizeof(l->text) - l->len, ".%s = %s, ", name, word);
}

void record_registers(struct record_line *l, const char *prefix, const uint64_t *gpr)
{
	static const struct { const char *name; unsigned reg; } rows[] = {
		{ "rax", REG_RAX }, { "rbx", REG_RBX }, { "rcx", REG_RCX }, { "rdx", REG_RDX }, { "rsi", REG_RSI },
	};

	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		char name[16];

		fmt_buf(name, sizeof(name), "%s%s", prefix, rows[i].name);
		record_field(l, name, gpr[rows[i].reg]);
	}
}

static const char *const kinds[HV_EXIT_KINDS] = {
	"HV_EXIT_HOST", "HV_EXIT_STAGE2", "HV_EXIT_MMIO", "HV_EXIT_PIO", "HV_EXIT_IDLE", "HV_EXIT_PAUSE", "HV_EXIT_CALL", "HV_EXIT_CPUID",
	"HV_EXIT_RDMSR", "HV_EXIT_WRMSR", "HV_EXIT_XSETBV", "HV_EXIT_SYSREG", "HV_EXIT_IRQ_WINDOW", "HV_EXIT_TIMER", "HV_EXIT_SHUTDOWN",
	"HV_EXIT_UNDEFINED", "HV_EXIT_INVALID",
};

void record_exit(struct record_line *l, const struct hv_exit *e)
{
	record_name(l, "kind", kinds[e->kind]);
	switch (e->kind) {
	case HV_EXIT_STAGE2:
		record_field(l, "stage2.addr.v", e->stage2.addr.v);
		record_field(l, "stage2.access", e->stage2.access);
		record_field(l, "stage2.walk", e->stage2.walk);
		record_field(l, "stage2.delivery", e->stage2.delivery);
		record_field(l, "stage2.insn_len", e->stage2.insn_len);
		break;
	case HV_EXIT_PIO:
		record_field(l, "pio.port", e->pio.port);
		record_field(l, "pio.size", e->pio.size);
		record_field(l, "pio.write", e->pio.write);
		record_field(l, "pio.string", e->pio.string);
		record_field(l, "pio.rep", e->pio.rep);
		record_field(l, "pio.value", e->pio.value);
		break;
	case HV_EXIT_CALL:
		record_field(l, "call.nr", e->call.nr);
		for (unsigned i = 0; i < 4; i++) {
			char name[16];

			fmt_buf(name, sizeof(name), "call.args[%u]", i);
			record_field(l, name, e->call.args[i]);
		}
		break;
	case HV_EXIT_CPUID:
		record_field(l, "cpuid.leaf", e->cpuid.leaf);
		record_field(l, "cpuid.subleaf", e->cpuid.subleaf);
		break;
	case HV_EXIT_RDMSR:
	case HV_EXIT_WRMSR:
		record_field(l, "msr.index", e->msr.index);
		record_field(l, "msr.value", e->msr.value);
		break;
	case HV_EXIT_XSETBV:
		record_field(l, "xsetbv.index", e->xsetbv.index);
		record_field(l, "xsetbv.value", e->xsetbv.value);
		break;
	case HV_EXIT_INVALID:
		record_field(l, "invalid.code", e->invalid.code);
		break;
	default:
		break;
	}
}

/* CPUs log at once, so each line carries the exit's number. */
void record_log(const char *backend, const struct record_line *in, const struct record_line *out, const struct record_line *decoded)
{
	const unsigned n = number++;

	log_info("record", "%s %u in %s", backend, n, in->text);
	log_info("record", "%s %u out %s", backend, n, out->text);
	log_info("record", "%s %u decoded %s", backend, n, decoded->text);
}
