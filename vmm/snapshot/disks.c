// SPDX-License-Identifier: Apache-2.0
#include "vmm/snapshot/disks.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "vmm/base/clock.h"
#include "vmm/base/crc.h"
#include "vmm/debug/ram.h"
#include "vmm/snapshot/format.h"

#define SAMPLES 16

/* Return: bytes read, fewer only at the end of the file; or a negative errno. */
static ssize_t read_some(int fd, uint8_t *buf, size_t len, uint64_t offset)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = pread(fd, buf + done, len - done, (off_t)(offset + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (!n)
			break;
		done += (size_t)n;
		/* A read with O_DIRECT that ended in the middle of a sector reached the end. */
		if (done % 512)
			break;
	}
	return (ssize_t)done;
}

int snapshot_fingerprint(int fd, struct snapshot_disk *ret)
{
	uint8_t buf[SNAPSHOT_BLOCK] __attribute__((aligned(SNAPSHOT_BLOCK)));
	uint64_t blocks = snapshot_blocks(ret->size_bytes);
	uint32_t crc = 0;
	struct stat st;

	/* glibc's fstat() may be newfstatat, which takes a path and so has no place in a filter. */
	if (syscall(SYS_fstat, fd, &st) < 0)
		return -errno;
	for (uint64_t i = 0; i < MIN(blocks, SAMPLES); i++) {
		uint64_t block = blocks <= SAMPLES ? i : (blocks - 1) * i / (SAMPLES - 1);
		ssize_t n = read_some(fd, buf, sizeof(buf), block * SNAPSHOT_BLOCK);

		if (n < 0)
			return (int)n;
		crc = crc32c(crc, buf, n);
	}
	ret->mtime_ns = S_ISREG(st.st_mode) && st.st_mtim.tv_sec >= 0 ? timespec_to_ns(st.st_mtim) : 0;
	ret->sample_crc = crc;
	return 0;
}

/* --- Writing ----------------------------------------------------------------------------------------------------- */

static uint64_t word_of(const struct snapshot_source *from, uint64_t i)
{
	const uint64_t *upper = from->layer[0].map, *lower = from->layer[1].map;

	return (upper ? upper[i] : 0) | (lower ? lower[i] : 0);
}

static const struct snapshot_layer *layer_of(const struct snapshot_source *from, uint64_t block)
{
	for (const struct snapshot_layer *l = from->layer; l < from->layer + ARRAY_SIZE(from->layer); l++)
		if (l->map && l->map[block / 64] & BIT(block % 64))
			return l;
	return NULL;
}

/* The host's words are little-endian, as the file's. */
static int put_map(
	struct ram_reader *r, const struct snapshot_source *from, int fd, uint64_t at, struct snapshot_disk *d)
{
	uint64_t words = snapshot_map_bytes(d->size_bytes) / 8, *buf = (void *)r->buf;
	int ret = 0;

	d->nr_blocks = 0;
	d->map_crc = 0;
	for (uint64_t done = 0, n; done < words && ret == 0; done += n) {
		n = MIN(words - done, PAGE_4K / 8);
		for (uint64_t i = 0; i < n; i++) {
			buf[i] = word_of(from, done + i);
			d->nr_blocks += (uint64_t)__builtin_popcountll(buf[i]);
		}
		d->map_crc = crc32c(d->map_crc, r->buf, 8 * n);
		memset(buf + n, 0, PAGE_4K - 8 * n);
		if (!ram_is_zero(r->buf))
			ret = ram_write_at(r, fd, at + 8 * done, r->buf, 8 * n);
	}
	return ret;
}

/* Blocks from @block on, at most a buffer of them, that are next to another in one layer. Return: their number. */
static uint64_t run_of(const struct snapshot_source *from, uint64_t block, uint64_t blocks)
{
	const struct snapshot_layer *l = layer_of(from, block);
	uint64_t n = 1;

	while (block + n < blocks && n < RAM_CHUNK / SNAPSHOT_BLOCK && layer_of(from, block + n) == l)
		n++;
	return n;
}

static int put_run(struct ram_reader *r, const struct snapshot_layer *from, uint64_t block, uint64_t n, int fd,
	uint64_t at, struct snapshot_disk *d)
{
	uint64_t offset = block * SNAPSHOT_BLOCK, len = MIN(n * SNAPSHOT_BLOCK, d->size_bytes - offset);
	ssize_t got = read_some(from->fd, r->buf, len, from->at + offset);

	if (got < 0 || (uint64_t)got < len)
		return got < 0 ? (int)got : -EIO;
	memset(r->buf + len, 0, n * SNAPSHOT_BLOCK - len);
	for (uint64_t i = 0; i < n; i++) {
		const uint8_t *p = r->buf + i * SNAPSHOT_BLOCK;
		int ret;

		if (ram_is_zero(p))
			continue;
		d->blocks_crc = snapshot_page_sum(d->blocks_crc, (uint32_t)(block + i), p);
		ret = ram_write_at(r, fd, at + offset + i * SNAPSHOT_BLOCK, p, SNAPSHOT_BLOCK);
		if (ret < 0)
			return ret;
	}
	return 0;
}

