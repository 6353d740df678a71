#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Packs a small busybox initramfs: initramfs.py GUEST OUTPUT INIT [MODULE...]; reproducible bytes.

Host only. INIT is a shell script that becomes /init; MODULE names files below GUEST/modules, unpacked if they are .xz, that land
in /modules in the order given. GUEST/busybox, where there is one, is of the guest's architecture; else this machine's is. Format: cpio "newc" (Linux Documentation/driver-api/early-userspace/buffer-format.rst), gzip.
"""
import gzip
import lzma
import os
import sys

BUSYBOX = ("/bin/busybox", "/usr/bin/busybox")
DIRECTORIES = ("bin", "dev", "proc", "sys", "tmp", "modules", "etc")


def entry(number, name, mode, data=b"", rdev=(0, 0)):
    fields = (number, mode, 0, 0, 1, 0, len(data), 0, 0, rdev[0], rdev[1], len(name) + 1, 0)
    head = b"070701" + b"".join(b"%08x" % f for f in fields) + name.encode() + b"\0"
    return pad(head) + pad(data)


def pad(data):
    return data + b"\0" * (-len(data) % 4)


def read(path):
    with open(path, "rb") as f:
        return f.read()


def module(guest, name):
    path = os.path.join(guest, "modules", name)
    return lzma.decompress(read(path + ".xz")) if os.path.exists(path + ".xz") else read(path)


def archive(guest, init, modules):
    busybox = next(p for p in (os.path.join(guest, "busybox"), *BUSYBOX) if os.path.exists(p))
    entries = [(d, 0o40755, b"", (0, 0)) for d in DIRECTORIES]
    entries += [("dev/console", 0o20600, b"", (5, 1)), ("bin/busybox", 0o100755, read(busybox), (0, 0)),
                ("bin/sh", 0o120777, b"busybox", (0, 0)), ("init", 0o100755, init, (0, 0))]
    entries += [("modules/%02d-%s" % (i, os.path.basename(m)), 0o100644, module(guest, m), (0, 0)) for i, m in enumerate(modules)]
    body = b"".join(entry(i + 1, name, mode, data, rdev) for i, (name, mode, data, rdev) in enumerate(entries))
    return body + entry(0, "TRAILER!!!", 0)


def main():
    guest, output, init, modules = sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:]
    data = gzip.compress(archive(guest, read(init), modules), 6, mtime=0)
    os.makedirs(os.path.dirname(output), exist_ok=True)
    with open(output, "wb") as f:
        f.write(data)
    return 0


if __name__ == "__main__":
    sys.exit(main())
