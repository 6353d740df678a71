#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The guest tests on Intel CPUs that Bochs emulates: the same programs with the same checks as on AMD's, on two CPUs and on one, then a few
on other models. Names of steps as arguments choose some; each model is a machine of its own."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "guest"))
from guests import on_node, wanted  # noqa: E402
from test_guests import ALL, ONE_CPU, OLDER  # noqa: E402
from bochs import BochsMachine  # noqa: E402
from tap import Tap  # noqa: E402


# The guest with more than 4 GiB of address space asks for more memory than these machines have.
MODELS = [s for s in OLDER if s[0] != "big"]


def main():
    tap = Tap()
    for title, steps, machine in (("two CPUs", ALL, {"cpus": 2}), ("one CPU", ONE_CPU, {"cpus": 1}),
                                  ("Haswell", MODELS, {"cpus": 2, "cpu": "corei7_haswell_4770"}),
                                  ("Ice Lake", MODELS, {"cpus": 2, "cpu": "corei7_icelake_u"})):
        tap.note(title)
        on_node(tap, wanted(steps), machine_class=BochsMachine, memory_mib=1024, **machine)
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
