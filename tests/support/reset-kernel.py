#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""usage: reset-kernel.py FILE: writes a bzImage whose first instruction resets the machine through the keyboard
controller, whether it is entered in real, protected or long mode, and prints FILE"""
import struct
import sys

CODE = b"\xb0\xfe\xe6\x64\xeb\xfa"  # mov $0xfe, %al; out %al, $0x64; jmp back
SETUP_SECTORS = 4
setup = bytearray((SETUP_SECTORS + 1) * 512)
code = bytearray(64 * 1024)


def put(offset, form, value):
    struct.pack_into(form, setup, offset, value)


# Linux Documentation/arch/x86/boot.rst, "The Real-Mode Kernel Header"
put(0x1F1, "<B", SETUP_SECTORS)
put(0x1F4, "<I", len(code) // 16)  # syssize
put(0x1FE, "<H", 0xAA55)
put(0x200, "<2s", b"\xeb\x7e")  # jmp to 0x280; also the header's length
put(0x202, "<4s", b"HdrS")
put(0x206, "<H", 0x20F)  # version
put(0x211, "<B", 1)  # LOADED_HIGH
put(0x214, "<I", 0x100000)  # code32_start
put(0x22C, "<I", 0x7FFFFFFF)  # initrd_addr_max
put(0x230, "<I", 0x1000)  # kernel_alignment
put(0x234, "<B", 1)  # relocatable_kernel
put(0x236, "<H", 3)  # XLF_KERNEL_64, XLF_CAN_BE_LOADED_ABOVE_4G
put(0x238, "<I", 2047)  # cmdline_size
put(0x258, "<Q", 0x100000)  # pref_address
put(0x260, "<I", len(code))  # init_size
setup[0x280 : 0x280 + len(CODE)] = CODE
code[0 : len(CODE)] = CODE
code[0x200 : 0x200 + len(CODE)] = CODE  # the 64-bit entry
with open(sys.argv[1], "wb") as f:
    f.write(setup + code)
print(sys.argv[1])
