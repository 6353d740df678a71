#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""caisson.yaml: mistakes are named with file, line and column, on the console and in GET /v1/node, and the node still comes up and is
managed; what was right in the file is used. Without any file there are defaults."""
import re
import sys
import traceback

from lib.node import MachineError, Node, Tap, run_checks
from lib.tiny import halt_guest

MISTAKES = """\
node:
  name: config-test
  on_panik: halt
network:
  dhcp: maybe
guests:
  - name: good
    memory_mib: 16
    kernel: halt
  - name: Bad_Name
    kernel: halt
  - name: thirsty
    memory_mib: lots
    kernel: halt
  - name: headless
    kernel: nowhere
  - name: vast
    memory_mib: 900000
    kernel: halt
"""
PLACES = [(3, 3, "on_panik"), (5, 9, "dhcp|true|false|boolean"), (10, 5, "name|Bad_Name"), (13, 17, "memory_mib|number"), (16, 13, "nowhere"),
          (17, 5, "memory")]
BROKEN = "node:\n  name: [half\n"


def places_named(node):
    """Each mistake is named with line, column and what was expected, in GET /v1/node and on the console"""
    told = node.get("/v1/node")["config_errors"]
    for line, column, words in PLACES:
        found = [t for t in told if re.match(r"caisson\.yaml:%d:\d+: " % line, t)]
        assert found, "no mistake told in line %d: %s" % (line, told)
        assert re.search(words, found[0]), "line %d: %r has none of %s" % (line, found[0], words)
        # The place is the key's or the value's.
        assert int(found[0].split(":")[2]) <= column + 12, found[0]
        assert found[0] in node.serial, "not on the console: %s" % found[0]
    assert len(told) == len(PLACES), told


def rest_used(node):
    """What was right is used: the node's name, and the guest without mistake runs"""
    info = node.get("/v1/node")
    assert info["name"] == "config-test", info
    assert node.vm("good")["state"] == "running", node.vm("good")


def still_managed(node):
    """The node is managed: a guest can be made and deleted"""
    node.post("/v1/vms", {"name": "new", "memory_mib": 16, "kernel": "halt"}, 201)
    node.delete("/v1/vms/new")


def broken_named(node):
    """A file that is no YAML is named where it breaks, and the defaults hold"""
    told = node.get("/v1/node")["config_errors"]
    syntax = [t for t in told if re.match(r"caisson\.yaml:[23]:\d+: not valid YAML: ", t)]
    assert len(syntax) == 1 and syntax[0] in node.serial, told
    assert re.match(r"caisson-[0-9a-f]{6}$", node.get("/v1/node")["name"])


def defaults(node):
    """No file at all: a name from the network card's address, DHCP, no guests, no mistakes"""
    info = node.get("/v1/node")
    assert re.match(r"caisson-[0-9a-f]{6}$", info["name"]), info
    assert info["config_errors"] == [] and info["vms"] == {"total": 0, "running": 0}, info
    assert any(a.startswith("10.0.2.") for a in info["addresses"]), info


def main():
    tap = Tap()
    boots = (([places_named, rest_used, still_managed], {"config": MISTAKES, "files": {"halt": halt_guest()}}),
             ([broken_named], {"config": BROKEN}),
             ([defaults], {"config": None, "nic": "e1000"}))
    for checks, how in boots:
        try:
            with Node(cpus=2, memory_mib=512, **how) as node:
                run_checks(tap, node, checks)
        except (MachineError, AssertionError):
            tap.ok(False, "the node comes up with %r" % how["config"], traceback.format_exc())
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
