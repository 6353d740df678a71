/* SPDX-License-Identifier: Apache-2.0 */
/* The guest's page tables and the instructions that are executed for it: translation in every paging mode, device reads and writes,
 * read-modify-write, strings, page crossings, faults, and what ends a guest. On the scripted backend; code lies in guest RAM. Host only. */
#include "tap.h"
#include "bare_vm.h"
#include "../../vmm/x86_64/x86.h"
#include <fake/fake_hv.h>
#include <stdarg.h>
#include <vmm/machine.h>

#define CODE 0x1000ull
#define DEV 0xd0000000ull
#define TABLES 0x10000ull

const struct hv_ops *hv_current; /* so that the real backends are not linked */
static struct vcpu *v;
static struct fake_vcpu *f;
static unsigned crashes;
static char crash_text[256];

void vm_crash(struct vm *vm, const char *text, ...)
{
	va_list ap;

	(void)vm;
	va_start(ap, text);
	vsnprintf(crash_text, sizeof crash_text, text, ap);
	va_end(ap);
	crashes++;
}

/* A device of 256 bytes that remembers its accesses. */
static struct { uint8_t bytes[256]; unsigned reads, writes; uint64_t last_off, last_value; unsigned last_size; } dev;

static uint64_t dev_read(void *ctx, uint64_t off, unsigned size)
{
	uint64_t value = 0;

	(void)ctx;
	memcpy(&value, dev.bytes + off, size);
	dev.reads++, dev.last_off = off, dev.last_size = size;
	return value;
}

static void dev_write(void *ctx, uint64_t off, unsigned size, uint64_t value)
{
	(void)ctx;
	memcpy(dev.bytes + off, &value, size);
	dev.writes++, dev.last_off = off, dev.last_size = size, dev.last_value = value;
}
static const struct bus_ops dev_ops = { .read = dev_read, .write = dev_write };

static void put(uint64_t at, const void *bytes, size_t n)
{
	if (gmem_write(bare.mem, GPA(at), bytes, n) != OK)
		ok(false, "test's own write at 0x%llx", (unsigned long long)at);
}

static void put64(uint64_t at, uint64_t value)
{
	put(at, &value, 8);
}

/* Flat 64-bit mode: the first GiB of linear is RAM (identity), DEV's GiB is itself, and linear 0x7fffff000 + 4 KiB pages are set by tests. */
static void flat64(void)
{
	regs_flat64(&f->regs, TABLES);
	f->regs.rip = CODE;
	put64(TABLES, (TABLES + 0x1000) | 7);
	put64(TABLES + 0x1000, 0x83 | 4);
	put64(TABLES + 0x1000 + 3 * 8, 0xc0000083 | 4);
	put64(TABLES + 0x1000 + 1 * 8, (TABLES + 0x2000) | 7); /* linear 1 GiB: small pages */
	put64(TABLES + 0x2000, (TABLES + 0x3000) | 7);
	memset(&dev, 0, sizeof dev);
	f->nevents = f->ncompleted = 0;
	f->skipped = 0;
	crashes = 0;
}

/* Linear 1 GiB + index pages -> target. */
static uint64_t small_page(unsigned index, uint64_t entry)
{
	put64(TABLES + 0x3000 + index * 8, entry);
	return 0x40000000 + index * 0x1000ull;
}

/* The instruction faults at gpa; returns what arch_vcpu_exit says, and does the portable part as vmm/vm/exit.c does. */
static bool fault(const char *code, unsigned n, uint64_t gpa, unsigned access)
{
	struct hv_exit e = { .kind = HV_EXIT_STAGE2 };

	e.stage2.addr = GPA(gpa);
	e.stage2.access = access;
	put(CODE, code, n);
	f->regs.rip = CODE;
	if (arch_vcpu_exit(v, &e))
		return true;
	if (e.kind != HV_EXIT_MMIO)
		return false;
	if (e.mmio.write)
		(void)bus_write(&bare.mmio, e.mmio.addr.v, e.mmio.size, e.mmio.value);
	else if (!bus_read(&bare.mmio, e.mmio.addr.v, e.mmio.size, &e.mmio.value))
		e.mmio.value = UINT64_MAX;
	x86_mmio_finish(v, &e);
	return false;
}

