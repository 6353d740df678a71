/* SPDX-License-Identifier: Apache-2.0 */
/* Context switches of stackful tasks by ucontext, with the notes that AddressSanitizer wants about stack changes. */
#include "fake_impl.h"
#include <core/arith.h>
#include <core/panic.h>
#include <ucontext.h>

#if defined(__SANITIZE_ADDRESS__)
#define WITH_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WITH_ASAN 1
#endif
#endif

#ifdef WITH_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
static void fiber_start(void **save, const void *bottom, size_t size) { __sanitizer_start_switch_fiber(save, bottom, size); }
static void fiber_finish(void *save, const void **bottom, size_t *size) { __sanitizer_finish_switch_fiber(save, bottom, size); }
static void stack_unpoison(void *base, size_t size) { __asan_unpoison_memory_region(base, size); }
#else
static void fiber_start(void **save, const void *bottom, size_t size) { (void)save; (void)bottom; (void)size; }
static void fiber_finish(void *save, const void **bottom, size_t *size) { (void)save; (void)bottom; (void)size; }
static void stack_unpoison(void *base, size_t size) { (void)base; (void)size; }
#endif

struct context {
	ucontext_t uc;
	void *fiber;        /* the sanitizer's own, while switched out */
	const void *bottom; /* of its stack */
	size_t size;
	void (*fn)(void *);
	void *arg;
};

static _Thread_local struct context *switch_from, *switch_to;

static void context_entry(void)
{
	struct context *self = switch_to;

	fiber_finish(NULL, &switch_from->bottom, &switch_from->size);
	self->fn(self->arg);
	panic("fake: a context's function returned");
}

void *hal_context_init(void *stack_top, void (*fn)(void *), void *arg)
{
	struct context *c;
	void *base;
	size_t size;

	fake_stack_bounds(stack_top, &base, &size);
	stack_unpoison(base, size); /* the address range may have been another stack before */
	c = (struct context *)align_down((uintptr_t)stack_top - sizeof *c, 64);
	*c = (struct context){ .bottom = base, .size = size, .fn = fn, .arg = arg };
	BUG_ON(getcontext(&c->uc) != 0);
	c->uc.uc_stack.ss_sp = base;
	c->uc.uc_stack.ss_size = (size_t)((char *)c - (char *)base);
	c->uc.uc_link = NULL;
	makecontext(&c->uc, context_entry, 0);
	return c;
}

void hal_context_switch(void **save, void *next)
{
	struct context self = {0}, *to = next;

	*save = &self; /* lives on this stack until it is switched to again */
	switch_from = &self;
	switch_to = to;
	fiber_start(&self.fiber, to->bottom, to->size);
	BUG_ON(swapcontext(&self.uc, &to->uc) != 0);
	fiber_finish(self.fiber, &switch_from->bottom, &switch_from->size);
}
