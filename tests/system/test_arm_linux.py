#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Linux on aarch64 machines: Debian's arm64 cloud kernel with two vCPUs reaches its shell, is typed into over TLS, paused, resumed, stopped by
its power button, started again and taken off at once: with VHE, without, and from a device tree. Then two guests of two vCPUs on one
CPU, and a machine with a GICv2, on which guests are refused with the reason."""
import os
import sys
import traceback

from lib.console import Console, needs_debian_modules
needs_debian_modules()
from lib import linux  # noqa: E402
from lib.node import BOARDS, MachineError, Node, Tap, run_checks  # noqa: E402

GUEST = BOARDS["aarch64"].guest
FILES = {"vmlinuz": os.path.join(GUEST, "vmlinuz"), "initrd": os.path.join(GUEST, "demo-initrd")}
EL2 = "virt,virtualization=on,gic-version=3"
LIFE = [linux.shell_on("el2"), linux.pause, linux.stop_start]
PAIR = ("linux", "other")


def pair(node):
    """Two guests on one CPU: both reach their shell with two vCPUs, and both go on while the other spins"""
    node.post("/v1/vms", {"name": "other", "vcpus": 2, "memory_mib": 192, "kernel": "vmlinuz", "initrd": "initrd",
                          "cmdline": "console=ttyAMA0 quiet"}, 201)
    node.act("other", "start")
    for name in PAIR:
        with Console(node, name) as console:
            console.expect("2 CPUs?, .*shell ready", linux.LIMIT_S)
            console.expect(linux.PROMPT, linux.LIMIT_S)
            console.type("(while :; do :; done) & echo busy-$((1+1))\n")
            console.expect("^busy-2$", linux.LIMIT_S)
    for name in PAIR:
        with Console(node, name) as console:
            console.type("echo here-$((1+1))\n")
            console.expect("^here-2$", linux.LIMIT_S)
            assert node.vm(name)["stats"]["steal_ms"] > 0, "%s waited for nobody" % name


def refused(node):
    """On a GICv2 the node says that guests cannot run and why, and refuses to start one with that reason"""
    virtualization = node.get("/v1/node")["virtualization"]
    assert not virtualization["backend"] and "GICv3" in virtualization["reason"], virtualization
    answer = node.request("POST", "/v1/vms/linux/start")
    assert answer.status in (409, 422, 501, 503) and "GICv3" in answer.body.decode(), str(answer)


# Title, checks, machine.
MACHINES = (
    ("max", LIFE, {"machine": EL2, "cpu": "max", "cpus": 2}),
    ("cortex-a76, a device tree", LIFE, {"machine": EL2 + ",acpi=off", "cpu": "cortex-a76", "cpus": 2}),
    ("cortex-a57, no VHE", LIFE, {"machine": EL2, "cpu": "cortex-a57", "cpus": 2}),
    ("one CPU", [pair], {"machine": EL2, "cpu": "max", "cpus": 1}),
    ("GICv2", [refused], {"machine": "virt,virtualization=on,gic-version=2", "cpu": "cortex-a72", "cpus": 1}),
)


def main():
    tap = Tap()
    for title, checks, machine in MACHINES:
        tap.note(title)
        try:
            with Node(arch="aarch64", config=linux.config("ttyAMA0"), files=FILES, memory_mib=1024, **machine) as node:
                run_checks(tap, node, checks)
        except (AssertionError, MachineError, OSError):
            tap.ok(False, title, traceback.format_exc())
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
