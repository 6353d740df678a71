#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Caisson beside Linux with KVM on the same emulated machine, counted in instructions: bench.py [METRIC...]

Prints a table (metric, Linux + KVM, Caisson, ratio, goal) and writes build/bench.json (bench-ARCH.json); with names only what they need is
run. A figure that should be there and is not is a failure. `make bench`, `make bench M=name`, `make bench ARCH=aarch64`.
"""
import json
import os
import signal
import subprocess
import sys
import tempfile
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE]
import caisson_side  # noqa: E402
import linux_side  # noqa: E402
from counted import ARCH, ROOT  # noqa: E402
from metrics import CAISSON, LINUX, METRICS, OfMetric  # noqa: E402

BY_NAME = {m.name: m for m in METRICS[ARCH]}
OUT = os.path.join(ROOT, "build", "bench.json" if ARCH == "x86_64" else "bench-%s.json" % ARCH)
SIDES = {LINUX: linux_side, CAISSON: caisson_side}
HEAD = ("metric", "unit", "Linux + KVM", "Caisson", "ratio", "goal", "")


def runs(wanted, side):
    """The names of a side's runs that these metrics need, for themselves and for their goals."""
    based = [BY_NAME[m.goal.name] for m in wanted if isinstance(m.goal, OfMetric)] if side == CAISSON else []
    return list(dict.fromkeys(m.run for m in [*wanted, *based] if side in m.sides))


def measure(wanted):
    """{side: {metric: value}} of the runs that these metrics need. A run that fails is told, and what it should have given is missing."""
    found = {side: {} for side in SIDES}
    for side, module in SIDES.items():
        for run in (getattr(module, name) for name in runs(wanted, side)):
            print("bench: %s, %s" % (side, run.__name__), file=sys.stderr, flush=True)
            with tempfile.TemporaryDirectory(prefix="caisson-bench-") as folder:
                try:
                    found[side].update(run(folder))
                except Exception:  # the other runs still have something to say
                    traceback.print_exc()
    return found


def number(value):
    if value is None:
        return "missing"
    if abs(value) >= 100 or value == int(value):
        return "{:,.0f}".format(value)
    return "{:.2f}".format(value) if abs(value) < 10 else "{:.1f}".format(value)


def row(metric, found):
    linux, caisson = (found[side].get(metric.name) if side in metric.sides else None for side in (LINUX, CAISSON))
    goal = metric.goal_number(found)
    return (metric.text, metric.unit, number(linux) if LINUX in metric.sides else "-", number(caisson) if CAISSON in metric.sides else "-",
            "%.2f" % (caisson / linux) if linux and caisson is not None else "-", number(goal) if goal is not None else "-",
            "" if goal is None or caisson is None else "met" if caisson <= goal else "%.1f times" % (caisson / goal) if goal else "not met")


def table(rows):
    widths = [max(len(r[i]) for r in rows) for i in range(len(rows[0]))]
    for r in rows:
        print("  ".join(c.ljust(w) if i in (0, 1) else c.rjust(w) for i, (c, w) in enumerate(zip(r, widths))).rstrip())
    sys.stdout.flush()


def commit():
    done = subprocess.run(["git", "-C", ROOT, "describe", "--always", "--dirty", "--abbrev=12"], capture_output=True, text=True, check=False)
    return done.stdout.strip() or None


def write(wanted, found):
    rows = {m.name: {"text": m.text, "unit": m.unit, "goal": m.goal_number(found),
                     **{side: found[side].get(m.name) for side in m.sides}} for m in wanted}
    with open(OUT, "w", encoding="utf-8") as f:
        json.dump({"commit": commit(), "metrics": rows}, f, indent=1)
        f.write("\n")


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # the emulator ends with us
    unknown = [n for n in sys.argv[1:] if n not in BY_NAME]
    if unknown:
        print("no metric is called %s; there are: %s" % (" ".join(unknown), " ".join(BY_NAME)), file=sys.stderr)
        return 2
    wanted = [BY_NAME[n] for n in sys.argv[1:]] or METRICS[ARCH]
    found = measure(wanted)
    table([HEAD, *(row(m, found) for m in wanted)])
    write(wanted, found)
    missing = ["%s of %s" % (m.name, side) for m in wanted for side in m.sides if found[side].get(m.name) is None]
    if missing:
        print("missing: " + ", ".join(missing), file=sys.stderr)
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
