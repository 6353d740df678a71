# SPDX-License-Identifier: Apache-2.0
"""Checks of a Debian guest with two vCPUs, called linux, that are the same on every machine: its shell over TLS, pause and resume, the power
button, start and hard stop. For tests/system programs; the limits guard against a hang on a slow emulator."""
from lib.console import Console
from lib.events import Events

LIMIT_S = 600
PROMPT = "demo# "
NOISE = "call trace|BUG:|general protection|unchecked MSR|Unable to handle kernel"


def config(console, options=""):
    """caisson.yaml of a node that starts it; console: the guest's serial device; options: more of its command line."""
    return ("guests:\n  - name: linux\n    vcpus: 2\n    memory_mib: 192\n    kernel: vmlinuz\n    initrd: initrd\n"
            "    cmdline: %s\n" % " ".join(filter(None, ("console=" + console, "quiet", options))))


def shell_on(backend):
    def shell(node):
        """Linux boots with two vCPUs, and a WebSocket client types into its shell"""
        assert node.get("/v1/node")["virtualization"]["backend"] == backend
        with Console(node, "linux") as console:
            console.expect("2 CPUs?, .*shell ready", LIMIT_S)
            console.expect(PROMPT, LIMIT_S)
            console.type("nproc; echo $((6*7))\n")
            console.expect("^2\n42$", LIMIT_S)
            console.type("dmesg | grep -icE '%s'; echo end\n" % NOISE)
            assert console.expect(r"^(\d+)\nend$", LIMIT_S).group(1) == "0", console.text[-2000:]
    return shell


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
        console.expect(PROMPT, LIMIT_S)
        console.type("echo alive-$((1+1))\n")
        console.expect("^alive-2$", LIMIT_S)


def stop_start(node):
    """Stop presses the power button and Linux ends by itself; start boots it again; without patience it is off at once"""
    with Events(node) as events, Console(node, "linux") as console:
        stopped = node.act("linux", "stop", {"timeout_ms": 110000})
        assert stopped["state"] == "stopped" and stopped["uptime_ms"] is None, stopped
        event, at = events.state("linux", "stopped")
        assert "(timeout" not in str(event.get("reason")), event
        console.expect("reboot: Power down")
        assert node.act("linux", "start")["state"] in ("starting", "running")
        events.state("linux", "running", LIMIT_S, at)
        ran = stopped["stats"]["run_ms"]
        while node.vm("linux")["stats"]["run_ms"] < ran + 300:
            pass
        assert node.act("linux", "stop", {"timeout_ms": 0})["state"] == "stopped"
        events.state("linux", "stopped", LIMIT_S, at)
