// SPDX-License-Identifier: Apache-2.0
#include "tests/support/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

#include "boot/boot.h"
#include "boot/initrd.h"
#include "boot/layout.h"
#include "tests/support/image_kit.h"

struct fixture {
	struct kit_ram ram;
	struct board board;
	struct loaded k;
	struct setup_header header;
	struct boot_env boot;
	struct entry entry;
	struct boot_placed placed;
	struct err e;
	int initrd_fd;
};

/* RAM as vmm/memory maps it: one region below the hole, one above 4 GiB. */
static void use_ram(struct fixture *f, uint64_t size)
{
	uint64_t low = MIN(size, BOARD_HOLE_START);

	if (f->ram.host)
		kit_ram_close(&f->ram);
	kit_ram_open(&f->ram, size);
	f->ram.mem.region[0].size = low;
	if (size > low)
		kit_must(!gmem_add(&f->ram.mem,
			&(struct gmem_region){
				.gpa = BOARD_HOLE_END, .size = size - low, .host = f->ram.host + low, .fd = -1}));
	f->board.ram_size = size;
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	use_ram(f, 64 * MIB);
	f->initrd_fd = -1;
	f->board.cpus = 1;
	f->k = (struct loaded){
		.format = "ELF",
		.start = 16 * MIB,
		.end = 20 * MIB + 0x123,
		.offer[BOOT_LINUX64] = {.offered = true, .entry = 16 * MIB + 0x40},
	};
	f->boot = (struct boot_env){
		.board = &f->board,
		.image = &f->k,
		.cmdline = "console=ttyS0 panic=1",
		.initrd_fd = -1,
		.acpi_rsdp = BOOT_ACPI_START,
	};
	for (size_t i = 0; i < sizeof(f->boot.rng_seed); i++)
		f->boot.rng_seed[i] = (uint8_t)(0xa0 + i);
	memset(&f->entry, 0xee, sizeof(f->entry));
	memset(&f->placed, 0xee, sizeof(f->placed));
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	cleanup_fd(&f->initrd_fd);
	kit_ram_close(&f->ram);
	free(f);
	return 0;
}

/* From now on the kernel has a header as of a bzImage, in which a test says more. */
static struct setup_header *with_header(struct fixture *f)
{
	f->header = (struct setup_header){.cmdline_size = 255, .initrd_addr_max = 0x7fffffff};
	f->k.offer[BOOT_LINUX64].header_size = sizeof(f->header);
	return &f->header;
}

static int boot(struct fixture *f)
{
	f->e.text[0] = '\0';
	memcpy(f->k.offer[BOOT_LINUX64].header, &f->header, sizeof(f->header));
	return boot_enter(&f->ram.mem, &f->boot, &f->entry, &f->placed, &f->e);
}

static void assert_words(struct fixture *f, const char *words)
{
	if (!strstr(f->e.text, words))
		fail_msg("\"%s\" is not in \"%s\"", words, f->e.text);
}

static void assert_refused(struct fixture *f, int code, const char *words)
{
	struct entry entry;
	struct boot_placed placed;

	memset(&entry, 0xee, sizeof(entry));
	memset(&placed, 0xee, sizeof(placed));
	assert_int_equal(boot(f), code);
	assert_words(f, words);
	assert_memory_equal(&f->entry, &entry, sizeof(entry));
	assert_memory_equal(&f->placed, &placed, sizeof(placed));
}

static const struct boot_params *params(const struct fixture *f)
{
	return (const struct boot_params *)(f->ram.host + BOOT_ZERO_PAGE);
}

static void the_entry_is_the_protocols(void **state)
{
	struct fixture *f = *state;
	uint64_t gdt[4];

	assert_int_equal(boot(f), 0);
	assert_int_equal(f->entry.mode, ENTRY_LONG);
	assert_int_equal(f->entry.rip, 16 * MIB + 0x40);
	assert_int_equal(f->entry.rsi, BOOT_ZERO_PAGE);
	assert_int_equal(f->entry.cr3, BOOT_PML4);
	assert_int_equal(f->entry.rbp | f->entry.rbx | f->entry.rdi, 0);
	assert_int_equal(f->entry.cs, 0x10);
	assert_int_equal(f->entry.ds, 0x18);
	assert_int_equal(f->entry.gdt_limit, sizeof(gdt) - 1);
	memcpy(gdt, f->ram.host + f->entry.gdt_base, sizeof(gdt));
	assert_int_equal(gdt[0], 0);
	/* Present, ring 0, code, 64 bits; present, ring 0, writable data, all of 4 GiB. */
	assert_int_equal(gdt[2], 0x00af9b000000ffff);
	assert_int_equal(gdt[3], 0x00cf93000000ffff);
}

