#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What an exit of EL2 costs, as test_bench.py has it for x86_64: against tests/bench/expected-aarch64.json. `make bench-check ARCH=aarch64` prints
the same, and names the functions that grew."""
import os
import sys

os.environ["ARCH"] = "aarch64"
import test_bench  # noqa: E402
from tap import Tap  # noqa: E402


def main():
    tap = Tap()
    test_bench.compare(tap)
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
