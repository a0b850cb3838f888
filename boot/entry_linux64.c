// SPDX-License-Identifier: Apache-2.0
/*
 * Theory of operation. The kernel finds everything through boot_params, whose address is in RSI. Everything is written
 * below 1 MiB at the addresses of boot/layout.h: the kernel copies boot_params and command line before it uses low
 * memory, and what it reads later is in reserved ranges.
 *
 * The kernel replaces page tables, GDT and stack within its first instructions. So only what those instructions need is
 * mapped: kernel, boot_params and command line, by 2 MiB pages (1 GiB pages are a CPU feature that a guest may lack).
 * The initrd is not mapped.
 */
#include "boot/entry_linux64.h"

#include <asm/bootparam.h>
#include <errno.h>
#include <string.h>

#include "boot/initrd.h"
#include "boot/layout.h"
#include "boot/memmap.h"
#include "boot/x86.h"
#include "vmm/base/le.h"
#include "vmm/base/util.h"

/* Selectors that the 64-bit boot protocol requires: __BOOT_CS and __BOOT_DS. */
#define BOOT_CS 0x10
#define BOOT_DS 0x18

/* zero-page.rst, and boot.rst for the rest */
#define HEADER_BOOT_FLAG 0xaa55
#define HEADER_MAGIC     0x53726448 /* "HdrS" */
#define HEADER_VERSION   0x020c     /* the version given for a vmlinux: the fields up to 2.12 are valid */
#define HEADER_ALIGNMENT 0x200000   /* MIN_KERNEL_ALIGN of x86-64 */
#define LOADER_UNDEFINED 0xff       /* type_of_loader: no id assigned */

/* COMMAND_LINE_SIZE of x86 Linux is 2048; a vmlinux does not state it. */
#define VMLINUX_CMDLINE_MAX 2047
/*
 * The value in the setup header of every x86-64 Linux (arch/x86/boot/header.S, ramdisk_max); a vmlinux does not state
 * it.
 */
#define VMLINUX_INITRD_MAX 0x7fffffff

_Static_assert(BOOT_DS + 8 <= BOOT_GDT_SIZE, "the GDT fits its place");
_Static_assert(sizeof(struct setup_data) + BOOT_RNG_SEED_BYTES <= BOOT_SETUP_DATA_SIZE, "so does the seed");
_Static_assert(sizeof(struct boot_params) == PAGE_4K, "the zero page is a page");

/* Entries of zero are there already; RAM reads as zero. */
static int write_page_tables(struct gmem *mem, uint64_t mapped_end)
{
	uint64_t gibs = align_up(mapped_end, GIB) / GIB;
	int r = x86_put_entries(mem, BOOT_PML4, 0, 1, BOOT_PDPT, 0, PTE_P | PTE_W);

	if (!r)
		r = x86_put_entries(mem, BOOT_PDPT, 0, gibs, BOOT_PD, PAGE_4K, PTE_P | PTE_W);
	return r ? r : x86_put_entries(mem, BOOT_PD, 0, gibs * PTE_COUNT, 0, PAGE_2M, PTE_P | PTE_W | PTE_PS);
}

static int write_gdt(struct gmem *mem)
{
	uint8_t gdt[BOOT_DS + 8] = {0};

	le64_put(gdt + BOOT_CS, x86_descriptor(SEG_CODE64, 0, X86_LIMIT_4G));
	le64_put(gdt + BOOT_DS, x86_descriptor(SEG_DATA, 0, X86_LIMIT_4G));
	return gmem_write(mem, BOOT_GDT, gdt, sizeof(gdt));
}

static int write_setup_data(struct gmem *mem, const struct boot_env *env)
{
	struct setup_data head = {.type = SETUP_RNG_SEED, .len = BOOT_RNG_SEED_BYTES};
	int r;

	r = gmem_write(mem, BOOT_SETUP_DATA, &head, sizeof(head));
	return r ? r : gmem_write(mem, BOOT_SETUP_DATA + sizeof(head), env->rng_seed, sizeof(env->rng_seed));
}

static void fill_e820(struct boot_params *bp, const struct board *b)
{
	struct memmap map;

	_Static_assert(MEMMAP_ROWS_MAX <= E820_MAX_ENTRIES_ZEROPAGE, "every row has its place");
	memmap_draw(b, &map);
	for (size_t i = 0; i < map.nr; i++)
		bp->e820_table[i] = (struct boot_e820_entry){
			.addr = map.row[i].start, .size = map.row[i].end - map.row[i].start, .type = map.row[i].type};
	bp->e820_entries = (uint8_t)map.nr;
}

