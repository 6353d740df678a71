/* SPDX-License-Identifier: Apache-2.0 */
/* RAM, stacks and device memory of the fake machine: one reservation of address space in which only what the memory
 * map calls RAM is accessible, to the page. Guest blocks are inaccessible; inside of the access window the fault handler
 * opens those that are touched, and the window's end closes them again (opening all each time would cost far more). */
#include "fake_impl.h"
#include <core/arith.h>
#include <core/panic.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#define BLOCK (2 * MIB)
#define MAX_STACKS 4096
#define MAX_MMIO 32
#define MAX_OPEN 64

static char *ram;
static uint64_t ram_end;
static bool *guest_blocks;
static bool strict = true;
static _Thread_local bool access_open;
static uint64_t open_blocks[MAX_OPEN]; /* made accessible in this window */
static unsigned nopen;
static struct sigaction old_segv;

struct stack { void *top; size_t size; };
static struct stack stacks[MAX_STACKS];
static int stack_fail = -1;
struct mmio { uint64_t base, size; char *ptr; };
static struct mmio mmios[MAX_MMIO];
static unsigned nmmios;

static void block_protect(uint64_t block, bool open)
{
	if (mprotect(ram + block * BLOCK, BLOCK, open ? PROT_READ | PROT_WRITE : PROT_NONE))
		panic("fake: mprotect");
}

static void close_blocks(void)
{
	while (nopen)
		if (guest_blocks[open_blocks[--nopen]])
			block_protect(open_blocks[nopen], false);
}

/* A fault: in an open window on a guest block it is resolved, any other is what the test has to see. */
static void segv_handler(int sig, siginfo_t *info, void *context)
{
	uint64_t off = (uint64_t)((char *)info->si_addr - ram);

	if (access_open && strict && off < ram_end && guest_blocks[off / BLOCK]) {
		if (nopen == MAX_OPEN)
			close_blocks();
		for (unsigned i = 0; i < nopen; i++)
			if (open_blocks[i] == off / BLOCK)
				goto report; /* open and faulting all the same */
		block_protect(off / BLOCK, true);
		open_blocks[nopen++] = off / BLOCK;
		return;
	}
report:
	if (off < ram_end)
		fprintf(stderr, "fake: access to 0x%llx: %s\n", (unsigned long long)off,
			guest_blocks[off / BLOCK] ? "guest memory outside of hal_guest_access_*" : "not RAM");
	if (old_segv.sa_flags & SA_SIGINFO) {
		old_segv.sa_sigaction(sig, info, context);
		return;
	}
	sigaction(SIGSEGV, &old_segv, NULL); /* faults again, for whoever was there before us */
}

static void segv_install(void)
{
	struct sigaction sa = { .sa_sigaction = segv_handler, .sa_flags = SA_SIGINFO | SA_NODEFER | SA_ONSTACK };

	sigaction(SIGSEGV, &sa, &old_segv);
}

static bool is_backed(const struct boot_region *r)
{
	return r->kind != BOOT_MMIO && r->kind != BOOT_RESERVED;
}

