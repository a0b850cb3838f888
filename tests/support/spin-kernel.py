#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""usage: spin-kernel.py FILE: writes an ELF kernel that loops for ever without an exit, and prints FILE"""
import struct
import sys

CODE = b"\xf3\x90\xeb\xfc"  # pause; jmp back
ADDR = 0x1000000
head = b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack("<HHIQQQIHHHHHH", 2, 62, 1, ADDR, 64, 0, 0, 64, 56, 1, 0, 0, 0)
load = struct.pack("<IIQQQQQQ", 1, 5, 4096, ADDR, ADDR, len(CODE), len(CODE), 4096)
with open(sys.argv[1], "wb") as f:
    f.write((head + load).ljust(4096, b"\0") + CODE)
print(sys.argv[1])
