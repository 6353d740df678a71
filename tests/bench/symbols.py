# SPDX-License-Identifier: Apache-2.0
"""Names for addresses: of the firmware by the list that its link leaves (build/ARCH/caisson.elf.nm), of Linux by /proc/kallsyms.

Host only. Also what the plugin needs to find the image, which UEFI puts where it likes.
"""
import bisect
import os
import re
import struct
import subprocess

from counted import ARCH, ROOT

ELF = os.path.join(ROOT, "build", ARCH, "caisson.elf")
ANCHOR_LEN = 24
VMX_ENTER_LEN = 256


class Symbols:
    def __init__(self, text):
        rows = sorted((int(a, 16), name) for a, name in re.findall(r"^([0-9a-f]+) [tTwW] (\S+)", text, re.M))
        self.addresses, self.names = [a for a, _ in rows], [n for _, n in rows]

    def name(self, address):
        i = bisect.bisect_right(self.addresses, address) - 1
        return self.names[i] if i >= 0 else "0x%x" % address

    def address(self, name):
        return self.addresses[self.names.index(name)]


def firmware():
    with open(ELF + ".nm", encoding="ascii") as f:
        return Symbols(f.read())


def code(address, size):
    """The image's bytes at a link address."""
    section = subprocess.run(["readelf", "-SW", ELF], capture_output=True, text=True, check=True).stdout
    for start, offset, length in re.findall(r"PROGBITS\s+([0-9a-f]+) ([0-9a-f]+) ([0-9a-f]+)", section):
        inside = address - int(start, 16)
        if 0 <= inside < int(length, 16):
            with open(ELF, "rb") as f:
                f.seek(int(offset, 16) + inside)
                return f.read(size)
    raise LookupError("%s: 0x%x lies in no section" % (ELF, address))


def anchor():
    """The plugin's option: the link address of the image's entry and its first bytes."""
    return "anchor=%x:%s" % (entry(), code(entry(), ANCHOR_LEN).hex())


def vmlaunch():
    """The link address of the one VMLAUNCH (SDM 3C 31.3), by which a log of Bochs tells where the image lies."""
    start = firmware().address("vmx_enter")
    return start + code(start, VMX_ENTER_LEN).index(b"\x0f\x01\xc2")


def places(**marks):
    """The plugin's options for marks at functions of the firmware: places(api_vm_start=0x180)."""
    names = firmware()
    return ["place=%x@%x" % (mark, names.address(name)) for name, mark in marks.items()]


def entry():
    with open(ELF, "rb") as f:
        return struct.unpack_from("<Q", f.read(64), 24)[0]


def by_symbol(spots, symbols, base=0):
    """{name: instructions} of a histogram by address."""
    found = {}
    for address, times in spots.items():
        name = symbols.name(address - base)
        found[name] = found.get(name, 0) + times
    return found
