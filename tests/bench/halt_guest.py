#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""halt_guest.py OUTPUT: the least of a kernel: says a word on the serial port, marks that it has run, and sleeps for good. Host only; needs
tests/system/lib on the path."""
import struct
import sys

import tiny
from counted import MARKS

MARK_BASE = 0x4d4b0000  # tests/bench/guest/mark.h


def mark(number):
    """NOPL disp32(%EAX): the same bytes in 32-bit and in 64-bit mode (SDM 2B, NOP)."""
    return b"\x0f\x1f\x80" + struct.pack("<I", MARK_BASE + number)


if __name__ == "__main__":
    with open(sys.argv[1], "wb") as f:
        f.write(tiny.elf(tiny.say("tiny\n") + mark(MARKS["INIT"]) + tiny.HALT))
