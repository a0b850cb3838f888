// SPDX-License-Identifier: Apache-2.0
/*
 * Cores of guests, read back byte for byte by a reader of our own: RAM through the segments with p_paddr, linear
 * addresses through those behind them.
 */
#include <elf.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/procfs.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>

#include "tests/support/unit.h"
#include "vmm/base/x86.h"
#include "vmm/debug/elfcore.h"
#include "vmm/debug/vmcoreinfo.h"

#define LOW_SIZE  (16 * MIB)
#define HIGH_GPA  (4 * GIB)
#define HIGH_SIZE (6 * MIB)
#define TEXT      UINT64_C(0xffffffff81000000)
#define DIRECT    UINT64_C(0xffff888000000000)
#define VMALLOC   UINT64_C(0xffffc90000000000)
#define TABLE     (PTE_P | PTE_W)
#define CPUS      3

/* Tables of the guest, in its RAM */
#define PML4 UINT64_C(0x1000)

static uint8_t *low, *high;
static struct gmem mem;
static struct core_writer *writer;
static struct core_cpu cpu[CPUS];
static _Atomic bool stop;
static struct core_result result;
static int fd;
static struct {
	uint8_t *data;
	size_t size;
	const Elf64_Ehdr *head;
	const Elf64_Phdr *ph;
} core;

/* --- The host ---------------------------------------------------------------------------------------------------- */

static bool swaps, nothing_resident, no_memory;
static ssize_t write_fails; /* > 0: at most so many bytes; < 0: with this errno */

int __wrap_sysinfo(struct sysinfo *si);
int __wrap_mincore(void *addr, size_t len, unsigned char *vec);
int __real_mincore(void *addr, size_t len, unsigned char *vec);
ssize_t __wrap_pwrite(int to, const void *p, size_t len, off_t at);
ssize_t __real_pwrite(int to, const void *p, size_t len, off_t at);
ssize_t __wrap_pwrite64(int to, const void *p, size_t len, off_t at);

void *__real_calloc(size_t nr, size_t size);
void *__wrap_calloc(size_t nr, size_t size);

void *__wrap_calloc(size_t nr, size_t size)
{
	return no_memory ? NULL : __real_calloc(nr, size);
}

int __wrap_sysinfo(struct sysinfo *si)
{
	*si = (struct sysinfo){.totalswap = swaps};
	return 0;
}

int __wrap_mincore(void *addr, size_t len, unsigned char *vec)
{
	if (!nothing_resident)
		return __real_mincore(addr, len, vec);
	memset(vec, 0, len / PAGE_4K);
	return 0;
}

ssize_t __wrap_pwrite(int to, const void *p, size_t len, off_t at)
{
	if (write_fails < 0) {
		errno = (int)-write_fails;
		return -1;
	}
	return __real_pwrite(to, p, write_fails ? MIN(len, (size_t)write_fails) : len, at);
}

/* What pwrite() is with 64-bit offsets, where headers say so */
ssize_t __wrap_pwrite64(int to, const void *p, size_t len, off_t at)
{
	return __wrap_pwrite(to, p, len, at);
}

static uint8_t *map(size_t size)
{
	uint8_t *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_true(p != MAP_FAILED);
	/* A huge page would be touched as one. */
	madvise(p, size, MADV_NOHUGEPAGE);
	return p;
}

static int set_up(void **state)
{
	swaps = nothing_resident = false;
	write_fails = 0;
	atomic_store(&stop, false);
	low = map(LOW_SIZE);
	high = map(HIGH_SIZE);
	mem = (struct gmem){0};
	gmem_add(&mem, &(struct gmem_region){.size = LOW_SIZE, .host = low, .fd = -1});
	gmem_add(&mem, &(struct gmem_region){.gpa = HIGH_GPA, .size = HIGH_SIZE, .host = high, .fd = -1});
	memset(cpu, 0, sizeof(cpu));
	fd = memfd_create("core", 0);
	core.data = NULL;
	result = (struct core_result){};
	return core_writer_new(&writer);
}

static int tear_down(void **state)
{
	if (core.data)
		munmap(core.data, core.size);
	close(fd);
	core_writer_free(writer);
	munmap(low, LOW_SIZE);
	munmap(high, HIGH_SIZE);
	return 0;
}

