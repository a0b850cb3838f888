/* SPDX-License-Identifier: Apache-2.0 */
/* Linux programs of a few instructions, for the tests of vmm/exec. */
#ifndef TESTS_SUPPORT_TINY_PROGRAM_H
#define TESTS_SUPPORT_TINY_PROGRAM_H

#include <elf.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/support/unit.h"
#include "vmm/base/util.h"

#define BASE  UINT64_C(0x400000)
#define DATA  UINT64_C(0x500000)
#define START 0x1000 /* of the code in the file, and behind BASE */

/* Where an instruction has a number of 32 bits. */
#define LE32(n)     (n) & 0xff, (n) >> 8 & 0xff, (n) >> 16 & 0xff, (n) >> 24 & 0xff
#define SYSCALL(nr) 0xb8, LE32(nr), 0x0f, 0x05 /* mov nr, %eax; syscall */
#define EDI(n)      0xbf, LE32(n)
#define ESI(n)      0xbe, LE32(n)
#define EDX(n)      0xba, LE32(n)
#define EXIT_EDI    SYSCALL(SYS_exit_group)

/*
 * A program of two segments: code at BASE, and 8 bytes of data and 16 KiB of zeroes at DATA.
 *
 * Return: a descriptor, owned by the caller; @path: the program's name while it is open.
 */
static inline int tiny_program(const uint8_t *code, size_t size, char *path, size_t path_size)
{
	static uint8_t file[0x3000];
	const Elf64_Ehdr head = {.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
		.e_type = ET_EXEC,
		.e_machine = EM_X86_64,
		.e_version = EV_CURRENT,
		.e_entry = BASE + START,
		.e_phoff = sizeof(head),
		.e_ehsize = sizeof(head),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = 2};
	const Elf64_Phdr load[2] = {{.p_type = PT_LOAD,
					    .p_flags = PF_R | PF_X,
					    .p_vaddr = BASE,
					    .p_filesz = 0x2000,
					    .p_memsz = 0x2000,
					    .p_align = 0x1000},
		{.p_type = PT_LOAD,
			.p_flags = PF_R | PF_W,
			.p_offset = 0x2000,
			.p_vaddr = DATA,
			.p_filesz = 8,
			.p_memsz = 8 + 16 * KIB,
			.p_align = 0x1000}};
	int fd = memfd_create("program", MFD_CLOEXEC);

	memset(file, 0xcc, sizeof(file));
	memcpy(file, &head, sizeof(head));
	memcpy(file + sizeof(head), load, sizeof(load));
	memcpy(file + START, code, size);
	memcpy(file + 0x2000, "\x2a\0\0\0\0\0\0\0", 8);
	assert_int_equal(write(fd, file, sizeof(file)), sizeof(file));
	snprintf(path, path_size, "/proc/self/fd/%d", fd);
	return fd;
}

#endif
