#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The guest tests on Intel CPUs that Bochs emulates: the same programs with the same checks as on AMD's, on two CPUs and on one. Names of steps
as arguments choose some; test_vmx_models.py has other models. `delivered` is theirs, too."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "guest"))
import points  # noqa: E402
from guests import on_node, wanted  # noqa: E402
from test_guests import ALL, ONE_CPU  # noqa: E402
from lib import old_bochs  # noqa: E402
from bochs import BochsMachine  # noqa: E402
from tap import Tap  # noqa: E402


# "isolation" gives a guest all that is left, and each page of it takes the emulated CPU its time.
MEMORY_MIB = 384


def delivered(by_cpu, steps):
    """The steps; the one that interrupts most also tells whether the CPU delivered the interrupts, or the monitor, which waits for windows."""
    def ipi(guests):
        at = guests.start("ipi", "ipi", vcpus=4)
        event = guests.ended("ipi", at)
        guests.merge("ipi", guests.log("ipi"), event)
        windows = sum(n for series, n in guests.node.metrics().items() if 'vm="ipi"' in series and 'kind="irq_window"' in series)
        guests.tap.ok((windows == 0) == by_cpu, "ipi: interrupts are delivered by %s" % ("the CPU" if by_cpu else "the monitor"),
                      "%d exits for a window" % windows)
        guests.remove("ipi")

    steps = [(what, ipi if what == "ipi" else body) for what, body in steps]
    return old_bochs.spared(steps, {"delivery": old_bochs.DELIVERY} if by_cpu else {})


def main():
    tap = Tap()
    for title, steps, cpus in (("two CPUs", delivered(True, ALL), 2), ("one CPU", ONE_CPU, 1)):
        tap.note(title)
        made = on_node(tap, wanted(steps), options=old_bochs.guest_options(), machine_class=BochsMachine, memory_mib=MEMORY_MIB, cpus=cpus)
        points.compare(tap, title, made)
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
