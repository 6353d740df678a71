/* SPDX-License-Identifier: Apache-2.0 */
/* States that a CPU refuses to enter (SDM 3C 27.3.1, APM 2 15.5.1), in a machine: while a paused guest's registers are made illegal through
 * hv_ops, which no API can, another guest runs on. The first one alone ends, with the rule that was broken as its reason. CPU 0's task. */
#include <core/arith.h>
#include <core/fmt.h>
#include <core/hal.h>
#include <core/log.h>
#include <string.h>
#include <vmm/hv.h>
#include <vmm/x86_64/regs.h>
#include "../guest_tlb.h"
#include "../guest_vm.h"
#include "../machine.h"
#include "../selftest.h"
#include "core/x86_64/insn.h"
#include "guest_place.h"

#define SOUND_VCPUS 2
#define PAGE_AT 0x800000     /* of the guest's memory, which its loop uses */
#define BEATS 200
#define DUMP_LINES 10        /* a dump has more */

static void spoil_dr7(struct arch_regs *r) { r->dr7 |= 1ull << 32; }
static void spoil_tr(struct arch_regs *r) { r->seg[SEG_TR].attr = 0x089; /* available, not busy */ }
static void spoil_pat(struct arch_regs *r) { r->pat = 2; }
static void spoil_rip(struct arch_regs *r) { r->rip = 1ull << 32; }
static void spoil_efer(struct arch_regs *r) { r->efer |= 2; }

/* On AMD the one that QEMU's TCG checks when all is loaded: other refusals leave the host's registers in the VMCB there, or the old value. */
static const struct spoilt { const char *backend; void (*spoil)(struct arch_regs *r); const char *says; } rows[] = {
	{ "vmx", spoil_dr7, "DR7 (upper half) is 0x1" }, { "vmx", spoil_tr, "TR: type" }, { "vmx", spoil_pat, "PAT (reserved type) is 0x2" },
	{ "vmx", spoil_rip, "RIP" }, { "vmx", spoil_efer, "EFER (reserved bits) is 0x2" },
	{ "svm", spoil_efer, "EFER (reserved bits) is 0x1002" },
};

static struct vm *sound, *broken;

static bool is_paused(void) { return vm_state(broken) == VM_PAUSED; }
static bool is_over(void) { return vm_state(broken) == VM_STOPPED || vm_state(broken) == VM_CRASHED; }
static bool sound_over(void) { return vm_state(sound) == VM_STOPPED || vm_state(sound) == VM_CRASHED; }

static uint32_t from[SOUND_VCPUS];
static bool sound_beats(void)
{
	return guest_mail(sound, 0, MAIL_BEATS) - from[0] > BEATS && guest_mail(sound, 1, MAIL_BEATS) - from[1] > BEATS;
}
static bool broken_beats(void) { return guest_mail(broken, 0, MAIL_BEATS) > BEATS; }

static bool beat_on(void)
{
	for (unsigned i = 0; i < SOUND_VCPUS; i++)
		from[i] = guest_mail(sound, i, MAIL_BEATS);
	return guest_wait(sound_beats);
}

static bool started(const char *name, unsigned vcpus, struct vm **vm)
{
	return guest_start(name, vcpus, vm) && gmem_store32((*vm)->mem, GPA(GUEST_PAGE), PAGE_AT) == OK;
}

/* Lines in the log that name the VM and the rule, and those of the dump behind them. */
static bool dumped(uint64_t since, const char *says)
{
	char line[LOG_LINE_MAX + 1];
	unsigned told = 0, behind = 0;

	for (uint64_t i = since; i < log_next_seq(); i++) {
		if (!log_read(i, line))
			continue;
		behind += told && strstr(line, hv_current->name) != NULL;
		told += strstr(line, "broken: vcpu 0 on CPU") && strstr(line, says);
	}
	return told == 1 && behind > DUMP_LINES;
}

/* A guest that has run, is spoilt while it is paused, and goes on. */
static bool refused(const struct spoilt *row)
{
	const uint64_t since = log_next_seq();
	struct arch_regs r;
	bool good;

	if (!started("broken", 1, &broken) || !guest_wait(broken_beats) || vm_pause(broken) != OK || !guest_wait(is_paused))
		return false;
	hv_current->vcpu_get_regs(&broken->vcpus[0], &r);
	row->spoil(&r);
	hv_current->vcpu_set_regs(&broken->vcpus[0], &r);
	good = vm_resume(broken) == OK && guest_wait(is_over) && vm_state(broken) == VM_CRASHED && strstr(broken->reason, row->says) && dumped(since, row->says);
	if (!good)
		log_error("selftest", "state %s, reason: %s", vm_state_name(vm_state(broken)), broken->reason);
	return vm_destroy(broken) == OK && good && vm_state(sound) == VM_RUNNING && beat_on();
}

static unsigned wanted;

static bool guard(void)
{
	wanted++;
	insn_write_cr0(insn_read_cr0() & ~X86_CR0_TS);
	return true;
}

/* Before the monitor puts its own in place. */
static void checks_fp_guard(void)
{
	uint32_t mxcsr = 0x1f80;

	hal_fp_guard(guard);
	insn_write_cr0(insn_read_cr0() | X86_CR0_TS);
	__asm__ volatile("ldmxcsr %0\n\tstmxcsr %0" : "+m"(mxcsr));
	check(wanted == 1 && mxcsr == 0x1f80 && !(insn_read_cr0() & X86_CR0_TS), "vector registers that are switched off come back when they are wanted");
}

static void checks_entry(void)
{
	checks_fp_guard();
	hv_init();
	check(hv_current, "guests can run");
	if (!hv_current)
		return;
	check(started("sound", SOUND_VCPUS, &sound) && beat_on(), "a guest on both CPUs");
	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		char name[120];

		if (strcmp(rows[i].backend, hv_current->name) != 0)
			continue;
		fmt_buf(name, sizeof(name), "refused, explained and dumped, and the other guest runs on: %s", rows[i].says);
		check(refused(&rows[i]), name);
	}
	check(vm_kill(sound) == OK && guest_wait(sound_over) && vm_state(sound) == VM_STOPPED && vm_destroy(sound) == OK, "the other guest ends as it should");
}

bool machine_checks(const char *what)
{
	if (strcmp(what, "entry") != 0)
		return false;
	checks_entry();
	return true;
}