int snapshot_put_overlay(struct ram_reader *r, const struct snapshot_source *from, int fd, uint64_t at,
	const _Atomic bool *stop, struct snapshot_disk *d)
{
	uint64_t blocks = snapshot_blocks(d->size_bytes);
	int ret = put_map(r, from, fd, at, d);

	at += align_up(snapshot_map_bytes(d->size_bytes), PAGE_4K);
	d->blocks_crc = 0;
	for (uint64_t b = 0, n; b < blocks && ret == 0; b += n) {
		n = 64 - b % 64;
		if (atomic_load_explicit(stop, memory_order_relaxed))
			return -ECANCELED;
		if (!(word_of(from, b / 64) >> b % 64))
			continue;
		n = run_of(from, b, blocks);
		if (layer_of(from, b))
			ret = put_run(r, layer_of(from, b), b, n, fd, at, d);
	}
	return ret;
}

/* --- Reading ----------------------------------------------------------------------------------------------------- */

uint64_t snapshot_disk_at(const struct snapshot *s, uint32_t i)
{
	uint64_t at = s->ram_at + s->facts.mem_bytes;

	for (uint32_t k = 0; k < i; k++)
		at += snapshot_disk_area(&s->disk[k]);
	return at + align_up(snapshot_map_bytes(s->disk[i].size_bytes), PAGE_4K);
}

static int damaged(uint32_t i, struct err *e)
{
	return err_set(e, -EINVAL, "the snapshot is damaged: the checksum of what it has of disk %u is wrong", i);
}

static int read_all(const struct snapshot *s, void *buf, size_t len, uint64_t at, struct err *e)
{
	ssize_t n = read_some(s->fd, buf, len, at);

	if (n < 0)
		return err_sys(e, (int)n, "cannot read it");
	return (size_t)n == len ? 0 : err_set(e, -EINVAL, "the snapshot is cut short");
}

int snapshot_disk_map(const struct snapshot *s, uint32_t i, uint64_t **ret, struct err *e)
{
	const struct snapshot_disk *d = &s->disk[i];
	uint64_t bytes = snapshot_map_bytes(d->size_bytes), blocks = snapshot_blocks(d->size_bytes), nr = 0;
	CLEANUP_FREE uint64_t *map = malloc(bytes);
	int r;

	if (!map)
		return err_sys(e, -ENOMEM, "cannot read it");
	r = read_all(s, map, bytes, snapshot_disk_at(s, i) - align_up(bytes, PAGE_4K), e);
	if (r < 0)
		return r;
	for (uint64_t k = 0; k < bytes / 8; k++)
		nr += (uint64_t)__builtin_popcountll(map[k]);
	if (crc32c(0, map, bytes) != d->map_crc || nr != d->nr_blocks ||
		(blocks % 64 && map[bytes / 8 - 1] >> (blocks % 64)))
		return damaged(i, e);
	*ret = TAKE_PTR(map);
	return 0;
}

static int check_disk(const struct snapshot *s, uint32_t i, struct err *e)
{
	const struct snapshot_disk *d = &s->disk[i];
	CLEANUP_FREE uint64_t *map = NULL;
	uint8_t buf[SNAPSHOT_BLOCK];
	uint32_t sum = 0;
	int r = snapshot_disk_map(s, i, &map, e);

	for (uint64_t b = 0; r == 0 && b < snapshot_blocks(d->size_bytes); b++) {
		if (!(map[b / 64] & BIT(b % 64)))
			continue;
		r = read_all(s, buf, sizeof(buf), snapshot_disk_at(s, i) + b * SNAPSHOT_BLOCK, e);
		if (r == 0 && !ram_is_zero(buf))
			sum = snapshot_page_sum(sum, (uint32_t)b, buf);
	}
	if (r < 0)
		return r;
	return sum == d->blocks_crc ? 0 : damaged(i, e);
}

int snapshot_check_disks(const struct snapshot *s, struct err *e)
{
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < s->facts.nr_disks; i++)
		if (s->disk[i].overlay)
			r = check_disk(s, i, e);
	return r;
}
