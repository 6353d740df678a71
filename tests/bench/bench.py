#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Counts instead of timing: what exits, the launch of a guest, the boot and an idle VM cost, beside Linux with KVM on the same emulated
machine. `make bench` runs it.

QEMU runs with -icount shift=0 and one CPU: an instruction is a nanosecond of the machine's clock and a tick of its time stamp counter,
so the numbers do not depend on how busy this computer is. Idle time passes as on the wall (sleep=on) and is left out by the node's own
account of host, guest and idle time. KVM's numbers: kvm_amd of Linux 6.12, mitigations off, counted the same way.
"""
import os
import re
import statistics
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "system"))
from lib.console import Console, needs_debian_modules  # noqa: E402
needs_debian_modules()
from lib.events import Events  # noqa: E402
from lib.node import ROOT, VMLINUZ, Node  # noqa: E402
from lib.tiny import LOAD, elf, halt_guest  # noqa: E402

ROUNDS = 200
# name in exits.S: (what it is, KVM's instructions a round trip and where it is handled)
EXITS = {
    "cpuid": ("CPUID", "2,635 in the kernel"),
    "vmmcall": ("VMMCALL", "2,920 in the kernel"),
    "rdmsr": ("RDMSR of the APIC base", "2,728 in the kernel"),
    "out": ("OUT to a port where nothing is", "3,041 in the VMM"),
    "in": ("IN from there", "-"),
    "pmtimer": ("IN from the PM timer", "-"),
    "mmio_write": ("MMIO write where nothing is", "5,216 in the VMM"),
    "mmio_read": ("MMIO read", "5,602 in the VMM"),
    "ioapic_read": ("MMIO read of the I/O APIC", "-"),
    "touch": ("first touch, each 4 KiB page, mean", "7,124"),
}
INIT = b"#!/bin/sh\n/bin/busybox echo bench: init\nwhile :; do /bin/busybox sleep 1000; done\n"


def table(title, rows):
    widths = [max(len(str(r[i])) for r in rows) for i in range(len(rows[0]))]
    print("\n" + title)
    for r in rows:
        print("  " + "  ".join(str(c).ljust(w) if i == 0 else str(c).rjust(w) for i, (c, w) in enumerate(zip(r, widths))))
    sys.stdout.flush()


def build_guest(folder):
    binary, objects = os.path.join(folder, "exits.bin"), os.path.join(folder, "exits.o")
    subprocess.run(["gcc", "-m32", "-c", "-o", objects, os.path.join(HERE, "exits.S")], check=True)
    subprocess.run(["ld", "-m", "elf_i386", "-N", "-Ttext", hex(LOAD), "--oformat", "binary", "-o", binary, objects], check=True)
    with open(binary, "rb") as f:
        return elf(f.read() + bytes(8192))


def build_initrd(folder):
    init, out = os.path.join(folder, "init"), os.path.join(folder, "initrd")
    with open(init, "wb") as f:
        f.write(INIT)
    subprocess.run([sys.executable, os.path.join(ROOT, "tools", "run", "initramfs.py"), out, init], check=True)
    return out


def exits(node):
    node.post("/v1/vms", {"name": "exits", "memory_mib": 64, "kernel": "exits"}, 201)
    with Events(node) as events:
        node.act("exits", "start")
        events.state("exits", "stopped")
    ticks = {}
    for name, hexa in re.findall(r"^(\w+) ([0-9a-f]{8})$", node.want(200, "GET", "/v1/vms/exits/console/log").body.decode(), re.M):
        ticks.setdefault(name, []).append(int(hexa, 16) / ROUNDS)
    node.delete("/v1/vms/exits")
    rows = [("exit round trip, instructions", "least", "median", "most", "Linux + KVM")]
    for name, (what, kvm) in EXITS.items():
        got = [t - statistics.median(ticks["nothing"]) for t in ticks[name]]
        if name == "touch":  # one exit may map much more than a page
            got = [statistics.mean(got)]
        rows.append((what,) + tuple("{:,.0f}".format(f(got)) for f in (min, statistics.median, max)) + (kvm,))
    table("Exits", rows)


def cpu_m(metrics, mode):
    """Millions of instructions of a kind; one CPU."""
    return metrics['caisson_cpu_seconds_total{cpu="0",mode="%s"}' % mode] * 1000


def launch(node):
    """From the request to the first line of /init; the requests and the console's forwarding are in the host's part."""
    node.post("/v1/vms", {"name": "launch", "memory_mib": 128, "kernel": "vmlinuz", "initrd": "initrd",
                          "cmdline": "console=ttyS0 quiet mitigations=off nokaslr norandmaps"}, 201)
    with Console(node, "launch") as console:
        before = node.metrics()
        node.act("launch", "start")
        console.expect("bench: init")
        after = node.metrics()
    host, guest = (cpu_m(after, mode) - cpu_m(before, mode) for mode in ("host", "guest"))
    vm = node.vm("launch")
    table("Launch of a 128 MiB, 1 vCPU guest, Debian's cloud kernel, to its /init", [
        ("million instructions", "Caisson", "Linux + KVM, kvmtool"),
        ("guest", "%.0f" % guest, "1,860"), ("host", "%.1f" % host, "57"), ("all", "%.0f" % (host + guest), "1,917"),
        ("exits", "{:,}".format(vm["stats"]["exits"]), "6,171")])
    kinds = {k: v for k, v in after.items() if k.startswith('caisson_vm_exits_total{vm="launch"')}
    print("  exits by kind: " + ", ".join("%s %d" % (re.search('kind="([^"]+)"', k).group(1), v) for k, v in sorted(kinds.items(), key=lambda i: -i[1])))
    node.act("launch", "stop", {"timeout_ms": 0})
    node.delete("/v1/vms/launch")


def memory(node):
    before, count = node.metrics(), 8
    for i in range(count):
        node.post("/v1/vms", {"name": "idle%d" % i, "memory_mib": 64, "kernel": "halt"}, 201)
        node.act("idle%d" % i, "start")
    while any(v["stats"]["exits"] < 5 for v in node.get("/v1/vms")["items"]):
        pass
    each = (node.metrics()["caisson_memory_host_bytes"] - before["caisson_memory_host_bytes"]) / count / 1024
    table("Memory", [("", "Caisson", "Linux + KVM"), ("the node itself, idle", "%.1f MiB" % (before["caisson_memory_host_bytes"] / 2**20), "about 120 MB"),
                     ("each idle VM beside its guest's memory", "%.0f KiB" % each, "212-232 kB least; QEMU 14.7 MB")])


def boot(node):
    """Log lines carry the machine's clock: from the first clock reading, with waits in it."""
    def at(pattern):
        return float(re.search(r"^\[ *([0-9.]+)\] " + pattern, node.serial, re.M).group(1)) * 1000
    busy = node.metrics()
    table("Boot, millions of instructions", [
        ("", "Caisson", "Linux + KVM"),
        ("entry to all CPUs in their loops (waits for clocks included)", "%.0f" % at("boot: ready"), ""),
        ("entry to the API's start and autostart", "%.0f" % at("boot: start complete"), "2,083 to /init, 1,500 for KVM's modules"),
        ("what the loops worked until now, pairing included", "%.0f" % cpu_m(busy, "host"), "")])


def main():
    with tempfile.TemporaryDirectory(prefix="caisson-bench-") as folder:
        files = {"exits": build_guest(folder), "halt": halt_guest(), "vmlinuz": VMLINUZ, "initrd": build_initrd(folder)}
        # No x2APIC: QEMU 10 ends with "Bad icount read" when RDMSR reads its timer count.
        with Node(files=files, cpus=1, memory_mib=1024, cpu="EPYC-v4,+svm",
                  extra=("-icount", "shift=0,sleep=on,align=off", "-seed", "1")) as node:
            boot(node)
            exits(node)
            memory(node)
            launch(node)
    return 0


if __name__ == "__main__":
    sys.exit(main())