/* Walk the page tables as a processor does; UINT64_MAX where nothing is mapped. */
static uint64_t translate(const struct fixture *f, uint64_t va)
{
	uint64_t table = f->entry.cr3;

	for (int shift = 39;; shift -= 9) {
		uint64_t pte;

		if (gmem_read(&f->ram.mem, table + ((va >> shift) & 511) * 8, &pte, 8) || (pte & 3) != 3)
			return UINT64_MAX;
		if (shift == 12 || (shift < 39 && (pte & BIT(7)))) {
			uint64_t size = BIT(shift);

			/* Address bits below the page's size are reserved: a processor would fault. */
			if (pte & 0x000ffffffffff000 & (size - 1))
				return UINT64_MAX;
			return (pte & 0x000ffffffffff000) | (va & (size - 1));
		}
		table = pte & 0x000ffffffffff000;
	}
}

static void what_the_kernel_needs_is_identity_mapped(void **state)
{
	struct fixture *f = *state;
	static const uint64_t kernel_end[] = {20 * MIB, GIB, GIB + 1, 2 * GIB + 5 * MIB, 3 * GIB};

	use_ram(f, 4 * GIB);
	for (size_t i = 0; i < ARRAY_SIZE(kernel_end); i++) {
		kit_ram_clear(&f->ram);
		f->k.end = kernel_end[i];
		assert_int_equal(boot(f), 0);
		for (uint64_t va = 0; va < kernel_end[i]; va += 2 * MIB - 0x1001)
			assert_int_equal(translate(f, va), va);
		assert_int_equal(translate(f, kernel_end[i] - 1), kernel_end[i] - 1);
		assert_int_equal(translate(f, BOOT_ZERO_PAGE), BOOT_ZERO_PAGE);
		assert_int_equal(translate(f, BOOT_CMDLINE), BOOT_CMDLINE);
		/* And no page of tables more. */
		assert_int_equal(translate(f, align_up(kernel_end[i], GIB)), UINT64_MAX);
	}
}

static void boot_params_of_a_vmlinux_are_made_up(void **state)
{
	struct fixture *f = *state;
	const struct boot_params *bp = params(f);

	assert_int_equal(boot(f), 0);
	assert_int_equal(bp->sentinel, 0);
	assert_int_equal(bp->hdr.boot_flag, 0xaa55);
	assert_memory_equal(&bp->hdr.header, "HdrS", 4);
	assert_int_equal(bp->hdr.version, 0x020c);
	assert_int_equal(bp->hdr.type_of_loader, 0xff);
	assert_int_equal(bp->hdr.loadflags, LOADED_HIGH);
	assert_int_equal(bp->hdr.kernel_alignment, 0x200000);
	assert_int_equal(bp->hdr.cmd_line_ptr, BOOT_CMDLINE);
	assert_int_equal(bp->ext_cmd_line_ptr, 0);
	assert_int_equal(bp->hdr.cmdline_size, 2047);
	assert_int_equal(bp->hdr.initrd_addr_max, 0x7fffffff);
	assert_int_equal(bp->hdr.ramdisk_image, 0);
	assert_int_equal(bp->hdr.ramdisk_size, 0);
	assert_int_equal(bp->acpi_rsdp_addr, BOOT_ACPI_START);
	assert_string_equal((char *)f->ram.host + BOOT_CMDLINE, f->boot.cmdline);
	assert_int_equal(f->placed.initrd_gpa, 0);
	assert_int_equal(f->placed.initrd_size, 0);
}

static void boot_params_of_a_bzimage_keep_its_header(void **state)
{
	struct fixture *f = *state;
	const struct boot_params *bp = params(f);
	struct kit_bzimage *bz = calloc(1, sizeof(*bz));
	struct setup_header want;

	kit_bzimage(bz);
	bz->h.hardware_subarch_data = 0x1122334455667788;
	*with_header(f) = want = bz->h;
	assert_int_equal(boot(f), 0);
	want.type_of_loader = 0xff;
	want.cmd_line_ptr = BOOT_CMDLINE;
	want.setup_data = BOOT_SETUP_DATA;
	assert_memory_equal(&bp->hdr, &want, sizeof(want));
	free(bz);
}

