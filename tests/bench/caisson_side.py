# SPDX-License-Identifier: Apache-2.0
"""Caisson on the counting machine. A function a run: it boots a node, and gives {metric: value}. Host only."""
import os
import sys
import tempfile
import time

import crowd as idle_crowd
import exits as exit_guest
import https as https_client
import intel
import ipi as ipi_guest
import symbols
from counted import (ARCH, BENCH, CPU, GUEST_CMDLINE, GUEST_CONFIG, LINES_CASE, MANY, MANY_MIB, MARKS, OF_ARCH, ROOT, Counts, icount, launch_figures,
                     linux_guest, many_figures)

sys.path.insert(0, os.path.join(ROOT, "tools", "run"))
import image  # noqa: E402
from machine import BOARDS, Machine, image_of  # noqa: E402

sys.path.insert(0, os.path.join(ROOT, "tests", "system"))
from lib.events import Events  # noqa: E402
from lib.node import Node  # noqa: E402


class Alone:
    """A node without a network that starts its guests by itself: nothing from outside reaches it, and each run is like the last."""

    def __init__(self, folder, files, options=(), memory_mib=1024):
        self.counts = Counts(folder, [symbols.anchor(), *options])
        esp = os.path.join(folder, "esp.img")
        image.fat_image(esp, {BOARDS[ARCH].boot: image_of(ARCH), **files})
        self.machine = Machine(folder, esp=esp, cpus=1, memory_mib=memory_mib, cpu=CPU, nic=None, arch=ARCH,
                               extra=icount() + self.counts.arguments())

    def __enter__(self):
        self.machine.start()
        return self

    def __exit__(self, *_):
        self.machine.close()


def exit_counts(folder, options=()):
    """The counts of a run of the exit guest."""
    files = {"caisson/caisson.yaml": GUEST_CONFIG.encode(), "caisson/kernel": os.path.join(OF_ARCH, "exits.elf")}
    with Alone(folder, files, options) as node:
        node.counts.wait(node.machine, MARKS["END"])
    return node.counts


MEMORY_MIB = 1024
HOST_BYTES, GUEST_BYTES = "caisson_memory_host_bytes", "caisson_memory_guest_bytes"


def served(folder, files, options=(), memory_mib=MEMORY_MIB, config=""):
    """A node that is spoken to over the network, with its counts in node.counts: a with-statement's. It runs with sleep=on, so that only what
    is counted between marks is the same in each run."""
    counts = Counts(folder, [symbols.anchor(), *options])
    node = Node(config, files=files, folder=folder, cpus=1, memory_mib=memory_mib, cpu=CPU, arch=ARCH, extra=icount("on") + counts.arguments())
    node.counts = counts
    return node


def boot(folder):
    """From the entry of the image to the demo's guest, on a machine that boots for the first time."""
    options = symbols.places(_start=MARKS["IMAGE"], image_init=MARKS["API"], vm_ctl_autostart=MARKS["START"])
    with Alone(folder, image.demo_files(ARCH), options) as node:
        node.counts.wait(node.machine, MARKS["ENTERED"])
    return {"boot_api": node.counts.between("IMAGE", "API").total / 1e6, "boot_guest": node.counts.between("IMAGE", "ENTERED").total / 1e6}


def launch(folder):
    """On a node at rest, as in many."""
    files = {"vmlinux": linux_guest("vmlinux"), "initrd": linux_guest("initrd")}
    with served(folder, files, symbols.places(api_vm_start=MARKS["START"])) as node:
        node.post("/v1/vms", {"name": "guest", "memory_mib": 128, "kernel": "vmlinux", "initrd": "initrd", "cmdline": GUEST_CMDLINE}, 201)
        node.counts.asleep(node.machine)
        node.act("guest", "start")
        node.counts.wait(node.machine, MARKS["INIT"])
        return launch_figures(node.counts, "START")


def start_halted(node, first, count):
    """VMs of 64 MiB whose guest sleeps."""
    for i in range(first, first + count):
        node.post("/v1/vms", {"name": "idle%d" % i, "memory_mib": 64, "kernel": "halt"}, 201)
        node.act("idle%d" % i, "start")
    while any(v["stats"]["exits"] < 5 for v in node.get("/v1/vms")["items"]):
        pass


