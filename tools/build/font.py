#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Turns an 8x16 BDF font into the C table of core/font.h: font.py FONT.bdf OUT.c

Runs in the build. Knows BDF 2.1 as far as fixed-width fonts use it: every glyph fills the font's bounding box or part of it.
"""
import sys

WIDTH, HEIGHT = 8, 16


def glyph_rows(box, lines, descent):
    """HEIGHT bytes of a glyph whose bitmap covers box = (w, h, x, y) above the base line."""
    width, height, left, bottom = box
    if left < 0 or left + width > WIDTH or len(lines) != height:
        raise ValueError("a glyph is wider than the cell")
    top = HEIGHT - descent - bottom - height
    rows = [0] * HEIGHT
    for i, line in enumerate(lines):
        if not 0 <= top + i < HEIGHT:
            raise ValueError("a glyph is higher than the cell")
        rows[top + i] = (int(line[:2], 16) >> left) & 0xFF
    return rows


def read_bdf(path):
    glyphs, descent, code, box, lines = {}, 0, -1, None, None
    with open(path, encoding="ascii") as f:
        for line in f:
            word, *rest = line.split() or [""]
            if word == "FONT_DESCENT":
                descent = int(rest[0])
            elif word == "ENCODING":
                code = int(rest[0])
            elif word == "BBX":
                box = tuple(int(v) for v in rest)
            elif word == "BITMAP":
                lines = []
            elif word == "ENDCHAR":
                if code >= 0:
                    glyphs[code] = glyph_rows(box, lines, descent)
                lines = None
            elif lines is not None:
                lines.append(word)
    return glyphs


def main():
    source, target = sys.argv[1:]
    glyphs = read_bdf(source)
    codes = sorted(c for c in glyphs if c >= 0x20)
    if codes[:95] != list(range(0x20, 0x7F)):
        sys.exit("%s: ASCII is not complete" % source)
    with open(target, "w", encoding="ascii") as f:
        f.write("/* Made by tools/build/font.py. */\n#include <core/font.h>\n\n")
        f.write("const uint32_t font_nglyphs = %d;\n\nconst struct font_glyph font_glyphs[%d] = {\n" % (len(codes), len(codes)))
        for code in codes:
            f.write("\t{0x%04x, {%s}},\n" % (code, ", ".join("0x%02x" % r for r in glyphs[code])))
        f.write("};\n")


if __name__ == "__main__":
    main()
