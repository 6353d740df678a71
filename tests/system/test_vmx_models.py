#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Those guest tests whose path depends on what a CPU's VT-x has, on other models than test_vmx_guests.py's. Names of steps as arguments choose
some; each model is a machine of its own."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "guest"))
from guests import on_node, wanted  # noqa: E402
from test_guests import ALL  # noqa: E402
from test_vmx_guests import MEMORY_MIB, delivered  # noqa: E402
from bochs import BochsMachine  # noqa: E402
from tap import Tap  # noqa: E402

# Instructions that exit by controls, EPT with and without accessed and dirty bits, interrupts with and without posting and the CPU's own
# delivery, INVPCID and INVVPID, events in delivery, modes.
SHORT = [s for s in ALL if s[0] in ("insn", "memory", "ipi", "tlb", "modes", "delivery")]
# By model: does the CPU deliver interrupts itself?
MODELS = {"corei7_haswell_4770": True, "corei7_icelake_u": True, "corei7_ivy_bridge_3770k": False}


def main():
    tap = Tap()
    for cpu, by_cpu in MODELS.items():
        tap.note(cpu)
        on_node(tap, wanted(delivered(by_cpu, SHORT)), machine_class=BochsMachine, memory_mib=MEMORY_MIB, cpus=2, cpu=cpu)
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