static void the_seed_comes_by_setup_data(void **state)
{
	struct fixture *f = *state;
	const struct setup_data *d = (const struct setup_data *)(f->ram.host + BOOT_SETUP_DATA);

	assert_int_equal(boot(f), 0);
	assert_int_equal(params(f)->hdr.setup_data, BOOT_SETUP_DATA);
	assert_int_equal(d->next, 0);
	assert_int_equal(d->type, 9);
	assert_int_equal(d->len, 32);
	assert_memory_equal(d->data, f->boot.rng_seed, 32);
}

/*
 * Linux reserves, and cuts out of the RAM in /proc/iomem, each item of setup_data; it reads ACPI and the MP table for
 * as long as it runs. kexec hands that RAM on: none of it may lie there.
 */
static void what_stays_lies_outside_of_ram(void **state)
{
	struct fixture *f = *state;
	static const struct {
		uint64_t gpa, size;
	} stays[] = {
		{BOOT_SETUP_DATA, BOOT_SETUP_DATA_SIZE},
		{BOOT_MPTABLE_START, BOOT_MPTABLE_SIZE},
		{BOOT_ACPI_START, BOOT_ACPI_SIZE},
		{BOOT_MPCONFIG_START, BOOT_MPCONFIG_SIZE},
		{BOOT_RESET_VECTOR, 16},
	};

	assert_int_equal(boot(f), 0);
	for (size_t i = 0; i < ARRAY_SIZE(stays); i++) {
		bool reserved = false;

		for (size_t j = 0; j < params(f)->e820_entries; j++) {
			const struct boot_e820_entry *e = &params(f)->e820_table[j];

			if (!ranges_overlap(stays[i].gpa, stays[i].size, e->addr, e->size))
				continue;
			assert_int_equal(e->type, 2);
			reserved = stays[i].gpa >= e->addr && stays[i].gpa + stays[i].size <= e->addr + e->size;
		}
		assert_true(reserved);
		for (size_t j = 0; j < i; j++)
			assert_false(ranges_overlap(stays[i].gpa, stays[i].size, stays[j].gpa, stays[j].size));
	}
}

static void e820_tells_the_ram_there_is(void **state)
{
	struct fixture *f = *state;
	static const struct {
		uint64_t ram, low_end, high_end;
	} cases[] = {
		{32 * MIB, 32 * MIB, 0},
		{128 * MIB + 0x3000, 128 * MIB + 0x3000, 0},
		{3 * GIB, 3 * GIB, 0},
		{3 * GIB + 0x1000, 3 * GIB, 4 * GIB + 0x1000},
		{5 * GIB, 3 * GIB, 6 * GIB},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct boot_e820_entry want[] = {
			{.addr = 0, .size = 0x9fc00, .type = 1},
			{.addr = 0x9fc00, .size = 0x400, .type = 2},
			{.addr = 0xe0000, .size = 0x20000, .type = 2},
			{.addr = 0x100000, .size = cases[i].low_end - 0x100000, .type = 1},
			{.addr = 4 * GIB, .size = cases[i].high_end - 4 * GIB, .type = 1},
		};
		size_t nr = ARRAY_SIZE(want) - !cases[i].high_end;
		uint64_t sum = 0;

		use_ram(f, cases[i].ram);
		assert_int_equal(boot(f), 0);
		assert_int_equal(params(f)->e820_entries, nr);
		assert_memory_equal(params(f)->e820_table, want, nr * sizeof(want[0]));
		/* After the last entry nothing is written: the protocol requires unset fields to be zero. */
		assert_int_equal(params(f)->e820_table[nr].addr, 0);
		assert_int_equal(params(f)->e820_table[nr].size, 0);
		assert_int_equal(params(f)->e820_table[nr].type, 0);
		for (size_t j = 0; j < nr; j++) {
			if (want[j].type != 1)
				continue;
			sum += want[j].size;
			assert_true(gmem_contains(&f->ram.mem, want[j].addr, want[j].size));
		}
		/* All RAM except from 639 KiB to 1 MiB. */
		assert_int_equal(sum, cases[i].ram - (0x100000 - 0x9fc00));
	}
}

