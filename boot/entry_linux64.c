// SPDX-License-Identifier: Apache-2.0
/*
 * Theory of operation. The kernel finds everything through boot_params, whose address is in RSI. All of what is written
 * here lies below 1 MiB at the addresses of boot/layout.h: the kernel copies boot_params and command line before it
 * uses low memory, and what it reads later lies in reserved ranges.
 *
 * The kernel replaces page tables, GDT and stack within its first instructions. So only what those need is mapped:
 * kernel, boot_params and command line, by 2 MiB pages (1 GiB pages are a CPU feature that a guest may lack). The
 * initrd need not be.
 */
#include "boot/entry_linux64.h"

#include <errno.h>
#include <string.h>

#include "boot/image.h"
#include "boot/layout.h"
#include "vmm/base/units.h"
#include "vmm/base/util.h"

/* Selectors that the 64-bit boot protocol asks for: __BOOT_CS and __BOOT_DS. */
#define BOOT_CS 0x10
#define BOOT_DS 0x18

/* Page table entries: Intel SDM volume 3, 4.5.4. */
#define PTE_PRESENT BIT(0)
#define PTE_WRITE   BIT(1)
#define PTE_LARGE   BIT(7)
#define PTE_COUNT   512

#define GUEST_PAGE UINT64_C(4096)

/* zero-page.rst, and boot.rst for the rest */
#define HEADER_BOOT_FLAG 0xaa55
#define HEADER_MAGIC     0x53726448 /* "HdrS" */
#define HEADER_VERSION   0x020c     /* what we tell of a vmlinux: the fields up to 2.12 are valid */
#define HEADER_ALIGNMENT 0x200000   /* MIN_KERNEL_ALIGN of x86-64 */
#define LOADER_UNDEFINED 0xff       /* type_of_loader: no id assigned */
#define E820_RAM         1
#define E820_RESERVED    2

/* Segment descriptors: Intel SDM volume 3, 3.4.5. */
static const uint64_t gdt[] = {
	/* 64-bit code: present, ring 0, execute and read */
	[BOOT_CS / 8] = UINT64_C(0x00af9b000000ffff),
	/* flat data: present, ring 0, read and write, up to 4 GiB */
	[BOOT_DS / 8] = UINT64_C(0x00cf93000000ffff),
};
_Static_assert(sizeof(gdt) <= BOOT_GDT_SIZE, "the GDT fits its place");
_Static_assert(sizeof(struct setup_data) + LINUX_RNG_SEED_BYTES <= BOOT_SETUP_DATA_SIZE, "so does the seed");
_Static_assert(sizeof(struct boot_params) == GUEST_PAGE, "the zero page is a page");

static uint64_t low_ram_end(const struct board *b)
{
	return MIN(b->ram_size, BOARD_HOLE_START);
}

static int write_page_tables(struct gmem *mem, uint64_t mapped_end)
{
	uint64_t table[PTE_COUNT] = {BOOT_PDPT | PTE_PRESENT | PTE_WRITE};
	uint64_t gibs = align_up(mapped_end, GIB) / GIB;
	int r;

	/* Entries of zero are there already; RAM reads as zero. */
	r = gmem_write(mem, BOOT_PML4, table, sizeof(table[0]));
	if (r < 0)
		return r;
	for (uint64_t i = 0; i < gibs; i++)
		table[i] = (BOOT_PD + i * GUEST_PAGE) | PTE_PRESENT | PTE_WRITE;
	r = gmem_write(mem, BOOT_PDPT, table, gibs * sizeof(table[0]));
	for (uint64_t i = 0; i < gibs && !r; i++) {
		for (uint64_t j = 0; j < PTE_COUNT; j++)
			table[j] = (i * GIB + j * 2 * MIB) | PTE_PRESENT | PTE_WRITE | PTE_LARGE;
		r = gmem_write(mem, BOOT_PD + i * GUEST_PAGE, table, sizeof(table));
	}
	return r;
}

static int write_setup_data(struct gmem *mem, const struct linux_boot *b)
{
	struct setup_data head = {.type = SETUP_RNG_SEED, .len = LINUX_RNG_SEED_BYTES};
	int r;

	r = gmem_write(mem, BOOT_SETUP_DATA, &head, sizeof(head));
	return r ? r : gmem_write(mem, BOOT_SETUP_DATA + sizeof(head), b->rng_seed, sizeof(b->rng_seed));
}

static void add_e820(struct boot_params *bp, uint64_t start, uint64_t end, uint32_t type)
{
	if (start < end)
		bp->e820_table[bp->e820_entries++] = (struct boot_e820_entry){
			.addr = start, .size = end - start, .type = type};
}

static void fill_e820(struct boot_params *bp, const struct board *b)
{
	add_e820(bp, 0, BOOT_LOW_RAM_END, E820_RAM);
	add_e820(bp, BOOT_EBDA_START, BOOT_EBDA_START + BOOT_EBDA_SIZE, E820_RESERVED);
	/*
	 * Reserved, not "ACPI data": that type may be reused as RAM once the tables are read, and a kernel that is
	 * started by kexec would find them gone. A PC's BIOS area is reserved as well.
	 */
	add_e820(bp, BOOT_BIOS_START, BOOT_HIGH_START, E820_RESERVED);
	add_e820(bp, BOOT_HIGH_START, low_ram_end(b), E820_RAM);
	if (b->ram_size > BOARD_HOLE_START)
		add_e820(bp, BOARD_HOLE_END, BOARD_HOLE_END + (b->ram_size - BOARD_HOLE_START), E820_RAM);
}

