/* SPDX-License-Identifier: Apache-2.0 */
/* Counts instructions, in all and in guests, and writes the counts to the log at each mark. A mark is an instruction that does nothing and
 * causes no exit wherever it runs (tests/bench/guest/mark.h), or an address of the firmware given by its link address. Where guests
 * begin and end is the architecture's to know (target.h). */
#include "plugin.h"
#include "target.h"
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

QEMU_PLUGIN_EXPORT int qemu_plugin_version = QEMU_PLUGIN_VERSION;
QEMU_PLUGIN_EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc, char **argv);

#define MAX_PLACES 32
#define ANCHOR_MAX 32
#define MARK_ENTERED 0xfffe /* of guest/mark.h: comes behind each mark of 0x1xx */
#define MAX_LANDINGS 64

static struct qemu_plugin_scoreboard *board;
static qemu_plugin_u64 total;
qemu_plugin_u64 recording;
FILE *log_file;
static struct live *live;
static bool armed;      /* the next entry into a guest is to be told */
static bool inline_off; /* with several CPUs QEMU 10.0 crashes on code that counts by itself */

static struct place { uint64_t link; unsigned mark; } places[MAX_PLACES];
static unsigned nplaces;
static struct { uint64_t link; uint8_t bytes[ANCHOR_MAX]; size_t len; } anchor;
static uint64_t image_base;
static bool image_found; /* without an anchor it lies where it was linked */

static const struct target *const targets[] = { &target_x86_64, &target_aarch64 };
static const struct target *target;
static uint64_t landings[MAX_LANDINGS]; /* where guests come back */
static unsigned nlandings;

struct counts *counts_of(unsigned cpu)
{
	return qemu_plugin_scoreboard_find(board, cpu);
}

static uint64_t host_of(const struct counts *c)
{
	return c->total - c->guest - (c->in_guest ? c->total - c->at_entry : 0);
}

static void say(unsigned mark, unsigned cpu)
{
	const struct counts *c = counts_of(cpu);

	fprintf(log_file, "mark %x cpu %u total %" PRIu64 " host %" PRIu64 " entries %" PRIu64 "\n", mark, cpu, c->total, host_of(c), c->entries);
	fflush(log_file);
}

static void tell(unsigned mark, unsigned cpu)
{
	armed |= mark >> 8 == 1;
	say(mark, cpu);
}

static void on_mark(unsigned cpu, void *data)
{
	unsigned mark = (unsigned)(uintptr_t)data;
	bool of_case = mark >> 12 == 1; /* MARK_CASES and up */

	if (of_case && mark & 1) {
		hist_end(cpu);
		lines_end();
	}
	tell(mark, cpu);
	if (of_case && !(mark & 1)) {
		hist_begin(mark, cpu);
		lines_begin(mark);
	}
}

static void on_place(unsigned cpu, void *data)
{
	tell((unsigned)(uintptr_t)data, cpu);
}

static bool is_landing(uint64_t va)
{
	for (unsigned i = 0; i < nlandings; i++)
		if (landings[i] == va)
			return true;
	return false;
}

/* None of them has run before the first guest has come back there, so that on_exit_ is put into all. */
static bool find_landings(uint64_t va)
{
	uint64_t at[TARGET_LANDINGS];
	unsigned n = target->landings(va, at);

	for (unsigned i = 0; i < n; i++)
		if (!is_landing(at[i]) && nlandings < MAX_LANDINGS)
			landings[nlandings++] = at[i];
	return n;
}

static void on_entry(unsigned cpu, void *va)
{
	struct counts *c = counts_of(cpu);

	if (c->in_guest || !find_landings((uintptr_t)va))
		return;
	if (armed)
		say(MARK_ENTERED, cpu);
	armed = false;
	c->entries++;
	c->in_guest = true;
	c->at_entry = c->total;
	lines_entry(cpu);
}

static void on_exit_(unsigned cpu, void *data)
{
	struct counts *c = counts_of(cpu);

	(void)data;
	if (!c->in_guest || !target->landed())
		return;
	c->in_guest = false;
	c->guest += c->total - c->at_entry - 1; /* this one is the host's again */
	lines_exit(cpu);
}

static void on_sleep(unsigned cpu, void *data)
{
	const struct counts *c = counts_of(cpu);

	(void)data;
	if (c->in_guest)
		return;
	live->total = c->total;
	live->host = host_of(c);
	live->entries = c->entries;
	live->sleeps++;
}

static void on_insn(unsigned cpu, void *data)
{
	(void)data;
	counts_of(cpu)->total++;
}

static void find_places(struct qemu_plugin_insn *insn, uint64_t va)
{
	for (unsigned i = 0; image_found && i < nplaces; i++)
		if (va == image_base + places[i].link)
			qemu_plugin_register_vcpu_insn_exec_cb(insn, on_place, QEMU_PLUGIN_CB_NO_REGS, (void *)(uintptr_t)places[i].mark);
}

