/* SPDX-License-Identifier: Apache-2.0 */
/* The machine seam. Implemented by core/x86_64, (core/aarch64) and tests/fake. Everything above it is portable.
 * Host code runs with interrupts disabled; they are taken only in hal_irq_window, hal_idle and in guests. */
#ifndef CORE_HAL_H
#define CORE_HAL_H
#include <core/addr.h>
#include <core/err.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HAL_MAX_CPUS 64

/* Logical CPU index, 0 is the boot CPU. Stable. */
unsigned hal_cpu_id(void);
unsigned hal_cpu_count(void);
/* Hardware id (APIC id | MPIDR affinity) of a logical CPU. */
uint32_t hal_cpu_hwid(unsigned cpu);
/* Short description of the CPU ("AMD EPYC..."), static storage. */
const char *hal_cpu_model(void);

/* Takes pending interrupts now: opens and closes the window. The loop only; from within a slice by loop_take_interrupts. */
void hal_irq_window(void);
/* Sleeps until an interrupt; handles it; returns with interrupts disabled. An interrupt that came before is not missed. */
void hal_idle(void);
/* Makes another CPU leave hal_idle or its guest. Any context. To self: the next idle returns at once. */
void hal_ipi_wake(unsigned cpu);

/* Monotonic nanoseconds since boot, same on all CPUs. */
uint64_t hal_clock_ns(void);
/* Raw counter (TSC | CNTVCT) and its rate, for guest clocks. */
uint64_t hal_counter(void);
uint64_t hal_counter_hz(void);
/* Arms this CPU's one-shot timer; the interrupt does nothing but end idle or a guest run. UINT64_MAX disarms. */
void hal_timer_arm(uint64_t deadline_ns);

/* Host RAM by its direct (identity) map. Guest RAM pages fault through it outside of hal_guest_access_*. */
void *hal_direct(struct hpa a);
struct hpa hal_hpa_of(const void *direct);
/* Opens/closes this CPU's access to user-mapped guest pages (STAC/CLAC | PAN). Only vmm/mem and core/mm call it. */
void hal_guest_access_begin(void);
void hal_guest_access_end(void);
/* Marks a 2 MiB aligned block of the direct map as guest (user, NX) or host memory. core/mm only, with the page
 * allocator's lock held: it must not allocate. */
void hal_direct_set_guest(struct hpa block, bool guest);

enum hal_map_flags { HAL_MAP_RW = 1, HAL_MAP_UC = 2, HAL_MAP_WC = 4 };
/* Maps physical device memory (any alignment) and returns a pointer valid forever. E_NOMEM, E_INVAL. */
err_t hal_map_device(struct hpa a, uint64_t size, unsigned flags, volatile void **out) MUST_CHECK;
/* Allocates a stack of size bytes with an unmapped guard page below; *top is one past its end. E_NOMEM. */
err_t hal_stack_alloc(size_t size, void **top) MUST_CHECK;
void hal_stack_free(void *top, size_t size);

/* Interrupt handlers run in the window with interrupts off. What is to be done they post as work: a flag alone does not end a guest's slice. */
typedef void (*hal_irq_fn)(void *ctx);
struct hal_msi { uint64_t address; uint32_t data; };
/* Allocates a message-signalled interrupt that arrives on cpu. requester: the PCI function that will send it, segment << 16 | bus << 8 | devfn.
 * E_NOMEM when vectors are gone. E_UNSUPPORTED: this machine cannot receive them. */
err_t hal_msi_alloc(uint32_t requester, unsigned cpu, hal_irq_fn fn, void *ctx, struct hal_msi *out) MUST_CHECK;
/* Routes a global system interrupt (ISA IRQs by MADT overrides) to CPU 0. E_NOENT, E_NOMEM. */
err_t hal_gsi_route(unsigned isa_irq, hal_irq_fn fn, void *ctx) MUST_CHECK;

/* Host code wants the FPU's or vector registers while they are switched off on this CPU (CR0.TS): fn makes them usable, in any context and
 * with general registers alone. false from it, or no fn: a bug, and a panic. x86_64 only; the EL2 of ARM switches them in its world switch. */
void hal_fp_guard(bool (*fn)(void));

/* Context switch for stackful tasks: see core/task/. *save gets the old stack pointer. */
void hal_context_switch(void **save, void *next);
/* Prepares a fresh stack so that a switch to the returned pointer calls fn(arg), which never returns. */
void *hal_context_init(void *stack_top, void (*fn)(void *), void *arg);

/* Hardware entropy (RDSEED/RDRAND | RNDR): fills dst; E_UNSUPPORTED or E_IO when it gives none. */
err_t hal_entropy(void *dst, size_t len) MUST_CHECK;
/* Power: by ACPI and UEFI runtime services. */
_Noreturn void hal_reset(void);
_Noreturn void hal_poweroff(void);
/* Stops this CPU for good (panic). */
_Noreturn void hal_halt(void);

/* Machine bring-up, called by efi/main.c on the boot CPU in this order. */
void hal_early_init(void);                      /* own tables, traps; no allocation by pools yet */
err_t hal_init(void) MUST_CHECK;                /* ACPI-dependent: APICs, clock, timers; after page_init */
/* Starts all other CPUs; each calls entry(cpu) on its own stack and never returns from it. */
err_t hal_start_cpus(void (*entry)(unsigned cpu)) MUST_CHECK;

#endif
