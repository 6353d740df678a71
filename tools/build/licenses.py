#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Lists what is linked in and under what terms: licenses.py LOCK SRC OUT NAME...

OUT gets Caisson's own licence, then for each NAME of the lock its version, SPDX expression and licence text, then those of what comes
with the compiler's packages. Runs in the build.
"""
import glob
import os
import sys

import archive
import fetch

RULE = "=" * 78 + "\n"
# What is linked in but not fetched: name, SPDX expression, Debian's copyright file (the newest), and where to read on without it.
OF_THE_MACHINE = (
    ("libgcc", "GPL-3.0-or-later WITH GCC-exception-3.1", "/usr/share/doc/libgcc-*-dev/copyright", "https://www.gnu.org/licenses/gcc-exception-3.1"),
    ("gnu-efi", "BSD-2-Clause AND BSD-3-Clause AND MIT", "/usr/share/doc/gnu-efi/copyright", "https://sourceforge.net/projects/gnu-efi"),
)


def text_of(path):
    with open(path, encoding="utf-8", errors="replace") as f:
        return f.read().strip() + "\n"


def main():
    lock, source, target, names = sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:]
    entries = {e.name: e for e in fetch.read_lock(lock)}
    parts = [RULE + "Caisson\nApache-2.0\n" + RULE + "\n" + text_of("LICENSE")]
    for name in names:
        entry = entries[name]
        if not entry.license:
            archive.say("error: %s: %s has no license line" % (lock, name))
            return 1
        spdx, files = entry.license
        body = "\n".join(text_of(os.path.join(source, name, f)) for f in files)
        parts.append(RULE + "%s %s\n%s\n" % (name, entry.version, spdx) + RULE + "\n" + body)
    for name, spdx, pattern, elsewhere in OF_THE_MACHINE:
        found = sorted(glob.glob(pattern))
        body = text_of(found[-1]) if found else "The text is at %s\n" % elsewhere
        parts.append(RULE + "%s\n%s\n" % (name, spdx) + RULE + "\n" + body)
    with open(target, "w", encoding="utf-8") as f:
        f.write("\n".join(parts))
    return 0


if __name__ == "__main__":
    sys.exit(main())
