# SPDX-License-Identifier: Apache-2.0
"""A thousand microVMs that sleep, the same for both sides: what each takes, and whether the last one starts as cheaply as the first. Host only.

Their kernel is the least there is (tests/bench/halt_guest.py): a Linux guest touches 23 MiB, and a thousand of them would need an emulated
machine of 24 GiB. The metrics called many are of Linux guests.
"""
import os

from counted import BENCH, first_and_last

VMS = 1000
PAUSE_S = 0.2  # between two
GUEST_MIB = 64
MACHINE_MIB = 8192  # of which the guests touch 2 GiB at most; the emulator takes what is touched
KERNEL = os.path.join(BENCH, "halt.elf")
SAMPLE = 20


def figures(counts, begin, each_kib, beside_kib):
    """Of the VMs that ran: from the mark begin to the guest's own, the host's instructions."""
    first, last = first_and_last(counts, begin, VMS, SAMPLE)
    return {"crowd_vms": VMS, "crowd_memory": each_kib, "crowd_beside": beside_kib, "crowd_host": last / 1e6, "crowd_start": last / first}
