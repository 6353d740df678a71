#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The command line's long-lived connections against a stand-in node (cli_node.py): events with resume, and the console in
pipes and on a pseudo terminal, with lost connections, signals and hostile frames. Prints TAP; see cli_bench.py."""

import json
import os
import signal
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from cli_bench import CLI, LIMIT, Terminal, contains, run_tests  # noqa: E402

TESTS = []


def test(function):
    TESTS.append(function)
    return function


# ---- events

@test
def events_follow_and_resume(b):
    node = b.node()
    for i in range(5):
        node.emit("vm.state", "vm%d" % i, state="crashed", reason="triple fault")
    out = b.home.run("events", "--since", "0", "-n", "5")[0].splitlines()
    assert len(out) == 5
    contains(out[0], "2026-01-02T03:04:01Z", "vm.state", "vm0", "crashed (triple fault)")
    assert node.wait("events") == "0"
    node.events_drop_after = 3
    out, err = b.home.run("events", "--since", "1", "-n", "4", "--json")
    assert [json.loads(line)["id"] for line in out.splitlines()] == [2, 3, 4, 5]
    assert node.wait("events") == "1" and node.wait("events") == "3"
    contains(err, "trying again")
    b.home.run("events", "--since", "x", code=2)


@test
def events_live_until_interrupted(b):
    node = b.node()
    p = subprocess.Popen([CLI, "events"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=b.home.env)
    try:
        assert node.wait("events") is None
        node.emit("image.added", "k")
        contains(p.stdout.readline().decode(), "image.added", "k")
        node.hang_up()
        assert node.wait("events") == "1"
        node.emit("lost", "")
        node.emit("image.removed", "k")
        contains(p.stdout.readline().decode(), "image.removed")
        p.send_signal(signal.SIGINT)
        assert p.wait(LIMIT) == 130
        contains(p.stderr.read().decode(), "some events are gone")
    finally:
        p.kill()
        p.communicate()


# ---- console

def console_node(b, **knobs):
    node = b.node()
    node.vms["demo"] = {"name": "demo", "state": "running"}
    for name, value in knobs.items():
        setattr(node, name, value)
    return node


@test
def console_for_scripts(b):
    node = console_node(b)
    out, err = b.home.run("vm", "console", "demo", stdin=b"uname -a\nexit\n")
    assert out == "log of demo\r\nuname -a\nexit\n", out
    assert err == ""
    assert node.wait("close") == b"\x03\xe8"
    big = os.urandom(1 << 20)
    done = subprocess.run([CLI, "vm", "console", "demo"], input=big, env=b.home.env, capture_output=True, timeout=LIMIT,
                          check=True)
    assert done.stdout == b"log of demo\r\n" + big
    contains(b.home.run("vm", "console", "nope", code=3)[1], "no VM 'nope'")
    node.console_denied = True
    contains(b.home.run("vm", "console", "demo", stdin=b"x", code=4)[1], "someone else is typing")


@test
def console_lingers(b):
    def answer(ws):
        while ws.receive()[1] != b"go\n":
            pass
        ws.send(9, b"are you there")
        ws.send(2, b"late answer\n")
        ws.echo()
    node = console_node(b, console_script=answer)
    contains(b.home.run("vm", "console", "demo", "--linger", "3s", stdin=b"go\n")[0], "late answer\n")
    assert node.wait("pong") == b"are you there"


@test
def console_on_a_terminal(b):
    node = console_node(b)
    t = Terminal(b.home, "vm", "console", "demo", columns=100, rows=30)
    t.expect(r"Ctrl-\] then \. leaves")
    t.expect("log of demo")
    size = node.wait("text")
    assert size == {"type": "resize", "cols": 100, "rows": 30}, size
    assert t.is_raw()
    t.type("ls\r")
    assert node.wait("typed") == b"ls\r"
    t.expect("ls\r")
    t.resize(132, 43)
    assert node.wait("text") == {"type": "resize", "cols": 132, "rows": 43}
    t.type("\x03\x1a\x1d\x1d\x1dq")
    assert node.wait("typed") == b"\x03\x1a\x1d\x1dq"
    t.type("\x1d?")
    t.expect(r"Ctrl-\] Ctrl-\] types")
    t.type("\x1d.")
    t.expect("left the console of demo")
    assert not t.is_raw()
    t.wait(0)
    assert node.wait("close") == b"\x03\xe8"


@test
def console_takes_up_a_lost_connection(b):
    node = console_node(b)
    t = Terminal(b.home, "vm", "console", "demo")
    t.expect("log of demo")
    node.hang_up()
    t.expect("trying again in")
    t.expect("log of demo")
    t.type("x")
    t.expect("x")
    del node.vms["demo"]
    node.hang_up()
    contains(t.wait(3), "there is no VM 'demo'")


@test
def console_gives_the_terminal_back(b):
    """Under a shell, which keeps the terminal alive behind the program's end."""
    node = console_node(b)
    script = '"$@"; echo "code=$?"; stty -a; echo "done"'
    for number, code in ((signal.SIGTERM, 130), (signal.SIGHUP, 130), (signal.SIGABRT, 134), (signal.SIGQUIT, 131)):
        t = Terminal(b.home, "vm", "console", "demo", command=["sh", "-c", script, "sh", CLI])
        t.expect("log of demo")
        node.wait("text")
        assert t.is_raw()
        with open("/proc/%d/task/%d/children" % (t.pid, t.pid), encoding="ascii") as f:
            child = int(f.read().split()[0])
        os.kill(child, number)
        t.expect("code=%d" % code)
        settings = t.expect("(.*)done").group(1).split()
        contains(settings, "icanon", "echo", "isig", "opost", "icrnl")
        t.wait(0)
    t = Terminal(b.home, "vm", "console", "demo")
    t.expect("log of demo")
    node.wait("text")
    node.stop()
    t.expect("trying again in")
    assert not t.is_raw()
    t.type("\x03")
    t.wait(130)


