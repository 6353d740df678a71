# SPDX-License-Identifier: Apache-2.0
"""What Debian's Bochs 2.7 (BOCHS_PACKAGE=1) does wrong, so that a check cannot pass there: it is skipped for that reason, under the package alone.
tools/build/bochs.py mends what is wrong in 3.0; a package cannot be mended.

Host only. Each reason names the function, for whoever wants to look it up.
"""
from lib import node  # noqa: F401  (puts tools/run on the path)
from bochs import is_package  # noqa: E402

# VMX_Deliver_Virtual_Interrupt (cpu/vapic.cc) takes the interrupt out of IRR and notes nothing down: an exit in its delivery has no IDT-vectoring
# information (SDM 3C 28.2.4). The monitor cannot deliver it again and the guest waits for ever; bochs.log fills with "Clear Virtual Interrupt
# Vector". In 3.0 it is the same, and mended.
DELIVERY = "Bochs 2.7 tells nothing of an exit in the delivery of a virtual interrupt (VMX_Deliver_Virtual_Interrupt)"

# XSAVEC, which is XSAVES too (cpu/xsave.cc), counts the compacted form from the SSE registers on at offset 160 instead of from 576: the YMM
# registers go to 416 and over the header's reserved words at 528, and XRSTORS refuses them ("Reserved header3 state is not '0" in bochs.log).


def guest_options():
    """For the guest tests' command lines."""
    return "broken_xsaves=1" if is_package() else ""


def linux_options():
    """For Linux's: it saves its tasks' registers by XSAVES where it can."""
    return "noxsaves" if is_package() else ""


def spared(steps, reasons):
    """The steps; under the package those of reasons ({step: reason}) are skipped for that reason."""
    def skipped(what):
        return lambda guests: guests.tap.skip(what, reasons[what])
    return [(what, skipped(what) if what in reasons and is_package() else body) for what, body in steps]
