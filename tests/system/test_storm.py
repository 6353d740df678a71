#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Many clients at once, on VMs that they share: whatever the order of their requests, each is answered by what the API promises, the
node stays as quick for others, and in the end nothing is left over. The choices are random from a fixed seed; the timing is not."""
import collections
import random
import sys
import threading

from lib.console import Console, needs_debian_modules
needs_debian_modules()
from lib.events import Events  # noqa: E402
from lib.node import INITRD, VMLINUZ, program  # noqa: E402
from lib.tiny import COM1_FLOOD, crash_guest, elf, halt_guest, poweroff_guest, spin_guest  # noqa: E402

IMAGES = {"halt": halt_guest(), "spin": spin_guest(), "bye": poweroff_guest(), "crash": crash_guest(), "flood": elf(COM1_FLOOD),
          "vmlinuz": VMLINUZ, "initrd": INITRD}
KERNELS = ("halt", "spin", "bye", "crash", "flood", "vmlinuz")
CLIENTS, STEPS, VMS = 5, 80, 4
# What each request may be answered with, whatever the others do meanwhile.
ALLOWED = {"create": {201, 409, 507}, "delete": {204, 404, 409}, "get": {200, 404}, "list": {200}, "log": {200, 404},
           "start": {200, 404, 409, 507}, "stop": {200, 404, 409}, "pause": {200, 404, 409}, "resume": {200, 404, 409}, "reset": {200, 404, 409}}


def one_step(client, choice):
    name, verb = "s%d" % choice.randrange(VMS), choice.choice(sorted(ALLOWED))
    path = "/v1/vms/" + name
    if verb == "create":
        kernel = choice.choice(KERNELS)
        return verb, client.request("POST", "/v1/vms", {"name": name, "kernel": kernel, "initrd": "initrd" if kernel == "vmlinuz" else None,
                                                        "memory_mib": 96, "vcpus": choice.randint(1, 3), "weight": choice.choice((10, 100, 1000))})
    if verb == "delete":
        return verb, client.request("DELETE", path)
    if verb in ("get", "list", "log"):
        return verb, client.request("GET", {"get": path, "list": "/v1/vms", "log": path + "/console/log"}[verb])
    return verb, client.request("POST", path + "/" + verb, {"timeout_ms": choice.choice((0, 0, 50, 300))} if verb == "stop" else None)


def one_client(node, seed, complaints, counts):
    choice, client = random.Random(seed), node.another()
    try:
        for _ in range(STEPS):
            verb, answer = one_step(client, choice)
            counts[verb, answer.status] += 1
            if answer.status not in ALLOWED[verb]:
                complaints.append("%s: %s" % (verb, answer))
    except Exception as e:  # the thread's end is the complaint
        complaints.append("client %d: %r" % (seed, e))
    finally:
        client.drop()


def clean_up(node):
    for vm in node.get("/v1/vms")["items"]:
        stopped = node.act(vm["name"], "stop", {"timeout_ms": 0}) if vm["state"] != "crashed" else vm
        assert stopped["state"] in ("stopped", "crashed"), stopped
        node.delete("/v1/vms/" + vm["name"])


def clients(node):
    """Five clients create, start, stop, pause, resume, reset and delete shared VMs of all kinds, and every answer is one of those promised"""
    for kernel in KERNELS:  # what is made once is made before
        node.post("/v1/vms", {"name": kernel, "kernel": kernel, "memory_mib": 96}, 201)
        node.act(kernel, "start")
    clean_up(node)
    before, complaints, counts = node.free_kib(), [], collections.Counter()
    threads = [threading.Thread(target=one_client, args=(node, seed, complaints, counts)) for seed in range(CLIENTS)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    print("# " + ", ".join("%s %d: %d" % (*k, n) for k, n in sorted(counts.items())), flush=True)
    assert not complaints, "\n".join(complaints[:10])
    clean_up(node)
    lost = before - max(node.free_kib() for _ in range(20))
    assert lost < 512, "%d KiB did not come back" % lost


def ignored_button(node):
    """A guest that ignores the power button is stopped hard when the time is up"""
    node.post("/v1/vms", {"name": "deaf", "kernel": "spin", "memory_mib": 16}, 201)
    node.act("deaf", "start")
    assert node.act("deaf", "stop", {"timeout_ms": 300})["state"] == "stopped"
    node.delete("/v1/vms/deaf")


def flood_and_readers(node):
    """A guest that floods its serial port, five readers of its console, and the API: all go on; the log keeps the last 64 KiB"""
    node.post("/v1/vms", {"name": "flood", "kernel": "flood", "memory_mib": 16}, 201)
    node.act("flood", "start")
    consoles = []
    try:
        for _ in range(5):
            consoles.append(Console(node, "flood", "ro"))
        for _ in range(20):
            node.get("/v1/node")
        for console in consoles:
            console.wait_for(lambda c=console: len(c.text) > 100000, "100 kB of the flood", 120)
        assert len(node.want(200, "GET", "/v1/vms/flood/console/log").body) == 65536
        assert node.act("flood", "stop", {"timeout_ms": 0})["state"] == "stopped"
        node.delete("/v1/vms/flood")
        for console in consoles:
            console.wait_closed()
    finally:
        for console in consoles:
            console.close()


def events_resume(node):
    """Events are resumed by Last-Event-ID, without a gap and without repetition"""
    with Events(node) as events:
        for i in range(3):
            node.post("/v1/vms", {"name": "e%d" % i, "kernel": "halt", "memory_mib": 16}, 201)
        last = events.wait({"type": "vm.created", "object": "e2"})[0]["id"]
    for i in range(3):
        node.delete("/v1/vms/e%d" % i)
    with Events(node, since=last - 1) as events:
        events.wait({"type": "vm.deleted", "object": "e2"})
        ids = [e["id"] for e in events.seen]
        assert ids == list(range(last, last + len(ids))), "after %d: %s" % (last - 1, ids)


if __name__ == "__main__":
    sys.exit(program([clients, ignored_button, flood_and_readers, events_resume], files=IMAGES, cpus=2, memory_mib=1024))
