# SPDX-License-Identifier: Apache-2.0
"""The Test Anything Protocol for Python tests. tests/run.py puts this folder on the path: `from tap import Tap`.

Host only. One Tap object for a program; its last words are done(), whose result is the exit code.
"""


class Tap:
    def __init__(self):
        self.count, self.failed = 0, 0

    def ok(self, passed, name, why=""):
        """One check; why explains a failure. Returns whether it passed."""
        self.count += 1
        self.failed += not passed
        print("%s %d - %s" % ("ok" if passed else "not ok", self.count, name), flush=True)
        if not passed and why:
            self.note(why)
        return bool(passed)

    def eq(self, got, want, name):
        return self.ok(got == want, name, "got %r, expected %r" % (got, want))

    def check(self, name, complaints):
        """Passes when there is nothing to complain about."""
        return self.ok(not complaints, name, "\n".join(complaints))

    def skip(self, name, why):
        self.count += 1
        print("ok %d - %s # SKIP %s" % (self.count, name, why), flush=True)

    @staticmethod
    def note(text):
        for line in str(text).split("\n"):
            print("# " + line, flush=True)

    def done(self):
        print("1..%d" % self.count, flush=True)
        return 1 if self.failed or not self.count else 0
