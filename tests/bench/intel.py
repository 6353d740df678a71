# SPDX-License-Identifier: Apache-2.0
"""Caisson on the counting Intel machine: Bochs with one CPU, which tests/bochs/count has made count. Host only.

The same guest, the same marks and the same figures as on AMD's CPU in QEMU (counted.py, exits.py), in the emulator's own ticks, an instruction
each; VMREAD, VMWRITE and an entry are one instruction, too.
"""
import os
import re
import sys

import exits as exit_guest
import symbols
from counted import CASES, GUEST_CONFIG, MARKS, OF_ARCH, ROOT, Counts

sys.path.insert(0, os.path.join(ROOT, "tools", "run"))
import image  # noqa: E402
from bochs import BochsMachine, is_package  # noqa: E402
from machine import BOARDS, image_of  # noqa: E402

PREFIX = "vmx_"  # of the metrics' names
MEMORY_MIB = 512


def counts():
    """Is it a Bochs that counts?"""
    return not is_package()


class IntelCounts(Counts):
    """The emulator's log, in the plugin's words; beside them lines of its own."""

    def environment(self):
        return {"COUNT_LOG": self.path, **({"COUNT_HIST": "1"} if self.options else {})}

    def image_base(self):
        self.read()
        return next(int(line.split()[1], 16) for line in self.lines if line.startswith("vmlaunch ")) - symbols.vmlaunch()

    def accesses(self, case):
        """(VMREADs, VMWRITEs) of all batches of a case."""
        self.read()
        begin = MARKS["CASES"] + 2 * CASES.index(case)
        sums = {begin: [0, 0], begin + 1: [0, 0]}
        for line in self.lines:
            at = re.match(r"vmcs (\w+) (\d+) (\d+)$", line)
            if at and int(at.group(1), 16) in sums:
                of = sums[int(at.group(1), 16)]
                of[0] += int(at.group(2))
                of[1] += int(at.group(3))
        return tuple(e - b for b, e in zip(sums[begin], sums[begin + 1]))


def exit_counts(folder, options=()):
    """The counts of a run of the exit guest. options: ["hist"] for the addresses, too."""
    if not counts():
        raise RuntimeError("Debian's Bochs counts nothing: tools/build/bochs.py has to build one")
    esp = os.path.join(folder, "esp.img")
    image.fat_image(esp, {BOARDS["x86_64"].boot: image_of("x86_64"), "caisson/caisson.yaml": GUEST_CONFIG.encode(),
                          "caisson/kernel": os.path.join(OF_ARCH, "exits.elf")})
    log = IntelCounts(folder, options)
    with BochsMachine(folder, esp, cpus=1, memory_mib=MEMORY_MIB, nic=None, environment=log.environment()) as machine:
        log.wait(machine, MARKS["END"])
    return log


def figures(log):
    """{metric: value}."""
    cases = log.cases()
    found = exit_guest.figures(cases)
    exits = exit_guest.ROUNDS * len(cases["cpuid"])
    reads, writes = log.accesses("cpuid")
    found.update(vmcs_reads=reads / exits, vmcs_writes=writes / exits)
    return {PREFIX + name: value for name, value in found.items()}
