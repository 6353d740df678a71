# SPDX-License-Identifier: Apache-2.0
"""Runs the guest tests (build/guest-tests/ARCH/*.elf) as VMs of a node and merges their TAP into the program's own.

Host only. A guest's end is the event that its VM stopped or crashed; the limits only guard against a hang. What a guest printed is
taken from its console's log. Node, Events and Console are those of the system tests.
"""
import os
import re
import subprocess
import sys
import time
import traceback

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "system"))
from lib.console import needs_debian_modules  # noqa: E402
needs_debian_modules()
from lib.events import Events  # noqa: E402
from lib.node import BUILD, MachineError, Node, tail  # noqa: E402,F401
from tap import Tap  # noqa: E402

LIMIT_S = 600  # emulators differ much in speed
POINT = re.compile(r"^(not )?ok (\d+) - (.*?)(?: # SKIP (.*))?$")


class Guests:
    """The guests of one node, and the program's TAP. options: words for every guest's command line."""

    def __init__(self, node, tap, events, options=""):
        self.node, self.tap, self.events, self.options = node, tap, events, options
        self.images, self.points = {}, {}  # by guest: the image; its file and the names of its checks

    def elf(self, image):
        return os.path.join(BUILD, "guest-tests", self.node.arch, image + ".elf")

    def upload(self, image):
        if image not in [i["name"] for i in self.node.get("/v1/images")["items"]]:
            with open(self.elf(image), "rb") as f:
                self.node.put_image(image, f.read())

    def start(self, name, image, cmdline="", vcpus=1, memory_mib=64, weight=100, image_name=None):
        """Creates and starts a VM; where in the events to look for its end. image None: image_name is on the node already."""
        if image:
            self.upload(image)
        self.images[name] = image or image_name
        self.node.post("/v1/vms", {"name": name, "kernel": image_name or image, "cmdline": (cmdline + " " + self.options).strip(), "vcpus": vcpus,
                                   "memory_mib": memory_mib, "weight": weight}, 201)
        with self.events.changed:
            at = len(self.events.seen)
        self.node.act(name, "start")
        return at

    def ended(self, name, at, limit_s=LIMIT_S):
        """The event that says that a VM stopped or crashed."""
        deadline = time.monotonic() + limit_s
        with self.events.changed:
            while True:
                for event in self.events.seen[at:]:
                    if event.get("type") == "vm.state" and event.get("object") == name and event.get("state") in ("stopped", "crashed"):
                        return event
                left = deadline - time.monotonic()
                assert not self.events.ended, "the events ended: %s" % self.events.ended
                if left <= 0:
                    return {"state": "still running after %d s" % limit_s, "reason": None}
                self.events.changed.wait(left)

    def log(self, name):
        return self.node.want(200, "GET", "/v1/vms/%s/console/log" % name).body.decode("utf-8", "replace").replace("\r", "")

    def remove(self, name):
        if self.node.vm(name)["state"] not in ("stopped", "crashed"):
            self.node.act(name, "stop", {"timeout_ms": 0})
        self.node.delete("/v1/vms/" + name)

    def trouble(self, name, log):
        self.tap.note("---- console of %s:\n%s\n---- the node's serial log ends with:\n%s" % (name, tail(log, 30), tail(self.node.serial, 30)))

    def merge(self, name, log, event):
        """Each check of the guest becomes one of ours; its end and its plan are one more."""
        seen, plan, failed, notes, names = 0, None, False, False, []
        for line in log.splitlines():
            point, planned = POINT.match(line), re.match(r"^1\.\.(\d+)$", line)
            if point:
                seen += 1
                title = "%s: %s" % (name, point.group(3))
                names.append(point.group(3))
                if point.group(4):
                    self.tap.skip(title, point.group(4))
                else:
                    self.tap.ok(not point.group(1), title)
                notes = bool(point.group(1))
                failed |= notes
            elif planned:
                plan = int(planned.group(1))
            elif notes:
                self.tap.note(line)
        self.points[name] = (self.elf(self.images[name]), names)
        whole = plan == seen and event["state"] == "stopped"
        self.tap.ok(whole, "%s: kept its plan and powered off" % name,
                    "state %s (%s), plan %s, %d checks" % (event["state"], event.get("reason"), plan, seen))
        if failed or not whole:
            self.trouble(name, log)

    def finish(self, name, at, counts=None):
        """Waits for a guest's end, merges and removes it. counts: a number of its statistics that what it did must have raised."""
        event = self.ended(name, at)
        self.merge(name, self.log(name), event)
        if counts:
            stats = self.node.vm(name)["stats"]
            self.tap.ok(stats[counts] > 0, "%s: the node counted %s" % (name, counts), str(stats))
        self.remove(name)

    def run(self, image, cmdline="", vcpus=1, memory_mib=64, name=None, counts=None):
        name = name or image
        began = time.monotonic()
        self.finish(name, self.start(name, image, cmdline, vcpus, memory_mib), counts)
        self.tap.note("%s: %.1f s" % (name, time.monotonic() - began))


def guarded(tap, node, what, body):
    """A step that raises has failed; the next one still runs."""
    try:
        body()
    except Exception:  # whatever goes wrong, goes wrong in this step
        tap.ok(False, what, traceback.format_exc())
        tap.note("---- the node's serial log ends with:\n" + tail(node.serial))
        node.drop()
    if node.machine.process.poll() is not None:
        node.machine.fail("%s ended with code %s in %s" % (node.machine.emulator, node.machine.process.returncode, what))


def on_node(tap, steps, options="", **machine):
    """Boots a node and takes the steps: [(what it is, function of Guests)]. options: of Guests. The checks that its guests made, as points.py wants them."""
    failed, points = tap.failed, {}
    if not steps:
        return points
    try:
        with Node(**machine) as node, Events(node) as events:
            guests = Guests(node, tap, events, options)
            points = guests.points
            for what, body in steps:
                guarded(tap, node, what, lambda body=body: body(guests))
            tap.ok("PANIC" not in node.serial, "the node did not panic", tail(node.serial))
            if tap.failed > failed:
                tap.note(node.machine.evidence())
    except (MachineError, AssertionError, OSError, subprocess.SubprocessError):
        tap.ok(False, "a node comes up, is paired and stays", traceback.format_exc())
    return points


def wanted(steps):
    """The steps that the command line names, or all."""
    names = sys.argv[1:]
    return [s for s in steps if not names or s[0] in names]
