// SPDX-License-Identifier: Apache-2.0
/*
 * The file of a Linux program: the values that are read from it, and every refusal with its message.
 */
#include "tests/support/unit.h"

#include <errno.h>

#include "boot/format_program.h"
#include "tests/support/image_kit.h"

#define LOWEST  UINT64_C(0x10000)
#define HIGHEST UINT64_C(0x555555554000)
#define TEXT_AT UINT64_C(0x400000)
#define DATA_AT UINT64_C(0x402e00)

struct file {
	union {
		struct {
			Elf64_Ehdr h;
			Elf64_Phdr ph[4];
		};
		uint8_t bytes[0x3000];
	};
};

static struct file good(void)
{
	struct file f = {.h = {
				 .e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
				 .e_type = ET_EXEC,
				 .e_machine = EM_X86_64,
				 .e_version = EV_CURRENT,
				 .e_entry = TEXT_AT + 0x200,
				 .e_phoff = offsetof(struct file, ph),
				 .e_ehsize = sizeof(Elf64_Ehdr),
				 .e_phentsize = sizeof(Elf64_Phdr),
				 .e_phnum = 4,
			 }};

	f.ph[0] = (Elf64_Phdr){.p_type = PT_LOAD,
		.p_flags = PF_R | PF_X,
		.p_vaddr = TEXT_AT,
		.p_filesz = 0x1e00,
		.p_memsz = 0x1e00,
		.p_align = 0x1000};
	f.ph[1] = (Elf64_Phdr){.p_type = PT_LOAD,
		.p_flags = PF_R | PF_W,
		.p_offset = 0x1e00,
		.p_vaddr = DATA_AT,
		.p_filesz = 0x100,
		.p_memsz = 0x2000,
		.p_align = 0x1000};
	f.ph[2] = (Elf64_Phdr){.p_type = PT_GNU_STACK, .p_flags = PF_R | PF_W};
	f.ph[3] = (Elf64_Phdr){.p_type = PT_NOTE};
	return f;
}

static int read_image(const void *bytes, size_t len, struct program_image *img, struct err *e)
{
	CLEANUP_FD int fd = kit_file(bytes, len);

	return program_image_read(fd, LOWEST, HIGHEST, img, e);
}

static void what_is_in_it(void **state)
{
	struct file f = good();
	struct program_image img;
	struct err e = {};

	assert_int_equal(read_image(&f, sizeof(f), &img, &e), 0);
	assert_false(img.movable || img.exec_stack);
	assert_int_equal(img.entry, TEXT_AT + 0x200);
	assert_int_equal(img.headers, TEXT_AT + offsetof(struct file, ph));
	assert_int_equal(img.nr_headers, 4);
	assert_int_equal(img.nr, 2);
	assert_int_equal(img.segment[0].start, TEXT_AT);
	assert_int_equal(img.segment[0].end, TEXT_AT + 0x2000);
	assert_int_equal(img.segment[0].rights, PROGRAM_R | PROGRAM_X);
	assert_int_equal(img.segment[1].start, 0x402000);
	assert_int_equal(img.segment[1].offset, 0x1000);
	assert_int_equal(img.segment[1].file_end, DATA_AT + 0x100);
	assert_int_equal(img.segment[1].end, 0x405000);
	f.h.e_type = ET_DYN;
	f.ph[2].p_flags |= PF_X;
	f.ph[1].p_align = 0x200000;
	assert_int_equal(read_image(&f, sizeof(f), &img, &e), 0);
	assert_true(img.movable && img.exec_stack && img.align == 0x200000);
}

static void refused(const void *bytes, size_t len, const char *words)
{
	struct program_image img, untouched;
	struct err e = {};

	memset(&img, 0xee, sizeof(img));
	untouched = img;
	assert_int_equal(read_image(bytes, len, &img, &e), -ENOEXEC);
	if (!strstr(e.text, words))
		fail_msg("\"%s\" has no \"%s\"", e.text, words);
	assert_memory_equal(&img, &untouched, sizeof(img));
}

static void other_files(void **state)
{
	static const char loader[] = "/lib64/ld-linux-x86-64.so.2";
	struct file f = good();

	refused("#!/bin/sh\nexit\n", 15, "a script for the interpreter /bin/sh,");
	refused("#! /usr/bin/env python3", 23, "a script for the interpreter /usr/bin/env,");
	refused("#!\n", 3, "names no interpreter");
	refused("hello", 5, "not an ELF");
	refused(&f, 40, "truncated: an ELF header takes 64 bytes");
	f.ph[3] = (Elf64_Phdr){.p_type = PT_INTERP, .p_offset = 0x300, .p_filesz = sizeof(loader)};
	memcpy(f.bytes + 0x300, loader, sizeof(loader));
	refused(&f, sizeof(f),
		"dynamically linked program (its loader is /lib64/ld-linux-x86-64.so.2): not supported yet");
	f.ph[3].p_offset = UINT64_MAX - 5;
	refused(&f, sizeof(f), "dynamically linked program (its loader is )");
}

#define SPOILED(change, words)                                                                                         \
	do {                                                                                                           \
		struct file f = good();                                                                                \
		change;                                                                                                \
		refused(&f, sizeof(f), words);                                                                         \
	} while (0)

static void broken_ones(void **state)
{
	SPOILED(f.h.e_ident[EI_CLASS] = ELFCLASS32, "a 32-bit ELF: a 64-bit x86-64 program is needed");
	SPOILED(f.h.e_machine = EM_AARCH64, "an ELF for machine 183");
	SPOILED(f.h.e_type = ET_REL, "a linked program (2 or 3) is needed");
	SPOILED(f.h.e_phnum = 0, "no program headers");
	SPOILED(f.h.e_phnum = 200, "more than 128 is no program");
	SPOILED(f.h.e_phoff = UINT64_MAX - 8, "program headers at byte");
	SPOILED(f.ph[0].p_type = f.ph[1].p_type = PT_NOTE, "nothing to load");
	SPOILED(f.ph[0].p_filesz = 0x1e01, "more than its 0x1e00 in memory");
	SPOILED(f.ph[1].p_filesz = f.ph[1].p_memsz = 0x100000, "truncated: ELF segment 1 ends at byte");
	SPOILED(f.ph[1].p_offset = UINT64_MAX - 8, "wrap around");
	SPOILED(f.ph[1].p_memsz = UINT64_MAX - 8, "wraps around the address space");
	SPOILED(f.ph[1].p_vaddr += 8, "they differ within a page");
	SPOILED(f.ph[1].p_align = 3, "cannot be met");
	SPOILED(f.ph[1].p_align = UINT64_C(1) << 40, "cannot be met");
	SPOILED(f.ph[1].p_vaddr = 0x400e00, "overlap");
	SPOILED(f.ph[1].p_vaddr = 0x20e00, "overlap, or are not in the order");
	SPOILED(f.ph[0].p_vaddr = 0x1000, "a program lies in 0x10000 to");
	SPOILED(f.ph[1].p_vaddr = 0x555555554e00, "a program lies in 0x10000 to 0x555555554000");
	SPOILED(f.ph[1].p_vaddr = UINT64_C(0xffffffff80000e00), "a program lies in");
	SPOILED((f.h.e_type = ET_DYN, f.ph[1].p_vaddr = 0x555555554e00), "a program lies in 0x0 to");
	SPOILED(f.h.e_entry = DATA_AT, "in no segment that may be executed");
	SPOILED(f.h.e_entry = 0, "in no segment that may be executed");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_in_it),
		cmocka_unit_test(other_files),
		cmocka_unit_test(broken_ones),
	};

	return run_group(tests);
}
