/* SPDX-License-Identifier: Apache-2.0 */
/* Files into the guest's RAM: ELF segments by reads straight into it, and whole files at its end. What a guest is told of that is the
 * machine's (ARCH/). */
#include "monitor.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_SEGMENTS 16

void *ram_at(struct guest *g, uint64_t gpa, uint64_t len)
{
	uint64_t at = gpa - g->ram_base;

	errno = E2BIG;
	if (at > g->ram_len || len > g->ram_len - at)
		die("RAM is too small for what is loaded");
	return g->ram + at;
}

void read_at(int fd, void *to, size_t len, uint64_t offset)
{
	for (size_t done = 0; done < len;) {
		ssize_t n = pread(fd, (uint8_t *)to + done, len - done, (off_t)(offset + done));

		if (n <= 0)
			die("file");
		done += (size_t)n;
	}
}

uint64_t load_elf(struct guest *g, const char *path, uint32_t (*note)(int fd, const Elf64_Phdr *p))
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	Elf64_Phdr p[MAX_SEGMENTS];
	Elf64_Ehdr e;
	uint64_t entry, found;

	if (fd < 0)
		die(path);
	read_at(fd, &e, sizeof e, 0);
	errno = ENOEXEC;
	if (memcmp(e.e_ident, ELFMAG, SELFMAG) != 0 || e.e_ident[EI_CLASS] != ELFCLASS64 || e.e_phnum > MAX_SEGMENTS)
		die(path);
	entry = note ? 0 : e.e_entry;
	read_at(fd, p, e.e_phnum * sizeof *p, e.e_phoff);
	for (unsigned i = 0; i < e.e_phnum; i++) {
		if (p[i].p_type == PT_LOAD)
			read_at(fd, ram_at(g, p[i].p_paddr, p[i].p_memsz), p[i].p_filesz, p[i].p_offset);
		if (p[i].p_type == PT_NOTE && note && (found = note(fd, &p[i])) != 0)
			entry = found;
	}
	errno = ENOEXEC;
	if (!entry)
		die(path);
	close(fd);
	return entry;
}

struct piece load_at_end(struct guest *g, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct piece f;
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		die(path);
	f.len = (uint64_t)st.st_size;
	f.at = (g->ram_base + g->ram_len - f.len) & ~4095ull;
	read_at(fd, ram_at(g, f.at, f.len), f.len, 0);
	close(fd);
	return f;
}
