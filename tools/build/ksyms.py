#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The symbol table that the firmware carries for backtraces (core/ksym_blob.h).

  ksyms.py empty OUT.S            for the first link
  ksyms.py table NM-OUTPUT OUT.S  for the second link, from `nm -n` of the first
  ksyms.py same NM-A NM-B         fails unless the two links placed all code alike
Runs in the build. Only code is listed: it comes first in the image, so that the table's own size moves none of it.
"""
import re
import sys


def read_code_symbols(path):
    """[(offset, name)] of functions, sorted, one name for an address (global before local, then by name)."""
    best = {}
    with open(path, encoding="utf-8") as f:
        for line in f:
            found = re.match(r"([0-9a-f]+) ([tTwW]) (\S+)$", line)
            if not found or found.group(3).startswith((".L", "$", "_DYNAMIC")):
                continue
            offset, kind, name = int(found.group(1), 16), found.group(2), found.group(3)
            rank = (kind not in "T", kind in "wW", name)
            if offset and (offset not in best or rank < best[offset]):
                best[offset] = rank
    return [(offset, best[offset][2]) for offset in sorted(best)]


def write_table(symbols, path):
    names, index = "", {}
    for _, name in symbols:
        if name not in index:
            index[name] = len(names)
            names += name + "\0"
    with open(path, "w", encoding="ascii") as f:
        f.write("/* Made by tools/build/ksyms.py. */\n\t.section .ksyms, \"a\"\n\t.balign 8\n")
        f.write("\t.globl ksym_count, ksym_table, ksym_names\n\t.hidden ksym_count, ksym_table, ksym_names\n")
        f.write("ksym_count:\n\t.long %d\nksym_table:\n" % len(symbols))
        for offset, name in symbols:
            f.write("\t.long 0x%x, %d\n" % (offset, index[name]))
        f.write("ksym_names:\n")
        for name in dict.fromkeys(name for _, name in symbols):
            f.write('\t.asciz "%s"\n' % name)
        f.write('\t.asciz ""\n\t.section .note.GNU-stack, "", %progbits\n')


def code_symbols_with_end(path):
    symbols = read_code_symbols(path)
    with open(path, encoding="utf-8") as f:
        end = re.search(r"^([0-9a-f]+) \S image_text_end$", f.read(), re.M)
    limit = int(end.group(1), 16)
    return [s for s in symbols if s[0] < limit] + [(limit, "")]


def main():
    command, args = sys.argv[1], sys.argv[2:]
    if command == "empty":
        write_table([], args[0])
    elif command == "table":
        write_table(code_symbols_with_end(args[0]), args[1])
    elif command == "same":
        if code_symbols_with_end(args[0]) != code_symbols_with_end(args[1]):
            sys.exit("ksyms: the second link moved code; the embedded table would lie")
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main()
