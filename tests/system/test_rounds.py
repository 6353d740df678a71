#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""No memory is lost: rounds of create, start, stop, delete, and the free memory stays what it is. The guests are a few
instructions long (lib/tiny.py): some power themselves off, some are stopped hard, some crash; every so often it is a Linux kernel."""
import sys

from lib.events import Events
from lib.node import INITRD, VMLINUZ, program
from lib.tiny import crash_guest, halt_guest, poweroff_guest, spin_guest

EACH, SPAN, MOST_ROUNDS = 100, 4, 1600  # rounds between readings; readings over which nothing may be gone; rounds
LINUX_EVERY = 25
IMAGES = {"halt": halt_guest(), "spin": spin_guest(), "bye": poweroff_guest(), "crash": crash_guest(), "vmlinuz": VMLINUZ, "initrd": INITRD}
KINDS = ("halt", "bye", "spin", "crash")


def one_round(node, events, number):
    kind = KINDS[number % len(KINDS)]
    spec = {"name": "round", "memory_mib": 16 + 16 * (number % 3), "kernel": kind, "vcpus": 1 + number % 2}
    if number % LINUX_EVERY == 0:
        kind, spec = "linux", dict(spec, kernel="vmlinuz", initrd="initrd", memory_mib=128, cmdline="console=ttyS0")
    seen = len(events.seen)
    node.post("/v1/vms", spec, 201)
    node.act("round", "start")
    if kind in ("bye", "crash"):
        events.state("round", "stopped" if kind == "bye" else "crashed", start=seen)
    else:
        state = node.act("round", "stop", {"timeout_ms": 0})["state"]
        assert state == "stopped", "%s after a hard stop" % state
    node.delete("/v1/vms/round")
    events.wait({"type": "vm.deleted", "object": "round"}, start=seen)  # so that the next round sees no event of this one


def settled(node):
    """Free KiB between requests: the most of some readings, since each request has buffers of its own for a moment."""
    return max(node.free_kib() for _ in range(20))


def rounds(node):
    """Rounds of create, start, stop and delete leave the free memory as it was"""
    # Some things are made once and grow to what they hold at most, and the heap's blocks come and go by pages; a loss goes on for good.
    readings, number = [], 0
    with Events(node) as events:
        while number < MOST_ROUNDS and (len(readings) <= SPAN or readings[-1] < readings[-1 - SPAN]):
            one_round(node, events, number)
            number += 1
            if number % EACH == 0:
                readings.append(settled(node))
    print("# free memory each %d rounds, KiB: %s" % (EACH, " ".join(map(str, readings))), flush=True)
    lost = readings[-1 - SPAN] - readings[-1]
    assert lost <= 0, "%d KiB are gone in the last %d of %d rounds" % (lost, SPAN * EACH, number)


def guest_ran(node):
    """The guests of those rounds ran: a tiny guest's line arrives on its console, and a crash has a reason."""
    node.post("/v1/vms", {"name": "says", "memory_mib": 16, "kernel": "bye"}, 201)
    with Events(node) as events:
        node.act("says", "start")
        events.state("says", "stopped")
    log = node.want(200, "GET", "/v1/vms/says/console/log").body
    assert log == b"bye\n", log
    node.delete("/v1/vms/says")
    node.post("/v1/vms", {"name": "falls", "memory_mib": 16, "kernel": "crash"}, 201)
    with Events(node) as events:
        node.act("falls", "start")
        reason = events.state("falls", "crashed")[0]["reason"]
    assert "triple fault" in reason, reason
    node.delete("/v1/vms/falls")


if __name__ == "__main__":
    sys.exit(program([guest_ran, rounds], files=IMAGES, cpus=2, memory_mib=1024))
