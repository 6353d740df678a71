#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The drivers on QEMU's devices: found by ECAM and by ports, on the root bus, behind a PCI Express port and behind PCI bridges;
link changes seen by interrupt; a device with nothing but a legacy interface refused by name."""
import re
import sys

from bare import Bare, Failure
from tap import Tap

READY = r"boot: ready: \d+ CPUs?\n"
BUS0, DEEPER = r"0000:00:[0-9a-f.]+", r"0000:(?!00)[0-9a-f]{2}:[0-9a-f.]+"


def nic(model, n, *more):
    return ["-device", ",".join(["%s,id=nic%d,netdev=wire%d,romfile=,mac=52:54:00:00:00:%02x" % (model, n, n, n), *more]),
            "-netdev", "user,id=wire%d" % n]


def disk(n, *more):
    return ["-drive", "if=none,id=disk%d,driver=null-co,read-zeroes=on,size=1M" % n,
            "-device", ",".join(["virtio-blk-pci,drive=disk%d" % n, *more])]


def boot(tap, name, how, lines, **machine):
    """Boots, expects the lines in any order, and then a link change on each NIC that came up. Returns nothing."""
    with Bare(**machine) as m:
        try:
            m.expect(r"pci: \d+ functions, configuration space by %s\n" % how)
            start = m.at
            m.expect(READY)
            text = m.text()[start:m.at]
            for what, line in lines:
                if not tap.ok(re.search(line, text), "%s: %s" % (name, what)):
                    tap.note(text)
            for net, n in re.findall(r"(net\d): .*, 52:54:00:00:00:0(\d), link up", text):
                m.monitor("set_link nic%s off" % n)
                m.expect(r"%s: link down\n" % net)
                m.monitor("set_link nic%s on" % n)
                m.expect(r"%s: link up\n" % net)
                tap.ok(True, "%s: %s sees its cable" % (name, net))
        except Failure as e:
            tap.ok(False, name, str(e))
            tap.note(m.text())


def main():
    tap = Tap()
    boot(tap, "q35", "ECAM", [
        ("virtio-net", r"virtio-net at %s, 52:54:00:00:00:01, link up\n" % BUS0),
        ("82540EM", r"82540EM at %s, 52:54:00:00:00:02, link up, INTx\n" % BUS0),
        ("82574L behind a port", r"82574L at %s, 52:54:00:00:00:03, link up, MSI\n" % DEEPER),
        ("virtio-net behind two bridges", r"virtio-net at %s, 52:54:00:00:00:04, link up\n" % DEEPER),
        ("virtio-blk", r"blk0: virtio-blk at %s, 2048 sectors\n" % BUS0),
    ], extra=["-device", "pcie-root-port,id=rp1,chassis=1", "-device", "pcie-pci-bridge,id=b1,bus=pcie.0",
              "-device", "pci-bridge,id=b2,bus=b1,addr=1,chassis_nr=2"] + nic("virtio-net-pci", 1) + nic("e1000", 2) +
         nic("e1000e", 3, "bus=rp1") + nic("virtio-net-pci", 4, "bus=b2", "addr=3") + disk(1))
    boot(tap, "i440fx", "ports", [
        ("virtio-net", r"virtio-net at %s, 52:54:00:00:00:01, link up\n" % BUS0),
        ("82540EM", r"82540EM at %s, 52:54:00:00:00:02, link up, INTx\n" % BUS0),
        ("82545EM behind another root bus", r"82545EM at %s, 52:54:00:00:00:03, link up" % DEEPER),
        ("read-only virtio-blk", r"blk0: virtio-blk at %s, 2048 sectors, read only\n" % BUS0),
        ("legacy virtio is refused", r"virtio-net: warning: %s: legacy virtio interface only: not supported\n" % BUS0),
    ], extra=["-M", "pc", "-device", "pxb,id=pxb,bus_nr=64"] + nic("virtio-net-pci", 1, "bus=pci.0") + nic("e1000", 2, "bus=pci.0") +
         nic("e1000-82545em", 3, "bus=pxb", "addr=2") + nic("virtio-net-pci", 4, "bus=pci.0", "disable-modern=on", "disable-legacy=off") +
         ["-drive", "if=none,id=disk1,driver=null-co,read-zeroes=on,size=1M,read-only=on", "-device", "virtio-blk-pci,bus=pci.0,drive=disk1"])
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