static void test_moves(void)
{
	flat64();
	f->regs.gpr[REG_RBX] = DEV;
	f->regs.gpr[REG_RAX] = 0x1122334455667788;
	ok(!fault("\x89\x43\x04", 3, DEV + 4, GMEM_W), "a plain store is a portable exit");
	ok(dev.last_off == 4 && dev.last_size == 4 && dev.last_value == 0x55667788 && f->regs.rip == CODE + 3, "32 bits stored, stepped over");
	dev.bytes[8] = 0x81;
	ok(!fault("\x0f\xb6\x43\x08", 4, DEV + 8, GMEM_R) && f->regs.gpr[REG_RAX] == 0x81, "MOVZX clears the rest");
	ok(!fault("\x48\x0f\xbe\x43\x08", 5, DEV + 8, GMEM_R) && f->regs.gpr[REG_RAX] == 0xffffffffffffff81, "MOVSX to 64 bits");
	ok(!fault("\x0f\xbe\x43\x08", 4, DEV + 8, GMEM_R) && f->regs.gpr[REG_RAX] == 0xffffff81, "MOVSX to 32 bits");
	f->regs.gpr[REG_RCX] = 0x1111222233334444;
	ok(!fault("\x8a\x6b\x08", 3, DEV + 8, GMEM_R) && f->regs.gpr[REG_RCX] == 0x1111222233338144, "CH takes one byte");
	ok(!fault("\x66\x8b\x4b\x08", 4, DEV + 8, GMEM_R) && f->regs.gpr[REG_RCX] == 0x1111222233330081, "CX takes two");
	ok(!fault("\x88\x6b\x0c", 3, DEV + 12, GMEM_W) && dev.last_value == 0, "CH is stored");
	ok(!fault("\x48\xc7\x43\x10\xfe\xff\xff\xff", 8, DEV + 16, GMEM_W) && dev.last_value == 0xfffffffffffffffe && dev.last_size == 8, "sign-extended immediate");
	dev.bytes[0x40] = 0x77;
	ok(fault("\x8b\x4b\x40", 3, DEV + 0x48, GMEM_R) && dev.last_off == 0x40 && f->regs.gpr[REG_RCX] == 0x77, "the operand decides, not the fault's address");
	f->regs.gpr[REG_RBX] = DEV + 0x10000;
	ok(!fault("\x8b\x0b", 2, DEV + 0x10000, GMEM_R) && f->regs.gpr[REG_RCX] == 0xffffffff, "nobody there: all ones");
	f->regs.gpr[REG_RBX] = LAPIC_DEFAULT_BASE;
	ok(fault("\x8b\x4b\x30", 3, LAPIC_DEFAULT_BASE + 0x30, GMEM_R) && (f->regs.gpr[REG_RCX] & 0xff) >= 0x10, "the LAPIC answers at once");
	f->regs.gpr[REG_RCX] = 0x1ff;
	ok(fault("\x89\x8b\xf0\x00\x00\x00", 6, LAPIC_DEFAULT_BASE + 0xf0, GMEM_W) && f->regs.rip == CODE + 6, "and takes writes");
}

