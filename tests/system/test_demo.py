#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The demo from power-on to a guest's shell, from the very files that `make run` boots: Linux starts by itself, its console is typed
into by a WebSocket client and by the command line on a terminal, and it goes through every state that a VM has."""
import contextlib
import json
import os
import re
import socket
import struct
import subprocess
import sys
import threading

from lib.console import Console, needs_debian_modules
needs_debian_modules()
from lib.events import Events  # noqa: E402
from lib.node import Node, Tap, VMLINUZ, image, run_checks  # noqa: E402
from cli_bench import Terminal  # noqa: E402

PROMPT = r"demo# "


class DemoNode(Node):
    """Boots what tools/run/qemu.py boots."""

    def make_esp(self, config, files):
        esp = os.path.join(self.folder, "esp.img")
        image.fat_image(esp, image.demo_files("x86_64"))
        return esp


class CliHome:
    """What cli_bench.Terminal asks for: the environment."""

    def __init__(self, node):
        self.env = node.env()


def shell(node):
    """Autostart: Linux boots, and a WebSocket client types `echo $((6*7))` into its shell"""
    with Console(node, "demo") as console:
        assert console.message({"type": "hello"})["writer"] is True
        console.expect(r"shell ready")
        console.expect(PROMPT)
        console.type("echo $((6*7))\n")
        console.expect(r"^42$")
        console.expect(PROMPT)
    vm = node.vm("demo")
    assert vm["state"] == "running" and vm["autostart"] and vm["vcpus"] == 1, vm
    assert vm["stats"]["exits"] > 0 and vm["stats"]["run_ms"] > 0 and 0 < vm["stats"]["resident_kib"] <= 256 * 1024, vm


def guest_facts(node):
    """What the guest sees: its CPUs and memory, KVM's clock, a random device, no noise about broken hardware"""
    with Console(node, "demo") as console:
        console.type("cd /sys/devices/system/clocksource/clocksource0; cat available_clocksource current_clocksource; cd\n")
        console.expect(r"^(.* )?kvm-clock( .*)?$")
        console.expect(r"^(kvm-clock|tsc)$")
        console.type("grep -c ^processor /proc/cpuinfo; cat /sys/class/misc/hw_random/rng_current\n")
        console.expect(r"^1\n")
        console.expect(r"^virtio_rng")
        console.type("dmesg | grep -icE 'call trace|BUG:|general protection|unchecked MSR'; echo end\n")
        assert console.expect(r"^(\d+)\nend$").group(1) == "0", console.text[-2000:]
        console.type("echo 1 > /dev/hvc0 && echo hvc written\n")
        console.expect(r"^hvc written$")


def two_clients(node):
    """Two clients see the same; only the first may type, and the second may when the first has left"""
    with Console(node, "demo") as first, Console(node, "demo") as second, Console(node, "demo", "ro") as watcher:
        assert first.message({"type": "hello"})["writer"] is True
        assert second.message({"type": "hello"})["writer"] is False
        assert watcher.message({"type": "hello"})["writer"] is False
        second.type("echo second-$((1+1))\n")
        first.type("echo first-$((1+1))\n")
        for console in (first, second, watcher):
            console.expect(r"^first-2$")
        assert "second-2" not in first.text, first.text[-500:]
        first.close()
        second.message({"type": "writer"})
        second.type("echo later-$((1+1))\n")
        watcher.expect(r"^later-2$")


def command_line(node):
    """`caisson vm console demo` on a terminal: typing, and the escape that leaves"""
    t = Terminal(CliHome(node), "vm", "console", "demo")
    t.expect(r"Ctrl-\] then \. leaves")
    t.type("\r")
    t.expect(PROMPT)
    t.type("echo $((6*7))\r")
    t.expect(r"\n42\r")
    t.expect(PROMPT)
    assert t.is_raw()
    t.type("\x1d.")
    t.wait(0)
    assert "demo  running" in node.cli("vm", "list")


