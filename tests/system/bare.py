# SPDX-License-Identifier: Apache-2.0
"""A machine without a network whose serial port is read match by match: for tests of the way in and the machine layer.

The QEMU process, its log and its end are tools/run/machine.py's. Knows nothing of what a test looks for.
"""
import os
import shutil
import sys
import tempfile

sys.path.insert(0, "tools/run")
import image  # noqa: E402
from machine import BOARDS, Machine, MachineError as Failure, image_of  # noqa: E402

IMAGE = os.environ.get("CAISSON_EFI", image_of("x86_64"))


class Bare:
    """files: {name: bytes} of the folder caisson/ on the volume that it boots from; None boots efi directly.
    folder: keeps UEFI variables between machines; a temporary one by default."""

    def __init__(self, cpu="max", cpus=2, memory_mib=512, files=None, extra=(), folder=None, efi=None, arch="x86_64", machine=None):
        self.owned = None if folder else tempfile.mkdtemp(prefix="caisson-machine-")
        self.at = 0
        folder, esp, efi = folder or self.owned, None, efi or (IMAGE if arch == "x86_64" else image_of(arch))
        if files is not None:
            esp = os.path.join(folder, "esp.img")
            image.fat_image(esp, {BOARDS[arch].boot: efi, **{"caisson/" + name: data for name, data in files.items()}})
        self.machine = Machine(folder, esp=esp, kernel=None if esp else os.path.abspath(efi), cpus=cpus, memory_mib=memory_mib, cpu=cpu,
                               nic=None, extra=["-no-reboot", *extra], arch=arch, machine=machine)

    def text(self):
        return self.machine.text

    def expect(self, pattern, limit_s=120):
        """The match of pattern in what comes after the last match."""
        found = self.machine.wait_line(pattern, limit_s, self.at)
        self.at = found.end()
        return found

    def expect_end(self, limit_s=120):
        return self.machine.wait_exit(limit_s)

    def monitor(self, command):
        return self.machine.monitor(command)

    def __enter__(self):
        self.machine.start()
        return self

    def __exit__(self, kind, value, trace):
        self.machine.close()
        if self.owned:
            shutil.rmtree(self.owned, ignore_errors=True)