static void test_rmw(void)
{
	flat64();
	f->regs.gpr[REG_RBX] = DEV;
	dev.bytes[0] = 0xf0;
	ok(fault("\x83\x0b\x0f", 3, DEV, GMEM_W) && dev.reads == 1 && dev.writes == 1 && dev.last_value == 0xff, "OR reads and writes once each");
	ok(!(f->regs.rflags & X86_RFLAGS_ZF) && (f->regs.rflags & X86_RFLAGS_PF), "its flags");
	ok(fault("\x83\x23\x00", 3, DEV, GMEM_W) && dev.last_value == 0 && (f->regs.rflags & X86_RFLAGS_ZF), "AND");
	dev.writes = 0;
	ok(fault("\xf6\x03\x01", 3, DEV, GMEM_R) && dev.writes == 0, "TEST does not write");
	f->regs.gpr[REG_RAX] = 7;
	dev.bytes[0] = 5;
	ok(fault("\x87\x03", 2, DEV, GMEM_W) && dev.last_value == 7 && f->regs.gpr[REG_RAX] == 5, "XCHG");
	ok(fault("\x0f\xc1\x03", 3, DEV, GMEM_W) && dev.last_value == 12 && f->regs.gpr[REG_RAX] == 7, "XADD");
	f->regs.gpr[REG_RAX] = 12, f->regs.gpr[REG_RCX] = 99;
	ok(fault("\x0f\xb1\x0b", 3, DEV, GMEM_W) && dev.last_value == 99 && (f->regs.rflags & X86_RFLAGS_ZF), "CMPXCHG that matches");
	f->regs.gpr[REG_RAX] = 1;
	ok(fault("\x0f\xb1\x0b", 3, DEV, GMEM_W) && f->regs.gpr[REG_RAX] == 99 && !(f->regs.rflags & X86_RFLAGS_ZF), "CMPXCHG that does not");
	ok(fault("\x0f\xba\x2b\x07", 4, DEV, GMEM_W) && dev.last_value == (99 | 0x80), "BTS");
	f->regs.gpr[REG_RCX] = 1;
	ok(fault("\x03\x0b", 2, DEV, GMEM_R) && f->regs.gpr[REG_RCX] == (99 | 0x80) + 1, "ADD to a register");
	f->regs.gpr[REG_RCX] = 0x11223344;
	ok(fault("\x0f\x38\xf1\x0b", 4, DEV, GMEM_W) && dev.last_value == 0x44332211, "MOVBE");
}

static void test_crossing(void)
{
	uint64_t ram, device;

	flat64();
	ram = small_page(0, 0x20000 | 7);
	device = small_page(1, DEV | 7);
	ok(device == ram + 0x1000, "two pages");
	f->regs.gpr[REG_RBX] = device - 2;
	f->regs.gpr[REG_RAX] = 0x44332211;
	ok(fault("\x89\x03", 2, DEV, GMEM_W), "a store that begins in RAM and ends in a device");
	uint16_t low = 0;
	ok(gmem_read(bare.mem, GPA(0x20ffe), &low, 2) == OK && low == 0x2211 && dev.bytes[0] == 0x33 && dev.bytes[1] == 0x44, "both parts arrive");
	ok(fault("\x8b\x0b", 2, DEV, GMEM_R) && f->regs.gpr[REG_RCX] == 0x44332211, "and can be read back");
	small_page(1, DEV | 5);
	ok(fault("\x89\x03", 2, DEV, GMEM_W) && f->nevents == 1 && f->events[0].vector == 14 && f->events[0].error == 3 &&
	   f->events[0].fault_address == device, "WP: #PF with the second page's address");
}

