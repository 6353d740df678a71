/* SPDX-License-Identifier: Apache-2.0 */
/* Starts the other CPUs by INIT and start-up interrupts (SDM 3A 9.4.4), one after the other, on the boot CPU. A CPU
 * that does not answer is put back to sleep and left out; logical numbers go to those that came up. */
#include "smp.h"
#include "apic.h"
#include "clock_impl.h"
#include "cpu.h"
#include "insn.h"
#include "madt.h"
#include "paging.h"
#include "percpu.h"
#include "segments.h"
#include <core/arch.h>
#include <core/arith.h>
#include <core/boot_info.h>
#include <core/hal.h>
#include <core/log.h>
#include <core/panic.h>
#include <string.h>

#define CPU_STACK_BYTES (64 * 1024)
#define INIT_WAIT_NS (10 * NS_PER_MS)
#define STARTUP_WAIT_NS (200 * NS_PER_US)
#define ANSWER_WAIT_NS (2 * NS_PER_S)
#define SYNC_ROUNDS 8 /* few: under emulation each hand-over may cost a time slice */

/* One CPU at a time goes through this. */
static struct {
	void (*entry)(unsigned cpu);
	atomic_uint state; /* AP_* */
	/* The check that both CPUs' counters agree: each in turn stamps, the other looks whether time went back. */
	atomic_uint turn;
	_Atomic uint64_t stamp;
	uint64_t behind, ahead; /* the most that the new CPU was seen behind or ahead of the boot CPU */
} ap;

enum { AP_NONE, AP_ARRIVED, AP_SYNCED, AP_GO };

static void wait_state(unsigned state)
{
	while (atomic_load_explicit(&ap.state, memory_order_acquire) != state)
		arch_relax();
}

static void sync_note(uint64_t *most, uint64_t ticks)
{
	if (ticks > *most)
		*most = ticks;
}

/* Even turns belong to the boot CPU, odd ones to the new one. */
static void sync_counters(bool boot)
{
	for (unsigned i = 0; i < 2 * SYNC_ROUNDS; i++) {
		uint64_t last, now;

		if ((i % 2 == 0) != boot)
			continue;
		while (atomic_load_explicit(&ap.turn, memory_order_acquire) != i)
			arch_relax();
		last = atomic_load_explicit(&ap.stamp, memory_order_relaxed);
		now = insn_rdtsc_ordered();
		if (now < last)
			sync_note(boot ? &ap.ahead : &ap.behind, last - now);
		atomic_store_explicit(&ap.stamp, now, memory_order_relaxed);
		atomic_store_explicit(&ap.turn, i + 1, memory_order_release);
	}
}

/* The new CPU's first C code, on its own stack, in our page tables. */
_Noreturn static void ap_main(struct percpu *p)
{
	segments_load(p);
	cpu_setup();
	apic_setup();
	apic_timer_setup();
	atomic_store_explicit(&ap.state, AP_ARRIVED, memory_order_release);
	sync_counters(false);
	atomic_store_explicit(&ap.state, AP_SYNCED, memory_order_release);
	wait_state(AP_GO);
	ap.entry(p->id);
	panic("smp: the loop of CPU %u returned", p->id);
}

static void params_fill(struct smp_params *q, uint64_t page, const struct percpu *p, void *stack)
{
	*q = (struct smp_params){
		.cr3 = paging_cr3(), .cr4 = cpu_boot_cr4(), .stack = (uint64_t)stack, .entry = (uint64_t)ap_main,
		.arg = (uint64_t)p, .apic_id = p->apic_id & 0xff,
		.far_offset = (uint32_t)(page + (uint64_t)(smp_trampoline_64 - smp_trampoline)), .far_selector = SEG_CODE,
		.gdt_limit = sizeof(q->gdt) - 1, .gdt_base = (uint32_t)(page + PAGE_SIZE + offsetof(struct smp_params, gdt)),
		.gdt = {0, 0x00af9b000000ffffull, 0x00cf93000000ffffull},
	};
}

/* INIT, start-up, and the second start-up that old CPUs want. */
static bool ap_kick(uint32_t apic, uint64_t page)
{
	uint64_t start;

	apic_send_init(apic);
	clock_delay_ns(INIT_WAIT_NS);
	for (unsigned i = 0; i < 2; i++) {
		apic_send_startup(apic, (unsigned)(page >> PAGE_SHIFT));
		clock_delay_ns(STARTUP_WAIT_NS);
	}
	start = hal_clock_ns();
	while (atomic_load_explicit(&ap.state, memory_order_acquire) != AP_ARRIVED) {
		if (hal_clock_ns() - start > ANSWER_WAIT_NS) {
			apic_send_init(apic); /* asleep again, should it wake late */
			clock_delay_ns(INIT_WAIT_NS);
			return false;
		}
		arch_relax();
	}
	return true;
}

static err_t ap_start(uint32_t apic, uint64_t page)
{
	struct percpu *p;
	void *stack;
	err_t e = percpu_create(apic, &p);

	if (e != OK)
		return e;
	e = hal_stack_alloc(CPU_STACK_BYTES, &stack);
	if (e != OK) {
		percpu_destroy(p);
		return e;
	}
	e = segments_alloc_stacks(p);
	if (e != OK) {
		hal_stack_free(stack, CPU_STACK_BYTES);
		percpu_destroy(p);
		return e;
	}
	atomic_store(&ap.state, AP_NONE);
	atomic_store(&ap.turn, 0);
	atomic_store(&ap.stamp, 0);
	ap.behind = ap.ahead = 0;
	params_fill((struct smp_params *)(page + PAGE_SIZE), page, p, stack);
	if (!ap_kick(apic, page))
		return E_TIMEOUT; /* its block and stacks stay: it might still be running on them */
	sync_counters(true);
	wait_state(AP_SYNCED);
	p->tsc_offset = (int64_t)ap.behind - (int64_t)ap.ahead;
	if (p->tsc_offset)
		log_warn("smp", "CPU %u: its TSC differed by %lld ticks; corrected", p->id, (long long)-p->tsc_offset);
	percpu_publish(p);
	atomic_store_explicit(&ap.state, AP_GO, memory_order_release);
	return OK;
}

static void start_all(uint64_t page)
{
	for (unsigned i = 0; i < madt.ncpus; i++) {
		err_t e;

		if (madt.cpus[i] == hal_cpu_hwid(0))
			continue;
		e = madt.cpus[i] > 0xfe && !cpu_features.x2apic ? E_UNSUPPORTED : ap_start(madt.cpus[i], page);
		if (e != OK)
			log_warn("smp", "the CPU with APIC id %u did not start (%s)", madt.cpus[i], err_name(e));
	}
}

err_t hal_start_cpus(void (*entry)(unsigned cpu))
{
	uint64_t page = boot_info->smp_low.v;
	err_t e;

	ap.entry = entry;
	if (madt.ncpus > 1 && !page)
		log_warn("smp", "no memory below 1 MiB: only the boot CPU runs");
	if (madt.ncpus_ignored)
		log_warn("smp", "%u CPUs beyond the first %u are left out", madt.ncpus_ignored, HAL_MAX_CPUS);
	if (madt.ncpus <= 1 || !page)
		return OK;
	memcpy((void *)page, smp_trampoline, (size_t)(smp_trampoline_end - smp_trampoline));
	e = paging_set_exec(page, true);
	if (e != OK)
		return e;
	start_all(page);
	/* All that run have left the page. */
	e = paging_set_exec(page, false);
	log_info("smp", "%u CPU%s", hal_cpu_count(), hal_cpu_count() == 1 ? "" : "s");
	return e;
}
