# SPDX-License-Identifier: Apache-2.0
"""A Bochs machine that boots Caisson: an emulated Intel CPU with VT-x, for `make run BACKEND=vmx` and the tests.

Host only. It boots the same FAT image as QEMU does, with tests/bochs/shim.c put before the application: that one is moved, not changed.
The machine is an i440fx with an IDE disk and an e1000 NIC; bochs.log, which explains every refused VM entry, lies in its folder.
"""
import glob
import itertools
import os
import select
import shutil
import subprocess
import sys
import threading
import time

from machine import BUILD, OVMF, ROOT, EmulatedMachine, MachineError

FOLDER = os.path.join(BUILD, "bochs")
BOCHS, SHIM = os.path.join(FOLDER, "bochs"), os.path.join(FOLDER, "shim.efi")
APPLICATION, MOVED_DIRECTORY = "::/EFI/BOOT/BOOTX64.EFI", "::/EFI/CAISSON"
VGA_BIOS = "/usr/share/seabios/vgabios-stdvga.bin"
NODE_ADDRESS = "10.0.2.15"  # the first lease of the emulator's DHCP server
CYLINDER_BYTES = 16 * 63 * 512
# Newer models have CET, which the emulator's VMX refuses to combine with some of the states that are tested.
NEEDS_EXCLUDED = {"sapphire_rapids": "cet"}

CONFIG = """config_interface: textconfig
display_library: {display}
megs: {memory_mib}
cpu: model={cpu}, count={cpus}, ips={ips}, quantum=16, reset_on_triple_fault=0, ignore_bad_msrs=1{more}
romimage: file={firmware}
vgaromimage: file={vga}
pci: enabled=1, chipset=i440fx
com1: enabled=1, mode={mode}, dev={serial}
clock: sync={sync}, time0={utc}
log: bochs.log
panic: action=fatal
error: action=report
info: action=report
debug: action=ignore
ata0: enabled=1, ioaddr1=0x1f0, ioaddr2=0x3f0, irq=14
ata0-master: type=disk, path="disk.img", mode=flat
"""
MACHINES = itertools.count(1)  # of this process
NIC = "e1000: enabled=1, card=0, mac=52:54:00:12:34:56, ethmod=slirp, script=slirp.conf\n"


def is_package():
    """Is it Debian's package, which is older and has another display?"""
    with open(os.path.join(FOLDER, "version"), encoding="ascii") as f:
        return f.read().startswith("package")


def firmware():
    """The firmware as one ROM: of the folder that QEMU's comes from, else the machine's own. Old versions take 2 MiB."""
    for path in (os.path.join(os.path.realpath(OVMF), "..", "ovmf", "OVMF.fd"), "/usr/share/ovmf/OVMF.fd"):
        if os.path.exists(path) and (not is_package() or os.path.getsize(path) <= 2 << 20):
            return os.path.realpath(path)
    raise MachineError("no OVMF.fd that fits: neither the pinned package nor /usr/share/ovmf has it")


def put_shim(disk, vmx_locked):
    """Moves the application of a volume to where the shim looks for it, and puts the shim in its place."""
    env = dict(os.environ, MTOOLS_SKIP_CHECK="1")
    for command in (["mmd", "-i", disk, MOVED_DIRECTORY], ["mmove", "-i", disk, APPLICATION, MOVED_DIRECTORY + "/CAISSON.EFI"],
                    ["mcopy", "-i", disk, SHIM, APPLICATION]):
        subprocess.run(command, check=True, env=env)
    if vmx_locked:
        subprocess.run(["mcopy", "-i", disk, "-", MOVED_DIRECTORY + "/LOCKED"], check=True, env=env, input=b"")


