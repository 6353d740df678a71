#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`make run`, `make start`, `make stop`: the demo node in QEMU. qemu.py run|start|stop

Host only. State lies in build/run: the boot image, UEFI variables (the node's identity), serial log, and the profile of the command
line. API_PORT (8443), CPUS (2), MEMORY_MIB (2048), ACCEL (kvm|tcg), SCREEN=1 (run: the node's full-screen console) change the defaults.
"""
import os
import re
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import image  # noqa: E402
from machine import BUILD, ROOT, Machine, MachineError, accelerator  # noqa: E402

RUN = os.path.join(BUILD, "run")
TOOL = os.path.join(BUILD, "caisson")
PORT = int(os.environ.get("API_PORT", "8443"))
URL = "https://127.0.0.1:%d" % PORT
BOOT_LIMIT_S = 180
# Lines that the node prints on a serial port without a terminal, see docs/config.md.
READY = r"pairing code: (\S+)"
FINGERPRINT = r"fingerprint: (SHA256:[0-9a-f]{64})"


def say(text):
    print(text, flush=True)


def make_machine(serial):
    os.makedirs(RUN, exist_ok=True)
    esp = os.path.join(RUN, "esp.img")
    image.fat_image(esp, image.demo_files(image.DEMO_CONFIG))
    return Machine(RUN, esp=esp, cpus=int(os.environ.get("CPUS", "2")), memory_mib=int(os.environ.get("MEMORY_MIB", "2048")),
                   api_port=PORT, accel=accelerator(), serial=serial)


def pid_of_run():
    """The process id of a node in the background that is still ours, or None."""
    try:
        with open(os.path.join(RUN, "qemu.pid"), encoding="ascii") as f:
            pid = int(f.read())
        with open("/proc/%d/cmdline" % pid, "rb") as f:
            return pid if os.path.join(RUN, "qmp.sock").encode() in f.read() else None
    except (OSError, ValueError):
        return None


def refuse_second():
    if pid_of_run():
        say("a node runs in the background already: end it with make stop")
        sys.exit(1)


def pair_command(code, fingerprint):
    return "build/caisson pair %s --code %s --fingerprint %s" % (URL, code, fingerprint)


def run():
    refuse_second()
    say("Caisson in QEMU (%s). API: %s   Ctrl-C ends it." % (accelerator(), URL))
    machine = make_machine("stdio" if os.environ.get("SCREEN") else "log")
    seen = {"text": "", "told": False}

    def show(text):
        sys.stdout.write(text)
        sys.stdout.flush()
        if seen["told"]:
            return
        seen["text"] += text
        code, fingerprint = re.search(READY + "\n", seen["text"]), re.search(FINGERPRINT, seen["text"])
        if code and fingerprint:
            seen["told"] = True
            say("\n  URL:          %s\n  fingerprint:  %s\n  pairing code: %s\n\n  Next, in another terminal:\n    %s\n"
                "    build/caisson vm console demo\n" % (URL, fingerprint.group(1), code.group(1),
                                                         pair_command(code.group(1), fingerprint.group(1))))

    machine.on_text = show
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        machine.start().process.wait()
    except KeyboardInterrupt:
        say("")
    finally:
        machine.close()
    return 0


def tool(*args, **kwargs):
    env = dict(os.environ, CAISSON_HOME=os.path.join(RUN, "profile"))
    return subprocess.run([TOOL, *args], env=env, check=False, **kwargs)


def background():
    """Starts QEMU detached, its serial port going to a file; returns when the node printed its pairing code."""
    machine = make_machine("stdio")
    log_path = machine.path("serial.log")
    with open(log_path, "wb") as log:
        child = subprocess.Popen(machine.command, cwd=RUN, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                                 start_new_session=True)
    deadline = time.monotonic() + BOOT_LIMIT_S
    while time.monotonic() < deadline and child.poll() is None:
        with open(log_path, encoding="utf-8", errors="replace") as log:
            text = log.read()
        code, fingerprint = re.search(READY + "\r?\n", text), re.search(FINGERPRINT, text)
        if code and fingerprint:
            return code.group(1), fingerprint.group(1)
        time.sleep(0.1)
    say("the node did not come up; build/run/serial.log ends with:\n" + "\n".join(text.splitlines()[-40:]))
    if child.poll() is None:
        child.kill()
    sys.exit(1)


def start():
    refuse_second()
    code, fingerprint = background()
    paired = tool("pair", URL, "--code", code, "--fingerprint", fingerprint)
    if paired.returncode or tool("node", "info", stdout=subprocess.DEVNULL).returncode:
        stop()
        return 1
    say("The node answers on %s. Try:\n  export CAISSON_HOME=%s\n  build/caisson vm list\n  build/caisson vm console demo\n"
        "make stop ends it." % (URL, os.path.relpath(os.path.join(RUN, "profile"), ROOT)))
    return 0


def stop():
    pid = pid_of_run()
    if not pid:
        say("no node runs in the background")
        return 0
    os.kill(pid, signal.SIGTERM)
    while pid_of_run() == pid:  # QEMU ends at once on SIGTERM
        time.sleep(0.05)
    say("stopped")
    return 0


def main():
    actions = {"run": run, "start": start, "stop": stop}
    if len(sys.argv) != 2 or sys.argv[1] not in actions:
        say("usage: qemu.py run|start|stop")
        return 2
    try:
        return actions[sys.argv[1]]()
    except MachineError as e:
        say(str(e))
        return 1


if __name__ == "__main__":
    sys.exit(main())
