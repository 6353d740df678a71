#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""guest_initrd.py INIT OUTPUT: an initramfs of one program and a console, for the guest whose launch is measured. Host only."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), "tools", "run"))
import initramfs  # noqa: E402


def main():
    entries = [("dev", 0o40755, b"", (0, 0)), ("dev/console", 0o20600, b"", (5, 1)), ("init", 0o100755, initramfs.read(sys.argv[1]), (0, 0))]
    with open(sys.argv[2], "wb") as f:
        f.write(b"".join(initramfs.entry(i + 1, *e) for i, e in enumerate(entries)) + initramfs.entry(0, "TRAILER!!!", 0))
    return 0


if __name__ == "__main__":
    sys.exit(main())