def memory(folder):
    """What guests cannot have, UEFI's own too; and what a VM takes beside what its guest touches."""
    with served(folder, {"halt": os.path.join(BENCH, "halt.elf")}) as node:
        free = node.free_kib()
        start_halted(node, 0, 2)
        two = node.metrics()
        start_halted(node, 2, 8)
        ten = node.metrics()
    return {"node_memory": MEMORY_MIB - free / 1024, "vm_memory": (ten[HOST_BYTES] - two[HOST_BYTES]) / 8 / 1024}


def https(folder):
    with served(folder, {}) as node:
        return https_client.costs(lambda: node.counts.asleep(node.machine), node.context(), node.port)


def many(folder):
    """Each start finds the node at rest: what idle CPUs zero ahead is there again."""
    files = {"vmlinux": linux_guest("vmlinux"), "initrd": linux_guest("initrd")}
    with served(folder, files, symbols.places(api_vm_start=MARKS["START"]), MANY_MIB, "memory:\n  overcommit_percent: 1000\n") as node:
        before = node.metrics()
        for i in range(MANY):
            node.counts.asleep(node.machine)
            node.post("/v1/vms", {"name": "guest%d" % i, "memory_mib": 128, "kernel": "vmlinux", "initrd": "initrd", "cmdline": GUEST_CMDLINE}, 201)
            node.act("guest%d" % i, "start")
            node.counts.wait(node.machine, MARKS["INIT"], i + 1)
        after = node.metrics()
        host, guest = ((after[key] - before[key]) / MANY / 1024 for key in (HOST_BYTES, GUEST_BYTES))
        return many_figures(node.counts, "START", (host + guest) / 1024, host)


def crowd(folder):
    """Each VM is created and started over the API; as on Linux, each has run and sleeps before the next one comes."""
    with served(folder, {"halt": idle_crowd.KERNEL}, symbols.places(api_vms_create=MARKS["START"]), idle_crowd.MACHINE_MIB,
                "memory:\n  overcommit_percent: 1000\n") as node:
        before = node.metrics()
        for i in range(idle_crowd.VMS):
            node.post("/v1/vms", {"name": "idle%d" % i, "memory_mib": idle_crowd.GUEST_MIB, "kernel": "halt"}, 201)
            node.act("idle%d" % i, "start")
            node.counts.wait(node.machine, MARKS["INIT"], i + 1)
            time.sleep(idle_crowd.PAUSE_S)
        after = node.metrics()
        host, guest = ((after[key] - before[key]) / idle_crowd.VMS / 1024 for key in (HOST_BYTES, GUEST_BYTES))
        return idle_crowd.figures(node.counts, "START", host + guest, host)


def lines(folder):
    """What an exit touches: lines of 64 bytes, and the VMCB by the host's own loads and stores."""
    n, code, data, reads, writes = exit_counts(folder, ["lines=on"]).touched()[LINES_CASE]
    return {"lines_code": code / n, "lines_data": data / n, "vmcb_reads": reads / n, "vmcb_writes": writes / n}


def size(folder):
    return {"image_size": os.path.getsize(image_of(ARCH)) / 2**20}


def exits(folder):
    return exit_guest.figures(exit_counts(folder).cases())


def vmx(folder):
    return intel.figures(intel.exit_counts(folder))


def ipi_run(folder):
    """Nothing is asked of the node while the guest runs: its event tells that it has ended."""
    with Node("", files={"ipi": ipi_guest.KERNEL}, folder=folder, cpus=ipi_guest.CPUS, cpu=CPU, accel="tcg,thread=multi") as node, Events(node) as events:
        node.post("/v1/vms", {"name": "ipi", "vcpus": ipi_guest.CPUS, "memory_mib": ipi_guest.MEMORY_MIB, "kernel": "ipi"}, 201)
        node.act("ipi", "start")
        events.wait({"type": "vm.state", "object": "ipi", "state": "stopped"}, ipi_guest.LIMIT_S)
        return ipi_guest.figures("caisson", node.want(200, "GET", "/v1/vms/ipi/console/log").body.decode().replace("\r", ""))


def ipi(folder):
    return ipi_guest.attempts(lambda: ipi_run(tempfile.mkdtemp(dir=folder)))
