// SPDX-License-Identifier: Apache-2.0
#include "tests/support/kernel_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>

#define RAM_SIZE (32 * MIB)

/*
 * The host as it fails, through --wrap. meson asks for 64-bit file offsets, and then the C library's names are those
 * with 64 at the end.
 */
static struct {
	int mmap_fails;     /* errno for mappings of files, 0: work */
	bool mmap_unmaps;   /* a failing one takes the old mapping away first */
	size_t pread_max;   /* bytes at a time, 0: as many as there are */
	bool pread_eintr;   /* every second read is interrupted */
	bool interrupted;   /* the last one was */
	uint64_t pread_end; /* the file ends here for pread, 0: where fstat says */
} host;

void *__real_mmap64(void *at, size_t len, int prot, int flags, int fd, off_t offset);
void *__wrap_mmap64(void *at, size_t len, int prot, int flags, int fd, off_t offset);
ssize_t __real_pread64(int fd, void *buf, size_t len, off_t at);
ssize_t __wrap_pread64(int fd, void *buf, size_t len, off_t at);

void *__wrap_mmap64(void *at, size_t len, int prot, int flags, int fd, off_t offset)
{
	if (fd < 0 || !host.mmap_fails)
		return __real_mmap64(at, len, prot, flags, fd, offset);
	if (host.mmap_unmaps)
		munmap(at, len);
	errno = host.mmap_fails;
	return MAP_FAILED;
}

ssize_t __wrap_pread64(int fd, void *buf, size_t len, off_t at)
{
	if (host.pread_eintr && (host.interrupted = !host.interrupted)) {
		errno = EINTR;
		return -1;
	}
	if (host.pread_max)
		len = MIN(len, host.pread_max);
	if (host.pread_end)
		len = (uint64_t)at < host.pread_end ? MIN(len, host.pread_end - (uint64_t)at) : 0;
	return __real_pread64(fd, buf, len, at);
}

static int setup(void **state)
{
	memset(&host, 0, sizeof(host));
	return fixture_open(state, RAM_SIZE);
}

/* Load the first len bytes of the image. */
static int load_cut(struct fixture *f, size_t len, enum load_how how)
{
	return fixture_load(f, f->elf.bytes, len, how);
}

static int load(struct fixture *f, enum load_how how)
{
	return load_cut(f, sizeof(f->elf.bytes), how);
}

static void assert_refused(struct fixture *f, int code, const char *words)
{
	assert_refused_bytes(f, f->elf.bytes, sizeof(f->elf.bytes), code, words);
}

static bool all_zero(const uint8_t *p, uint64_t len)
{
	for (uint64_t i = 0; i < len; i++)
		if (p[i])
			return false;
	return true;
}

static void assert_loaded_at(struct fixture *f, uint64_t text, uint64_t data)
{
	const uint8_t *ram = f->ram.host;

	assert_memory_equal(ram + text, f->elf.bytes + KIT_TEXT_OFFSET, KIT_TEXT_SIZE);
	assert_memory_equal(ram + data, f->elf.bytes + KIT_DATA_OFFSET, KIT_DATA_FILE_SIZE);
	assert_true(all_zero(ram + text + KIT_TEXT_SIZE, data - text - KIT_TEXT_SIZE));
	assert_true(all_zero(ram + data + KIT_DATA_FILE_SIZE, 0x10000));
	assert_true(all_zero(ram, text));
}

static void a_vmlinux_is_loaded_by_reading(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(load(f, LOAD_READ), 0);
	assert_loaded_at(f, KIT_TEXT_GPA, KIT_DATA_GPA);
	assert_string_equal(f->k.format, "ELF");
	assert_int_equal(f->k.start, KIT_TEXT_GPA);
	assert_int_equal(f->k.end, KIT_ELF_END);
	assert_int_equal(boot_offer(&f->k)->entry, KIT_ENTRY);
	assert_int_equal(f->k.offer[BOOT_LINUX64].header_size, 0);
	assert_true(f->k.file_addresses);
	assert_int_equal(f->k.mapped_bytes, 0);
	assert_int_equal(f->k.copied_bytes, KIT_TEXT_SIZE + KIT_DATA_FILE_SIZE);
	assert_int_equal(f->ram.mem.file_lo, f->ram.mem.file_hi);
}

