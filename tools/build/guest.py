#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fetches what the demo and the system tests run beside the firmware: guest.py kernel DIR | guest.py ovmf SRC DIR

kernel: Debian's current cloud kernel, unmodified and not installed, from the release's backports or else its own packages:
DIR/vmlinuz, DIR/modules (the folder of that version under lib/modules) and DIR/version.
ovmf: DIR becomes the folder of UEFI firmware images: of the pinned package when it is unpacked in SRC, else the machine's own.
Runs on the developer's machine.
"""
import glob
import os
import re
import shutil
import subprocess
import sys

import archive

META = "linux-image-cloud-amd64"
DEB = "linux-image-*-cloud-amd64_*_amd64.deb"


def version_key(path):
    return [int(n) for n in re.findall(r"\d+", os.path.basename(path))]


def newest_cached():
    """A kernel package that an earlier run kept, with the hash that apt had checked it against."""
    for deb in sorted(glob.glob(os.path.join(archive.cache_dir(), DEB)), key=version_key, reverse=True):
        note = deb + ".sha256"
        if os.path.exists(note):
            with open(note, encoding="ascii") as f:
                if archive.matches(deb, f.read().strip()):
                    return deb
    return None


def kernel_package(lists, release):
    out = lists.run("apt-cache", "depends", "-t", release, "--no-recommends", META, capture_output=True, text=True).stdout
    found = re.search(r"Depends: (linux-image-\S+-cloud-amd64)\b", out)
    return found.group(1) if found else None


def download_kernel(folder):
    suite = archive.codename()
    lists = archive.Lists("build/deps/apt-backports", [suite, suite + "-updates", suite + "-security", suite + "-backports"],
                          arch="amd64")
    lists.update()
    for release in (suite + "-backports", suite):
        package = kernel_package(lists, release)
        if not package:
            continue
        archive.say("downloading %s from %s" % (package, release))
        for old in glob.glob(os.path.join(folder, DEB)):
            os.unlink(old)
        done = lists.run("apt-get", "download", "-t", release, package, cwd=folder, stdout=subprocess.DEVNULL)
        debs = glob.glob(os.path.join(folder, DEB))
        if done.returncode == 0 and len(debs) == 1:
            return debs[0]
    raise archive.Error("no %s can be downloaded; to use one at hand put its .deb into %s beside a file of the same name "
                        "and .sha256" % (META, archive.cache_dir()))


def keep(deb):
    archive.keep_in_cache(deb)
    try:
        with open(os.path.join(archive.cache_dir(), os.path.basename(deb)) + ".sha256", "w", encoding="ascii") as f:
            f.write(archive.sha256_of(deb) + "\n")
    except OSError:
        pass


def kernel(folder):
    folder = os.path.abspath(folder)
    os.makedirs(folder, exist_ok=True)
    deb = newest_cached()
    if not deb:
        deb = download_kernel(folder)
        keep(deb)
    tree = os.path.join(folder, "kernel")
    shutil.rmtree(tree, ignore_errors=True)
    subprocess.run(["dpkg-deb", "-x", deb, tree], check=True)
    images = glob.glob(tree + "/boot/vmlinuz-*")
    if len(images) != 1:
        raise archive.Error("%s holds %d kernels" % (deb, len(images)))
    version = os.path.basename(images[0])[len("vmlinuz-"):]
    modules = next((m for m in (tree + "/lib/modules/" + version, tree + "/usr/lib/modules/" + version) if os.path.isdir(m)), None)
    if not modules:
        raise archive.Error("%s holds no modules" % deb)
    shutil.copyfile(images[0], os.path.join(folder, "vmlinuz"))
    link(os.path.relpath(modules, folder), os.path.join(folder, "modules"))
    with open(os.path.join(folder, "version"), "w", encoding="ascii") as f:
        f.write(version + "\n")


def link(target, path):
    if os.path.lexists(path):
        os.unlink(path)
    os.symlink(target, path)


def ovmf(source, folder):
    for origin in (os.path.join(source, "usr/share/OVMF"), "/usr/share/OVMF"):
        if os.path.exists(os.path.join(origin, "OVMF_CODE_4M.fd")):
            link(os.path.abspath(origin) if origin.startswith("/") else os.path.relpath(origin, os.path.dirname(folder)), folder)
            return
    raise archive.Error("no OVMF firmware: neither the pinned package nor /usr/share/OVMF is there")


def main():
    try:
        if sys.argv[1] == "kernel":
            kernel(sys.argv[2])
        else:
            ovmf(sys.argv[2], sys.argv[3])
    except (archive.Error, subprocess.CalledProcessError) as e:
        archive.say("error:", e)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
