// SPDX-License-Identifier: Apache-2.0
/*
 * Snapshot files: what is written can be read back, no more is written than necessary, and each wrong byte of the head
 * is refused with a specific message.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>

#include "tests/support/unit.h"
#include "vmm/base/crc.h"
#include "vmm/base/le.h"
#include "vmm/base/x86.h"
#include "vmm/snapshot/format.h"

#define VERSION   "1.2.3 (abc)"
#define LOW_SIZE  (11 * MIB) /* not a multiple of the granule: the second region begins in the middle of one */
#define HIGH_GPA  (4 * GIB)
#define HIGH_SIZE (22 * MIB)
#define SIZE      (LOW_SIZE + HIGH_SIZE)

static uint8_t *ram;
static struct gmem mem;
static struct snapshot_writer *writer;
static _Atomic bool stop;
static int fd;
static struct snapshot_parts parts;
static uint8_t state[300];
static struct cpuid_set cpuid = {
	.nr = 3,
	.entry =
		{
			{.ebx = 0x756e6547, .ecx = 0x6c65746e, .edx = 0x49656e69, .eax = 7},
			{.function = 7, .index = 1, .flags = 1, .eax = 1, .ebx = 2, .ecx = 3, .edx = 4},
			{.function = 0x80000001, .eax = 5, .ebx = 6, .ecx = 7, .edx = 8},
		},
};

/* --- The host ---------------------------------------------------------------------------------------------------- */

static ssize_t write_fails; /* > 0: at most so many bytes; < 0: with this errno */
static int memory_left = -1;
static int reads_left = -1; /* reads until one fails with EIO; -1: none does */
static bool read_little;    /* a few bytes at a time, and every second read is interrupted */

int __wrap_sysinfo(struct sysinfo *si);
ssize_t __wrap_pwrite(int to, const void *p, size_t len, off_t at);
ssize_t __real_pwrite(int to, const void *p, size_t len, off_t at);
ssize_t __wrap_pwrite64(int to, const void *p, size_t len, off_t at);
void *__real_calloc(size_t nr, size_t size);
void *__wrap_calloc(size_t nr, size_t size);
void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__real_realloc(void *p, size_t size);
void *__wrap_realloc(void *p, size_t size);

