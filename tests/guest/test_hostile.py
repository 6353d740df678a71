#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Guests that misbehave hurt only themselves: each becomes `crashed` with a reason, or burns its share until it is stopped, while a
well-behaved neighbour's heartbeats keep coming and the API keeps answering. Pace is counted in heartbeats against what the hostile guest
ran by the node's own account, not in time. Names of modes as arguments choose some."""
import re
import struct
import sys

from guests import on_node, wanted
from lib import tiny
from lib.console import Console
from tap import Tap

BEATS, ANSWERS = 6, 5
HOG_MS, HOG_BEATS = 800, 5  # a beat each 50 ms: 16 while the other runs 0.8 s, at full pace


def beats(console, count):
    """Waits for so many; their numbers rise without gaps, or output was lost."""
    last = int(console.expect(r"^beat (\d+)$").group(1))
    for _ in range(count):
        number = int(console.expect(r"^beat (\d+)$").group(1))
        assert number > last, "beat %d after %d" % (number, last)
        last = number
    return last


def beat_number(guests):
    """Of the last beat that the node has in its log, whole: of the line that is being written some digits may be missing."""
    return int(re.findall(r"^beat (\d+)\n", guests.log("beat"), re.M)[-1])


def api_answers(guests):
    for _ in range(ANSWERS):
        names = [vm["name"] for vm in guests.node.get("/v1/vms")["items"]]
        assert "beat" in names, names


def hostile(mode, crash=None, vcpus=1, either=False, stops=False):
    """crash: what the reason says. stops: it meets a fault of its own, tells it and powers off. either: it may end in any way, or not."""
    def body(guests):
        name = "hostile-" + mode
        with Console(guests.node, "beat", "ro") as console:
            beats(console, 1)
            at = guests.start(name, "hostile", "mode=" + mode, vcpus=vcpus, memory_mib=32)
            if crash:
                event = guests.ended(name, at)
                guests.tap.ok(event["state"] == "crashed" and re.search(crash, event.get("reason") or ""),
                              "%s: crashed, with a reason" % mode, "state %s, reason %r" % (event["state"], event.get("reason")))
            else:
                with Console(guests.node, name, "ro") as its:
                    its.expect("^hostile %s$" % mode)
            if stops:
                guests.tap.eq(guests.ended(name, at)["state"], "stopped", "%s: finds out and stops" % mode)
                guests.tap.ok("Bail out!" in guests.log(name), "%s: by a fault of its own" % mode, guests.log(name)[-400:])
            beats(console, BEATS)
            api_answers(guests)
            vm = guests.node.vm(name)
            if crash:
                guests.tap.eq(vm["reason"], event["reason"], "%s: the VM tells the same reason" % mode)
            elif stops:
                guests.tap.eq(vm["state"], "stopped", "%s: stays stopped" % mode)
            elif either:
                guests.tap.note("%s: %s, %s" % (mode, vm["state"], vm["reason"] or "no reason"))
            else:
                guests.tap.eq(vm["state"], "running", "%s: goes on" % mode)
            if vm["state"] not in ("stopped", "crashed"):
                vm = guests.node.act(name, "stop", {"timeout_ms": 0})
            guests.tap.ok(vm["state"] in ("stopped", "crashed"), "%s: over, and its neighbour and the API live" % mode, str(vm))
            guests.tap.eq(guests.node.vm("beat")["state"], "running", "%s: the neighbour runs" % mode)
            guests.remove(name)
    return mode, body


