#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Two Linux guests of two vCPUs each on a machine with one CPU: both reach their shell, both make progress, and they get fair shares
by the node's own account of what ran, which tells of steal time as well; a weight of 300 gets about three times a weight of 100, with one
vCPU or two. The API answers all the while."""
import sys

from lib.console import Console, needs_debian_modules
needs_debian_modules()
from lib.node import INITRD, VMLINUZ, program  # noqa: E402

NAMES = ("left", "right")
GUEST = """\
  - name: %s
    vcpus: 2
    memory_mib: 192
    kernel: vmlinuz
    initrd: initrd
    cmdline: console=ttyS0 quiet
"""
CONFIG = "guests:\n" + "".join(GUEST % n for n in NAMES)
# A loop on each vCPU; every so many turns a line tells of progress.
COUNT = "spin() { n=0; while :; do i=0; while [ $i -lt 2000 ]; do i=$((i+1)); done; n=$((n+1)); echo $1-$n.; done; }; spin a & spin b & wait\n"
LINES = 12


def run_ms(node):
    return {n: node.vm(n)["stats"]["run_ms"] for n in NAMES}


def shells(node):
    """Both boot at the same time and reach their shell, with both vCPUs up"""
    for name in NAMES:
        with Console(node, name) as console:
            console.expect("2 CPU.*shell ready")
            console.expect("demo# ")
            console.type("nproc\n")
            console.expect("^2$")


def progress(node):
    """Both count on both vCPUs, and their shares of the CPU are alike"""
    with Console(node, "left") as left, Console(node, "right") as right:
        for console in (left, right):
            console.type(COUNT)
            console.expect(r"^a-1\.$")
        before = run_ms(node)
        for n in range(1, 1 + LINES // 4):
            for console in (left, right):
                for task in "ab":
                    console.expect(r"^%s-%d\.$" % (task, 4 * n))
                    console.at = 0
            node.get("/v1/node")
        after = run_ms(node)
        for name in NAMES:
            assert node.vm(name)["stats"]["steal_ms"] > 0, "%s waited for nobody, on one CPU for four vCPUs" % name
        ran = [after[n] - before[n] for n in NAMES]
        assert min(ran) > 0 and max(ran) < 2 * min(ran), "run_ms of %s: %s" % (NAMES, ran)
        for console in (left, right):
            console.type("\x03")
            console.expect("demo# ")


def spin_until(node, names, total_ms):
    """run_ms of each since now, once all of them together ran for total_ms."""
    before = {n: node.vm(n)["stats"]["run_ms"] for n in names}
    while True:
        ran = {n: node.vm(n)["stats"]["run_ms"] - before[n] for n in names}
        if sum(ran.values()) >= total_ms:
            return ran


def weights(node):
    """Spinning guests share by weight, however many vCPUs they have"""
    for name in NAMES:
        node.act(name, "stop", {"timeout_ms": 0})
    for name, weight, vcpus in (("light", 100, 1), ("heavy", 300, 1), ("wide", 100, 2)):
        node.post("/v1/vms", {"name": name, "kernel": "spin-all" if vcpus > 1 else "spin", "memory_mib": 16, "weight": weight, "vcpus": vcpus}, 201)
        node.act(name, "start")
    with Console(node, "wide", "ro") as console:
        console.expect("^w$")
    ran = spin_until(node, ("light", "heavy", "wide"), 8000)
    ratio, wide = ran["heavy"] / max(1, ran["light"]), ran["wide"] / max(1, ran["light"])
    assert 2 < ratio < 4.5, "weights 100 and 300 ran %s ms" % ran
    assert 0.67 < wide < 1.5, "one and two vCPUs of weight 100 ran %s ms" % ran
    for name in ("light", "heavy", "wide"):
        assert node.act(name, "stop", {"timeout_ms": 0})["state"] == "stopped"
        node.delete("/v1/vms/" + name)


if __name__ == "__main__":
    from lib.tiny import spin_all_guest, spin_guest
    sys.exit(program([shells, progress, weights], config=CONFIG, files={"vmlinuz": VMLINUZ, "initrd": INITRD, "spin": spin_guest(), "spin-all": spin_all_guest()},
                     cpus=1, memory_mib=1024))