class BochsMachine(EmulatedMachine):
    """folder, esp, cpus, memory_mib, cpu, api_port: as Machine has them; cpu is one of Bochs' models. nic: None for none.

    vmx_locked: as if the firmware's setup had VT-x off. sync: "none" runs as fast as it can, also through idle time; "slowdown" keeps idle time no faster than the wall's.
    environment: variables for the emulator beside ours (tests/bochs/count says which ones it knows).
    """
    emulator = "Bochs"

    def __init__(self, folder, esp, cpus=2, memory_mib=1024, cpu="corei7_skylake_x", nic="e1000", api_port=None, vmx_locked=False,
                 sync="none", ips=200000000, environment=None):
        super().__init__(folder, api_port)
        self.master = self.slave = None
        self.number, self.environment = next(MACHINES), dict(os.environ, **(environment or {}))
        self.command = [BOCHS, "-q", "-f", self.path("bochsrc")]
        if is_package():  # it has a debugger, which waits for this
            self.command += ["-rc", self.path("continue")]
            with open(self.path("continue"), "w", encoding="ascii") as f:
                f.write("c\n")
        self.settings = dict(cpus=cpus, memory_mib=memory_mib, cpu=cpu, sync=sync, ips=ips, nic=nic)
        self.make_disk(esp, vmx_locked)

    def make_disk(self, esp, vmx_locked):
        """A copy of the volume with the shim in it, as long as whole cylinders are."""
        disk = self.path("disk.img")
        for stale in glob.glob(disk + "*"):  # and the lock of a run that was killed
            os.unlink(stale)
        subprocess.run(["cp", "--sparse=always", esp, disk], check=True)
        put_shim(disk, vmx_locked)
        os.truncate(disk, -(-os.path.getsize(disk) // CYLINDER_BYTES) * CYLINDER_BYTES)

    def write_config(self, mode, serial):
        values = dict(self.settings, firmware=firmware(), vga=VGA_BIOS, mode=mode, serial=serial, utc=int(time.time()))
        values["more"] = "".join(", exclude_features=%s" % v for k, v in NEEDS_EXCLUDED.items() if k in values["cpu"])
        values["display"] = "term" if is_package() else "nogui"
        with open(self.path("bochsrc"), "w", encoding="ascii") as f:
            f.write(CONFIG.format(**values) + (NIC if values["nic"] else ""))
            if is_package() and values["nic"]:
                f.write("plugin_ctrl: e1000=1\n")
        with open(self.path("slirp.conf"), "w", encoding="ascii") as f:
            f.write("# slirp config\n")
            if self.api_port:
                f.write("hostfwd = tcp:127.0.0.1:%d-%s:8443\n" % (self.api_port, NODE_ADDRESS))

    def launch(self, **how):
        with open(self.path("bochs.out"), "wb") as out:
            self.process = subprocess.Popen(self.command, cwd=self.folder, env=self.environment, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                            **how)

    def start(self):
        self.master, self.slave = os.openpty()
        self.write_config("term", os.ttyname(self.slave))
        self.launch()
        self.reader = threading.Thread(target=self.read_serial, daemon=True)
        self.reader.start()
        return self

    def start_detached(self):
        """Starts it in a session of its own, to outlive us; the serial port goes to serial.log alone. Its process id is in bochs.pid."""
        self.write_config("file", "serial.log")
        self.launch(start_new_session=True)
        with open(self.path("bochs.pid"), "w", encoding="ascii") as f:
            f.write("%d\n" % self.process.pid)
        return self.process

    def read_serial(self):
        """The terminal stays open after the emulator's end, for we hold its other side: what is still in it is read first."""
        with open(self.path("serial.log"), "wb") as log:
            while True:
                ended = self.process.poll() is not None
                if select.select([self.master], [], [], 0 if ended else 0.2)[0]:
                    self.take_text(log, os.read(self.master, 65536))
                elif ended:
                    self.take_text(log, b"")
                    return

    def type(self, data):
        """Bytes to the machine's serial port."""
        os.write(self.master, data)

    def evidence(self):
        """Keeps bochs.log, which explains a refused VM entry, in build/bochs/failed: by program, CPU model, CPUs and number of the machine."""
        kept = os.path.join(FOLDER, "failed", "%s-%s-%dcpu-%d.log" % (os.path.splitext(os.path.basename(sys.argv[0]))[0], self.settings["cpu"],
                                                                      self.settings["cpus"], self.number))
        os.makedirs(os.path.dirname(kept), exist_ok=True)
        try:
            shutil.copyfile(self.path("bochs.log"), kept)
            with open(kept, encoding="utf-8", errors="replace") as f:
                lines = f.readlines()
        except OSError as e:
            return "\n---- there is no bochs.log: %s" % e
        refused = [text for text in lines if "VMENTER FAIL" in text or ">>PANIC<<" in text]
        return "\n---- bochs.log, kept as %s, ends with:\n%s%s" % (os.path.relpath(kept, ROOT), "".join(refused[-10:]), "".join(lines[-15:]))

    def close(self):
        super().close()
        if self.reader:
            self.reader.join(10)
        for fd in (self.master, self.slave):
            if fd is not None:
                os.close(fd)
        self.master = self.slave = None
