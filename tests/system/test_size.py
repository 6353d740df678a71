#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The shipped files themselves: size, PE flags, sections, no host paths, a command line that needs no libraries.

Host only; reads build/, starts nothing but the command line's own version. Layouts: PE/COFF specification 3, ELF gABI.
"""
import os
import struct
import subprocess
import sys

from tap import Tap

IMAGE, TOOL = "build/x86_64/caisson.efi", "build/caisson"
LIMIT = 4 << 20
NX_COMPAT, EFI_APPLICATION, AMD64 = 0x100, 10, 0x8664
EXECUTE, WRITE = 0x20000000, 0x80000000
PT_INTERP = 3


def read(path):
    with open(path, "rb") as f:
        return f.read()


def pe_sections(data, pe):
    count, optional_size = struct.unpack_from("<H", data, pe + 6)[0], struct.unpack_from("<H", data, pe + 20)[0]
    for i in range(count):
        at = pe + 24 + optional_size + 40 * i
        name = data[at:at + 8].rstrip(b"\0").decode()
        size, address = struct.unpack_from("<II", data, at + 8)
        yield name, address, size, struct.unpack_from("<I", data, at + 36)[0]


def check_image(tap):
    data = read(IMAGE)
    tap.ok(len(data) <= LIMIT, "the image has at most 4 MiB", "%d bytes" % len(data))
    pe = struct.unpack_from("<I", data, 0x3C)[0]
    tap.eq(struct.unpack_from("<H", data, pe + 4)[0], AMD64, "it is for x86_64")
    tap.eq(struct.unpack_from("<H", data, pe + 24)[0], 0x20B, "it is PE32+")
    tap.eq(struct.unpack_from("<H", data, pe + 24 + 68)[0], EFI_APPLICATION, "it is an EFI application")
    tap.ok(struct.unpack_from("<H", data, pe + 24 + 70)[0] & NX_COMPAT, "NX_COMPAT is set")
    sections = list(pe_sections(data, pe))
    tap.check("no section is writable and executable", [n for n, _, _, f in sections if f & WRITE and f & EXECUTE])
    tap.check("sections start on pages", ["%s at 0x%x" % (n, a) for n, a, _, _ in sections if a % 4096])
    tap.check("only .text is executable", [n for n, _, _, f in sections if f & EXECUTE and n != ".text"])
    tap.ok(os.getcwd().encode() not in data, "it names no path of this machine")


def check_tool(tap):
    data = read(TOOL)
    table, size, count = struct.unpack_from("<Q", data, 32)[0], *struct.unpack_from("<HH", data, 54)
    kinds = [struct.unpack_from("<I", data, table + size * i)[0] for i in range(count)]
    tap.ok(PT_INTERP not in kinds, "the command line is static")
    tap.ok(os.getcwd().encode() not in data, "it names no path of this machine")
    with open("VERSION", encoding="ascii") as f:
        version = f.read().strip()
    out = subprocess.run([TOOL, "version"], capture_output=True, text=True, check=False).stdout
    tap.ok(version in out, "it tells its version", out)


def main():
    tap = Tap()
    check_image(tap)
    check_tool(tap)
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
