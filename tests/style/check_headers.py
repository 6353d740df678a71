#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every header compiles alone. Compiler flags come from make in STYLE_CFLAGS. Host only."""
import concurrent.futures
import os
import shlex
import subprocess
import sys

import tree
from tap import Tap


def compile_alone(path):
    flags = shlex.split(os.environ.get("STYLE_CFLAGS", "-Icore/include -Inet/include -Ivmm/include -Isandbox/include -I. -Itests"))
    source = '#include "%s"\n' % os.path.abspath(path)
    done = subprocess.run(["clang", *flags, "-I" + os.path.dirname(path), "-fsyntax-only", "-x", "c", "-"],
                          input=source, capture_output=True, text=True, check=False)
    return ["%s: %s" % (path, line) for line in done.stderr.splitlines()[:5]] if done.returncode else []


def main():
    tap = Tap()
    # deps/ holds configuration that is read in the middle of the libraries' own headers; rootfs is another world.
    paths = [p for p in tree.files(".h") if p.split("/")[0] not in ("deps", "rootfs")]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        complaints = [text for found in pool.map(compile_alone, paths) for text in found]
    tap.check("%d headers compile alone" % len(paths), complaints)
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
