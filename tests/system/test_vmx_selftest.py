#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""selftest.efi with its checks of guests on an Intel machine that Bochs emulates. One guest's memory changes while it runs on both CPUs: the
emulated CPU keeps translations as long as a guest stays in, so that one which is not kicked out is seen. Others' states are made illegal, and the
entries that fail by them hurt nobody else."""
import os
import re
import shutil
import sys
import tempfile

sys.path.insert(0, "tools/run")
import image  # noqa: E402
from bochs import BochsMachine  # noqa: E402
from machine import MachineError  # noqa: E402
from tap import Tap  # noqa: E402

IMAGE = os.environ.get("SELFTEST_EFI", "build/x86_64/selftest.efi")
LIMIT_S = 600


def guest_checks(tap, folder, what):
    esp = os.path.join(folder, "esp.img")
    image.fat_image(esp, {"EFI/BOOT/BOOTX64.EFI": IMAGE, "caisson/selftest-" + what: b"x"})
    with BochsMachine(folder, esp, cpus=2, memory_mib=512, nic=None) as machine:
        planned = int(machine.wait_line(r"^1\.\.(\d+)\n", LIMIT_S).group(1))
        lines = re.findall(r"^(not ok|ok) \d+ - (.*)$", machine.text, re.M)
        for result, name in lines:
            tap.ok(result == "ok", "%s: %s" % (what, name))
        if not tap.ok(len(lines) == planned and "PANIC" not in machine.text, "%s: every check ran" % what) or tap.failed:
            tap.note(machine.text + machine.evidence())


def main():
    tap, folder = Tap(), tempfile.mkdtemp(prefix="caisson-machine-")
    try:
        for what in ("tlb", "entry"):
            guest_checks(tap, folder, what)
    except MachineError as e:
        tap.ok(False, "the machine comes up and ends its checks", str(e))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
