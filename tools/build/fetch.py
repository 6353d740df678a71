#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Brings the third-party sources of deps/lock into a folder: fetch.py LOCK DIR [NAME...]

DIR/dl holds the files as downloaded, DIR/src/NAME the unpacked and patched trees, each with a stamp of what made it.
What a file must be is told by its hash alone; where it comes from does not matter. Runs on the developer's machine.
"""
import fnmatch
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile

import archive

SOURCE_SUITES = ["trixie", "trixie-updates", "trixie-security"]


class Entry:
    def __init__(self, words):
        self.name, self.source, self.version, self.file, self.sha256 = words
        self.patches = None   # (file, sha256, globs)
        self.only = []
        self.license = None   # (SPDX, files)

    def key(self):
        return repr((self.file, self.sha256, self.patches, self.only))


def read_lock(path):
    entries = []
    with open(path, encoding="utf-8") as f:
        for number, line in enumerate(f, 1):
            words = line.split("#")[0].split()
            if not words:
                continue
            try:
                if not line[0].isspace():
                    entries.append(Entry(words))
                elif words[0] == "patches":
                    entries[-1].patches = (words[1], words[2], words[3:])
                elif words[0] == "only":
                    entries[-1].only += words[1:]
                elif words[0] == "license":
                    end = 2
                    while words[end:end + 1] == ["AND"]:
                        end += 2
                    entries[-1].license = (" ".join(words[1:end]), words[end:])
                else:
                    raise ValueError
            except (ValueError, IndexError) as e:
                raise archive.Error("%s:%d: expected an entry or one of patches, only, license" % (path, number)) from e
    return entries


class Index:
    """The signed source index, read only when a pinned file is not served any more."""
    rows = None

    @classmethod
    def get(cls, folder):
        if cls.rows is None:
            archive.say("a pinned file is not served; reading the source index")
            lists = archive.Lists(os.path.join(folder, "apt"), SOURCE_SUITES, "deb-src")
            lists.update()
            cls.rows = lists.source_files()
        return cls.rows


def gone(entry, folder):
    offers = sorted({v for p, v, _, _ in Index.get(folder) if p == entry.source})
    return archive.Error(
        "%s: %s (sha256 %s...) is not served any more; the archive offers: %s.\n"
        "Put the file into the folder that DEPS_CACHE names (%s), or move deps/lock on to a version that is served."
        % (entry.name, entry.file, entry.sha256[:12], " ".join(offers) or "nothing of that name", archive.cache_dir()))


def fetch_patches(entry, folder):
    """The tarball with Debian's patches: the pinned one, or that of a newer revision of the same upstream tarball."""
    name, sha256, _ = entry.patches
    path = archive.fetch(entry.source, name, sha256, os.path.join(folder, "dl"))
    if path:
        return path
    rows = [r for r in Index.get(folder) if r[0] == entry.source]
    versions = sorted({v for _, v, sha, _ in rows if sha == entry.sha256})
    for _, version, sha, file in rows:
        if versions and version == versions[-1] and ".debian.tar." in file:
            path = archive.fetch(entry.source, file, sha, os.path.join(folder, "dl"))
            if path:
                archive.say("%s: Debian's %s took the place of %s; its patches are used, the sources are the same" %
                        (entry.name, version, name))
                return path
    raise gone(entry, folder)


def apply_patches(entry, tarball, tree):
    globs = entry.patches[2]
    with tempfile.TemporaryDirectory() as tmp:
        subprocess.run(["tar", "-xf", tarball, "-C", tmp], check=True)
        base = os.path.join(tmp, "debian/patches")
        with open(os.path.join(base, "series"), encoding="utf-8") as f:
            series = [w[0] for w in (line.split("#")[0].split() for line in f) if w]
        for name in series:
            if not any(fnmatch.fnmatch(name, g) for g in globs):
                continue
            done = subprocess.run(["patch", "-s", "-f", "-p1", "-d", tree, "-i", os.path.join(base, name)],
                                  capture_output=True, text=True, check=False)
            if done.returncode:
                raise archive.Error("%s: patch %s does not apply: %s" % (entry.name, name, done.stdout[:400]))
            archive.say("%s + %s" % (entry.name, name))


def unpack(entry, tarball, tree):
    if tarball.endswith(".deb"):
        subprocess.run(["dpkg-deb", "-x", tarball, tree], check=True)
        return
    command = ["tar", "-xf", tarball, "-C", tree, "--strip-components=1", "--no-same-owner"]
    if entry.only:
        with tarfile.open(tarball) as t:
            top = t.next().name.split("/")[0]
        command += ["%s/%s" % (top, p) for p in entry.only]
    subprocess.run(command, check=True)


def provide(entry, folder):
    tree = os.path.join(folder, "src", entry.name)
    stamp = os.path.join(tree, ".stamp")
    if os.path.exists(stamp):
        with open(stamp, encoding="utf-8") as f:
            if f.read() == entry.key():
                return
    tarball = archive.fetch(entry.source, entry.file, entry.sha256, os.path.join(folder, "dl"))
    if not tarball:
        raise gone(entry, folder)
    shutil.rmtree(tree, ignore_errors=True)
    os.makedirs(tree)
    unpack(entry, tarball, tree)
    if entry.patches:
        apply_patches(entry, fetch_patches(entry, folder), tree)
    with open(stamp, "w", encoding="utf-8") as f:
        f.write(entry.key())
    archive.say("%s %s is there" % (entry.name, entry.version))


def main():
    lock, folder, names = sys.argv[1], sys.argv[2], sys.argv[3:]
    try:
        entries = read_lock(lock)
        missing = set(names) - {e.name for e in entries}
        if missing:
            raise archive.Error("not in %s: %s" % (lock, " ".join(sorted(missing))))
        for entry in entries:
            if not names or entry.name in names:
                provide(entry, folder)
    except archive.Error as e:
        archive.say("error:", e)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