@test
def console_is_suspended_politely(b):
    node = console_node(b)
    t = Terminal(b.home, "vm", "console", "demo")
    t.expect("log of demo")
    node.wait("text")
    os.kill(t.pid, signal.SIGTSTP)
    _, status = os.waitpid(t.pid, os.WUNTRACED)
    assert os.WIFSTOPPED(status)
    assert not t.is_raw()
    t.resize(91, 30, quiet=True)
    os.kill(t.pid, signal.SIGCONT)
    while node.wait("text")["cols"] != 91:
        pass  # the size it began with, which the kernel may tell it twice
    assert t.is_raw()
    t.type("\x1d.")
    t.wait(0)


@test
def console_read_only(b):
    node = console_node(b, console_denied=True)

    def later(ws):
        node.seen.put(("opened", ws))
        ws.echo()
    node.console_script = later
    t = Terminal(b.home, "vm", "console", "demo")
    t.expect("read-only until they leave")
    ws = node.wait("opened")
    t.type("abc")
    t.expect("what you type goes nowhere")
    ws.writer = True
    ws.send(1, b'{"type":"writer"}')
    t.expect("you can type now")
    t.type("def")
    assert node.wait("typed") == b"def"
    t.type("\x1d.")
    t.wait(0)
    node.console_denied = False
    t = Terminal(b.home, "vm", "console", "demo", "--read-only")
    t.expect("log of demo")
    assert node.requests[-1][1].endswith("?mode=ro")
    t.type("x")
    t.expect("goes nowhere")
    t.type("\x1d.")
    t.wait(0)


@test
def console_from_a_hostile_node(b):
    node = console_node(b)
    frames = [b"\x82\x85abcdhello", b"\xc2\x00", b"\x80\x00", b"\x83\x00", b"\x8b\x00", b"\x09\x00", b"\x89\x7e\x00\x80" + bytes(128),
              b"\x81\x7f" + b"\xff" * 8 + b"a" * 10000, b"\x02\x01a\x82\x01b", b"\x88\x02"]
    for frame in frames:
        def script(ws, frame=frame):
            ws.tls.sendall(frame)
            if len(frame) != 2 or frame[0] != 0x88:
                ws.receive()
        node.console_script = script
        b.home.run("vm", "console", "demo", "--linger", "30s", stdin=b"", code=5)
    seen = []
    node.console_script = lambda ws: seen.append(ws.receive()[0])  # then it hangs up, though it owes a Close
    contains(b.home.run("vm", "console", "demo", code=5)[1], "without closing the console")
    assert seen == [8], seen
    node.raw_answer = b"HTTP/1.1 101 X\r\nSec-WebSocket-Accept: bogus\r\n\r\n"
    contains(b.home.run("vm", "console", "demo", code=5)[1], "does not match")
    node.raw_answer = b"HTTP/1.1 200 X\r\nContent-Length: 0\r\n\r\n"
    contains(b.home.run("vm", "console", "demo", code=5)[1], "did not switch")


if __name__ == "__main__":
    sys.exit(run_tests(TESTS))
