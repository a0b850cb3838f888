// SPDX-License-Identifier: Apache-2.0
/*
 * Theory of operation. An image is never mapped to be parsed: whoever may write the file may also cut it, and a load
 * from a page that is gone is SIGBUS. Headers are copied with pread, checked, and the copy is used.
 *
 * Contents may be mapped. Then whole pages of the file replace whole pages of guest RAM, and only the guest, system
 * calls and gmem's guarded copies touch them. Pages at the edges hold other bytes too, so they are read. A page can be
 * mapped only where its offset in the file and its host address agree modulo the page size, and only over plain
 * anonymous RAM: other RAM has a file of its own (shared with others, or made of huge pages that cannot be split).
 */
#include "boot/image.h"

#include <elf.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "boot/layout.h"
#include "vmm/base/board.h"
#include "vmm/base/units.h"

#define HOST_PAGE UINT64_C(4096)

int image_stat(int fd, uint64_t *ret_size, struct err *e)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_sys(e, -errno, "cannot look at it");
	if (S_ISDIR(st.st_mode))
		return err_set(e, -EISDIR, "is a directory, not a file");
	if (!S_ISREG(st.st_mode))
		return err_set(e, -EINVAL, "is not a regular file (a pipe, socket or device): copy it to a file first");
	if (!st.st_size)
		return err_set(e, -EINVAL, "is empty");
	*ret_size = (uint64_t)st.st_size;
	return 0;
}

int image_pread(int fd, uint64_t at, void *buf, uint64_t len, struct err *e)
{
	uint8_t *to = buf;

	while (len) {
		ssize_t n = pread(fd, to, len, (off_t)at);

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

int image_pread_gmem(struct gmem *mem, uint64_t gpa, int fd, uint64_t at, uint64_t len, struct err *e)
{
	struct image img = {.fd = fd};
	struct kernel counters = {0};

	return image_place(&img, at, len, mem, gpa, KERNEL_READ, &counters, e);
}

int image_read(struct image *img, uint64_t at, void *buf, uint64_t len, struct err *e)
{
	return img->gz ? gunzip_read(img->gz, at, buf, len, e) : image_pread(img->fd, at, buf, len, e);
}

void image_extent(int fd, uint64_t at, uint64_t end, uint64_t *ret_data, uint64_t *ret_end)
{
	off_t data = lseek(fd, (off_t)at, SEEK_DATA), hole;
	struct stat st;

	*ret_data = at;
	*ret_end = end;
	/* ENXIO is a hole up to the end of the file, or at lies behind that. */
	if (data < 0 && (errno != ENXIO || fstat(fd, &st) < 0 || (uint64_t)st.st_size < end))
		return;
	if (data < 0 || (uint64_t)data >= end) {
		*ret_data = end;
		return;
	}
	hole = lseek(fd, data, SEEK_HOLE);
	*ret_data = (uint64_t)data;
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
		/* Some failures come after the old mapping went: msync, which does nothing else, finds the hole. */
		if (msync(host, len, MS_ASYNC) < 0)
			return err_sys(e, r, "cannot map it into guest RAM");
		return 0;
	}
	/* Guest RAM stays out of core dumps; the new mapping must be told again. */
	if (madvise(host, len, MADV_DONTDUMP) < 0)
		return err_sys(e, -errno, "cannot keep guest RAM out of core dumps");
	return 1;
}

/* Place the part that lies in one host window. */
static int place_window(struct image *img, uint64_t at, uint64_t len, struct gmem *mem, uint64_t gpa, uint8_t *host,
	enum kernel_load_how how, struct kernel *k, struct err *e)
{
	uint64_t first = align_up((uintptr_t)host, HOST_PAGE) - (uintptr_t)host;
	uint64_t end = align_down((uintptr_t)host + len, HOST_PAGE) - (uintptr_t)host;
	int r;

	if (how == KERNEL_MAP && !img->gz && len >= HOST_PAGE && first < end && is_aligned(at + first, HOST_PAGE) &&
		is_plain_ram(mem, gpa)) {
		r = map_pages(img->fd, at + first, host + first, end - first, e);
		if (r < 0)
			return r;
		if (r) {
			gmem_set_file_window(mem, gpa + first, end - first);
			k->mapped_bytes += end - first;
			k->copied_bytes += len - (end - first);
			r = image_pread(img->fd, at, host, first, e);
			return r < 0 ? r : image_pread(img->fd, at + end, host + end, len - end, e);
		}
	}
	k->copied_bytes += len;
	return image_read(img, at, host, len, e);
}

int image_place(struct image *img, uint64_t at, uint64_t len, struct gmem *mem, uint64_t gpa, enum kernel_load_how how,
	struct kernel *k, struct err *e)
{
	struct iovec iov[GMEM_REGIONS_MAX];
	size_t nr;
	int r;

	r = gmem_iov(mem, gpa, len, iov, ARRAY_SIZE(iov), &nr);
	if (r < 0)
		return err_sys(e, r, "no guest RAM at 0x%llx", (unsigned long long)gpa);
	for (size_t i = 0; i < nr; i++) {
		r = place_window(img, at, iov[i].iov_len, mem, gpa, iov[i].iov_base, how, k, e);
		if (r < 0)
			return r;
		at += iov[i].iov_len;
		gpa += iov[i].iov_len;
	}
	return 0;
}

/* End of the RAM that starts at 1 MiB, at most the start of the 32-bit hole. */
static uint64_t low_ram_end(const struct gmem *mem)
{
	uint64_t end = BOOT_HIGH_START;

	/* Regions are sorted: those that touch continue one another. */
	for (size_t i = 0; i < mem->nr; i++)
		if (mem->region[i].gpa <= end && end - mem->region[i].gpa < mem->region[i].size)
			end = mem->region[i].gpa + mem->region[i].size;
	return MIN(end, BOARD_HOLE_START);
}

int image_check_range(const struct gmem *mem, uint64_t gpa, uint64_t len, const char *what, struct err *e)
{
	uint64_t ram_end = low_ram_end(mem);
	char size[UNITS_TEXT_MAX], ram[UNITS_TEXT_MAX];

	format_size(len, size);
	format_size(ram_end, ram);
	if (range_wraps(gpa, len))
		return err_set(e, -EINVAL, "%s at 0x%llx wraps around the address space: it is 0x%llx bytes long", what,
			(unsigned long long)gpa, (unsigned long long)len);
	if (gpa < BOOT_HIGH_START)
		return err_set(e, -EINVAL, "%s at 0x%llx lies below 1 MiB, where the boot data go", what,
			(unsigned long long)gpa);
	if (gpa + len <= ram_end)
		return 0;
	if (ram_end == BOARD_HOLE_START)
		return err_set(e, -E2BIG,
			"%s at 0x%llx (%s long) reaches into the hole below 4 GiB, which starts at 0x%llx", what,
			(unsigned long long)gpa, size, (unsigned long long)ram_end);
	return err_set(e, -E2BIG, "%s at 0x%llx (%s long) does not fit the %s of guest RAM: give the guest more memory",
		what, (unsigned long long)gpa, size, ram);
}

bool image_is_elf(const uint8_t *head, uint64_t len)
{
	return len >= SELFMAG && !memcmp(head, ELFMAG, SELFMAG);
}
