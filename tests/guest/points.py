# SPDX-License-Identifier: Apache-2.0
"""Does a guest make the same checks on both backends? The tests on SVM write the names down, those on VMX compare theirs with them.

Host only. Numbers in names tell of the machine (sizes, counts) and do not count. What was written by another build of the guest is not compared.
"""
import hashlib
import json
import os
import re

from guests import BUILD

FILE = os.path.join(BUILD, "guest-tests", "points.json")


def digest(elf):
    with open(elf, "rb") as f:
        return hashlib.sha256(f.read()).hexdigest()


def plain(names):
    """Names without numbers, each once: how often a guest goes round may hang on the CPU's speed."""
    return list(dict.fromkeys(re.sub(r"\b(0x)?[0-9a-f]*[0-9][0-9a-f]*\b", "#", n) for n in names))


def known():
    try:
        with open(FILE, encoding="utf-8") as f:
            return json.load(f)
    except (OSError, ValueError):
        return {}


def record(machine, points):
    """machine: what it was, for example "two CPUs". points: {guest: (its ELF file, [names])}."""
    table = known()
    for guest, (elf, names) in points.items():
        table["%s: %s" % (machine, guest)] = {"elf": digest(elf), "points": plain(names)}
    with open(FILE + ".new", "w", encoding="utf-8") as f:
        json.dump(table, f, indent=1)
    os.replace(FILE + ".new", FILE)


def difference(theirs, ours):
    """Lines about what only one side has; empty when they are alike, order included."""
    lines = ["only on SVM: " + n for n in theirs if n not in ours] + ["only here: " + n for n in ours if n not in theirs]
    return lines or (["in another order"] if theirs != ours else [])


def compare(tap, machine, points):
    """One check per guest."""
    table = known()
    for guest, (elf, names) in points.items():
        title, there = "%s: the same checks as on SVM" % guest, table.get("%s: %s" % (machine, guest))
        if not there or there["elf"] != digest(elf):
            tap.skip(title, "the tests on SVM have not run with this build")
        else:
            tap.check(title, difference(there["points"], plain(names)))
