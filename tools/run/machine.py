# SPDX-License-Identifier: Apache-2.0
"""A QEMU machine that boots Caisson: used by `make run` and by the system tests.

Host only. A Machine owns one QEMU process and a folder with its firmware variables, serial log and sockets; close() ends it, by
its process id. Waiting is always for a line of the serial log or for an event of the machine, with a limit as a guard against a hang.
"""
import json
import os
import re
import shutil
import socket
import subprocess
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(ROOT, "build")
OVMF = os.path.join(BUILD, "deps", "ovmf")
ANSI = re.compile(r"\x1b(\[[0-9;?=]*[A-Za-z]|[()][A-Z0-9]|[A-Z=>])")


class MachineError(Exception):
    """The machine did not do what was waited for; the text ends with the tail of the serial log."""


def free_port():
    """A TCP port of the loopback interface that nobody uses now."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def kvm_can_nest():
    """True when guests of guests can run by hardware: the CPU shows SVM or VT-x, and the device can be opened."""
    try:
        with open("/proc/cpuinfo", encoding="ascii", errors="replace") as f:
            flags = re.search(r"^flags\s*:(.*)$", f.read(), re.M)
        return bool(flags and {"svm", "vmx"} & set(flags.group(1).split())) and os.access("/dev/kvm", os.R_OK | os.W_OK)
    except OSError:
        return False


def accelerator():
    """ACCEL=kvm|tcg decides, else what works."""
    wanted = os.environ.get("ACCEL", "")
    if wanted in ("kvm", "tcg"):
        return wanted
    return "kvm" if kvm_can_nest() else "tcg"


class Machine:
    """folder: kept between runs of the same machine (its variables live there). esp: a FAT image, or None with kernel= an .efi file.

    nic: "virtio-net-pci", "e1000", ... or None. serial: "log" (reader thread, wait_line works) or "stdio" (the user's terminal).
    """

    def __init__(self, folder, esp=None, kernel=None, cpus=2, memory_mib=2048, cpu="max", nic="virtio-net-pci", api_port=None,
                 accel="tcg", serial="log", extra=()):
        self.folder, self.api_port = os.path.abspath(folder), api_port
        self.text, self.changed, self.process, self.qmp = "", threading.Condition(), None, None
        self.on_text = self.reader = None
        os.makedirs(self.folder, exist_ok=True)
        self.command = self.build_command(esp, kernel, cpus, memory_mib, cpu, nic, accel, serial, extra)
        self.serial = serial

    def path(self, name):
        return os.path.join(self.folder, name)

    def build_command(self, esp, kernel, cpus, memory_mib, cpu, nic, accel, serial, extra):
        variables = self.path("vars.fd")
        if not os.path.exists(variables):
            shutil.copyfile(os.path.join(OVMF, "OVMF_VARS_4M.fd"), variables)
        for stale in ("qmp.sock",):
            if os.path.exists(self.path(stale)):
                os.unlink(self.path(stale))
        command = ["qemu-system-x86_64", "-nodefaults", "-no-user-config", "-M", "q35,smm=off", "-accel", accel,
                   "-cpu", "host" if accel == "kvm" else cpu, "-smp", str(cpus), "-m", str(memory_mib), "-display", "none",
                   "-drive", "if=pflash,unit=0,format=raw,readonly=on,file=" + os.path.join(OVMF, "OVMF_CODE_4M.fd"),
                   "-drive", "if=pflash,unit=1,format=raw,file=" + variables,
                   "-qmp", "unix:%s,server=on,wait=off" % self.path("qmp.sock"),
                   "-pidfile", self.path("qemu.pid"), "-boot", "menu=off"]
        command += ["-serial", "stdio"]
        if esp:
            command += ["-drive", "if=none,id=esp,format=raw,file=" + esp, "-device", "virtio-blk-pci,drive=esp,bootindex=0"]
        if kernel:
            command += ["-kernel", kernel]
        if nic:
            forward = ",hostfwd=tcp:127.0.0.1:%d-:8443" % self.api_port if self.api_port else ""
            command += ["-netdev", "user,id=net0" + forward, "-device", nic + ",netdev=net0,romfile="]
        return command + list(extra)

    def start(self):
        piped = self.serial == "log"
        self.process = subprocess.Popen(self.command, cwd=self.folder, stdin=subprocess.PIPE if piped else None,
                                        stdout=subprocess.PIPE if piped else None,
                                        stderr=subprocess.STDOUT if piped else None)
        if piped:
            self.reader = threading.Thread(target=self.read_serial, daemon=True)
            self.reader.start()
        return self

    def read_serial(self):
        with open(self.path("serial.log"), "wb") as log:
            while True:
                data = os.read(self.process.stdout.fileno(), 65536)
                with self.changed:
                    if data:
                        log.write(data)
                        log.flush()
                        text = ANSI.sub("", data.decode("utf-8", "replace")).replace("\r", "")
                        self.text += text
                        if self.on_text:
                            self.on_text(text)
                    self.changed.notify_all()
                if not data:
                    return

    def fail(self, what):
        raise MachineError("%s; the serial log ends with:\n%s" % (what, "\n".join(self.text.splitlines()[-60:])))

    def wait_line(self, pattern, limit_s=120, start=0):
        """The first match of pattern (multi-line) in the serial text at or after start. The limit is a guard."""
        found, deadline = re.compile(pattern, re.M), time.monotonic() + limit_s
        with self.changed:
            while True:
                match = found.search(self.text, start)
                if match:
                    return match
                if self.process.poll() is not None:
                    self.fail("QEMU ended with code %s before %r came" % (self.process.returncode, pattern))
                left = deadline - time.monotonic()
                if left <= 0:
                    self.fail("%r did not come within %d s" % (pattern, limit_s))
                self.changed.wait(min(left, 1))

    def type(self, data):
        """Bytes to the machine's serial port."""
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def wait_exit(self, limit_s=60):
        """Waits until QEMU has ended and its last words are read; its exit code."""
        try:
            code = self.process.wait(limit_s)
        except subprocess.TimeoutExpired:
            self.fail("QEMU did not end within %d s" % limit_s)
        if self.reader:
            self.reader.join(limit_s)
        return code

    def command_qmp(self, name, **arguments):
        """One QMP command; the answer's "return"."""
        if not self.qmp:
            s = socket.socket(socket.AF_UNIX)
            here = os.getcwd()
            try:  # the path of a socket is short: reach it from its folder
                os.chdir(self.folder)
                s.connect("qmp.sock")
            finally:
                os.chdir(here)
            self.qmp = s.makefile("rw")
            self.qmp.readline()
            self.command_qmp("qmp_capabilities")
        self.qmp.write(json.dumps({"execute": name, "arguments": arguments}) + "\n")
        self.qmp.flush()
        while True:
            answer = json.loads(self.qmp.readline())
            if "return" in answer or "error" in answer:
                return answer.get("return", answer.get("error"))

    def monitor(self, line):
        """One line for the human monitor; its output."""
        return self.command_qmp("human-monitor-command", **{"command-line": line})

    def close(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.close()