static void test_strings(void)
{
	uint64_t n;

	flat64();
	f->regs.gpr[REG_RDI] = DEV, f->regs.gpr[REG_RAX] = 0x5a, f->regs.gpr[REG_RCX] = 100;
	for (n = 0; f->regs.gpr[REG_RCX] && n < 100; n++)
		fault("\xf3\xaa", 2, DEV, GMEM_W);
	ok(n > 1 && n < 10 && dev.writes == 100 && dev.bytes[99] == 0x5a && dev.bytes[100] == 0, "REP STOSB in bounded batches");
	ok(f->regs.gpr[REG_RDI] == DEV + 100 && f->regs.rip == CODE + 2, "registers at the end");
	put(0x20000, "abcdefgh", 8);
	f->regs.gpr[REG_RSI] = 0x20000, f->regs.gpr[REG_RDI] = DEV + 8, f->regs.gpr[REG_RCX] = 2;
	ok(fault("\xf3\xa5", 2, DEV + 8, GMEM_W) && !memcmp(dev.bytes + 8, "abcdefgh", 8), "REP MOVSL from RAM");
	f->regs.gpr[REG_RSI] = DEV + 15, f->regs.gpr[REG_RDI] = 0x21007, f->regs.gpr[REG_RCX] = 8;
	f->regs.rflags |= X86_RFLAGS_DF;
	char back[9] = "";
	ok(fault("\xf3\xa4", 2, DEV + 15, GMEM_R) && gmem_read(bare.mem, GPA(0x21000), back, 8) == OK && !strcmp(back, "abcdefgh"), "backwards to RAM");
	f->regs.rflags &= ~X86_RFLAGS_DF;
	f->regs.gpr[REG_RSI] = DEV + 8;
	ok(fault("\xad", 1, DEV + 8, GMEM_R) && f->regs.gpr[REG_RAX] == 0x64636261 && f->regs.gpr[REG_RSI] == DEV + 12, "LODSL");

	struct hv_exit e = { .kind = HV_EXIT_PIO };
	e.pio.port = 0x80, e.pio.size = 1, e.pio.write = true, e.pio.string = true, e.pio.rep = true;
	put(CODE, "\xf3\x6e", 2);
	f->regs.rip = CODE, f->regs.gpr[REG_RSI] = 0x20000, f->regs.gpr[REG_RCX] = 3;
	ok(arch_vcpu_exit(v, &e) && f->regs.gpr[REG_RCX] == 0 && f->regs.gpr[REG_RSI] == 0x20003 && dev.last_value == 'c', "REP OUTSB");
	e.pio.write = false;
	put(CODE, "\x6d", 1);
	dev.bytes[0] = 1, dev.bytes[1] = 2, dev.bytes[2] = 3, dev.bytes[3] = 4;
	e.pio.size = 4;
	f->regs.rip = CODE, f->regs.gpr[REG_RDI] = 0x22000;
	uint32_t in = 0;
	ok(arch_vcpu_exit(v, &e) && gmem_read(bare.mem, GPA(0x22000), &in, 4) == OK && in == 0x04030201, "INSL");
	dev.reads = 0;
	f->regs.rip = CODE, f->regs.gpr[REG_RDI] = 0x40000000 + 100 * 0x1000ull;
	f->nevents = 0;
	ok(arch_vcpu_exit(v, &e) && f->nevents == 1 && f->events[0].vector == 14 && dev.reads == 0 && f->regs.rip == CODE, "INS to nowhere: #PF, and no input is lost");
	/* The CPU has checked the I/O permission of what it met; another vCPU has put a wider access there since. */
	e.pio.size = 1, e.pio.write = false, e.pio.rep = false;
	put(CODE, "\x6d", 1);
	f->regs.rip = CODE, f->regs.gpr[REG_RDI] = 0x22000;
	dev.reads = 0;
	ok(arch_vcpu_exit(v, &e) && f->regs.rip == CODE && dev.reads == 0, "INSB became INSL meanwhile: nothing happens");
	put(CODE, "\x90", 1);
	f->regs.rip = CODE;
	ok(arch_vcpu_exit(v, &e) && f->regs.rip == CODE, "code changed meanwhile: nothing happens");
}

static void test_refusals(void)
{
	flat64();
	f->regs.gpr[REG_RBX] = DEV;
	ok(fault("\x0f\x10\x03", 3, DEV, GMEM_R) && f->nevents == 1 && f->events[0].vector == 6, "MOVUPS on a device is #UD");
	f->nevents = 0;
	f->regs.gpr[REG_RBX] = 0x8000000000000000;
	ok(fault("\x89\x03", 2, DEV, GMEM_W) && f->nevents == 1 && f->events[0].vector == 13, "not canonical: #GP");
	f->regs.gpr[REG_RBX] = DEV;
	ok(fault("\x89\x03", 2, DEV, GMEM_X) && crashes == 1, "running code from a device ends the guest");
	struct hv_exit e = { .kind = HV_EXIT_STAGE2, .stage2 = { .addr = GPA(DEV), .access = GMEM_W, .walk = true } };
	ok(arch_vcpu_exit(v, &e) && crashes == 2 && strstr(crash_text, "page tables"), "so do page tables there");
	e = (struct hv_exit){ .kind = HV_EXIT_STAGE2, .stage2 = { .addr = GPA(DEV), .access = GMEM_W, .delivery = true } };
	ok(arch_vcpu_exit(v, &e) && crashes == 3, "and stacks");
	f->regs.cr3 = 0xe0000000;
	e = (struct hv_exit){ .kind = HV_EXIT_STAGE2, .stage2 = { .addr = GPA(DEV), .access = GMEM_W } };
	ok(arch_vcpu_exit(v, &e) && crashes == 3, "code that cannot be read any more runs again");
}

