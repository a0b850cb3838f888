// SPDX-License-Identifier: Apache-2.0
/*
 * Programs without a kernel, raw and as ELF of both classes: where they land, in which mode, and every refusal with its
 * words.
 */
#include "tests/support/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "boot/format_flat.h"
#include "tests/support/image_kit.h"

#define WINDOW    (4 * MIB)
#define SIZE      (1 * MIB)
#define RAM_SIZE  (8 * MIB)
#define ANY       ((struct flat_wish){.load = FLAT_UNSET, .entry = FLAT_UNSET})
#define MODE(m)   ((struct flat_wish){.mode_given = true, .mode = (m), .load = FLAT_UNSET, .entry = FLAT_UNSET})
#define ELF_SIZE  0x400
#define TEXT      0x200
#define TEXT_SIZE 0x100
#define TEXT_AT   0x8000
#define BSS       0x2000
#define ENTRY_AT  (TEXT_AT + 0x10)

/* pread as it fails, through --wrap: the file ends here for it; 0: where fstat says. */
static uint64_t pread_end;

ssize_t __real_pread64(int fd, void *buf, size_t len, off_t at);
ssize_t __wrap_pread64(int fd, void *buf, size_t len, off_t at);

ssize_t __wrap_pread64(int fd, void *buf, size_t len, off_t at)
{
	if (pread_end)
		len = (uint64_t)at < pread_end ? MIN(len, pread_end - (uint64_t)at) : 0;
	return __real_pread64(fd, buf, len, at);
}

/**
 * struct file - what is loaded
 * @size: of @bytes, which are not zero anywhere
 */
struct file {
	size_t size;
	union {
		struct {
			Elf32_Ehdr h;
			Elf32_Phdr ph[3];
		} e32;
		struct {
			Elf64_Ehdr h;
			Elf64_Phdr ph[3];
		} e64;
		uint8_t bytes[2 * MIB];
	};
};

struct fixture {
	struct kit_ram ram;
	struct file file;
	struct flat_image img;
	struct err e;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	pread_end = 0;
	kit_ram_open(&f->ram, RAM_SIZE);
	for (size_t i = 0; i < sizeof(f->file.bytes); i++)
		f->file.bytes[i] = (uint8_t)(1 + i % 251);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	kit_ram_close(&f->ram);
	free(f);
	return 0;
}

/* A static program: a note, text, and data that is all bss behind it. */
#define ELF(bits, class, machine)                                                                                      \
	static void elf##bits(struct file *f)                                                                          \
	{                                                                                                              \
		f->size = ELF_SIZE;                                                                                    \
		f->e##bits.h = (Elf##bits##_Ehdr){                                                                     \
			.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, class, ELFDATA2LSB, EV_CURRENT},               \
			.e_type = ET_EXEC,                                                                             \
			.e_machine = machine,                                                                          \
			.e_version = EV_CURRENT,                                                                       \
			.e_entry = ENTRY_AT,                                                                           \
			.e_phoff = sizeof(Elf##bits##_Ehdr),                                                           \
			.e_ehsize = sizeof(Elf##bits##_Ehdr),                                                          \
			.e_phentsize = sizeof(Elf##bits##_Phdr),                                                       \
			.e_phnum = 3,                                                                                  \
		};                                                                                                     \
		f->e##bits.ph[0] = (Elf##bits##_Phdr){.p_type = PT_NOTE};                                              \
		/* The physical address is for kernels. */                                                             \
		f->e##bits.ph[1] = (Elf##bits##_Phdr){.p_type = PT_LOAD,                                               \
			.p_offset = TEXT,                                                                              \
			.p_vaddr = TEXT_AT,                                                                            \
			.p_paddr = 0x1234,                                                                             \
			.p_filesz = TEXT_SIZE,                                                                         \
			.p_memsz = TEXT_SIZE};                                                                         \
		f->e##bits.ph[2] = (Elf##bits##_Phdr){                                                                 \
			.p_type = PT_LOAD, .p_offset = TEXT, .p_vaddr = TEXT_AT + 0x1000, .p_memsz = BSS};             \
	}

ELF(32, ELFCLASS32, EM_386)
ELF(64, ELFCLASS64, EM_X86_64)

