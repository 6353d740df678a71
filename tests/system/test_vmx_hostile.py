#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Guests that misbehave on an Intel CPU that Bochs emulates: the same ones, with the same neighbour and the same checks, as on AMD's, on two
CPUs and on one. Names of modes as arguments choose some."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "guest"))
from guests import on_node, wanted  # noqa: E402
from test_hostile import ALL, ONE_CPU, with_neighbour  # noqa: E402
from bochs import BochsMachine  # noqa: E402
from tap import Tap  # noqa: E402


def main():
    tap = Tap()
    for title, steps, cpus in (("two CPUs", ALL, 2), ("one CPU", ONE_CPU, 1)):
        tap.note(title)
        on_node(tap, with_neighbour(wanted(steps)), machine_class=BochsMachine, memory_mib=768, cpus=cpus)
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