int __wrap_sysinfo(struct sysinfo *si)
{
	*si = (struct sysinfo){};
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

ssize_t __wrap_pwrite64(int to, const void *p, size_t len, off_t at)
{
	return __wrap_pwrite(to, p, len, at);
}

ssize_t __real_pread64(int from, void *p, size_t len, off_t at);
ssize_t __wrap_pread64(int from, void *p, size_t len, off_t at);

ssize_t __wrap_pread64(int from, void *p, size_t len, off_t at)
{
	static bool interrupted;

	if (reads_left >= 0 && reads_left-- == 0) {
		errno = EIO;
		return -1;
	}
	if (read_little && (interrupted = !interrupted)) {
		errno = EINTR;
		return -1;
	}
	return __real_pread64(from, p, read_little ? MIN(len, (size_t)100000) : len, at);
}

static bool no_memory(void)
{
	return memory_left >= 0 && memory_left-- == 0;
}

void *__wrap_calloc(size_t nr, size_t size)
{
	return no_memory() ? NULL : __real_calloc(nr, size);
}

void *__wrap_malloc(size_t size)
{
	return no_memory() ? NULL : __real_malloc(size);
}

void *__wrap_realloc(void *p, size_t size)
{
	return no_memory() ? NULL : __real_realloc(p, size);
}

/* --- A machine and its file -------------------------------------------------------------------------------------- */

static int set_up(void **unused)
{
	stop = false;
	write_fails = 0;
	memory_left = reads_left = -1;
	read_little = false;
	ram = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(ram, MAP_FAILED);
	mem = (struct gmem){};
	assert_int_equal(gmem_add(&mem, &(struct gmem_region){.size = LOW_SIZE, .host = ram, .fd = -1}), 0);
	assert_int_equal(
		gmem_add(&mem,
			&(struct gmem_region){.gpa = HIGH_GPA, .size = HIGH_SIZE, .host = ram + LOW_SIZE, .fd = -1}),
		0);
	for (size_t i = 0; i < sizeof(state); i++)
		state[i] = (uint8_t)(i * 7);
	parts = (struct snapshot_parts){
		.version = VERSION,
		.facts =
			{
				.mem_bytes = SIZE,
				.created_ns = 1700000000000000000,
				.cpus = 2,
				.tsc_khz = 2100000,
				.kernel_bytes = 12345,
				.kernel = "/boot/vmlinux",
				.build_id = "00ff",
				.banner = "Linux version 6.1",
			},
		.cpuid = &cpuid,
		.settings = "[machine]\nmem = 33M\n",
		.state = state,
		.state_bytes = sizeof(state),
	};
	fd = memfd_create("snapshot", MFD_CLOEXEC);
	assert_true(fd >= 0);
	return snapshot_writer_new(SIZE, &writer);
}

static int tear_down(void **unused)
{
	snapshot_writer_free(writer);
	munmap(ram, SIZE);
	close(fd);
	return 0;
}

static uint64_t write_file(void)
{
	uint64_t bytes = 0;

	assert_int_equal(snapshot_prepare(writer, &parts), 0);
	assert_int_equal(snapshot_write(writer, &mem, fd, &stop, &bytes), 0);
	return bytes;
}

static void touch_some(void)
{
	memset(ram, 1, PAGE_4K);
	ram[5 * MIB + 77] = 2;
	ram[LOW_SIZE - 1] = 3;
	ram[LOW_SIZE] = 4;
	ram[SIZE - 1] = 5;
}

#define TOUCHED 5 /* pages */

static void read_back(struct snapshot *s)
{
	struct err e = {};

	*s = SNAPSHOT_NONE;
	if (snapshot_read(fd, VERSION, s, &e) < 0)
		fail_msg("%s", e.text);
}

static void expect_refusal(const char *words)
{
	struct snapshot s = SNAPSHOT_NONE;
	struct err e = {};

	assert_true(snapshot_read(fd, VERSION, &s, &e) < 0);
	if (!strstr(e.text, words))
		fail_msg("\"%s\" has no \"%s\"", e.text, words);
	assert_null(s.state);
}

static uint64_t file_size(void)
{
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	return (uint64_t)st.st_size;
}

static void poke(uint64_t at, const void *p, size_t len)
{
	assert_int_equal(__real_pwrite(fd, p, len, (off_t)at), len);
}

static void peek(uint64_t at, void *p, size_t len)
{
	assert_int_equal(pread(fd, p, len, (off_t)at), len);
}

/* Replaces the facts, with correct checksums. */
static void forge_facts(const struct snapshot_facts *f)
{
	uint8_t section[1024];
	struct state_writer w = {.data = section, .size = sizeof(section)};

	state_put(&w, &snapshot_facts_table, 0, f);
	assert_true(w.used <= sizeof(section));
	poke(SNAPSHOT_FACTS_AT, section, w.used);
}

/* Corrects the checksum of the head's current parts. */
static void forge_head(struct snapshot_facts *f)
{
	const struct snapshot_layout l = snapshot_layout(f);
	uint8_t *head = malloc(l.sums - l.cpuid);

	peek(l.cpuid, head, l.sums - l.cpuid);
	f->head_crc = crc32c(0, head, l.sums - l.cpuid);
	free(head);
	forge_facts(f);
}

/* --- Tests ------------------------------------------------------------------------------------------------------- */

static void what_is_written_is_read_back(void **unused)
{
	struct snapshot s;
	struct err e = {};
	char vendor[13];
	uint8_t page[PAGE_4K];

	touch_some();
	write_file();
	read_back(&s);
	assert_string_equal(s.version, VERSION);
	assert_int_equal(s.facts.mem_bytes, SIZE);
	assert_int_equal(s.facts.cpus, 2);
	assert_int_equal(s.facts.created_ns, 1700000000000000000);
	assert_int_equal(s.facts.tsc_khz, 2100000);
	assert_int_equal(s.facts.kernel_bytes, 12345);
	assert_string_equal(s.facts.kernel, "/boot/vmlinux");
	assert_string_equal(s.facts.build_id, "00ff");
	assert_string_equal(s.facts.banner, "Linux version 6.1");
	assert_int_equal(s.facts.nr_cpuid, cpuid.nr);
	assert_memory_equal(s.cpuid, &cpuid, sizeof(cpuid));
	assert_string_equal(s.settings, parts.settings);
	assert_int_equal(s.facts.state_bytes, sizeof(state));
	assert_memory_equal(s.state, state, sizeof(state));
	assert_int_equal(s.facts.ram_bytes, TOUCHED * PAGE_4K);
	assert_int_equal(s.facts.file_bytes, file_size());
	assert_true(is_aligned(s.ram_at, PAGE_4K));
	for (uint64_t at = 0; at < SIZE; at += PAGE_4K) {
		peek(s.ram_at + at, page, sizeof(page));
		assert_memory_equal(page, ram + at, PAGE_4K);
	}
	snapshot_vendor(&s, vendor);
	assert_string_equal(vendor, "GenuineIntel");
	assert_int_equal(snapshot_check_ram(&s, &e), 0);
	snapshot_destroy(&s);
}

/* Each part begins where the one before it ends, at a multiple of 8 bytes, RAM at one of a page. */
static void parts_follow_each_other(void **unused)
{
	for (unsigned n = 0; n < 20; n++) {
		const struct snapshot_facts f = {
			.nr_cpuid = n, .settings_bytes = 3 * n, .state_bytes = 1000 + n, .mem_bytes = (n + 1) * MIB};
		const struct snapshot_layout l = snapshot_layout(&f);

		assert_in_range(l.cpuid - SNAPSHOT_FACTS_AT - state_size(&snapshot_facts_table), 0, 7);
		assert_in_range(l.extents - l.cpuid - 28 * n, 0, 7);
		assert_int_equal(l.settings, l.extents + 16 * SNAPSHOT_EXTENTS_MAX);
		assert_in_range(l.state - l.settings - 3 * n, 0, 7);
		assert_in_range(l.sums - l.state - 1000 - n, 0, 7);
		assert_in_range(l.ram - l.sums - 4 * ((n + 2) / 2), 0, PAGE_4K - 1);
		assert_int_equal(l.end, l.ram + f.mem_bytes);
		assert_true(is_aligned(l.cpuid | l.extents | l.settings | l.state | l.sums, 8));
		assert_true(is_aligned(l.ram, PAGE_4K));
	}
}

/* The file is sparse: at most 1.02 times the size of the non-zero pages, plus the head. */
static void pages_of_zeroes_are_holes(void **unused)
{
	struct stat st;
	uint64_t bytes;

	memset(ram + 4 * MIB, 6, 3 * MIB);
	memset(ram + 12 * MIB, 0, MIB); /* in memory, and zero */
	bytes = write_file();
	assert_in_range(bytes, 3 * MIB, 3 * MIB * 102 / 100);
	assert_int_equal(fstat(fd, &st), 0);
	assert_in_range(st.st_blocks * 512, 3 * MIB, 3 * MIB * 102 / 100);
	assert_int_equal(st.st_size,
		(off_t)(snapshot_layout(&(struct snapshot_facts){.nr_cpuid = cpuid.nr,
						.settings_bytes = (uint32_t)strlen(parts.settings),
						.state_bytes = sizeof(state),
						.mem_bytes = SIZE})
				.end));
	assert_true((uint64_t)st.st_size <= snapshot_largest(SIZE));
}

static void ram_may_be_full(void **unused)
{
	struct snapshot s;

	memset(ram, 6, SIZE);
	assert_true(write_file() >= SIZE);
	read_back(&s);
	assert_int_equal(s.facts.ram_bytes, SIZE);
	snapshot_destroy(&s);
}

static void ram_that_nobody_touched_has_no_extent(void **unused)
{
	struct snapshot s;
	struct err e = {};

	write_file();
	read_back(&s);
	assert_int_equal(s.facts.nr_extents, 0);
	assert_int_equal(s.facts.ram_bytes, 0);
	assert_int_equal(snapshot_check_ram(&s, &e), 0);
	snapshot_destroy(&s);
}

/* Extents are granules that are not all zeroes; adjacent ones are merged. */
static void extents_are_granules_joined(void **unused)
{
	struct snapshot s;

	touch_some();
	write_file();
	read_back(&s);
	assert_int_equal(s.facts.nr_extents, 4);
	assert_int_equal(s.extent[0].at, 0);
	assert_int_equal(s.extent[0].size, 2 * MIB);
	assert_int_equal(s.extent[1].at, 4 * MIB);
	assert_int_equal(s.extent[1].size, 2 * MIB);
	/* The granule that contains parts of both regions */
	assert_int_equal(s.extent[2].at, 10 * MIB);
	assert_int_equal(s.extent[2].size, 2 * MIB);
	/* The last extent is truncated at the end of RAM. */
	assert_int_equal(s.extent[3].at, 32 * MIB);
	assert_int_equal(s.extent[3].size, MIB);
	snapshot_destroy(&s);
}

/* With more runs than there can be extents, pieces are larger. */
static void too_many_extents_become_larger_ones(void **unused)
{
	const uint64_t size = 1024 * MIB, nr = size / SNAPSHOT_GRANULE;
	uint8_t *big = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	struct gmem g = {};
	struct snapshot_writer *w;
	struct snapshot s;
	uint64_t bytes, next = 0, end = 0;

	assert_ptr_not_equal(big, MAP_FAILED);
	assert_int_equal(gmem_add(&g, &(struct gmem_region){.size = size, .host = big, .fd = -1}), 0);
	for (uint64_t i = 0; i < nr; i += 2)
		big[i * SNAPSHOT_GRANULE + 5] = 1;
	assert_int_equal(snapshot_writer_new(size, &w), 0);
	parts.facts.mem_bytes = size;
	assert_int_equal(snapshot_prepare(w, &parts), 0);
	assert_int_equal(snapshot_write(w, &g, fd, &stop, &bytes), 0);
	read_back(&s);
	assert_in_range(s.facts.nr_extents, 1, SNAPSHOT_EXTENTS_MAX);
	for (uint32_t i = 0; i < s.facts.nr_extents; i++) {
		assert_true(s.extent[i].at >= end);
		end = s.extent[i].at + s.extent[i].size;
		for (; next < nr && next * SNAPSHOT_GRANULE < end; next += 2)
			assert_true(next * SNAPSHOT_GRANULE >= s.extent[i].at);
	}
	assert_true(next >= nr && end <= size);
	snapshot_destroy(&s);
	snapshot_writer_free(w);
	munmap(big, size);
}

/* The writer is used again, with other RAM. */
static void a_writer_writes_again(void **unused)
{
	struct snapshot s;
	struct err e = {};

	touch_some();
	write_file();
	assert_int_equal(ftruncate(fd, 0), 0);
	ram[5 * MIB + 77] = 0;
	ram[20 * MIB] = 1;
	write_file();
	read_back(&s);
	assert_int_equal(s.facts.ram_bytes, TOUCHED * PAGE_4K);
	assert_int_equal(s.facts.nr_extents, 4);
	assert_int_equal(s.extent[2].at, 20 * MIB);
	assert_int_equal(snapshot_check_ram(&s, &e), 0);
	snapshot_destroy(&s);
}

static void a_failed_write_is_an_error_and_no_snapshot(void **unused)
{
	uint64_t bytes = 77;

	touch_some();
	assert_int_equal(snapshot_prepare(writer, &parts), 0);
	write_fails = -ENOSPC;
	assert_int_equal(snapshot_write(writer, &mem, fd, &stop, &bytes), -ENOSPC);
	write_fails = 0;
	stop = true;
	assert_int_equal(snapshot_write(writer, &mem, fd, &stop, &bytes), -ECANCELED);
	assert_int_equal(bytes, 77);
	/* A file that was not written completely is not accepted. */
	expect_refusal("not a snapshot");
	stop = false;
	write_fails = 1000; /* in pieces */
	assert_int_equal(snapshot_write(writer, &mem, fd, &stop, &bytes), 0);
	write_fails = 0;
	struct snapshot s;
	struct err e = {};
	read_back(&s);
	assert_int_equal(s.facts.ram_bytes, TOUCHED * PAGE_4K);
	assert_int_equal(snapshot_check_ram(&s, &e), 0);
	snapshot_destroy(&s);
	/* Another time by the same writer: what it counted before does not count. */
	assert_int_equal(snapshot_write(writer, &mem, fd, &stop, &bytes), 0);
	read_back(&s);
	assert_int_equal(s.facts.ram_bytes, TOUCHED * PAGE_4K);
	snapshot_destroy(&s);
}

static void what_no_file_has_room_for_is_refused(void **unused)
{
	cpuid.nr = CPUID_ENTRIES_MAX + 1;
	assert_int_equal(snapshot_prepare(writer, &parts), -E2BIG);
	cpuid.nr = 3;
	parts.state_bytes = SNAPSHOT_STATE_MAX + 1;
	assert_int_equal(snapshot_prepare(writer, &parts), -E2BIG);
}

static void no_memory_is_an_error(void **unused)
{
	struct snapshot_writer *w = NULL;
	struct snapshot s;
	struct err e = {};

	for (int i = 0; i < 2; i++) {
		memory_left = i;
		assert_int_equal(snapshot_writer_new(SIZE, &w), -ENOMEM);
	}
	memory_left = 0;
	assert_int_equal(snapshot_prepare(writer, &parts), -ENOMEM);
	memory_left = -1;
	write_file();
	for (int i = 0; i < 5; i++) {
		s = SNAPSHOT_NONE;
		memory_left = i;
		assert_int_equal(snapshot_read(fd, VERSION, &s, &e), -ENOMEM);
	}
	memory_left = -1;
	read_back(&s);
	for (int i = 0; i < 2; i++) {
		memory_left = i;
		assert_int_equal(snapshot_check_ram(&s, &e), -ENOMEM);
	}
	memory_left = -1;
	snapshot_destroy(&s);
}

static void a_failed_read_is_an_error(void **unused)
{
	struct snapshot s = SNAPSHOT_NONE;
	struct err e = {};
	int failed = 0, r;

	touch_some();
	write_file();
	do {
		reads_left = failed;
		e = (struct err){};
		r = snapshot_read(fd, VERSION, &s, &e);
		if (r == 0)
			break;
		assert_int_equal(r, -EIO);
		assert_string_equal(e.text, "cannot read it: Input/output error");
		assert_null(s.state);
	} while (++failed < 100);
	assert_int_equal(failed, 4); /* the magic, the version, the facts, the parts */
	for (failed = 0; failed < 100; failed++) {
		reads_left = failed;
		e = (struct err){};
		r = snapshot_check_ram(&s, &e);
		if (r == 0)
			break;
		assert_int_equal(r, -EIO);
		assert_string_equal(e.text, "cannot read it: Input/output error");
	}
	assert_int_equal(failed, 1 + 4); /* the sums, and each extent */
	reads_left = -1;
	snapshot_destroy(&s);
	/* In pieces */
	read_little = true;
	read_back(&s);
	assert_memory_equal(s.state, state, sizeof(state));
	assert_int_equal(snapshot_check_ram(&s, &e), 0);
	snapshot_destroy(&s);
}

static void a_foreign_file_is_refused(void **unused)
{
	static const char elf[] = "\x7f"
				  "ELF and more than that";
	int pipes[2];
	struct snapshot s = SNAPSHOT_NONE;
	struct err e = {};

	expect_refusal("not a snapshot");
	poke(0, elf, sizeof(elf));
	expect_refusal("not a snapshot");
	assert_int_equal(ftruncate(fd, 5), 0);
	expect_refusal("not a snapshot");
	assert_int_equal(pipe(pipes), 0);
	assert_int_equal(snapshot_read(pipes[0], VERSION, &s, &e), -EINVAL);
	assert_string_equal(e.text, "it is not a snapshot of vmm");
	close(pipes[0]);
	close(pipes[1]);
	pipes[0] = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(pipes[0] >= 0);
	assert_int_equal(snapshot_read(pipes[0], VERSION, &s, &e), -EINVAL);
	assert_string_equal(e.text, "it is not a snapshot of vmm");
	close(pipes[0]);
	assert_int_equal(snapshot_read(-1, VERSION, &s, &e), -EBADF);
}

static void another_version_is_refused(void **unused)
{
	struct snapshot s = SNAPSHOT_NONE;
	struct err e = {};
	static const char other[SNAPSHOT_VERSION_SIZE] = "9.9\033";
	static const uint8_t full[SNAPSHOT_VERSION_SIZE] = {[0 ... SNAPSHOT_VERSION_SIZE - 1] = 'x'};

	write_file();
	poke(SNAPSHOT_MAGIC_SIZE, other, sizeof(other));
	expect_refusal("vmm 9.9? wrote this snapshot, and vmm " VERSION " does not read it");
	/* With any version accepted, the facts can be read. */
	assert_int_equal(snapshot_read(fd, NULL, &s, &e), 0);
	assert_string_equal(s.version, other);
	snapshot_destroy(&s);
	poke(SNAPSHOT_MAGIC_SIZE, full, sizeof(full));
	expect_refusal("wrote this snapshot");
	/* The same version, but with other fields. */
	poke(SNAPSHOT_MAGIC_SIZE, VERSION "\0", sizeof(VERSION) + 1);
	poke(SNAPSHOT_FACTS_AT + STATE_NAME_MAX + 4, "xxxx", 4);
	expect_refusal("another version of vmm wrote it");
}

/* Truncated at every length up to RAM, and by one byte. */
static void a_file_cut_short_is_refused(void **unused)
{
	uint64_t size;
	char words[80];

	touch_some();
	write_file();
	size = file_size();
	assert_int_equal(ftruncate(fd, (off_t)size - 1), 0);
	snprintf(words, sizeof(words), "cut short: %" PRIu64 " of %" PRIu64 " bytes", size - 1, size);
	expect_refusal(words);
	for (uint64_t at = snapshot_layout(&parts.facts).sums; at > SNAPSHOT_MAGIC_SIZE; at -= 7) {
		assert_int_equal(ftruncate(fd, (off_t)at), 0);
		expect_refusal("cut short");
		if (at < 8)
			break;
	}
}

static void a_longer_file_is_refused(void **unused)
{
	write_file();
	poke(file_size(), "x", 1);
	expect_refusal("has 1 bytes more than it should");
}

/* A change of any byte of the head is detected, except between parts and after texts. */
static void each_damaged_byte_of_the_head_is_noticed(void **unused)
{
	struct snapshot_layout l;
	struct snapshot s;

	touch_some();
	write_file();
	read_back(&s);
	l = snapshot_layout(&s.facts);
	snapshot_destroy(&s);
	for (uint64_t at = SNAPSHOT_FACTS_AT; at < l.sums; at++) {
		struct err e = {};
		uint8_t was, now;

		if (at >= SNAPSHOT_FACTS_AT + state_size(&snapshot_facts_table) && at < l.cpuid)
			continue;
		peek(at, &was, 1);
		now = was ^ 0x10;
		poke(at, &now, 1);
		s = SNAPSHOT_NONE;
		if (snapshot_read(fd, VERSION, &s, &e) == 0)
			fail_msg("byte %llu may be anything", (unsigned long long)at);
		assert_true(strlen(e.text) > 10 && !strchr(e.text, '\n'));
		poke(at, &was, 1);
	}
}

static void damaged_ram_is_found_by_its_sum(void **unused)
{
	struct snapshot s;
	struct err e = {};
	uint8_t now = 9, was;

	touch_some();
	write_file();
	read_back(&s);
	/* A byte of a page that was written, one of a hole that is mapped, one of a sum */
	for (unsigned i = 0; i < 3; i++) {
		const uint64_t at[] = {s.ram_at + 5 * MIB + 77, s.ram_at + 4 * MIB, s.sums_at + 1};
		static const char *const words[] = {
			"from 0x400000 to 0x600000", "from 0x400000 to 0x600000", "its sums"};

		peek(at[i], &was, 1);
		poke(at[i], &now, 1);
		assert_int_equal(snapshot_check_ram(&s, &e), -EINVAL);
		assert_non_null(strstr(e.text, words[i]));
		poke(at[i], &was, 1);
		assert_int_equal(snapshot_check_ram(&s, &e), 0);
	}
	/* Bytes outside of the extents do not matter. */
	poke(s.ram_at + 2 * MIB, &now, 1);
	assert_int_equal(snapshot_check_ram(&s, &e), 0);
	assert_int_equal(ftruncate(fd, (off_t)(s.ram_at + 5 * MIB)), 0);
	assert_int_equal(snapshot_check_ram(&s, &e), -EINVAL);
	assert_non_null(strstr(e.text, "cut short"));
	snapshot_destroy(&s);
}

/* Numbers that no writer writes, with correct checksums. */
static void impossible_facts_are_refused(void **unused)
{
	struct snapshot s;
	struct snapshot_facts good;
#define FORGE(member, value, words)                                                                                    \
	do {                                                                                                           \
		struct snapshot_facts f = good;                                                                        \
		f.member = (value);                                                                                    \
		forge_facts(&f);                                                                                       \
		expect_refusal(words);                                                                                 \
	} while (0)

	touch_some();
	write_file();
	read_back(&s);
	good = s.facts;
	FORGE(mem_bytes, 0, "impossible");
	FORGE(mem_bytes, SIZE + 1, "impossible");
	FORGE(mem_bytes, SIZE + PAGE_4K, "do not fit");
	FORGE(mem_bytes, UINT64_MAX, "mem_bytes");
	FORGE(mem_bytes, BIT(46), "do not fit");
	FORGE(mem_bytes, BIT(46) + PAGE_4K, "mem_bytes");
	FORGE(ram_bytes, BIT(46) + PAGE_4K, "ram_bytes");
	FORGE(ram_bytes, SIZE + PAGE_4K, "impossible");
	FORGE(ram_bytes, 1, "impossible");
	FORGE(cpus, 0, "impossible");
	FORGE(cpus, 100000, "cpus");
	FORGE(file_bytes, good.file_bytes + PAGE_4K, "do not fit");
	FORGE(file_bytes, 0, "do not fit");
	FORGE(nr_cpuid, 0, "the checksum of its state is wrong"); /* the parts behind move */
	FORGE(nr_cpuid, CPUID_ENTRIES_MAX + 1, "nr_cpuid");
	FORGE(nr_extents, SNAPSHOT_EXTENTS_MAX + 1, "nr_extents");
	FORGE(nr_extents, 5, "part 4 of RAM");
	FORGE(settings_bytes, UINT32_MAX, "settings_bytes");
	FORGE(state_bytes, UINT32_MAX, "state_bytes");
	FORGE(state_bytes, SNAPSHOT_STATE_MAX, "do not fit");
	FORGE(head_crc, good.head_crc + 1, "the checksum of its state is wrong");
	forge_facts(&good);
	snapshot_destroy(&s);
	/* Texts without their end */
	memset(good.kernel, 'k', sizeof(good.kernel));
	memset(good.banner, 'b', sizeof(good.banner));
	memset(good.build_id, 'i', sizeof(good.build_id));
	forge_facts(&good);
	read_back(&s);
	assert_int_equal(strlen(s.facts.kernel), sizeof(good.kernel) - 1);
	assert_int_equal(strlen(s.facts.banner), sizeof(good.banner) - 1);
	assert_int_equal(strlen(s.facts.build_id), sizeof(good.build_id) - 1);
	snapshot_destroy(&s);
}

static void impossible_parts_are_refused(void **unused)
{
	static const struct gmem_extent bad[] = {
		{MIB, 0},
		{MIB + 1, PAGE_4K},
		{MIB, PAGE_4K + 1},
		{SIZE, PAGE_4K},
		{SIZE - PAGE_4K, 2 * PAGE_4K},
		{BIT(63), PAGE_4K},
		{PAGE_4K, -PAGE_4K},
		{0, SIZE + PAGE_4K},
	};
	struct snapshot_layout l;
	struct snapshot_facts f;
	struct snapshot s;
	uint8_t raw[16], was[16];

	touch_some();
	write_file();
	read_back(&s);
	f = s.facts;
	l = snapshot_layout(&f);
	snapshot_destroy(&s);
	peek(l.extents, was, sizeof(was));
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		le64_put(raw, bad[i].at);
		le64_put(raw + 8, bad[i].size);
		poke(l.extents, raw, sizeof(raw));
		forge_head(&f);
		expect_refusal("part 0 of RAM is impossible");
	}
	/* It overlaps the next one. */
	le64_put(raw, 0);
	le64_put(raw + 8, 4 * MIB + PAGE_4K);
	poke(l.extents, raw, sizeof(raw));
	forge_head(&f);
	expect_refusal("part 1 of RAM is impossible");
	poke(l.extents, was, sizeof(was));
	poke(l.settings + 3, "", 1);
	forge_head(&f);
	expect_refusal("settings are not text");
}