static int load_into(struct fixture *f, struct flat_wish wish, uint64_t gpa, uint64_t size)
{
	CLEANUP_FD int fd = kit_file(f->file.bytes, f->file.size);

	kit_ram_clear(&f->ram);
	memset(&f->img, 0xee, sizeof(f->img));
	f->e.text[0] = '\0';
	return flat_image_load(fd, &wish, &f->ram.mem, gpa, size, &f->img, &f->e);
}

static int load(struct fixture *f, struct flat_wish wish)
{
	return load_into(f, wish, WINDOW, SIZE);
}

static int mode_of(struct fixture *f, struct flat_wish wish, enum entry_mode *ret)
{
	CLEANUP_FD int fd = kit_file(f->file.bytes, f->file.size);

	f->e.text[0] = '\0';
	return flat_image_mode(fd, &wish, ret, &f->e);
}

static bool all_zero(const uint8_t *p, uint64_t len)
{
	for (uint64_t i = 0; i < len; i++)
		if (p[i])
			return false;
	return true;
}

/* The file's bytes [from, +len) are at @at of the window, and nothing is anywhere else. */
static void assert_placed(struct fixture *f, uint64_t at, uint64_t from, uint64_t len)
{
	const uint8_t *ram = f->ram.host;

	assert_memory_equal(ram + WINDOW + at, f->file.bytes + from, len);
	assert_true(all_zero(ram, WINDOW + at));
	assert_true(all_zero(ram + WINDOW + at + len, RAM_SIZE - WINDOW - at - len));
}

/* Refused, with these words, and the result is left alone. */
static void assert_refused_in(struct fixture *f, struct flat_wish wish, uint64_t size, int code, const char *words)
{
	struct flat_image untouched;

	memset(&untouched, 0xee, sizeof(untouched));
	assert_int_equal(load_into(f, wish, WINDOW, size), code);
	if (!strstr(f->e.text, words))
		fail_msg("\"%s\" is not in \"%s\"", words, f->e.text);
	assert_memory_equal(&f->img, &untouched, sizeof(untouched));
}

static void assert_refused(struct fixture *f, struct flat_wish wish, int code, const char *words)
{
	assert_refused_in(f, wish, SIZE, code, words);
}

static void raw_images_go_where_their_mode_says(void **state)
{
	static const struct {
		enum entry_mode mode;
		uint64_t at;
	} cases[] = {{ENTRY_REAL, 0x7c00}, {ENTRY_PROTECTED, 0x1000}, {ENTRY_LONG, 0x1000}};
	struct fixture *f = *state;

	f->file.size = 0x321;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(load(f, MODE(cases[i].mode)), 0);
		assert_placed(f, cases[i].at, 0, 0x321);
		assert_int_equal(f->img.mode, cases[i].mode);
		assert_int_equal(f->img.start, cases[i].at);
		assert_int_equal(f->img.end, cases[i].at + 0x321);
		assert_int_equal(f->img.entry, cases[i].at);
		assert_string_equal(f->e.text, "");
	}
	/* A raw image says nothing about itself. */
	assert_int_equal(load(f, ANY), 0);
	assert_int_equal(f->img.mode, ENTRY_REAL);
}

static void the_operator_says_where_a_raw_image_goes_and_starts(void **state)
{
	struct flat_wish wish = MODE(ENTRY_LONG);
	struct fixture *f = *state;

	f->file.size = 0x1000;
	wish.load = 0x2468;
	wish.entry = 0x2470;
	assert_int_equal(load(f, wish), 0);
	assert_placed(f, 0x2468, 0, 0x1000);
	assert_int_equal(f->img.start, 0x2468);
	assert_int_equal(f->img.entry, 0x2470);
	/* Address 0, up to the last byte of the window, and an entry outside of the image. */
	f->file.size = SIZE;
	wish.load = 0;
	wish.entry = SIZE - 1;
	assert_int_equal(load(f, wish), 0);
	assert_placed(f, 0, 0, SIZE);
	assert_int_equal(f->img.end, SIZE);
	assert_int_equal(f->img.entry, SIZE - 1);
}

static void a_raw_image_stays_in_its_window(void **state)
{
	struct flat_wish wish = MODE(ENTRY_LONG);
	struct fixture *f = *state;

	f->file.size = SIZE - 0x1000 + 1;
	assert_refused(
		f, wish, -EFBIG, "load address 0x1000: 1044481 do not fit the 1020K that are left in its window");
	assert_true(all_zero(f->ram.host, RAM_SIZE));
	f->file.size = 1;
	wish.load = SIZE;
	assert_refused(f, wish, -EINVAL, "load address 0x100000 is outside its window, 0x0 to 0xfffff");
	wish.load = UINT64_MAX - 1;
	assert_refused(f, wish, -EINVAL, "load address 0xfffffffffffffffe is outside its window");
	wish.load = SIZE - 1;
	wish.entry = SIZE;
	assert_refused(f, wish, -EINVAL, "entry 0x100000 is outside its window");
	wish.entry = FLAT_UNSET;
	assert_int_equal(load(f, wish), 0);
}

