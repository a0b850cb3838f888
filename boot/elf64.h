/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside boot/: the checks of a 64-bit ELF for x86-64 that kernels and programs have in common.
 *
 * Spec: System V ABI, chapter 4 (object files) and 5 (program loading).
 */
#ifndef BOOT_ELF64_H
#define BOOT_ELF64_H

#include <elf.h>

#include "boot/source.h"

/*
 * A vmlinux has five program headers, a program about ten; with this bound the table fits on the stack and, with the
 * ELF header, into every source's head.
 */
#define ELF_PHDRS_MAX 128

/**
 * elf_read_header() - read the header and check it
 * @what: "kernel" or "program", for messages
 * @ret: at most ELF_PHDRS_MAX program headers, at least one
 *
 * Return: 0; -ENOEXEC: not what is needed, or broken; an error of source_read().
 * Trust: operator.
 */
int elf_read_header(struct source *src, const char *what, Elf64_Ehdr *ret, struct err *e);

/** elf_read_program_headers() - @ret has room for ELF_PHDRS_MAX. Return: 0, -ENOEXEC, an error of source_read() */
int elf_read_program_headers(struct source *src, const Elf64_Ehdr *h, Elf64_Phdr *ret, struct err *e);

/**
 * elf_check_segment() - check that the bytes of a PT_LOAD are in the file, and that nothing wraps
 * @index: of the program header
 * @addr: p_paddr or p_vaddr, whichever counts
 *
 * Return: 0 or -ENOEXEC.
 */
int elf_check_segment(const struct source *src, unsigned index, const Elf64_Phdr *ph, uint64_t addr, struct err *e);

#endif