static void the_vendor_is_printable(void **unused)
{
	struct snapshot s;
	char vendor[13];

	cpuid.entry[0].ebx = 0x1b0a0d01;
	write_file();
	read_back(&s);
	snapshot_vendor(&s, vendor);
	assert_string_equal(vendor, "????ineIntel");
	/* The first and the last printable character, and their neighbours */
	s.cpuid->entry[0].edx = 0x7f7e201f;
	snapshot_vendor(&s, vendor);
	assert_string_equal(vendor, "????? ~?ntel");
	s.cpuid->nr = 0;
	snapshot_vendor(&s, vendor);
	assert_string_equal(vendor, "");
	cpuid.entry[0].ebx = 0x756e6547;
	snapshot_destroy(&s);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_is_written_is_read_back),
		TEST(parts_follow_each_other),
		TEST(pages_of_zeroes_are_holes),
		TEST(ram_may_be_full),
		TEST(ram_that_nobody_touched_has_no_extent),
		TEST(extents_are_granules_joined),
		TEST(too_many_extents_become_larger_ones),
		TEST(a_writer_writes_again),
		TEST(a_failed_write_is_an_error_and_no_snapshot),
		TEST(what_no_file_has_room_for_is_refused),
		TEST(no_memory_is_an_error),
		TEST(a_failed_read_is_an_error),
		TEST(a_foreign_file_is_refused),
		TEST(another_version_is_refused),
		TEST(a_file_cut_short_is_refused),
		TEST(a_longer_file_is_refused),
		TEST(each_damaged_byte_of_the_head_is_noticed),
		TEST(damaged_ram_is_found_by_its_sum),
		TEST(impossible_facts_are_refused),
		TEST(impossible_parts_are_refused),
		TEST(the_vendor_is_printable),
	};

	return run_group(tests);
}
