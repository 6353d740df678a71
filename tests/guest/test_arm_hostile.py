#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The aarch64 twin of test_hostile.py: the same neighbour, the same measure, and what can go wrong at EL1, where no third fault ends a guest:
one that cannot handle its faults loops in them. Names of modes as arguments choose some."""
import sys

from guests import on_node, wanted
from tap import Tap
from test_hostile import hostile, pace, with_neighbour

ALL = [
    hostile("fetch", stops=True), hostile("tables"), hostile("vectors"), hostile("stack"), hostile("loop", vcpus=2), hostile("spin", vcpus=2),
    hostile("flood"), hostile("mmio"), hostile("sysregs", either=True), hostile("sleep"), hostile("storm", vcpus=3), hostile("timer"), hostile("pause"),
    hostile("calls"), hostile("psci", vcpus=2), hostile("noise", either=True),
    hostile("remap", vcpus=2, either=True), hostile("reset", either=True), hostile("restart", either=True, vcpus=3),
]
ONE_CPU = [pace("spin", vcpus=2), pace("loop"), pace("flood"), pace("storm", vcpus=2), pace("timer"), pace("pause"), pace("calls"), pace("mmio")]


def main():
    tap = Tap()
    on_node(tap, with_neighbour(wanted(ALL)), arch="aarch64", cpus=2, memory_mib=768)
    tap.note("one CPU, no VHE")
    on_node(tap, with_neighbour(wanted(ONE_CPU)), arch="aarch64", cpus=1, memory_mib=768, cpu="cortex-a57")
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
