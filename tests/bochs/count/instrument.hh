// SPDX-License-Identifier: Apache-2.0
// What the emulator calls for each instruction: nothing, unless the bench asks for counts (instrument.cc). Of the hooks that it offers one is
// taken; no_instrument.h, which is its own file for a build without any, leaves the others empty. Built into Bochs by tools/build/bochs.py.
#undef BX_INSTRUMENTATION
#define BX_INSTRUMENTATION 0
#include "no_instrument.h"

class bxInstruction_c;
extern bool count_on;
void count_begin(void);
void count_instruction(unsigned cpu, const bxInstruction_c *i);

#undef BX_INSTR_INIT_ENV
#define BX_INSTR_INIT_ENV() count_begin()
#undef BX_INSTR_BEFORE_EXECUTION
#define BX_INSTR_BEFORE_EXECUTION(cpu_id, i) do { if (__builtin_expect(count_on, 0)) count_instruction((cpu_id), (i)); } while (0)
