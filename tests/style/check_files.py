#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Rules for each file by itself: SPDX line, opening comment, length, architecture tests, Python that compiles. Host only."""
import re
import sys

import tree
from tap import Tap

MAX_LINES = 700
ARCH_MACRO = re.compile(r"^\s*#\s*(if|ifdef|ifndef|elif)\b.*(__x86_64__|__aarch64__|__amd64__|__arm64__|_M_X64)", re.M)
ARCH_ALLOWED = {"core/include/core/arch.h"}


# Formats without comments, the licence itself, and what a fuzzer feeds to a parser as it is.
NO_SPDX = ("LICENSE", "VERSION", "compile_commands.json", "sandbox/api/openapi.json", "tests/fuzz/corpus/")


def without_spdx(paths):
    return [p for p in paths if not p.startswith(NO_SPDX) and "SPDX-License-Identifier: Apache-2.0" not in "\n".join(tree.read(p).split("\n")[:3])]


def too_long(paths):
    return ["%s has %d lines, more than %d: two subjects?" % (p, n, MAX_LINES)
            for p in paths for n in [tree.read(p).count("\n")] if n > MAX_LINES]


def arch_tests(paths):
    return [p + " tests for the architecture; choose by file" for p in paths
            if p not in ARCH_ALLOWED and not p.startswith("tools/") and ARCH_MACRO.search(tree.read(p))]


def broken_python(paths):
    complaints = []
    for p in paths:
        try:
            compile(tree.read(p), p, "exec")
        except SyntaxError as e:
            complaints.append("%s:%s: %s" % (p, e.lineno, e.msg))
    return complaints


def trailing_blanks(paths):
    return ["%s:%d ends in blanks" % (p, n) for p in paths
            for n, line in enumerate(tree.read(p).split("\n"), 1) if line != line.rstrip()]


def main():
    tap = Tap()
    code = tree.files(*tree.CODE) + ["Makefile", ".ci/run"]
    tap.check("every file has its SPDX line", without_spdx(tree.files("")))
    tap.check("no file is longer than %d lines" % MAX_LINES, too_long(code))
    tap.check("only core/arch.h tests for the architecture", arch_tests(tree.files(".c", ".h", ".S")))
    tap.check("no line ends in blanks", trailing_blanks(code))
    tap.check("Python files compile", broken_python(tree.files(".py")))
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
