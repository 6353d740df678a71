#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The demo as a user types it: `make start`, commands, `make stop`; `make run` ended by Ctrl-C. Neither leaves a process behind. On a
port of its own. Skipped when a node of the user's runs in the background, which is not ours to end."""
import os
import re
import signal
import subprocess
import sys
import threading
import time

from lib.node import BUILD, CLI, ROOT, Tap, free_port

RUN = os.path.join(BUILD, "run")
LIMIT_S = 240


def environment(port):
    env = {k: v for k, v in os.environ.items() if not k.startswith(("CAISSON_", "MAKE", "MFLAGS", "XDG_"))}
    return dict(env, API_PORT=str(port), CAISSON_HOME=os.path.join(RUN, "profile"))


def left_behind():
    """Command lines of processes that belong to build/run."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open("/proc/%s/cmdline" % pid, "rb") as f:
                command = f.read().replace(b"\0", b" ").decode("utf-8", "replace")
        except OSError:
            continue
        if os.path.join(RUN, "qmp.sock") in command or "tools/run/qemu.py" in command:
            found.append(command[:200])
    return found


def make(target, env):
    done = subprocess.run(["make", target], cwd=ROOT, env=env, capture_output=True, timeout=LIMIT_S, check=False)
    return done.returncode, (done.stdout + done.stderr).decode("utf-8", "replace")


def start_stop(tap):
    env = environment(free_port())
    code, text = make("start", env)
    if not tap.ok(code == 0, "make start ends well", text):
        make("stop", env)
        return
    try:
        tap.ok(re.search(r"https://127\.0\.0\.1:%s" % env["API_PORT"], text) and "build/caisson vm console demo" in text,
               "it says where the API is and what to type next", text)
        for args, says in ((("vm", "list"), r"^demo +(running|starting) "), (("node", "info"), "caisson-demo")):
            done = subprocess.run([CLI, *args], env=env, capture_output=True, timeout=LIMIT_S, check=False)
            out = (done.stdout + done.stderr).decode()
            tap.ok(done.returncode == 0 and re.search(says, out, re.M), "caisson %s answers at once" % " ".join(args), out)
        code, text = make("start", env)
        tap.ok(code != 0 and "make stop" in text, "a second make start is refused, and says what to do", text)
    finally:
        code, text = make("stop", env)
    tap.ok(code == 0, "make stop ends well", text)
    tap.eq(left_behind(), [], "make start and make stop leave no process")
    code, text = make("stop", env)
    tap.ok(code == 0 and "no node" in text, "make stop again has nothing to do", text)


def run_interrupted(tap):
    """Ctrl-C reaches the terminal's foreground group: make, the script and QEMU."""
    child = subprocess.Popen(["make", "run"], cwd=ROOT, env=environment(free_port()), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, start_new_session=True)
    guard = threading.Timer(LIMIT_S, lambda: os.killpg(child.pid, signal.SIGKILL))
    guard.start()
    text, interrupted, began = "", False, time.monotonic()
    try:
        for line in child.stdout:
            text += line.decode("utf-8", "replace")
            if "build/caisson vm console demo" in text and not interrupted:
                interrupted = True
                tap.ok(re.search(r"URL: +https://\S+\n +fingerprint: +SHA256:[0-9a-f]{64}\n +pairing code: \S{9}\n", text)
                       and "build/caisson pair https://" in text,
                       "make run prints the URL, the fingerprint, the pairing code and the next commands", text)
                os.killpg(child.pid, signal.SIGINT)
        child.wait(LIMIT_S)
    finally:
        guard.cancel()
        if child.poll() is None:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()
    tap.ok(interrupted, "make run comes up", "after %d s:\n%s" % (time.monotonic() - began, "\n".join(text.splitlines()[-40:])))
    tap.eq(left_behind(), [], "make run and Ctrl-C leave no process")


def main():
    tap = Tap()
    if left_behind():
        tap.skip("make start, make stop, make run", "a demo node is running already")
        return tap.done()
    start_stop(tap)
    run_interrupted(tap)
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
