/* SPDX-License-Identifier: Apache-2.0 */
/* RAM, stacks and device memory of the fake machine: one reservation of address space in which only what the memory
 * map calls RAM is accessible, to the page. Guest blocks are inaccessible outside of the access window. */
#include "fake_impl.h"
#include <core/arith.h>
#include <core/panic.h>
#include <stdlib.h>
#include <sys/mman.h>

#define BLOCK (2 * MIB)
#define MAX_STACKS 4096
#define MAX_MMIO 32

static char *ram;
static uint64_t ram_end;
static bool *guest_blocks;
static bool strict = true;
static _Thread_local bool access_open;

struct stack { void *top; size_t size; };
static struct stack stacks[MAX_STACKS];
static int stack_fail = -1;
struct mmio { uint64_t base, size; char *ptr; };
static struct mmio mmios[MAX_MMIO];
static unsigned nmmios;

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

/* Changes the protection of all guest blocks, a run at a time. */
static void guest_protect(int prot)
{
	uint64_t n = ram_end / BLOCK, i = 0, k;

	if (!strict)
		return;
	while (i < n) {
		for (k = i; k < n && guest_blocks[k]; k++)
			;
		if (k > i && mprotect(ram + i * BLOCK, (k - i) * BLOCK, prot))
			panic("fake: mprotect");
		i = k + 1;
	}
}

void hal_guest_access_begin(void)
{
	BUG_ON(access_open); /* STAC does not nest: the inner end would close the outer window */
	guest_protect(PROT_READ | PROT_WRITE);
	access_open = true;
}

void hal_guest_access_end(void)
{
	BUG_ON(!access_open);
	guest_protect(PROT_NONE);
	access_open = false;
}

bool fake_guest_access_open(void)
{
	return access_open;
}

void fake_guest_strict(bool on)
{
	guest_protect(PROT_READ | PROT_WRITE);
	strict = on;
	if (!access_open)
		guest_protect(PROT_NONE);
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
	if (strict && mprotect(ram + block.v, BLOCK, guest && !access_open ? PROT_NONE : PROT_READ | PROT_WRITE))
		panic("fake: mprotect");
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
