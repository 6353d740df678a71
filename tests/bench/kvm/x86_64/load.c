/* SPDX-License-Identifier: Apache-2.0 */
/* An ELF kernel with a PVH note (Xen docs/misc/pvh.pandoc; include/public/arch-x86/hvm/start_info.h): the initrd at the end of RAM,
 * start_info and what it points to below 640 KiB. */
#include "machine.h"
#include <stdio.h>
#include <string.h>

#define START_INFO 0x6000
#define MODULE 0x6100
#define MEMORY_MAP 0x6200
#define COMMAND_LINE 0x7000
#define COMMAND_LINE_MAX 2048
#define LOW_END 0x9fc00
#define HIGH_BEGIN 0x100000
#define NOTE_PHYS32_ENTRY 18

struct start_info { uint32_t magic, version, flags, nr_modules; uint64_t modlist, cmdline, rsdp, memmap; uint32_t memmap_entries, reserved; };
struct module { uint64_t paddr, size, cmdline, reserved; };
struct map_entry { uint64_t addr, size; uint32_t type, reserved; };

/* The entry that a note names, 0 when this segment has none. */
static uint32_t find_note(int fd, const Elf64_Phdr *p)
{
	uint8_t notes[1024];
	size_t len = p->p_filesz < sizeof notes ? p->p_filesz : sizeof notes;

	read_at(fd, notes, len, p->p_offset);
	for (size_t at = 0; at + sizeof(Elf64_Nhdr) + 8 <= len;) {
		Elf64_Nhdr n;
		uint32_t entry;
		size_t name = at + sizeof n, desc;

		memcpy(&n, notes + at, sizeof n);
		desc = name + ((n.n_namesz + 3u) & ~3u);
		if (n.n_type == NOTE_PHYS32_ENTRY && n.n_namesz == 4 && !memcmp(notes + name, "Xen", 4) && desc + 4 <= len) {
			memcpy(&entry, notes + desc, 4);
			return entry;
		}
		at = desc + ((n.n_descsz + 3u) & ~3u);
	}
	return 0;
}

static void load_initrd(struct guest *g, const char *path, struct start_info *s)
{
	struct module *m = ram_at(g, MODULE, sizeof *m);
	struct piece f = load_at_end(g, path);

	m->paddr = f.at;
	m->size = f.len;
	s->nr_modules = 1;
	s->modlist = MODULE;
}

struct entry load(struct guest *g, const char *kernel, const char *initrd, const char *cmdline)
{
	struct start_info *s = ram_at(g, START_INFO, sizeof *s);
	struct map_entry *map = ram_at(g, MEMORY_MAP, 2 * sizeof *map);
	struct entry e = { .info = START_INFO };

	e.pc = load_elf(g, kernel, find_note);
	s->magic = 0x336ec578;
	s->version = 1;
	s->memmap = MEMORY_MAP;
	s->memmap_entries = 2;
	map[0] = (struct map_entry){ .size = LOW_END, .type = 1 };
	map[1] = (struct map_entry){ .addr = HIGH_BEGIN, .size = g->ram_len - HIGH_BEGIN, .type = 1 };
	if (initrd)
		load_initrd(g, initrd, s);
	if (cmdline) {
		snprintf(ram_at(g, COMMAND_LINE, COMMAND_LINE_MAX), COMMAND_LINE_MAX, "%s", cmdline);
		s->cmdline = COMMAND_LINE;
	}
	return e;
}
