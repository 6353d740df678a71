#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs test programs that print TAP, and counts: tests/run.py [-k PATTERN] GROUP...

Groups: style, unit, fuzz, guest, system. A program passes when its plan is kept, no line says "not ok" and it exits with 0.
The output of one that fails is shown whole. The last line is "N passed, N failed, N skipped". Builds nothing; runs from the
project's root. The time limits are a guard against a hung program, not a measure: no test depends on how fast it is.
"""
import argparse
import concurrent.futures
import fnmatch
import glob
import os
import re
import signal
import subprocess
import sys
import threading
import time

FUZZ_SECONDS = 5
LIMIT_S = {"style": 300, "unit": 300, "fuzz": 120, "guest": 900, "system": 1500}
# Programs of these groups share nothing, so that two may run at a time; so may those with these names, last in their group: Bochs' time is
# counted in instructions, so that its guests notice nothing of the load.
PARALLEL = {"style", "unit", "fuzz"}
PARALLEL_NAMES = "system/test_vmx_*"
TAP_LINE = re.compile(r"(not )?ok\b([^#]*)(#\s*(SKIP|TODO)\b.*)?", re.I)

running = set()
running_lock = threading.Lock()


class Result:
    def __init__(self, name):
        self.name, self.passed, self.failed, self.skipped = name, 0, 0, 0
        self.complaints, self.output, self.seconds = [], "", 0.0

    def complain(self, text):
        self.failed += 1
        self.complaints.append(text)


def programs(group):
    """[(name, command)] of a group."""
    if group == "style":
        return [("style/" + os.path.basename(p)[:-3], [sys.executable, p]) for p in sorted(glob.glob("tests/style/check_*.py"))]
    if group in ("guest", "system"):
        return [("%s/%s" % (group, os.path.basename(p)[:-3]), [sys.executable, p])
                for p in sorted(glob.glob("tests/%s/test_*.py" % group))]
    # Those of one architecture have a folder of its name.
    sources = sorted(glob.glob("tests/%s/**/%s_*.c" % (group, {"unit": "test", "fuzz": "fuzz"}[group]), recursive=True))
    names = [os.path.relpath(s, "tests/" + group)[:-2] for s in sources]
    if group == "unit":
        return [("unit/" + n, ["build/host/unit/" + n]) for n in names]
    return [("fuzz/" + n, fuzz_command(n)) for n in names]


def fuzz_command(name):
    """A fixed seed and a short budget: repeats what was found before and looks a little further."""
    plain = os.path.basename(name)[len("fuzz_"):]
    found = "build/fuzz/" + plain
    seeds = "tests/fuzz/corpus/" + plain
    os.makedirs(found, exist_ok=True)
    return ["build/host/fuzz/" + name, "-seed=1", "-max_total_time=%d" % FUZZ_SECONDS, "-timeout=25", "-print_final_stats=1",
            "-artifact_prefix=%s-" % found, found] + ([seeds] if os.path.isdir(seeds) else [])


def run_program(command, limit_s):
    """(exit code or None when it hung, output). The program is a process group of its own, which ends with it."""
    env = dict(os.environ, PYTHONPATH="tests", PYTHONDONTWRITEBYTECODE="1", PYTHONUNBUFFERED="1")
    try:
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                 env=env, start_new_session=True)
    except OSError as e:
        return 127, "# cannot be started: %s\n" % e
    with running_lock:
        running.add(child.pid)
    try:
        out, _ = child.communicate(timeout=limit_s)
        code = child.returncode
    except subprocess.TimeoutExpired:
        end_group(child.pid, signal.SIGTERM)
        try:
            out, _ = child.communicate(timeout=15)
        except subprocess.TimeoutExpired:
            end_group(child.pid, signal.SIGKILL)
            out, _ = child.communicate()
        code = None
    finally:
        with running_lock:
            running.discard(child.pid)
        end_group(child.pid, signal.SIGKILL)
    return code, out.decode("utf-8", "replace")


def end_group(pid, sig):
    try:
        os.killpg(pid, sig)
    except (ProcessLookupError, PermissionError):
        pass


def read_tap(result, code, limit_s):
    """Counts the lines of a program that speaks TAP."""
    seen, plan = 0, None
    for line in result.output.splitlines():
        planned = re.match(r"1\.\.(\d+)\s*(#\s*SKIP\b.*)?", line, re.I)
        if planned:
            plan = int(planned.group(1))
            if plan == 0:
                result.skipped += 1
            continue
        point = TAP_LINE.match(line)
        if not point:
            continue
        seen += 1
        if point.group(3) and point.group(4).upper() == "SKIP":
            result.skipped += 1
        elif point.group(1):
            result.failed += 1
            result.complaints.append(line)
        else:
            result.passed += 1
    if code is None:
        result.complain("still running after %d s" % limit_s)
    elif plan is None:
        result.complain("ended before its plan, exit code %s" % code)
    elif plan != seen:
        result.complain("planned %d checks, made %d" % (plan, seen))
    elif code and not result.failed:
        result.complain("exit code %s" % code)


def run_one(group, name, command):
    result, began = Result(name), time.monotonic()
    code, result.output = run_program(command, LIMIT_S[group])
    if group == "fuzz":
        if code == 0:
            result.passed = 1
        else:
            result.complain("a finding, or a hang: exit code %s" % code)
    else:
        read_tap(result, code, LIMIT_S[group])
    result.seconds = time.monotonic() - began
    return result


def report(result):
    state = "FAIL" if result.failed else ("skip" if result.skipped and not result.passed else "ok")
    counts = "%d passed" % result.passed
    counts += ", %d failed" % result.failed if result.failed else ""
    counts += ", %d skipped" % result.skipped if result.skipped else ""
    print("%-4s  %-44s %-34s %6.1f s" % (state, result.name, counts, result.seconds))
    if result.failed:
        print("----- output of %s" % result.name)
        print(result.output.rstrip("\n"))
        for text in result.complaints:
            print("----- %s: %s" % (result.name, text))
    elif result.skipped:
        for line in result.output.splitlines():
            if re.search(r"#\s*SKIP", line, re.I):
                print("        " + line)
    sys.stdout.flush()


def of_arch(name, arch):
    """Programs that boot a machine of one architecture: aarch64's are called so."""
    if not arch or name.split("/")[0] not in ("guest", "system"):
        return True
    return ("/test_arm_" in name) == (arch == "aarch64")


