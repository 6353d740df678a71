/* SPDX-License-Identifier: Apache-2.0 */
/* What a guest test sees on an arm64 machine beside what all have (lib/common.h) and instructions (cpu.h): the machine's facts, traps, the
 * interrupt controller, time, other CPUs. */
#ifndef GUEST_GUEST_H
#define GUEST_GUEST_H
#include "../../lib/common.h"
#include "cpu.h"

/* ---- machine.c */
extern uint64_t ram_size;                /* from RAM_BEGIN on, as the device tree tells */
extern uint64_t dtb, dtb_size;           /* where that lies */
static inline uint64_t ram_end(void) { return RAM_BEGIN + ram_size; }
/* Pages that the loader wrote to. */
static inline bool is_loaders(uint64_t a) { return a >= (dtb & ~4095ull) && a < ((dtb + dtb_size + 4095) & ~4095ull); }
/* Page i (0..511) of the window becomes what this entry says (0: nothing), on all CPUs. Returns its address. */
uint64_t window_map(unsigned i, uint64_t entry);
/* The same without the break before the make and without forgetting. */
uint64_t window_set(unsigned i, uint64_t entry);
#define PTE_PAGE 0x703ull                /* AF, inner shareable, write-back, EL1 reads, writes and executes */
#define PTE_USER (1ull << 6)
#define PTE_READ_ONLY (1ull << 7)
#define PTE_AF (1ull << 10)
#define PTE_NOT_GLOBAL (1ull << 11)
#define PTE_PXN (1ull << 53)

/* ---- serial.c */
void serial_init(void);

/* ---- fdt.c: Devicetree Specification 0.4, chapter 5 */
/* false: no tree there. */
bool fdt_open(const void *tree);
uint32_t fdt_total(void);
/* Nodes named top or top@..., or those named child or child@... below such: how many; the first one's property (NULL: none wanted) in *value. */
unsigned fdt_find(const char *top, const char *child, const char *property, const void **value, uint32_t *len);
uint64_t be64(const void *p);
uint32_t be32(const void *p);

/* ---- trap.c: in the order of the stores of start.S */
struct frame { uint64_t x[31], elr, spsr, esr, far, vector; };
typedef void (*trap_fn)(struct frame *f);
/* Kinds of vectors; those of lower levels are no test's. */
enum { TRAP_SYNC, TRAP_IRQ, TRAP_FIQ, TRAP_SERROR, TRAP_KINDS };
/* For all CPUs; NULL as before: a synchronous one that nobody catches, or an SError, ends the test. */
void trap_set(unsigned kind, trap_fn fn);

/* ---- code.c: instructions that are made at run time */
/* Each CPU has places 0..CODE_PLACES-1 for one each. After the last is put, code_ready; then run them in any order: with x0 = *x0, takes x0
 * back; class or EC_NONE. An instruction may change x0 to x17 and flags, and must not branch. */
enum { CODE_PLACES = CODE_SIZE / 8 };
void code_put(unsigned place, uint32_t insn);
void code_ready(void);
int code_run(unsigned place, uint64_t *x0);
/* All of it with one. */
int run_insn(uint32_t insn, uint64_t *x0);
/* What was written as code is what CPUs execute (DDI0487 B2.7.4.2). */
void code_written(const void *p, size_t n);

