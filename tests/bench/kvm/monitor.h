/* SPDX-License-Identifier: Apache-2.0 */
/* The least that runs a guest on Linux with KVM, in Firecracker's style: the kernel's interrupt controller and timer, a serial port, a thread
 * for each vCPU, nothing that is not needed. It is what Caisson is measured against. A Linux program, static, one process for each guest.
 * What is the machine's is in ARCH/. */
#ifndef BENCH_MONITOR_H
#define BENCH_MONITOR_H
#include <elf.h>
#include <linux/kvm.h>
#include <stddef.h>
#include <stdint.h>
#include "monitor_map.h"

#define MAX_CPUS 4

struct guest {
	int kvm, vm;
	uint64_t ram_base; /* guest-physical */
	uint8_t *ram;
	size_t ram_len;
	unsigned ncpus;
	int cpus[MAX_CPUS];
};
struct entry { uint64_t pc, info; /* start_info, or the device tree */ };

/* Ends the process with errno's reason. */
_Noreturn void die(const char *what);
int check(int result, const char *what);

/* ---- load.c: files into RAM */
void *ram_at(struct guest *g, uint64_t gpa, uint64_t len);
void read_at(int fd, void *to, size_t len, uint64_t offset);
/* Segments of an ELF file, each where it says. The entry is note's, which looks at the file's notes until one names it, or, where note is
 * NULL, the file's. */
uint64_t load_elf(struct guest *g, const char *path, uint32_t (*note)(int fd, const Elf64_Phdr *p));
/* The file at the end of RAM, on a page. */
struct piece { uint64_t at, len; };
struct piece load_at_end(struct guest *g, const char *path);

/* ---- ARCH/: initrd and cmdline may be NULL */
struct entry load(struct guest *g, const char *kernel, const char *initrd, const char *cmdline);
/* The interrupt controller, as far as it comes before the vCPUs; and what comes after them. */
void machine_begin(struct guest *g);
void machine_ready(struct guest *g);
/* Where RAM lies. */
extern const uint64_t machine_ram;
/* A vCPU that is there, as it starts; those above the first wait to be started. */
void machine_cpu(struct guest *g, unsigned index, const struct entry *e);
/* An exit that is not the same everywhere: 1 goes on, 0 the guest has switched itself off, -1 nobody knows it. */
int machine_exit(struct guest *g, struct kvm_run *r);
/* What ioeventfd takes off the monitor's hands: notifications that the kernel turns into an event by itself. */
void notify_init(struct guest *g);

#endif
