#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The aarch64 twin of test_selftest.py: the machine layer tested in the machine, at EL2 with and without VHE, at EL1 and on both interrupt
controllers; then each deliberate fault at EL2 with VHE, and the one that guards the stack at the other levels too."""
import sys

from tap import Tap
from test_selftest import FAULTS, fault, self_test

EL2, EL1, GICV2 = "virt,virtualization=on,gic-version=3", "virt,gic-version=3", "virt,virtualization=on,gic-version=2"


def main():
    tap = Tap()
    self_test(tap, "EL2 with VHE, two CPUs", arch="aarch64", machine=EL2, cpus=2)
    self_test(tap, "EL2 without VHE, four CPUs", arch="aarch64", machine=EL2, cpu="cortex-a57", cpus=4)
    self_test(tap, "EL1, two CPUs", arch="aarch64", machine=EL1, cpus=2)
    self_test(tap, "a guest on two CPUs", arch="aarch64", machine=EL2, cpus=2, files={"selftest-tlb": b"x"})
    self_test(tap, "a guest on two CPUs without VHE", arch="aarch64", machine=EL2, cpu="cortex-a57", cpus=2, files={"selftest-tlb": b"x"})
    self_test(tap, "GICv2, two CPUs, a device tree", arch="aarch64", machine=GICV2 + ",acpi=off", cpu="cortex-a76", cpus=2)
    for name, pattern in FAULTS.items():
        fault(tap, name, pattern, arch="aarch64")
    fault(tap, "stack", FAULTS["stack"], arch="aarch64", cpu="cortex-a57")
    fault(tap, "stack", FAULTS["stack"], arch="aarch64", machine=EL1)
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
