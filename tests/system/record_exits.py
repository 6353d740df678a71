#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes tests/unit/vmx_exits.h and svm_exits.h anew: `make record-exits`. No test: guest tests run on recorder.efi, which is the shipped image
with a recorder around its decoders, on CPUs that Bochs and QEMU emulate, and the first exit of each sort becomes a row.

What a row expects is what the decoder answered in that run, whose guests passed all of their checks. Read the difference before it is committed.
"""
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "guest"))
from guests import on_node  # noqa: E402
from test_guests import ALL  # noqa: E402
from test_hostile import hostile, task_switch, with_neighbour  # noqa: E402
from lib.node import ROOT, Machine  # noqa: E402
from bochs import BochsMachine  # noqa: E402
from tap import Tap  # noqa: E402

RECORDER = os.path.join(ROOT, "build", "x86_64", "recorder.efi")
STEPS = [s for s in ALL if s[0] in ("cpuid", "insn", "io", "memory", "timer", "ipi", "ioapic", "msrs", "delivery", "modes")]
HOSTILE = [hostile("triple", crash="triple fault"), hostile("fetch", crash="runs code from address"), ("task", task_switch)]
LINE = re.compile(r"record: (vmx|svm) (\d+) (in|out|decoded) ?(.*)$", re.M)
# File: [(table, what it ran on, machine)].
TABLES = {
    "vmx_exits.h": ("vmx", [("skylake_x", "Bochs' corei7_skylake_x", BochsMachine, {"cpu": "corei7_skylake_x"}),
                            ("haswell", "Bochs' corei7_haswell_4770", BochsMachine, {"cpu": "corei7_haswell_4770"})]),
    "svm_exits.h": ("svm", [("tcg", "QEMU's TCG, CPU max", Machine, {"cpu": "max"})]),
}
HEAD = """/* SPDX-License-Identifier: Apache-2.0 */
/* Exits of %(name)s guests as recorded by `make record-exits` (tests/system/record_exits.py) in guest tests that passed: what the decoder was given and
 * what it answered. Data for tests/unit/test_%(backend)s_recorded.c. Do not edit. */
#ifndef TESTS_UNIT_%(guard)s
#define TESTS_UNIT_%(guard)s
#include "exit_alike.h"
#include "%(include)s"

%(struct)s
"""
# What declares the input of the decoder.
INCLUDE = {"vmx": "../../vmm/x86_64/vmx.h", "svm": "svm_exit_in.h"}
STRUCT = {
    "vmx": "struct vmx_recorded { struct vmx_exit_in in; uint64_t rax, rbx, rcx, rdx, rsi; struct hv_exit out; struct vmx_decoded decoded; };",
    "svm": "struct svm_recorded { struct svm_exit_in in; struct hv_exit out; struct svm_decoded decoded; };",
}


def record(tap, machine_class, machine):
    """The recorder's lines of one machine."""
    text = []
    steps = STEPS + with_neighbour(HOSTILE) + [("the log", lambda guests: text.append(guests.node.serial))]
    on_node(tap, steps, machine_class=machine_class, cpus=2, memory_mib=512, efi=RECORDER, **machine)
    return LINE.findall(text[0])


def prefixed(member, fields):
    return re.sub(r"(^|, )\.", r"\1.%s." % member, fields)


def rows(lines):
    """One initialiser for each exit that has all of its lines, in a fixed order."""
    exits = {}
    for _, number, part, fields in lines:
        exits.setdefault(int(number), {})[part] = fields.strip().rstrip(",")
    made = []
    for parts in exits.values():
        if len(parts) == 3:
            pieces = [parts["in"], prefixed("out", parts["out"]), prefixed("decoded", parts["decoded"])]
            made.append("\t{ %s }," % ", ".join(p for p in pieces if p))
    return sorted(made, key=lambda row: (int(re.search(r"(?:reason|code) = (0x[0-9a-f]+)|$", row).group(1) or "0", 16), row))


def main():
    tap = Tap()
    for file, (backend, machines) in TABLES.items():
        text = HEAD % {"name": backend.upper(), "backend": backend, "guard": file.upper().replace(".", "_"), "include": INCLUDE[backend], "struct": STRUCT[backend]}
        for table, where, machine_class, machine in machines:
            made = rows(record(tap, machine_class, machine))
            tap.ok(len(made) > 10, "%s: %d exits" % (where, len(made)))
            text += "/* %s */\nstatic const struct %s_recorded %s_%s[] = {\n%s\n};\n" % (where, backend, backend, table, "\n".join(made))
        if not tap.failed:
            with open(os.path.join(ROOT, "tests", "unit", file), "w", encoding="ascii") as f:
                f.write(text + "\n#endif\n")
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
