#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The demo as a user types it: `make start`, commands, `make stop`, with the backend of choice and with BACKEND=vmx; both commands interrupted by
Ctrl-C. Nothing leaves a process behind. On a port of its own. Skipped when a node of the user's runs in the background, which is not ours to end."""
import os
import re
import signal
import socket
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
        if any(part in command for part in (os.path.join(RUN, "qmp.sock"), os.path.join(RUN, "bochsrc"), "tools/run/qemu.py")):
            found.append(command[:200])
    return found


def make(target, env):
    done = subprocess.run(["make", target], cwd=ROOT, env=env, capture_output=True, timeout=LIMIT_S, check=False)
    return done.returncode, (done.stdout + done.stderr).decode("utf-8", "replace")


def start_vmx(tap):
    """On an Intel CPU, which is Bochs' where the machine's own does not nest."""
    env = dict(environment(free_port()), BACKEND="vmx")
    code, text = make("start", env)
    if not tap.ok(code == 0, "make start BACKEND=vmx ends well", text):
        make("stop", env)
        return
    try:
        for args, says in ((("vm", "list"), r"^demo +(running|starting) "), (("node", "info"), r"\bvmx\b")):
            done = subprocess.run([CLI, *args], env=env, capture_output=True, timeout=LIMIT_S, check=False)
            out = (done.stdout + done.stderr).decode()
            tap.ok(done.returncode == 0 and re.search(says, out, re.M), "caisson %s answers with BACKEND=vmx" % " ".join(args), out)
    finally:
        code, text = make("stop", env)
    tap.ok(code == 0 and "stopped" in text, "make stop ends it", text)
    tap.eq(left_behind(), [], "no process is left with BACKEND=vmx")


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


def interrupt(child):
    """Ctrl-C: SIGINT to the terminal's foreground group, which a detached emulator is not in."""
    os.killpg(child.pid, signal.SIGINT)


def start_interrupted(tap):
    """Ctrl-C while make start waits for the node: make gives up, and the emulator goes with it."""
    log = os.path.join(RUN, "serial.log")
    if os.path.exists(log):
        os.unlink(log)
    child = subprocess.Popen(["make", "start"], cwd=ROOT, env=environment(free_port()), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, start_new_session=True)
    try:
        deadline = time.monotonic() + LIMIT_S
        while not (os.path.exists(log) and os.path.getsize(log)) and child.poll() is None and time.monotonic() < deadline:
            time.sleep(0.05)
        booting = len(left_behind()) > 1
        interrupt(child)
        text = child.communicate(timeout=LIMIT_S)[0].decode("utf-8", "replace")
    finally:
        if child.poll() is None:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()
    tap.ok(booting and child.returncode != 0, "Ctrl-C ends make start while the node boots", text)
    tap.eq(left_behind(), [], "and leaves no process")


def port_taken(tap):
    """make run on a port that another program has: says so, and fails."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        s.listen()
        code, text = make("run", environment(s.getsockname()[1]))
    tap.ok(code != 0 and re.search("host forward|address already in use", text, re.I), "make run on a port that is taken fails and says why",
           "exit code %d\n%s" % (code, text))


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
                interrupt(child)
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
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job has it ignored, and so would what it starts
    if left_behind():
        tap.skip("make start, make stop, make run", "a demo node is running already")
        return tap.done()
    start_stop(tap)
    start_interrupted(tap)
    port_taken(tap)
    start_vmx(tap)
    run_interrupted(tap)
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
