#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""From power-on to idle loops: on CPUs with much and with little, with one to four of them, from a volume and without one;
what a panic shows; power through the firmware. Each machine is watched by its serial port (bare.py)."""
import sys

from bare import Bare, Failure
from lib.tiny import spin_guest
from tap import Tap

READY = r"boot: ready: (\d+) CPUs?\n"
STARTED = r"boot: start complete\n"
MISSED = "the emulator gave it to the guest"


def run(tap, name, body, tries=1, **machine):
    """One machine, one check: body returns a complaint or None; MISSED: the emulator did not do what was to be looked at, and may on another."""
    for left in reversed(range(tries)):
        with Bare(**machine) as m:
            try:
                why = body(m)
            except Failure as e:
                why = str(e)
            if why == MISSED and left:
                continue
            if not tap.ok(not why, name, why):
                tap.note(m.text())
            return


def boots(cpus, *lines):
    """Comes up with so many CPUs, and prints the lines on its way."""
    def body(m):
        for line in lines:
            m.expect(line)
        found = int(m.expect(READY).group(1))
        return None if found == cpus else "%d CPUs, expected %d" % (found, cpus)
    return body


# CPU 1 is inside of a guest when it happens; CPU 0 sleeps.
SPINNING = {"caisson.yaml": b"guests:\n- {name: spin, kernel: spin, memory_mib: 16}\n", "spin": spin_guest()}


def panics(m):
    """An NMI is a panic: the report, and nothing but one report, then a reset."""
    m.expect(r"vm: spin: running$")
    m.expect(STARTED)
    m.monitor("nmi")
    m.expect(r"^PANIC on CPU \d: non-maskable interrupt")
    m.expect(r"^  rip [0-9a-f]{16}  rsp [0-9a-f]{16}")
    m.expect(r"^  cr0 [0-9a-f]+ ")
    m.expect(r"^backtrace \(image at 0x[0-9a-f]+\):$")
    m.expect(r"^  [0-9a-f]{16} \w+\+0x[0-9a-f]+$")
    m.expect(r"^  [0-9a-f]{16} (cpu_main|appliance_run|ap_main|loop_run|task_entry)\+0x[0-9a-f]+$")
    m.expect(r"^log:$")
    m.expect(r"^  \[.*" + STARTED)
    m.expect(r"^CPU \d was at:$")
    m.expect(r"^resetting in 5 s$")
    m.expect_end()
    reports = m.text().count("PANIC on CPU")
    return None if reports == 1 else "%d reports" % reports


def machine_check(m):
    m.expect(r"vm: spin: running$")
    m.expect(STARTED)
    m.monitor("mce 0 2 0xbd00000000000134 4 0x1234000 0x8c")
    m.expect(r"^PANIC on CPU 0: machine check: bank 2, status bd00000000000134, address 0000000001234000$")
    m.expect(r"^CPU 1 was at:$")
    m.expect_end()


def machine_check_in_guest(m):
    m.expect(r"vm: spin: running$")
    m.expect(STARTED)
    m.monitor("mce 1 2 0xbd00000000000134 4 0x1234000 0x8c")
    # By the intercept, or (TCG does not look at it) by the host's own handler; or, when TCG happens to be between two blocks of the guest, it
    # goes by the guest's gates, of which there are none.
    if "crashed" in m.expect(r"^PANIC on CPU 1: machine check(: bank 2, status bd00000000000134| while a guest ran on CPU 1)|spin: crashed: triple fault").group(0):
        return MISSED
    m.expect(r"^CPU 0 was at:$")
    m.expect_end()
    return None


def main():
    tap = Tap()
    run(tap, "boots with two CPUs", boots(2, r"SMEP SMAP UMIP .*x2APIC"), cpu="max", cpus=2)
    run(tap, "boots with one AMD CPU and SVM", boots(1, r"AMD EPYC.*xAPIC"), cpu="EPYC-v4,+svm", cpus=1)
    run(tap, "boots with four old CPUs: no SMAP, no x2APIC", boots(4, r"xAPIC, timer by count", r"no SMAP"), cpu="qemu64", cpus=4)
    run(tap, "boots with 6 GiB, part of it above 4 GiB", boots(1, r"boot: (59|60|61)\d\d MiB memory"), cpus=1, memory_mib=6144)
    run(tap, "boots from a volume and loads the files of caisson/", boots(2, r"2 files in caisson/"),
        files={"caisson.yaml": b"node:\n  name: test\n", "blob.bin": bytes(range(256)) * 40000})
    run(tap, "a panic shows registers, symbols and the log once, and resets", panics, cpus=2,
        files=SPINNING)
    run(tap, "a machine check names its bank", machine_check, cpus=2, files=SPINNING)
    run(tap, "a machine check while a guest runs is the node's, not the guest's", machine_check_in_guest, tries=3, cpus=2, files=SPINNING)
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