#define PTE_NX_BIT (1ull << 63)

static err_t walk(const struct gpt_mode *m, uint64_t linear, unsigned access, uint64_t *gpa, uint32_t *error)
{
	struct gpt_fault fault = { 0 };
	struct gpa a = GPA(0);
	err_t err = gpt_walk(bare.mem, m, linear, access, &a, &fault);

	*gpa = a.v;
	*error = fault.error;
	return err;
}

static void test_walk(void)
{
	struct gpt_mode m = { .cr0 = X86_CR0_PE | X86_CR0_PG | X86_CR0_WP, .cr3 = TABLES, .cr4 = X86_CR4_PAE, .efer = X86_EFER_LMA | X86_EFER_LME | X86_EFER_NXE };
	uint64_t a, page;
	uint32_t e;

	flat64();
	page = small_page(5, 0x25000 | 7);
	ok(walk(&m, page + 0x123, GPT_WRITE, &a, &e) == OK && a == 0x25123, "4 KiB page");
	ok(walk(&m, 0x3fffffff, GPT_READ, &a, &e) == OK && a == 0x3fffffff, "1 GiB page");
	ok(walk(&m, small_page(6, 0), GPT_READ, &a, &e) == E_PERM && e == 0, "not present");
	ok(walk(&m, small_page(6, 0x26000 | 5), GPT_WRITE, &a, &e) == E_PERM && e == 3, "read only");
	m.cr0 &= ~X86_CR0_WP;
	ok(walk(&m, 0x40006000, GPT_WRITE, &a, &e) == OK, "without CR0.WP the kernel may");
	m.user = true;
	ok(walk(&m, 0x40006000, GPT_WRITE, &a, &e) == E_PERM && e == 7, "a user may not");
	ok(walk(&m, small_page(6, 0x26000 | 3), GPT_READ, &a, &e) == E_PERM && e == 5, "a supervisor page");
	ok(walk(&m, small_page(6, 0x26000 | 7 | 1ull << 63), GPT_FETCH, &a, &e) == E_PERM && e == 0x15, "no execute");
	ok(walk(&m, 0x40006000, GPT_READ, &a, &e) == OK, "but data");
	m.efer &= ~X86_EFER_NXE;
	ok(walk(&m, 0x40006000, GPT_READ, &a, &e) == E_PERM && e == 0xd, "NX is reserved without EFER.NXE");
	m.efer |= X86_EFER_NXE;
	m.user = false;
	m.cr4 |= X86_CR4_SMAP | X86_CR4_SMEP;
	ok(walk(&m, page, GPT_READ, &a, &e) == E_PERM && e == 1, "SMAP");
	m.ac = true;
	ok(walk(&m, page, GPT_READ, &a, &e) == OK, "SMAP with AC");
	ok(walk(&m, page, GPT_FETCH, &a, &e) == E_PERM && e == 0x11, "SMEP");
	ok(walk(&m, small_page(6, 0x000f000000026007), GPT_READ, &a, &e) == E_PERM && (e & 8), "beyond the physical address width");
	ok(walk(&m, 0x7f8000000000, GPT_READ, &a, &e) == E_PERM && e == 0, "a hole at the top level");
	m.cr3 = 0xe0000000;
	ok(walk(&m, 0, GPT_READ, &a, &e) == E_GUEST, "tables outside of memory");
	m.cr3 = TABLES;
	put64(TABLES + 8 * 1, TABLES | 7);
	ok(walk(&m, 0x8000000000 + (1ull << 30) * 1, GPT_READ, &a, &e) != E_NOMEM, "tables that contain themselves end by depth");

	put64(0x30000, 0x31000 | 1);
	put64(0x31000 + 8 * 2, 0x32000 | 7);
	put64(0x32000 + 8 * 3, 0x33000 | 7);
	m = (struct gpt_mode){ .cr0 = X86_CR0_PE | X86_CR0_PG, .cr3 = 0x30000, .cr4 = X86_CR4_PAE };
	ok(walk(&m, 2ull << 21 | 3 << 12 | 0x45, GPT_WRITE, &a, &e) == OK && a == 0x33045, "PAE");
	m.user = true;
	ok(walk(&m, 2ull << 21 | 3 << 12, GPT_WRITE, &a, &e) == OK, "PAE's top level carries no rights");
	uint32_t pde = 0x35000 | 7, pte = 0x36000 | 7, big = 0x00c00000 | 0x2000 | 0x87;
	put(0x34000 + 4 * 1, &pde, 4);
	put(0x35000 + 4 * 2, &pte, 4);
	put(0x34000 + 4 * 3, &big, 4);
	m = (struct gpt_mode){ .cr0 = X86_CR0_PE | X86_CR0_PG, .cr3 = 0x34000, .cr4 = X86_CR4_PSE };
	ok(walk(&m, 1ull << 22 | 2 << 12 | 7, GPT_READ, &a, &e) == OK && a == 0x36007, "32-bit paging");
	ok(walk(&m, 3ull << 22 | 0x12345, GPT_READ, &a, &e) == OK && a == (0x100c00000 | 0x12345), "4 MiB page with PSE-36");
	m.cr0 = X86_CR0_PE;
	ok(walk(&m, 0x1fffff000, GPT_READ, &a, &e) == OK && a == 0xfffff000, "no paging: 32 bits");
}

