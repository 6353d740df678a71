#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The shipped image on Intel machines, which Bochs emulates: it comes up with two CPUs and one, is paired and managed over TLS through its
e1000, and a CPU that cannot run guests is a managed node all the same, which says why and refuses to start them for that reason."""
import hashlib
import os
import re
import subprocess
import traceback

from lib.console import needs_debian_modules
needs_debian_modules()
from lib import tiny  # noqa: E402
from lib.events import Events  # noqa: E402
from lib.node import EFI, MachineError, Node, Tap, run_checks  # noqa: E402
from bochs import MOVED_DIRECTORY, BochsMachine  # noqa: E402


def untouched(node):
    """The application on the machine's disk is the shipped one, byte for byte"""
    got = subprocess.run(["mtype", "-i", node.machine.path("disk.img"), MOVED_DIRECTORY + "/CAISSON.EFI"], check=True, capture_output=True,
                         env=dict(os.environ, MTOOLS_SKIP_CHECK="1")).stdout
    with open(EFI, "rb") as f:
        assert hashlib.sha256(got).digest() == hashlib.sha256(f.read()).digest()


def machine(node):
    """ACPI's CPUs and clock, the timer by TSC deadline where the CPU has it, PCI by ports, the e1000 by its interrupt line"""
    cpus = node.machine.settings["cpus"]
    timer = "deadline" if "skylake" in node.machine.settings["cpu"] else "count"  # the older models have none
    for line in (r"^\[.*cpu: .*, timer by %s$" % timer, r"clock: TSC at \d+ kHz, by the (ACPI PM timer|HPET)", r"configuration space by ports",
                 r"net0: 82540EM at .*, link up, INTx", r"boot: ready: %d CPUs?$" % cpus):
        assert re.search(line, node.serial, re.M), "no line matches %r" % line
    assert node.get("/v1/node")["cpus"] == cpus


def managed(node):
    """HTTPS answers: health, what the node is, metrics, an image of a megabyte"""
    assert node.get("/v1/health") == {"status": "ok"}
    assert node.get("/v1/node")["name"] == "intel"
    assert node.metrics()
    data = bytes(range(256)) * 4096
    assert node.put_image("blob", data)["sha256"] == hashlib.sha256(data).hexdigest()
    node.delete("/v1/images/blob")
    assert "intel" in node.cli("node", "info")


def runs_a_guest(node):
    """A guest of a few instructions runs by VT-x and powers off"""
    virt = node.get("/v1/node")["virtualization"]
    assert virt == {"available": True, "backend": "vmx", "reason": None}, virt
    node.put_image("bye", tiny.poweroff_guest())
    with Events(node) as events:
        node.post("/v1/vms", {"name": "bye", "kernel": "bye", "memory_mib": 16}, 201)
        node.act("bye", "start")
        events.state("bye", "stopped")
    assert b"bye" in node.want(200, "GET", "/v1/vms/bye/console/log").body
    node.delete("/v1/vms/bye")


def refuses(pattern):
    """A check: guests cannot run for a reason that matches pattern."""
    def check(node):
        virt = node.get("/v1/node")["virtualization"]
        assert virt["available"] is False and virt["backend"] is None and re.search(pattern, virt["reason"]), virt
        assert re.search("guests cannot run: .*" + pattern, node.serial), "the log does not say why"
        node.put_image("tiny", tiny.halt_guest())
        node.post("/v1/vms", {"name": "refused", "kernel": "tiny", "memory_mib": 16}, 201)
        answer = node.request("POST", "/v1/vms/refused/start")
        assert answer.status == 503 and re.search(pattern, answer.json()["detail"]), answer
        assert node.vm("refused")["state"] == "stopped", node.vm("refused")
        node.delete("/v1/vms/refused")
    check.__doc__ = "GET /v1/node and the log say that guests cannot run, and start is refused, because of: %s" % pattern
    return check


def on_node(tap, checks, **how):
    """One boot in Bochs and its checks."""
    what = ", ".join("%s %s" % item for item in sorted(how.items()))
    tap.note(what)
    failed = tap.failed
    try:
        with Node(config="node:\n  name: intel\n", machine_class=BochsMachine, memory_mib=512, **how) as node:
            run_checks(tap, node, checks)
            tap.ok("PANIC" not in node.serial, "no panic on %s" % what)
            if tap.failed > failed:
                tap.note(node.machine.evidence())
    except (MachineError, AssertionError, OSError, subprocess.SubprocessError):
        tap.ok(False, "a node comes up and can be paired: " + what, traceback.format_exc())


def main():
    tap = Tap()
    on_node(tap, [untouched, machine, managed, runs_a_guest], cpus=2)
    on_node(tap, [machine, runs_a_guest], cpus=1)
    on_node(tap, [machine, managed, refuses("unrestricted guest")], cpus=2, cpu="corei5_lynnfield_750")
    on_node(tap, [machine, refuses("EPT")], cpus=2, cpu="core2_penryn_t9600")
    on_node(tap, [refuses("switched off by the machine's firmware")], cpus=2, vmx_locked=True)
    return tap.done()


if __name__ == "__main__":
    raise SystemExit(main())
