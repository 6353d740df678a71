#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Sees that the Debian packages of a group are installed: packages.py FILE GROUP

As root what is missing is installed with apt-get; otherwise it is listed and the exit code is 1. Packages that should
be newer than the release has them come from its backports through private package lists; the system's are not changed.
"""
import os
import subprocess
import sys

import archive


def read_groups(path):
    """{group: {package: minimal version from backports, or None}} in the file's order."""
    groups, current, last = {}, None, None
    with open(path, encoding="utf-8") as f:
        for line in f:
            for word in line.split("#")[0].split():
                if word.startswith("["):
                    current = groups.setdefault(word.strip("[]"), {})
                elif word.startswith("backports>="):
                    current[last] = word[len("backports>="):]
                else:
                    last = word
                    current[last] = None
    return groups


def wanted(groups, name):
    packages = {}
    for group, members in groups.items():
        packages.update(members)
        if group == name:
            return packages
    raise archive.Error("no group of packages is called '%s'; there are: %s" % (name, " ".join(groups)))


def installed_version(package):
    done = subprocess.run(["dpkg-query", "-W", "-f", "${db:Status-Abbrev}${Version}", package],
                          capture_output=True, text=True, check=False)
    return done.stdout[3:] if done.returncode == 0 and done.stdout.startswith("ii") else None


def older(version, minimum):
    return subprocess.run(["dpkg", "--compare-versions", version, "lt", minimum], check=False).returncode == 0


# Another program may be using dpkg for a while, unattended-upgrades for instance.
INSTALL = ["-o", "DPkg::Lock::Timeout=600", "install", "-y", "--no-install-recommends"]


def from_backports(package):
    suite = archive.codename()
    lists = archive.Lists("build/deps/apt-backports", [suite, suite + "-updates", suite + "-security", suite + "-backports"])
    lists.update()
    archive.say("installing %s from %s-backports" % (package, suite))
    return lists.run("apt-get", *INSTALL, "-t", suite + "-backports", package, stdout=subprocess.DEVNULL).returncode == 0


def install(missing, upgrades):
    os.environ["DEBIAN_FRONTEND"] = "noninteractive"
    os.environ["NEEDRESTART_MODE"] = "l"
    for package in upgrades:
        if not from_backports(package) and installed_version(package) is None:
            archive.say("%s cannot be had from backports; taking the release's own" % package)
            missing.append(package)
    if missing:
        archive.say("installing", " ".join(missing))
        subprocess.run(["apt-get", "-q", "-q", "update"], stdin=subprocess.DEVNULL, check=False)
        done = subprocess.run(["apt-get", "-q", "-q", *INSTALL, *missing], stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL, check=False)
        if done.returncode:
            raise archive.Error("apt-get could not install: " + " ".join(missing))


def main():
    try:
        packages = wanted(read_groups(sys.argv[1]), sys.argv[2])
        missing, upgrades = [], []
        for package, minimum in packages.items():
            version = installed_version(package)
            if minimum and (version is None or older(version, minimum)):
                upgrades.append(package)
            elif version is None:
                missing.append(package)
        if not missing and not upgrades:
            return 0
        if os.geteuid() == 0:
            install(missing, upgrades)
            return 0
        absent = missing + [p for p in upgrades if installed_version(p) is None]
        if not absent:
            return 0
        archive.say("these packages are missing:\n  apt-get install " + " ".join(absent))
        return 1
    except archive.Error as e:
        archive.say("error:", e)
        return 1


if __name__ == "__main__":
    sys.exit(main())
