#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The build's own helpers: the embedded symbol table tells the truth, pe.py refuses bad images, the lock and the package list
are read strictly, the test runner counts right. Host only; reads build/, writes to a folder of its own."""
import os
import struct
import subprocess
import sys
import tempfile

sys.path[:0] = ["tests", "tools/build"]
import archive  # noqa: E402
import fetch  # noqa: E402
import packages  # noqa: E402
import run  # noqa: E402
from tap import Tap  # noqa: E402

ELF, IMAGE = "build/x86_64/caisson.elf", "build/x86_64/caisson.efi"
WRITE = 0x80000000


def nm_symbols():
    """{(name, address)}; a static function's name may occur more than once."""
    lines = subprocess.run(["nm", ELF], capture_output=True, text=True, check=True).stdout.splitlines()
    return {(words[2], int(words[0], 16)) for words in map(str.split, lines) if len(words) == 3}


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


def main():
    tap = Tap()
    check_symbol_table(tap)
    with tempfile.TemporaryDirectory() as folder:
        check_pe(tap, folder)
        check_lists(tap, folder)
    check_runner(tap)
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
