#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Who the node is survives: a reboot and a power cycle keep the CA, so that a paired client goes on; poweroff ends the machine; a CA on
the volume is taken instead. The machine keeps its UEFI variables in a folder from boot to boot."""
import os
import sys
import tempfile
import traceback

from lib.console import needs_debian_modules
needs_debian_modules()
from lib.authority import Authority  # noqa: E402
from lib.node import MachineError, Node, Tap, run_checks  # noqa: E402


def reboot(node):
    """POST /v1/node/reboot answers, the node comes back with the same CA, and the paired certificate works"""
    up, code, start = node.get("/v1/node")["uptime_ms"], node.code, len(node.serial)
    before, fingerprint = node.get("/v1/node"), node.fingerprint
    a = node.want(202, "POST", "/v1/node/reboot")
    assert a.body.strip() == b"{}", a.body
    node.drop()
    node.wait_line("Caisson: starting", start=start)
    node.wait_ready(start)
    assert node.fingerprint == fingerprint, "%s before, %s after the reboot" % (fingerprint, node.fingerprint)
    assert node.code != code, "the same pairing code twice"
    after = node.get("/v1/node")
    assert after["fingerprint"] == before["fingerprint"] == fingerprint and after["name"] == before["name"], (before, after)
    assert node.cli("vm", "list", "-q") == ""
    assert up > 0


def poweroff(node):
    """POST /v1/node/poweroff answers and ends the machine"""
    node.want(202, "POST", "/v1/node/poweroff")
    assert node.machine.wait_exit(60) == 0


def same_after_power_cycle(node):
    """After a power cycle it is the same node, with the certificate paired before"""
    assert node.get("/v1/node")["fingerprint"] == node.fingerprint


def check_boot(tap, checks, **how):
    """Boots, runs checks; the fingerprint that the boot showed, or None."""
    try:
        with Node(cpus=2, memory_mib=512, **how) as node:
            if not how.get("pair", True):
                node.profile = os.path.join(node.home, "profiles", "test")
            run_checks(tap, node, checks)
            return node.fingerprint
    except (MachineError, AssertionError, OSError):
        tap.ok(False, "the node comes up", traceback.format_exc())
        return None


def main():
    tap, preset = Tap(), Authority("Preset CA")
    with tempfile.TemporaryDirectory(prefix="caisson-identity-") as folder:
        first = check_boot(tap, [reboot], folder=folder)
        second = check_boot(tap, [same_after_power_cycle], folder=folder, pair=False)
        tap.ok(first and first == second, "the fingerprint is the same after a power cycle", "%s, then %s" % (first, second))
        third = check_boot(tap, [same_after_power_cycle, reboot], folder=os.path.join(folder, "other"),
                           files={"ca.pem": preset.cert_pem(), "ca.key": preset.key_pem()})
        tap.eq(third, preset.fingerprint(), "ca.pem and ca.key on the volume are the node's identity")
        try:
            with Node(cpus=2, memory_mib=512, config=None, folder=folder, pair=False) as node:
                node.profile = os.path.join(node.home, "profiles", "test")
                try:
                    poweroff(node)
                    tap.ok(True, poweroff.__doc__)
                except (AssertionError, MachineError):
                    tap.ok(False, poweroff.__doc__, traceback.format_exc())
        except MachineError:
            tap.ok(False, poweroff.__doc__, traceback.format_exc())
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
