// SPDX-License-Identifier: Apache-2.0
/*
 * mincore() says which pages the host has at all, and those are compared with zero. Where the
 * host has swap, a page that is not in memory is not one that was never touched; and of a file that is mapped,
 * mincore() says what is in the page cache. Then all are read.
 */
#include "vmm/debug/ram.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "vmm/base/assert.h"

void ram_begin(struct ram_reader *r, const struct gmem *mem)
{
	struct sysinfo host;

	r->mem = mem;
	r->swaps = sysinfo(&host) < 0 || host.totalswap;
	r->written = 0;
}

bool ram_is_zero(const uint8_t *page)
{
	return !page[0] && !memcmp(page, page + 1, PAGE_4K - 1);
}

bool ram_read(struct ram_reader *r, uint64_t gpa, uint64_t len)
{
	uint8_t *host = gmem_ptr(r->mem, gpa, len);
	bool file = ranges_overlap(gpa, len, r->mem->file_lo, r->mem->file_hi - r->mem->file_lo);
	bool all = r->swaps || file, any = false;

	assert(host && len <= RAM_CHUNK);
	all = all || mincore(host, len, r->has) < 0;
	r->data = file ? r->buf : host;
	for (uint64_t at = 0; at < len; at += PAGE_4K) {
		unsigned char *has = &r->has[at / PAGE_4K];

		if (!all && !(*has & 1))
			continue;
		if (file)
			gmem_window_read(r->buf + at, host + at, PAGE_4K);
		*has = !ram_is_zero(r->data + at);
		any |= *has;
	}
	return any;
}

int ram_write_at(struct ram_reader *r, int fd, uint64_t offset, const uint8_t *p, size_t len)
{
	while (len) {
		ssize_t n = pwrite(fd, p, len, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -ENOSPC;
		p += n;
		len -= (size_t)n;
		offset += (uint64_t)n;
		r->written += (uint64_t)n;
	}
	return 0;
}

/* Runs of pages that are not zero */
int ram_write(struct ram_reader *r, int fd, uint64_t offset, uint64_t len)
{
	uint64_t from = 0;
	int ret = 0;

	while (from < len && ret == 0) {
		uint64_t to = from;

		while (to < len && r->has[to / PAGE_4K] & 1)
			to += PAGE_4K;
		ret = ram_write_at(r, fd, offset + from, r->data + from, to - from);
		from = to + PAGE_4K;
	}
	return ret;
}
