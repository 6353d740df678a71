# SPDX-License-Identifier: Apache-2.0
"""What the style checks share: which files are the project's own. Runs on the host; reads the tree, changes nothing."""
import os

SKIP = {"build", ".git", "__pycache__", "node_modules"}
CODE = (".c", ".h", ".S", ".py", ".sh", ".js", ".lds", ".mk")


def files(*endings):
    """Paths of files that end so, sorted; none that were made."""
    found = []
    for folder, dirs, names in os.walk("."):
        dirs[:] = [d for d in dirs if d not in SKIP]
        found += [os.path.relpath(os.path.join(folder, n), ".") for n in names if n.endswith(endings)]
    return sorted(found)


def read(path):
    with open(path, encoding="utf-8") as f:
        return f.read()
