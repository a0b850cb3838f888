// SPDX-License-Identifier: Apache-2.0
/*
 * The test's own executable is the ELF file with a symbol table; broken tables are made by hand in a memfd.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/support/unit.h"
#include "vmm/base/trace.h"
#include "vmm/base/util.h"
#include "vmm/debug/symbols.h"

#define NEVER UINT64_MAX

static const char names[] = "\0startup_64\0do_\x1b[31mevil\0label";

struct image {
	Elf64_Ehdr eh;
	Elf64_Shdr sh[3];
	Elf64_Sym sym[4];
	char str[sizeof(names)];
};

static struct image good_image(void)
{
	struct image i = {
		.eh = {.e_shoff = offsetof(struct image, sh), .e_shentsize = sizeof(Elf64_Shdr), .e_shnum = 3},
		.sh[1] = {.sh_type = SHT_SYMTAB,
			.sh_offset = offsetof(struct image, sym),
			.sh_size = sizeof(i.sym),
			.sh_link = 2},
		.sh[2] = {.sh_type = SHT_STRTAB, .sh_offset = offsetof(struct image, str), .sh_size = sizeof(names)},
		.sym[1] = {.st_name = 1,
			.st_info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC),
			.st_shndx = 1,
			.st_value = 0x1000},
		.sym[2] = {.st_name = 12,
			.st_info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC),
			.st_shndx = 1,
			.st_value = 0x2000},
		.sym[3] = {.st_name = 25,
			.st_info = ELF64_ST_INFO(STB_LOCAL, STT_NOTYPE),
			.st_shndx = 1,
			.st_value = 0x1000},
	};

	memcpy(i.eh.e_ident, ELFMAG, SELFMAG);
	i.eh.e_ident[EI_CLASS] = ELFCLASS64;
	memcpy(i.str, names, sizeof(names));
	return i;
}

static int file_of(const void *data, size_t size)
{
	int fd = memfd_create("symbols", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, size), (ssize_t)size);
	return fd;
}

static void the_nearest_function_below_is_named(void **state)
{
	struct image i = good_image();
	CLEANUP_FD int fd = file_of(&i, sizeof(i));
	struct symbol s[] = {{.address = 0x1000}, {.address = 0x1fff}, {.address = 0xfff}, {.address = 0x2001}};

	assert_int_equal(symbols_resolve(fd, s, ARRAY_SIZE(s), NEVER), 0);
	assert_string_equal(s[0].name, "startup_64");
	assert_int_equal(s[0].offset, 0);
	assert_string_equal(s[1].name, "startup_64");
	assert_int_equal(s[1].offset, 0xfff);
	assert_string_equal(s[2].name, "");
	assert_int_equal(s[3].offset, 1);
}

static void a_name_cannot_send_escape_sequences(void **state)
{
	struct image i = good_image();
	CLEANUP_FD int fd = file_of(&i, sizeof(i));
	struct symbol s = {.address = 0x2000};

	assert_int_equal(symbols_resolve(fd, &s, 1, NEVER), 0);
	assert_string_equal(s.name, "do_?[31mevil");
}

static void a_file_without_a_table_says_so(void **state)
{
	struct image i = good_image();
	CLEANUP_FD int text = file_of("just text", 9);
	struct symbol s = {.address = 0x2000};

	assert_int_equal(symbols_resolve(text, &s, 1, NEVER), -ENODATA);
	i.sh[1].sh_type = SHT_PROGBITS;
	CLEANUP_FD int none = file_of(&i, sizeof(i));

	assert_int_equal(symbols_resolve(none, &s, 1, NEVER), -ENOENT);
	i.eh.e_ident[EI_CLASS] = ELFCLASS32;
	CLEANUP_FD int elf32 = file_of(&i, sizeof(i));

	assert_int_equal(symbols_resolve(elf32, &s, 1, NEVER), -ENOEXEC);
}

static void wild_offsets_name_nothing(void **state)
{
	static const uint64_t wild[] = {0, 1, UINT64_MAX, UINT64_MAX - 8, INT64_MAX, 1u << 30};

	for (size_t n = 0; n < ARRAY_SIZE(wild); n++) {
		struct symbol s = {.address = 0x1010};
		struct image i = good_image();

		i.sh[1].sh_offset = wild[n];
		CLEANUP_FD int a = file_of(&i, sizeof(i));

		symbols_resolve(a, &s, 1, NEVER);
		assert_true(strlen(s.name) < SYMBOL_NAME_MAX);
		i = good_image();
		i.sh[2].sh_offset = wild[n];
		i.sh[2].sh_size = UINT64_MAX;
		CLEANUP_FD int b = file_of(&i, sizeof(i));

		symbols_resolve(b, &s, 1, NEVER);
		assert_true(strlen(s.name) < SYMBOL_NAME_MAX);
		i = good_image();
		i.eh.e_shoff = wild[n];
		i.eh.e_shnum = 0xffff;
		CLEANUP_FD int c = file_of(&i, sizeof(i));

		assert_true(symbols_resolve(c, &s, 1, NEVER) < 0);
		assert_string_equal(s.name, "");
	}
}

static void a_table_cut_short_is_read_as_far_as_it_goes(void **state)
{
	struct image i = good_image();

	for (size_t len = 0; len < sizeof(i); len++) {
		CLEANUP_FD int fd = file_of(&i, len);
		struct symbol s = {.address = 0x1010};

		symbols_resolve(fd, &s, 1, NEVER);
		assert_true(!s.name[0] || !strncmp(s.name, "startup_64", strlen(s.name)));
	}
}

/* Files that only claim a table cost the end of a run nothing: 64 GiB of holes took 53 s. */
static void a_table_is_read_within_its_bounds(void **state)
{
	static const uint64_t sizes[] = {SYMBOLS_TABLE_MAX, SYMBOLS_TABLE_MAX + 1, UINT64_C(64) << 30, UINT64_MAX};

	for (size_t n = 0; n < ARRAY_SIZE(sizes); n++) {
		struct image i = good_image();
		struct symbol s = {.address = 0x1010, .name = "stale"};

		i.sh[1].sh_size = sizes[n];
		CLEANUP_FD int fd = file_of(&i, sizeof(i));

		assert_int_equal(ftruncate(fd, INT64_C(65) << 30), 0);
		assert_int_equal(symbols_resolve(fd, &s, 1, NEVER), sizes[n] <= SYMBOLS_TABLE_MAX ? 0 : -EFBIG);
		assert_string_equal(s.name, sizes[n] <= SYMBOLS_TABLE_MAX ? "startup_64" : "");
	}
}

