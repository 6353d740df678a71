#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Lists what is linked in and under what terms: licenses.py LOCK SRC OUT NAME...

OUT gets Caisson's own licence, then for each NAME of the lock its version, SPDX expression and licence text. Runs in the build.
"""
import os
import sys

import archive
import fetch

RULE = "=" * 78 + "\n"


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
    with open(target, "w", encoding="utf-8") as f:
        f.write("\n".join(parts))
    return 0


if __name__ == "__main__":
    sys.exit(main())
