#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The node's own memory: at most 32 MiB when nothing runs, with a client connected, on a machine of 1 GiB and on one of 2 GiB; and a VM
costs little beside what its guest touches. What counts is what the node's page allocator cannot give to guests."""
import sys
import traceback

from lib.node import MachineError, Node, Tap, run_checks
from lib.tiny import halt_guest

MIB = 1 << 20
LIMIT_MIB = 32
VM_LIMIT_KIB = 1024


def idle(node):
    """Idle, the node takes at most 32 MiB, counting everything that guests cannot have, UEFI's own too"""
    host = node.metrics()["caisson_memory_host_bytes"] / MIB
    taken = node.installed_mib - node.free_kib() / 1024
    print("# idle, %d MiB installed: %.1f MiB in the node's pages, %.1f MiB not free in all" % (node.installed_mib, host, taken), flush=True)
    assert host > 0.5, "only %.2f MiB: is it counted?" % host
    assert taken <= LIMIT_MIB, "%.1f MiB, of which the node's pages are %.1f" % (taken, host)


def per_vm(node):
    """A VM takes less than 1 MiB beside the memory of its guest, and gives it back"""
    before, count = node.metrics(), 8
    for i in range(count):
        node.post("/v1/vms", {"name": "vm%d" % i, "memory_mib": 64, "kernel": "halt"}, 201)
        node.act("vm%d" % i, "start")
    while any(v["stats"]["exits"] < 5 for v in node.get("/v1/vms")["items"]):
        pass
    during = node.metrics()
    kib = (during["caisson_memory_host_bytes"] - before["caisson_memory_host_bytes"]) / count / 1024
    guest = (during["caisson_memory_guest_bytes"] - before["caisson_memory_guest_bytes"]) / count / 1024
    print("# each VM: %.0f KiB of the node's memory, %.0f KiB touched of 64 MiB" % (kib, guest), flush=True)
    assert kib < VM_LIMIT_KIB, "%.0f KiB" % kib
    for i in range(count):
        node.act("vm%d" % i, "stop", {"timeout_ms": 0})
        node.delete("/v1/vms/vm%d" % i)
    after = node.metrics()
    lost = (before["caisson_memory_free_bytes"] - after["caisson_memory_free_bytes"]) / 1024
    assert lost < 64, "%.0f KiB did not come back" % lost


def main():
    tap = Tap()
    for mib, checks in ((1024, [idle, per_vm]), (2048, [idle])):
        try:
            with Node(cpus=2, memory_mib=mib, files={"halt": halt_guest()}) as node:
                node.installed_mib = mib
                run_checks(tap, node, checks)
        except (MachineError, AssertionError):
            tap.ok(False, "a node with %d MiB comes up" % mib, traceback.format_exc())
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
