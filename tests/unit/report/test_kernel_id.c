// SPDX-License-Identifier: Apache-2.0
/* Which kernel a file is: made-up ELF files and headers of bzImages, whole, forged and cut short. */
#include <elf.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/support/unit.h"
#include "vmm/base/util.h"
#include "vmm/report/kernel_id.h"

#define VERSION "Linux version 6.1.0-57 (builder@host) #1 SMP"
#define TEXT_AT 4096
#define SIZE    65536

static struct {
	Elf64_Ehdr h;
	Elf64_Phdr ph[2];
	Elf64_Nhdr first;
	char xen[4];
	uint32_t version;
	Elf64_Nhdr note;
	char gnu[4];
	uint8_t id[20];
	char rest[SIZE - 512];
} __attribute__((packed)) file;

static void make_elf(size_t text_at)
{
	memset(&file, 0, sizeof(file));
	memcpy(file.h.e_ident, ELFMAG, SELFMAG);
	file.h.e_ident[EI_CLASS] = ELFCLASS64;
	file.h.e_phoff = sizeof(file.h);
	file.h.e_phnum = 2;
	file.ph[0] = (Elf64_Phdr){.p_type = PT_LOAD, .p_offset = TEXT_AT, .p_filesz = SIZE / 2};
	file.ph[1] = (Elf64_Phdr){
		.p_type = PT_NOTE, .p_offset = offsetof(typeof(file), first), .p_filesz = 16 + 4 + 36};
	file.first = (Elf64_Nhdr){.n_namesz = 4, .n_descsz = 4, .n_type = 18};
	memcpy(file.xen, "Xen", 4);
	file.note = (Elf64_Nhdr){.n_namesz = 4, .n_descsz = 20, .n_type = NT_GNU_BUILD_ID};
	memcpy(file.gnu, "GNU", 4);
	for (unsigned i = 0; i < 20; i++)
		file.id[i] = (uint8_t)(0xa0 + i);
	/* The format that the kernel has as well comes first. */
	strcpy((char *)&file + TEXT_AT, "Linux version %s");
	strcpy((char *)&file + TEXT_AT + 40, "Linux version 6.1.0-57 (builder@host) # SMP");
	strcpy((char *)&file + TEXT_AT + text_at, VERSION "\nmore");
}

static struct kernel_id read_back(const void *data, size_t size)
{
	int fd = memfd_create("kernel", MFD_CLOEXEC);
	struct kernel_id id;

	assert_int_equal(write(fd, data, size), (ssize_t)size);
	kernel_id_read(fd, size, &id);
	close(fd);
	return id;
}

static void an_elf_file(void **state)
{
	/* Also across the windows in which it is searched. */
	for (size_t at = 100; at < 24000; at += 13) {
		struct kernel_id id;

		make_elf(at);
		id = read_back(&file, sizeof(file));
		assert_string_equal(id.format, "elf");
		assert_int_equal(id.size, sizeof(file));
		assert_string_equal(id.build_id, "a0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3");
		assert_string_equal(id.version, VERSION);
	}
}

static void forged_ones(void **state)
{
	struct kernel_id id;

	make_elf(100);
	file.note.n_descsz = 33;
	assert_string_equal(read_back(&file, sizeof(file)).build_id, "");
	make_elf(100);
	file.note.n_descsz = UINT32_MAX;
	assert_string_equal(read_back(&file, sizeof(file)).build_id, "");
	make_elf(100);
	file.first.n_namesz = UINT32_MAX;
	assert_string_equal(read_back(&file, sizeof(file)).build_id, "");
	make_elf(100);
	file.ph[1].p_filesz = UINT64_MAX;
	assert_string_equal(read_back(&file, sizeof(file)).build_id, "a0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3");
	make_elf(100);
	file.ph[0].p_offset = UINT64_MAX;
	assert_string_equal(read_back(&file, sizeof(file)).version, "");
	make_elf(100);
	file.h.e_phoff = UINT64_MAX - 3;
	id = read_back(&file, sizeof(file));
	assert_string_equal(id.version, "");
	assert_string_equal(id.build_id, "");
	file.h.e_phnum = UINT16_MAX;
	file.h.e_phoff = 0;
	read_back(&file, sizeof(file));
	/* Cut short anywhere. */
	make_elf(100);
	for (size_t size = 1; size < 600; size++)
		read_back(&file, size);
}

static void a_bzimage(void **state)
{
	static char image[SIZE];
	struct kernel_id id;

	memcpy(image + 0x202, "HdrS", 4);
	image[0x20f] = 0x30;
	strcpy(image + 0x3200, "6.12.1 (builder) #1 SMP");
	id = read_back(image, sizeof(image));
	assert_string_equal(id.format, "bzImage");
	assert_string_equal(id.version, "6.12.1 (builder) #1 SMP");
	assert_string_equal(id.build_id, "");
	assert_string_equal(read_back(image, 0x3000).version, "");
	image[0x20f] = 0;
	assert_string_equal(read_back(image, sizeof(image)).version, "");
}

static void none(void **state)
{
	struct kernel_id id;

	kernel_id_read(-1, 0, &id);
	assert_string_equal(id.format, "other");
	assert_string_equal(read_back("x", 1).format, "other");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_elf_file),
		cmocka_unit_test(forged_ones),
		cmocka_unit_test(a_bzimage),
		cmocka_unit_test(none),
	};

	return run_group(tests);
}