/* As many addresses as a guest has CPUs multiply the work: the deadline ends it, and half a table names nothing. */
static void a_deadline_ends_the_search(void **state)
{
	const uint64_t limit_ns = UINT64_C(1000000); /* to read so much takes longer, on any machine */
	struct symbol s[254] = {{.address = 0x1010}};
	struct image i = good_image();
	uint64_t start;

	i.sh[1].sh_size = SYMBOLS_TABLE_MAX;
	CLEANUP_FD int fd = file_of(&i, sizeof(i));

	assert_int_equal(ftruncate(fd, INT64_C(1) << 30), 0);
	start = trace_now_ns();
	assert_int_equal(symbols_resolve(fd, s, ARRAY_SIZE(s), start + limit_ns), -ETIME);
	assert_true(trace_now_ns() - start >= limit_ns);
	assert_string_equal(s[0].name, "");
	assert_int_equal(symbols_resolve(fd, s, 1, start), -ETIME);
	assert_string_equal(s[0].name, "");
}

static void our_own_executable_is_readable(void **state)
{
	CLEANUP_FD int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	struct symbol s = {.address = UINT64_MAX};

	assert_true(fd >= 0);
	assert_int_equal(symbols_resolve(fd, &s, 1, NEVER), 0);
	assert_true(s.name[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_nearest_function_below_is_named),
		cmocka_unit_test(a_name_cannot_send_escape_sequences),
		cmocka_unit_test(a_file_without_a_table_says_so),
		cmocka_unit_test(wild_offsets_name_nothing),
		cmocka_unit_test(a_table_cut_short_is_read_as_far_as_it_goes),
		cmocka_unit_test(a_table_is_read_within_its_bounds),
		cmocka_unit_test(a_deadline_ends_the_search),
		cmocka_unit_test(our_own_executable_is_readable),
	};

	return run_group(tests);
}