/* --- The reader -------------------------------------------------------------------------------------------------- */

static void write_core(void)
{
	struct stat st;

	assert_int_equal(core_write(writer, &mem, cpu, CPUS, fd, &stop, &result), 0);
	assert_int_equal(fstat(fd, &st), 0);
	core.size = (size_t)st.st_size;
	core.data = mmap(NULL, core.size, PROT_READ, MAP_PRIVATE, fd, 0);
	assert_true(core.data != MAP_FAILED);
	core.head = (const Elf64_Ehdr *)core.data;
	core.ph = (const Elf64_Phdr *)(core.data + core.head->e_phoff);
	assert_memory_equal(core.head->e_ident, ELFMAG, SELFMAG);
	assert_int_equal(core.head->e_type, ET_CORE);
	assert_int_equal(core.head->e_machine, EM_X86_64);
	assert_int_equal(core.head->e_phentsize, sizeof(Elf64_Phdr));
	assert_int_equal(core.ph[0].p_type, PT_NOTE);
	for (unsigned i = 0; i < core.head->e_phnum; i++) {
		assert_true(core.ph[i].p_offset + core.ph[i].p_filesz <= core.size);
		assert_true(core.ph[i].p_filesz <= core.ph[i].p_memsz);
		assert_true(!i || core.ph[i].p_type == PT_LOAD);
	}
}

/* The first segment that has it; NULL: none. *@zero: it is one that the file has no bytes of. */
static const uint8_t *find(uint64_t address, bool linear, bool *zero)
{
	for (unsigned i = 1; i < core.head->e_phnum; i++) {
		uint64_t from = linear ? core.ph[i].p_vaddr : core.ph[i].p_paddr;

		if (address < from || address - from >= core.ph[i].p_memsz)
			continue;
		*zero = address - from >= core.ph[i].p_filesz;
		return core.data + (*zero ? 0 : core.ph[i].p_offset + (address - from));
	}
	return NULL;
}

static void same_page(uint64_t address, bool linear, const uint8_t *want)
{
	static const uint8_t zeroes[PAGE_4K];
	bool zero = false;
	const uint8_t *got = find(address, linear, &zero);

	if (!got || memcmp(zero ? zeroes : got, want, PAGE_4K))
		fail_msg("0x%llx: %s", (unsigned long long)address, got ? "other bytes" : "in no segment");
}

static void ram_is_all_there(void)
{
	uint64_t bytes = 0, next = 0;

	for (uint64_t at = 0; at < LOW_SIZE; at += PAGE_4K)
		same_page(at, false, low + at);
	for (uint64_t at = 0; at < HIGH_SIZE; at += PAGE_4K)
		same_page(HIGH_GPA + at, false, high + at);
	/* Behind the linear ones, each address once, in order, and nothing else. */
	for (unsigned i = 1; i < core.head->e_phnum; i++) {
		if (!bytes && core.ph[i].p_vaddr >> 63)
			continue;
		assert_true(core.ph[i].p_paddr >= next && core.ph[i].p_vaddr == core.ph[i].p_paddr);
		next = core.ph[i].p_paddr + core.ph[i].p_memsz;
		bytes += core.ph[i].p_memsz;
	}
	assert_int_equal(bytes, LOW_SIZE + HIGH_SIZE);
	assert_int_equal(next, HIGH_GPA + HIGH_SIZE);
	assert_true(core.size <= LOW_SIZE + HIGH_SIZE + CORE_HEAD_MAX);
}

struct note {
	const char *name;
	uint32_t type, size;
	const uint8_t *desc;
};

static bool note_at(unsigned nth, struct note *ret)
{
	const uint8_t *p = core.data + core.ph[0].p_offset, *end = p + core.ph[0].p_filesz;

	while (p < end) {
		const Elf64_Nhdr *n = (const Elf64_Nhdr *)p;

		*ret = (struct note){
			(const char *)(n + 1), n->n_type, n->n_descsz, p + sizeof(*n) + align_up(n->n_namesz, 4)};
		assert_int_equal(strlen(ret->name) + 1, n->n_namesz);
		p = ret->desc + align_up(n->n_descsz, 4);
		assert_true(p <= end);
		if (!nth--)
			return true;
	}
	return false;
}