def task_switch(guests):
    """A hardware task switch, from 32-bit code: not supported, which costs the guest its life. QEMU's TCG does not intercept it."""
    at = tiny.LOAD
    code = (tiny.say("hostile task\n") + b"\x0f\x01\x15" + struct.pack("<I", at + 0xf0) +  # LGDT [0xf0]
            b"\x66\xb8\x18\x00\x0f\x00\xd8" + b"\xea" + struct.pack("<IH", 0, 0x20) + tiny.HALT)  # MOV AX,0x18; LTR AX; JMP 0x20:0
    assert len(code) <= 0xf0

    def tss(base):  # SDM 3A 8.2.2: available 32-bit TSS of 104 bytes
        return struct.pack("<HHBBBB", 103, base & 0xffff, base >> 16 & 0xff, 0x89, 0, base >> 24)
    gdt = struct.pack("<QQQ", 0, 0x00cf9b000000ffff, 0x00cf93000000ffff) + tss(at + 0x80000) + tss(at + 0x81000)
    code = code.ljust(0xf0, b"\0") + struct.pack("<HI", len(gdt) - 1, at + 0x100) + bytes(10) + gdt
    guests.node.put_image("task", tiny.elf(code))
    since = guests.start("hostile-task", None, image_name="task", memory_mib=32)
    with Console(guests.node, "hostile-task", "ro") as its:
        its.expect("^hostile task$")
    event = guests.ended("hostile-task", since, limit_s=20)
    if event["state"] == "crashed" and "task switch" in (event.get("reason") or ""):
        guests.tap.ok(True, "task: crashed, with a reason")
    else:
        guests.tap.skip("task: crashed, with a reason", "this emulator does not intercept task switches (%s)" % event.get("reason"))
    guests.tap.eq(guests.node.vm("beat")["state"], "running", "task: the neighbour runs")
    guests.remove("hostile-task")


def pace(mode, vcpus=1):
    """The neighbour's pace while the other takes what it can get of the same CPU."""
    def body(guests):
        name = "pace-" + mode
        guests.start(name, "hostile", "mode=" + mode, vcpus=vcpus, memory_mib=32)
        with Console(guests.node, name, "ro") as its:
            its.expect("^hostile %s$" % mode)
        first, ran = beat_number(guests), guests.node.vm(name)["stats"]["run_ms"]
        while guests.node.vm(name)["stats"]["run_ms"] < ran + HOG_MS:
            pass
        seen = beat_number(guests)
        guests.tap.note("%s: %d beats in %d ms of the other" % (mode, seen - first, HOG_MS))
        guests.tap.ok(seen - first >= HOG_BEATS, "%s: the neighbour's heart beats while it runs" % mode,
                      "%d beats in %d ms of the other" % (seen - first, HOG_MS))
        guests.remove(name)
    return mode, body


def with_neighbour(steps):
    """The neighbour first; in the end it is asked to finish."""
    def begin(guests):
        guests.beat_at = guests.start("beat", "beat")
        with Console(guests.node, "beat", "ro") as console:
            beats(console, 1)

    def end(guests):
        with Console(guests.node, "beat") as console:
            console.type("q")
        guests.finish("beat", guests.beat_at)
    return [("a neighbour starts", begin)] + steps + [("the neighbour ends", end)] if steps else []


ALL = [
    hostile("triple", crash=r"^triple fault at "), hostile("fetch", crash=r"runs code from address 0xd0000000"),
    hostile("tables", crash=r"page tables"), hostile("stack", crash=r"triple fault|delivers an event through"),
    hostile("spin", vcpus=2), hostile("flood"), hostile("mmio"), hostile("wrmsr", either=True), hostile("sleep"), hostile("storm", vcpus=3),
    hostile("timer"), hostile("pause"), hostile("noise", either=True), hostile("triple-other", crash=r"^triple fault at .*vcpu 1", vcpus=2),
    ("task", task_switch), hostile("reset", either=True), hostile("restart", either=True, vcpus=3),
]
ONE_CPU = [pace("spin", vcpus=2), pace("flood"), pace("storm", vcpus=2), pace("timer"), pace("pause"), pace("mmio"), hostile("triple", crash=r"^triple fault at ")]


def main():
    tap = Tap()
    on_node(tap, with_neighbour(wanted(ALL)), cpus=2, memory_mib=768)
    tap.note("one CPU")
    on_node(tap, with_neighbour(wanted(ONE_CPU)), cpus=1, memory_mib=768)
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
