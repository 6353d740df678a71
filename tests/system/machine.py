# SPDX-License-Identifier: Apache-2.0
"""A virtual machine that boots the shipped caisson.efi under QEMU's emulation, watched through its serial port.

Waits are for text, each with an overall limit that only guards against a hang. The process is ended by its own id, and the
serial log is printed when a wait fails. Knows nothing of what a test looks for.
"""
import glob
import os
import re
import select
import shutil
import socket
import subprocess
import tempfile
import time

IMAGE = os.environ.get("CAISSON_EFI", "build/x86_64/caisson.efi")
OVMF_FOLDERS = ("build/deps/ovmf", "/usr/share/OVMF")
ESCAPES = re.compile(rb"\x1b\[[0-9;?=]*[A-Za-z]|\r")


class Failure(Exception):
    pass


def firmware(folder):
    """Code and variables of OVMF, the variables a fresh copy in folder."""
    for place in OVMF_FOLDERS:
        code, variables = place + "/OVMF_CODE_4M.fd", place + "/OVMF_VARS_4M.fd"
        if os.path.exists(code) and os.path.exists(variables):
            copy = os.path.join(folder, "vars.fd")
            if not os.path.exists(copy):
                shutil.copyfile(variables, copy)
            return code, copy
    raise Failure("no OVMF in any of " + ", ".join(OVMF_FOLDERS))


class Machine:
    """files: {name: bytes} of the folder caisson/ on the volume that it boots from; None boots the image directly.
    folder: keeps UEFI variables between machines; a temporary one by default."""

    def __init__(self, cpu="max", cpus=2, memory_mib=512, files=None, extra=(), folder=None):
        self.owned = None if folder else tempfile.mkdtemp(prefix="caisson-machine-")
        self.folder = folder or self.owned
        self.serial, self.at = b"", 0
        code, variables = firmware(self.folder)
        self.monitor_path = os.path.join(self.folder, "monitor")
        command = [
            "qemu-system-x86_64", "-accel", "tcg", "-M", "q35,smm=off", "-cpu", cpu, "-smp", str(cpus), "-m", str(memory_mib),
            "-nodefaults", "-display", "none", "-no-reboot", "-serial", "stdio",
            "-monitor", "unix:%s,server=on,wait=off" % self.monitor_path,
            "-drive", "if=pflash,unit=0,format=raw,readonly=on,file=" + code,
            "-drive", "if=pflash,unit=1,format=raw,file=" + variables,
        ] + (["-kernel", IMAGE] if files is None else self.volume(files)) + list(extra)
        self.child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def volume(self, files):
        root = os.path.join(self.folder, "volume")
        os.makedirs(root + "/EFI/BOOT", exist_ok=True)
        os.makedirs(root + "/caisson", exist_ok=True)
        shutil.copyfile(IMAGE, root + "/EFI/BOOT/BOOTX64.EFI")
        for name, data in files.items():
            with open(os.path.join(root, "caisson", name), "wb") as f:
                f.write(data)
        return ["-drive", "if=none,id=volume,format=raw,file=fat:rw:" + root,
                "-device", "virtio-blk-pci,drive=volume,bootindex=0,romfile="]

    def read_more(self, until):
        """Takes what the serial port has, waiting for at most until; False at its end."""
        left = until - time.monotonic()
        if left <= 0 or not select.select([self.child.stdout], [], [], left)[0]:
            raise Failure("nothing more on the serial port")
        data = os.read(self.child.stdout.fileno(), 65536)
        self.serial += data
        return bool(data)

    def text(self):
        return ESCAPES.sub(b"", self.serial).decode("latin-1")

    def expect(self, pattern, limit_s=120):
        """The match of pattern in what comes after the last match."""
        until = time.monotonic() + limit_s
        while True:
            text = self.text()
            found = re.compile(pattern, re.M).search(text, self.at)
            if found:
                self.at = found.end()
                return found
            try:
                alive = self.read_more(until)
            except Failure as e:
                raise Failure("waited %d s for %r: %s" % (limit_s, pattern, e)) from None
            if not alive:
                raise Failure("the machine ended before it printed %r" % pattern)

    def expect_end(self, limit_s=120):
        until = time.monotonic() + limit_s
        while self.read_more(until):
            pass
        return self.child.wait(timeout=limit_s)

    def write(self, data):
        self.child.stdin.write(data)
        self.child.stdin.flush()

    def monitor(self, command):
        """Runs a command of QEMU's own monitor and waits until it is done."""
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(30)
            s.connect(self.monitor_path)
            got = b""
            for prompts in (1, 2):
                while got.count(b"(qemu) ") < prompts:
                    data = s.recv(4096)
                    if not data:
                        return got.decode("latin-1")
                    got += data
                if prompts == 1:
                    s.sendall(command.encode() + b"\n")
        return got.decode("latin-1")

    def close(self):
        if self.child.poll() is None:
            self.child.kill()
        self.child.wait()
        self.child.stdout.close()
        self.child.stdin.close()
        if self.owned:
            shutil.rmtree(self.owned, ignore_errors=True)
        else:
            for path in glob.glob(self.monitor_path):
                os.unlink(path)

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        self.close()