/* SDM 3A 4.8: accessed in each entry on the way, dirty in the last one by a write; nothing by an access that faults. */
static void test_accessed_dirty(void)
{
	struct gpt_mode m = { .cr0 = X86_CR0_PE | X86_CR0_PG | X86_CR0_WP, .cr3 = 0x38000, .cr4 = X86_CR4_PAE, .efer = X86_EFER_LMA | X86_EFER_LME };
	const uint64_t entries[4] = { 0x38000, 0x39000, 0x3a000, 0x3b000 };
	uint64_t a, value[4];
	uint32_t e, pde = 0x35000 | 7, pte = 0x36000 | 7, low[2];

#define READ_ENTRIES() for (unsigned i = 0; i < 4; i++) CHECK(gmem_read(bare.mem, GPA(entries[i]), &value[i], 8) == OK)
	for (unsigned i = 0; i < 4; i++)
		put64(entries[i], (i < 3 ? entries[i + 1] : 0x25000) | (i < 3 ? 7 : 5));
	ok(walk(&m, 0, GPT_WRITE, &a, &e) == E_PERM, "a write that is not allowed");
	READ_ENTRIES();
	ok(!((value[0] | value[1] | value[2] | value[3]) & 0x60), "leaves no trace");
	ok(walk(&m, 0x10, GPT_READ, &a, &e) == OK && a == 0x25010, "a read");
	READ_ENTRIES();
	ok((value[0] & value[1] & value[2] & value[3] & 0x20) && !((value[0] | value[1] | value[2] | value[3]) & 0x40), "is accessed everywhere, dirty nowhere");
	put64(0x3b000, 0x25000 | 7);
	ok(walk(&m, 0x10, GPT_WRITE, &a, &e) == OK, "a write");
	READ_ENTRIES();
	ok((value[3] & 0x60) == 0x60 && !((value[0] | value[1] | value[2]) & 0x40), "is dirty in the last entry alone");
	put64(0x38000 + 8 * 5, 0x38000 | 7); /* each level is the same table */
	ok(walk(&m, 5ull << 39 | 5ull << 30 | 5ull << 21 | 5ull << 12, GPT_WRITE, &a, &e) == OK && a == 0x38000, "a table that maps itself");
	CHECK(gmem_read(bare.mem, GPA(0x38000 + 8 * 5), &value[0], 8) == OK);
	ok((value[0] & 0x60) == 0x60, "is marked too");
	put(0x34000 + 4 * 1, &pde, 4);
	put(0x35000 + 4 * 2, &pte, 4);
	m = (struct gpt_mode){ .cr0 = X86_CR0_PE | X86_CR0_PG, .cr3 = 0x34000 };
	ok(walk(&m, 1ull << 22 | 2 << 12, GPT_WRITE, &a, &e) == OK, "32-bit paging");
	CHECK(gmem_read(bare.mem, GPA(0x34004), &low[0], 4) == OK && gmem_read(bare.mem, GPA(0x35008), &low[1], 4) == OK);
	ok(low[0] == (pde | 0x20) && low[1] == (pte | 0x60), "in entries of four bytes");
	ok(gmem_cas(bare.mem, GPA(0x35008), 4, pte, 0) == E_AGAIN && gmem_cas(bare.mem, GPA(0x35004), 2, 0, 0) == E_GUEST &&
	   gmem_cas(bare.mem, GPA(0x35004), 8, 0, 0) == E_GUEST, "a word that has changed, or is none");
#undef READ_ENTRIES
}

