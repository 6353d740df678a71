/* SPDX-License-Identifier: Apache-2.0 */
/* monitor KERNEL [-i INITRD] [-a CMDLINE] [-m MIB] [-c CPUS] [-l]: makes the VM and runs it until it switches itself off. See monitor.h.
 * Memory is what Linux gives when it is touched; with -l by 4 KiB below LARGE_PAGES and by 2 MiB above, which the exit guest relies on. */
#define _GNU_SOURCE
#include "monitor.h"
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include "mark.h"

#define LARGE_PAGES (32ul << 20)
#define RANGE (2ul << 20)

struct thread { struct guest *g; unsigned index; };

_Noreturn void die(const char *what)
{
	fprintf(stderr, "monitor: %s: %s\n", what, strerror(errno));
	exit(1);
}

int check(int result, const char *what)
{
	if (result < 0)
		die(what);
	return result;
}

static void choose_pages(struct guest *g)
{
	size_t small = g->ram_len < LARGE_PAGES ? g->ram_len : LARGE_PAGES;

	check(madvise(g->ram, small, MADV_NOHUGEPAGE), "small pages");
	check(madvise(g->ram + small, g->ram_len - small, MADV_HUGEPAGE), "large pages");
}

static void make_ram(struct guest *g, int large)
{
	uint8_t *m = mmap(NULL, g->ram_len + RANGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	struct kvm_userspace_memory_region r = { .guest_phys_addr = machine_ram, .memory_size = g->ram_len };

	if (m == MAP_FAILED)
		die("memory");
	g->ram_base = machine_ram;
	g->ram = (uint8_t *)(((uintptr_t)m + RANGE - 1) & -RANGE);
	if (large)
		choose_pages(g);
	r.userspace_addr = (uintptr_t)g->ram;
	check(ioctl(g->vm, KVM_SET_USER_MEMORY_REGION, &r), "memory region");
}

static void make_vm(struct guest *g, int large)
{
	g->kvm = check(open("/dev/kvm", O_RDWR | O_CLOEXEC), "/dev/kvm");
	g->vm = check(ioctl(g->kvm, KVM_CREATE_VM, 0), "VM");
	machine_begin(g);
	make_ram(g, large);
}

/* The vCPUs of one guest, each on a CPU of its own, as far as there are CPUs. */
static void pin(unsigned index)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(index % (unsigned)sysconf(_SC_NPROCESSORS_ONLN), &set);
	check(sched_setaffinity(0, sizeof set, &set), "CPU");
}

static void run(struct guest *g, unsigned index)
{
	int cpu = g->cpus[index], len = check(ioctl(g->kvm, KVM_GET_VCPU_MMAP_SIZE, 0), "size of a vCPU's page"), more = 1;
	struct kvm_run *r = mmap(NULL, (size_t)len, PROT_READ | PROT_WRITE, MAP_SHARED, cpu, 0);

	if (r == MAP_FAILED)
		die("vCPU's page");
	if (g->ncpus > 1)
		pin(index);
	while (more > 0) {
		if (ioctl(cpu, KVM_RUN, 0) < 0) {
			if (errno != EINTR && errno != EAGAIN) /* a vCPU that another one has just started: once more */
				die("run");
			continue;
		}
		if (r->exit_reason != KVM_EXIT_INTR)
			more = machine_exit(g, r);
	}
	if (more < 0) {
		fprintf(stderr, "monitor: exit of reason %u\n", r->exit_reason);
		exit(1);
	}
}

static void *run_thread(void *arg)
{
	struct thread *t = arg;

	run(t->g, t->index);
	exit(0);
}

static void run_all(struct guest *g)
{
	static struct thread threads[MAX_CPUS];
	pthread_t id;

	for (unsigned i = 1; i < g->ncpus; i++) {
		threads[i] = (struct thread){ g, i };
		errno = pthread_create(&id, NULL, run_thread, &threads[i]);
		if (errno)
			die("thread");
	}
	run(g, 0);
}

int main(int argc, char **argv)
{
	const char *initrd = NULL, *cmdline = NULL;
	struct guest g = { .ram_len = 128ul << 20, .ncpus = 1 };
	struct entry e;
	int c, large = 0;

	MARK(MARK_MONITOR);
	while ((c = getopt(argc, argv, "i:a:m:c:l")) != -1) {
		if (c == 'i')
			initrd = optarg;
		else if (c == 'a')
			cmdline = optarg;
		else if (c == 'm')
			g.ram_len = strtoul(optarg, NULL, 10) << 20;
		else if (c == 'c')
			g.ncpus = (unsigned)strtoul(optarg, NULL, 10);
		else if (c == 'l')
			large = 1;
		else
			return 2;
	}
	if (optind + 1 != argc || g.ram_len < 32ul << 20 || g.ncpus < 1 || g.ncpus > MAX_CPUS)
		return 2;
	make_vm(&g, large);
	notify_init(&g);
	e = load(&g, argv[optind], initrd, cmdline);
	for (unsigned i = 0; i < g.ncpus; i++) {
		g.cpus[i] = check(ioctl(g.vm, KVM_CREATE_VCPU, i), "vCPU");
		machine_cpu(&g, i, &e);
	}
	machine_ready(&g);
	run_all(&g);
	return 0;
}