static void real_mode_has_what_its_segments_reach(void **state)
{
	struct flat_wish wish = MODE(ENTRY_REAL);
	struct fixture *f = *state;

	/* Above the interrupt vectors, below the video memory. */
	f->file.size = FLAT_REAL_END - FLAT_LOAD_REAL;
	assert_int_equal(load(f, wish), 0);
	assert_int_equal(f->img.end, FLAT_REAL_END);
	f->file.size++;
	assert_refused(f, wish, -EFBIG, "load address 0x7c00: ");
	f->file.size = 1;
	wish.load = FLAT_REAL_RESERVED;
	assert_int_equal(load(f, wish), 0);
	assert_int_equal(f->img.entry, 0x600);
	wish.load--;
	assert_refused(f, wish, -EINVAL, "load address 0x5ff is outside its window, 0x600 to 0x9ffff");
	/* It starts in segment 0. */
	wish.load = 0x10000;
	assert_refused(f, wish, -EINVAL, "entry 0x10000 is outside its window, 0x600 to 0xffff");
	wish.entry = 0xffff;
	assert_int_equal(load(f, wish), 0);
	wish.entry = 0x5ff;
	assert_refused(f, wish, -EINVAL, "entry 0x5ff is outside its window");
	/* A window that ends before its segments do. */
	wish = MODE(ENTRY_REAL);
	wish.load = 0xf000;
	wish.entry = 0xfff0;
	f->file.size = 0x1000;
	assert_int_equal(load_into(f, wish, WINDOW, 0x10000), 0);
	f->file.size++;
	assert_refused_in(f, wish, 0x10000, -EFBIG, "load address 0xf000: 4097 do not fit the 4K");
	assert_refused_in(f, wish, 0x8000, -EINVAL, "load address 0xf000 is outside its window, 0x600 to 0x7fff");
}

static void an_elf_says_its_mode_and_goes_to_its_virtual_addresses(void **state)
{
	struct fixture *f = *state;
	enum entry_mode mode;

	elf64(&f->file);
	assert_int_equal(mode_of(f, ANY, &mode), 0);
	assert_int_equal(mode, ENTRY_LONG);
	assert_int_equal(load(f, ANY), 0);
	assert_placed(f, TEXT_AT, TEXT, TEXT_SIZE);
	assert_int_equal(f->img.mode, ENTRY_LONG);
	assert_int_equal(f->img.start, TEXT_AT);
	assert_int_equal(f->img.end, TEXT_AT + 0x1000 + BSS);
	assert_int_equal(f->img.entry, ENTRY_AT);

	elf32(&f->file);
	assert_int_equal(mode_of(f, ANY, &mode), 0);
	assert_int_equal(mode, ENTRY_PROTECTED);
	assert_int_equal(load(f, ANY), 0);
	assert_placed(f, TEXT_AT, TEXT, TEXT_SIZE);
	assert_int_equal(f->img.mode, ENTRY_PROTECTED);
	assert_int_equal(f->img.start, TEXT_AT);
	assert_int_equal(f->img.end, TEXT_AT + 0x1000 + BSS);
	assert_int_equal(f->img.entry, ENTRY_AT);

	/* An i386 ELF may also be for real mode; segments come in any order. */
	f->file.e32.ph[0] = f->file.e32.ph[2];
	f->file.e32.ph[2].p_type = PT_NULL;
	assert_int_equal(load(f, MODE(ENTRY_REAL)), 0);
	assert_int_equal(f->img.mode, ENTRY_REAL);
	assert_int_equal(f->img.start, TEXT_AT);
	assert_int_equal(f->img.end, TEXT_AT + 0x1000 + BSS);
	f->file.e32.ph[1].p_vaddr = 0x5ff;
	assert_refused(f, MODE(ENTRY_REAL), -EINVAL, "ELF segment 1 at 0x5ff is outside its window, 0x600 to 0x9ffff");
	f->file.e32.ph[1].p_vaddr = 0x1000;
	f->file.e32.h.e_entry = 0x10000;
	assert_refused(f, MODE(ENTRY_REAL), -EINVAL, "entry 0x10000 is outside its window, 0x600 to 0xffff");
}

