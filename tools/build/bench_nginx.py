#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fetches the web server that the bench compares with: bench_nginx.py DIR makes DIR/nginx, Debian's own of this release, not installed, and
DIR/lib with the shared libraries of this machine that it needs, by their full paths. Runs on the developer's machine."""
import os
import re
import shutil
import subprocess
import sys

import archive
import guest


def libraries(program):
    """The paths that the dynamic linker finds for it, and the linker's own."""
    out = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
    if "not found" in out:
        raise archive.Error("nginx needs libraries that are not here: " + out)
    return re.findall(r"(/\S+) \(0x", out)


def main():
    folder = os.path.abspath(sys.argv[1])
    os.makedirs(os.path.join(folder, "tree"), exist_ok=True)
    tree, _ = guest.unpacked("nginx", "amd64", os.path.join(folder, "tree"))
    program = os.path.join(tree, "usr/sbin/nginx")
    shutil.rmtree(os.path.join(folder, "lib"), ignore_errors=True)
    for path in libraries(program):
        to = folder + "/lib" + path
        os.makedirs(os.path.dirname(to), exist_ok=True)
        shutil.copy(path, to)
    shutil.copy(program, os.path.join(folder, "nginx"))


if __name__ == "__main__":
    sys.exit(archive.exit_code(main))