/* A hole in the middle of the text, and one from the data to the end of the file. */
static void holes_are_not_read(void **state)
{
	struct fixture *f = *state;
	const uint64_t hole = KIT_TEXT_OFFSET + 0x1000, tail = KIT_DATA_OFFSET + 0x1000;
	CLEANUP_FD int fd = kit_file(f->elf.bytes, hole);
	uint8_t *text = f->ram.host + KIT_TEXT_GPA, *data = f->ram.host + KIT_DATA_GPA;

	assert_int_equal(pwrite(fd, f->elf.bytes + hole + 0x1000, tail - hole - 0x1000, (off_t)(hole + 0x1000)),
		tail - hole - 0x1000);
	assert_int_equal(ftruncate(fd, KIT_ELF_SIZE), 0);
	for (unsigned how = LOAD_READ; how <= LOAD_MAP; how++) {
		kit_ram_clear(&f->ram);
		text[0x1000] = data[0x1000] = 0xaa;
		memset(&f->k, 0, sizeof(f->k));
		assert_int_equal(boot_load(&f->ram.mem, fd, how, &f->k, &f->e), 0);
		assert_memory_equal(text, f->elf.bytes + KIT_TEXT_OFFSET, 0x1000);
		assert_memory_equal(text + 0x2000, f->elf.bytes + KIT_TEXT_OFFSET + 0x2000, KIT_TEXT_SIZE - 0x2000);
		assert_memory_equal(data, f->elf.bytes + KIT_DATA_OFFSET, 0x1000);
		if (how == LOAD_MAP) {
			/* What was mapped is the file. */
			assert_int_equal(text[0x1000], 0);
			continue;
		}
		assert_int_equal(text[0x1000], 0xaa);
		assert_int_equal(data[0x1000], 0xaa);
		assert_int_equal(f->k.copied_bytes, KIT_TEXT_SIZE - 0x1000 + 0x1000);
	}
	/* Cut meanwhile: that is no hole. */
	host.pread_end = hole + 0x1000;
	kit_ram_clear(&f->ram);
	assert_int_equal(boot_load(&f->ram.mem, fd, LOAD_READ, &f->k, &f->e), -EIO);
	assert_words(f, "was it cut meanwhile?");
}

static void a_vmlinux_is_loaded_by_mapping(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(load(f, LOAD_MAP), 0);
	assert_loaded_at(f, KIT_TEXT_GPA, KIT_DATA_GPA);
	assert_int_equal(f->k.mapped_bytes, 0x3000);
	assert_int_equal(f->k.copied_bytes, 0x100 + 0x800);
	assert_int_equal(f->ram.mem.file_lo, KIT_TEXT_GPA);
	assert_int_equal(f->ram.mem.file_hi, KIT_DATA_GPA + 0x1000);
}

static void a_mapped_kernel_does_not_change_its_file(void **state)
{
	struct fixture *f = *state;
	CLEANUP_FD int fd = kit_file(f->elf.bytes, sizeof(f->elf.bytes));
	uint8_t byte;

	kit_must(!boot_load(&f->ram.mem, fd, LOAD_MAP, &f->k, &f->e));
	assert_int_equal(gmem_write(&f->ram.mem, KIT_TEXT_GPA, "\xff", 1), 0);
	assert_int_equal(pread(fd, &byte, 1, KIT_TEXT_OFFSET), 1);
	assert_int_equal(byte, f->elf.bytes[KIT_TEXT_OFFSET]);
}

static void segments_that_share_a_page_are_both_whole(void **state)
{
	struct fixture *f = *state;

	/* Text ends and data start in one page of RAM, and their file offsets fit a mapping. */
	f->elf.ph[2].p_paddr = KIT_TEXT_GPA + 0x2800;
	f->elf.ph[2].p_offset = KIT_DATA_OFFSET - 0x800;
	for (enum load_how how = LOAD_READ; how <= LOAD_MAP; how++) {
		assert_int_equal(load(f, how), 0);
		assert_memory_equal(f->ram.host + KIT_TEXT_GPA, f->elf.bytes + KIT_TEXT_OFFSET, KIT_TEXT_SIZE);
		assert_true(all_zero(f->ram.host + KIT_TEXT_GPA + KIT_TEXT_SIZE, 0x2800 - KIT_TEXT_SIZE));
		assert_memory_equal(f->ram.host + KIT_TEXT_GPA + 0x2800, f->elf.bytes + KIT_DATA_OFFSET - 0x800,
			KIT_DATA_FILE_SIZE);
		assert_true(all_zero(f->ram.host + KIT_TEXT_GPA + 0x2800 + KIT_DATA_FILE_SIZE, 0x4000));
	}
	assert_int_equal(f->k.mapped_bytes, 0x2000 + 0x1000);
}

