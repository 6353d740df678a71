# SPDX-License-Identifier: Apache-2.0
"""What the style checks share: the project's own files, and TAP. Runs on the host; reads the tree, changes nothing."""
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


class Tap:
    def __init__(self):
        self.count, self.failed = 0, 0

    def check(self, name, complaints):
        """One check: passes when there is nothing to complain about."""
        self.count += 1
        self.failed += bool(complaints)
        print("%s %d - %s" % ("not ok" if complaints else "ok", self.count, name))
        for text in complaints:
            print("# " + text)

    def done(self):
        print("1..%d" % self.count)
        return 1 if self.failed else 0