/* The setup header: that of the bzImage, or for a vmlinux what a bzImage of it would contain. */
static struct setup_header header_of(const struct offer *o)
{
	struct setup_header h = {
		.boot_flag = HEADER_BOOT_FLAG,
		.header = HEADER_MAGIC,
		.version = HEADER_VERSION,
		.kernel_alignment = HEADER_ALIGNMENT,
		.xloadflags = XLF_KERNEL_64,
		.cmdline_size = VMLINUX_CMDLINE_MAX,
		.initrd_addr_max = VMLINUX_INITRD_MAX,
	};

	if (o->header_size)
		memcpy(&h, o->header, sizeof(h));
	return h;
}

static int write_boot_params(
	struct gmem *mem, const struct boot_env *env, const struct setup_header *h, const struct boot_placed *placed)
{
	/* A zeroed screen_info means that there is no screen: the kernel then does not use the VGA console. */
	struct boot_params bp = {.acpi_rsdp_addr = env->acpi_rsdp, .hdr = *h};

	bp.hdr.type_of_loader = LOADER_UNDEFINED;
	bp.hdr.loadflags |= LOADED_HIGH;
	bp.hdr.cmd_line_ptr = BOOT_CMDLINE;
	bp.hdr.setup_data = BOOT_SETUP_DATA;
	/* Both below 4 GiB, so the ext_ fields for upper halves stay 0. */
	bp.hdr.ramdisk_image = (uint32_t)placed->initrd_gpa;
	bp.hdr.ramdisk_size = (uint32_t)placed->initrd_size;
	fill_e820(&bp, env->board);
	return gmem_write(mem, BOOT_ZERO_PAGE, &bp, sizeof(bp));
}

static int write_cmdline(struct gmem *mem, const char *cmdline, uint64_t kernel_max, struct err *e)
{
	uint64_t max = MIN(kernel_max, BOOT_CMDLINE_SIZE - 1);
	size_t len = strlen(cmdline);
	int r;

	if (len > max)
		return err_set(e, -E2BIG, "command line of %zu bytes is longer than the %llu that this kernel takes",
			len, (unsigned long long)max);
	r = gmem_write(mem, BOOT_CMDLINE, cmdline, len + 1);
	return r < 0 ? err_sys(e, r, "cannot write the command line to guest RAM") : 0;
}

/* Errors of the caller, not of the operator. */
static int check(const struct gmem *mem, const struct boot_env *env, struct err *e)
{
	uint64_t low_end = memmap_low_end(env->board);

	if (env->board->ram_size <= BOOT_HIGH_START || !gmem_contains(mem, 0, low_end))
		return err_set(e, -EINVAL, "guest RAM is not where the board has it");
	if (env->image->start < BOOT_HIGH_START || env->image->end > low_end)
		return err_set(e, -EINVAL, "kernel is not in low RAM");
	return 0;
}

int entry_linux64(struct gmem *mem, const struct boot_env *env, struct entry *ret_entry, struct boot_placed *ret_placed,
	struct err *e)
{
	const struct offer *offer = &env->image->offer[BOOT_LINUX64];
	struct setup_header h = header_of(offer);
	struct boot_placed placed;
	int r;

	r = check(mem, env, e);
	if (r == 0)
		r = write_cmdline(mem, env->cmdline, h.cmdline_size, e);
	if (r == 0)
		r = initrd_place(mem, env, h.initrd_addr_max, &placed, e);
	if (r < 0)
		return r;
	r = write_page_tables(mem, env->image->end);
	if (!r)
		r = write_gdt(mem);
	if (!r)
		r = write_setup_data(mem, env);
	if (!r)
		r = write_boot_params(mem, env, &h, &placed);
	if (r < 0)
		return err_sys(e, r, "cannot write boot data to guest RAM");
	*ret_entry = (struct entry){
		.mode = ENTRY_LONG,
		.rip = offer->entry,
		.rsp = BOOT_STACK_TOP,
		.rsi = BOOT_ZERO_PAGE,
		.cr3 = BOOT_PML4,
		.gdt_base = BOOT_GDT,
		.gdt_limit = BOOT_DS + 7,
		.cs = BOOT_CS,
		.ds = BOOT_DS,
	};
	*ret_placed = placed;
	return 0;
}