static void what_cannot_be_mapped_is_read(void **state)
{
	struct fixture *f = *state;

	/* Offset and address that differ within a page. */
	f->elf.ph[1].p_paddr += 0x10;
	f->elf.ph[2].p_offset += 0x20;
	f->elf.h.e_entry += 0x10;
	assert_int_equal(load(f, LOAD_MAP), 0);
	assert_int_equal(f->k.mapped_bytes, 0);
	assert_memory_equal(f->ram.host + KIT_TEXT_GPA + 0x10, f->elf.bytes + KIT_TEXT_OFFSET, KIT_TEXT_SIZE);
	assert_memory_equal(f->ram.host + KIT_DATA_GPA, f->elf.bytes + KIT_DATA_OFFSET + 0x20, KIT_DATA_FILE_SIZE);
}

static void ram_with_a_file_of_its_own_is_never_mapped_over(void **state)
{
	struct fixture *f = *state;

	f->ram.mem.region[0].fd = 7; /* only looked at */
	assert_int_equal(load(f, LOAD_MAP), 0);
	assert_int_equal(f->k.mapped_bytes, 0);
	assert_loaded_at(f, KIT_TEXT_GPA, KIT_DATA_GPA);
	f->ram.mem.region[0].fd = -1;
	f->ram.mem.region[0].shared = true;
	assert_int_equal(load(f, LOAD_MAP), 0);
	assert_int_equal(f->k.mapped_bytes, 0);
	assert_loaded_at(f, KIT_TEXT_GPA, KIT_DATA_GPA);
}

static void a_failing_mmap_falls_back_to_reading(void **state)
{
	struct fixture *f = *state;

	host.mmap_fails = ENODEV;
	assert_int_equal(load(f, LOAD_MAP), 0);
	assert_int_equal(f->k.mapped_bytes, 0);
	assert_int_equal(f->k.copied_bytes, KIT_TEXT_SIZE + KIT_DATA_FILE_SIZE);
	assert_loaded_at(f, KIT_TEXT_GPA, KIT_DATA_GPA);
	assert_int_equal(f->ram.mem.file_lo, f->ram.mem.file_hi);
}

static void a_failing_mmap_that_tore_a_hole_is_an_error(void **state)
{
	struct fixture *f = *state;

	host.mmap_fails = ENOMEM;
	host.mmap_unmaps = true;
	assert_int_equal(load(f, LOAD_MAP), -ENOMEM);
	assert_non_null(strstr(f->e.text, "ELF segment 1: cannot map it into guest RAM: Cannot allocate memory"));
}

static void reads_that_come_in_pieces_are_put_together(void **state)
{
	struct fixture *f = *state;

	host.pread_max = 1000;
	host.pread_eintr = true;
	assert_int_equal(load(f, LOAD_READ), 0);
	assert_loaded_at(f, KIT_TEXT_GPA, KIT_DATA_GPA);
}

static void a_file_that_shrinks_while_read_is_told(void **state)
{
	struct fixture *f = *state;

	host.pread_end = KIT_TEXT_OFFSET + 0x800;
	assert_refused(f, -EIO, "ELF segment 1: ended at byte ");
	host.pread_end = 100;
	assert_refused(f, -EIO, "ended at byte 100 while being read: was it cut meanwhile?");
}

static void a_segment_may_cross_regions_that_touch(void **state)
{
	struct fixture *f = *state;
	uint64_t cut = KIT_TEXT_GPA + 0x1000;

	/* The same host memory as two regions, the second first. */
	for (enum load_how how = LOAD_READ; how <= LOAD_MAP; how++) {
		f->ram.mem = (struct gmem){0};
		kit_must(!gmem_add(&f->ram.mem,
			&(struct gmem_region){
				.gpa = cut, .size = RAM_SIZE - cut, .host = f->ram.host + cut, .fd = -1}));
		kit_must(!gmem_add(
			&f->ram.mem, &(struct gmem_region){.gpa = 0, .size = cut, .host = f->ram.host, .fd = -1}));
		assert_int_equal(load(f, how), 0);
		assert_loaded_at(f, KIT_TEXT_GPA, KIT_DATA_GPA);
	}
	assert_int_equal(f->k.mapped_bytes, 0x3000);
}