/* ---- gic.c: GICv3 (IHI0069), group 1, affinity routing */
enum {
	GICD_CTLR = 0, GICD_TYPER = 4, GICD_IIDR = 8, GICD_SETSPI_NSR = 0x40, GICD_CLRSPI_NSR = 0x48, GICD_IGROUPR = 0x80, GICD_ISENABLER = 0x100,
	GICD_ICENABLER = 0x180, GICD_ISPENDR = 0x200, GICD_ICPENDR = 0x280, GICD_ISACTIVER = 0x300, GICD_ICACTIVER = 0x380, GICD_IPRIORITYR = 0x400,
	GICD_ICFGR = 0xc00, GICD_IROUTER = 0x6000, GICD_PIDR2 = 0xffe8,
	GICR_CTLR = 0, GICR_TYPER = 8, GICR_WAKER = 0x14, GICR_SGI = 0x10000,
	INTID_SPURIOUS = 1023, INTID_VTIMER = 27, INTID_PTIMER = 30, SPI_FIRST = 32, SPI_UART = 33, SPI_RTC = 34, INTID_MAX = 1020,
	PRIORITY_USUAL = 0xa0,
};
/* CPU 0 once, then each CPU. */
void gic_init(void);
void gic_cpu_init(void);
/* Where the registers of an interrupt are: distributor, or the redistributor of the calling CPU for private ones (same offsets). */
uint64_t gic_base(unsigned intid);
uint64_t gicr_of(unsigned cpu);
unsigned gic_lines(void);                /* INTIDs from 0 on */
/* One-bit registers by their first word's offset. */
bool gic_bit(unsigned intid, unsigned reg);
void gic_set_bit(unsigned intid, unsigned reg);
void gic_priority(unsigned intid, uint8_t priority);
void gic_edge(unsigned intid, bool edge);
void gic_route(unsigned intid, unsigned cpu);
/* Handlers are for all CPUs, run with interrupts off, and the interrupt is ended after them. */
typedef void (*irq_fn)(unsigned intid);
void irq_set(unsigned intid, irq_fn fn);
void irq_set_all(irq_fn fn);
void irq_enable(unsigned intid);
void irq_disable(unsigned intid);
void irq_dispatch(struct frame *f);
/* SGI 0..15 to the CPUs of a mask, to all but the calling one. */
void sgi_send(unsigned sgi, unsigned cpus);
void sgi_send_others(unsigned sgi);
uint32_t irq_ack(void);
void irq_end(uint32_t intid);

/* ---- psci.c: DEN0022 1.1 by HVC */
enum {
	PSCI_OK = 0, PSCI_NOT_SUPPORTED = -1, PSCI_INVALID = -2, PSCI_DENIED = -3, PSCI_ALREADY_ON = -4, PSCI_ON_PENDING = -5, PSCI_BAD_ADDRESS = -9,
	AFFINITY_ON = 0, AFFINITY_OFF = 1, AFFINITY_PENDING = 2,
};
#define PSCI_VERSION 0x84000000u
#define PSCI_SUSPEND 0xc4000001u
#define PSCI_CPU_OFF 0x84000002u
#define PSCI_CPU_ON 0xc4000003u
#define PSCI_AFFINITY_INFO 0xc4000004u
#define PSCI_SYSTEM_OFF 0x84000008u
#define PSCI_SYSTEM_RESET 0x84000009u
#define PSCI_FEATURES 0x8400000au
#define SMCCC_VERSION 0x80000000u
#define SMCCC_FEATURES 0x80000001u
uint64_t hvc_call(uint64_t fn, uint64_t a, uint64_t b, uint64_t c);
uint64_t smc_call(uint64_t fn, uint64_t a, uint64_t b, uint64_t c);
void hvc_regs(uint64_t x[18]);
/* The answer's low 32 bits as the number they are. */
int psci(uint32_t fn, uint64_t a, uint64_t b, uint64_t c);
extern char cpu_entry[];                 /* where CPU_ON goes; its context is the index */
/* After the CPU's function has returned, or never: whether it is off. */
bool cpu_is_off(unsigned index);

/* ---- clock.c */
extern uint64_t clock_hz;
void clock_init(void);
static inline uint64_t clock_now(void) { isb(); return SYS_READ("cntvct_el0"); }
/* A guard against hangs, not a measure: false when cond stayed false for many seconds of guest time. */
#define WAIT(cond) ({ uint64_t end_ = clock_now() + 30 * clock_hz; bool met_; while (!(met_ = (cond)) && clock_now() < end_) pause(); memory_barrier(); met_; })

#endif
