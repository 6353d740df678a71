# SPDX-License-Identifier: Apache-2.0
"""A machine that boots Caisson: used by `make run` and by the system tests. Machine is QEMU; bochs.py has the other one.

Host only. A machine owns one emulator process and a folder with its firmware variables, serial log and sockets; close() ends it, by
its process id. Waiting is always for a line of the serial log or for an event of the machine, with a limit as a guard against a hang.
"""
import codecs
import fcntl
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
KVM_GET_API_VERSION, KVM_API_VERSION = 0xAE00, 12  # linux/kvm.h
AAVMF = os.path.join(BUILD, "deps", "aavmf")
ANSI = re.compile(r"\x1b(\[[0-9;?=]*[A-Za-z]|[()][A-Z0-9]|[A-Z=>])")
ANSI_BEGUN = re.compile(r"\x1b(\[[0-9;?=]*|[()])?$")


class Board:
    """What a QEMU machine of an architecture is: emulator, machine type and CPU, firmware's code and variables, the name that firmware
    boots by itself (UEFI 2.10 3.5.1.1), and the folder of the guest's files."""

    def __init__(self, emulator, machine, cpu, code, variables, boot, console, guest, menu, options=()):
        self.emulator, self.machine, self.cpu, self.code, self.variables = emulator, machine, cpu, code, variables
        self.boot, self.console, self.guest, self.menu, self.options = boot, console, guest, menu, options


BOARDS = {
    "x86_64": Board("qemu-system-x86_64", "q35,smm=off", "max", os.path.join(OVMF, "OVMF_CODE_4M.fd"), os.path.join(OVMF, "OVMF_VARS_4M.fd"),
                    "EFI/BOOT/BOOTX64.EFI", "ttyS0", os.path.join(BUILD, "guest"), "menu=off"),
    # Its firmware waits for a key unless it is told to show its menu for no time.
    "aarch64": Board("qemu-system-aarch64", "virt,virtualization=on,gic-version=3", "max", os.path.join(AAVMF, "AAVMF_CODE.no-secboot.fd"),
                     os.path.join(AAVMF, "AAVMF_VARS.fd"), "EFI/BOOT/BOOTAA64.EFI", "ttyAMA0", os.path.join(BUILD, "guest", "aarch64"),
                     "menu=on,splash-time=0"),
}
# Secure Boot: its variables are written in SMM alone.
SECURE_BOARD = Board("qemu-system-x86_64", "q35,smm=on", "max", os.path.join(OVMF, "OVMF_CODE_4M.secboot.fd"),
                     os.path.join(OVMF, "OVMF_VARS_4M.snakeoil.fd"), "EFI/BOOT/BOOTX64.EFI", "ttyS0", os.path.join(BUILD, "guest"), "menu=off",
                     ("-global", "driver=cfi.pflash01,property=secure,value=on"))


def chosen_arch():
    """ARCH, which make passes on; by default the first."""
    return os.environ.get("ARCH") or "x86_64"


def image_of(arch):
    return os.path.join(BUILD, arch, "caisson.efi")


class MachineError(Exception):
    """The machine did not do what was waited for; the text ends with the tail of the serial log."""


def free_port():
    """A TCP port of the loopback interface that nobody uses now."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def kvm_can_nest(cpuinfo="/proc/cpuinfo", device="/dev/kvm", modules="/sys/module"):
    """True when guests of guests can run by hardware: the CPU has SVM or VT-x, its KVM module nests, and the device is KVM's.

    The device is opened and asked for its version (12 for ever, Documentation/virt/kvm/api.rst 4.1): a node of that name alone proves
    nothing. A kernel that does not say whether it nests is taken for one that does not.
    """
    try:
        with open(cpuinfo, encoding="ascii", errors="replace") as f:
            flags = re.search(r"^flags\s*:(.*)$", f.read(), re.M)
        module = {"vmx": "kvm_intel", "svm": "kvm_amd"}
        found = [module[flag] for flag in (flags.group(1).split() if flags else ()) if flag in module]
        with open(os.path.join(modules, found[0], "parameters", "nested"), encoding="ascii") as f:
            if f.read().strip() not in ("1", "Y"):
                return False
        fd = os.open(device, os.O_RDWR | os.O_CLOEXEC)
        try:
            return fcntl.ioctl(fd, KVM_GET_API_VERSION) == KVM_API_VERSION
        finally:
            os.close(fd)
    except (OSError, IndexError):
        return False


def cpu_is_intel():
    with open("/proc/cpuinfo", encoding="ascii", errors="replace") as f:
        return "GenuineIntel" in f.read()


def accelerator(arch="x86_64"):
    """ACCEL=kvm|tcg decides, else what works. Another architecture than this machine's is always emulated."""
    wanted = os.environ.get("ACCEL", "")
    if arch != os.uname().machine:
        return "tcg"
    if wanted in ("kvm", "tcg"):
        return wanted
    return "kvm" if kvm_can_nest() else "tcg"


