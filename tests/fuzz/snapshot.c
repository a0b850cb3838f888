// SPDX-License-Identifier: Apache-2.0
/*
 * A forged snapshot. The input is a list of edits to a valid file, each a 32-bit offset and a byte; afterwards its
 * checksums are corrected, or not.
 *
 * The input is a working set of the valid file besides, as it is, and with right checksums.
 *
 * Asserted: a file is either read completely or refused with a message; the values that were read are within their
 * limits, and RAM can be checked.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/support/fuzz.h"
#include "vmm/base/crc.h"
#include "vmm/base/le.h"
#include "vmm/base/x86.h"
#include "vmm/snapshot/format.h"
#include "vmm/snapshot/working_set.h"

#define RAM     (6 * MIB)
#define VERSION "1.0"

/** struct good - a valid file, written once for all inputs; @head: its part that is read at once */
static struct good {
	int fd;
	size_t head;
	uint8_t *data;
} good;

static void make_good(void)
{
	static uint8_t state[64] = "state";
	static const struct cpuid_set cpuid = {.nr = 3, .entry = {{.ebx = 0x756e6547}}};
	static const uint64_t map = 5;
	static const uint8_t block[2 * SNAPSHOT_BLOCK + 512] = {1, [2 * SNAPSHOT_BLOCK] = 2};
	struct snapshot_source disk = {.size_bytes = sizeof(block), .overlay = true};
	const struct snapshot_parts parts = {
		.version = VERSION,
		.facts = {.mem_bytes = RAM, .cpus = 1, .kernel = "vmlinux"},
		.cpuid = &cpuid,
		.settings = "[machine]\n",
		.state = state,
		.state_bytes = sizeof(state),
		.disk = &disk,
		.nr_disks = 1,
	};
	uint8_t *ram = mmap(NULL, RAM, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct gmem mem = {};
	struct snapshot_writer *w;
	struct snapshot s;
	_Atomic bool stop = false;
	uint64_t bytes;

	good.fd = memfd_create("snapshot", MFD_CLOEXEC);
	disk.image_fd = memfd_create("image", MFD_CLOEXEC);
	disk.layer[0] = (struct snapshot_layer){disk.image_fd, 0, &map};
	if (pwrite(disk.image_fd, block, sizeof(block), 0) != sizeof(block))
		abort();
	ram[5] = ram[4 * MIB] = 1;
	if (good.fd < 0 || gmem_add(&mem, &(struct gmem_region){.size = RAM, .host = ram, .fd = -1}) < 0 ||
		snapshot_writer_new(RAM, &w) < 0 || snapshot_prepare(w, &parts) < 0 ||
		snapshot_write(w, &mem, good.fd, &stop, &bytes) < 0 || snapshot_read(good.fd, VERSION, &s, NULL) < 0)
		abort();
	good.head = s.ram_at;
	good.data = malloc(good.head);
	if (!good.data || pread(good.fd, good.data, good.head, 0) != (ssize_t)good.head)
		abort();
	close(disk.image_fd);
	snapshot_destroy(&s);
	snapshot_writer_free(w);
	munmap(ram, RAM);
}

/* Computes the checksums that a writer would have written for this content. */
static void right_checksums(uint8_t *head)
{
	uint8_t *section = head + SNAPSHOT_FACTS_AT;
	size_t size = state_size(&snapshot_facts_table) - STATE_TRAILER;
	struct state_reader r = {.data = section, .size = size + STATE_TRAILER};
	struct snapshot_facts f;
	struct snapshot_layout l;

	le32_put(section + size, crc32c(0, section, size));
	if (state_get(&r, &snapshot_facts_table, 0, &f, NULL) < 0)
		return;
	l = snapshot_layout(&f);
	if (l.ram > good.head)
		return;
	f.head_crc = crc32c(0, head + l.cpuid, l.sums - l.cpuid);
	state_put(&(struct state_writer){.data = section, .size = size + STATE_TRAILER}, &snapshot_facts_table, 0, &f);
}

static void check(const struct snapshot *s)
{
	uint64_t end = 0;
	char vendor[13];

	assert(s->facts.mem_bytes <= RAM + PAGE_4K && s->cpuid->nr <= CPUID_ENTRIES_MAX);
	assert(strlen(s->settings) == s->facts.settings_bytes);
	for (uint32_t i = 0; i < s->facts.nr_extents; i++) {
		assert(s->extent[i].at >= end && s->extent[i].size);
		end = s->extent[i].at + s->extent[i].size;
	}
	assert(end <= s->facts.mem_bytes);
	assert(strlen(s->facts.kernel) < sizeof(s->facts.kernel));
	snapshot_vendor(s, vendor);
	snapshot_check_ram(s, NULL);
	snapshot_check_disks(s, NULL);
	for (uint32_t i = 0; i < s->facts.nr_disks; i++) {
		uint64_t *map = NULL;

		assert(s->disk[i].size_bytes <= s->facts.file_bytes || !s->disk[i].overlay);
		if (!s->disk[i].overlay || snapshot_disk_map(s, i, &map, NULL) < 0)
			continue;
		assert(!(map[0] >> snapshot_blocks(s->disk[i].size_bytes)) ||
			s->disk[i].size_bytes > 64 * SNAPSHOT_BLOCK);
		free(map);
	}
}

static void check_set(const uint8_t *data, size_t size, const struct snapshot *s)
{
	struct working_set w = {0};
	struct err e = {};
	uint64_t end = 0;

	if (working_set_read(data, size, s, &w, &e) < 0) {
		assert(e.text[0] && !strchr(e.text, '\n') && !w.range);
		return;
	}
	assert(w.nr <= WORKING_SET_RANGES_MAX && working_set_bytes(&w) <= s->facts.mem_bytes);
	for (size_t i = 0; i < w.nr; i++) {
		assert(gmem_extent_fits(&w.range[i], end, s->facts.mem_bytes));
		end = w.range[i].at + w.range[i].size;
	}
	working_set_destroy(&w);
}

/* Ranges that are the input's, with right checksums. */
static void forge_set(const uint8_t *data, size_t size, const struct snapshot *s)
{
	struct working_set w = {.nr = MIN(size / 16, 100)};
	struct gmem_extent range[100];
	char buf[4096];
	FILE *out = fmemopen(buf, sizeof(buf), "w");
	long used;

	if (!out)
		abort();
	for (size_t i = 0; i < w.nr; i++)
		range[i] = (struct gmem_extent){le64_get(data + 16 * i), le64_get(data + 16 * i + 8)};
	w.range = range;
	if (working_set_write(&w, s, out) < 0 || fflush(out) || (used = ftell(out)) < 0)
		abort();
	fclose(out);
	check_set((const uint8_t *)buf, (size_t)used, s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct snapshot s = SNAPSHOT_NONE;
	struct err e = {};
	uint8_t *head;

	if (!good.data)
		make_good();
	head = malloc(good.head);
	if (!head)
		abort();
	memcpy(head, good.data, good.head);
	s.facts = (struct snapshot_facts){.mem_bytes = RAM};
	check_set(data, size, &s);
	forge_set(data, size, &s);
	s = SNAPSHOT_NONE;
	for (size_t at = 1; at + 5 <= size; at += 5)
		head[le32_get(data + at) % good.head] = data[at + 4];
	if (size && data[0] & 1)
		right_checksums(head);
	if (pwrite(good.fd, head, good.head, 0) != (ssize_t)good.head)
		abort();
	if (snapshot_read(good.fd, size && data[0] & 2 ? NULL : VERSION, &s, &e) == 0)
		check(&s);
	else
		assert(e.text[0] && !strchr(e.text, '\n'));
	snapshot_destroy(&s);
	free(head);
	return 0;
}