static void a_wish_that_contradicts_an_elf_is_refused(void **state)
{
	struct fixture *f = *state;
	struct flat_wish wish = ANY;
	enum entry_mode mode = (enum entry_mode)77;

	elf64(&f->file);
	assert_refused(f, MODE(ENTRY_PROTECTED), -EINVAL,
		"mode=protected: this is an ELF of 64 bits, which runs in long mode");
	assert_refused(f, MODE(ENTRY_REAL), -EINVAL, "mode=real: this is an ELF of 64 bits, which runs in long mode");
	assert_int_equal(mode_of(f, MODE(ENTRY_REAL), &mode), -EINVAL);
	assert_int_equal(mode, 77);
	assert_int_equal(load(f, MODE(ENTRY_LONG)), 0);
	wish.load = 0x1000;
	assert_refused(f, wish, -EINVAL, "load=0x1000: an ELF says itself where it goes");
	wish = ANY;
	wish.entry = TEXT_AT + 0x20;
	assert_int_equal(load(f, wish), 0);
	assert_int_equal(f->img.entry, TEXT_AT + 0x20);
	wish.entry = SIZE;
	assert_refused(f, wish, -EINVAL, "entry 0x100000 is outside its window");
	elf32(&f->file);
	assert_refused(f, MODE(ENTRY_LONG), -EINVAL,
		"mode=long: this is an ELF of 32 bits, which runs in protected (or real) mode");
}

static void parts_of_an_elf_that_load_nothing_are_nothing(void **state)
{
	struct fixture *f = *state;

	elf64(&f->file);
	f->file.e64.ph[0] = (Elf64_Phdr){.p_type = PT_LOAD, .p_vaddr = UINT64_MAX, .p_offset = UINT64_MAX};
	f->file.e64.ph[2] = (Elf64_Phdr){.p_type = PT_GNU_STACK, .p_memsz = UINT64_MAX, .p_vaddr = 1};
	assert_int_equal(load(f, ANY), 0);
	assert_placed(f, TEXT_AT, TEXT, TEXT_SIZE);
	assert_int_equal(f->img.start, TEXT_AT);
	assert_int_equal(f->img.end, TEXT_AT + TEXT_SIZE);
	/* The whole window, and its program headers at the file's end. */
	memcpy(f->file.bytes + ELF_SIZE - sizeof(f->file.e64.ph), f->file.e64.ph, sizeof(f->file.e64.ph));
	f->file.e64.h.e_phoff = ELF_SIZE - sizeof(f->file.e64.ph);
	((Elf64_Phdr *)(f->file.bytes + f->file.e64.h.e_phoff))[2] = (Elf64_Phdr){
		.p_type = PT_LOAD, .p_vaddr = 0, .p_memsz = SIZE, .p_offset = ELF_SIZE};
	assert_int_equal(load(f, ANY), 0);
	assert_int_equal(f->img.start, 0);
	assert_int_equal(f->img.end, SIZE);
}

/* Each spoils a good ELF in one place. */
#define SPOIL(name, what)                                                                                              \
	static void spoil_##name(struct file *f)                                                                       \
	{                                                                                                              \
		what;                                                                                                  \
	}