static void a_file_that_shrinks_after_mapping_is_an_error_and_not_the_end(void **state)
{
	struct fixture *f = *state;
	CLEANUP_FD int fd = kit_file(f->elf.bytes, sizeof(f->elf.bytes));
	uint8_t buf[KIT_TEXT_SIZE];

	assert_int_equal(gmem_install_sigbus(), 0);
	assert_int_equal(boot_load(&f->ram.mem, fd, LOAD_MAP, &f->k, &f->e), 0);
	assert_int_equal(ftruncate(fd, KIT_TEXT_OFFSET + 0x1000), 0);
	/* One page of text is still there, the second is gone, the edge was copied. */
	assert_int_equal(gmem_read(&f->ram.mem, KIT_TEXT_GPA, buf, 0x1000), 0);
	assert_memory_equal(buf, f->elf.bytes + KIT_TEXT_OFFSET, 0x1000);
	assert_int_equal(gmem_read(&f->ram.mem, KIT_TEXT_GPA + 0x1000, buf, 1), -EFAULT);
	assert_int_equal(gmem_read(&f->ram.mem, KIT_TEXT_GPA, buf, sizeof(buf)), -EFAULT);
	assert_int_equal(gmem_write(&f->ram.mem, KIT_DATA_GPA, buf, 1), -EFAULT);
	assert_int_equal(gmem_read(&f->ram.mem, KIT_TEXT_GPA + 0x2000, buf, 0x100), 0);
	assert_memory_equal(buf, f->elf.bytes + KIT_TEXT_OFFSET + 0x2000, 0x100);
}

static void position_independent_kernels_move_to_16_mib(void **state)
{
	struct fixture *f = *state;

	f->elf.h.e_type = ET_DYN;
	f->elf.ph[1].p_paddr = 0x1000;
	f->elf.ph[2].p_paddr = 0x5000;
	f->elf.h.e_entry = 0x1040;
	for (enum load_how how = LOAD_READ; how <= LOAD_MAP; how++) {
		assert_int_equal(load(f, how), 0);
		assert_loaded_at(f, 16 * MIB + 0x0, 16 * MIB + 0x4000);
		assert_int_equal(boot_offer(&f->k)->entry, 16 * MIB + 0x40);
		assert_false(f->k.file_addresses);
		assert_int_equal(f->k.start, 16 * MIB);
	}
	/* The largest alignment counts: the distance moved is a multiple of it. */
	f->elf.ph[2].p_align = 2 * MIB;
	assert_int_equal(load(f, LOAD_READ), 0);
	assert_loaded_at(f, 16 * MIB + 0x1000, 16 * MIB + 0x5000);
	assert_int_equal(boot_offer(&f->k)->entry, 16 * MIB + 0x1040);
	f->elf.ph[2].p_align = 20 * MIB;
	assert_refused(f, -ENOEXEC, "ELF segment 2: an alignment of 0x1400000 cannot be met");
	f->elf.ph[2].p_align = 64 * GIB;
	assert_refused(f, -ENOEXEC, "cannot be met");
	f->elf.ph[2].p_align = 0;
	f->elf.ph[1].p_align = 0;
	assert_int_equal(load(f, LOAD_READ), 0);
	f->elf.ph[2].p_paddr = UINT64_MAX - KIT_DATA_SIZE;
	assert_refused(f, -ENOEXEC, "wraps around the address space when moved");
}

static void a_movable_kernel_with_an_address_keeps_it(void **state)
{
	struct fixture *f = *state;

	f->elf.h.e_type = ET_DYN;
	assert_int_equal(load(f, LOAD_READ), 0);
	assert_loaded_at(f, KIT_TEXT_GPA, KIT_DATA_GPA);
	assert_int_equal(boot_offer(&f->k)->entry, KIT_ENTRY);
	assert_true(f->k.file_addresses);
}

/* As in Linux from 6.18 on, and with no flag at all. */
static void an_entry_needs_no_executable_segment(void **state)
{
	struct fixture *f = *state;
	static const uint32_t flags[] = {PF_R | PF_W, PF_R, 0};

	for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
		f->elf.ph[1].p_flags = f->elf.ph[2].p_flags = flags[i];
		for (uint64_t at = 0; at < KIT_DATA_FILE_SIZE; at += KIT_DATA_FILE_SIZE - 1) {
			f->elf.h.e_entry = KIT_DATA_GPA + at;
			assert_int_equal(load(f, LOAD_READ), 0);
			assert_loaded_at(f, KIT_TEXT_GPA, KIT_DATA_GPA);
			assert_int_equal(boot_offer(&f->k)->entry, KIT_DATA_GPA + at);
		}
	}
}

