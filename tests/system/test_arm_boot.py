#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""aarch64 machines from power-on to a node that is managed: with VHE, without, without virtualisation, with GICv2, by a device tree. On each:
it comes up and pairs, says what it runs on, stays the same node over a reboot, and switches the machine off."""
import sys
import traceback

from lib.node import MachineError, Node, Tap, run_checks

EL2, EL1 = "virt,virtualization=on,gic-version=3", "virt,gic-version=3"
READY = r"boot: ready: (\d+) CPUs?\n"


def expects(*lines, cpus=2):
    """A check that the lines were printed on the way up."""
    def body(node):
        for line in lines:
            node.wait_line(line)
        found = int(node.wait_line(READY).group(1))
        assert found == cpus, "%d CPUs, expected %d" % (found, cpus)
        info = node.get("/v1/node")
        assert info["arch"] == "aarch64", info
    body.__doc__ = "comes up, pairs, and tells what it runs on"
    return body


def cannot_virtualise(node):
    """says that guests cannot run, and why"""
    virtualization = node.get("/v1/node")["virtualization"]
    assert not virtualization["backend"] and virtualization["reason"], virtualization


def reboot(node):
    """is the same node after a reboot, and knows its client"""
    before, start = node.fingerprint, len(node.serial)
    node.want(202, "POST", "/v1/node/reboot")
    node.drop()
    node.wait_line("Caisson: starting", start=start)
    node.wait_ready(start)
    assert node.fingerprint == before, "%s before, %s after" % (before, node.fingerprint)
    assert node.get("/v1/node")["fingerprint"] == before


def poweroff(node):
    """switches the machine off"""
    node.want(202, "POST", "/v1/node/poweroff")
    assert node.machine.wait_exit(60) == 0


# Title, checks, machine.
MACHINES = (
    ("EL2 with VHE", [expects(r"at EL2 with VHE, PAN", r"CPUs by ACPI", r"version \d\.\d by SMC", r"1 interrupt translation service"), reboot],
     {"machine": EL2, "cpu": "max", "cpus": 2}),
    ("cortex-a57, no VHE", [expects(r"Cortex-A57 .*at EL2 without VHE", r"no PAN: stray accesses", cpus=4), reboot],
     {"machine": EL2, "cpu": "cortex-a57", "cpus": 4}),
    ("no virtualisation", [expects(r"at EL1, PAN", r"version \d\.\d by HVC"), cannot_virtualise, reboot],
     {"machine": EL1, "cpu": "max", "cpus": 2}),
    ("GICv2", [expects(r"GICv2,", r"GICv2m frame with \d+ interrupts"), reboot],
     {"machine": "virt,virtualization=on,gic-version=2", "cpu": "cortex-a72", "cpus": 2}),
    ("a device tree, e1000", [expects(r"CPU by the device tree", r"1 interrupt translation service", r"net0: 82540EM", cpus=1), reboot],
     {"machine": EL2 + ",acpi=off", "cpu": "cortex-a76", "cpus": 1, "nic": "e1000"}),
    ("a device tree, GICv2, EL1", [expects(r"CPUs by the device tree", r"GICv2m frame", r"at EL1"), reboot],
     {"machine": "virt,gic-version=2,acpi=off", "cpu": "cortex-a53", "cpus": 2}),
)


def main():
    tap = Tap()
    for title, checks, machine in MACHINES:
        tap.note(title)
        try:
            with Node(arch="aarch64", memory_mib=512, **machine) as node:
                run_checks(tap, node, checks)
                try:
                    poweroff(node)
                    tap.ok(True, "%s: %s" % (title, poweroff.__doc__))
                except (AssertionError, MachineError):
                    tap.ok(False, "%s: %s" % (title, poweroff.__doc__), traceback.format_exc())
        except (AssertionError, MachineError, OSError):
            tap.ok(False, title, traceback.format_exc())
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