/* --- RAM --------------------------------------------------------------------------------------------------------- */

static void scatter(void)
{
	low[0] = 1;
	low[3 * MIB + 5] = 2;
	memset(low + 9 * MIB, 3, 2 * PAGE_4K);
	low[LOW_SIZE - 1] = 4;
	high[PAGE_4K] = 5;
	high[4 * MIB + 4095] = 6;
	/* Touched, and zero again */
	low[12 * MIB] = 7;
	low[12 * MIB] = 0;
}

static void every_byte_of_ram_is_in_the_core(void **state)
{
	scatter();
	write_core();
	ram_is_all_there();
	/* 5 granules of 22, and of them 7 pages */
	assert_true(core.size < 7 * MIB);
	assert_true(result.bytes <= 8 * PAGE_4K);
}

static void a_guest_that_touched_nothing_has_a_core(void **state)
{
	write_core();
	ram_is_all_there();
	assert_int_equal(core.size, PAGE_4K);
	assert_int_equal(core.head->e_phnum, 3);
}

static void a_guest_that_touched_all_has_a_core_of_its_size(void **state)
{
	memset(low, 0xaa, LOW_SIZE);
	memset(high, 0xbb, HIGH_SIZE);
	write_core();
	ram_is_all_there();
	assert_int_equal(core.head->e_phnum, 3);
	assert_int_equal(core.size, PAGE_4K + LOW_SIZE + HIGH_SIZE);
}

/* Swapped out, and so not in memory */
static void swap_hides_no_page(void **state)
{
	scatter();
	swaps = nothing_resident = true;
	write_core();
	ram_is_all_there();
}

static void without_swap_what_is_not_resident_is_not_read(void **state)
{
	scatter();
	nothing_resident = true;
	write_core();
	assert_int_equal(core.size, PAGE_4K);
}

static void a_short_write_goes_on(void **state)
{
	scatter();
	write_fails = 777;
	write_core();
	ram_is_all_there();
}

static void a_full_disk_ends_it(void **state)
{
	scatter();
	write_fails = -ENOSPC;
	assert_int_equal(core_write(writer, &mem, cpu, CPUS, fd, &stop, &result), -ENOSPC);
	assert_int_equal(result.bytes, 0);
}

static void no_memory_for_it(void **state)
{
	struct core_writer *w = NULL;

	no_memory = true;
	assert_int_equal(core_writer_new(&w), -ENOMEM);
	no_memory = false;
	assert_null(w);
}

static void nobody_wants_it_any_more(void **state)
{
	scatter();
	atomic_store(&stop, true);
	assert_int_equal(core_write(writer, &mem, cpu, CPUS, fd, &stop, &result), -ECANCELED);
}

/* --- Notes ------------------------------------------------------------------------------------------------------- */

static void each_cpu_has_its_two_notes(void **state)
{
	struct note n;

	for (unsigned i = 0; i < CPUS; i++) {
		cpu[i].regs.rip = 0x1000 + i;
		cpu[i].regs.r15 = 0x2000 + i;
		cpu[i].regs.gs = (struct core_segment){.selector = 0x18, .base = 0x3000 + i};
		cpu[i].regs.idt.base = 0x4000 + i;
		cpu[i].regs.cr[3] = 0x5000 + i;
		cpu[i].regs.kernel_gs_base = 0x6000 + i;
	}
	write_core();
	for (unsigned i = 0; i < CPUS; i++) {
		uint64_t reg;

		assert_true(note_at(i, &n));
		assert_string_equal(n.name, "CORE");
		assert_int_equal(n.type, NT_PRSTATUS);
		assert_int_equal(n.size, 336);
		assert_int_equal(n.desc[32], i + 1);
		/* Linux, struct user_regs_struct: r15 is the first, RIP the 17th, the base of GS the 23rd */
		memcpy(&reg, n.desc + 112, 8);
		assert_int_equal(reg, 0x2000 + i);
		memcpy(&reg, n.desc + 112 + 16 * 8, 8);
		assert_int_equal(reg, 0x1000 + i);
		memcpy(&reg, n.desc + 112 + 22 * 8, 8);
		assert_int_equal(reg, 0x3000 + i);
	}
	for (unsigned i = 0; i < CPUS; i++) {
		uint64_t reg;

		assert_true(note_at(CPUS + i, &n));
		assert_string_equal(n.name, "QEMU");
		assert_int_equal(n.type, 0);
		assert_int_equal(n.size, 440);
		assert_int_equal(n.desc[0], 1);
		assert_int_equal(n.desc[4] | n.desc[5] << 8, 440);
		/* QEMU, struct QEMUCPUState: IDT is the tenth segment of 24 bytes, CR3 behind CR0 to CR2 */
		memcpy(&reg, n.desc + 8 + 18 * 8 + 9 * 24 + 16, 8);
		assert_int_equal(reg, 0x4000 + i);
		memcpy(&reg, n.desc + 8 + 18 * 8 + 10 * 24 + 3 * 8, 8);
		assert_int_equal(reg, 0x5000 + i);
		memcpy(&reg, n.desc + 432, 8);
		assert_int_equal(reg, 0x6000 + i);
	}
	assert_false(note_at(2 * CPUS, &n));
}

