#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The machine layer tested in the machine: boots selftest.efi (tests/system/selftest), whose own TAP lines are passed on, and
once for each deliberate fault, which must end in the right panic; once more with a guest, whose memory changes while it runs, and with one
whose state the CPU refuses. The shipped core and monitor, another composition root."""
import os
import re
import sys

from bare import Bare, Failure
from tap import Tap

def image(arch):
    return os.environ.get("SELFTEST_EFI", "build/%s/selftest.efi" % arch)


FAULTS = {
    "stack": r"stack overflow at",
    "null": r"page fault: writing 0x0",
    "text": r"page fault: writing 0x",
    "constant": r"page fault: writing 0x",
    "execute": r"page fault: executing 0x",
    "guest": r"page fault: reading 0x",
    "overrun": r"stack overrun",
    "heap": r"invalid opcode|BRK instruction",
    "othercpu": r"libc: system call|page fault",
}


def self_test(tap, title, arch="x86_64", **kind):
    """All lines of one run, then power-off by the firmware."""
    with Bare(efi=image(arch), arch=arch, **kind) as m:
        try:
            planned = int(m.expect(r"^1\.\.(\d+)\n").group(1))
            code = m.expect_end()
            lines = re.findall(r"^(not ok|ok) \d+ - (.*)$", m.text(), re.M)
            for result, name in lines:
                tap.ok(result == "ok", "%s: %s" % (title, name))
            bad = [name for result, name in lines if result != "ok"]
            tap.ok(len(lines) == planned and code == 0, "%s: every check ran, and the machine went off" % title)
            if bad:
                tap.note(m.text())
        except Failure as e:
            tap.ok(False, title, "%s\n%s" % (e, m.text()))


def fault(tap, name, pattern, arch="x86_64", **kind):
    with Bare(efi=image(arch), files={"selftest-" + name: b"x"}, cpus=2, arch=arch, **kind) as m:
        try:
            m.expect(r"^PANIC on CPU \d: " + pattern)
            m.expect(r"^halted$")
            tap.ok(True, "fault %s: panics" % name)
        except Failure as e:
            tap.ok(False, "fault %s: panics" % name, "%s\n%s" % (e, m.text()))


def main():
    tap = Tap()
    self_test(tap, "two CPUs", cpu="max", cpus=2)
    self_test(tap, "four old CPUs", cpu="qemu64", cpus=4)
    self_test(tap, "one AMD CPU", cpu="EPYC-v4", cpus=1)
    self_test(tap, "a guest on two CPUs", cpu="max", cpus=2, files={"selftest-tlb": b"x"})
    self_test(tap, "guests whose entry is refused", cpu="max", cpus=2, files={"selftest-entry": b"x"})
    for name, pattern in FAULTS.items():
        fault(tap, name, pattern)
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
