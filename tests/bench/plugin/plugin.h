/* SPDX-License-Identifier: Apache-2.0 */
/* The bench's QEMU plugin: instructions counted between marks (count.c), by place (hist.c), and the memory that an exit touches (lines.c).
 * Everything that it learns goes as lines of text to one log, which tests/bench/counted.py reads. All of it runs in QEMU, on the thread of
 * the emulated CPU; thread=single is taken for granted. */
#ifndef BENCH_PLUGIN_H
#define BENCH_PLUGIN_H
#include <inttypes.h>
#include <stdio.h>
#include "qemu_plugin.h"

/* Of each emulated CPU. The first two members are added to and compared by code that QEMU generates. */
struct counts {
	uint64_t total;    /* instructions */
	uint64_t recording; /* 1 while hist.c or lines.c want to hear of each */
	uint64_t at_entry; /* total at the last entry into a guest */
	uint64_t guest;    /* instructions in guests, up to the last exit */
	uint64_t entries;
	bool in_guest;
};
/* What QEMU's owner may look at while it runs: the counts when the host's CPU went to sleep last. A file of these words, mapped. */
struct live { volatile uint64_t sleeps, total, host, entries; };
struct counts *counts_of(unsigned cpu);
extern qemu_plugin_u64 recording;
extern FILE *log_file;

/* A place that the log names by link address: the image of the firmware is wherever UEFI put it. */
bool place_add(const char *text);  /* ID@ADDRESS, both hex */
bool anchor_set(const char *text); /* ADDRESS:BYTES, hex: the first code of the image that runs, and where it was linked */

/* hist.c: instructions by address, between a mark of an even number and the one behind it. */
extern bool hist_on;
void hist_translate(struct qemu_plugin_insn *insn, uint64_t va);
void hist_begin(unsigned mark, unsigned cpu);
void hist_end(unsigned cpu);
void hist_write(void);

/* lines.c: cache lines and accesses to the control block for each exit, between the same marks. */
extern bool lines_on;
void lines_translate(struct qemu_plugin_insn *insn, uint64_t va);
void lines_begin(unsigned mark);
void lines_end(void);
void lines_exit(unsigned cpu);  /* a guest was left */
void lines_entry(unsigned cpu); /* and is entered again */
extern const char *control_register; /* points to the control block at an entry; NULL: no accesses are counted */
void lines_write(void);

#endif
