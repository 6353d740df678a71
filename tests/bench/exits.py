# SPDX-License-Identifier: Apache-2.0
"""Figures from the counts of the exit guest (tests/bench/guest/exits.c), the same for both sides. Host only."""
import statistics

ROUNDS = 200
TOTAL, HOST, ENTRIES = range(3)
LOOPS = ["cpuid", "hypercall", "rdmsr", "sysreg", "out", "in", "pmtimer", "mmio_write", "mmio_read", "ioapic_read", "gicd_read", "notify_pio", "notify_mmio",
         "sgi_self"]


def median(batches, which):
    return statistics.median(b[which] for b in batches)


def mean(batches, which):
    return statistics.mean(b[which] for b in batches)


def figures(cases):
    """{metric: value} of {case: batches}; what is not there is left out."""
    found, nothing = {}, median(cases["nothing"], TOTAL)
    for name in LOOPS:
        if name in cases:
            found[name] = (median(cases[name], TOTAL) - nothing) / ROUNDS
    for name in ("timer_spin", "timer_halt"):
        if name in cases:
            found[name] = median(cases[name], HOST) / ROUNDS
    if "sgi" in cases:  # a round is there and back
        found["sgi"] = median(cases["sgi"], HOST) / (2 * ROUNDS)
    if "touch_4k" in cases:  # one fault may give much more than a page, so that many pages are free and one is not
        found["touch_4k"] = (mean(cases["touch_4k"], TOTAL) - nothing) / ROUNDS
    if "touch_2m" in cases:
        found["touch_2m"] = median(cases["touch_2m"], HOST)
        found["touch_2m_faults"] = median(cases["touch_2m"], ENTRIES)
    return found
