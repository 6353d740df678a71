#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes bootable images without root: image.py writes build/ARCH/caisson.img, a GPT disk with an EFI system partition.

Host only; needs mtools and dosfstools. fat_image() is what `make run` and the tests boot from. The same input gives the same bytes.
"""
import os
import struct
import subprocess
import sys
import uuid
import zlib

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from machine import BOARDS, BUILD, chosen_arch, image_of  # noqa: E402

SECTOR, FIRST, ENTRIES = 512, 2048, 128
ESP_TYPE = uuid.UUID("C12A7328-F81F-11D2-BA4B-00A0C93EC93B")
# Fixed, so that two builds are alike; a stick is told apart by its partition's content.
DISK_ID, PART_ID = uuid.UUID("6d1a3f86-5f0e-4d43-9f4f-0c1b5a7e0001"), uuid.UUID("6d1a3f86-5f0e-4d43-9f4f-0c1b5a7e0002")
EPOCH = "1980-01-01T00:00:00"


def fat_image(path, files, slack_mib=4):
    """A FAT volume with files {"EFI/BOOT/BOOTX64.EFI": host path or bytes, ...}."""
    size = sum(len(src) if isinstance(src, bytes) else os.path.getsize(src) for src in files.values())
    mib = max(40, (size >> 20) + slack_mib + 4)  # FAT32 needs 65525 clusters
    env = dict(os.environ, MTOOLS_SKIP_CHECK="1", SOURCE_DATE_EPOCH="315532800")
    if os.path.exists(path):
        os.unlink(path)
    with open(path, "wb") as f:
        f.truncate(mib << 20)
    subprocess.run(["mkfs.fat", "-F", "32", "-s", "1", "-n", "CAISSON", "-i", "CA155000", "--invariant", path], check=True,
                   stdout=subprocess.DEVNULL, env=env)
    made = set()
    for name in sorted(files):
        parts = name.split("/")
        for i in range(1, len(parts)):
            folder = "/".join(parts[:i])
            if folder not in made:
                subprocess.run(["mmd", "-i", path, "::" + folder], check=True, env=env)
                made.add(folder)
        source = files[name]
        if isinstance(source, bytes):
            subprocess.run(["mcopy", "-i", path, "-", "::" + name], check=True, input=source, env=env)
        else:
            subprocess.run(["mcopy", "-i", path, source, "::" + name], check=True, env=env)


def gpt_header(here, other, table_at, total, table_crc):
    head = struct.pack("<8sIIIIQQQQ16sQIII", b"EFI PART", 0x10000, 92, 0, 0, here, other, 34, total - 34, DISK_ID.bytes_le, table_at,
                       ENTRIES, 128, table_crc)
    return (head[:16] + struct.pack("<I", zlib.crc32(head)) + head[20:]).ljust(SECTOR, b"\0")


def gpt_disk(path, esp):
    """Wraps a FAT volume into a GPT disk (UEFI 2.10, 5.3) with protective MBR."""
    with open(esp, "rb") as f:
        content = f.read()
    last = FIRST + len(content) // SECTOR - 1
    total = (last + 34 + 2047) // 2048 * 2048
    table = bytearray(ENTRIES * 128)
    table[:128] = ESP_TYPE.bytes_le + PART_ID.bytes_le + struct.pack("<QQQ", FIRST, last, 0) + "Caisson".encode("utf-16-le").ljust(72, b"\0")
    crc = zlib.crc32(table)
    mbr = bytearray(SECTOR)
    mbr[446:462] = struct.pack("<B3sB3sII", 0, b"\0\2\0", 0xEE, b"\xff\xff\xff", 1, min(total - 1, 0xFFFFFFFF))
    mbr[510:] = b"\x55\xaa"
    with open(path, "wb") as f:
        f.truncate(total * SECTOR)
        f.write(mbr + gpt_header(1, total - 1, 2, total, crc) + table)
        f.seek(FIRST * SECTOR)
        f.write(content)
        f.seek((total - 33) * SECTOR)
        f.write(table + gpt_header(total - 1, 1, total - 33, total, crc))


def demo_files(arch):
    """What the demo boots from."""
    board = BOARDS[arch]
    return {board.boot: image_of(arch), "caisson/caisson.yaml": (DEMO_CONFIG % board.console).encode(),
            "caisson/vmlinuz": os.path.join(board.guest, "vmlinuz"), "caisson/demo-initrd": os.path.join(board.guest, "demo-initrd")}


DEMO_CONFIG = """# The demo node: one Linux guest that starts by itself.
node:
  name: caisson-demo
guests:
  - name: demo
    vcpus: 1
    memory_mib: 256
    kernel: vmlinuz
    initrd: demo-initrd
    cmdline: console=%s
"""


def main():
    arch = chosen_arch()
    esp, disk = os.path.join(BUILD, arch, "esp.img"), os.path.join(BUILD, arch, "caisson.img")
    fat_image(esp, demo_files(arch))
    gpt_disk(disk, esp)
    print("%s: copy it to a USB stick with: dd if=%s of=/dev/sdX bs=4M conv=fsync" % (os.path.relpath(disk), os.path.relpath(disk)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
