#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Provides Bochs, the emulator with VT-x: bochs.py LOCK DEPS OUT makes OUT/bochs, a command to start it, and OUT/version.

Built once from the source that deps/lock pins and kept in the cache folder under a hash of source and configuration; where that
cannot be done, Debian's binary package is installed, which is older and slower. BOCHS_PACKAGE=1 takes it in any case. Runs on the developer's machine.
"""
import hashlib
import os
import shutil
import subprocess
import sys

import archive
import fetch
import packages

# No display, both kinds of hardware virtualisation, the devices that a node has drivers for. No show-ips, which is on otherwise: it logs from a
# signal's handler, which waits for ever when the signal interrupted a log line.
CONFIGURE = ["--with-nogui", "--disable-docbook", "--enable-smp", "--enable-cpu-level=6", "--enable-all-optimizations", "--enable-x86-64",
             "--enable-vmx=2", "--enable-svm", "--enable-avx", "--enable-evex", "--enable-pci", "--enable-usb", "--enable-usb-xhci",
             "--enable-ne2000", "--enable-e1000", "--enable-pnic", "--enable-a20-pin", "--enable-memtype", "--enable-protection-keys",
             "--disable-show-ips", "--enable-instrumentation=instrument/count"]
CXXFLAGS = "-O2"
# What it counts for the bench, in place of the emulator's own example, whose header is kept beside it.
COUNT, EXAMPLE = "tests/bochs/count", "instrument/stubs"
COUNT_FILES = {"instrument.hh": "instrument.h", "instrument.cc": "instrument.cc"}  # here, and there
# What is wrong in version 3.0 and would judge us wrongly: (file, what stands there once, what stands there instead).
MENDS = [
    # It decides at an entry which interrupts are masked before it knows that a guest runs: when RFLAGS.IF is alike on both sides, a virtual
    # interrupt is not taken (SVM), nor does an external one leave a guest that has interrupts off (VMX).
    ("cpu/svm.cc", "  BX_CPU_THIS_PTR in_svm_guest = true;\n", "  BX_CPU_THIS_PTR in_svm_guest = true;\n  handleInterruptMaskChange();\n"),
    ("cpu/vmx.cc", "  BX_CPU_THIS_PTR in_vmx_guest = true;\n", "  BX_CPU_THIS_PTR in_vmx_guest = true;\n  handleInterruptMaskChange();\n"),
    # With more than one CPU an exception does not commit RIP: an exit right behind it saves the stack with the exception's frame on it and the
    # RIP of the instruction that faulted, perhaps with the handler's privilege.
    ("cpu/cpu.cc", "void BX_CPU_C::cpu_run_trace(void)\n{\n",
     "void BX_CPU_C::cpu_run_trace(void)\n{\n  BX_CPU_THIS_PTR prev_rip = RIP;\n  BX_CPU_THIS_PTR speculative_rsp = false;\n"),
    # An external interrupt makes it deliver a virtual one that RFLAGS.IF holds back (SDM 3C 30.2.2).
    ("cpu/event.cc", "    if (is_pending(BX_EVENT_PENDING_VMX_VIRTUAL_INTR)) {\n",
     "    if (is_unmasked_event_pending(BX_EVENT_PENDING_VMX_VIRTUAL_INTR)) {\n"),
    # A notification with nothing posted requests vector 255, since none is -1 there; RVI stays as it is (SDM 3C 30.6).
    ("cpu/vapic.cc", "  vector = BX_CPU_THIS_PTR lapic->highest_priority_int(virr);\n  if (vector >= vm->rvi) vm->rvi = vector;\n",
     "  int highest = BX_CPU_THIS_PTR lapic->highest_priority_int(virr);\n  if (highest >= vm->rvi) vm->rvi = highest;\n"),
    # The delivery of a virtual interrupt is not noted down: an exit in it tells of the event before (SDM 3C 28.2.4).
    ("cpu/vapic.cc", "  vm->svi = vector;\n  vm->vppr = vector & 0xf0;\n",
     "  vm->svi = vector;\n  vm->idt_vector_info = vector | (BX_EXTERNAL_INTERRUPT << 8);\n  vm->vppr = vector & 0xf0;\n"),
    # One line in the log, flushed, for each access to a device of a guest's.
    ("cpu/paging.cc", '    BX_ERROR(("VMEXIT: EPT %s for guest', '    BX_DEBUG(("VMEXIT: EPT %s for guest'),
    # Two lines in the log for each evaluation of virtual interrupts, which is each entry.
    ("cpu/vapic.cc", '    BX_INFO(("Pending Virtual', '    BX_DEBUG(("Pending Virtual'),
    ("cpu/vapic.cc", '    BX_INFO(("Clear Virtual', '    BX_DEBUG(("Clear Virtual'),
]
GROUP = "bochs"  # of deps/packages


def works(command):
    """Does it start at all? A cached program may come from another machine."""
    done = subprocess.run([command, "--help", "cpu"], stdin=subprocess.DEVNULL, capture_output=True, check=False)
    return b"corei7_skylake_x" in done.stdout + done.stderr


def count_text(name):
    with open(os.path.join(COUNT, name), encoding="ascii") as f:
        return f.read()


def cache_name(entry):
    parts = [entry.sha256, CXXFLAGS, *CONFIGURE, repr(MENDS), *map(count_text, COUNT_FILES)]
    key = hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
    return "bochs-%s-%s" % (entry.version.split("+")[0], key)


def mend(source):
    for file, wrong, right in MENDS:
        path = os.path.join(source, file)
        with open(path, encoding="latin-1", newline="") as f:
            text = f.read()
        if text.count(wrong) != 1:
            raise archive.Error("Bochs cannot be mended: %s is not what is known" % file)
        with open(path, "w", encoding="latin-1", newline="") as f:
            f.write(text.replace(wrong, right))


def add_counts(source):
    folder = os.path.join(source, "instrument", "count")
    shutil.copytree(os.path.join(source, EXAMPLE), folder)
    os.rename(os.path.join(folder, "instrument.h"), os.path.join(folder, "no_instrument.h"))
    for ours, theirs in COUNT_FILES.items():
        shutil.copyfile(os.path.join(COUNT, ours), os.path.join(folder, theirs))


def build(entry, deps, out):
    """Builds OUT/obj/bochs from the pinned source; its path."""
    fetch.provide(entry, deps)
    folder = os.path.abspath(os.path.join(out, "obj"))
    source = os.path.join(folder, "src")
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(os.path.join(deps, "src", entry.name), source, symlinks=True)
    mend(source)
    add_counts(source)
    env = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")}
    env.update(CXXFLAGS=CXXFLAGS, CFLAGS=CXXFLAGS)
    archive.say("building Bochs %s: once, some minutes; the log is %s" % (entry.version, os.path.join(folder, "build.log")))
    with open(os.path.join(folder, "build.log"), "wb") as log:
        for command in ([os.path.join(source, "configure"), *CONFIGURE], ["make", "-j%d" % (os.cpu_count() or 1), "bochs"]):
            if subprocess.run(command, cwd=folder, env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log, check=False).returncode:
                raise archive.Error("Bochs cannot be built; see " + log.name)
    program = os.path.join(folder, "bochs")
    subprocess.run(["strip", program], check=True)
    if not works(program):
        raise archive.Error("the Bochs that was built does not start")
    return program


def from_source(entry, deps, out):
    """The emulator of the cache, built first when it is not there."""
    name = cache_name(entry)
    cached = os.path.join(archive.cache_dir(), name)
    if not (os.path.exists(cached) and works(cached)):
        built = os.path.join(out, name)
        os.replace(build(entry, deps, out), built)
        archive.keep_in_cache(built)
        if os.path.exists(cached):
            os.chmod(cached, 0o755)
        shutil.rmtree(os.path.join(out, "obj"), ignore_errors=True)
        return built
    fresh = os.path.join(out, name + ".new")
    shutil.copyfile(cached, fresh)
    os.chmod(fresh, 0o755)
    os.replace(fresh, os.path.join(out, name))  # one that runs now goes on with its old file
    return os.path.join(out, name)


def from_packages(out):
    """Debian's binary package, installed; a script that starts it. Its plugins for the terminal's display stay unused with no terminal."""
    groups = packages.read_groups("deps/packages")
    missing = [p for p in groups[GROUP] if packages.installed_version(p) is None]
    if missing and os.geteuid() != 0:
        raise archive.Error("Bochs cannot be built here; these packages would do:\n  apt-get install " + " ".join(missing))
    if missing:
        packages.install(missing, [])
    script = os.path.join(out, "bochs-package")
    with open(script, "w", encoding="ascii") as f:
        f.write('#!/bin/sh\nTERM=vt100 exec bochs-bin "$@"\n')
    os.chmod(script, 0o755)
    if not works(script):
        raise archive.Error("Debian's Bochs does not start")
    return script


def provide(lock, deps, out):
    os.makedirs(out, exist_ok=True)
    entry = next(e for e in fetch.read_lock(lock) if e.name == "bochs")
    try:
        if os.environ.get("BOCHS_PACKAGE"):
            raise archive.Error("BOCHS_PACKAGE asks for Debian's Bochs")
        program, version = from_source(entry, deps, out), entry.version
    except archive.Error as e:
        archive.say(e)
        archive.say("going on with Debian's Bochs, which is slower")
        program, version = from_packages(out), "package"
    link = os.path.join(out, "bochs")
    if os.path.lexists(link):
        os.unlink(link)
    os.symlink(os.path.relpath(program, out), link)
    with open(os.path.join(out, "version"), "w", encoding="ascii") as f:
        f.write(version + "\n")


if __name__ == "__main__":
    sys.exit(archive.exit_code(provide, *sys.argv[1:4]))
