#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""usage: spin-kernel.py FILE [SYMTAB [HEX]]: writes an ELF kernel that loops for ever without an exit, and prints FILE

With SYMTAB it has a symbol table of SYMTAB bytes, all of it but the first symbol, `spin`, a hole of the file. HEX is
other machine code for it, in long mode.
"""
import struct
import sys

CODE = bytes.fromhex(sys.argv[3]) if len(sys.argv) > 3 else b"\xf3\x90\xeb\xfc"  # pause; jmp back
ADDR = 0x1000000
SECTIONS, STRINGS, SYMBOLS = 0x2000, 0x3000, 0x4000
symtab = int(sys.argv[2]) if len(sys.argv) > 2 else 0
head = b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack("<HHIQQQIHHHHHH", 2, 62, 1, ADDR, 64, SECTIONS if symtab else 0, 0,
                                                       64, 56, 1, 64, 3 if symtab else 0, 0)
load = struct.pack("<IIQQQQQQ", 1, 5, 4096, ADDR, ADDR, len(CODE), len(CODE), 4096)


def section(kind, offset, size, link, entry):
    return struct.pack("<IIQQQQIIQQ", 0, kind, 0, 0, offset, size, link, 0, 8, entry)


with open(sys.argv[1], "wb") as f:
    f.write((head + load).ljust(4096, b"\0") + CODE)
    if symtab:
        f.seek(SECTIONS)
        f.write(section(0, 0, 0, 0, 0) + section(2, SYMBOLS, symtab, 2, 24) + section(3, STRINGS, 6, 0, 0))
        f.seek(STRINGS)
        f.write(b"\0spin\0")
        f.seek(SYMBOLS)
        f.write(struct.pack("<IBBHQQ", 1, 0x12, 0, 1, ADDR, len(CODE)))
        f.truncate(SYMBOLS + symtab)
print(sys.argv[1])
