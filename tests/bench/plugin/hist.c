/* SPDX-License-Identifier: Apache-2.0 */
/* How often each instruction of the host ran between two marks: lines "at MARK ADDRESS TIMES", for one mark's number after the other.
 * Addresses are as they ran; tests/bench/symbols.py names them. */
#include "plugin.h"
#include <stdlib.h>

#define BUCKETS 65536

struct spot {
	struct spot *next;
	uint64_t va, times;
};

bool hist_on;
static struct spot *buckets[BUCKETS];
static unsigned mark; /* whose counts are in the table; 0: none */

static struct spot *spot_of(uint64_t va)
{
	struct spot **at = &buckets[(va ^ va >> 16) % BUCKETS], *s;

	for (s = *at; s; s = s->next)
		if (s->va == va)
			return s;
	s = calloc(1, sizeof *s);
	if (!s)
		abort();
	*s = (struct spot){ .next = *at, .va = va };
	return *at = s;
}

static void on_spot(unsigned cpu, void *data)
{
	if (!counts_of(cpu)->in_guest)
		((struct spot *)data)->times++;
}

void hist_translate(struct qemu_plugin_insn *insn, uint64_t va)
{
	if (hist_on)
		qemu_plugin_register_vcpu_insn_exec_cond_cb(insn, on_spot, QEMU_PLUGIN_CB_NO_REGS, QEMU_PLUGIN_COND_NE, recording, 0, spot_of(va));
}

void hist_begin(unsigned begun, unsigned cpu)
{
	if (!hist_on)
		return;
	if (mark != begun)
		hist_write();
	mark = begun;
	counts_of(cpu)->recording = 1;
}

void hist_end(unsigned cpu)
{
	if (hist_on)
		counts_of(cpu)->recording = 0;
}

void hist_write(void)
{
	for (unsigned i = 0; mark && i < BUCKETS; i++)
		for (struct spot *s = buckets[i]; s; s = s->next) {
			if (s->times)
				fprintf(log_file, "at %x %" PRIx64 " %" PRIu64 "\n", mark, s->va, s->times);
			s->times = 0;
		}
	fflush(log_file);
	mark = 0;
}
