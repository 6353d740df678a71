/* SPDX-License-Identifier: Apache-2.0 */
/* Builds the first frame of a task's stack in the shape that context.S loads. Any CPU. */
#include <core/hal.h>

extern const char context_start[] __attribute__((visibility("hidden")));

struct first_frame {
	uint64_t x19, x20, x21_28[8], x29, x30;
	uint64_t d8_15[8];
	uint64_t fpcr, pad;
};
_Static_assert(sizeof(struct first_frame) == 176, "context.S");

void *hal_context_init(void *stack_top, void (*fn)(void *), void *arg)
{
	struct first_frame *f = (struct first_frame *)((uint64_t)stack_top & ~15ull) - 1;

	/* FPCR 0: round to nearest, nothing trapped (AAPCS64 6.1.2). x29 0 ends the chain of frames. */
	*f = (struct first_frame){.x19 = (uint64_t)fn, .x20 = (uint64_t)arg, .x30 = (uint64_t)context_start};
	return f;
}
