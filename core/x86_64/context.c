/* SPDX-License-Identifier: Apache-2.0 */
/* Builds the first frame of a task's stack in the shape that context.S pops. Any CPU. */
#include <core/hal.h>

extern const char context_start[] __attribute__((visibility("hidden")));

struct first_frame {
	uint32_t mxcsr;
	uint16_t fcw, pad;
	uint64_t r15, r14, r13, r12, rbx, rbp, ret;
	uint64_t zero[2]; /* ends the chain of frames; keeps the stack aligned at the first call */
};

void *hal_context_init(void *stack_top, void (*fn)(void *), void *arg)
{
	struct first_frame *f = (struct first_frame *)((uint64_t)stack_top & ~15ull) - 1;

	/* Defaults of the ABI (SysV AMD64 3.2.1): all exceptions masked, round to nearest. */
	*f = (struct first_frame){.mxcsr = 0x1f80, .fcw = 0x37f, .r13 = (uint64_t)arg, .r12 = (uint64_t)fn,
				  .ret = (uint64_t)context_start};
	return f;
}
