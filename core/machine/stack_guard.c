/* SPDX-License-Identifier: Apache-2.0 */
/* The stack protector's guard (-mstack-protector-guard=global). Set once by the entry code, before any protected
 * function has a frame that returns; the same for all CPUs and tasks. */
#include "panic_impl.h"
#include <core/panic.h>

uintptr_t __stack_chk_guard;
void stack_guard_init(void);
_Noreturn void __stack_chk_fail(void);

__attribute__((no_stack_protector)) void stack_guard_init(void)
{
	uint64_t v = stack_guard_seed();

	/* The seed may be poor: spread it. */
	v ^= v << 29;
	v *= 0x9e3779b97f4a7c15ull;
	v ^= v >> 32;
	/* The lowest byte is zero so that a string cannot overwrite the guard with itself. */
	__stack_chk_guard = v & ~0xffull;
}

_Noreturn void __stack_chk_fail(void)
{
	panic("stack overrun: the guard of %p's frame is gone", __builtin_return_address(0));
}