/* --- Page tables ------------------------------------------------------------------------------------------------- */

static uint64_t next_table;

static uint64_t *entry(uint64_t table, uint64_t linear, unsigned level)
{
	return (uint64_t *)(low + table) + (linear >> (12 + 9 * (level - 1)) & 511);
}

/* Maps a page of 4 KiB (level 1) or 2 MiB (level 2). */
static void map_page(uint64_t linear, uint64_t gpa, unsigned level)
{
	uint64_t table = PML4;

	for (unsigned l = 4; l > level; l--) {
		uint64_t *e = entry(table, linear, l);

		if (!*e) {
			*e = next_table | TABLE;
			next_table += PAGE_4K;
		}
		table = *e & ~(uint64_t)0xfff;
	}
	*entry(table, linear, level) = gpa | TABLE | (level > 1 ? PTE_PS : 0);
}

static void begin_tables(void)
{
	next_table = PML4 + PAGE_4K;
	for (unsigned i = 0; i < CPUS; i++) {
		cpu[i].regs.cr[0] = CR0_PE | CR0_PG;
		cpu[i].regs.cr[3] = PML4;
		cpu[i].regs.cr[4] = CR4_PAE;
		cpu[i].efer = EFER_LMA | EFER_LME;
	}
}

static void linear_addresses_lead_to_the_same_bytes(void **state)
{
	bool zero;

	scatter();
	begin_tables();
	for (uint64_t i = 0; i < LOW_SIZE / PAGE_2M; i++)
		map_page(DIRECT + i * PAGE_2M, i * PAGE_2M, 2);
	map_page(TEXT, 8 * MIB, 2);
	/* Pages that lie apart, one in the high region, and one that is no RAM */
	map_page(VMALLOC, 9 * MIB, 1);
	map_page(VMALLOC + PAGE_4K, HIGH_GPA + PAGE_4K, 1);
	map_page(VMALLOC + 2 * PAGE_4K, 0xfee00000, 1);
	/* Where nothing was touched, and across the end of RAM */
	map_page(VMALLOC + PAGE_2M, HIGH_GPA + 2 * MIB, 2);
	map_page(VMALLOC + 2 * PAGE_2M, LOW_SIZE - PAGE_2M, 2);
	map_page(VMALLOC + 3 * PAGE_2M, LOW_SIZE, 2);
	write_core();
	ram_is_all_there();
	for (uint64_t at = 0; at < LOW_SIZE; at += PAGE_4K)
		same_page(DIRECT + at, true, low + at);
	for (uint64_t at = 0; at < PAGE_2M; at += PAGE_4K) {
		same_page(TEXT + at, true, low + 8 * MIB + at);
		same_page(VMALLOC + PAGE_2M + at, true, high + 2 * MIB + at);
		same_page(VMALLOC + 2 * PAGE_2M + at, true, low + LOW_SIZE - PAGE_2M + at);
	}
	same_page(VMALLOC, true, low + 9 * MIB);
	same_page(VMALLOC + PAGE_4K, true, high + PAGE_4K);
	assert_null(find(VMALLOC + 2 * PAGE_4K, true, &zero));
	assert_null(find(VMALLOC + 3 * PAGE_2M, true, &zero));
}

