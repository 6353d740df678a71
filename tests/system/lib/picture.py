# SPDX-License-Identifier: Apache-2.0
"""What a person sees of a node: text read back from a picture of the framebuffer, and from what a serial terminal was sent.

Host only. Picture compares each cell with the node's own font, exactly; Terminal knows the few ECMA-48 sequences that the node uses and
complains about any other.
"""
import re

WIDTH, HEIGHT = 8, 16


def font():
    """{16 rows of bits: character} of what the build made of the font."""
    with open("build/gen/font.c", encoding="ascii") as f:
        found = re.findall(r"\{0x([0-9a-f]{4}), \{([^}]*)\}\}", f.read())
    return {bytes(int(v, 16) for v in rows.split(", ")): chr(int(code, 16)) for code, rows in found if 0x20 <= int(code, 16) < 0x7f}


def read_ppm(path):
    """(width, height, pixels) of a binary PPM."""
    with open(path, "rb") as f:
        data = f.read()
    head = re.match(rb"P6\s+(\d+)\s+(\d+)\s+255\s", data)
    return int(head.group(1)), int(head.group(2)), data[head.end():]


def picture_text(path, background):
    """The picture's rows of text; a cell that is no character of the font is U+FFFD."""
    width, height, pixels = read_ppm(path)
    characters, rows = font(), []
    for top in range(0, height - HEIGHT + 1, HEIGHT):
        row = ""
        for left in range(0, width - WIDTH + 1, WIDTH):
            cell = bytearray()
            for y in range(HEIGHT):
                at = ((top + y) * width + left) * 3
                line = pixels[at:at + WIDTH * 3]
                cell.append(sum(0x80 >> x for x in range(WIDTH) if line[3 * x:3 * x + 3] != background))
            row += characters.get(bytes(cell), "\ufffd")
        rows.append(row.rstrip())
    return rows


class Terminal:
    """A terminal's cells, as the bytes that it was sent leave them."""
    SEQUENCE = re.compile(r"\x1b(?:\[([0-9;?]*)([A-Za-z])|([78=>])|([()][A-Z0-9]))")

    def __init__(self, cols, rows):
        self.cols, self.rows, self.col, self.row, self.strange = cols, rows, 0, 0, []
        self.cells = [[" "] * cols for _ in range(rows)]

    def obey(self, params, final):
        numbers = [int(p or 0) for p in params.strip("?").split(";")]
        if final == "H":
            self.row, self.col = (max(n, 1) - 1 for n in (numbers + [0])[:2])
        elif final == "K" and params in ("", "0"):
            self.cells[self.row][self.col:] = [" "] * (self.cols - self.col)
        elif final == "J" and params == "2":
            self.cells = [[" "] * self.cols for _ in range(self.rows)]
        elif final not in "mhlnsu":
            self.strange.append(params + final)

    def feed(self, text):
        at = 0
        while at < len(text):
            found = self.SEQUENCE.match(text, at)
            if found:
                if found.group(2):
                    self.obey(found.group(1), found.group(2))
                at = found.end()
                continue
            c, at = text[at], at + 1
            if c == "\n":
                self.row = min(self.row + 1, self.rows - 1)
            elif c == "\r":
                self.col = 0
            elif c >= " ":
                if self.row < self.rows and self.col < self.cols:
                    self.cells[self.row][self.col] = c
                else:
                    self.strange.append("%r outside, at %d, %d" % (c, self.col, self.row))
                self.col += 1

    def text(self):
        return ["".join(row).rstrip() for row in self.cells]
