// SPDX-License-Identifier: Apache-2.0
/*
 * The file may change while it is read, so each part is read once, and the copy is checked.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "vmm/base/assert.h"
#include "vmm/base/crc.h"
#include "vmm/base/le.h"
#include "vmm/debug/ram.h"
#include "vmm/snapshot/format.h"

/* Return: 0, -EINVAL when the file is shorter, or a negative errno. */
static int read_at(int fd, void *buf, size_t len, uint64_t offset)
{
	uint8_t *p = buf;

	while (len) {
		ssize_t n = pread(fd, p, len, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -EINVAL;
		p += n;
		len -= (size_t)n;
		offset += (uint64_t)n;
	}
	return 0;
}

static int cut_short(struct err *e)
{
	return err_set(e, -EINVAL, "the snapshot is cut short");
}

static int read_failed(int r, struct err *e)
{
	return r == -EINVAL ? cut_short(e) : err_sys(e, r, "cannot read it");
}

static int check_version(const uint8_t *head, const char *version, char *ret, struct err *e)
{
	const char *text = (const char *)head + SNAPSHOT_MAGIC_SIZE;
	char shown[SNAPSHOT_VERSION_SIZE];

	memcpy(ret, text, SNAPSHOT_VERSION_SIZE - 1);
	ret[SNAPSHOT_VERSION_SIZE - 1] = '\0';
	if (!version || !strcmp(ret, version))
		return 0;
	snprintf(shown, sizeof(shown), "%s", ret);
	for (char *p = shown; *p; p++)
		if (*p < 0x20 || *p == 0x7f)
			*p = '?';
	return err_set(
		e, -EINVAL, "vmm %s wrote this snapshot, and vmm %s does not read it: make it again", shown, version);
}

/* Checks of sizes, counts and texts beyond the limits in the table. */
static int check_facts(struct snapshot_facts *f, uint64_t size, struct err *e)
{
	if (!f->mem_bytes || !is_aligned(f->mem_bytes, PAGE_4K) || !f->cpus || f->ram_bytes > f->mem_bytes ||
		!is_aligned(f->ram_bytes | f->disk_bytes, PAGE_4K))
		return err_set(e, -EINVAL, "the snapshot says impossible things of its machine");
	if (f->file_bytes != snapshot_layout(f).end)
		return err_set(e, -EINVAL, "the snapshot's parts do not fit its size");
	if (size < f->file_bytes)
		return err_set(
			e, -EINVAL, "the snapshot is cut short: %" PRIu64 " of %" PRIu64 " bytes", size, f->file_bytes);
	if (size > f->file_bytes)
		return err_set(
			e, -EINVAL, "the snapshot has %" PRIu64 " bytes more than it should", size - f->file_bytes);
	f->kernel[sizeof(f->kernel) - 1] = '\0';
	f->build_id[sizeof(f->build_id) - 1] = '\0';
	f->banner[sizeof(f->banner) - 1] = '\0';
	return 0;
}

static int read_facts(int fd, uint64_t size, const char *version, struct snapshot *s, struct err *e)
{
	uint8_t head[1024];
	struct state_reader r = {.data = head, .size = SNAPSHOT_FACTS_AT + state_size(&snapshot_facts_table)};
	int ret;

	static_assert(sizeof(head) >= SNAPSHOT_FACTS_AT + STATE_HEADER + sizeof(struct snapshot_facts) + STATE_TRAILER,
		"room for all of it");
	ret = size < SNAPSHOT_MAGIC_SIZE ? -EINVAL : read_at(fd, head, SNAPSHOT_MAGIC_SIZE, 0);
	if (ret < 0 && ret != -EINVAL)
		return read_failed(ret, e);
	if (ret < 0 || memcmp(head, SNAPSHOT_MAGIC, SNAPSHOT_MAGIC_SIZE) != 0)
		return err_set(e, -EINVAL, "it is not a snapshot of vmm");
	ret = read_at(fd, head, SNAPSHOT_FACTS_AT, 0);
	if (ret < 0)
		return read_failed(ret, e);
	ret = check_version(head, version, s->version, e);
	if (ret < 0)
		return ret;
	ret = read_at(fd, head, r.size, 0);
	if (ret < 0)
		return read_failed(ret, e);
	r.at = SNAPSHOT_FACTS_AT;
	ret = state_get(&r, &snapshot_facts_table, 0, &s->facts, e);
	return ret < 0 ? ret : check_facts(&s->facts, size, e);
}

static struct kvm_cpuid_entry2 get_cpuid(const uint8_t *from)
{
	return (struct kvm_cpuid_entry2){
		.function = le32_get(from),
		.index = le32_get(from + 4),
		.flags = le32_get(from + 8),
		.eax = le32_get(from + 12),
		.ebx = le32_get(from + 16),
		.ecx = le32_get(from + 20),
		.edx = le32_get(from + 24),
	};
}

/* Extents are sorted, do not overlap, consist of whole pages, and lie within RAM. */
static int get_extents(struct snapshot *s, const uint8_t *from, struct err *e)
{
	uint64_t end = 0;

	for (uint32_t i = 0; i < s->facts.nr_extents; i++, from += EXTENT_ENTRY_SIZE) {
		struct gmem_extent x = {le64_get(from), le64_get(from + 8)};

		if (!gmem_extent_fits(&x, end, s->facts.mem_bytes))
			return err_set(e, -EINVAL, "the snapshot's part %u of RAM is impossible", i);
		end = x.at + x.size;
		s->extent[i] = x;
	}
	return 0;
}

/* Their sizes add up to that of the part behind RAM. */
static int get_disks(struct snapshot *s, const uint8_t *from, size_t size, struct err *e)
{
	struct state_reader r = {.data = from, .size = size};
	uint64_t bytes = 0;

	for (uint32_t i = 0; i < s->facts.nr_disks; i++) {
		struct snapshot_disk *d = &s->disk[i];
		int ret = state_get(&r, &snapshot_disk_table, i, d, e);

		if (ret < 0)
			return ret;
		bytes += snapshot_disk_area(d);
		if (!d->size_bytes || d->nr_blocks > (d->overlay ? snapshot_blocks(d->size_bytes) : 0))
			return err_set(e, -EINVAL, "the snapshot's disk %u is impossible", i);
	}
	return bytes == s->facts.disk_bytes
		? 0
		: err_set(e, -EINVAL, "the snapshot's disks do not fit the size of their overlays");
}

static int take_parts(struct snapshot *s, const struct snapshot_layout *l, const uint8_t *head, struct err *e)
{
	const struct snapshot_facts *f = &s->facts;
	int r;

	/* One byte more: an allocation of size 0 may be NULL. */
	s->cpuid = calloc(1, sizeof(*s->cpuid));
	s->extent = calloc(f->nr_extents + 1, sizeof(*s->extent));
	s->settings = calloc((size_t)f->settings_bytes + 1, 1);
	s->state = calloc((size_t)f->state_bytes + 1, 1);
	s->disk = calloc(f->nr_disks + 1, sizeof(*s->disk));
	if (!s->cpuid || !s->extent || !s->settings || !s->state || !s->disk)
		return err_sys(e, -ENOMEM, "cannot read it");
	for (uint32_t i = 0; i < f->nr_cpuid; i++)
		s->cpuid->entry[i] = get_cpuid(head + (size_t)i * CPUID_ENTRY_SIZE);
	s->cpuid->nr = f->nr_cpuid;
	memcpy(s->settings, head + (l->settings - l->cpuid), f->settings_bytes);
	memcpy(s->state, head + (l->state - l->cpuid), f->state_bytes);
	if (strlen(s->settings) != f->settings_bytes)
		return err_set(e, -EINVAL, "the snapshot's settings are not text");
	r = get_extents(s, head + (l->extents - l->cpuid), e);
	return r < 0 ? r : get_disks(s, head + (l->disks - l->cpuid), l->sums - l->disks, e);
}

static int read_parts(struct snapshot *s, struct err *e)
{
	const struct snapshot_layout l = snapshot_layout(&s->facts);
	size_t size = l.sums - l.cpuid;
	CLEANUP_FREE uint8_t *head = malloc(size);
	int r;

	if (!head)
		return err_sys(e, -ENOMEM, "cannot read it");
	r = read_at(s->fd, head, size, l.cpuid);
	if (r < 0)
		return read_failed(r, e);
	if (crc32c(0, head, size) != s->facts.head_crc)
		return err_set(e, -EINVAL, "the snapshot is damaged: the checksum of its state is wrong");
	s->sums_at = l.sums;
	s->ram_at = l.ram;
	return take_parts(s, &l, head, e);
}

int snapshot_read(int fd, const char *version, struct snapshot *ret, struct err *e)
{
	CLEANUP(snapshot_destroy) struct snapshot s = SNAPSHOT_NONE;
	struct stat st;
	int r;

	s.fd = fd;
	if (fstat(fd, &st) < 0)
		return err_sys(e, -errno, "cannot read it");
	if (!S_ISREG(st.st_mode))
		return err_set(e, -EINVAL, "it is not a snapshot of vmm");
	r = read_facts(fd, (uint64_t)st.st_size, version, &s, e);
	if (r == 0)
		r = read_parts(&s, e);
	if (r < 0)
		return r;
	*ret = s;
	s = SNAPSHOT_NONE;
	return 0;
}

void snapshot_destroy(struct snapshot *s)
{
	if (!s)
		return;
	free(s->cpuid);
	free(s->extent);
	free(s->settings);
	free(s->state);
	free(s->disk);
	*s = SNAPSHOT_NONE;
}

void snapshot_vendor(const struct snapshot *s, char ret[static 13])
{
	const struct kvm_cpuid_entry2 *c = cpuid_find(s->cpuid, 0, 0);

	memset(ret, 0, 13);
	if (c) {
		le32_put(ret, c->ebx);
		le32_put(ret + 4, c->edx);
		le32_put(ret + 8, c->ecx);
	}
	for (char *p = ret; *p; p++)
		if (*p < 0x20 || *p >= 0x7f)
			*p = '?';
}

/* --- RAM ------------------------------------------------------------------------------------------------------- */

/* The sum of the mapped part of a granule. @x: first extent that may have it or a later one; advanced. */
static int granule_sum(
	const struct snapshot *s, uint64_t from, uint64_t to, uint32_t *x, uint8_t *buf, uint32_t *ret, struct err *e)
{
	uint32_t sum = 0;

	for (; *x < s->facts.nr_extents && s->extent[*x].at < to; ++*x) {
		const struct gmem_extent *ext = &s->extent[*x];
		uint64_t begin = MAX(ext->at, from), end = MIN(ext->at + ext->size, to);
		int r = read_at(s->fd, buf, end - begin, s->ram_at + begin);

		if (r < 0)
			return read_failed(r, e);
		for (uint64_t at = begin; at < end; at += PAGE_4K)
			if (!ram_is_zero(buf + (at - begin)))
				sum = snapshot_page_sum(
					sum, (uint32_t)(at % SNAPSHOT_GRANULE / PAGE_4K), buf + (at - begin));
		if (ext->at + ext->size > to)
			break;
	}
	*ret = sum;
	return 0;
}

static int compare_sums(const struct snapshot *s, const uint8_t *sums, uint8_t *buf, struct err *e)
{
	uint64_t nr = snapshot_granules(s->facts.mem_bytes);
	uint32_t x = 0;

	for (uint64_t i = 0; i < nr; i++) {
		uint64_t from = i * SNAPSHOT_GRANULE, to = MIN(from + SNAPSHOT_GRANULE, s->facts.mem_bytes);
		uint32_t sum = 0;
		int r = granule_sum(s, from, to, &x, buf, &sum, e);

		if (r < 0)
			return r;
		if (sum != le32_get(sums + 4 * i))
			return err_set(e, -EINVAL,
				"the snapshot is damaged: the checksum of RAM from 0x%" PRIx64 " to 0x%" PRIx64
				" is wrong (counted without the hole below 4 GiB)",
				from, to);
	}
	return 0;
}

int snapshot_check_ram(const struct snapshot *s, struct err *e)
{
	size_t size = 4 * snapshot_granules(s->facts.mem_bytes);
	CLEANUP_FREE uint8_t *sums = malloc(size);
	CLEANUP_FREE uint8_t *buf = malloc(SNAPSHOT_GRANULE);
	int r;

	if (!sums || !buf)
		return err_sys(e, -ENOMEM, "cannot check it");
	r = read_at(s->fd, sums, size, s->sums_at);
	if (r < 0)
		return read_failed(r, e);
	if (crc32c(0, sums, size) != s->facts.sums_crc)
		return err_set(e, -EINVAL, "the snapshot is damaged: the checksum of its sums is wrong");
	return compare_sums(s, sums, buf, e);
}