/* makedumpfile has the offset of the direct map from the first segment that is not of the kernel's text or modules. */
static void the_direct_map_is_the_first_below_the_text(void **state)
{
	unsigned i = 1;

	begin_tables();
	map_page(DIRECT, 0, 2);
	map_page(TEXT, 8 * MIB, 2);
	map_page(VMALLOC, 9 * MIB, 1);
	write_core();
	while (i + 1 < core.head->e_phnum && core.ph[i].p_vaddr >= TEXT)
		i++;
	assert_int_equal(core.ph[i].p_vaddr - core.ph[i].p_paddr, DIRECT);
}

/* Five levels: one more table on top */
static void five_levels_are_walked(void **state)
{
	const uint64_t pml5 = 15 * MIB;

	begin_tables();
	map_page(TEXT, 8 * MIB, 2);
	low[8 * MIB] = 9;
	*entry(pml5, TEXT, 5) = PML4 | TABLE;
	for (unsigned i = 0; i < CPUS; i++) {
		cpu[i].regs.cr[3] = pml5;
		cpu[i].regs.cr[4] |= CR4_LA57;
	}
	write_core();
	ram_is_all_there();
	same_page(TEXT, true, low + 8 * MIB);
}

/* Every entry of every table leads to the table itself: 512 to the fourth pages, each a mapping of its own. */
static void tables_that_lead_to_themselves_end(void **state)
{
	begin_tables();
	for (unsigned i = 0; i < PTE_COUNT; i++)
		((uint64_t *)(low + PML4))[i] = PML4 | TABLE;
	write_core();
	ram_is_all_there();
	assert_true(core.head->e_phnum < 20000);
}

static void each_entry_of_a_table_is_another_page_outside_of_ram(void **state)
{
	begin_tables();
	map_page(TEXT, 8 * MIB, 2);
	for (unsigned i = 0; i < PTE_COUNT / 2; i++)
		((uint64_t *)(low + PML4))[256 + i] |= (64 * GIB + i * GIB) | TABLE;
	write_core();
	ram_is_all_there();
}

/* --- VMCOREINFO -------------------------------------------------------------------------------------------------- */

/* With a header that says @len, or what the text has */
static void plant(uint8_t *at, const char *text, uint32_t len)
{
	const Elf64_Nhdr head = {.n_namesz = 11, .n_descsz = len ? len : (uint32_t)strlen(text)};

	memcpy(at, &head, sizeof(head));
	memcpy(at + 12, "VMCOREINFO\0", 12);
	memcpy(at + 24, text, strlen(text));
}

#define OF(text, base) "OSRELEASE=6.1.0\nNUMBER(phys_base)=" base "\nSYMBOL(_stext)=" text "\nKERNELOFFSET=0\n"

/* A program of the guest may have one too, and be found first. */
static void the_kernels_own_is_taken(void **state)
{
	static const char own[] = OF("ffffffff81000000", "-8388608"), other[] = OF("ffffffff82000000", "0");
	struct note n;

	begin_tables();
	map_page(TEXT, 8 * MIB, 2);
	plant(low + 2 * MIB, other, 0);
	plant(low + 4 * MIB, own, 0);
	plant(low + 5 * MIB, other, 0);
	write_core();
	assert_true(result.vmcoreinfo);
	assert_true(note_at(2 * CPUS, &n));
	assert_string_equal(n.name, "VMCOREINFO");
	assert_int_equal(n.size, strlen(own));
	assert_memory_equal(n.desc, own, strlen(own));
}

/* In a program, under page table isolation, the kernel's tables are the page below. */
static void the_kernels_tables_are_found_from_a_program(void **state)
{
	const uint64_t kernel = 14 * MIB, program = kernel + PAGE_4K;

	begin_tables();
	map_page(TEXT, 8 * MIB, 2);
	low[8 * MIB] = 1;
	memcpy(low + kernel, low + PML4, PAGE_4K);
	plant(low + 4 * MIB, OF("ffffffff81000000", "-8388608"), 0);
	for (unsigned i = 0; i < CPUS; i++)
		cpu[i].regs.cr[3] = program;
	write_core();
	assert_true(result.vmcoreinfo);
	same_page(TEXT, true, low + 8 * MIB);
}

