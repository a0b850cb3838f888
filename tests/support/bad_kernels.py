#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes kernels that cannot be booted, each broken in one way.

usage: bad_kernels.py DIR

Makes DIR/NAME for each, and DIR/list: lines `NAME|what the error must say, an extended regular expression`. Two files
are whole, for tests of what comes after loading: good-elf and good-bz.
"""
import gzip
import os
import re
import struct
import sys

ET_EXEC, ET_REL = 2, 1
EM_X86_64, EM_AARCH64 = 62, 183
PT_LOAD, PT_INTERP, PT_NOTE = 1, 3, 4
EHDR, PHDR = 64, 56
MIB = 1 << 20


def ehdr(etype=ET_EXEC, machine=EM_X86_64, entry=MIB, phnum=1, cls=2, data=1, phentsize=PHDR, phoff=EHDR):
    ident = b'\x7fELF' + bytes([cls, data, 1]) + bytes(9)
    return ident + struct.pack('<HHIQQQIHHHHHH', etype, machine, 1, entry, phoff, 0, 0, EHDR, phentsize, phnum, 0, 0, 0)


def phdr(ptype=PT_LOAD, offset=4096, paddr=MIB, filesz=4096, memsz=4096, flags=5):
    return struct.pack('<IIQQQQQQ', ptype, flags, offset, paddr, paddr, filesz, memsz, 4096)


def elf(phdrs=None, **kw):
    """An ELF whose code is HLT; each segment of the default size has a page of the file."""
    phdrs = [phdr()] if phdrs is None else phdrs
    head = ehdr(phnum=len(phdrs), **kw) + b''.join(phdrs)
    return head.ljust(4096, b'\0') + b'\xf4' * 8192


def patched(image, *patches):
    image = bytearray(image)
    for at, form, value in patches:
        struct.pack_into(form, image, at, value)
    return bytes(image)


def bzimage(payload, **kw):
    """A bzImage as Linux Documentation/arch/x86/boot.rst has it, with two setup sectors."""
    at = {'setup_sects': (0x1f1, 'B', 1), 'boot_flag': (0x1fe, '<H', 0xaa55), 'jump': (0x200, '<H', 0x6aeb),
          'version': (0x206, '<H', 0x20f), 'loadflags': (0x211, 'B', 1), 'initrd_addr_max': (0x22c, '<I', 0x7fffffff),
          'alignment': (0x230, '<I', 2 * MIB), 'relocatable': (0x234, 'B', 1), 'xloadflags': (0x236, '<H', 1),
          'cmdline_size': (0x238, '<I', 2047), 'payload_offset': (0x248, '<I', 0x400),
          'payload_length': (0x24c, '<I', len(payload)), 'pref_address': (0x258, '<Q', 16 * MIB),
          'init_size': (0x260, '<I', MIB)}
    code = b'\xf4' * 0x400 + payload
    code = code.ljust((len(code) + 15) & ~15, b'\0')
    image = bytearray(bytes(1024) + code)
    image[0x202:0x206] = b'HdrS'
    struct.pack_into('<I', image, 0x1f4, len(code) // 16)
    for name, (offset, form, default) in at.items():
        struct.pack_into(form, image, offset, kw.get(name, default))
    return bytes(image)


def cases():
    """Yields name, contents, what the error says."""
    good = elf()
    packed = gzip.compress(good)
    yield 'random', bytes(range(7, 200)) * 40, 'is not a kernel: neither ELF, nor ELF in gzip, nor a bzImage'
    yield 'one-byte', b'\x7f', 'is not a kernel'
    for size in (4, 16, EHDR - 1):
        yield f'elf-{size}-bytes', good[:size], 'truncated: an ELF header takes 64 bytes'
    for size in (EHDR, EHDR + PHDR - 1):
        yield f'elf-{size}-bytes', good[:size], 'truncated or broken: the ELF.s 1 program headers'
    for size in (EHDR + PHDR, 4096, 8191):
        yield f'elf-{size}-bytes', good[:size], 'truncated: ELF segment 0 ends at byte 8192'
    yield 'elf32', elf(cls=1), 'a 32-bit ELF: a 64-bit x86-64 kernel is needed'
    yield 'elf-no-class', elf(cls=7), 'neither 32 nor 64 bits'
    yield 'elf-big-endian', elf(data=2), 'a big-endian ELF'
    yield 'elf-machine', elf(machine=EM_AARCH64), 'an ELF for machine 183: x86-64 .* is needed'
    yield 'elf-object', elf(etype=ET_REL), 'a linked kernel .* is needed, not an object or core'
    yield 'elf-no-phdrs', elf(phdrs=[]), 'no program headers'
    yield 'elf-many-phdrs', patched(good, (56, '<H', 0xffff)), 'more than [0-9]+ is no kernel'
    yield 'elf-phentsize', elf(phentsize=32), 'program headers of 32 bytes'
    yield 'elf-phoff', elf(phoff=1 << 63), 'program headers at byte 9223372036854775808'
    yield 'elf-no-load', elf([phdr(PT_NOTE)]), 'no PT_LOAD segment'
    yield 'elf-program', elf([phdr(PT_INTERP), phdr()]), 'a dynamically linked program, not a kernel'
    yield 'elf-past-ram', elf([phdr(paddr=1 << 30)], entry=1 << 30), 'does not fit the 64M of guest RAM: give the guest more'
    yield 'elf-memsz-past-ram', elf([phdr(memsz=1 << 40)]), 'does not fit the 64M of guest RAM'
    yield 'elf-low', elf([phdr(paddr=0x8000)], entry=0x8000), 'lies below 1 MiB'
    yield 'elf-overlap', elf([phdr(), phdr(paddr=MIB + 2048)]), 'segments [01] and [01] overlap in memory at 0x100800'
    yield 'elf-wrap', elf([phdr(paddr=(1 << 64) - 4096, memsz=8192)]), 'wraps around the address space'
    yield 'elf-offset-wrap', elf([phdr(offset=(1 << 64) - 16)]), 'bytes in the file wrap around'
    yield 'elf-filesz', elf([phdr(filesz=8192)]), 'bytes in the file are more than its'
    yield 'elf-entry', elf(entry=32 * MIB), 'entry 0x2000000 lies outside the file.s bytes of every segment'
    yield 'gz-text', gzip.compress(b'words ' * 2000), 'gzip, but what it holds is not an ELF kernel'
    yield 'gz-cut', packed[:len(packed) // 2], 'gzip data end before the stream does'
    yield 'gz-header', packed[:5], 'gzip data end before the stream does|is not a kernel'
    yield 'gz-broken', packed[:12] + b'\xff' * 16 + packed[28:], 'broken gzip data'
    yield 'gz-crc', packed[:-8] + b'\0\0\0\0' + packed[-4:], 'broken gzip data'
    bomb = elf([phdr(filesz=1 << 28, memsz=1 << 28)]) + bytes(1 << 28)
    yield 'gz-bomb', gzip.compress(bomb, 6), 'does not fit the 64M of guest RAM|inflates to more than the 64M'
    yield 'gz-bomb-small-segment', gzip.compress(elf() + bytes(1 << 28), 6), 'inflates to more than the 64M'
    bz = bzimage(gzip.compress(good))
    for size in (0x206, 0x230, 0x26b):
        yield f'bz-{size}-bytes', bz[:size], 'truncated: the bzImage.s setup header|is not a kernel'
    for size in (1024, len(bz) - 16):
        yield f'bz-{size}-bytes', bz[:size], 'truncated: the bzImage.s code'
    yield 'bz-old', bzimage(b'LZ4', version=0x20b), 'boot protocol 2.11: 2.12 or later is needed'
    yield 'bz-32-bit', bzimage(b'LZ4', xloadflags=0), 'without a 64-bit entry'
    yield 'bz-zimage', bzimage(b'LZ4', loadflags=0), 'a zImage that loads below 1 MiB'
    yield 'bz-alignment', bzimage(b'LZ4', alignment=3), 'kernel_alignment 0x3 is not a power of two'
    yield 'bz-payload', bzimage(b'LZ4', payload_length=1 << 31), 'its payload .* does not fit its code'
    yield 'bz-init-size', bzimage(b'LZ4', init_size=1 << 30), 'does not fit the 64M of guest RAM'
    yield 'bz-short-header', bzimage(b'LZ4', jump=0x10eb), 'setup header of [0-9]+ bytes is too short'
    yield 'bz-gz-broken', bzimage(packed[:12] + b'\xff' * 40), 'bzImage payload: (broken gzip data|gzip data end)'


def main():
    out = sys.argv[1]
    os.makedirs(out, exist_ok=True)
    with open(os.path.join(out, 'list'), 'w', encoding='ascii') as names:
        for name, contents, words in cases():
            re.compile(words)
            with open(os.path.join(out, name), 'wb') as f:
                f.write(contents)
            names.write(f'{name}|{words}\n')
    for name, contents in (('good-elf', elf()), ('good-bz', bzimage(b'LZ4', cmdline_size=255))):
        with open(os.path.join(out, name), 'wb') as f:
            f.write(contents)


main()
