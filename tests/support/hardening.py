#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""hardening.py PROGRAM: what protects a program, read from its ELF file; a line of TAP for each.

It reads bytes, not what tools say of them. Nothing of the C library's start files or of static libraries is asked for:
they are built by others.
"""
import struct
import sys

PT_LOAD, PT_DYNAMIC, PT_INTERP, PT_GNU_STACK, PT_GNU_RELRO = 1, 2, 3, 0x6474e551, 0x6474e552
PF_X, PF_W = 1, 2
DT_STRTAB, DT_SYMTAB, DT_RELA, DT_RELASZ, DT_FLAGS, DT_JMPREL, DT_PLTRELSZ = 5, 6, 7, 8, 30, 23, 2
DT_RELRSZ, DT_RELR, DT_FLAGS_1, DT_TEXTREL = 35, 36, 0x6ffffffb, 22
DF_BIND_NOW, DF_1_NOW, DF_1_PIE = 8, 1, 0x08000000
R_COPY, R_RELATIVE = 5, 8
ENDBR64 = b"\xf3\x0f\x1e\xfa"
SUB_RSP = b"\x48\x81\xec"  # sub $imm32,%rsp
PROBES = [b"\x48\x83\x0c\x24\x00", b"\x48\xc7\x04\x24\x00\x00\x00\x00"]  # orq $0,(%rsp) of gcc; movq of clang
PAGE = 4096
GUARD = 64 * PAGE  # larger numbers behind these bytes are other instructions

with open(sys.argv[1], "rb") as file:
    elf = file.read()
kind, machine = struct.unpack_from("<HH", elf, 16)
phoff, = struct.unpack_from("<Q", elf, 32)
phsize, phnum = struct.unpack_from("<HH", elf, 54)
segments = [struct.unpack_from("<IIQQQQQQ", elf, phoff + i * phsize) for i in range(phnum)]


def of_type(wanted):
    return [s for s in segments if s[0] == wanted]


def at(address, size):
    for _, _, offset, start, _, filesz, _, _ in of_type(PT_LOAD):
        if start <= address and address + size <= start + filesz:
            return elf[offset + address - start:offset + address - start + size]
    return b""


dynamic = {}
for _, _, offset, _, _, filesz, _, _ in of_type(PT_DYNAMIC):
    dynamic = dict(struct.iter_unpack("<QQ", elf[offset:offset + filesz]))


def relocated():
    """The places that the dynamic linker writes a pointer to, and what it finds there; None: a symbol's."""
    for table, size in ((DT_RELA, DT_RELASZ), (DT_JMPREL, DT_PLTRELSZ)):
        for where, info, addend in struct.iter_unpack("<QQQ", at(dynamic.get(table, 0), dynamic.get(size, 0))):
            if info & 0xffffffff != R_COPY:
                yield where, addend if info & 0xffffffff == R_RELATIVE else None
    base = 0
    for entry, in struct.iter_unpack("<Q", at(dynamic.get(DT_RELR, 0), dynamic.get(DT_RELRSZ, 0))):
        if not entry & 1:
            yield entry, struct.unpack("<Q", at(entry, 8))[0]
            base = entry + 8
            continue
        for bit in range(63):
            if entry >> (bit + 1) & 1:
                yield base + 8 * bit, struct.unpack("<Q", at(base + 8 * bit, 8))[0]
        base += 63 * 8


def imports():
    strings, symbol = dynamic[DT_STRTAB], dynamic[DT_SYMTAB]
    while symbol < strings:
        name, _, _, section, _, _ = struct.unpack("<IBBHQQ", at(symbol, 24))
        if name and not section:
            end = elf.index(b"\0", strings + name)  # the first segment begins at offset and address 0
            yield elf[strings + name:end].decode()
        symbol += 24


def in_code(address):
    return any(s[3] <= address < s[3] + s[5] for s in of_type(PT_LOAD) if s[1] & PF_X)


# Where a pointer to code is: the tables of functions, ours, and the GOT, which has those of the C library.
places = [(where, value) for where, value in relocated() if value is None or in_code(value)]
pointers = {value for _, value in places if value is not None}
code = b"".join(elf[s[2]:s[2] + s[5]] for s in of_type(PT_LOAD) if s[1] & PF_X)
names = set(imports())
steps = [struct.unpack_from("<I", code, i + 3)[0] for i in range(len(code) - 7) if code[i:i + 3] == SUB_RSP]
relro = of_type(PT_GNU_RELRO)
failed = 0


def check(what, held, *detail):
    global failed
    failed += not held
    print(("ok" if held else "not ok") + " - " + what)
    if not held:
        print("".join(f"# {d}\n" for d in detail), end="")


check("x86-64", machine == 62)
check("position-independent", kind == 3 and dynamic.get(DT_FLAGS_1, 0) & DF_1_PIE and of_type(PT_INTERP))
check("the stack is not executable", of_type(PT_GNU_STACK) and not any(s[1] & PF_X for s in of_type(PT_GNU_STACK)))
check("no segment is both writable and executable", not any(s[1] & PF_X and s[1] & PF_W for s in segments))
check("code is in one segment, and no header or data is in it",
      len([s for s in of_type(PT_LOAD) if s[1] & PF_X]) == 1 and not any(s[1] & PF_X and not s[2] for s in of_type(PT_LOAD)))
check("symbols are resolved before main",
      dynamic.get(DT_FLAGS, 0) & DF_BIND_NOW or dynamic.get(DT_FLAGS_1, 0) & DF_1_NOW)
check("nothing of the code is relocated", DT_TEXTREL not in dynamic)
check("every pointer to code that is relocated is read-only then",
      len(places) > 200 and all(any(s[3] <= p < s[3] + s[6] for s in relro) for p, _ in places))
check("functions with arrays have a canary", "__stack_chk_fail" in names)
check("the C library's functions know how large what they write to is",
      {"__snprintf_chk", "__vsnprintf_chk", "__memcpy_chk", "__fprintf_chk"} <= names)
unmarked = [hex(p) for p in sorted(pointers) if at(p, 4) != ENDBR64]
check("each function in a table of pointers begins with ENDBR64", len(pointers) > 50 and not unmarked,
      f"{len(pointers)} functions, not marked: {' '.join(unmarked[:20])}")
large = [hex(s) for s in steps if PAGE < s <= GUARD]
check("no frame is made in a step of more than a page", not large, " ".join(large[:20]))
check("large frames are probed", PAGE in steps and any(p in code for p in PROBES))
sys.exit(bool(failed))
