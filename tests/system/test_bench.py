#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What an exit costs, counted in instructions, against tests/bench/expected.json: no figure is more than 2% over, and one that is names the
functions that grew. `make bench-check` prints the same; a change worth its cost is taken in by `make bench-accept`."""
import os
import sys
import tempfile
import traceback

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "bench"))
import bench  # noqa: E402
import check  # noqa: E402
import exits  # noqa: E402
import intel  # noqa: E402
from counted import ARCH  # noqa: E402
from metrics import CAISSON, LINUX  # noqa: E402
from tap import Tap  # noqa: E402


def names_what_grew(tap):
    """The comparison itself, by figures made up."""
    then = {"cpuid": {"value": 100.0, "functions": {"enter": 60.0, "decode": 40.0}}, "gone": {"value": 1.0, "functions": {}}}
    now = {"cpuid": {"value": 103.0, "functions": {"enter": 60.0, "decode": 43.0}}}
    found = check.complaints(now, then)
    tap.ok("decode +3.0" in found["cpuid"] and "enter" not in found["cpuid"], "a figure 3% over is refused, and the function that grew is named", str(found))
    tap.eq(found["gone"], "missing", "a figure that is missing is refused")
    now["cpuid"]["value"] = 101.9
    tap.eq(check.complaints(now, then)["cpuid"], "", "one that is 1.9% over is not")


def goal_of_another(tap):
    """What a goal depends on is measured for it, on our side alone."""
    metric = bench.BY_NAME["vmx_cpuid"]
    tap.eq((bench.runs([metric], CAISSON), bench.runs([metric], LINUX)), (["vmx", "exits"], []), "the exits of SVM are run for a goal of VT-x's")
    tap.ok(abs(metric.goal_number({CAISSON: {"cpuid": 100}, LINUX: {}}) - 110) < 1e-6, "which is 110 for 100 instructions")
    tap.ok(metric.goal_number({CAISSON: {}, LINUX: {"cpuid": 100}}) is None, "and none without them")


def known_length(tap, log):
    """What Bochs counts of a loop whose length is known: NOP, DEC and JNZ, with a mark and what stands before the loop."""
    batches = log.cases()["nothing"]
    length = 3 * exits.ROUNDS
    tap.ok(all(length <= total <= length + 8 for total, _, _ in batches), "Intel: a loop of %d instructions is counted" % length, str(batches))
    tap.ok(not any(host or entries for _, host, entries in batches), "Intel: it is all the guest's", str(batches))
    reads, writes = log.accesses("cpuid")
    n, batch = exits.ROUNDS * len(batches), log.cases()["cpuid"]
    tap.ok(all(entries >= exits.ROUNDS for _, _, entries in batch) and reads >= 2 * n and writes >= n, "Intel: each CPUID enters, reads and writes")


def intel_counts(tap):
    """{metric: figure} of a run on the Intel machine; nothing where it cannot count."""
    if not intel.counts():
        tap.skip("Intel: counting", "Debian's Bochs counts nothing")
        return {}
    with tempfile.TemporaryDirectory() as folder:
        log = intel.exit_counts(folder)
        known_length(tap, log)
        return intel.figures(log)


def alike(tap, first, second):
    """Two runs of the Intel machine agree, with the addresses counted and without; its clock of the day is the wall's, and may be read between.
    Of the timer's rounds that shifts some: a deadline that is just due comes with the next entry, or in the guest and costs an exit more. Of the
    others it decides in how many batches a slice of the scheduler ends, and so whether the median batch has such an end in it."""
    both = {name: (value, second[name]["value"]) for name, value in first.items() if name in second}
    leeway = {name: max(check.SLICE_END / exits.ROUNDS, values[0] * (0.03 if "timer" in name else 0.001)) for name, values in both.items()}
    apart = {name: values for name, values in both.items() if abs(values[0] - values[1]) > leeway[name]}
    tap.ok(len(both) > 10 and not apart, "Intel: two runs agree to the end of a slice in a batch, a thousandth, or the timer's 3%", str(apart or both))


def compare(tap):
    try:
        first = intel_counts(tap) if ARCH == "x86_64" else {}
        now, expected = check.measured(), check.read_expected()
    except Exception:  # whatever keeps it from a figure is a failure
        tap.ok(False, "the exit guest runs and is counted", traceback.format_exc())
        return
    if first:
        alike(tap, first, now)
    tap.ok(len(expected) > 10, "there is something to compare with")
    for name, why in check.complaints(now, expected).items():
        tap.ok(not why, "%s: %s instructions" % (name, now[name]["value"] if name in now else "no"), why)


def main():
    tap = Tap()
    names_what_grew(tap)
    if ARCH == "x86_64":
        goal_of_another(tap)
    compare(tap)
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
