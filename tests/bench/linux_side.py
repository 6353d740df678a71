# SPDX-License-Identifier: Apache-2.0
"""Linux with KVM on the counting machine: Debian's cloud kernel, KVM's modules, and the bench's own monitor in Firecracker's style.

Host only. A machine runs one shell script; figures are what the plugin counted between marks, and what the script printed.
"""
import gzip
import lzma
import os
import re
import statistics
import subprocess
import sys
import threading
import time

import crowd as idle_crowd
import exits as exit_guest
import https as https_client
import ipi as ipi_guest
from counted import (ARCH, BENCH, CASES, CPU, EXIT_VCPUS, GUEST_CMDLINE, LIMIT_S, LINES_CASE, LINES_END, MANY, MANY_MIB, MARKS, OF_ARCH, ROOT, Counts,
                     Missing, icount, launch_figures, linux_guest, many_figures)

sys.path.insert(0, os.path.join(ROOT, "tools", "run"))
import initramfs  # noqa: E402
from machine import BOARDS, free_port  # noqa: E402

BOARD = BOARDS[ARCH]
GUEST = BOARD.guest
# On arm64 KVM is in the kernel.
MODULES = {"x86_64": ["kernel/virt/lib/irqbypass.ko", "kernel/arch/x86/kvm/kvm.ko", "kernel/arch/x86/kvm/kvm-amd.ko"], "aarch64": []}[ARCH]
NET_MODULES = ["kernel/net/core/failover.ko", "kernel/drivers/net/net_failover.ko", "kernel/drivers/net/virtio_net.ko"]
NODE_BODY = 546  # bytes of the file that stands for GET /v1/node
# Without its defences against speculation, and each address where it is in every run.
CMDLINE = "console=" + BOARD.console + " quiet mitigations=off nokaslr norandmaps panic=-1" + \
    {"x86_64": "", "aarch64": " cryptomgr.notests"}[ARCH]  # which would go on in the background while guests run
MONITOR = os.path.join(OF_ARCH, "monitor")
INIT = os.path.join(OF_ARCH, "host-init")
APPLETS = "/bin/busybox --install -s /bin; export PATH=/bin\n"
KERNEL_ENTRY = 0x100000  # of a bzImage in protected mode (Linux Documentation/arch/x86/boot.rst)


def folders(files):
    """Of these paths, those above before those below."""
    found = set()
    for path in files:
        parts = path.split("/")[:-1]
        found.update("/".join(parts[:i + 1]) for i in range(len(parts)))
    return sorted(found)


def initrd(path, script, files, modules):
    """script: what /run does. files: {path in the initramfs: host path}."""
    busybox = next(p for p in (os.path.join(GUEST, "busybox"), *initramfs.BUSYBOX) if os.path.exists(p))
    entries = [(d, 0o40755, b"", (0, 0)) for d in ("bin", "dev", "proc", "sys", "tmp", "modules", "root", *folders(files))]
    entries += [("dev/console", 0o20600, b"", (5, 1)), ("init", 0o100755, initramfs.read(INIT), (0, 0)), ("run", 0o100755, script.encode(), (0, 0)),
                ("bin/busybox", 0o100755, initramfs.read(busybox), (0, 0)), ("monitor", 0o100755, initramfs.read(MONITOR), (0, 0))]
    entries += [("modules/%d-%s" % (i, os.path.basename(m)), 0o100644, initramfs.module(GUEST, m), (0, 0)) for i, m in enumerate(modules)]
    entries += [(name, 0o100755, initramfs.read(source), (0, 0)) for name, source in sorted(files.items())]
    body = b"".join(initramfs.entry(i + 1, name, mode, data, rdev) for i, (name, mode, data, rdev) in enumerate(entries))
    with open(path, "wb") as f:
        f.write(gzip.compress(body + initramfs.entry(0, "TRAILER!!!", 0), 1, mtime=0))


class LinuxMachine:
    """A with-statement's machine: process, text of the serial port, counts. With more than one CPU it runs as it can, and counts nothing."""

    def __init__(self, folder, script, files=None, memory_mib=1024, options=(), extra=(), cmdline="", sleep="off", modules=(), cpus=1):
        self.counts, self.text, self.process, self.memory_mib = Counts(folder, options), "", None, memory_mib
        path = os.path.join(folder, "initrd")
        initrd(path, script, files or {}, [*MODULES, *modules])
        self.command = [BOARD.emulator, "-nodefaults", "-no-user-config", "-M", BOARD.machine, "-accel", "tcg,thread=" + ("single" if cpus == 1 else "multi"),
                        "-cpu", CPU, "-smp", str(cpus),
                        "-m", str(memory_mib), "-display", "none", "-no-reboot", "-serial", "stdio", "-kernel", os.path.join(GUEST, "vmlinuz"),
                        "-initrd", path, "-append", CMDLINE + " " + cmdline, *extra]
        if cpus == 1:
            self.command += [*icount(sleep), *self.counts.arguments()]

    def __enter__(self):
        self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        threading.Thread(target=self.read, daemon=True).start()
        return self

    def wait_text(self, line, limit_s=LIMIT_S):
        """Until the script has printed this line."""
        deadline = time.monotonic() + limit_s
        while not re.search(r"^(%s)\r?$" % line, self.text, re.M):
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise Missing("the line %r did not come; the last were:\n%s" % (line, "\n".join(self.text.splitlines()[-20:])))
            time.sleep(0.1)

    def read(self):
        for data in iter(lambda: self.process.stdout.read1(65536), b""):
            self.text += data.decode("utf-8", "replace")

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


