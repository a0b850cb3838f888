/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names for addresses, from the symbol table of an ELF64 file.
 */
#ifndef VMM_DEBUG_SYMBOLS_H
#define VMM_DEBUG_SYMBOLS_H

#include <stddef.h>
#include <stdint.h>

#define SYMBOL_NAME_MAX 64

/* Of a table, in bytes: 4 million symbols. vmlinux of an allyesconfig kernel has less than half of them. */
#define SYMBOLS_TABLE_MAX (UINT64_C(96) << 20)

/**
 * struct symbol - an address to be named, and its name
 * @address: in, a virtual address
 * @name: out, cut at SYMBOL_NAME_MAX - 1, printable characters only; empty when nothing was found
 * @offset: out, @address less the symbol's value
 */
struct symbol {
	uint64_t address;
	char name[SYMBOL_NAME_MAX];
	uint64_t offset;
};

/**
 * symbols_resolve() - name @n addresses in one pass over the table
 * @fd: borrowed; read with pread() only. Its content is not trusted.
 * @deadline_ns: when to give up, as trace_now_ns() counts; checked before each read of some KiB
 *
 * On an error no address has a name: the nearest symbol of a part of the table may be the wrong one.
 *
 * Return: 0 (names found or not), -ENOENT (no symbol table), -ENOEXEC (not an ELF64 file), -EFBIG (a table of more than
 * SYMBOLS_TABLE_MAX), -ETIME (the deadline passed), or a read error. Context: any thread; blocks on the file.
 */
int symbols_resolve(int fd, struct symbol *sym, size_t n, uint64_t deadline_ns);

#endif