SPOIL(class, f->e64.h.e_ident[EI_CLASS] = 3)
SPOIL(class_none, f->e64.h.e_ident[EI_CLASS] = ELFCLASSNONE)
SPOIL(big_endian, f->e64.h.e_ident[EI_DATA] = ELFDATA2MSB)
SPOIL(machine, f->e64.h.e_machine = EM_AARCH64)
SPOIL(x32, f->e64.h.e_machine = EM_386)
SPOIL(machine32, elf32(f); f->e32.h.e_machine = EM_X86_64)
SPOIL(pie, f->e64.h.e_type = ET_DYN)
SPOIL(object, f->e64.h.e_type = ET_REL)
SPOIL(cut, f->size = sizeof(Elf64_Ehdr) - 1)
SPOIL(cut32, elf32(f); f->size = sizeof(Elf32_Ehdr) - 1)
SPOIL(magic_only, f->size = SELFMAG)
SPOIL(no_phdrs, f->e64.h.e_phnum = 0)
SPOIL(many_phdrs, f->e64.h.e_phnum = 33)
SPOIL(phentsize, f->e64.h.e_phentsize = sizeof(Elf32_Phdr))
SPOIL(phentsize32, elf32(f); f->e32.h.e_phentsize = sizeof(Elf64_Phdr))
SPOIL(phoff, f->e64.h.e_phoff = ELF_SIZE + 1)
SPOIL(phoff_wraps, f->e64.h.e_phoff = UINT64_MAX)
SPOIL(phdrs_cut, f->e64.h.e_phoff = ELF_SIZE - 3 * sizeof(Elf64_Phdr) + 1)
SPOIL(phdrs_cut32, elf32(f); f->e32.h.e_phoff = ELF_SIZE - 3 * sizeof(Elf32_Phdr) + 1)
SPOIL(interp, f->e64.ph[0].p_type = PT_INTERP)
SPOIL(interp32, elf32(f); f->e32.ph[2].p_type = PT_INTERP)
SPOIL(no_load, f->e64.ph[1].p_type = f->e64.ph[2].p_type = PT_NOTE)
SPOIL(filesz, f->e64.ph[1].p_filesz = TEXT_SIZE + 1)
SPOIL(offset, f->e64.ph[1].p_offset = ELF_SIZE + 1)
SPOIL(offset_cut, f->e64.ph[1].p_offset = ELF_SIZE - TEXT_SIZE + 1)
SPOIL(offset_wraps, f->e64.ph[1].p_offset = UINT64_MAX - 8)
SPOIL(vaddr, f->e64.ph[1].p_vaddr = SIZE)
SPOIL(vaddr_end, f->e64.ph[1].p_vaddr = SIZE - TEXT_SIZE + 1)
SPOIL(vaddr_wraps, f->e64.ph[1].p_vaddr = UINT64_MAX - 8)
SPOIL(memsz, f->e64.ph[2].p_memsz = SIZE)
SPOIL(memsz_wraps, f->e64.ph[2].p_memsz = UINT64_MAX)
SPOIL(entry, f->e64.h.e_entry = SIZE)

static void broken_elfs_are_refused_with_the_reason(void **state)
{
	static const struct {
		void (*spoil)(struct file *f);
		int code;
		const char *words;
	} cases[] = {
		{spoil_class, -ENOEXEC, "broken ELF header: class 3, byte order 1"},
		{spoil_class_none, -ENOEXEC, "broken ELF header: class 0, byte order 1"},
		{spoil_big_endian, -ENOEXEC, "broken ELF header: class 2, byte order 2"},
		{spoil_machine, -ENOEXEC, "an ELF of 64 bits for machine 183: i386 (3) or x86-64 (62) is needed"},
		{spoil_x32, -ENOEXEC, "an ELF of 64 bits for machine 3"},
		{spoil_machine32, -ENOEXEC, "an ELF of 32 bits for machine 62"},
		{spoil_pie, -ENOEXEC, "an ELF of type 3: a static program at fixed addresses (2) is needed"},
		{spoil_object, -ENOEXEC, "an ELF of type 1: a static program"},
		{spoil_cut, -ENOEXEC, "truncated: an ELF header takes more than its 63 bytes"},
		{spoil_cut32, -ENOEXEC, "truncated: an ELF header takes more than its 51 bytes"},
		{spoil_magic_only, -ENOEXEC, "truncated: an ELF header takes more than its 4 bytes"},
		{spoil_no_phdrs, -ENOEXEC, "broken ELF header: 0 program headers of 56 bytes"},
		{spoil_many_phdrs, -ENOEXEC, "broken ELF header: 33 program headers of 56 bytes"},
		{spoil_phentsize, -ENOEXEC, "broken ELF header: 3 program headers of 32 bytes"},
		{spoil_phentsize32, -ENOEXEC, "broken ELF header: 3 program headers of 56 bytes"},
		{spoil_phoff, -ENOEXEC, "its program headers lie past its end"},
		{spoil_phoff_wraps, -ENOEXEC, "its program headers lie past its end"},
		{spoil_phdrs_cut, -ENOEXEC, "its program headers lie past its end"},
		{spoil_phdrs_cut32, -ENOEXEC, "its program headers lie past its end"},
		{spoil_interp, -ENOEXEC, "ELF segment 0: a dynamically linked program: nothing here could load"},
		{spoil_interp32, -ENOEXEC, "ELF segment 2: a dynamically linked program"},
		{spoil_no_load, -ENOEXEC, "no PT_LOAD segment in this ELF: there is nothing to load"},
		{spoil_filesz, -ENOEXEC, "ELF segment 1 has bytes past the end of the file"},
		{spoil_offset, -ENOEXEC, "ELF segment 1 has bytes past the end of the file"},
		{spoil_offset_cut, -ENOEXEC, "ELF segment 1 has bytes past the end of the file"},
		{spoil_offset_wraps, -ENOEXEC, "ELF segment 1 has bytes past the end of the file"},
		{spoil_vaddr, -EINVAL, "ELF segment 1 at 0x100000 is outside its window, 0x0 to 0xfffff"},
		{spoil_vaddr_end, -EFBIG, "ELF segment 1 at 0xfff01: 256 do not fit the 255 that are left"},
		{spoil_vaddr_wraps, -EINVAL, "ELF segment 1 at 0xfffffffffffffff7 is outside its window"},
		{spoil_memsz, -EFBIG, "ELF segment 2 at 0x9000: 1M do not fit"},
		{spoil_memsz_wraps, -EFBIG, "ELF segment 2 at 0x9000: "},
		{spoil_entry, -EINVAL, "entry 0x100000 is outside its window"},
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		elf64(&f->file);
		cases[i].spoil(&f->file);
		assert_refused(f, ANY, cases[i].code, cases[i].words);
	}
}

