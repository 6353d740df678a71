#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Two builds from two directories are bit-identical.

Copies the tree's files into another directory and builds there. The libraries' objects are copied along, which is sound
because none of them names a path (checked here); with CAISSON_FULL=1 they are fetched and built anew as well. Host only.
"""
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile

from tap import Tap

OUTPUTS = ["build/x86_64/caisson.efi", "build/caisson"]
LIBRARIES = ["build/x86_64/deps", "build/tool/deps"]


def tree_files():
    done = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], capture_output=True, check=False)
    if done.returncode == 0:
        return [p for p in done.stdout.decode().split("\0") if p and os.path.isfile(p)]
    return [os.path.relpath(os.path.join(d, n)) for d, dirs, names in os.walk(".")
            for n in names if not os.path.relpath(d).startswith(("build", ".git"))]


def copy_tree(target):
    """Times of change are kept, so that make sees the copied libraries as it saw the originals."""
    for path in tree_files():
        os.makedirs(os.path.join(target, os.path.dirname(path)), exist_ok=True)
        shutil.copy2(path, os.path.join(target, path))
    os.makedirs(os.path.join(target, "build"))


def share_libraries(target):
    os.symlink(os.path.abspath("build/deps"), os.path.join(target, "build/deps"))
    for stamp in os.listdir("build"):
        if stamp.startswith("packages-"):
            shutil.copy2("build/" + stamp, os.path.join(target, "build", stamp))
    for folder in LIBRARIES:
        shutil.copytree(folder, os.path.join(target, folder), symlinks=True)


def archives_naming(path):
    needle, found = path.encode(), []
    for folder in LIBRARIES:
        for name in sorted(os.listdir(folder + "/lib")):
            with open(os.path.join(folder, "lib", name), "rb") as f:
                if needle in f.read():
                    found.append(os.path.join(folder, "lib", name))
    return found


def difference(a, b):
    with open(a, "rb") as f, open(b, "rb") as g:
        one, two = f.read(), g.read()
    if one == two:
        return ""
    at = next((i for i, (x, y) in enumerate(zip(one, two)) if x != y), min(len(one), len(two)))
    return "%d and %d bytes, first difference at 0x%x: %s | %s" % (
        len(one), len(two), at, one[max(0, at - 16):at + 32].hex(), two[max(0, at - 16):at + 32].hex())


def build(target):
    env = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "STYLE_CFLAGS", "PYTHONPATH")}
    return subprocess.run(["make", *OUTPUTS], cwd=target, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False)


def main():
    tap = Tap()
    tap.check("no library names this directory", archives_naming(os.getcwd()))
    with tempfile.TemporaryDirectory(prefix="caisson-") as top:
        target = os.path.join(top, "another/place")
        copy_tree(target)
        if not os.environ.get("CAISSON_FULL"):
            share_libraries(target)
        done = build(target)
        if tap.ok(done.returncode == 0, "the copy builds", done.stdout[-4000:]):
            for output in OUTPUTS:
                why = difference(output, os.path.join(target, output))
                tap.ok(not why, "%s is the same" % output, why)
                if not why:
                    with open(output, "rb") as f:
                        tap.note("%s  %s" % (hashlib.sha256(f.read()).hexdigest(), output))
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
