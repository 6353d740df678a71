/* SPDX-License-Identifier: Apache-2.0 */
/* A VMCB into the log, when the CPU refused to enter it. Own CPU. One VM ends by it, so its length is bounded by the operator's patience, not
 * by a rate. */
#include "svm.h"
#include <core/fmt.h>
#include <core/log.h>
#include <string.h>

#define PER_LINE 4 /* of at most 40 characters each */

struct dump_row { uint16_t offset; uint8_t size; const char *name; };
#define ROW(field, title) { offsetof(struct vmcb, field), sizeof(((struct vmcb *)0)->field), title }
static const struct dump_row dump_rows[] = {
	ROW(c.asid, "asid"), ROW(c.tlb_control, "tlb control"), ROW(c.int_ctl, "interrupt control"), ROW(c.int_state, "interrupt state"),
	ROW(c.exit_code, "exit code"), ROW(c.exit_info1, "info 1"), ROW(c.exit_info2, "info 2"), ROW(c.exit_int_info, "vectoring"),
	ROW(c.event_inj, "entry event"), ROW(c.np_enable, "nested paging"), ROW(c.n_cr3, "nested cr3"), ROW(c.clean, "clean"),
	ROW(c.iopm_pa, "i/o map"), ROW(c.msrpm_pa, "msr map"), ROW(c.tsc_offset, "tsc offset"), ROW(c.virt_ext, "extensions"),
	ROW(s.cr0, "cr0"), ROW(s.cr3, "cr3"), ROW(s.cr4, "cr4"), ROW(s.efer, "efer"), ROW(s.g_pat, "pat"), ROW(s.debugctl, "debugctl"),
	ROW(s.rip, "rip"), ROW(s.rsp, "rsp"), ROW(s.rflags, "rflags"), ROW(s.cpl, "cpl"), ROW(s.dr6, "dr6"), ROW(s.dr7, "dr7"),
	ROW(s.gdtr.limit, "gdtr.limit"), ROW(s.gdtr.base, "gdtr.base"), ROW(s.idtr.limit, "idtr.limit"), ROW(s.idtr.base, "idtr.base"),
};

/* Names of single bits. */
struct bit_name { uint8_t bit; const char *name; };
static const struct bit_name word1[] = {
	{ 0, "INTR" }, { 1, "NMI" }, { 3, "INIT" }, { 4, "VINTR" }, { 15, "RDPMC" }, { 18, "CPUID" }, { 19, "RSM" }, { 20, "IRET" }, { 22, "INVD" },
	{ 23, "PAUSE" }, { 24, "HLT" }, { 26, "INVLPGA" }, { 27, "I/O" }, { 28, "MSR" }, { 29, "task switch" }, { 30, "FERR" }, { 31, "shutdown" },
}, word2[] = {
	{ 0, "VMRUN" }, { 1, "VMMCALL" }, { 2, "VMLOAD" }, { 3, "VMSAVE" }, { 4, "STGI" }, { 5, "CLGI" }, { 6, "SKINIT" }, { 9, "WBINVD" },
	{ 10, "MONITOR" }, { 11, "MWAIT" }, { 12, "MWAIT (armed)" }, { 13, "XSETBV" }, { 14, "RDPRU" },
}, word3[] = {
	{ 0, "INVLPGB" }, { 1, "INVLPGB (illegal)" }, { 3, "MCOMMIT" }, { 4, "TLBSYNC" },
};

static void dump_intercepts(uint32_t value, const struct bit_name *names, size_t n)
{
	char line[LOG_LINE_MAX];
	size_t len = fmt_buf(line, sizeof(line), " intercepts 0x%x:", value);

	for (size_t i = 0; i < n; i++)
		if (value & (1u << names[i].bit))
			len += fmt_buf(line + len, sizeof(line) - len, " %s;", names[i].name);
	log_error("svm", "%s", line);
}

static void dump_segments(const struct vmcb_save *s)
{
	const struct { const char *name; const struct vmcb_seg *seg; } rows[] = {
		{ "es", &s->es }, { "cs", &s->cs }, { "ss", &s->ss }, { "ds", &s->ds }, { "fs", &s->fs }, { "gs", &s->gs }, { "ldtr", &s->ldtr }, { "tr", &s->tr },
	};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct vmcb_seg *g = rows[i].seg;
		char words[64];

		x86_seg_describe(g->attr, words, sizeof(words));
		log_error("svm", " %s=0x%x base 0x%llx limit 0x%x attributes 0x%x: %s", rows[i].name, g->selector, (unsigned long long)g->base, g->limit,
			  g->attr, words);
	}
}

static unsigned long long field(const struct vmcb *b, const struct dump_row *row)
{
	uint64_t value = 0;

	memcpy(&value, (const char *)b + row->offset, row->size);
	return value;
}

void svm_dump(const struct vcpu *v, const char *why)
{
	const unsigned n = sizeof(dump_rows) / sizeof(dump_rows[0]);
	const struct vmcb *b = ((const struct svm_vcpu *)v->hv)->vmcb;

	log_error("svm", "%s: vcpu %u on CPU %u: %s", v->vm->name, v->index, hal_cpu_id(), why);
	log_error("svm", " intercepts of cr 0x%x, dr 0x%x, exceptions 0x%x", b->c.intercept_cr, b->c.intercept_dr, b->c.intercept_exc);
	dump_intercepts(b->c.intercept1, word1, sizeof(word1) / sizeof(word1[0]));
	dump_intercepts(b->c.intercept2, word2, sizeof(word2) / sizeof(word2[0]));
	dump_intercepts(b->c.intercept3, word3, sizeof(word3) / sizeof(word3[0]));
	dump_segments(&b->s);
	for (unsigned i = 0; i < n; i += PER_LINE) {
		char line[LOG_LINE_MAX];
		size_t len = 0;

		for (unsigned j = i; j < n && j < i + PER_LINE; j++)
			len += fmt_buf(line + len, sizeof(line) - len, " %s=0x%llx", dump_rows[j].name, field(b, &dump_rows[j]));
		log_error("svm", "%s", line);
	}
}