static void what_is_no_file_is_refused(void **state)
{
	struct fixture *f = *state;
	CLEANUP_FD int dir = open("/", O_RDONLY | O_CLOEXEC);
	CLEANUP_FD int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	const int fds[] = {-1, dir, null};
	const int codes[] = {-EBADF, -EISDIR, -EINVAL};
	struct flat_wish wish = ANY;
	enum entry_mode mode;

	f->file.size = 0;
	assert_refused(f, ANY, -EINVAL, "is empty");
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		assert_int_equal(flat_image_load(fds[i], &wish, &f->ram.mem, WINDOW, SIZE, &f->img, &f->e), codes[i]);
		assert_int_equal(flat_image_mode(fds[i], &wish, &mode, &f->e), codes[i]);
	}
}

/* At the header, at a program header, at a segment; and a raw image. */
static void a_file_that_shrinks_while_read_is_told(void **state)
{
	static const uint64_t ends[] = {1, sizeof(Elf32_Ehdr) + 10, sizeof(Elf64_Ehdr) + 10, TEXT + 1};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
		pread_end = ends[i];
		elf64(&f->file);
		assert_refused(f, ANY, -EIO, "while being read: was it cut meanwhile?");
		elf32(&f->file);
		assert_refused(f, ANY, -EIO, "while being read: was it cut meanwhile?");
	}
	memset(f->file.bytes, 0x90, sizeof(f->file.bytes));
	f->file.size = 0x800;
	pread_end = 0x700;
	assert_refused(f, ANY, -EIO, "ended at byte 1792 while being read");
}

/* The caller promises that the window is RAM; were it not, that is an error and no crash. */
static void a_window_that_is_not_ram_is_an_error(void **state)
{
	struct fixture *f = *state;

	f->file.size = 0x100;
	assert_int_equal(load_into(f, ANY, RAM_SIZE, SIZE), -EFAULT);
	elf64(&f->file);
	assert_int_equal(load_into(f, ANY, RAM_SIZE, SIZE), -EFAULT);
}

static void modes_have_names(void **state)
{
	assert_string_equal(flat_mode_name(ENTRY_REAL), "real");
	assert_string_equal(flat_mode_name(ENTRY_PROTECTED), "protected");
	assert_string_equal(flat_mode_name(ENTRY_LONG), "long");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(raw_images_go_where_their_mode_says),
		TEST(the_operator_says_where_a_raw_image_goes_and_starts),
		TEST(a_raw_image_stays_in_its_window),
		TEST(real_mode_has_what_its_segments_reach),
		TEST(an_elf_says_its_mode_and_goes_to_its_virtual_addresses),
		TEST(a_wish_that_contradicts_an_elf_is_refused),
		TEST(parts_of_an_elf_that_load_nothing_are_nothing),
		TEST(broken_elfs_are_refused_with_the_reason),
		TEST(what_is_no_file_is_refused),
		TEST(a_file_that_shrinks_while_read_is_told),
		TEST(a_window_that_is_not_ram_is_an_error),
		TEST(modes_have_names),
	};

	return run_group(tests);
}
