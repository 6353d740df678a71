#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fetches what the demo and the system tests run beside the firmware: guest.py files ARCH DIR | guest.py uefi ARCH SRC DIR

files: Debian's current cloud kernel, unmodified and not installed, from the release's backports or else its own packages:
DIR/vmlinuz, DIR/modules (the folder of that version under lib/modules) and DIR/version; and for another architecture than this
machine's DIR/busybox, a static one. uefi: DIR becomes the folder of UEFI firmware images: of the pinned package when it is unpacked in
SRC, else the machine's own. Runs on the developer's machine.
"""
import glob
import os
import re
import shutil
import subprocess
import sys

import archive

# By architecture: Debian's name of it; the folder of the UEFI firmware's package and a file that must be in it.
DEBIAN = {"x86_64": "amd64", "aarch64": "arm64"}
UEFI = {"x86_64": ("usr/share/OVMF", "OVMF_CODE_4M.fd"), "aarch64": ("usr/share/AAVMF", "AAVMF_CODE.fd")}


def kernel_glob(arch):
    return "linux-image-*-cloud-%s_*_%s.deb" % (arch, arch)


def version_key(path):
    return [int(n) for n in re.findall(r"\d+", os.path.basename(path))]


def newest_cached(pattern):
    """A package that an earlier run kept, with the hash that apt had checked it against."""
    for deb in sorted(glob.glob(os.path.join(archive.cache_dir(), pattern)), key=version_key, reverse=True):
        note = deb + ".sha256"
        if os.path.exists(note):
            with open(note, encoding="ascii") as f:
                if archive.matches(deb, f.read().strip()):
                    return deb
    return None


def package_lists(arch):
    suite = archive.codename()
    lists = archive.Lists("build/deps/apt-" + arch, [suite, suite + "-updates", suite + "-security", suite + "-backports"], arch=arch)
    lists.update()
    return lists, (suite + "-backports", suite)


def kernel_package(lists, release, arch):
    out = lists.run("apt-cache", "depends", "-t", release, "--no-recommends", "linux-image-cloud-" + arch, capture_output=True, text=True).stdout
    found = re.search(r"Depends: (linux-image-\S+-cloud-%s)\b" % arch, out)
    return found.group(1) if found else None


def download(lists, release, package, pattern, folder):
    """The path of the package's file in folder, None when the release has none."""
    archive.say("downloading %s from %s" % (package, release))
    for old in glob.glob(os.path.join(folder, pattern)):
        os.unlink(old)
    done = lists.run("apt-get", "download", "-t", release, package, cwd=folder, stdout=subprocess.DEVNULL)
    debs = glob.glob(os.path.join(folder, pattern))
    return debs[0] if done.returncode == 0 and len(debs) == 1 else None


def download_kernel(folder, arch):
    lists, releases = package_lists(arch)
    for release in releases:
        package = kernel_package(lists, release, arch)
        deb = download(lists, release, package, kernel_glob(arch), folder) if package else None
        if deb:
            return deb
    raise archive.Error("no linux-image-cloud-%s can be downloaded; to use one at hand put its .deb into %s beside a file of the same name "
                        "and .sha256" % (arch, archive.cache_dir()))


def keep(deb):
    archive.keep_in_cache(deb)
    try:
        with open(os.path.join(archive.cache_dir(), os.path.basename(deb)) + ".sha256", "w", encoding="ascii") as f:
            f.write(archive.sha256_of(deb) + "\n")
    except OSError:
        pass


def kernel(folder, arch):
    deb = newest_cached(kernel_glob(arch))
    if not deb:
        deb = download_kernel(folder, arch)
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


def unpacked(name, arch, folder):
    """(FOLDER/NAME, the package's file): a package of this release, from the cache or downloaded into it, with what it holds beside."""
    pattern = "%s_*_%s.deb" % (name, arch)
    deb = newest_cached(pattern)
    if not deb:
        lists, releases = package_lists(arch)
        deb = download(lists, releases[-1], name, pattern, folder)
        if not deb:
            raise archive.Error("%s for %s cannot be downloaded" % (name, arch))
        keep(deb)
    tree = os.path.join(folder, name)
    shutil.rmtree(tree, ignore_errors=True)
    subprocess.run(["dpkg-deb", "-x", deb, tree], check=True)
    return tree, deb


def busybox(folder, arch):
    tree, deb = unpacked("busybox-static", arch, folder)
    for name in ("bin/busybox", "usr/bin/busybox"):
        if os.path.exists(os.path.join(tree, name)):
            shutil.copy(os.path.join(tree, name), os.path.join(folder, "busybox"))
            return
    raise archive.Error("%s holds no busybox" % deb)


def files(folder, arch):
    folder = os.path.abspath(folder)
    os.makedirs(folder, exist_ok=True)
    kernel(folder, DEBIAN[arch])
    if arch != os.uname().machine:
        busybox(folder, DEBIAN[arch])


def link(target, path):
    if os.path.lexists(path):
        os.unlink(path)
    os.symlink(target, path)


def uefi(arch, source, folder):
    place, needed = UEFI[arch]
    for origin in (os.path.join(source, place), "/" + place):
        if os.path.exists(os.path.join(origin, needed)):
            link(os.path.abspath(origin) if origin.startswith("/") else os.path.relpath(origin, os.path.dirname(folder)), folder)
            return
    raise archive.Error("no UEFI firmware: neither the pinned package nor /%s is there" % place)


def main():
    if sys.argv[1] == "files":
        files(sys.argv[3], sys.argv[2])
    else:
        uefi(*sys.argv[2:5])


if __name__ == "__main__":
    sys.exit(archive.exit_code(main))
