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

# No display, both kinds of hardware virtualisation, the devices that a node has drivers for.
CONFIGURE = ["--with-nogui", "--disable-docbook", "--enable-smp", "--enable-cpu-level=6", "--enable-all-optimizations", "--enable-x86-64",
             "--enable-vmx=2", "--enable-svm", "--enable-avx", "--enable-evex", "--enable-pci", "--enable-usb", "--enable-usb-xhci",
             "--enable-ne2000", "--enable-e1000", "--enable-pnic", "--enable-a20-pin", "--enable-memtype", "--enable-protection-keys",
             "--enable-show-ips"]
CXXFLAGS = "-O2"
# Version 3.0 decides at an entry which interrupts are masked before it knows that a guest runs: when RFLAGS.IF is alike on both sides, a
# virtual interrupt is not taken (SVM), nor does an external one leave a guest that has interrupts off (VMX). (file, line, what follows it)
MENDS = [("cpu/svm.cc", "  BX_CPU_THIS_PTR in_svm_guest = true;\n", "  handleInterruptMaskChange();\n"),
         ("cpu/vmx.cc", "  BX_CPU_THIS_PTR in_vmx_guest = true;\n", "  handleInterruptMaskChange();\n")]
GROUP = "bochs"  # of deps/packages


def works(command):
    """Does it start at all? A cached program may come from another machine."""
    done = subprocess.run([command, "--help", "cpu"], stdin=subprocess.DEVNULL, capture_output=True, check=False)
    return b"corei7_skylake_x" in done.stdout + done.stderr


def cache_name(entry):
    key = hashlib.sha256("\n".join([entry.sha256, CXXFLAGS, *CONFIGURE, repr(MENDS)]).encode()).hexdigest()[:16]
    return "bochs-%s-%s" % (entry.version.split("+")[0], key)


def mend(source):
    for file, line, addition in MENDS:
        path = os.path.join(source, file)
        with open(path, encoding="latin-1", newline="") as f:
            text = f.read()
        if text.count(line) != 1:
            raise archive.Error("Bochs cannot be mended: %s is not what is known" % file)
        with open(path, "w", encoding="latin-1", newline="") as f:
            f.write(text.replace(line, line + addition))


def build(entry, deps, out):
    """Builds OUT/obj/bochs from the pinned source; its path."""
    fetch.provide(entry, deps)
    folder = os.path.abspath(os.path.join(out, "obj"))
    source = os.path.join(folder, "src")
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(os.path.join(deps, "src", entry.name), source, symlinks=True)
    mend(source)
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


def main():
    try:
        provide(*sys.argv[1:4])
    except (archive.Error, subprocess.CalledProcessError) as e:
        archive.say("error:", e)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