/* A walk that may take its result from the last one: never another result than a walk. */
static struct gpt_memo memo;

static bool again_alike(const struct gpt_mode *m, uint64_t linear, unsigned access)
{
	struct gpt_fault fault[2] = { 0 };
	struct gpa a[2] = { GPA(0), GPA(0) };
	err_t again = gpt_walk_again(bare.mem, m, linear, access, &memo, &a[0], &fault[0]), fresh = gpt_walk(bare.mem, m, linear, access, &a[1], &fault[1]);

	return again == fresh && a[0].v == a[1].v && fault[0].error == fault[1].error && memo.valid == (fresh == OK && (m->efer & X86_EFER_LMA));
}

static void test_memo(void)
{
	const struct gpt_mode first = { .cr0 = X86_CR0_PE | X86_CR0_PG, .cr3 = 0x38000, .cr4 = X86_CR4_PAE, .efer = X86_EFER_LMA | X86_EFER_LME | X86_EFER_NXE };
	const uint64_t entries[4] = { 0x38000, 0x39000, 0x3a000, 0x3b000 };
	struct gpt_mode m = first;

	for (unsigned i = 0; i < 4; i++)
		put64(entries[i], (i < 3 ? entries[i + 1] : 0x25000) | 7);
	put64(0x3b008, 0x26000 | 7);
	ok(again_alike(&m, 0x10, GPT_FETCH) && again_alike(&m, 0xfff, GPT_FETCH) && memo.gpa == 0x25000, "a page is found again");
	ok(again_alike(&m, 0x1010, GPT_FETCH) && memo.gpa == 0x26000 && again_alike(&m, 0x10, GPT_FETCH), "another one is not it");
	for (unsigned i = 0; i < 4; i++) {
		uint64_t old = (i < 3 ? entries[i + 1] : 0x25000) | 7;

		CHECK(again_alike(&m, 0x10, GPT_FETCH) && memo.valid);
		put64(entries[i], old & ~1ull);
		ok(again_alike(&m, 0x10, GPT_FETCH) && !memo.valid, "entry %u goes", i);
		put64(entries[i], old);
		CHECK(again_alike(&m, 0x10, GPT_FETCH) && memo.valid);
		put64(entries[i], old | PTE_NX_BIT);
		ok(again_alike(&m, 0x10, GPT_FETCH) && !memo.valid, "entry %u forbids", i);
		put64(entries[i], old);
	}
	CHECK(again_alike(&m, 0x10, GPT_FETCH));
	put64(entries[3], 0x27000 | 7);
	ok(again_alike(&m, 0x10, GPT_FETCH) && memo.gpa == 0x27000, "another page is mapped there");
	ok(again_alike(&m, 0x10, GPT_WRITE) && again_alike(&m, 0x10, GPT_READ), "another access");
	m.user = true;
	put64(entries[2], entries[3] | 3);
	ok(again_alike(&m, 0x10, GPT_READ) && !memo.valid, "a user is not the kernel");
	m = first;
	CHECK(again_alike(&m, 0x10, GPT_FETCH));
	m.cr3 = 0x39000;
	ok(again_alike(&m, 0x10, GPT_FETCH), "other tables");
	m = first;
	m.cr0 &= ~X86_CR0_PG;
	m.efer = 0;
	ok(again_alike(&m, 0x10, GPT_FETCH) || memo.valid, "no paging");
	ok(memo.gpa == 0, "is a map of its own");
	m = (struct gpt_mode){ .cr0 = X86_CR0_PE | X86_CR0_PG, .cr3 = 0x34000 };
	ok(again_alike(&m, 1ull << 22 | 2 << 12, GPT_FETCH), "entries of four bytes are not remembered");
}