class Relay:
    """A way to the node's API that can be cut: a port of its own, with a thread for each direction of each connection."""

    def __init__(self, to):
        self.to, self.open = to, []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client = self.listener.accept()[0]
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self.to))
            self.open += [client, server]
            for pair in ((client, server), (server, client)):
                threading.Thread(target=self.copy, args=pair, daemon=True).start()

    @staticmethod
    def copy(source, target):
        try:
            while data := source.recv(65536):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def cut(self):
        """All connections end, as when a cable is pulled from a router between."""
        ended, self.open = self.open, []
        for s in ended:
            with contextlib.suppress(OSError):
                s.shutdown(socket.SHUT_RDWR)
            s.close()


def resize_and_reconnect(node):
    """The guest learns the size of the client's terminal, and a lost connection is taken up again"""
    relay = Relay(node.port)
    t = Terminal(CliHome(node), "vm", "console", "demo", "--profile", "test", "--node", "https://127.0.0.1:%d" % relay.port)
    try:
        t.expect(r"Ctrl-\] then \. leaves")
        t.expect(PROMPT)  # what was typed before the terminal is raw would be lost
        t.resize(101, 33)
        t.type("\rwhile [ \"$(stty size </dev/hvc0)\" != '33 101' ]; do sleep 0.1; done; echo size-$((1+1))\r")
        t.expect(r"\nsize-2\r")
        relay.cut()
        t.expect("trying again in")
        t.expect(r"size-2")  # the node shows again what was there
        t.type("\recho back-$((1+1))\r")
        t.expect(r"\nback-2\r")
        t.type("\x1d.")
        t.wait(0)
    finally:
        relay.listener.close()
        relay.cut()


def logs(node):
    """The console's log has what was printed"""
    log = node.cli("vm", "logs", "demo", "--raw")
    assert "Linux version" in log and "shell ready" in log and "\n42\r\n" in log.replace("\r\r", "\r"), log[-1000:]
    assert node.want(200, "GET", "/v1/vms/demo/console/log").headers["content-type"].startswith("text/plain")


def pause(node):
    """Paused, the guest does not run; resumed, it goes on where it was"""
    with Console(node, "demo") as console:
        console.type("echo spin-$((1+1)); while :; do :; done\n")
        console.expect(r"^spin-2$")
        paused = node.act("demo", "pause")
        assert paused["state"] == "paused", paused
        ran = node.vm("demo")["stats"]
        for _ in range(20):  # requests give the CPUs time in which a guest that still ran would be seen
            node.get("/v1/node")
        assert node.vm("demo")["stats"]["run_ms"] == ran["run_ms"] and node.vm("demo")["stats"]["exits"] == ran["exits"]
        node.act("demo", "pause", status=409)
        assert node.act("demo", "resume")["state"] == "running"
        console.type("\x03")
        console.expect(PROMPT)
        console.type("echo alive-$((1+1))\n")
        console.expect(r"^alive-2$")


def reset(node):
    """Reset boots it anew"""
    with Console(node, "demo") as console:
        console.type("echo before > /tmp/mark; cat /tmp/mark\n")
        console.expect(r"^before$")
        assert node.act("demo", "reset")["state"] in ("running", "starting")
        console.expect(r"Linux version")
        console.expect(r"shell ready")
        console.expect(PROMPT)
        console.type("ls /tmp/mark || echo fresh-$((1+1))\n")
        console.expect(r"^fresh-2$")


def stop_start(node):
    """Stop presses the power button and Linux ends by itself; start boots it again"""
    with Events(node) as events, Console(node, "demo") as console:
        stopped = node.act("demo", "stop", {"timeout_ms": 120000})
        assert stopped["state"] == "stopped" and stopped["uptime_ms"] is None, stopped
        event, at = events.state("demo", "stopped")
        console.expect(r"reboot: Power down")
        node.act("demo", "stop", {"timeout_ms": 0})
        node.act("demo", "pause", status=409)
        assert node.act("demo", "start")["state"] in ("starting", "running")
        events.state("demo", "running", start=at)
        console.expect(r"shell ready")
        node.act("demo", "start", status=409)
    assert "(timeout" not in str(event.get("reason")), event