def selected(name, pattern):
    return not pattern or fnmatch.fnmatch(name, pattern) or pattern in name


def run_group(group, jobs, results):
    """Runs jobs, those that want the machine for themselves first."""
    apart = [job for job in jobs if group in PARALLEL or fnmatch.fnmatch(job[0], PARALLEL_NAMES)]
    run_jobs(group, [job for job in jobs if job not in apart], results, 1)
    run_jobs(group, apart, results, 2)


def run_jobs(group, jobs, results, at_a_time):
    """Runs jobs and appends their results, in order. Interrupted, it ends what is running: the pool waits for that before it goes."""
    with concurrent.futures.ThreadPoolExecutor(at_a_time) as pool:
        try:
            for done in pool.map(lambda job: run_one(group, *job), jobs):
                report(done)
                results.append(done)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            with running_lock:
                for pid in running:
                    end_group(pid, signal.SIGTERM)
            raise


def main():
    parser = argparse.ArgumentParser(description="Runs the test programs of some groups.")
    parser.add_argument("-k", metavar="PATTERN", help="only programs whose name (group/name) contains or matches this")
    parser.add_argument("-a", metavar="ARCH", help="of guest and system tests only those of this architecture")
    parser.add_argument("groups", nargs="+", choices=sorted(LIMIT_S))
    args = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    results, began = [], time.monotonic()
    try:
        for group in args.groups:
            run_group(group, [(n, c) for n, c in programs(group) if selected(n, args.k) and of_arch(n, args.a)], results)
    except (KeyboardInterrupt, SystemExit):
        print("interrupted")
        return 130
    failed = [r for r in results if r.failed]
    for r in failed:
        print("FAIL  %s: %s" % (r.name, "; ".join(r.complaints)[:300]))
    print("%d min %02d s" % divmod(time.monotonic() - began, 60))
    print("%d passed, %d failed, %d skipped" % tuple(sum(getattr(r, f) for r in results) for f in ("passed", "failed", "skipped")))
    return 1 if failed or not any(r.passed for r in results) else 0


if __name__ == "__main__":
    sys.exit(main())
