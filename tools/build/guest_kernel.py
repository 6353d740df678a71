#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Builds Linux for guests: guest_kernel.py ARCH LOCK DEPS OUT makes OUT/vmlinux and OUT/bzImage (x86_64) or OUT/Image (aarch64), OUT/version.

From the source package that deps/lock pins and deps/linux/*.config, 5 to 10 minutes on two cores; kept in the cache folder as one
archive under a hash of all that goes in. Runs on the developer's machine.
"""
import glob
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile

import archive
import fetch

NAME = "linux"  # in deps/lock
CONFIGS = "deps/linux"


class Target:
    """What Linux calls an architecture, and what of its tree is handed out: {name: path}. stripped: which of it loses its symbols."""

    def __init__(self, arch, triplet, goals, files, stripped=()):
        self.arch, self.triplet, self.goals, self.files, self.stripped = arch, triplet, goals, files, stripped


TARGETS = {
    "x86_64": Target("x86", "x86_64-linux-gnu-", ["vmlinux", "bzImage"], {"vmlinux": "vmlinux", "bzImage": "arch/x86/boot/bzImage"}, ["vmlinux"]),
    "aarch64": Target("arm64", "aarch64-linux-gnu-", ["Image"], {"Image": "arch/arm64/boot/Image"}),
}
# The same input gives the same bytes.
IDENTITY = {"KBUILD_BUILD_TIMESTAMP": "Thu Jan  1 00:00:00 UTC 1970", "KBUILD_BUILD_USER": "caisson", "KBUILD_BUILD_HOST": "caisson",
            "KBUILD_BUILD_VERSION": "1"}


def read(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


def configuration(arch):
    return "".join(read(os.path.join(CONFIGS, name + ".config")) for name in ("common", arch))


def cache_name(entry, arch):
    key = hashlib.sha256("\n".join([entry.sha256, configuration(arch), repr(sorted(vars(TARGETS[arch]).items())), repr(IDENTITY)]).encode())
    return "guest-kernel-%s-%s-%s.tar" % (arch, entry.version, key.hexdigest()[:16])


def unpack(entry, deps, folder):
    """The source tree: Debian's package holds its patched tree as an archive of its own."""
    fetch.provide(entry, deps)
    packed = glob.glob(os.path.join(deps, "src", NAME, "usr/src/linux-source-*.tar.xz"))
    if len(packed) != 1:
        raise archive.Error("%s holds %d source trees" % (entry.file, len(packed)))
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    subprocess.run(["tar", "-xf", packed[0], "-C", folder, "--strip-components=1", "--no-same-owner"], check=True)


def lost_options(wanted, got):
    """The lines of the configuration that did not come out as asked: Kconfig drops without a word what depends on something absent."""
    have = set(got.splitlines())
    return [line for line in wanted.splitlines() if line.startswith("CONFIG_") and line not in have]


def make(target, tree, log, *goals):
    env = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "ARCH", "V", "T", "M", "O")}
    env.update(IDENTITY, ARCH=target.arch, CROSS_COMPILE=target.triplet)
    done = subprocess.run(["make", "-j%d" % (os.cpu_count() or 1), *goals], cwd=tree, env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log, check=False)
    if done.returncode:
        raise archive.Error("Linux cannot be built; see " + log.name)


def build(entry, arch, deps, out):
    """A tar archive of what is handed out, in OUT."""
    target, tree = TARGETS[arch], os.path.abspath(os.path.join(out, "src"))
    unpack(entry, deps, tree)
    wanted, asked = configuration(arch), os.path.join(tree, "asked.config")
    with open(asked, "w", encoding="utf-8") as f:
        f.write(wanted)
    with open(os.path.join(out, "build.log"), "w", encoding="utf-8") as log:
        archive.say("building Linux %s for %s: once, 5 to 10 minutes; the log is %s" % (entry.version, arch, log.name))
        make(target, tree, log, "KCONFIG_ALLCONFIG=" + asked, "allnoconfig")
        lost = lost_options(wanted, read(os.path.join(tree, ".config")))
        if lost:
            raise archive.Error("Linux does not take these options of %s: %s" % (CONFIGS, " ".join(lost)))
        make(target, tree, log, *target.goals)
    packed = os.path.join(out, cache_name(entry, arch))
    with tarfile.open(packed, "w") as tar:
        for name, path in target.files.items():
            if name in target.stripped:
                subprocess.run([target.triplet + "strip", os.path.join(tree, path)], check=True)
            tar.add(os.path.join(tree, path), name)
        tar.add(os.path.join(tree, ".config"), "config")
    shutil.rmtree(tree)
    return packed


def provide(arch, lock, deps, out):
    os.makedirs(out, exist_ok=True)
    entry = next(e for e in fetch.read_lock(lock) if e.name == NAME)
    name = cache_name(entry, arch)
    packed = os.path.join(archive.cache_dir(), name)
    built = None
    if not os.path.exists(packed):
        packed = built = build(entry, arch, deps, out)
        archive.keep_in_cache(built)
    with tarfile.open(packed) as tar:
        for member in (*TARGETS[arch].files, "config"):
            with open(os.path.join(out, member), "wb") as f:
                shutil.copyfileobj(tar.extractfile(member), f)
    if built:
        os.unlink(built)
    with open(os.path.join(out, "version"), "w", encoding="ascii") as f:
        f.write(re.sub(r"-.*", "", entry.version) + "\n")


if __name__ == "__main__":
    sys.exit(archive.exit_code(provide, *sys.argv[1:5]))