def guest_powers_off(node):
    """A guest's own poweroff stops the VM; it can be deleted then, and its files are free"""
    with Events(node) as events, Console(node, "demo") as console:
        console.type("\n")
        console.expect(PROMPT)
        node.want(409, "DELETE", "/v1/vms/demo")
        node.want(409, "DELETE", "/v1/images/demo-initrd")
        console.type("poweroff -f\n")
        events.state("demo", "stopped")
        node.delete("/v1/vms/demo")
        console.wait_closed()
        events.wait({"type": "vm.deleted", "object": "demo"})
    node.want(404, "GET", "/v1/vms/demo")
    node.delete("/v1/images/demo-initrd")


def vmlinux(bzimage):
    """The ELF file that a bzImage carries (Linux Documentation/arch/x86/boot.rst: setup_sects, payload_offset, payload_length); Debian
    packs it by zstd, with its length behind."""
    with open(bzimage, "rb") as f:
        data = f.read()
    at, length = struct.unpack_from("<II", data, 0x248)
    packed = data[(data[0x1f1] + 1) * 512 + at:][:length - 4]
    assert packed[:4] == b"\x28\xb5\x2f\xfd", "not packed by zstd: %r" % packed[:4]
    elf = subprocess.run(["zstd", "-dc"], input=packed, stdout=subprocess.PIPE, check=True).stdout
    assert elf[:4] == b"\x7fELF"
    return elf


def port_exits(node, name):
    return sum(n for series, n in node.metrics().items() if 'vm="%s"' % name in series and 'kind="pio"' in series)


def virtio_console(node):
    """Linux as vmlinux boots by PVH; its virtio console takes bytes and sizes, its random device gives bytes; it notifies both by their ports"""
    node.put_image("vmlinux", vmlinux(VMLINUZ))
    node.post("/v1/vms", {"name": "hvc", "kernel": "vmlinux", "initrd": "demo-initrd", "cmdline": "console=hvc0", "memory_mib": 256}, 201)
    node.act("hvc", "start")
    with Console(node, "hvc") as console:
        console.expect(r"shell ready")
        console.expect(PROMPT)
        console.type("cat /sys/class/tty/console/active; echo $((6*7))\n")
        console.expect(r"^hvc0$")
        console.expect(r"^42$")
        console.run(console.ws.send(json.dumps({"type": "resize", "cols": 101, "rows": 37})))
        console.type("while [ \"$(stty size)\" != '37 101' ]; do :; done; echo size-$((1+1))\n")
        console.expect(r"^size-2$")
        console.type("grep -E ' c00[0-9a-f]-c00[0-9a-f] : virtio-pci-modern' /proc/ioports; dmesg | grep -c \"BAR.*can't\"; echo ports-$((1+1))\n")
        assert console.expect(r"^(\d+)\nports-2$").group(1) == "0", console.text[-500:]
        assert len(re.findall(r"^ +c00[048c]-c00[37bf] : virtio-pci-modern$", console.text, re.M)) == 2, console.text[-500:]
        before = port_exits(node, "hvc")
        console.type("for i in 1 2; do head -c16 /dev/hwrng | od -An -tx1; done; echo rng-$((1+1))\n")
        console.expect(r"^rng-2$")
        words = re.findall(r"^((?: [0-9a-f]{2}){16})$", console.text, re.M)
        assert len(words) == 2 and words[0] != words[1] and len(set(words[0].split())) > 4, console.text[-500:]
        assert port_exits(node, "hvc") > before
    assert node.act("hvc", "stop", {"timeout_ms": 0})["state"] == "stopped"
    node.delete("/v1/vms/hvc")
    node.delete("/v1/images/vmlinux")


CHECKS = [shell, guest_facts, virtio_console, two_clients, command_line, resize_and_reconnect, logs, pause, reset, stop_start, guest_powers_off]


def main():
    tap = Tap()
    wanted = [c for c in CHECKS if len(sys.argv) < 2 or c.__name__ in sys.argv[1:]]
    try:
        with DemoNode(cpus=2, memory_mib=2048) as node:
            run_checks(tap, node, wanted)
    except Exception as e:  # the boot itself
        tap.ok(False, "the demo node comes up and can be paired", str(e))
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