class EmulatedMachine:
    """What every emulator's machine has: a process, its folder, and the serial port's text, read by a thread. A subclass sets emulator and
    command, and starts the process. serial: "log" (reader thread, wait_line works) or "stdio" (the user's terminal)."""
    emulator = ""

    def __init__(self, folder, api_port=None, serial="log"):
        self.folder, self.api_port, self.serial = os.path.abspath(folder), api_port, serial
        self.text, self.changed, self.begun = "", threading.Condition(), ""
        self.decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self.process = self.reader = self.on_text = None
        os.makedirs(self.folder, exist_ok=True)

    def path(self, name):
        return os.path.join(self.folder, name)

    def take_text(self, log, data):
        """What came from the serial port: to the log as it is, to text without escape sequences. Empty: its end."""
        with self.changed:
            if data:
                log.write(data)
                log.flush()
                text = self.begun + self.decoder.decode(data)
                cut = ANSI_BEGUN.search(text)  # a sequence may come in pieces
                self.begun = cut.group(0) if cut else ""
                text = ANSI.sub("", text[:len(text) - len(self.begun)]).replace("\r", "")
                self.text += text
                if self.on_text:
                    self.on_text(text)
            self.changed.notify_all()

    def evidence(self):
        """What else explains a failure, kept beyond the folder's life where it is long: text for the report, from a new line on."""
        return ""

    def fail(self, what):
        raise MachineError("%s; the serial log ends with:\n%s%s" % (what, "\n".join(self.text.splitlines()[-60:]), self.evidence()))

    def wait_line(self, pattern, limit_s=600, start=0):
        """The first match of pattern (multi-line) in the serial text at or after start. The limit is a guard."""
        found, deadline = re.compile(pattern, re.M), time.monotonic() + limit_s
        with self.changed:
            while True:
                match = found.search(self.text, start)
                if match:
                    return match
                if self.process.poll() is not None:
                    self.fail("%s ended with code %s before %r came" % (self.emulator, self.process.returncode, pattern))
                left = deadline - time.monotonic()
                if left <= 0:
                    self.fail("%r did not come within %d s" % (pattern, limit_s))
                self.changed.wait(min(left, 1))

    def wait_exit(self, limit_s=60):
        """Waits until the emulator has ended and its last words are read; its exit code."""
        try:
            code = self.process.wait(limit_s)
        except subprocess.TimeoutExpired:
            self.fail("%s did not end within %d s" % (self.emulator, limit_s))
        if self.reader:
            self.reader.join(limit_s)
        return code

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


class Machine(EmulatedMachine):
    """folder: kept between runs of the same machine (its variables live there). esp: a FAT image, or None with kernel= an .efi file.

    nic: "virtio-net-pci", "e1000", ... or None. arch: of BOARDS; machine and cpu take the place of the board's. secure_boot: an x86_64
    machine whose firmware trusts Debian's snakeoil key alone.
    """
    emulator = "QEMU"

    def __init__(self, folder, esp=None, kernel=None, cpus=2, memory_mib=2048, cpu=None, nic="virtio-net-pci", api_port=None,
                 accel="tcg", serial="log", extra=(), arch="x86_64", machine=None, secure_boot=False):
        super().__init__(folder, api_port, serial)
        self.qmp = None
        board = SECURE_BOARD if secure_boot else BOARDS[arch]
        self.command = self.build_command(board, machine or board.machine, esp, kernel, cpus, memory_mib, cpu or board.cpu, nic, accel, extra)

    def build_command(self, board, machine, esp, kernel, cpus, memory_mib, cpu, nic, accel, extra):
        # Of each firmware its own, for `make run` keeps one folder for both architectures.
        variables = self.path("vars.fd" if board is BOARDS["x86_64"] else os.path.basename(board.variables))
        if not os.path.exists(variables):
            shutil.copyfile(board.variables, variables)
        for stale in ("qmp.sock",):
            if os.path.exists(self.path(stale)):
                os.unlink(self.path(stale))
        # One thread for all emulated CPUs: with one each, QEMU 10.0.2 now and then writes a host's state into a guest's VMCB (RIP right after
        # VMRUN, the host's CR3) or gives a guest an interrupt that nobody sent. Seen in 6 of 41 runs of the guest test "ipi" with a thread
        # for each CPU, in none of 24 with one.
        accel = {"tcg": "tcg,thread=single"}.get(accel, accel)
        command = [board.emulator, "-nodefaults", "-no-user-config", "-M", machine, *board.options, "-accel", accel,
                   "-cpu", "host" if accel == "kvm" else cpu, "-smp", str(cpus), "-m", str(memory_mib), "-display", "none",
                   "-drive", "if=pflash,unit=0,format=raw,readonly=on,file=" + board.code,
                   "-drive", "if=pflash,unit=1,format=raw,file=" + variables,
                   "-qmp", "unix:%s,server=on,wait=off" % self.path("qmp.sock"),
                   "-pidfile", self.path("qemu.pid"), "-boot", board.menu]
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

    def start_detached(self):
        """Starts it in a session of its own, to outlive us; the serial port goes to serial.log alone. Its process id is in qemu.pid."""
        with open(self.path("serial.log"), "wb") as log:
            self.process = subprocess.Popen(self.command, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                                            start_new_session=True)
        return self.process

    def read_serial(self):
        with open(self.path("serial.log"), "wb") as log:
            while True:
                data = os.read(self.process.stdout.fileno(), 65536)
                self.take_text(log, data)
                if not data:
                    return

    def type(self, data):
        """Bytes to the machine's serial port."""
        self.process.stdin.write(data)
        self.process.stdin.flush()

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
