#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`make run`, `make start`, `make stop`: the demo node in an emulator. qemu.py run|start|stop

Host only. State lies in build/run: the boot image, UEFI variables (the node's identity), serial log, and the profile of the command
line. ARCH, API_PORT (8443), CPUS (2), MEMORY_MIB (2048), ACCEL (kvm|tcg), SCREEN=1 (run: the node's full-screen console),
GDB=1 (QEMU listens for gdb on port 1234) change the defaults, and so do MACHINE and CPU, as QEMU's options -M and -cpu take them.
BACKEND=vmx asks for an Intel CPU: the machine's own by KVM where that nests, else the one that Bochs emulates (MEMORY_MIB 1024).
"""
import os
import re
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import image  # noqa: E402
from bochs import BochsMachine  # noqa: E402
from machine import BUILD, ROOT, Machine, MachineError, accelerator, chosen_arch, cpu_is_intel  # noqa: E402

RUN = os.path.join(BUILD, "run")
TOOL = os.path.join(BUILD, "caisson")
PORT = int(os.environ.get("API_PORT", "8443"))
URL = "https://127.0.0.1:%d" % PORT
BOOT_LIMIT_S, STOP_LIMIT_S = 180, 10
# Lines that the node prints on a serial port without a terminal, see docs/config.md.
READY = r"pairing code: (\S+)"
FINGERPRINT = r"fingerprint: (SHA256:[0-9a-f]{64})"


def say(text):
    print(text, flush=True)


def in_bochs():
    return os.environ.get("BACKEND") == "vmx" and not (accelerator() == "kvm" and cpu_is_intel())


def where():
    return "Bochs" if in_bochs() else "QEMU (%s, %s)" % (chosen_arch(), accelerator(chosen_arch()))


def make_machine(serial):
    os.makedirs(RUN, exist_ok=True)
    esp = os.path.join(RUN, "esp.img")
    arch = chosen_arch()
    image.fat_image(esp, image.demo_files(arch))
    if in_bochs():  # no faster than the wall's clock: an idle node leaves the machine in peace, and what waits for a user does not time out
        return BochsMachine(RUN, esp, cpus=int(os.environ.get("CPUS", "2")), memory_mib=int(os.environ.get("MEMORY_MIB", "1024")),
                            api_port=PORT, sync="slowdown")
    return Machine(RUN, esp=esp, cpus=int(os.environ.get("CPUS", "2")), memory_mib=int(os.environ.get("MEMORY_MIB", "2048")),
                   api_port=PORT, accel=accelerator(arch), serial=serial, arch=arch, machine=os.environ.get("MACHINE"), cpu=os.environ.get("CPU"),
                   extra=["-s"] if os.environ.get("GDB") else [])


def pid_of_run():
    """The process id of a node in the background that is still ours, or None."""
    for pid_file, argument in (("qemu.pid", "qmp.sock"), ("bochs.pid", "bochsrc")):
        try:
            with open(os.path.join(RUN, pid_file), encoding="ascii") as f:
                pid = int(f.read())
            with open("/proc/%d/cmdline" % pid, "rb") as f:
                if os.path.join(RUN, argument).encode() in f.read():
                    return pid
        except (OSError, ValueError):
            continue
    return None


def refuse_second():
    if pid_of_run():
        say("a node runs in the background already: end it with make stop")
        sys.exit(1)


def pair_command(code, fingerprint):
    return "build/caisson pair %s --code %s --fingerprint %s" % (URL, code, fingerprint)


def run():
    refuse_second()
    if in_bochs() and os.environ.get("SCREEN"):
        say("SCREEN=1 needs QEMU: Bochs has no serial port on this terminal")
        sys.exit(1)
    say("Caisson in %s. API: %s   Ctrl-C ends it." % (where(), URL))
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
        code = machine.start().process.wait()
        if machine.reader:  # its last words, why it could not start among them
            machine.reader.join(10)
        if code:
            say("the emulator ended with code %d" % code)
        return 1 if code else 0
    except KeyboardInterrupt:
        say("")
        return 0
    finally:
        machine.close()


def tool(*args, **kwargs):
    env = dict(os.environ, CAISSON_HOME=os.path.join(RUN, "profile"))
    return subprocess.run([TOOL, *args], env=env, check=False, **kwargs)


def background():
    """Starts the emulator detached, its serial port going to a file; returns when the node printed its pairing code."""
    machine = make_machine("stdio")
    log_path = machine.path("serial.log")
    if os.path.exists(log_path):
        os.unlink(log_path)
    child = machine.start_detached()
    try:
        return wait_for_code(child, log_path)
    except BaseException:  # also Ctrl-C: the emulator is in a session of its own and does not see it
        child.kill()
        child.wait()
        raise


def wait_for_code(child, log_path):
    """(pairing code, fingerprint) from the log, once the node has printed them."""
    deadline, text = time.monotonic() + BOOT_LIMIT_S, ""
    while time.monotonic() < deadline and child.poll() is None:
        if os.path.exists(log_path):
            with open(log_path, encoding="utf-8", errors="replace") as log:
                text = log.read()
        code, fingerprint = re.search(READY + "\r?\n", text), re.search(FINGERPRINT, text)
        if code and fingerprint:
            return code.group(1), fingerprint.group(1)
        time.sleep(0.1)
    raise MachineError("the node did not come up; build/run/serial.log ends with:\n" + "\n".join(text.splitlines()[-40:]))


def start():
    refuse_second()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        code, fingerprint = background()
        paired = tool("pair", URL, "--code", code, "--fingerprint", fingerprint)
        if paired.returncode or tool("node", "info", stdout=subprocess.DEVNULL).returncode:
            end_run()
            return 1
    except (KeyboardInterrupt, SystemExit):
        end_run()
        raise
    say("The node answers on %s. Try:\n  export CAISSON_HOME=%s\n  build/caisson vm list\n  build/caisson vm console demo\n"
        "make stop ends it." % (URL, os.path.relpath(os.path.join(RUN, "profile"), ROOT)))
    return 0


def end_run():
    """Ends the node in the background; False: there is none."""
    pid = pid_of_run()
    if not pid:
        return False
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + STOP_LIMIT_S
    while pid_of_run() == pid:  # an emulator that is well ends at once on SIGTERM
        if time.monotonic() > deadline:
            os.kill(pid, signal.SIGKILL)
            deadline += STOP_LIMIT_S
        time.sleep(0.05)
    return True


def stop():
    say("stopped" if end_run() else "no node runs in the background")
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
    except KeyboardInterrupt:
        say("interrupted")
        return 130


if __name__ == "__main__":
    sys.exit(main())
