#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The aarch64 twin of test_guests.py: each freestanding guest runs as a VM at EL1 and tells what it saw; on two CPUs with VHE, on one CPU, and
on cores without VHE. Names of steps as arguments choose some."""
import sys

from guests import on_node, wanted
from tap import Tap
from test_guests import fpu, isolation, tap_guest

MANY_MIB = 3584


def big(guests):
    """More memory than the first GiBs; few of its pages are touched."""
    guests.run("memory", "stride=997", memory_mib=MANY_MIB, name="memory-big")


ALL = [
    tap_guest("sysregs", vcpus=4), tap_guest("hvc", vcpus=2), tap_guest("insn"), tap_guest("mmio"), tap_guest("memory", memory_mib=48),
    tap_guest("timer", vcpus=2), tap_guest("ipi", vcpus=4), tap_guest("gic", vcpus=2), tap_guest("tlb", vcpus=4), ("fpu", fpu),
    tap_guest("virtq", vcpus=2), tap_guest("transport"), ("isolation", isolation),
]
ONE_CPU = [tap_guest("timer", vcpus=2), tap_guest("ipi", vcpus=3), tap_guest("gic", vcpus=2), tap_guest("tlb", vcpus=2), ("fpu", fpu), tap_guest("virtq", vcpus=2)]
# Without VHE, and with more memory than 4 GiB.
PLAIN = [s for s in ALL if s[0] not in ("isolation", "virtq", "transport")] + [("big", big)]


def main():
    tap = Tap()
    on_node(tap, wanted(ALL), arch="aarch64", cpus=2, memory_mib=1024)
    tap.note("one CPU")
    on_node(tap, wanted(ONE_CPU), arch="aarch64", cpus=1, memory_mib=768, cpu="cortex-a76")
    tap.note("cortex-a57, no VHE")
    on_node(tap, wanted(PLAIN), arch="aarch64", cpus=2, memory_mib=5120, cpu="cortex-a57")
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
