// SPDX-License-Identifier: Apache-2.0
/*
 * A call of a function as the operator writes it, and the symbols of a program.
 */
#include "tests/support/unit.h"

#include <elf.h>
#include <errno.h>

#include "boot/format_program.h"
#include "tests/support/image_kit.h"
#include "vmm/exec/function.h"

static void arguments(void **state)
{
	struct exec_function f;
	struct err e = {0};

	assert_int_equal(exec_function_parse("f,i:0x10,i:-1,s:a,,b,b:00fF,o:3", &f, &e), 0);
	assert_string_equal(f.name, "f");
	assert_true(f.nr == 5 && f.arg[0].number == 16 && f.arg[1].number == UINT64_MAX && !f.arg[1].size);
	assert_true(f.arg[2].size == 4 && !memcmp(f.arg[2].data, "a,b", 4) && !f.arg[2].shown);
	assert_true(f.arg[3].size == 2 && !memcmp(f.arg[3].data, "\x00\xff", 2));
	assert_true(f.arg[4].size == 3 && !memcmp(f.arg[4].data, "\0\0\0", 3) && f.arg[4].shown);
	exec_function_free(&f);
	assert_int_equal(exec_function_parse("f", &f, &e), 0);
	assert_int_equal(f.nr, 0);
	exec_function_free(&f);
	assert_int_equal(exec_function_parse("f,s:", &f, &e), 0);
	assert_int_equal(f.arg[0].size, 1);
	exec_function_free(&f);
}

static void wrong_ones(void **state)
{
	static const char *const wrong[] = {"", ",i:1", "f,", "f,i", "f,i:", "f,i:1x", "f,i:--1", "f,I:1",
		"f,b:", "f,b:1", "f,b:0g", "f,o:0", "f,o:65537", "f,o:-1",
		"f,o:65536,s:", "f,i:1,i:1,i:1,i:1,i:1,i:1,i:1", "f,i:18446744073709551616", "f,i:-9223372036854775809",
		"f,x:1"};

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		struct exec_function f;
		struct err e = {0};

		assert_int_equal(exec_function_parse(wrong[i], &f, &e), -EINVAL);
		assert_true(e.text[0]);
	}
}

/* A program with three sections: none, the symbols, their names. */
struct elf {
	Elf64_Ehdr h;
	Elf64_Phdr p;
	Elf64_Shdr s[3];
	Elf64_Sym sym[4];
	char names[32];
};

static const struct elf good = {
	.h = {.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
		.e_type = ET_DYN,
		.e_machine = EM_X86_64,
		.e_version = EV_CURRENT,
		.e_phoff = offsetof(struct elf, p),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = 1,
		.e_ehsize = sizeof(Elf64_Ehdr),
		.e_shoff = offsetof(struct elf, s),
		.e_shentsize = sizeof(Elf64_Shdr),
		.e_shnum = 3},
	.p = {.p_type = PT_LOAD, .p_flags = PF_R | PF_X, .p_filesz = 64, .p_memsz = 4096, .p_align = 4096},
	.s = {{0}, {.sh_type = SHT_SYMTAB, .sh_link = 2, .sh_offset = offsetof(struct elf, sym), .sh_size = 4 * 24},
		{.sh_type = SHT_STRTAB, .sh_offset = offsetof(struct elf, names), .sh_size = 32}},
	.sym = {{0}, {.st_name = 1, .st_info = STT_FUNC, .st_shndx = 1, .st_value = 1},
		{.st_name = 1, .st_info = STB_GLOBAL << 4 | STT_FUNC, .st_shndx = 1, .st_value = 0x123},
		{.st_name = 30, .st_info = STB_GLOBAL << 4 | STT_FUNC, .st_shndx = 1, .st_value = 0x456}},
	.names = "\0open\0",
};

static int find(const struct elf *elf, const char *name, uint64_t *ret)
{
	CLEANUP_FD int fd = kit_file((const uint8_t *)elf, sizeof(*elf));
	struct program_image img = {0};
	struct err e = {0};
	int r = source_open(fd, LOAD_READ, &img.source, &e);

	assert_int_equal(r, 0);
	r = program_symbol_find(&img, name, ret, &e);
	assert_true(!r == !e.text[0]);
	return r;
}

static void symbols(void **state)
{
	struct elf bad;
	uint64_t at = 0;

	assert_int_equal(find(&good, "open", &at), 0);
	assert_int_equal(at, 0x123); /* not the local one */
	assert_int_equal(find(&good, "ope", &at), -ENOENT);
	assert_int_equal(find(&good, "openx", &at), -ENOENT);
	bad = good;
	bad.s[1].sh_link = 3;
	assert_int_equal(find(&bad, "open", &at), -ENOEXEC);
	bad = good;
	bad.s[1].sh_size = 4096;
	assert_int_equal(find(&bad, "open", &at), -ENOEXEC);
	bad = good;
	bad.s[2].sh_offset = UINT64_MAX;
	assert_int_equal(find(&bad, "open", &at), -ENOEXEC);
	bad = good;
	bad.h.e_shoff = UINT64_MAX - 64;
	assert_int_equal(find(&bad, "open", &at), -ENOEXEC);
	bad = good;
	bad.h.e_shentsize = 63;
	assert_int_equal(find(&bad, "open", &at), -ENOEXEC);
	bad = good;
	bad.h.e_shnum = 0;
	assert_int_equal(find(&bad, "open", &at), -ENOENT);
	bad = good;
	bad.sym[2].st_shndx = SHN_UNDEF;
	assert_int_equal(find(&bad, "open", &at), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(arguments),
		cmocka_unit_test(wrong_ones),
		cmocka_unit_test(symbols),
	};

	return run_group(tests);
}