static void empty_segments_are_nothing(void **state)
{
	struct fixture *f = *state;

	f->elf.ph[0] = (Elf64_Phdr){.p_type = PT_LOAD, .p_offset = UINT64_MAX, .p_paddr = 0x10};
	assert_int_equal(load(f, LOAD_READ), 0);
	assert_loaded_at(f, KIT_TEXT_GPA, KIT_DATA_GPA);
	/* All bss, with an offset that means nothing. */
	f->elf.ph[0] = (Elf64_Phdr){.p_type = PT_LOAD, .p_offset = UINT64_MAX, .p_paddr = 0x300000, .p_memsz = 0x1000};
	assert_int_equal(load(f, LOAD_MAP), 0);
	assert_int_equal(f->k.end, 0x301000);
}

/* Each spoils a good image in one place. */
#define SPOIL(name, what)                                                                                              \
	static void spoil_##name(struct kit_elf *k)                                                                    \
	{                                                                                                              \
		what;                                                                                                  \
	}
SPOIL(elf32, k->h.e_ident[EI_CLASS] = ELFCLASS32)
SPOIL(class, k->h.e_ident[EI_CLASS] = 3)
SPOIL(big_endian, k->h.e_ident[EI_DATA] = ELFDATA2MSB)
SPOIL(byte_order, k->h.e_ident[EI_DATA] = 0)
SPOIL(machine, k->h.e_machine = EM_AARCH64)
SPOIL(object, k->h.e_type = ET_REL)
SPOIL(no_phdrs, k->h.e_phnum = 0)
SPOIL(many_phdrs, k->h.e_phnum = 129)
SPOIL(phentsize, k->h.e_phentsize = 32)
SPOIL(phoff_far, k->h.e_phoff = KIT_ELF_SIZE - 3 * sizeof(Elf64_Phdr) + 1)
SPOIL(phoff_wraps, k->h.e_phoff = UINT64_MAX - 8)
SPOIL(interp, k->ph[0].p_type = PT_INTERP)
SPOIL(no_load, k->ph[1].p_type = k->ph[2].p_type = PT_NOTE)
SPOIL(nothing_to_load, k->ph[1] = k->ph[2] = (Elf64_Phdr){.p_type = PT_LOAD})
SPOIL(filesz, k->ph[1].p_filesz = KIT_TEXT_SIZE + 1)
SPOIL(offset_wraps, k->ph[1].p_offset = UINT64_MAX - 0x1000)
SPOIL(offset_far, k->ph[1].p_offset = KIT_ELF_SIZE - KIT_TEXT_SIZE + 1)
SPOIL(paddr_wraps, k->ph[1].p_paddr = UINT64_MAX - 0x1000)
SPOIL(memsz_wraps, k->ph[2].p_memsz = UINT64_MAX)
SPOIL(low, k->ph[1].p_paddr = 0xff000)
SPOIL(past_ram, k->ph[2].p_paddr = RAM_SIZE - KIT_DATA_SIZE + 1)
SPOIL(far, k->ph[2].p_paddr = 64 * GIB)
SPOIL(overlap, k->ph[2].p_paddr = KIT_TEXT_GPA + KIT_TEXT_SIZE - 1)
SPOIL(overlap_bss, k->ph[1].p_paddr = KIT_ELF_END - 1; k->h.e_entry = KIT_ELF_END)
SPOIL(entry_zero, k->h.e_entry = 0)
SPOIL(entry_virtual, k->h.e_entry = UINT64_C(0xffffffff81000040))
SPOIL(entry_behind, k->h.e_entry = KIT_TEXT_GPA + KIT_TEXT_SIZE)
SPOIL(entry_before, k->h.e_entry = KIT_TEXT_GPA - 1)
SPOIL(entry_in_bss, k->h.e_entry = KIT_DATA_GPA + KIT_DATA_FILE_SIZE; k->ph[2].p_flags |= PF_X)

