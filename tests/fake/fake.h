/* SPDX-License-Identifier: Apache-2.0 */
/* The fake machine that unit tests link instead of core/x86_64 and efi: a hal on the host with manual time, CPUs that the
 * test switches between, RAM of exact size, and panics that can be expected. Host programs with libc; never firmware.
 *
 * A test binary calls fake_init once, before anything of core. After that:
 *  - time stands still except in fake_clock_advance and in hal_idle (which jumps to the armed timer);
 *  - the test's thread is CPU 0; fake_cpu_set makes it another one;
 *  - memory outside of the given RAM, guard pages of stacks and, outside of hal_guest_access_*, guest pages fault;
 *  - panic() prints and aborts, unless it happens inside FAKE_PANICS(...). */
#ifndef TESTS_FAKE_FAKE_H
#define TESTS_FAKE_FAKE_H
#include <core/boot_info.h>
#include <core/hal.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- the machine */

/* RAM of ram_bytes (pages) at 16 MiB, ncpus CPUs (1..HAL_MAX_CPUS), boot_info, page_init, rng_init and loop_init of
 * each CPU. Once per process. */
void fake_init(uint64_t ram_bytes, unsigned ncpus);
/* The same with a memory map of one's own (sorted): the BOOT_RAM_* and ACPI regions exist, the others fault. */
void fake_init_map(const struct boot_region *regions, unsigned n, unsigned ncpus);
/* What boot_info points to; fields other than the regions may be set at any time. */
extern struct boot_info fake_boot;

/* ---- CPUs and time */

void fake_cpu_set(unsigned cpu); /* of the calling thread; a new thread is CPU 0 */
/* Host code wants the FPU while it is switched off: what the guard says. */
bool fake_fp_wanted(void);
void fake_clock_advance(uint64_t ns);
void fake_clock_set(uint64_t ns);
/* What hal_timer_arm was last told on a CPU; UINT64_MAX disarmed. */
uint64_t fake_timer_deadline(unsigned cpu);
/* How many hal_ipi_wake a CPU got; whether one is pending. */
unsigned fake_ipi_count(unsigned cpu);
bool fake_ipi_pending(unsigned cpu);

/* ---- the loop: loop_run without end for this CPU, piecewise */

/* Turns of the loop until nothing is left to do at this moment. Time stands still. */
void fake_loop_settle(void);
/* Turns and idling until done(ctx); false when the clock passes limit_ns first. */
bool fake_loop_until(bool (*done)(void *ctx), void *ctx, uint64_t limit_ns);
/* Called at each hal_idle in place of "jump to the armed timer": may advance the clock, raise interrupts, post work.
 * NULL: the default, which panics when neither a timer nor an interrupt will ever come. */
void fake_idle_hook(void (*fn)(void *ctx), void *ctx);
/* Called at each hal_irq_window before interrupts are delivered; NULL none. */
void fake_window_hook(void (*fn)(void *ctx), void *ctx);

/* ---- interrupts: raised any time, handled in hal_irq_window or hal_idle of their CPU */

void fake_msi_raise(const struct hal_msi *msi);
void fake_gsi_raise(unsigned isa_irq);

/* ---- memory */

/* Is this CPU's window to guest memory open? Tests assert false at the end. */
bool fake_guest_access_open(void);
/* Off: guest pages stay accessible always (needed when more than one thread touches them). On by default. */
void fake_guest_strict(bool on);
bool fake_is_guest_block(struct hpa a);
/* Lets hal_map_device(a, ...) return ptr for an address in [a, a + size). */
void fake_mmio_add(struct hpa a, uint64_t size, void *ptr);
/* The n-th hal_stack_alloc from now (0: the next) fails once; -1 none. */
void fake_fail_stack_alloc(int n);
void fake_entropy_fail(bool fail);

/* ---- panic */

extern jmp_buf fake_panic_jmp;
extern bool fake_panic_expected;
extern char fake_panic_text[256]; /* the last expected panic's message */

/* True when stmt panics. Locals that stmt changes must be volatile to be read afterwards. */
#define FAKE_PANICS(stmt) __extension__({ \
	volatile bool panicked_ = true; \
	fake_panic_expected = true; \
	if (!_setjmp(fake_panic_jmp)) { \
		stmt; \
		panicked_ = false; \
	} \
	fake_panic_expected = false; \
	panicked_; \
})

#endif
