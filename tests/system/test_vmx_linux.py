#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Linux on an Intel CPU that Bochs emulates: Debian's cloud kernel with two vCPUs reaches its shell, is typed into over TLS, paused, resumed
and powered off by its own hand."""
from lib.console import Console, needs_debian_modules
needs_debian_modules()
from lib.events import Events  # noqa: E402
from lib.node import INITRD, VMLINUZ, program  # noqa: E402
from bochs import BochsMachine  # noqa: E402

# The emulator is slow, and the machine may have other work.
LIMIT_S = 600
CONFIG = """\
guests:
  - name: linux
    vcpus: 2
    memory_mib: 192
    kernel: vmlinuz
    initrd: initrd
    cmdline: console=ttyS0 quiet
"""


def shell(node):
    """Linux boots with two vCPUs, and a WebSocket client types into its shell"""
    assert node.get("/v1/node")["virtualization"]["backend"] == "vmx"
    with Console(node, "linux") as console:
        console.expect("2 CPUs?, .*shell ready", LIMIT_S)
        console.expect("demo# ", LIMIT_S)
        console.type("nproc; echo $((6*7))\n")
        console.expect("^2\n42$", LIMIT_S)
        console.type("dmesg | grep -icE 'call trace|BUG:|general protection|unchecked MSR'; echo end\n")
        assert console.expect(r"^(\d+)\nend$", LIMIT_S).group(1) == "0", console.text[-2000:]


def pause(node):
    """Paused, it does not run; resumed, it goes on where it was"""
    with Console(node, "linux") as console:
        console.type("echo spin-$((1+1)); while :; do :; done\n")
        console.expect("^spin-2$", LIMIT_S)
        assert node.act("linux", "pause")["state"] == "paused"
        ran = node.vm("linux")["stats"]
        for _ in range(10):
            node.get("/v1/node")
        assert node.vm("linux")["stats"] == ran
        assert node.act("linux", "resume")["state"] == "running"
        console.type("\x03")
        console.expect("demo# ", LIMIT_S)
        console.type("echo alive-$((1+1))\n")
        console.expect("^alive-2$", LIMIT_S)


def power_off(node):
    """The guest's own poweroff stops the VM"""
    with Events(node) as events, Console(node, "linux") as console:
        console.type("poweroff -f\n")
        events.state("linux", "stopped", LIMIT_S)


if __name__ == "__main__":
    raise SystemExit(program([shell, pause, power_off], config=CONFIG, files={"vmlinuz": VMLINUZ, "initrd": INITRD},
                             machine_class=BochsMachine, cpus=2, memory_mib=768))