class ExitMachine(LinuxMachine):
    """One that runs the exit guest."""
    # VHE is what KVM is at its best with; the kernel says so where it is asked for. And the host has nothing else to do by then.
    SCRIPT = {"x86_64": "", "aarch64": APPLETS + "dmesg | grep 'VHE mode initialized'\nsleep 2\n"}[ARCH]

    def __init__(self, folder, options=()):
        super().__init__(folder, self.SCRIPT + "/monitor -l -m 128 -c %d /exits.elf\n" % EXIT_VCPUS, {"exits.elf": os.path.join(OF_ARCH, "exits.elf")},
                         options=options)

    def wait(self, mark):
        self.counts.wait(self, mark)
        if self.SCRIPT and "VHE mode initialized" not in self.text:
            raise Missing("KVM does not use VHE; the serial port said:\n" + self.text)


def exits(folder):
    with ExitMachine(folder) as machine:
        machine.wait(MARKS["END"])
    return exit_guest.figures(machine.counts.cases())


def lines(folder):
    with ExitMachine(folder, options=["lines=on"]) as machine:
        machine.wait(MARKS["CASES"] + 2 * CASES.index(LINES_END))
    n, code, data, *_ = machine.counts.touched()[LINES_CASE]
    return {"lines_code": code / n, "lines_data": data / n}


def size(folder):
    """The kernel, and an initramfs by xz of busybox, KVM's modules and the monitor."""
    path = os.path.join(folder, "initrd")
    initrd(path, "", {}, MODULES)
    packed = lzma.compress(gzip.decompress(initramfs.read(path)), lzma.FORMAT_XZ, lzma.CHECK_CRC32)
    return {"image_size": (os.path.getsize(os.path.join(GUEST, "vmlinuz")) + len(packed)) / 2**20}


def launch(folder):
    """And the host's own way up: from the kernel's first instruction to KVM, and to the first guest."""
    files = {"vmlinux": linux_guest("vmlinux"), "guest-initrd": linux_guest("initrd")}
    script = "/monitor -m 128 -i /guest-initrd -a '%s' /vmlinux\n" % GUEST_CMDLINE
    with LinuxMachine(folder, script, files, options=["place=%x@%x" % (MARKS["IMAGE"], KERNEL_ENTRY)]) as machine:
        machine.counts.wait(machine, MARKS["INIT"])
        counts = machine.counts
        return {**launch_figures(counts, "MONITOR"), "boot_api": counts.between("IMAGE", "HOST_READY").total / 1e6,
                "boot_guest": counts.between("IMAGE", "ENTERED").total / 1e6}


boot = launch

# Reports as lines "NAME MemFree-in-kB": free memory after what is said to be cached is let go.
FREE = "free() { echo 3 > /proc/sys/vm/drop_caches; echo $1 $(awk '/^MemFree/ {print $2}' /proc/meminfo); }\n"
# Guest RAM that is there, in kB, of all monitors: the largest mapping of each.
TOUCHED = "for p in $(pidof monitor); do awk '/^Rss:/ && $2 > m {m = $2} END {print \"touched\", m}' /proc/$p/smaps; done\n"


def start_many(count, command, pause_s=2):
    """One after the other, with time between; the same file of output for all."""
    return "i=0; while [ $i -lt %d ]; do %s > /tmp/out 2>&1 & sleep %g; i=$((i+1)); done\n" % (count, command, pause_s)


def said(machine, name):
    return int(re.search(r"^%s (\d+)" % name, machine.text, re.M).group(1))


def touched_kib(machine):
    return statistics.mean(int(n) for n in re.findall(r"^touched (\d+)", machine.text, re.M))


