#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Finishes and checks the PE32+ image that objcopy wrote: pe.py IMAGE.efi

Sets NX_COMPAT, takes the time of day out, computes the checksum; refuses sections that are writable and executable or
not page aligned (the Microsoft UEFI CA's memory mitigation requirements). Runs in the build; layouts: PE/COFF specification 3.
"""
import struct
import sys

NX_COMPAT = 0x0100
MEM_EXECUTE, MEM_READ, MEM_WRITE = 0x20000000, 0x40000000, 0x80000000
PE32_PLUS = 0x20B


def checksum(data, at):
    """The image checksum (ImageHlp's): 16-bit sum with carry over all but the field itself, plus the length."""
    padded = bytes(data[:at]) + b"\0\0\0\0" + bytes(data[at + 4:]) + b"\0" * (len(data) % 2)
    total = sum(struct.unpack("<%dH" % (len(padded) // 2), padded))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total + len(data)


def sections(data, coff, optional):
    count, optional_size = struct.unpack_from("<H", data, coff + 2)[0], struct.unpack_from("<H", data, coff + 16)[0]
    for i in range(count):
        at = optional + optional_size + 40 * i
        name = data[at:at + 8].rstrip(b"\0").decode()
        size, address = struct.unpack_from("<II", data, at + 8)
        yield name, address, size, struct.unpack_from("<I", data, at + 36)[0]


def main():
    path = sys.argv[1]
    with open(path, "rb") as f:
        data = bytearray(f.read())
    pe = struct.unpack_from("<I", data, 0x3C)[0]
    if data[:2] != b"MZ" or data[pe:pe + 4] != b"PE\0\0":
        sys.exit("%s: not a PE image" % path)
    coff, optional = pe + 4, pe + 24
    if struct.unpack_from("<H", data, optional)[0] != PE32_PLUS:
        sys.exit("%s: not PE32+" % path)
    for name, address, _, flags in sections(data, coff, optional):
        if flags & MEM_WRITE and flags & MEM_EXECUTE:
            sys.exit("%s: section %s is writable and executable" % (path, name))
        if address % 4096:
            sys.exit("%s: section %s does not start on a page" % (path, name))
    struct.pack_into("<I", data, coff + 4, 0)
    flags = struct.unpack_from("<H", data, optional + 70)[0]
    struct.pack_into("<H", data, optional + 70, flags | NX_COMPAT)
    struct.pack_into("<I", data, optional + 64, 0)
    struct.pack_into("<I", data, optional + 64, checksum(data, optional + 64))
    with open(path, "wb") as f:
        f.write(data)


if __name__ == "__main__":
    main()
