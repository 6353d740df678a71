#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The ways onto a machine: `make image`'s disk as a USB stick, the network by PXE, and Secure Boot, which starts the image when its owner
has signed it and not when nobody has. Each machine is watched by its serial port to the end of the way in."""
import os
import shutil
import subprocess
import sys
import tempfile

sys.path[:0] = ["tools/run"]
import image  # noqa: E402
from machine import OVMF, Machine, MachineError  # noqa: E402
from tap import Tap  # noqa: E402

EFI = "build/x86_64/caisson.efi"
CONFIG = b"node:\n  name: stick\n"
SNAKEOIL = os.path.join(os.path.realpath(OVMF), "..", "ovmf", "PkKek-1-snakeoil")  # of the same package as the firmware
REFUSED = r"Access Denied|Security Violation"


def watch(tap, name, lines, folder, **how):
    """A machine that prints the lines one after the other."""
    with Machine(folder, memory_mib=512, cpus=1, **how) as machine:
        at = 0
        try:
            for line in lines:
                at = machine.wait_line(line, start=at).end()
            tap.ok(True, name)
        except MachineError as e:
            tap.ok(False, name, str(e))
        return machine.text


def volume(folder, application):
    os.makedirs(folder)
    esp = os.path.join(folder, "esp.img")
    image.fat_image(esp, {"EFI/BOOT/BOOTX64.EFI": application, "caisson/caisson.yaml": CONFIG})
    return esp


def usb_stick(tap, folder):
    esp, disk = volume(folder, EFI), os.path.join(folder, "caisson.img")
    image.gpt_disk(disk, esp)
    watch(tap, "boots from the disk image as a USB stick, with the files on it", [r"secure boot off, 1 file in caisson/", r"boot: start complete"],
          folder, nic=None, extra=["-drive", "if=none,id=stick,format=raw,file=" + disk, "-device", "qemu-xhci",
                                   "-device", "usb-storage,drive=stick,bootindex=0"])


def network(tap, folder):
    os.makedirs(folder)
    shutil.copy(EFI, folder)
    text = watch(tap, "boots from the network by PXE, and takes an address there itself", [r"0 files in caisson/", r"net: addresses: .*10\.0\.2\.15"],
                 folder, nic=None, extra=["-netdev", "user,id=pxe,tftp=%s,bootfile=caisson.efi" % folder,
                                          "-device", "virtio-net-pci,netdev=pxe,romfile=,bootindex=0"])
    tap.ok("PANIC" not in text, "without a word of trouble", text[-2000:])


def secure_boot(tap, folder):
    os.makedirs(folder)
    key, signed = os.path.join(folder, "owner.key"), os.path.join(folder, "signed.efi")
    subprocess.run(["openssl", "rsa", "-in", SNAKEOIL + ".key", "-passin", "pass:snakeoil", "-out", key], check=True, capture_output=True)
    done = subprocess.run(["sbsign", "--key", key, "--cert", SNAKEOIL + ".pem", "--output", signed, EFI], capture_output=True, text=True, check=False)
    if not tap.ok(done.returncode == 0, "the image can be signed", done.stderr):
        return
    watch(tap, "Secure Boot starts the signed image, which says that it is on", [r"secure boot on", r"boot: start complete"],
          os.path.join(folder, "yes"), esp=volume(os.path.join(folder, "yes"), signed), nic=None, secure_boot=True)
    text = watch(tap, "and refuses the one that nobody signed", [REFUSED],
                 os.path.join(folder, "no"), esp=volume(os.path.join(folder, "no"), EFI), nic=None, secure_boot=True)
    tap.ok("Caisson: starting" not in text, "of which no instruction runs", text)


def main():
    tap = Tap()
    with tempfile.TemporaryDirectory(prefix="caisson-ways-") as folder:
        usb_stick(tap, os.path.join(folder, "usb"))
        network(tap, os.path.join(folder, "pxe"))
        secure_boot(tap, os.path.join(folder, "secure"))
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
