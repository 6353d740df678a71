#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Who may include whom: core <- net, vmm <- sandbox <- efi; efi/boot sees core alone; core and the monitor no stateful libc.
Host only; reads #include lines, compiles nothing."""
import os
import re
import sys

import tree
from tap import Tap

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.M)
LAYERS = ("core", "net", "vmm", "sandbox")
MAY_SEE = {
    "core": {"core"},
    "net": {"core", "net"},
    "vmm": {"core", "vmm"},
    "sandbox": {"core", "net", "vmm", "sandbox"},
    "efi": {"core", "net", "vmm", "sandbox"},
    "efi/boot": {"core"},
}
STATEFUL_LIBC = {"stdio.h", "stdlib.h", "errno.h", "locale.h", "time.h", "pthread.h", "signal.h", "unistd.h", "wchar.h", "setjmp.h"}
# musl's seam answers for the C library and has to know it.
LIBC_SEAM = ("core/libc/",)


def home_of(path):
    return "efi/boot" if path.startswith("efi/boot/") else path.split("/")[0]


def layer_of(path, quote, name):
    """The layer that an #include reaches into, None when it is nobody's."""
    if quote == '"':
        local = os.path.normpath(os.path.join(os.path.dirname(path), name))
        if os.path.exists(local):
            return home_of(local)
    first = name.split("/")[0]
    if first in LAYERS and (quote == "<" or "/" in name):
        return first
    return None


def wrong_way(paths):
    complaints = []
    for path in paths:
        home = home_of(path)
        for quote, name in INCLUDE.findall(tree.read(path)):
            layer = layer_of(path, quote, name)
            if layer and layer != home and layer not in MAY_SEE[home]:
                complaints.append("%s includes %s: %s may not see %s" % (path, name, home, layer))
    return complaints


def private_reach(paths):
    """A local include that leaves its own top folder reaches into someone's private files."""
    complaints = []
    for path in paths:
        for quote, name in INCLUDE.findall(tree.read(path)):
            local = os.path.normpath(os.path.join(os.path.dirname(path), name))
            if quote == '"' and os.path.exists(local) and local.split("/")[0] != path.split("/")[0]:
                complaints.append("%s includes %s; use a public header" % (path, local))
    return complaints


def stateful(paths):
    return ["%s includes <%s>" % (p, name) for p in paths
            if p.split("/")[0] in ("core", "vmm") and not p.startswith(LIBC_SEAM)
            for _, name in INCLUDE.findall(tree.read(p)) if name in STATEFUL_LIBC]


def main():
    tap = Tap()
    paths = [p for p in tree.files(".c", ".h", ".S") if p.split("/")[0] in (*LAYERS, "efi")]
    tap.check("includes follow core <- net, vmm <- sandbox <- efi", wrong_way(paths))
    tap.check("no folder includes another's private headers", private_reach(paths))
    tap.check("core and the monitor use no stateful libc", stateful(paths))
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
