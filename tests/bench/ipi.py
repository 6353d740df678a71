# SPDX-License-Identifier: Apache-2.0
"""Figures from what the IPI guest says (tests/bench/guest/x86_64/ipi.c), the same for both sides, in nanoseconds. Host only.

The machine does not count: each of its two CPUs is a thread of QEMU, so that the two sides differ by what they do and by what else this
computer does. The median says most; all of the distribution goes to standard error. With a thread for each CPU QEMU 10.0.2 now and then breaks
a host that has guests (tools/run/machine.py), so that a run that comes to nothing is made again.
"""
import os
import re
import sys

from counted import OF_ARCH, Missing

KERNEL = os.path.join(OF_ARCH, "ipi.elf")
CPUS = 2
MEMORY_MIB = 64
END = r"1\.\.\d+"  # the guest's plan comes last
LIMIT_S = 240
TRIES = 3


def figures(side, text):
    """{metric: value} of the guest's console."""
    clock = re.search(r"^clock (\d+) ticks (\d+) ns", text, re.M)
    if not clock:
        raise Missing("the guest did not come to its end; it said last:\n" + text[-1000:])
    ns_per_tick, found = int(clock.group(2)) / int(clock.group(1)), {}
    for name, rounds, numbers in re.findall(r"^(ipi_\w+) (\d+) rounds (.*?)\s*$", text, re.M):
        words = numbers.split()
        at = {k: int(v) * ns_per_tick for k, v in zip(words[::2], words[1::2])}
        print("bench: %s, %s, ns in %s rounds: %s" % (side, name, rounds, ", ".join("%s %.0f" % p for p in at.items())), file=sys.stderr, flush=True)
        found.update({name + "_p50": at["p50"], name + "_p99": at["p99"]})
    return found


def attempts(run):
    """What run gives, in one of some tries."""
    for left in reversed(range(TRIES)):
        try:
            return run()
        except Exception as e:  # whatever it was, it is told
            if not left:
                raise
            print("bench: once more, since: %s" % str(e)[-300:], file=sys.stderr, flush=True)
    return {}