static void test_segments(void)
{
	struct x86_mode m;
	uint64_t linear;

	regs_flat32(&f->regs);
	hv_current->arch->mode_get(v, &m);
	f->nevents = 0;
	f->regs.seg[SEG_DS].base = 0x1000;
	f->regs.seg[SEG_DS].limit = 0xfff;
	ok(x86_linear(v, &m, SEG_DS, 0xffc, 4, &linear) == OK && linear == 0x1ffc, "the last four bytes of a segment");
	ok(x86_linear(v, &m, SEG_DS, 0xffd, 4, &linear) == E_PERM && f->events[0].vector == 13, "one beyond: #GP");
	f->regs.seg[SEG_SS].limit = 0xff;
	ok(x86_linear(v, &m, SEG_SS, 0x100, 1, &linear) == E_PERM && f->events[1].vector == 12, "on the stack: #SS");
	f->regs.seg[SEG_ES].attr = 0xc97;
	f->regs.seg[SEG_ES].limit = 0xfff;
	ok(x86_linear(v, &m, SEG_ES, 0xfff, 1, &linear) == E_PERM && x86_linear(v, &m, SEG_ES, 0x1000, 4, &linear) == OK, "expand-down");
	f->regs.seg[SEG_FS].attr = 0;
	ok(x86_linear(v, &m, SEG_FS, 0, 1, &linear) == E_PERM, "a null segment");
	f->regs.seg[SEG_DS].base = 0xffffff00, f->regs.seg[SEG_DS].limit = UINT32_MAX;
	ok(x86_linear(v, &m, SEG_DS, 0x200, 4, &linear) == OK && linear == 0x100, "addresses wrap at 4 GiB");
}

static void host(uint32_t leaf, uint32_t sub, struct cpuid_regs *r)
{
	(void)sub;
	*r = (struct cpuid_regs){ leaf == 0 ? 0x20 : leaf == 0x80000000 ? 0x80000028 : 0x3030, ~0u, ~0u, ~0u };
}

int main(void)
{
	fake_init(64 * MIB, 1);
	fake_hv_use();
	cpuid_init(host, 1000000000, false, false);
	if (!ok(bare_init(1), "a VM"))
		return tap_done();
	v = &bare_vcpus[0];
	bus_init(&bare.pio, 0x10000);
	v->arch = pool_alloc(&bare.pool, sizeof(struct x86_vcpu));
	if (!ok(v->arch && hv_fake.vcpu_init(v) == OK && bus_claim(&bare.mmio, DEV, 256, &dev_ops, NULL, "dev") == OK &&
		bus_claim(&bare.pio, 0x80, 4, &dev_ops, NULL, "dev") == OK, "a vCPU and a device"))
		return tap_done();
	f = fake_vcpu(v);
	test_moves();
	test_rmw();
	test_crossing();
	test_strings();
	test_refusals();
	test_walk();
	test_accessed_dirty();
	test_memo();
	test_segments();
	hv_fake.vcpu_fini(v);
	pool_free(&bare.pool, v->arch, sizeof(struct x86_vcpu));
	ok(bare_fini(), "everything came back");
	return tap_done();
}
