#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The build's own helpers: the embedded symbol table tells the truth, pe.py refuses bad images, the lock and the package list
are read strictly, the test runner counts right, KVM is used where it nests alone, BACKEND=vmx finds its emulator, a failure's
evidence is kept. Host only; reads build/, writes to a folder of its own."""
import json
import os
import re
import signal
import struct
import subprocess
import sys
import tempfile
import time
from unittest import mock

sys.path[:0] = ["tests", "tests/system", "tools/build", "tools/run"]
import archive  # noqa: E402
import fetch  # noqa: E402
import machine  # noqa: E402
import packages  # noqa: E402
import run  # noqa: E402
from lib import node  # noqa: E402
import bochs as emulator  # noqa: E402
import qemu  # noqa: E402
from tap import Tap  # noqa: E402

ELF, IMAGE = "build/x86_64/caisson.elf", "build/x86_64/caisson.efi"
WRITE = 0x80000000


def nm_symbols():
    """{(name, address)}, by the source's names; a static function's may occur more than once."""
    lines = subprocess.run(["nm", ELF], capture_output=True, text=True, check=True).stdout.splitlines()
    return {(re.sub(r"\.lto_priv\.\d+", "", words[2]), int(words[0], 16)) for words in map(str.split, lines) if len(words) == 3}


def image_bytes(data, address, size=0):
    """What the PE image holds at a relative address: size bytes, or all to the end of the section."""
    pe = struct.unpack_from("<I", data, 0x3C)[0]
    count, optional = struct.unpack_from("<H", data, pe + 6)[0], struct.unpack_from("<H", data, pe + 20)[0]
    for i in range(count):
        virtual_size, start, raw_size, raw = struct.unpack_from("<IIII", data, pe + 24 + optional + 40 * i + 8)
        end = start + min(virtual_size, raw_size)
        if start <= address and address + size <= end:
            return data[raw + address - start:raw + (address + size if size else end) - start]
    return b""


def check_symbol_table(tap):
    pairs = nm_symbols()
    symbols = dict(pairs)
    with open(IMAGE, "rb") as f:
        data = f.read()
    count = struct.unpack("<I", image_bytes(data, symbols["ksym_count"], 4))[0]
    table = struct.unpack("<%dI" % (2 * count), image_bytes(data, symbols["ksym_table"], 8 * count))
    offsets, names = table[0::2], table[1::2]
    tap.ok(count > 100, "the image carries a symbol table", "%d entries" % count)
    tap.ok(list(offsets) == sorted(set(offsets)), "it is sorted, without doubles")
    strings = image_bytes(data, symbols["ksym_names"])

    def name(index):
        return strings[names[index]:].split(b"\0")[0].decode()

    wrong = [name(i) for i in range(count - 1) if (name(i), offsets[i]) not in pairs]
    tap.check("each entry is where the function is", wrong[:10])
    tap.eq(offsets[count - 1], symbols["image_text_end"], "the last entry is the end of the code")
    tap.eq(offsets[0], symbols["_start"], "the first is the entry point")


def check_pe(tap, folder):
    with open(IMAGE, "rb") as f:
        data = bytearray(f.read())
    pe = struct.unpack_from("<I", data, 0x3C)[0]
    first = pe + 24 + struct.unpack_from("<H", data, pe + 20)[0]
    path = os.path.join(folder, "bad.efi")

    def refused(change):
        copy = bytearray(data)
        change(copy)
        with open(path, "wb") as f:
            f.write(copy)
        return subprocess.run([sys.executable, "tools/build/pe.py", path], capture_output=True, check=False).returncode != 0

    def writable_code(d):
        struct.pack_into("<I", d, first + 36, struct.unpack_from("<I", d, first + 36)[0] | WRITE)

    def off_page(d):
        struct.pack_into("<I", d, first + 12, 0x1010)

    tap.ok(not refused(lambda d: None), "pe.py takes the image as it is")
    with open(path, "rb") as f:
        tap.ok(f.read() == bytes(data), "and finds nothing to change")
    tap.ok(refused(writable_code), "pe.py refuses a section that is writable and executable")
    tap.ok(refused(off_page), "pe.py refuses a section off a page")


def check_lists(tap, folder):
    path = os.path.join(folder, "lock")

    def lock_error(text):
        with open(path, "w", encoding="ascii") as f:
            f.write(text)
        try:
            fetch.read_lock(path)
        except archive.Error as e:
            return str(e)
        return ""

    entries = fetch.read_lock("deps/lock")
    tap.check("every locked file has a sha256", [e.name for e in entries if len(e.sha256) != 64])
    tap.check("every linked library has a licence", [e.name for e in entries if not e.license and not e.file.endswith(".deb")])
    tap.ok(":1:" in lock_error("a b c d\n"), "a short line of the lock is refused with its number")
    tap.ok(":2:" in lock_error("a b c d e\n  what x\n"), "an unknown word of the lock is refused with its number")
    groups = packages.read_groups("deps/packages")
    tap.ok(set(packages.wanted(groups, "build")) < set(packages.wanted(groups, "test")), "later groups of packages hold the earlier")
    tap.ok(packages.wanted(groups, "run")["qemu-system-x86"], "QEMU asks for a version")


ARCHIVES = {"libc": "musl", "libyaml": "libyaml", "libfdt": "dtc", "libinflate": "zlib", "libgcc": "libgcc"}  # else the name without "lib"


def check_licenses(tap):
    """Each archive that the linker took has its terms in the list, and so have the headers and the font."""
    with open("build/LICENSES.txt", encoding="utf-8") as f:
        entries = dict(re.findall(r"^={78}\n(\S+).*\n(\S.*)\n={78}\n", f.read(), re.M))
    with open("build/x86_64/caisson.map", encoding="utf-8") as f:
        linked = set(re.findall(r"^LOAD \S*/(lib\w+)\.a$", f.read(), re.M))
    tap.ok(len(linked) >= 6, "the linker's map names the archives", str(sorted(linked)))
    names = [ARCHIVES.get(n, n[len("lib"):]) for n in sorted(linked)] + ["Caisson", "gnu-efi", "spleen"]
    tap.check("all that is linked in has its terms in LICENSES.txt", [n for n in names if n not in entries])


def check_make(tap):
    """The targets for people: each that help names exists, and the compilation database has every source."""
    env = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "MFLAGS"))}
    told = subprocess.run(["make", "help"], capture_output=True, text=True, env=env, check=False)
    targets = {word for line in re.findall(r"^make (.*?)(?:  |$)", told.stdout, re.M) for word in re.findall(r"[\w.-]+(?=[ ,]|$)", line)} - {"name", ""}
    tap.ok(told.returncode == 0 and {"run", "start", "stop", "check", "test", "licenses"} <= targets, "make help names the targets", told.stdout)
    tried = subprocess.run(["make", "-n", *sorted(targets)], capture_output=True, text=True, env=env, check=False)
    tap.ok(tried.returncode == 0, "and each of them exists", tried.stderr[-2000:])
    made = subprocess.run(["make", "compile_commands.json"], capture_output=True, text=True, env=env, check=False)
    if not tap.ok(made.returncode == 0, "make compile_commands.json ends well", made.stderr[-2000:]):
        return
    with open("compile_commands.json", encoding="utf-8") as f:
        named = {os.path.relpath(os.path.join(e["directory"], e["file"])) for e in json.load(f)}
    sources = {os.path.join(d, n) for top in ("core", "efi", "net", "vmm", "sandbox", "tools", "tests") for d, _, names in os.walk(top)
               for n in names if n.endswith(".c")}
    tap.check("it has every C file", sorted(p for p in sources - named if "/aarch64/" not in p))


def check_kvm(tap, folder):
    """Which machines run guests of guests by hardware: by made-up files, and one device that is not KVM."""
    def can_nest(flags, nested, device):
        parameters = os.path.join(folder, "module", "kvm_intel", "parameters")
        os.makedirs(parameters, exist_ok=True)
        cpuinfo = os.path.join(folder, "cpuinfo")
        for path, text in ((cpuinfo, "processor : 0\nflags\t\t: fpu %s\n" % flags), (os.path.join(parameters, "nested"), nested + "\n")):
            with open(path, "w", encoding="ascii") as f:
                f.write(text)
        return machine.kvm_can_nest(cpuinfo, device, os.path.join(folder, "module"))

    asked = []

    def answers(version):
        def ioctl(_, request):
            asked.append(request)
            return version
        return ioctl

    real, device = machine.fcntl.ioctl, os.path.join(folder, "cpuinfo")
    tap.ok(not can_nest("vmx", "Y", "/dev/null"), "a device that is not KVM's is not used")
    tap.ok(not can_nest("vmx", "Y", os.path.join(folder, "none")), "nor one that is not there")
    try:
        machine.fcntl.ioctl = answers(12)
        tap.ok(can_nest("vmx", "Y", device) and can_nest("vmx", "1", device), "KVM that nests is used")
        tap.ok(asked == [0xAE00] * 2, "after it was asked for its version", str(asked))
        tap.ok(not can_nest("vmx", "N", device) and not can_nest("vmx", "0", device), "KVM that does not nest is not used")
        tap.ok(not can_nest("svm", "Y", device), "nor one that does not say that it nests")
        tap.ok(not can_nest("sse", "Y", device), "nor on a CPU without virtualisation")
        machine.fcntl.ioctl = answers(11)
        tap.ok(not can_nest("vmx", "Y", device), "nor one of an unknown version")
    finally:
        machine.fcntl.ioctl = real


def counted(output, code):
    result = run.Result("x")
    result.output = output
    run.read_tap(result, code, 1)
    return (result.passed, result.failed, result.skipped)


def check_runner(tap):
    tap.eq(counted("ok 1 - a\nok 2 - b # SKIP none\n1..2\n", 0), (1, 0, 1), "passed and skipped are counted")
    tap.eq(counted("not ok 1 - a\n1..1\n", 1), (0, 1, 0), "a failure counts once")
    tap.eq(counted("ok 1 - a\n", 0), (1, 1, 0), "a missing plan is a failure")
    tap.eq(counted("ok 1 - a\n1..2\n", 0), (1, 1, 0), "a plan that is not kept is a failure")
    tap.eq(counted("ok 1 - a\n1..1\n", 3), (1, 1, 0), "an exit code is a failure")
    tap.eq(counted("1..0 # SKIP no such machine\n", 0), (0, 0, 1), "a program can skip itself")
    tap.eq(counted("ok 1 - a\n1..1\n", None), (1, 1, 0), "a hung program is a failure")
    tap.eq(counted("okay then\nok 1 - a\n1..1\n", 0), (1, 0, 0), "other output is not counted")


def check_interrupted_runner(tap, folder):
    """The runner is interrupted while one program runs and another waits for it: both are over at once."""
    os.makedirs(os.path.join(folder, "tests", "guest"))
    for name in ("test_a.py", "test_b.py"):
        with open(os.path.join(folder, "tests", "guest", name), "w", encoding="ascii") as f:
            f.write("import time\nopen(%r, 'w').close()\ntime.sleep(60)\n" % name)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job has it ignored, and so would what it starts
    began = time.monotonic()
    child = subprocess.Popen([sys.executable, os.path.abspath("tests/run.py"), "guest"], cwd=folder, stdout=subprocess.PIPE, text=True)
    try:
        while not os.path.exists(os.path.join(folder, "test_a.py")) and child.poll() is None:
            time.sleep(0.05)
        child.send_signal(signal.SIGINT)
        out = child.communicate(timeout=120)[0]
    finally:
        child.kill()
    tap.ok(child.returncode == 130 and "interrupted" in out, "an interrupted runner says so", "exit code %d\n%s" % (child.returncode, out))
    tap.ok(time.monotonic() - began < 50, "it does not wait for what was running")
    tap.ok(not os.path.exists(os.path.join(folder, "test_b.py")), "and begins nothing else")


def check_backend(tap):
    """Bochs unless an Intel CPU nests by KVM, and only when VT-x was asked for."""
    for backend, accel, intel, bochs in (("vmx", "tcg", True, True), ("vmx", "tcg", False, True), ("vmx", "kvm", False, True),
                                         ("vmx", "kvm", True, False), ("", "tcg", True, False), ("", "kvm", True, False)):
        with mock.patch.dict(os.environ, BACKEND=backend, ACCEL=accel), mock.patch.object(qemu, "cpu_is_intel", lambda i=intel: i):
            tap.eq(qemu.in_bochs(), bochs, "BACKEND=%s by %s on %s CPU: %s" % (backend or "(none)", accel, "an Intel" if intel else "another",
                                                                            "Bochs" if bochs else "QEMU"))


class Witness:
    """A machine that only tells whether its folder was there when it was asked for evidence."""
    process, text = None, ""

    def __init__(self, folder, fails=None, **_):
        self.folder, self.fails, self.asked = folder, fails, []

    def start(self):
        if self.fails:
            raise self.fails

    def wait_line(self, *_):
        raise OSError("not there")

    def evidence(self):
        self.asked.append(os.path.exists(self.folder))
        return "\nwhat the machine knows"

    def close(self):
        pass


def machine_of(body, **how):
    """The machine of a Node in which body raised what it liked."""
    n = node.Node(machine_class=Witness, **how)
    try:
        with n:
            body()
    except (OSError, AssertionError, node.MachineError):
        pass
    return n.machine


def check_evidence(tap, folder):
    def fails():
        raise AssertionError("a check")

    tap.eq(machine_of(fails, pair=False).asked, [True], "a machine that does not come up is asked for evidence while its folder is there")
    with mock.patch.object(node.Node, "wait_ready", lambda *_: None):
        tap.eq(machine_of(fails, pair=False).asked, [True], "and so is one in whose use a check raised")
        tap.eq(machine_of(lambda: None, pair=False).asked, [], "but not after success")
    tap.eq(machine_of(fails, pair=False, fails=node.MachineError("has it in its text")).asked, [], "nor twice")
    kept = []
    with mock.patch.object(emulator, "FOLDER", folder), mock.patch.object(emulator.BochsMachine, "make_disk", lambda *_: None), \
            mock.patch.object(emulator, "is_package", lambda: False):
        for number in (1, 2):
            machine = emulator.BochsMachine(os.path.join(folder, "machine%d" % number), None)
            with open(machine.path("bochs.log"), "w", encoding="ascii") as f:
                f.write("VMENTER FAIL: of machine %d\n" % number)
            kept.append("VMENTER FAIL: of machine %d" % number in machine.evidence())
    tap.eq(kept, [True, True], "bochs.log is told")
    logs = sorted(os.listdir(os.path.join(folder, "failed")))
    tap.ok(len(logs) == 2 and all(n.startswith("test_tools-corei7_skylake_x-2cpu-") for n in logs), "and kept by program, model, CPUs and number",
           str(logs))


def main():
    tap = Tap()
    check_symbol_table(tap)
    check_licenses(tap)
    check_make(tap)
    with tempfile.TemporaryDirectory() as folder:
        check_pe(tap, folder)
        check_lists(tap, folder)
        check_kvm(tap, folder)
        check_interrupted_runner(tap, folder)
        check_evidence(tap, folder)
    check_runner(tap)
    check_backend(tap)
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
