#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The node's screen on a booted machine: read back from a picture of the VGA framebuffer, and on a serial terminal that answers where its
cursor is, through the keys and a change of size; then a panic on both, which halts as the config asks. One boot."""
import os
import sys
import tempfile
import time
import traceback

sys.path[:0] = ["tools/run", "tests/system"]
import image  # noqa: E402
from lib.picture import Terminal, picture_text  # noqa: E402
from machine import Machine, MachineError  # noqa: E402
from tap import Tap  # noqa: E402

QUESTION = "\x1b[6n"
BACKGROUND = b"\x0b\x0e\x14"
CONFIG = b"node:\n  name: shown\n  on_panic: halt\n"
STATUS = ("Caisson ", "shown", "CPU ", "Memory ", "Pairing ", "No guests")
LIMIT_S = 120


class Screens:
    """The machine's two screens. The serial one answers the node's questions when told to."""

    def __init__(self, machine):
        self.machine, self.at, self.terminal = machine, 0, None

    def raw(self):
        """What came so far; the log is made when the machine's reader begins."""
        path = self.machine.path("serial.log")
        if not os.path.exists(path):
            return ""
        with open(path, encoding="utf-8", errors="replace") as f:
            return f.read()

    def until(self, what, look):
        """Waits until look() is something true; that."""
        deadline = time.monotonic() + LIMIT_S
        while time.monotonic() < deadline:
            found = look()
            if found:
                return found
            if self.machine.process.poll() is not None:
                break
            time.sleep(0.2)
        raise MachineError("%s did not come; the serial port said:\n%r" % (what, self.raw()[-1500:]))

    def answer_size(self, cols, rows):
        """The next question for the cursor's place is answered as a terminal of this size does."""
        question = self.until("the question for the terminal's size", lambda: self.raw().find(QUESTION, self.at) + 1)
        self.at = question - 1 + len(QUESTION)
        if not self.terminal or (self.terminal.cols, self.terminal.rows) != (cols, rows):
            self.terminal = Terminal(cols, rows)
            self.drawn = self.at
        self.machine.type(b"\x1b[%d;%dR" % (rows, cols))

    def serial_text(self):
        text = self.raw()
        cut = text.rfind("\x1b", max(len(text) - 16, 0))  # the end may lie in the middle of a sequence
        cut = len(text) if cut < self.drawn else cut
        self.terminal.feed(text[self.drawn:cut])
        self.drawn = cut
        return self.terminal.text()

    def serial_shows(self, *words):
        return self.until("%s on the serial terminal" % (words,), lambda: all(w in "\n".join(self.serial_text()) for w in words) and self.terminal.text())

    def picture(self):
        path = self.machine.path("screen.ppm")
        self.machine.command_qmp("screendump", filename=path)
        return picture_text(path, BACKGROUND)


def on_serial(tap, screens):
    screens.answer_size(80, 24)
    rows = screens.serial_shows(*STATUS)
    tap.ok(rows[0].startswith("Caisson "), "a serial terminal that answers gets the status", "\n".join(rows))
    screens.machine.type(b"l")
    rows = screens.until("the log on the serial terminal", lambda: (lambda r: r if not any(x.startswith("Memory ") for x in r) else None)(
        screens.serial_text()))
    rows = screens.serial_shows("boot: start complete")
    tap.ok(sum(r.startswith("[") for r in rows) > 18, "l shows the log alone", "\n".join(rows))
    screens.answer_size(80, 24)  # a key makes the node ask again
    screens.machine.type(b"s")
    screens.answer_size(100, 40)
    rows = screens.serial_shows(*STATUS)
    tap.ok(any(len(r) > 80 for r in rows) or any(rows[24:]), "s shows the status again, and uses the room of a larger terminal", "\n".join(rows))
    tap.check("nothing was sent that a plain terminal does not know, or that it has no room for", screens.terminal.strange)


def on_framebuffer(tap, screens):
    rows = screens.until("the status on the framebuffer", lambda: (lambda r: r if all(w in "\n".join(r) for w in STATUS) else None)(screens.picture()))
    text = "\n".join(rows)
    tap.ok(rows[0].startswith("Caisson "), "the framebuffer shows the status", text)
    tap.ok("boot: start complete" in text, "and the log's tail", text)
    tap.ok("\ufffd" not in text, "each cell is a character of the font", text)


def on_panic(tap, screens):
    screens.machine.monitor("nmi")
    screens.machine.wait_line(r"^halted$")
    rows = screens.until("the panic on the framebuffer", lambda: (lambda r: r if "log:" in r else None)(screens.picture()))
    text = "\n".join(rows)
    tap.ok(rows[0].startswith("PANIC on CPU ") and "backtrace (image at" in text, "the framebuffer shows a panic from its first line on", text)
    tap.ok("log:" in rows and "boot: start complete" in text, "and the log's tail", text)
    tap.ok(screens.machine.process.poll() is None, "and the machine halts, as the config asks")


def main():
    tap = Tap()
    with tempfile.TemporaryDirectory(prefix="caisson-screen-") as folder:
        esp = folder + "/esp.img"
        image.fat_image(esp, {"EFI/BOOT/BOOTX64.EFI": "build/x86_64/caisson.efi", "caisson/caisson.yaml": CONFIG})
        with Machine(folder, esp=esp, memory_mib=512, nic=None, extra=["-device", "VGA"]) as machine:
            screens = Screens(machine)
            try:
                on_serial(tap, screens)
                on_framebuffer(tap, screens)
                on_panic(tap, screens)
            except MachineError:
                tap.ok(False, "both screens show what they should", traceback.format_exc())
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