static void a_command_line_as_long_as_the_kernel_takes(void **state)
{
	struct fixture *f = *state;
	char *line = malloc(BOOT_CMDLINE_SIZE + 2);
	struct setup_header *h;

	memset(line, 'x', BOOT_CMDLINE_SIZE + 2);
	f->boot.cmdline = line;
	line[2047] = '\0';
	assert_int_equal(boot(f), 0);
	assert_string_equal((char *)f->ram.host + BOOT_CMDLINE, line);
	memset(&f->entry, 0xee, sizeof(f->entry));
	memset(&f->placed, 0xee, sizeof(f->placed));
	line[2047] = 'x';
	line[2048] = '\0';
	assert_refused(f, -E2BIG, "command line of 2048 bytes is longer than the 2047 that this kernel takes");
	h = with_header(f);
	assert_refused(f, -E2BIG, "longer than the 255 that this kernel takes");
	/* A kernel that takes anything is bounded by the room there is. */
	h->cmdline_size = UINT32_MAX;
	line[2048] = 'x';
	line[BOOT_CMDLINE_SIZE] = '\0';
	assert_refused(f, -E2BIG, "longer than the 98047 that this kernel takes");
	line[BOOT_CMDLINE_SIZE - 1] = '\0';
	assert_int_equal(boot(f), 0);
	assert_string_equal((char *)f->ram.host + BOOT_CMDLINE, line);
	f->boot.cmdline = "";
	h->cmdline_size = 0;
	assert_int_equal(boot(f), 0);
	assert_string_equal((char *)f->ram.host + BOOT_CMDLINE, "");
	free(line);
}

/* A file of this size with a mark at its start and end; teardown closes it. */
static int initrd(struct fixture *f, uint64_t size)
{
	int fd = memfd_create("initrd", MFD_CLOEXEC);

	kit_must(fd >= 0 && !ftruncate(fd, (off_t)size) && pwrite(fd, "\x11", 1, 0) == 1);
	kit_must(pwrite(fd, "\x22", 1, (off_t)size - 1) == 1);
	f->boot.initrd_fd = f->initrd_fd = fd;
	return fd;
}

static void assert_placed(struct fixture *f, uint64_t gpa, uint64_t size)
{
	assert_int_equal(f->placed.initrd_gpa, gpa);
	assert_int_equal(f->placed.initrd_size, size);
	assert_int_equal(params(f)->hdr.ramdisk_image, gpa);
	assert_int_equal(params(f)->hdr.ramdisk_size, size);
	assert_int_equal(params(f)->ext_ramdisk_image, 0);
	assert_int_equal(params(f)->ext_ramdisk_size, 0);
	assert_int_equal(f->ram.host[gpa], 0x11);
	assert_int_equal(f->ram.host[gpa + size - 1], 0x22);
	assert_true(is_aligned(gpa, 4096));
	assert_false(ranges_overlap(gpa, align_up(size, 4096), f->k.start, f->k.end - f->k.start));
}

/* The caller's struct may have been another kernel's. */
static void without_an_initrd_there_is_none(void **state)
{
	struct fixture *f = *state;
	struct boot_placed placed = {.initrd_gpa = 0x1000, .initrd_size = 0x1000};

	assert_int_equal(initrd_place(&f->ram.mem, &f->boot, UINT32_MAX, &placed, &f->e), 0);
	assert_int_equal(placed.initrd_gpa, 0);
	assert_int_equal(placed.initrd_size, 0);
}

static void an_initrd_goes_to_the_top_of_low_ram(void **state)
{
	struct fixture *f = *state;

	initrd(f, 5000);
	assert_int_equal(boot(f), 0);
	assert_placed(f, 64 * MIB - 0x2000, 5000);
}

static void an_initrd_stays_below_what_the_kernel_can_reach(void **state)
{
	struct fixture *f = *state;

	struct setup_header *h;

	initrd(f, 0x3000);
	use_ram(f, 5 * GIB);
	assert_int_equal(boot(f), 0);
	assert_placed(f, 0x80000000 - 0x3000, 0x3000);
	h = with_header(f);
	h->initrd_addr_max = 0x37ffffff;
	assert_int_equal(boot(f), 0);
	assert_placed(f, 0x38000000 - 0x3000, 0x3000);
	/* Not a whole page: down to one. */
	h->initrd_addr_max = 0x37fffffe;
	assert_int_equal(boot(f), 0);
	assert_placed(f, 0x38000000 - 0x4000, 0x3000);
	/* And below the 32-bit hole, whatever the kernel says. */
	h->initrd_addr_max = UINT32_MAX;
	assert_int_equal(boot(f), 0);
	assert_placed(f, 0xc0000000 - 0x3000, 0x3000);
}