static void fill_header(struct setup_header *h, const struct kernel *k)
{
	if (k->has_header) {
		*h = k->header;
	} else {
		h->boot_flag = HEADER_BOOT_FLAG;
		h->header = HEADER_MAGIC;
		h->version = HEADER_VERSION;
		h->kernel_alignment = HEADER_ALIGNMENT;
		h->xloadflags = XLF_KERNEL_64;
		h->cmdline_size = (uint32_t)k->cmdline_max;
		h->initrd_addr_max = (uint32_t)k->initrd_max;
	}
	h->type_of_loader = LOADER_UNDEFINED;
	h->loadflags |= LOADED_HIGH;
	h->cmd_line_ptr = BOOT_CMDLINE;
	h->setup_data = BOOT_SETUP_DATA;
}

static int write_boot_params(struct gmem *mem, const struct linux_boot *b, const struct linux_placed *placed)
{
	/* screen_info of zeroes means no screen: the kernel then leaves the VGA console alone. */
	struct boot_params bp = {.acpi_rsdp_addr = b->acpi_rsdp};

	fill_header(&bp.hdr, b->kernel);
	/* Both below 4 GiB, so the ext_ fields for upper halves stay 0. */
	bp.hdr.ramdisk_image = (uint32_t)placed->initrd_gpa;
	bp.hdr.ramdisk_size = (uint32_t)placed->initrd_size;
	fill_e820(&bp, b->board);
	return gmem_write(mem, BOOT_ZERO_PAGE, &bp, sizeof(bp));
}

static int write_cmdline(struct gmem *mem, const struct linux_boot *b, struct err *e)
{
	uint64_t max = MIN(b->kernel->cmdline_max, BOOT_CMDLINE_SIZE - 1);
	size_t len = strlen(b->cmdline);
	int r;

	if (len > max)
		return err_set(e, -E2BIG, "command line of %zu bytes is longer than the %llu that this kernel takes",
			len, (unsigned long long)max);
	r = gmem_write(mem, BOOT_CMDLINE, b->cmdline, len + 1);
	return r < 0 ? err_sys(e, r, "cannot write the command line to guest RAM") : 0;
}

/* Free room for an initrd, in whole pages; the kernel rounds the initrd's end up to one. */
struct gap {
	uint64_t start;
	uint64_t end;
};

static uint64_t gap_size(const struct gap *g)
{
	return g->end > g->start ? g->end - g->start : 0;
}

static int place_initrd(struct gmem *mem, const struct linux_boot *b, struct linux_placed *placed, struct err *e)
{
	const struct kernel *k = b->kernel;
	uint64_t end = low_ram_end(b->board);
	char text[UNITS_TEXT_MAX], room[UNITS_TEXT_MAX];
	struct gap above, below, *gap;
	uint64_t size;
	int r;

	r = image_stat(b->initrd_fd, &size, e);
	if (r < 0)
		return r;
	if (k->initrd_max < end)
		end = k->initrd_max + 1;
	end = align_down(end, GUEST_PAGE);
	above = (struct gap){.start = align_up(MAX(k->load_end, BOOT_HIGH_START), GUEST_PAGE), .end = end};
	below = (struct gap){.start = BOOT_HIGH_START, .end = MIN(align_down(k->load_start, GUEST_PAGE), end)};
	gap = size <= gap_size(&above) || gap_size(&above) >= gap_size(&below) ? &above : &below;
	if (size > gap_size(gap))
		return err_set(e, -EFBIG,
			"%s long, does not fit: beside the kernel and below 0x%llx there is room for %s",
			format_size(size, text), (unsigned long long)end, format_size(gap_size(gap), room));
	placed->initrd_gpa = align_down(gap->end - size, GUEST_PAGE);
	placed->initrd_size = size;
	return image_pread_gmem(mem, placed->initrd_gpa, b->initrd_fd, 0, size, e);
}

/* What the caller, not the operator, got wrong. */
static int check(const struct gmem *mem, const struct linux_boot *b, struct err *e)
{
	if (b->board->ram_size <= BOOT_HIGH_START || !gmem_contains(mem, 0, low_ram_end(b->board)))
		return err_set(e, -EINVAL, "guest RAM is not where the board has it");
	if (b->kernel->load_start < BOOT_HIGH_START || b->kernel->load_end > low_ram_end(b->board))
		return err_set(e, -EINVAL, "kernel is not in low RAM");
	return 0;
}

int linux_boot_setup(struct gmem *mem, const struct linux_boot *b, struct entry *ret_entry,
	struct linux_placed *ret_placed, struct err *e)
{
	struct linux_placed placed = {0};
	int r;

	r = check(mem, b, e);
	if (r < 0)
		return r;
	r = write_cmdline(mem, b, e);
	if (r < 0)
		return r;
	if (b->initrd_fd >= 0) {
		r = place_initrd(mem, b, &placed, e);
		if (r < 0)
			return err_wrap(e, r, "initrd %s", b->initrd_name ? b->initrd_name : "file");
	}
	r = write_page_tables(mem, b->kernel->load_end);
	if (!r)
		r = gmem_write(mem, BOOT_GDT, gdt, sizeof(gdt));
	if (!r)
		r = write_setup_data(mem, b);
	if (!r)
		r = write_boot_params(mem, b, &placed);
	if (r < 0)
		return err_sys(e, r, "cannot write boot data to guest RAM");
	*ret_entry = (struct entry){
		.mode = ENTRY_LONG,
		.rip = b->kernel->entry,
		.rsp = BOOT_STACK_TOP,
		.rsi = BOOT_ZERO_PAGE,
		.cr3 = BOOT_PML4,
		.gdt_base = BOOT_GDT,
		.gdt_limit = sizeof(gdt) - 1,
		.cs = BOOT_CS,
		.ds = BOOT_DS,
	};
	*ret_placed = placed;
	return 0;
}