static void broken_images_are_refused_with_the_reason(void **state)
{
	struct fixture *f = *state;
	static const struct {
		void (*spoil)(struct kit_elf *k);
		int code;
		const char *words;
	} cases[] = {
		{spoil_elf32, -ENOEXEC, "a 32-bit ELF: a 64-bit x86-64 kernel is needed"},
		{spoil_class, -ENOEXEC, "class 3 is neither 32 nor 64 bits"},
		{spoil_big_endian, -ENOEXEC, "a big-endian ELF"},
		{spoil_byte_order, -ENOEXEC, "byte order 0"},
		{spoil_machine, -ENOEXEC, "an ELF for machine 183: x86-64 (62) is needed"},
		{spoil_object, -ENOEXEC, "an ELF of type 1"},
		{spoil_no_phdrs, -ENOEXEC, "no program headers"},
		{spoil_many_phdrs, -ENOEXEC, "129 program headers"},
		{spoil_phentsize, -ENOEXEC, "program headers of 32 bytes, not 56"},
		{spoil_phoff_far, -ENOEXEC, "3 program headers at byte 22652 lie outside the first 22819 bytes"},
		{spoil_phoff_wraps, -ENOEXEC, "lie outside the first"},
		{spoil_interp, -ENOEXEC, "a dynamically linked program, not a kernel"},
		{spoil_no_load, -ENOEXEC, "no PT_LOAD segment"},
		{spoil_nothing_to_load, -ENOEXEC, "no PT_LOAD segment"},
		{spoil_filesz, -ENOEXEC, "ELF segment 1: 0x2101 bytes in the file are more than its 0x2100 in memory"},
		{spoil_offset_wraps, -ENOEXEC, "ELF segment 1: its bytes in the file wrap around"},
		{spoil_offset_far, -ENOEXEC, "truncated: ELF segment 1 ends at byte 22820 and the file at 22819"},
		{spoil_paddr_wraps, -ENOEXEC, "ELF segment 1 at 0xffffffffffffefff wraps around the address space"},
		{spoil_memsz_wraps, -ENOEXEC, "ELF segment 2 at 0x204000 wraps around the address space"},
		{spoil_low, -EINVAL, "ELF segment 1 at 0xff000 lies below 1 MiB"},
		{spoil_past_ram, -E2BIG, "ELF segment 2 at 0x1ffb001 (20K long) does not fit the 32M of guest RAM"},
		{spoil_far, -E2BIG, "ELF segment 2 at 0x1000000000 (20K long) does not fit"},
		{spoil_overlap, -ENOEXEC, "ELF segments 1 and 2 overlap in memory at 0x2020ff"},
		{spoil_overlap_bss, -ENOEXEC, "ELF segments 1 and 2 overlap in memory at 0x208fff"},
		{spoil_entry_zero, -ENOEXEC, "ELF entry 0x0 lies outside the file's bytes of every segment"},
		{spoil_entry_virtual, -ENOEXEC, "ELF entry 0xffffffff81000040 lies outside"},
		{spoil_entry_behind, -ENOEXEC, "ELF entry 0x202100 lies outside"},
		{spoil_entry_before, -ENOEXEC, "ELF entry 0x1fffff lies outside"},
		{spoil_entry_in_bss, -ENOEXEC, "ELF entry 0x205800 lies outside"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		kit_elf(&f->elf);
		cases[i].spoil(&f->elf);
		assert_refused(f, cases[i].code, cases[i].words);
	}
}

static void a_segment_in_the_32_bit_hole_is_named_so(void **state)
{
	struct fixture *f = *state;
	struct kit_ram big;

	/* 4 GiB of untouched RAM, without a hole: the check is by address. */
	kit_ram_open(&big, 4 * GIB);
	f->elf.ph[2].p_paddr = UINT64_C(0xc0000000) - 0x1000;
	CLEANUP_FD int fd = kit_file(f->elf.bytes, sizeof(f->elf.bytes));

	assert_int_equal(boot_load(&big.mem, fd, LOAD_READ, &f->k, &f->e), -E2BIG);
	assert_non_null(strstr(f->e.text, "ELF segment 2 at 0xbffff000 (20K long) reaches into the hole below 4 GiB"));
	kit_ram_close(&big);
}

static void a_cut_file_is_told_as_such_wherever_it_is_cut(void **state)
{
	struct fixture *f = *state;
	size_t phdrs_end = sizeof(Elf64_Ehdr) + 3 * sizeof(Elf64_Phdr);

	for (size_t len = 0; len < KIT_DATA_OFFSET + KIT_DATA_FILE_SIZE;
		len += len < phdrs_end + 8 || len == KIT_DATA_OFFSET + KIT_DATA_FILE_SIZE - 2 ? 1 : 61) {
		const char *words = "truncated: ELF segment";

		if (!len)
			words = "is empty";
		else if (len < SELFMAG)
			words = "is not a kernel";
		else if (len < sizeof(Elf64_Ehdr))
			words = "truncated: an ELF header takes 64 bytes";
		else if (len < phdrs_end)
			words = "3 program headers at byte 64 lie outside";
		for (enum load_how how = LOAD_READ; how <= LOAD_MAP; how++) {
			assert_true(load_cut(f, len, how) < 0);
			if (!strstr(f->e.text, words))
				fail_msg("cut at %zu: \"%s\" is not in \"%s\"", len, words, f->e.text);
		}
	}
	assert_true(load_cut(f, KIT_DATA_OFFSET + KIT_DATA_FILE_SIZE - 1, LOAD_MAP) < 0);
	assert_int_equal(load_cut(f, KIT_DATA_OFFSET + KIT_DATA_FILE_SIZE, LOAD_MAP), 0);
}

static void other_kinds_of_file_are_named(void **state)
{
	struct fixture *f = *state;
	static const struct {
		const char *path;
		const char *words;
		int code;
	} cases[] = {
		{"/tmp", "is a directory, not a file", -EISDIR},
		{"/dev/zero", "is not a regular file", -EINVAL},
	};
	int ends[2];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP_FD int fd = open(cases[i].path, O_RDONLY | O_CLOEXEC);

		assert_true(fd >= 0);
		assert_int_equal(boot_load(&f->ram.mem, fd, LOAD_READ, &f->k, &f->e), cases[i].code);
		assert_non_null(strstr(f->e.text, cases[i].words));
	}
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(boot_load(&f->ram.mem, ends[0], LOAD_READ, &f->k, &f->e), -EINVAL);
	assert_non_null(strstr(f->e.text, "is not a regular file (a pipe"));
	close(ends[0]);
	close(ends[1]);
	assert_int_equal(boot_load(&f->ram.mem, -1, LOAD_READ, &f->k, &f->e), -EBADF);
	assert_int_equal(boot_load(&f->ram.mem, -1, LOAD_READ, &f->k, NULL), -EBADF);
}