void fake_ram_map(const struct boot_region *regions, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (is_backed(&regions[i]))
			ram_end = MAX(ram_end, align_up(regions[i].base.v + regions[i].size, BLOCK));
	ram = mmap(NULL, ram_end + BLOCK, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (ram == MAP_FAILED)
		panic("fake: no address space for %llu MiB", (unsigned long long)(ram_end / MIB));
	ram = (char *)align_up((uintptr_t)ram, BLOCK);
	guest_blocks = calloc(ram_end / BLOCK, sizeof *guest_blocks);
	segv_install();
	for (unsigned i = 0; i < n; i++)
		if (is_backed(&regions[i]) &&
		    mprotect(ram + regions[i].base.v, regions[i].size, PROT_READ | PROT_WRITE))
			panic("fake: region %u is not page aligned", i);
}

void *hal_direct(struct hpa a)
{
	if (a.v >= ram_end)
		panic("fake: hal_direct(0x%llx) is beyond the machine", (unsigned long long)a.v);
	return ram + a.v;
}

struct hpa hal_hpa_of(const void *direct)
{
	uint64_t off = (uint64_t)((const char *)direct - ram);

	if (off >= ram_end)
		panic("fake: hal_hpa_of(%p) is not in the direct map", direct);
	return HPA(off);
}

void hal_guest_access_begin(void)
{
	BUG_ON(access_open); /* STAC does not nest: the inner end would close the outer window */
	access_open = true;
}

void hal_guest_access_end(void)
{
	BUG_ON(!access_open);
	access_open = false;
	if (strict)
		close_blocks();
}

bool fake_guest_access_open(void)
{
	return access_open;
}

void fake_guest_strict(bool on)
{
	BUG_ON(access_open);
	strict = on;
	for (uint64_t i = 0; i < ram_end / BLOCK; i++)
		if (guest_blocks[i])
			block_protect(i, !on);
}

bool fake_is_guest_block(struct hpa a)
{
	return a.v < ram_end && guest_blocks[a.v / BLOCK];
}

void hal_direct_set_guest(struct hpa block, bool guest)
{
	BUG_ON(!is_aligned(block.v, BLOCK) || block.v >= ram_end);
	BUG_ON(guest_blocks[block.v / BLOCK] == guest); /* core/mm tells changes only */
	guest_blocks[block.v / BLOCK] = guest;
	if (strict)
		block_protect(block.v / BLOCK, !guest);
}

void fake_mmio_add(struct hpa a, uint64_t size, void *ptr)
{
	BUG_ON(nmmios == MAX_MMIO);
	mmios[nmmios++] = (struct mmio){ a.v, size, ptr };
}

err_t hal_map_device(struct hpa a, uint64_t size, unsigned flags, volatile void **out)
{
	(void)flags;
	for (unsigned i = 0; i < nmmios; i++)
		if (a.v >= mmios[i].base && range_within(a.v - mmios[i].base, size, mmios[i].size)) {
			*out = mmios[i].ptr + (a.v - mmios[i].base);
			return OK;
		}
	if (size == 0 || !range_within(a.v, size, ram_end))
		return E_INVAL;
	*out = ram + a.v;
	return OK;
}

void fake_fail_stack_alloc(int n)
{
	stack_fail = n;
}

err_t hal_stack_alloc(size_t size, void **top)
{
	size_t guard = 4096, bytes = align_up(size, 4096);
	char *p;
	unsigned i = 0;

	if (stack_fail >= 0 && stack_fail-- == 0)
		return E_NOMEM;
	while (i < MAX_STACKS && stacks[i].top)
		i++;
	if (i == MAX_STACKS)
		return E_NOMEM;
	/* Four times the size: host code with sanitizers has larger frames, glibc's contexts are large too. */
	bytes = bytes * 4 + 64 * KIB;
	p = mmap(NULL, guard + bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		return E_NOMEM;
	mprotect(p, guard, PROT_NONE);
	stacks[i] = (struct stack){ p + guard + bytes, bytes };
	*top = stacks[i].top;
	return OK;
}

static struct stack *stack_find(const void *top)
{
	for (unsigned i = 0; i < MAX_STACKS; i++)
		if (stacks[i].top == top)
			return &stacks[i];
	panic("fake: %p is not the top of a stack", top);
}

void fake_stack_bounds(const void *top, void **base, size_t *size)
{
	struct stack *s = stack_find(top);

	*base = (char *)s->top - s->size;
	*size = s->size;
}

void hal_stack_free(void *top, size_t size)
{
	struct stack *s = stack_find(top);

	BUG_ON(s->size != align_up(size, 4096) * 4 + 64 * KIB);
	munmap((char *)s->top - s->size - 4096, s->size + 4096);
	s->top = NULL;
}
