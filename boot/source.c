// SPDX-License-Identifier: Apache-2.0
/*
 * Theory of operation. Contents may be mapped. Then whole pages of the file replace whole pages of guest RAM, and only
 * the guest, system calls and gmem's guarded copies access them. Pages at the edges contain other bytes too, so they
 * are read. A page can be mapped only where its offset in the file and its host address agree modulo the page size, and
 * only over plain anonymous RAM: other RAM is backed by another file (shared memory, or huge pages that cannot be
 * split).
 */
#include "boot/source.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vmm/base/file.h"
#include "vmm/base/util.h"

#define HOST_PAGE UINT64_C(4096)

static int read_file(struct source *s, uint64_t at, void *buf, uint64_t len, struct err *e)
{
	uint8_t *to = buf;

	while (len) {
		ssize_t n = pread(s->fd, to, len, (off_t)at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(e, -errno, "cannot read at byte %llu", (unsigned long long)at);
		if (!n)
			return err_set(e, -EIO, "ended at byte %llu while being read: was it cut meanwhile?",
				(unsigned long long)at);
		to += n;
		at += (uint64_t)n;
		len -= (uint64_t)n;
	}
	return 0;
}

int source_open(int fd, enum load_how how, struct source *ret, struct err *e)
{
	uint64_t size;
	int r = file_regular_size(fd, &size, e);

	if (r < 0)
		return r;
	*ret = (struct source){.read = read_file, .fd = fd, .size = size, .any_order = size, .how = how};
	return 0;
}

void source_extent(const struct source *s, uint64_t at, uint64_t end, uint64_t *ret_data, uint64_t *ret_end)
{
	off_t data, hole;
	struct stat st;

	*ret_data = at;
	*ret_end = end;
	if (s->fd < 0 || s->how == LOAD_MAP)
		return;
	data = lseek(s->fd, (off_t)at, SEEK_DATA);
	/* ENXIO: a hole up to the end of the file, or `at` is past it. */
	if (data < 0 && (errno != ENXIO || fstat(s->fd, &st) < 0 || (uint64_t)st.st_size < end))
		return;
	if (data < 0) {
		*ret_data = end;
		return;
	}
	hole = lseek(s->fd, data, SEEK_HOLE);
	*ret_data = MIN((uint64_t)data, end);
	if (hole > data)
		*ret_end = MIN((uint64_t)hole, end);
}

static bool is_plain_ram(const struct gmem *mem, uint64_t gpa)
{
	for (size_t i = 0; i < mem->nr; i++) {
		const struct gmem_region *r = &mem->region[i];

		if (gpa >= r->gpa && gpa - r->gpa < r->size)
			return r->fd < 0 && !r->shared;
	}
	return false;
}

/* Map the file's pages over [host, + len), all page-aligned. 1: mapped, 0: not possible here, negative: RAM lost. */
static int map_pages(int fd, uint64_t at, uint8_t *host, uint64_t len, struct err *e)
{
	int r;

	if (mmap(host, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE, fd, (off_t)at) ==
		MAP_FAILED) {
		r = -errno;
		/*
		 * Some failures occur after the old mapping was removed: msync, which does nothing else here, detects
		 * the hole.
		 */
		if (msync(host, len, MS_ASYNC) < 0)
			return err_sys(e, r, "cannot map it into guest RAM");
		return 0;
	}
	/* Guest RAM is excluded from core dumps; this must be set again for the new mapping. */
	if (madvise(host, len, MADV_DONTDUMP) < 0)
		return err_sys(e, -errno, "cannot keep guest RAM out of core dumps");
	return 1;
}

/* Places the part that is in one host window. */
static int place_window(
	struct source *s, uint64_t at, uint64_t len, struct gmem *mem, uint64_t gpa, uint8_t *host, struct err *e)
{
	uint64_t first = align_up((uintptr_t)host, HOST_PAGE) - (uintptr_t)host;
	uint64_t end = align_down((uintptr_t)host + len, HOST_PAGE) - (uintptr_t)host;
	int r;

	if (s->how == LOAD_MAP && s->fd >= 0 && len >= HOST_PAGE && first < end && is_aligned(at + first, HOST_PAGE) &&
		is_plain_ram(mem, gpa)) {
		r = map_pages(s->fd, at + first, host + first, end - first, e);
		if (r < 0)
			return r;
		if (r) {
			gmem_set_file_window(mem, gpa + first, end - first);
			s->mapped_bytes += end - first;
			s->copied_bytes += len - (end - first);
			r = source_read(s, at, host, first, e);
			return r < 0 ? r : source_read(s, at + end, host + end, len - end, e);
		}
	}
	s->copied_bytes += len;
	return source_read(s, at, host, len, e);
}

int source_place(struct source *s, uint64_t at, uint64_t len, struct gmem *mem, uint64_t gpa, struct err *e)
{
	struct iovec iov[GMEM_REGIONS_MAX];
	size_t nr;
	int r;

	r = gmem_iov(mem, gpa, len, iov, ARRAY_SIZE(iov), &nr);
	if (r < 0)
		return err_sys(e, r, "no guest RAM at 0x%llx", (unsigned long long)gpa);
	for (size_t i = 0; i < nr; i++) {
		r = place_window(s, at, iov[i].iov_len, mem, gpa, iov[i].iov_base, e);
		if (r < 0)
			return r;
		at += iov[i].iov_len;
		gpa += iov[i].iov_len;
	}
	return 0;
}
