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
	struct program_image img;

	refused("#!/bin/sh\nexit\n", 15, "a script for the interpreter /bin/sh,");
	refused("#! /usr/bin/env python3", 23, "a script for the interpreter /usr/bin/env,");
	refused("#!\n", 3, "names no interpreter");
	refused("hello", 5, "not an ELF");
	refused(&f, 40, "truncated: an ELF header takes 64 bytes");
	f.ph[3] = (Elf64_Phdr){.p_type = PT_INTERP, .p_offset = 0x300, .p_filesz = sizeof(loader)};
	memcpy(f.bytes + 0x300, loader, sizeof(loader));
	assert_int_equal(read_image(&f, sizeof(f), &img, NULL), 0);
	assert_string_equal(img.interpreter, loader);
	f.ph[3].p_offset = UINT64_MAX - 5;
	refused(&f, sizeof(f), "its loader (PT_INTERP) is not in the file");
	f.ph[3].p_offset = 0x300;
	f.ph[3].p_filesz = 0;
	refused(&f, sizeof(f), "its loader (PT_INTERP) is not in the file");
	f.ph[3].p_filesz = PROGRAM_NAME_MAX + 1;
	refused(&f, sizeof(f), "or is too long");
	f.ph[3].p_filesz = sizeof(loader) - 1;
	refused(&f, sizeof(f), "is not an absolute path");
	f.ph[3].p_filesz = sizeof(loader);
	f.bytes[0x300] = 'x';
	refused(&f, sizeof(f), "is not an absolute path");
}

/* A string table at byte 0x400, the dynamic section at 0x500. */
static struct file with_needs(void)
{
	static const char names[] = "\0libc.so.6\0/opt/lib:$ORIGIN/lib\0libm.so.6";
	const Elf64_Dyn d[] = {
		{DT_NEEDED, {1}},
		{DT_NEEDED, {32}},
		{DT_RUNPATH, {11}},
		{DT_STRTAB, {TEXT_AT + 0x400}},
		{DT_NULL, {0}},
		{DT_NEEDED, {0x7fffffff}},
	};
	struct file f = good();

	memcpy(f.bytes + 0x400, names, sizeof(names));
	memcpy(f.bytes + 0x500, d, sizeof(d));
	f.ph[3] = (Elf64_Phdr){.p_type = PT_DYNAMIC, .p_offset = 0x500, .p_filesz = sizeof(d)};
	return f;
}

static int read_needs(const struct file *f, struct program_needs *needs, struct err *e)
{
	CLEANUP_FD int fd = kit_file(f, sizeof(*f));
	struct program_image img;

	assert_int_equal(program_image_read(fd, LOWEST, HIGHEST, &img, e), 0);
	return program_needs_read(&img, needs, e);
}

static void what_it_needs(void **state)
{
	struct file f = with_needs();
	struct program_needs needs;
	struct err e = {};

	assert_int_equal(read_needs(&f, &needs, &e), 0);
	assert_int_equal(needs.nr, 2);
	assert_string_equal(needs.name[0], "libc.so.6");
	assert_string_equal(needs.name[1], "libm.so.6");
	assert_string_equal(needs.runpath, "/opt/lib:$ORIGIN/lib");
	assert_string_equal(needs.rpath, "");
	f = good();
	assert_int_equal(read_needs(&f, &needs, &e), 0);
	assert_int_equal(needs.nr, 0);
}

#define BAD_NEEDS(change, words)                                                                                       \
	do {                                                                                                           \
		struct file f = with_needs();                                                                          \
		Elf64_Dyn *d = (Elf64_Dyn *)(f.bytes + 0x500);                                                         \
		struct program_needs needs = {.nr = 77};                                                               \
		struct err e = {};                                                                                     \
                                                                                                                       \
		change;                                                                                                \
		assert_int_equal(read_needs(&f, &needs, &e), -ENOEXEC);                                                \
		assert_int_equal(needs.nr, 77);                                                                        \
		assert_non_null(strstr(e.text, words));                                                                \
		(void)d;                                                                                               \
	} while (0)

static void need_many(struct file *f, Elf64_Dyn *d)
{
	f->ph[3].p_filesz = 100 * sizeof(*d);
	for (int i = 4; i < 100; i++)
		d[i] = (Elf64_Dyn){DT_NEEDED, {1}};
}

static void broken_needs(void **state)
{
	BAD_NEEDS(f.ph[3].p_offset = UINT64_MAX - 8, "its dynamic section is not in the file");
	BAD_NEEDS(f.ph[3].p_filesz = 0x100000, "its dynamic section is not in the file");
	BAD_NEEDS(d[3].d_un.d_ptr = 0x1000, "is in no segment of the file");
	BAD_NEEDS(d[3].d_un.d_ptr = DATA_AT + 0x100, "is in no segment of the file");
	BAD_NEEDS(d[3].d_tag = DT_DEBUG, "outside of the string table");
	BAD_NEEDS(d[0].d_un.d_val = UINT64_MAX, "outside of the string table");
	BAD_NEEDS(d[0].d_un.d_val = 0x1e00 - 0x400, "outside of the string table");
	BAD_NEEDS(memset(f.bytes + 0x401, 'x', 255), "longer than 255 bytes");
	BAD_NEEDS(need_many(&f, d), "more than 64 libraries");
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
	SPOILED(f.ph[0].p_vaddr = 0x1000, "a segment at 0x1000 to 0x");
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
		cmocka_unit_test(what_it_needs),
		cmocka_unit_test(broken_needs),
	};

	return run_group(tests);
}
