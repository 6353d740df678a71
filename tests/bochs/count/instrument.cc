// SPDX-License-Identifier: Apache-2.0
// Counts instructions of an emulated machine with one CPU, in all and of the host, entries into guests and accesses to the VMCS, and writes the
// counts to a file at each mark. A mark is a NOP of 7 bytes with a number in its displacement (tests/bench/guest/mark.h), as for QEMU
// (tests/bench/plugin). COUNT_LOG in the environment is the file; without it nothing is counted. COUNT_HIST: also how often each instruction
// of the host ran between the marks of a case.
//
// An instruction that exits is the guest's, one that enters is the host's, as there. Each iteration of a REP is one instruction.
#include "bochs.h"
#include "cpu/cpu.h"
#include "cpu/decoder/ia_opcodes.h"
#include <stdlib.h>
#include <unordered_map>

static const Bit32u MARK_SIGNATURE = 0x4d4b0000, MARK_NUMBER = 0xffff;
static const unsigned MARK_LEN = 7;

bool count_on;
static FILE *count_log;
static bool hist_on, recording;
static Bit64u host, entries, reads, writes;
static struct { Bit64u icount, rip; bool guest; } last; // the instruction before
static std::unordered_map<Bit64u, Bit64u> spots;        // of the host: how often, by address

void count_begin(void)
{
  const char *path = getenv("COUNT_LOG");

  if (!path)
    return;
  count_log = fopen(path, "w");
  if (!count_log) {
    perror(path);
    exit(1);
  }
  hist_on = getenv("COUNT_HIST") != NULL;
  count_on = true;
}

static void tell_spots(unsigned mark)
{
  for (const auto &spot : spots)
    fprintf(count_log, "at %x " FMT_LL "x " FMT_LL "u\n", mark, spot.first, spot.second);
  spots.clear();
}

static void on_mark(unsigned mark, Bit64u total)
{
  const bool of_case = mark >> 12 == 1, end = mark & 1; // MARK_CASES and up

  fprintf(count_log, "mark %x cpu 0 total " FMT_LL "u host " FMT_LL "u entries " FMT_LL "u\n", mark, total, host, entries);
  fprintf(count_log, "vmcs %x " FMT_LL "u " FMT_LL "u\n", mark, reads, writes);
  recording = of_case && !end && hist_on;
  if (of_case && end)
    tell_spots(mark - 1);
  fflush(count_log);
}

static void of_host(const bxInstruction_c *i, Bit64u rip)
{
  switch (i->getIaOpcode()) {
  case BX_IA_VMREAD_EqGq:
    reads++;
    break;
  case BX_IA_VMWRITE_GqEq:
    writes++;
    break;
  case BX_IA_VMLAUNCH:
    fprintf(count_log, "vmlaunch " FMT_LL "x\n", rip); // where the image lies
    entries++;
    break;
  case BX_IA_VMRESUME:
    entries++;
    break;
  }
}

// Before each instruction: what has been counted since the last call belongs to the instruction before.
void count_instruction(unsigned cpu, const bxInstruction_c *i)
{
  const BX_CPU_C *c = BX_CPU(cpu);
  const Bit64u icount = c->icount, rip = c->gen_reg[BX_64BIT_REG_RIP].rrx;

  if (!last.guest) {
    host += icount - last.icount;
    if (recording)
      spots[last.rip] += icount - last.icount;
  }
  last.icount = icount;
  last.rip = rip;
  last.guest = c->in_vmx_guest;
  if (!last.guest)
    of_host(i, rip);
  if (i->getIaOpcode() == BX_IA_NOP && i->ilen() == MARK_LEN && (i->modRMForm.displ32u & ~MARK_NUMBER) == MARK_SIGNATURE)
    on_mark(i->modRMForm.displ32u & MARK_NUMBER, icount);
}
