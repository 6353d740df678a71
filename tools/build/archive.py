# SPDX-License-Identifier: Apache-2.0
"""Debian archives for the build helpers: where they are, one file from a pool, private package lists.

Runs on the developer's machine. Archive roots come from apt's own configuration, so that no host is named in the tree
and mirrors and proxies are obeyed. The system's apt configuration and lists are never changed here.
"""
import glob
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile

HELPER = "/usr/lib/apt/apt-helper"
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"


class Error(Exception):
    """Something that the person at the keyboard has to read."""


def say(*words):
    print("deps:", *words, file=sys.stderr, flush=True)


def exit_code(function, *arguments):
    """Of a build helper that does just this: what its user has to read is said."""
    try:
        function(*arguments)
    except (Error, subprocess.CalledProcessError) as e:
        say("error:", e)
        return 1
    return 0


def sha256_of(path):
    digest = hashlib.sha256()
    with open(path, "rb") as f:
        for block in iter(lambda: f.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


def matches(path, sha256):
    return os.path.isfile(path) and sha256_of(path) == sha256


def codename():
    with open("/etc/os-release", encoding="utf-8") as f:
        found = re.search(r"^VERSION_CODENAME=(\S+)", f.read(), re.M)
    if not found:
        raise Error("this machine is no Debian release (no VERSION_CODENAME in /etc/os-release)")
    return found.group(1)


def roots():
    """(main roots, security roots) that apt on this machine is configured for."""
    try:
        out = subprocess.run(["apt-get", "update", "--print-uris"], capture_output=True, text=True, check=False).stdout
    except FileNotFoundError as e:
        raise Error("apt-get is missing: the build fetches its libraries from a Debian archive") from e
    main, security = [], []
    for url, suite in re.findall(r"'(\S+)/dists/(\S+)/InRelease'", out):
        if not re.match(r"(%s|stable|oldstable)([-/]|$)" % re.escape(codename()), suite):
            continue
        into = security if re.search(r"-security|/updates$", suite) else main
        if url not in into and "backports" not in suite:
            into.append(url)
    if not main:
        raise Error("apt has no Debian archive configured ('apt-get update --print-uris' shows none)")
    return main, [r for r in security if r not in main]


def cache_dir():
    return os.path.expanduser(os.environ.get("DEPS_CACHE") or "~/.cache/caisson")


def keep_in_cache(path):
    """Copies a checked file to the cache; a cache that cannot be written is no error."""
    try:
        os.makedirs(cache_dir(), exist_ok=True)
        fd, tmp = tempfile.mkstemp(dir=cache_dir())
        with os.fdopen(fd, "wb") as out, open(path, "rb") as f:
            shutil.copyfileobj(f, out)
        os.chmod(tmp, 0o644)
        os.replace(tmp, os.path.join(cache_dir(), os.path.basename(path)))
    except OSError:
        pass


def pool_urls(source, file):
    prefix = source[:4] if source.startswith("lib") else source[0]
    tail = "main/%s/%s/%s" % (prefix, source, file.replace("+", "%2b"))
    main, security = roots()
    return ["%s/pool/%s" % (r, tail) for r in main] + ["%s/pool/updates/%s" % (r, tail) for r in security] + \
           ["%s/pool/%s" % (r, tail) for r in security]


def fetch(source, file, sha256, folder):
    """Path of a file with this hash in folder: there already, from the cache, or from a pool. None when nobody has it."""
    path = os.path.join(folder, file)
    if matches(path, sha256):
        return path
    os.makedirs(folder, exist_ok=True)
    cached = os.path.join(cache_dir(), file)
    if matches(cached, sha256):
        shutil.copyfile(cached, path + ".new")
        os.replace(path + ".new", path)
        return path
    for url in pool_urls(source, file):
        subprocess.run([HELPER, "-q", "-q", "-o", "APT::Sandbox::User=root", "-o", "Acquire::Retries=2", "download-file", url,
                        os.path.abspath(path), "SHA256:" + sha256], capture_output=True, stdin=subprocess.DEVNULL, check=False)
        if matches(path, sha256):
            keep_in_cache(path)
            return path
    if os.path.exists(path):
        os.unlink(path)
    return None


class Lists:
    """A private set of package lists: suites (or a release's sources) beside the system's own."""

    def __init__(self, folder, suites, kind="deb", arch=None):
        self.folder = os.path.abspath(folder)
        os.makedirs(os.path.join(self.folder, "lists/partial"), exist_ok=True)
        os.makedirs(os.path.join(self.folder, "cache/archives/partial"), exist_ok=True)
        main, security = roots()
        signed = "[signed-by=%s] " % KEYRING if os.path.exists(KEYRING) else ""
        self.sources = os.path.join(self.folder, "sources.list")
        with open(self.sources, "w", encoding="utf-8") as f:
            for suite in suites:
                for root in security if suite.endswith("-security") else main:
                    f.write("%s %s%s %s main\n" % (kind, signed, root, suite))
        self.options = ["-q", "-q", "-o", "Dir::Etc::sourcelist=" + self.sources, "-o", "Dir::Etc::sourceparts=-",
                        "-o", "Dir::State::lists=%s/lists" % self.folder, "-o", "Dir::Cache=%s/cache" % self.folder,
                        "-o", "APT::Sandbox::User=root", "-o", "Acquire::Languages=none", "-o", "Acquire::Retries=2"]
        if arch:
            self.options += ["-o", "APT::Architecture=" + arch]

    def run(self, tool, *args, **more):
        return subprocess.run([tool, *self.options, *args], stdin=subprocess.DEVNULL, check=False, **more)

    def update(self):
        return self.run("apt-get", "update", capture_output=True).returncode == 0

    def source_files(self):
        """(package, version, sha256, file) of every source file in the lists (kind deb-src)."""
        paths = glob.glob(self.folder + "/lists/*_Sources*")
        if not paths:
            return []
        text = subprocess.run([HELPER, "cat-file", *paths], capture_output=True, text=True, check=False).stdout
        found = []
        for para in text.split("\n\n"):
            package = re.search(r"^Package: (\S+)", para, re.M)
            version = re.search(r"^Version: (\S+)", para, re.M)
            if package and version:
                found += [(package.group(1), version.group(1), sha, name)
                          for sha, name in re.findall(r"^ ([0-9a-f]{64}) \d+ (\S+)$", para, re.M)]
        return found
