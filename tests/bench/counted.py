# SPDX-License-Identifier: Apache-2.0
"""A QEMU machine that counts: one emulated CPU, an instruction a nanosecond and a tick of the TSC, and the bench's plugin in it.

Host only. With sleep=off idle time is skipped and nothing outside reaches in, so that two runs agree to the instruction; a machine that is
spoken to over the network runs with sleep=on. Marks and cases are read from tests/bench/guest/mark.h.
"""
import collections
import os
import re
import statistics
import struct
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(ROOT, "tools", "run"))
from machine import chosen_arch  # noqa: E402

BENCH = os.path.join(ROOT, "build", "bench")
ARCH = chosen_arch()
OF_ARCH = os.path.join(BENCH, ARCH)
PLUGIN = os.path.join(BENCH, "plugin.so")
# The same on both sides. No x2APIC on x86_64: QEMU 10 ends with "Bad icount read" when RDMSR reads its timer's count.
CPU = {"x86_64": "EPYC-v4,+svm", "aarch64": "neoverse-n1"}[ARCH]
EXIT_VCPUS = {"x86_64": 1, "aarch64": 2}[ARCH]  # of the exit guest
# The case whose cache lines are told, and the one behind it.
LINES_CASE, LINES_END = {"x86_64": ("cpuid", "hypercall"), "aarch64": ("hypercall", "sysreg")}[ARCH]
LIMIT_S = 900
QUIET_S, QUIET_INSNS = 0.2, 20000


def read_marks():
    """({name: number} of the marks, [names of the cases])."""
    with open(os.path.join(HERE, "guest", "mark.h"), encoding="ascii") as f:
        text = f.read()
    marks = {name: int(number, 16) for name, number in re.findall(r"MARK_(\w+) = (0x[0-9a-f]+)", text)}
    return marks, re.findall(r"X\((\w+)\)", text.split("#define CASES(X)")[1])


MARKS, CASES = read_marks()


Mark = collections.namedtuple("Mark", "number total host entries")
# Of a node that starts the exit guest by itself.
GUEST_CONFIG = """guests:
  - name: guest
    vcpus: %d
    memory_mib: 128
    kernel: kernel
""" % EXIT_VCPUS
# The guest of the launch metrics; the same words on both sides.
GUEST_CMDLINE = "console=ttyS0 quiet mitigations=off nokaslr norandmaps panic=-1"


def linux_guest(name):
    """vmlinux, or the initrd with nothing in it but tests/bench/guest/init.c."""
    return os.path.join(ROOT, "build", "x86_64", "guest-kernel", "vmlinux") if name == "vmlinux" else os.path.join(OF_ARCH, "guest-initrd")


def launch_figures(counts, begin):
    """Of a launch from the mark begin to the guest's /init; millions of instructions."""
    to_entry, to_init = counts.between(begin, "ENTERED"), counts.between(begin, "INIT")
    return {"launch_entry": to_entry.total / 1e6, "launch_host": to_init.host / 1e6, "launch_guest": (to_init.total - to_init.host) / 1e6,
            "launch_entries": to_init.entries}


# MicroVMs side by side: Linux with KVM, emulated, takes minutes for more.
MANY, MANY_MIB = 8, 2048
SAMPLE = 2


def first_and_last(counts, begin, launches, sample):
    """Of so many launches one after the other, from the mark begin to the guest's own: the host's instructions, the medians of a sample of the
    first ones and of the last ones."""
    # To the guest's mark, since the next entry into a guest may be one of those that sleep.
    begins, ran = counts.marks(MARKS[begin]), counts.marks(MARKS["INIT"])
    if len(begins) != launches or len(ran) != launches:
        raise Missing("%d launches, %d guests that ran, not %d" % (len(begins), len(ran), launches))
    costs = [r.host - b.host for b, r in zip(begins, ran)]
    return statistics.median(costs[:sample]), statistics.median(costs[-sample:])


def many_figures(counts, begin, each_mib, beside_kib):
    """What the last launches cost beside the first ones."""
    first, last = first_and_last(counts, begin, MANY, SAMPLE)
    return {"many_memory": each_mib, "many_beside": beside_kib, "many_start": last / first}


class Missing(Exception):
    """A machine ended, or hung, before what was waited for."""


