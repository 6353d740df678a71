# SPDX-License-Identifier: Apache-2.0
"""Guests of a few instructions: ELF files with a PVH entry, assembled by hand. Host only.

PVH enters in 32-bit protected mode with flat segments (Xen docs/misc/pvh.pandoc).
"""
import struct

LOAD = 0x100000
NOTE_PHYS32_ENTRY = 18


def elf(code, load=LOAD):
    """An ELF64 kernel image: a note that names the entry, and the code; one page, since kernels are never smaller."""
    note = struct.pack("<III4sI", 4, 4, NOTE_PHYS32_ENTRY, b"Xen\0", load)
    note_at, code_at = 64 + 2 * 56, 64 + 2 * 56 + len(note)
    head = b"\x7fELF\2\1\1".ljust(16, b"\0") + struct.pack("<HHIQQQIHHHHHH", 2, 62, 1, load, 64, 0, 0, 64, 56, 2, 64, 0, 0)
    note_ph = struct.pack("<IIQQQQQQ", 4, 4, note_at, 0, 0, len(note), len(note), 4)
    load_ph = struct.pack("<IIQQQQQQ", 1, 7, code_at, load, load, len(code), len(code), 4096)
    return (head + note_ph + load_ph + note + code).ljust(4096, b"\0")


def say(text):
    """MOV DX,0x3F8; then MOV AL,c; OUT DX,AL for each character."""
    return b"\x66\xba\xf8\x03" + b"".join(b"\xb0%c\xee" % c for c in text.encode())


HALT = b"\xfa\xf4\xeb\xfd"                      # 1: CLI; HLT; JMP 1b+1: sleeps for good
SPIN = b"\xfa\xeb\xfe"                          # CLI; 1: JMP 1b: burns its share for good
POWER_OFF = b"\x66\xba\x04\x06\x66\xb8\x00\x34\x66\xef"  # OUT 0x604, SLP_EN | SLP_TYP 5 (ACPI 6.5, 4.8.3.2.1)
TRIPLE_FAULT = b"\x0f\x01\x1d\x00\x00\x18\x00\x0f\x0b"   # LIDT of zeros at 0x180000: no gate; UD2

COM1_FLOOD = b"\x66\xba\xf8\x03\xb0A\xee\xeb\xfd"       # MOV DX,0x3F8; MOV AL,'A'; 1: OUT DX,AL; JMP 1b


def halt_guest(text="tiny\n"):
    return elf(say(text) + HALT)


def spin_guest(text="spin\n"):
    return elf(say(text) + SPIN)


def spin_all_guest():
    """Two vCPUs that spin: the first wakes the other by INIT and SIPI (SDM 3A 9.4), which says w from real mode at 0x8000."""
    other = b"\xba\xf8\x03\xb0w\xee\xb0\x0a\xee\xfa\xeb\xfe"  # MOV DX,0x3F8; MOV AL,'w'; OUT; MOV AL,10; OUT; CLI; JMP $

    def store(address, value):  # MOV DWORD [address], value
        return b"\xc7\x05" + struct.pack("<II", address, value)
    code = b"".join(store(0x8000 + i, struct.unpack_from("<I", other, i)[0]) for i in range(0, len(other), 4))
    return elf(code + store(0xfee00300, 0xc4500) + b"\xb9\x00\x00\x10\x00\xe2\xfe" + store(0xfee00300, 0xc4608) + SPIN)


def poweroff_guest(text="bye\n"):
    return elf(say(text) + POWER_OFF + HALT)


def crash_guest():
    return elf(TRIPLE_FAULT + HALT)