static void find_own(struct qemu_plugin_insn *insn, const uint8_t *b, size_t len, uint64_t va)
{
	unsigned mark;

	if (is_landing(va))
		qemu_plugin_register_vcpu_insn_exec_cb(insn, on_exit_, QEMU_PLUGIN_CB_R_REGS, NULL);
	switch (target->kind(b, len, &mark)) {
	case INSN_MARK:
		qemu_plugin_register_vcpu_insn_exec_cb(insn, on_mark, QEMU_PLUGIN_CB_NO_REGS, (void *)(uintptr_t)mark);
		break;
	case INSN_ENTRY:
		qemu_plugin_register_vcpu_insn_exec_cb(insn, on_entry, QEMU_PLUGIN_CB_R_REGS, (void *)(uintptr_t)va);
		break;
	case INSN_SLEEP:
		if (live)
			qemu_plugin_register_vcpu_insn_exec_cb(insn, on_sleep, QEMU_PLUGIN_CB_NO_REGS, NULL);
		break;
	case INSN_OTHER:
		break;
	}
}

/* The image is found by the first bytes of its entry, which no relocation changes. */
static void find_image(const struct qemu_plugin_tb *tb)
{
	uint8_t b[ANCHOR_MAX + 16];
	size_t n = 0, insns = qemu_plugin_tb_n_insns(tb);

	for (size_t i = 0; i < insns && n < anchor.len; i++)
		n += qemu_plugin_insn_data(qemu_plugin_tb_get_insn(tb, i), b + n, 16);
	if (n < anchor.len || memcmp(b, anchor.bytes, anchor.len) != 0)
		return;
	image_found = true;
	image_base = qemu_plugin_tb_vaddr(tb) - anchor.link;
	fprintf(log_file, "image %" PRIx64 "\n", image_base);
	fflush(log_file);
}

static void on_translate(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	size_t n = qemu_plugin_tb_n_insns(tb);

	(void)id;
	if (anchor.len && !image_found)
		find_image(tb);
	for (size_t i = 0; i < n; i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
		uint64_t va = qemu_plugin_insn_vaddr(insn);
		uint8_t b[16] = { 0 };
		size_t len = qemu_plugin_insn_data(insn, b, sizeof b);

		if (inline_off)
			qemu_plugin_register_vcpu_insn_exec_cb(insn, on_insn, QEMU_PLUGIN_CB_NO_REGS, NULL);
		else
			qemu_plugin_register_vcpu_insn_exec_inline_per_vcpu(insn, QEMU_PLUGIN_INLINE_ADD_U64, total, 1);
		find_own(insn, b, len, va);
		find_places(insn, va);
		hist_translate(insn, va);
		lines_translate(insn, va);
	}
}

static void on_cpu(qemu_plugin_id_t id, unsigned cpu)
{
	(void)id, (void)cpu;
	regs_init();
}

static void at_exit(qemu_plugin_id_t id, void *data)
{
	(void)id, (void)data;
	hist_write();
	lines_write();
	for (int i = 0; i < qemu_plugin_num_vcpus(); i++)
		say(0xffff, (unsigned)i);
}

bool place_add(const char *text)
{
	char *end;

	if (nplaces == MAX_PLACES)
		return false;
	places[nplaces].mark = (unsigned)strtoul(text, &end, 16);
	if (*end != '@')
		return false;
	places[nplaces++].link = strtoull(end + 1, &end, 16);
	return *end == 0;
}

bool anchor_set(const char *text)
{
	char *end;
	unsigned byte;

	anchor.link = strtoull(text, &end, 16);
	if (*end++ != ':')
		return false;
	for (; anchor.len < ANCHOR_MAX && sscanf(end, "%2x", &byte) == 1; end += 2)
		anchor.bytes[anchor.len++] = (uint8_t)byte;
	return anchor.len && *end == 0;
}

static bool live_open(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT, 0600);
	void *m;

	if (fd < 0 || ftruncate(fd, sizeof *live) < 0)
		return false;
	m = mmap(NULL, sizeof *live, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	live = m == MAP_FAILED ? NULL : m;
	return live != NULL;
}

static bool option(const char *arg)
{
	if (!strncmp(arg, "log=", 4))
		return (log_file = fopen(arg + 4, "w")) != NULL;
	if (!strncmp(arg, "place=", 6))
		return place_add(arg + 6);
	if (!strncmp(arg, "anchor=", 7))
		return anchor_set(arg + 7);
	if (!strncmp(arg, "live=", 5))
		return live_open(arg + 5);
	if (!strcmp(arg, "hist=on"))
		return hist_on = true;
	if (!strcmp(arg, "lines=on"))
		return lines_on = true;
	if (!strcmp(arg, "inline=off"))
		return inline_off = true;
	return false;
}

int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc, char **argv)
{
	for (size_t i = 0; i < sizeof targets / sizeof *targets; i++)
		if (!strcmp(targets[i]->name, info->target_name))
			target = targets[i];
	if (!target) {
		fprintf(stderr, "bench plugin: nothing is known of %s\n", info->target_name);
		return -1;
	}
	control_register = target->control;
	log_file = stderr;
	for (int i = 0; i < argc; i++) {
		if (option(argv[i]))
			continue;
		fprintf(stderr, "bench plugin: what is %s\n", argv[i]);
		return -1;
	}
	image_found = !anchor.len;
	board = qemu_plugin_scoreboard_new(sizeof(struct counts));
	total = (qemu_plugin_u64){ board, offsetof(struct counts, total) };
	recording = (qemu_plugin_u64){ board, offsetof(struct counts, recording) };
	qemu_plugin_register_vcpu_init_cb(id, on_cpu);
	qemu_plugin_register_vcpu_tb_trans_cb(id, on_translate);
	qemu_plugin_register_atexit_cb(id, at_exit, NULL);
	return 0;
}