def icount(sleep="off"):
    """QEMU's options of a machine that counts."""
    base = "2026-01-01T00:00:00" if sleep == "off" else "utc"  # one that is spoken to looks at certificates of today
    return ["-icount", "shift=0,sleep=%s,align=off" % sleep, "-seed", "1", "-rtc", "base=%s,clock=vm" % base]


class Counts:
    """The plugin's log. options: its own (hist=on, place=...)."""

    def __init__(self, folder, options=()):
        self.path = os.path.join(folder, "counts.log")
        self.options, self.lines, self.rest, self.at = options, [], "", 0
        self.found, self.searched = [], 0
        open(self.path, "w", encoding="ascii").close()

    def arguments(self):
        return ["-plugin", ",".join([PLUGIN, "log=" + self.path, "live=" + self.path + ".live", *self.options])]

    def asleep(self, machine):
        """Instructions in all, once the machine has nothing to do but its clock's work."""
        deadline, before = time.monotonic() + LIMIT_S, None
        while time.monotonic() < deadline and machine.process.poll() is None:
            with open(self.path + ".live", "rb") as f:
                sleeps, total = struct.unpack("<4Q", f.read(32))[:2]
            if sleeps and before is not None and total - before < QUIET_INSNS:
                return total
            before = total
            time.sleep(QUIET_S)
        raise Missing("the machine does not come to rest; the serial port said last:\n" + "\n".join(machine.text.splitlines()[-20:]))

    def read(self):
        with open(self.path, encoding="ascii") as f:
            f.seek(self.at)
            text = self.rest + f.read()
            self.at = f.tell()
        *lines, self.rest = text.split("\n")
        self.lines += lines

    def marks(self, number=None):
        """Marks in their order; of one number only."""
        self.read()
        found = (re.match(r"mark (\w+) cpu \d+ total (\d+) host (\d+) entries (\d+)", line) for line in self.lines[self.searched:])
        self.found += [Mark(int(f.group(1), 16), *map(int, f.groups()[1:])) for f in found if f]
        self.searched = len(self.lines)
        return [m for m in self.found if number in (None, m.number)]

    def between(self, begin, end):
        """What was counted from the first mark called begin to the first called end behind it."""
        marks = self.marks()
        first = next(i for i, m in enumerate(marks) if m.number == MARKS[begin])
        last = next(m for m in marks[first:] if m.number == MARKS[end])
        return Mark(0, *(b - a for a, b in zip(marks[first][1:], last[1:])))

    def wait(self, machine, number, times=1):
        """Until a mark has come that often."""
        deadline = time.monotonic() + LIMIT_S
        while len(self.marks(number)) < times:
            if machine.process.poll() is not None or time.monotonic() > deadline:
                raise Missing("mark %x did not come%s; the serial port said last:\n%s" % (
                    number, "" if machine.process.poll() is None else ": the emulator ended with code %d" % machine.process.returncode,
                    "\n".join(machine.text.splitlines()[-20:])))
            time.sleep(0.01)

    def cases(self):
        """{case: [(total, host, entries) of each batch]}."""
        found, begun = {}, None
        for number, *counts in self.marks():
            case = number - MARKS["CASES"]
            if not 0 <= case < 2 * len(CASES):
                continue
            if case % 2 == 0:
                begun = counts
            else:
                found.setdefault(CASES[case // 2], []).append(tuple(b - a for a, b in zip(begun, counts)))
        return found

    def histogram(self):
        """{case: {address: times}} of all batches."""
        self.read()
        found = {}
        for line in self.lines:
            at = re.match(r"at (\w+) (\w+) (\d+)", line)
            if at:
                into = found.setdefault(CASES[(int(at.group(1), 16) - MARKS["CASES"]) // 2], {})
                into[int(at.group(2), 16)] = into.get(int(at.group(2), 16), 0) + int(at.group(3))
        return found

    def image_base(self):
        self.read()
        return next((int(line.split()[1], 16) for line in self.lines if line.startswith("image ")), None)

    def touched(self):
        """{case: (exits, lines of code, lines of data, reads, writes of the control block)}, sums."""
        self.read()
        rows = (line.split() for line in self.lines if line.startswith("touched "))
        return {CASES[(int(r[1], 16) - MARKS["CASES"]) // 2]: tuple(map(int, r[2:])) for r in rows}
