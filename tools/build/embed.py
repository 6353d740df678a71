#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Turns files into C arrays: embed.py OUT.c OUT.h LIST...

Each line of a LIST is "name path" (path from the project's root); it becomes `const unsigned char embed_NAME[]`, followed by
a NUL that does not count, and `const size_t embed_NAME_size`. Runs in the build; knows nothing of what is inside.
"""
import re
import sys


def read_lists(paths):
    for path in paths:
        with open(path, encoding="utf-8") as f:
            for number, line in enumerate(f, 1):
                words = line.split("#")[0].split()
                if words and (len(words) != 2 or not re.fullmatch(r"[a-z][a-z0-9_]*", words[0])):
                    sys.exit('%s:%d: expected "name path"' % (path, number))
                if words:
                    yield words


def main():
    source, header, lists = sys.argv[1], sys.argv[2], sys.argv[3:]
    rows = list(read_lists(lists))
    with open(header, "w", encoding="ascii") as h, open(source, "w", encoding="ascii") as c:
        h.write("/* Made by tools/build/embed.py. */\n#ifndef EMBED_H\n#define EMBED_H\n#include <stddef.h>\n\n")
        c.write("/* Made by tools/build/embed.py. */\n#include <embed.h>\n\n")
        for name, path in rows:
            with open(path, "rb") as f:
                data = f.read()
            h.write("/* %s */\nextern const unsigned char embed_%s[];\nextern const size_t embed_%s_size;\n\n" % (path, name, name))
            c.write("const size_t embed_%s_size = %d;\nconst unsigned char embed_%s[] = {" % (name, len(data), name))
            for i, byte in enumerate(data + b"\0"):
                c.write(("\n\t" if i % 20 == 0 else "") + "%d," % byte)
            c.write("\n};\n\n")
        h.write("#endif\n")


if __name__ == "__main__":
    main()
