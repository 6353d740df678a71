#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Linux on an Intel CPU that Bochs emulates: Debian's cloud kernel with two vCPUs reaches its shell, is typed into over TLS, paused, resumed,
stopped by its power button, started again, and taken off at once."""
from lib.console import needs_debian_modules
needs_debian_modules()
from lib import linux, old_bochs  # noqa: E402
from lib.node import INITRD, VMLINUZ, program  # noqa: E402
from bochs import BochsMachine  # noqa: E402

if __name__ == "__main__":
    raise SystemExit(program([linux.shell_on("vmx"), linux.pause, linux.stop_start], config=linux.config("ttyS0", old_bochs.linux_options()),
                             files={"vmlinuz": VMLINUZ, "initrd": INITRD}, machine_class=BochsMachine, cpus=2, memory_mib=768))
