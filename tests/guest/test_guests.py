#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Guest tests in the shipped image: each freestanding guest runs as a VM and tells what it saw; on a machine with two CPUs, then the ones
that depend on it with one CPU, on an AMD CPU model without the newest features, and on one without XSAVE. Names of steps as arguments choose some."""
import sys

import points
from guests import on_node, wanted
from lib.console import Console
from tap import Tap


SPARE_MIB = 32  # tables, and the node itself


def tap_guest(image, **how):
    return image, lambda guests: guests.run(image, **how)


def fpu(guests):
    """Two guests of four vCPUs each on the same two CPUs, with different patterns, at the same time."""
    ends = [(name, guests.start(name, "fpu", "seed=%d wait=1" % seed, vcpus=4)) for name, seed in (("fpu-one", 1), ("fpu-two", 2))]
    for name, _ in ends:
        with Console(guests.node, name) as console:
            console.expect("^ready$")
            console.type("g")
    for name, at in ends:
        guests.finish(name, at)


def isolation(guests):
    """One fills its memory and waits; another looks for it, fills its own and waits; both look again. A third gets what they left."""
    ends = []
    for seed, name in ((1, "isolation-one"), (2, "isolation-two")):
        ends.append((name, guests.start(name, "isolation", "seed=%d wait=1" % seed)))
        with Console(guests.node, name) as console:
            console.expect("^filled$")
    for name, _ in reversed(ends):
        with Console(guests.node, name) as console:
            console.type("g")
    for name, at in ends:
        guests.finish(name, at)
    # So much that what they left must be among it, wherever the allocator begins.
    guests.run("isolation", "seed=3", memory_mib=guests.node.free_kib() // 1024 - SPARE_MIB, name="isolation-after")


def steal(guests):
    """On one CPU beside a guest that spins: its steal time grows, by its own page and by the node's account."""
    guests.start("spinner", "hostile", "mode=spin", memory_mib=32)
    with Console(guests.node, "spinner", "ro") as console:
        console.expect("^hostile spin$")
    guests.run("timer", "steal=1", name="steal", counts="steal_ms")
    guests.remove("spinner")


def big(guests):
    """More memory than fits below the hole for devices; few of its pages are touched."""
    guests.run("memory", "stride=997", memory_mib=3584, name="memory-big")


ALL = [
    tap_guest("cpuid"), tap_guest("insn"), tap_guest("io", counts="unknown_mmio"), tap_guest("memory", memory_mib=48),
    tap_guest("timer", cmdline="late_us=20000"), tap_guest("ipi", vcpus=4),
    tap_guest("ioapic", vcpus=2), ("fpu", fpu), tap_guest("msrs", counts="unknown_msrs"),
    tap_guest("ports", counts="unknown_ports"), tap_guest("virtq", vcpus=2), tap_guest("transport"), tap_guest("notify"),
    tap_guest("tlb", vcpus=2), tap_guest("delivery", vcpus=2, memory_mib=63), tap_guest("modes", memory_mib=63), ("isolation", isolation),
]
ONE_CPU = [tap_guest("timer"), ("steal", steal), tap_guest("ipi", vcpus=3), tap_guest("ioapic", vcpus=2), ("fpu", fpu), tap_guest("virtq", vcpus=2)]
# Without VGIF, with an xAPIC, and with more memory than 4 GiB.
OLDER = [s for s in ALL if s[0] not in ("isolation", "ports")] + [("big", big)]


def main():
    tap = Tap()
    points.record("two CPUs", on_node(tap, wanted(ALL), cpus=2, memory_mib=1024))
    tap.note("one CPU")
    points.record("one CPU", on_node(tap, wanted(ONE_CPU), cpus=1, memory_mib=768))
    tap.note("EPYC-v4")
    on_node(tap, wanted(OLDER), cpus=2, memory_mib=5120, cpu="EPYC-v4,+svm")
    tap.note("without XSAVE")
    on_node(tap, wanted([("fpu", fpu)]), cpus=2, memory_mib=768, cpu="EPYC-v4,+svm,-xsave")
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
