# SPDX-License-Identifier: Apache-2.0
"""What the tests of the command line share: a home with profiles, the program on a pseudo terminal, and a runner that
prints TAP. Waits for what it expects to see, never for a time. The program under test is build/caisson, or CAISSON_CLI."""

import contextlib
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time
import traceback

from cli_node import Identity, Node

CLI = os.path.abspath(os.environ.get("CAISSON_CLI", "build/caisson"))
LIMIT = 60  # seconds after which a hung program fails its test


class Home:
    """A folder for profiles, and the program run with it."""

    def __init__(self, folder):
        self.folder = folder
        self.env = {k: v for k, v in os.environ.items() if not k.startswith(("CAISSON_", "XDG_"))}
        self.env.update(CAISSON_HOME=folder, TERM="xterm", LC_ALL="C.UTF-8")

    def run(self, *args, stdin=b"", code=0, **more):
        """Runs without a terminal. Gives (stdout, stderr)."""
        done = subprocess.run([CLI, *args], input=stdin, capture_output=True, env=self.env, timeout=LIMIT,
                              start_new_session=True, check=False, **more)
        out, err = done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")
        assert done.returncode == code, "%s: exit %d, expected %d\n%s%s" % (args, done.returncode, code, out, err)
        return out, err

    def pair(self, node, *more):
        return self.run("pair", node.url, "--code", node.code, "--fingerprint", node.identity.fingerprint, *more)


class Terminal:
    """The program on a pseudo terminal of its own, and an expect for it."""

    def __init__(self, home, *args, columns=80, rows=24, command=None):
        self.text = ""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            try:
                command = command or [CLI]
                os.execvpe(command[0], [*command, *args], home.env)
            finally:
                os._exit(127)
        self.resize(columns, rows, quiet=True)

    def resize(self, columns, rows, quiet=False):
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        if not quiet:
            os.kill(self.pid, signal.SIGWINCH)

    def expect(self, pattern):
        """Waits until the pattern was printed, and drops everything up to its end."""
        end = time.monotonic() + LIMIT
        while not (match := re.search(pattern, self.text, re.S)):
            left = end - time.monotonic()
            assert left > 0, "did not see %r in %r" % (pattern, self.text)
            if not select.select([self.fd], [], [], left)[0]:
                continue
            try:
                data = os.read(self.fd, 65536)
            except OSError:
                data = b""
            assert data, "ended before %r; saw %r" % (pattern, self.text)
            self.text += data.decode(errors="replace")
        self.text = self.text[match.end():]
        return match

    def type(self, text):
        os.write(self.fd, text.encode())

    def is_raw(self):
        return not termios.tcgetattr(self.fd)[3] & termios.ICANON

    def signal(self, number):
        os.kill(self.pid, number)

    def wait(self, code):
        """The rest of the output; the terminal must be as it was."""
        end = time.monotonic() + LIMIT
        while time.monotonic() < end:
            done, status = os.waitpid(self.pid, os.WNOHANG)
            if done:
                break
            if select.select([self.fd], [], [], 0.05)[0]:
                with contextlib.suppress(OSError):
                    self.text += os.read(self.fd, 65536).decode(errors="replace")
        else:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
            raise AssertionError("did not end; saw %r" % self.text)
        got = os.waitstatus_to_exitcode(status)
        while select.select([self.fd], [], [], 0)[0]:
            try:
                data = os.read(self.fd, 65536)
            except OSError:
                break
            if not data:
                break
            self.text += data.decode(errors="replace")
        os.close(self.fd)
        assert got == code, "exit %d, expected %d; saw %r" % (got, code, self.text)
        return self.text


class Bench:
    """What a test is given: identities made once, a home and nodes of its own."""

    identity = other = None

    def __init__(self, shared, folder):
        self.shared, self.folder = shared, folder
        self.home = Home(os.path.join(folder, "home"))
        self.nodes = []
        if not Bench.identity:
            Bench.identity = Identity(os.path.join(shared, "a"))
            Bench.other = Identity(os.path.join(shared, "b"), "caisson-other")

    def node(self, identity=None, paired=True, **more):
        node = Node(identity or self.identity, **more)
        self.nodes.append(node)
        if paired:
            self.home.pair(node)
            node.requests.clear()
            node.bodies.clear()
        return node

    def write(self, name, data):
        path = os.path.join(self.folder, name)
        with open(path, "wb") as f:
            f.write(data if isinstance(data, bytes) else data.encode())
        return path


def contains(text, *parts):
    for part in parts:
        assert part in text, "expected %r in %r" % (part, text)


def run_tests(tests):
    if not os.access(CLI, os.X_OK):
        print("Bail out! %s is not there; make builds it" % CLI)
        return 1
    wanted = [t for t in tests if len(sys.argv) < 2 or any(a in t.__name__ for a in sys.argv[1:])]
    print("1..%d" % len(wanted), flush=True)
    failed = 0
    with tempfile.TemporaryDirectory(prefix="caisson-cli-") as folder:
        for number, function in enumerate(wanted, 1):
            own = os.path.join(folder, function.__name__)
            os.mkdir(own)
            bench = Bench(folder, own)
            title = function.__name__.replace("_", " ")
            try:
                function(bench)
                print("ok %d - cli: %s" % (number, title), flush=True)
            except Exception:  # a test fails by any exception
                failed += 1
                print("not ok %d - cli: %s" % (number, title))
                print("".join("# %s\n" % line for line in traceback.format_exc().splitlines()), end="", flush=True)
            finally:
                for node in bench.nodes:
                    node.stop()
    return 1 if failed else 0