static void an_initrd_fills_the_room_above_the_kernel(void **state)
{
	struct fixture *f = *state;
	uint64_t room = 64 * MIB - (20 * MIB + 0x1000);

	initrd(f, room);
	assert_int_equal(boot(f), 0);
	assert_placed(f, 20 * MIB + 0x1000, room);
}

static void an_initrd_goes_below_the_kernel_when_only_there_is_room(void **state)
{
	struct fixture *f = *state;

	initrd(f, 39 * MIB - 0x1000);
	f->k.start = 40 * MIB;
	f->k.end = 60 * MIB;
	assert_int_equal(boot(f), 0);
	assert_placed(f, MIB + 0x1000, 39 * MIB - 0x1000);
}

static void an_initrd_that_does_not_fit_is_told_the_room(void **state)
{
	struct fixture *f = *state;
	uint64_t room = 64 * MIB - (20 * MIB + 0x1000);
	int fd = initrd(f, room + 1);

	f->boot.initrd_name = "/boot/initrd.img";
	assert_refused(f, -EFBIG,
		"initrd /boot/initrd.img: 46133249 long, does not fit: beside the kernel and below 0x4000000 there is "
		"room for 45052K");
	assert_int_equal(ftruncate(fd, INT64_MAX), 0);
	assert_refused(f, -EFBIG, "does not fit");
	with_header(f)->initrd_addr_max = 0;
	assert_refused(f, -EFBIG, "below 0x0 there is room for 0");
}

static void other_bad_initrds_are_named(void **state)
{
	struct fixture *f = *state;
	CLEANUP_FD int empty = memfd_create("empty", MFD_CLOEXEC);
	CLEANUP_FD int dir = open("/tmp", O_RDONLY | O_CLOEXEC);
	CLEANUP_FD int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	f->boot.initrd_name = "NAME";
	f->boot.initrd_fd = empty;
	assert_refused(f, -EINVAL, "initrd NAME: is empty");
	f->boot.initrd_fd = dir;
	assert_refused(f, -EISDIR, "initrd NAME: is a directory, not a file");
	f->boot.initrd_fd = null;
	f->boot.initrd_name = NULL;
	assert_refused(f, -EINVAL, "initrd file: is not a regular file");
}

static void callers_that_contradict_themselves_are_refused(void **state)
{
	struct fixture *f = *state;

	f->board.ram_size = MIB;
	assert_refused(f, -EINVAL, "guest RAM is not where the board has it");
	f->board.ram_size = 64 * MIB + 0x1000;
	assert_refused(f, -EINVAL, "guest RAM is not where the board has it");
	f->board.ram_size = 64 * MIB;
	f->k.end = 64 * MIB + 1;
	assert_refused(f, -EINVAL, "kernel is not in low RAM");
	f->k.start = MIB - 1;
	f->k.end = 20 * MIB;
	assert_refused(f, -EINVAL, "kernel is not in low RAM");
}

static void few_pages_are_touched(void **state)
{
	struct fixture *f = *state;
	unsigned char resident[64 * MIB / 4096];
	size_t touched = 0;

	/* Fails on hosts without transparent huge pages, which is fine. */
	madvise(f->ram.host, f->ram.size, MADV_NOHUGEPAGE);
	assert_int_equal(boot(f), 0);
	assert_int_equal(mincore(f->ram.host, f->ram.size, resident), 0);
	for (size_t i = 0; i < sizeof(resident); i++)
		touched += resident[i] & 1;
	/* Three of page tables, boot_params, GDT and command line; the seed is beside the MP table's pointer. */
	assert_int_equal(touched, 6);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(the_entry_is_the_protocols),
		T(what_the_kernel_needs_is_identity_mapped),
		T(boot_params_of_a_vmlinux_are_made_up),
		T(boot_params_of_a_bzimage_keep_its_header),
		T(the_seed_comes_by_setup_data),
		T(what_stays_lies_outside_of_ram),
		T(e820_tells_the_ram_there_is),
		T(a_command_line_as_long_as_the_kernel_takes),
		T(without_an_initrd_there_is_none),
		T(an_initrd_goes_to_the_top_of_low_ram),
		T(an_initrd_stays_below_what_the_kernel_can_reach),
		T(an_initrd_fills_the_room_above_the_kernel),
		T(an_initrd_goes_below_the_kernel_when_only_there_is_room),
		T(an_initrd_that_does_not_fit_is_told_the_room),
		T(other_bad_initrds_are_named),
		T(callers_that_contradict_themselves_are_refused),
		T(few_pages_are_touched),
	};

	return run_group(tests);
}
