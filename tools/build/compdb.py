#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes compile_commands.json from what make would run: make -nB ... | compdb.py OUT

Runs in the build; knows only that a compile command has "-c -o OBJECT SOURCE" at its end.
"""
import json
import os
import re
import sys

COMMAND = re.compile(r"^@?(\S*(?:gcc|clang) .* -c -o (\S+) (\S+\.[cS]))$")


def main():
    entries = []
    for line in sys.stdin:
        found = COMMAND.match(line.strip())
        if found:
            entries.append({"directory": os.getcwd(), "command": found.group(1), "file": found.group(3), "output": found.group(2)})
    text = json.dumps(entries, indent=1) + "\n"
    with open(sys.argv[1], "w", encoding="utf-8") as f:
        f.write(text)


if __name__ == "__main__":
    main()
