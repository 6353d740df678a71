#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Did an exit grow dearer? check.py [accept | show METRIC]: runs the exit guest on Caisson alone, by SVM in QEMU and by VT-x in Bochs, or at
EL2 in QEMU, and compares with what was accepted (expected.json for x86_64, expected-aarch64.json).

A figure that is missing, or more than 2% over (and the end of a slice, on the Intel machine), is a failure, and the functions that grew are
named: both emulators count each instruction by its address. accept writes the file anew, which is how a change that is worth its cost, or saves some, is taken in; show prints what each
function of a metric costs now and cost then. Under a minute.
"""
import json
import os
import signal
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE]
import caisson_side  # noqa: E402
import exits  # noqa: E402
import intel  # noqa: E402
import symbols  # noqa: E402
from counted import ARCH  # noqa: E402

EXPECTED = os.path.join(HERE, "expected.json" if ARCH == "x86_64" else "expected-%s.json" % ARCH)
OVER, UNDER = 1.02, 0.98
SLICE_END = 1800  # instructions from the interrupt at a slice's end through the run loop and back into the guest
LEAST = 0.5  # instructions a round from which a function is written down
WORST = 5    # functions that are named
# Whose batches are not ROUNDS alike: how many make the figure.
PER = {"touch_2m": 1, "sgi": 2 * exits.ROUNDS}


def by_function(counts, prefix):
    """{metric: {"value": instructions, "functions": {name: instructions}}} of a run, a round each; prefix of the metrics' names."""
    histogram, base, cases = counts.histogram(), counts.image_base(), counts.cases()
    names, values, found = symbols.firmware(), exits.figures(cases), {}
    for case, spots in histogram.items():
        if case not in values:
            continue
        rounds = PER.get(case, exits.ROUNDS) * len(cases[case])
        functions = {n: round(times / rounds, 1) for n, times in symbols.by_symbol(spots, names, base).items()}
        found[prefix + case] = {"value": round(values[case], 1), "functions": {n: f for n, f in sorted(functions.items()) if f >= LEAST}}
    return found


def measured():
    """by_function of this architecture's CPUs; not of Intel's where there is no Bochs that counts."""
    found = {}
    for side, option, prefix in ((caisson_side, "hist=on", ""), (intel, "hist", intel.PREFIX)):
        if side is intel and not (ARCH == "x86_64" and intel.counts()):
            continue
        with tempfile.TemporaryDirectory(prefix="caisson-bench-") as folder:
            found.update(by_function(side.exit_counts(folder, [option]), prefix))
    return found


def grown(now, then):
    """The functions that cost most more than they did, as text."""
    more = sorted(((now.get(n, 0) - then.get(n, 0), n) for n in now), reverse=True)
    return ", ".join("%s %+.1f (%.1f to %.1f)" % (n, d, then.get(n, 0), now[n]) for d, n in more[:WORST] if d >= LEAST)


def leeway(name):
    """The clock of the Intel machine is the wall's: it decides in how many batches a slice of the scheduler ends, and so whether the median
    batch has such an end in it."""
    return SLICE_END / exits.ROUNDS if name.startswith(intel.PREFIX) and name[len(intel.PREFIX):] in exits.LOOPS else 0


def complaints(now, expected):
    """{metric: why it is not well, "" when it is}."""
    found = {}
    for name, want in expected.items():
        got = now.get(name)
        if got is None:
            found[name] = "missing"
        elif got["value"] > want["value"] * OVER + leeway(name):
            found[name] = "%.1f instructions, expected %.1f: %s" % (got["value"], want["value"], grown(got["functions"], want["functions"]) or "no function stands out")
        else:
            found[name] = ""
    return found


def read_expected():
    """Of what can be measured here."""
    with open(EXPECTED, encoding="utf-8") as f:
        return {n: m for n, m in json.load(f)["exits"].items() if intel.counts() or not n.startswith(intel.PREFIX)}


def accept(now):
    rows = ",\n".join('  %s: {"value": %s, "functions": %s}' % (json.dumps(n), m["value"], json.dumps(m["functions"])) for n, m in now.items())
    with open(EXPECTED, "w", encoding="utf-8") as f:
        f.write('{"license": "SPDX-License-Identifier: Apache-2.0",\n "exits": {\n%s\n}}\n' % rows)


def show(now, then):
    """Each function of a metric, the dearest first."""
    names = sorted(set(now) | set(then), key=lambda n: -now.get(n, 0))
    print("%10s %10s" % ("now", "then"))
    for n in names:
        print("%10.1f %10.1f  %s" % (now.get(n, 0), then.get(n, 0), n))


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # the emulator ends with us
    now = measured()
    if sys.argv[1:] == ["accept"]:
        accept(now)
        return 0
    if len(sys.argv) == 3 and sys.argv[1] == "show":
        name = sys.argv[2]
        then = read_expected().get(name, {"value": 0, "functions": {}})  # a new one was not there
        print("%s: %.1f now, %.1f then" % (name, now[name]["value"], then["value"]))
        show(now[name]["functions"], then["functions"])
        return 0
    failed = 0
    for name, why in complaints(now, read_expected()).items():
        failed += bool(why)
        print("%-14s %10s  %s" % (name, now[name]["value"] if name in now else "-", why or "ok"))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