static void where_none_fits_the_first_is_taken(void **state)
{
	struct note n;

	plant(low + 4 * MIB, OF("1", "2"), 0);
	plant(low + 5 * MIB, OF("3", "4"), 0);
	write_core();
	assert_false(result.vmcoreinfo);
	assert_true(note_at(2 * CPUS, &n));
	assert_memory_equal(n.desc, OF("1", "2"), n.size);
}

static void what_is_no_such_note_is_not_taken(void **state)
{
	static const struct {
		const char *text;
		uint32_t len;
	} wrong[] = {{"OSRELEASE=", 10}, {"OSRELEASE=x", 4097}, {"OSRELEASE=x", UINT32_MAX}, {"OSRELEASX=6", 0}};
	struct vmcoreinfo *v = malloc(sizeof(*v));

	v->len = 77;
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		plant(low, wrong[i].text, wrong[i].len);
		assert_false(vmcoreinfo_read(&mem, 0, v));
	}
	/* The end of RAM is in it. */
	plant(low + LOW_SIZE - PAGE_4K, "OSRELEASE=6\n", 4096);
	assert_false(vmcoreinfo_read(&mem, LOW_SIZE - PAGE_4K, v));
	assert_false(vmcoreinfo_read(&mem, LOW_SIZE - 8, v));
	assert_int_equal(v->len, 77);
	/* Behind a byte that is no text there is none. */
	plant(low,
		"OSRELEASE=6\nA=\x01"
		"B=1\n",
		40);
	assert_true(vmcoreinfo_read(&mem, 0, v));
	assert_string_equal(v->text, "OSRELEASE=6\nA=");
	free(v);
}

static void only_numbers_are_numbers(void **state)
{
	struct vmcoreinfo v = {.text = "A=12\nAB=-5\nC=ff\nD=\nE= 1\nF=+1\nG=1x\nH=99999999999999999999\nA=13\nI=0x10"};
	uint64_t n = 1;

	assert_true(vmcoreinfo_number(&v, "A", 10, &n));
	assert_int_equal(n, 12);
	assert_true(vmcoreinfo_number(&v, "AB", 10, &n));
	assert_true(n == (uint64_t)-5);
	assert_true(vmcoreinfo_number(&v, "C", 16, &n));
	assert_int_equal(n, 0xff);
	n = 7;
	assert_false(vmcoreinfo_number(&v, "AB", 16, &n));
	for (char c = 'D'; c <= 'H'; c++)
		assert_false(vmcoreinfo_number(&v, (char[]){c, 0}, 10, &n));
	assert_false(vmcoreinfo_number(&v, "I", 10, &n));
	assert_false(vmcoreinfo_number(&v, "J", 10, &n));
	assert_int_equal(n, 7);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_byte_of_ram_is_in_the_core),
		TEST(a_guest_that_touched_nothing_has_a_core),
		TEST(a_guest_that_touched_all_has_a_core_of_its_size),
		TEST(swap_hides_no_page),
		TEST(without_swap_what_is_not_resident_is_not_read),
		TEST(a_short_write_goes_on),
		TEST(a_full_disk_ends_it),
		TEST(no_memory_for_it),
		TEST(nobody_wants_it_any_more),
		TEST(each_cpu_has_its_two_notes),
		TEST(linear_addresses_lead_to_the_same_bytes),
		TEST(the_direct_map_is_the_first_below_the_text),
		TEST(five_levels_are_walked),
		TEST(tables_that_lead_to_themselves_end),
		TEST(each_entry_of_a_table_is_another_page_outside_of_ram),
		TEST(the_kernels_own_is_taken),
		TEST(the_kernels_tables_are_found_from_a_program),
		TEST(where_none_fits_the_first_is_taken),
		TEST(what_is_no_such_note_is_not_taken),
		TEST(only_numbers_are_numbers),
	};

	return run_group(tests);
}