def memory(folder):
    files = {"halt.elf": os.path.join(BENCH, "halt.elf")}
    script = APPLETS + FREE + "free before\n" + start_many(2, "/monitor -m 64 /halt.elf") + "free two\n" + start_many(8, "/monitor -m 64 /halt.elf") + \
        "free ten\n" + TOUCHED + "echo done\n"
    with LinuxMachine(folder, script + "sleep 100000\n", files) as machine:
        machine.wait_text("done")
        return {"node_memory": machine.memory_mib - said(machine, "before") / 1024,
                "vm_memory": (said(machine, "two") - said(machine, "ten")) / 8 - touched_kib(machine)}


NGINX = """daemon off; master_process off; user root; error_log stderr crit; pid /tmp/nginx.pid;
events { worker_connections 64; }
http {
  access_log off; keepalive_requests 1000000; default_type application/json;
  server {
    listen 8443 ssl;
    ssl_protocols TLSv1.3; ssl_certificate /certs/server.pem; ssl_certificate_key /certs/server.key;
    ssl_client_certificate /certs/ca.pem; ssl_verify_client on;
    root /www;
  }
}
"""
# The address that QEMU's user network has for its one machine (QEMU "Network emulation").
NETWORK = "mkdir -p /etc; echo root:x:0:0::/: > /etc/passwd; echo root:x:0: > /etc/group; mkdir -p /var/lib/nginx /var/log/nginx; ifconfig lo up; ifconfig eth0 10.0.2.15 netmask 255.255.255.0 up\n"


def https(folder):
    certificates, port = os.path.join(folder, "certs"), free_port()
    https_client.make_certificates(certificates)
    files = {"certs/" + name: os.path.join(certificates, name) for name in ("ca.pem", "server.pem", "server.key")}
    library = os.path.join(BENCH, "nginx", "lib")
    files.update({os.path.relpath(os.path.join(where, name), library): os.path.join(where, name) for where, _, names in os.walk(library) for name in names})
    for name, text in (("nginx.conf", NGINX), ("www/v1/node", "x" * NODE_BODY)):
        path = os.path.join(folder, name.replace("/", "-"))
        with open(path, "w", encoding="ascii") as f:
            f.write(text)
        files[name] = path
    files["nginx"] = os.path.join(BENCH, "nginx", "nginx")
    network = ["-netdev", "user,id=net0,hostfwd=tcp:127.0.0.1:%d-:8443" % port, "-device", "virtio-net-pci,netdev=net0,romfile="]
    with LinuxMachine(folder, APPLETS + NETWORK + "echo ready\n/nginx -c /nginx.conf\n", files, extra=network, sleep="on", modules=NET_MODULES) as machine:
        machine.wait_text("ready")
        machine.counts.asleep(machine)
        return https_client.costs(lambda: machine.counts.asleep(machine), https_client.client_context(certificates), port)


def many(folder):
    """With sleep=on: where time jumps over idleness, a host with a few sleeping guests of its own can come to a stand."""
    files = {"vmlinux": linux_guest("vmlinux"), "guest-initrd": linux_guest("initrd")}
    command = "/monitor -m 128 -i /guest-initrd -a '%s' /vmlinux" % GUEST_CMDLINE
    script = APPLETS + FREE + "free before\n" + start_many(MANY, command) + "free after\n" + TOUCHED + "echo done\n"
    with LinuxMachine(folder, script + "sleep 100000\n", files, memory_mib=MANY_MIB, cmdline="transparent_hugepage=never", sleep="on") as machine:
        machine.wait_text("done")
        each = (said(machine, "before") - said(machine, "after")) / MANY
        return many_figures(machine.counts, "MONITOR", each / 1024, each - touched_kib(machine))


def crowd(folder):
    """As many; each has run and sleeps long before the next one comes."""
    command = "/monitor -m %d /halt.elf" % idle_crowd.GUEST_MIB
    script = APPLETS + FREE + "free before\n" + start_many(idle_crowd.VMS, command, idle_crowd.PAUSE_S) + "free after\n" + TOUCHED + "echo done\n"
    with LinuxMachine(folder, script + "sleep 100000\n", {"halt.elf": idle_crowd.KERNEL}, memory_mib=idle_crowd.MACHINE_MIB,
                      cmdline="transparent_hugepage=never") as machine:
        machine.wait_text("done")
        each = (said(machine, "before") - said(machine, "after")) / idle_crowd.VMS
        return idle_crowd.figures(machine.counts, "MONITOR", each, each - touched_kib(machine))


def ipi(folder):
    script = "/monitor -m %d -c %d /ipi.elf\n" % (ipi_guest.MEMORY_MIB, ipi_guest.CPUS)

    def run():
        with LinuxMachine(folder, script, {"ipi.elf": ipi_guest.KERNEL}, cpus=ipi_guest.CPUS) as machine:
            machine.wait_text(ipi_guest.END, ipi_guest.LIMIT_S)
            return ipi_guest.figures("linux", machine.text)
    return ipi_guest.attempts(run)