static void an_unreadable_descriptor_is_an_error(void **state)
{
	struct fixture *f = *state;
	char name[] = "/tmp/vmm-test-XXXXXX";
	CLEANUP_FD int fd = mkstemp(name);
	CLEANUP_FD int write_only = open(name, O_WRONLY | O_CLOEXEC);

	unlink(name);
	assert_int_equal(write(fd, f->elf.bytes, sizeof(f->elf.bytes)), sizeof(f->elf.bytes));
	assert_int_equal(boot_load(&f->ram.mem, write_only, LOAD_READ, &f->k, &f->e), -EBADF);
	assert_non_null(strstr(f->e.text, "cannot read at byte 0"));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, fixture_close)
	const struct CMUnitTest tests[] = {
		T(a_vmlinux_is_loaded_by_reading),
		T(holes_are_not_read),
		T(a_vmlinux_is_loaded_by_mapping),
		T(a_mapped_kernel_does_not_change_its_file),
		T(segments_that_share_a_page_are_both_whole),
		T(what_cannot_be_mapped_is_read),
		T(ram_with_a_file_of_its_own_is_never_mapped_over),
		T(a_failing_mmap_falls_back_to_reading),
		T(a_failing_mmap_that_tore_a_hole_is_an_error),
		T(reads_that_come_in_pieces_are_put_together),
		T(a_file_that_shrinks_while_read_is_told),
		T(a_segment_may_cross_regions_that_touch),
		T(a_file_that_shrinks_after_mapping_is_an_error_and_not_the_end),
		T(position_independent_kernels_move_to_16_mib),
		T(a_movable_kernel_with_an_address_keeps_it),
		T(an_entry_needs_no_executable_segment),
		T(empty_segments_are_nothing),
		T(broken_images_are_refused_with_the_reason),
		T(a_segment_in_the_32_bit_hole_is_named_so),
		T(a_cut_file_is_told_as_such_wherever_it_is_cut),
		T(other_kinds_of_file_are_named),
		T(an_unreadable_descriptor_is_an_error),
	};

	return run_group(tests);
}
