/* SPDX-License-Identifier: Apache-2.0 */
/* What memory the host touches between an exit and the entry behind it: distinct lines of 64 bytes of code and of data, and accesses to
 * the VMCB, where there is one, by the host's own loads and stores (what VMRUN moves by itself is not seen). For each mark a line
 * "touched MARK EXITS CODE DATA READS WRITES", sums over the exits. The VMCB is where a register points at the entry (target.h); the host's memory is mapped one to one. */
#include "plugin.h"
#include "target.h"
#include <string.h>

#define SLOTS 4096
#define LINE_SHIFT 6
#define PAGE_SHIFT 12

struct set {
	uint64_t key[SLOTS];
	uint32_t era[SLOTS];
	uint64_t count;
};

bool lines_on;
const char *control_register;
static struct set code, data;
static uint32_t era = 1;
static unsigned mark;
static bool open;    /* between a mark and its end */
static bool outside; /* of the guest, since an exit in between */
static uint64_t control_page;
static struct { uint64_t exits, code, data, reads, writes; } sum, now;

static void touch(struct set *s, uint64_t line)
{
	unsigned i = (unsigned)(line * 0x9e3779b97f4a7c15ull >> 52) % SLOTS;

	while (s->era[i] == era && s->key[i] != line)
		i = (i + 1) % SLOTS;
	if (s->era[i] == era)
		return;
	if (s->count == SLOTS - 1)
		return; /* an exit that zeroes a large page: so many, and more */
	s->era[i] = era;
	s->key[i] = line;
	s->count++;
}

static void on_code(unsigned cpu, void *line)
{
	(void)cpu;
	if (outside)
		touch(&code, (uintptr_t)line);
}

static void on_data(unsigned cpu, qemu_plugin_meminfo_t info, uint64_t va, void *write)
{
	uint64_t last = va + (1u << qemu_plugin_mem_size_shift(info)) - 1;

	(void)cpu;
	if (!outside)
		return;
	for (uint64_t line = va >> LINE_SHIFT; line <= last >> LINE_SHIFT; line++)
		touch(&data, line);
	if (va >> PAGE_SHIFT == control_page)
		*(write ? &now.writes : &now.reads) += 1;
}

void lines_translate(struct qemu_plugin_insn *insn, uint64_t va)
{
	if (!lines_on)
		return;
	qemu_plugin_register_vcpu_insn_exec_cb(insn, on_code, QEMU_PLUGIN_CB_NO_REGS, (void *)(uintptr_t)(va >> LINE_SHIFT));
	qemu_plugin_register_vcpu_mem_cb(insn, on_data, QEMU_PLUGIN_CB_NO_REGS, QEMU_PLUGIN_MEM_R, NULL);
	qemu_plugin_register_vcpu_mem_cb(insn, on_data, QEMU_PLUGIN_CB_NO_REGS, QEMU_PLUGIN_MEM_W, &lines_on);
}

void lines_begin(unsigned begun)
{
	if (!lines_on)
		return;
	if (mark != begun)
		lines_write();
	mark = begun;
	open = true;
}

void lines_end(void)
{
	open = outside = false;
}

void lines_exit(unsigned cpu)
{
	(void)cpu;
	if (!open)
		return;
	outside = true;
	era++;
	code.count = data.count = 0;
	memset(&now, 0, sizeof now);
}

void lines_entry(unsigned cpu)
{
	(void)cpu;
	if (!lines_on)
		return;
	if (outside) {
		sum.exits++;
		sum.code += code.count;
		sum.data += data.count;
		sum.reads += now.reads;
		sum.writes += now.writes;
		outside = false;
	}
	control_page = control_register ? reg_read(control_register) >> PAGE_SHIFT : 0;
}

void lines_write(void)
{
	if (mark && sum.exits)
		fprintf(log_file, "touched %x %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", mark, sum.exits, sum.code, sum.data, sum.reads, sum.writes);
	fflush(log_file);
	memset(&sum, 0, sizeof sum);
	mark = 0;
}
