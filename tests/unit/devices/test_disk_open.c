// SPDX-License-Identifier: Apache-2.0
/*
 * What disk_open() takes for a disk and what not, and what it learns from the host: the alignment that O_DIRECT wants,
 * and the sectors of a block device.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "devices/virtio/disk.h"
#include "tests/support/unit.h"

#define SIZE 65536

/* The linker puts these in front of the C library's: --wrap. */
static struct {
	int flags;         /* of the last open() */
	uintptr_t aligned; /* what a read has to be, its buffer, offset and length alike; 0: anything */
	int read_error;    /* what a read fails with */
	int sector;        /* BLKSSZGET */
	bool no_ioctl;     /* which is of a block device only */
} host;

int __real_path_open(const char *path, int flags, mode_t mode);
int __wrap_path_open(const char *path, int flags, mode_t mode);
ssize_t __real_pread64(int fd, void *buf, size_t n, off_t at);
ssize_t __wrap_pread64(int fd, void *buf, size_t n, off_t at);
int __real_ioctl(int fd, unsigned long request, ...);
int __wrap_ioctl(int fd, unsigned long request, void *arg);

/* The file system of a memfd has no O_DIRECT on most kernels. */
int __wrap_path_open(const char *path, int flags, mode_t mode)
{
	host.flags = flags;
	return __real_path_open(path, flags & ~O_DIRECT, mode);
}

ssize_t __wrap_pread64(int fd, void *buf, size_t n, off_t at)
{
	errno = host.read_error ? host.read_error : EINVAL;
	if (host.read_error || (host.aligned && (((uintptr_t)buf | n | (uintptr_t)at) & (host.aligned - 1))))
		return -1;
	return __real_pread64(fd, buf, n, at);
}

int __wrap_ioctl(int fd, unsigned long request, void *arg)
{
	if (request != BLKSSZGET)
		return __real_ioctl(fd, request, arg);
	*(int *)arg = host.sector;
	errno = ENOTTY;
	return host.no_ioctl ? -1 : 0;
}

static int open_fd(int fd, const struct disk_params *like, struct disk *ret, struct err *e)
{
	struct disk_params p = *like;
	char path[32];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	p.path = path;
	*e = (struct err){0};
	return disk_open(&p, ret, e);
}

static unsigned open_fds(void)
{
	unsigned n = 0;

	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static int make(off_t size)
{
	int fd = memfd_create("image", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, size), 0);
	host.no_ioctl = true;
	return fd;
}

/* The host's own limits are found, and a guest whose sectors are smaller than they are is refused. */
static void alignment_without_the_page_cache(void **state)
{
	static const struct {
		unsigned logical, aligned;
		int read_error, r;
		unsigned align;
		const char *words;
	} row[] = {
		{512, 512, 0, 0, 512, ""},
		{4096, 512, 0, 0, 512, ""},
		{4096, 1024, 0, 0, 1024, ""},
		{4096, 4096, 0, 0, 4096, ""},
		{512, 0, 0, 0, 512, ""},
		{512, 1024, 0, -EINVAL, 0, "cache=none needs logical=4096 here, since its sectors have 1024 bytes"},
		{512, 4096, 0, -EINVAL, 0, "cache=none needs logical=4096 here, since its sectors have 4096 bytes"},
		{4096, 8192, 0, -EINVAL, 0, "with cache=none"},
		{512, 512, EIO, -EIO, 0, "with cache=none: Input/output error"},
	};
	const off_t sizes[] = {4096, SIZE};

	for (size_t i = 0; i < ARRAY_SIZE(row) * ARRAY_SIZE(sizes); i++) {
		const size_t k = i / ARRAY_SIZE(sizes);
		int fd = make(sizes[i % ARRAY_SIZE(sizes)]), r;
		struct disk d = {.fd = 77};
		struct err e;

		host.aligned = row[k].aligned;
		host.read_error = row[k].read_error;
		r = open_fd(fd, &(struct disk_params){.logical = row[k].logical, .direct = true, .raw = true}, &d, &e);
		host.aligned = 0;
		host.read_error = 0;
		if (r != row[k].r || !strstr(e.text, row[k].words))
			fail_msg("row %zu: %d, %s", k, r, e.text);
		assert_true(host.flags & O_DIRECT);
		if (r == 0) {
			assert_int_equal(d.align, row[k].align);
			disk_close(&d);
		}
		/* On failure nothing is handed out, and nothing stays open. */
		assert_int_equal(d.fd, r == 0 ? -1 : 77);
		close(fd);
	}
}

/* With the page cache any address will do. */
static void alignment_with_the_page_cache(void **state)
{
	int fd = make(SIZE);
	struct disk d;
	struct err e;

	host.aligned = 4096;
	assert_int_equal(open_fd(fd, &(struct disk_params){.logical = 512, .raw = true}, &d, &e), 0);
	host.aligned = 0;
	assert_false(host.flags & O_DIRECT);
	assert_int_equal(d.align, 1);
	disk_close(&d);
	close(fd);
}

/* The unit in which a range can be given back is the block device's sector; that of a file is a byte. */
static void sectors_of_the_host(void **state)
{
	static const struct {
		bool overlay, no_ioctl;
		int sector;
		unsigned block;
	} row[] = {
		{false, false, 4096, 4096}, {false, false, 512, 512}, {false, true, 4096, 1}, {false, false, 0, 1},
		{false, false, -512, 1}, {true, false, 4096, 1}, /* an overlay is a file */
	};

	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		int fd = make(SIZE);
		struct disk d;
		struct err e;

		host.no_ioctl = row[i].no_ioctl;
		host.sector = row[i].sector;
		assert_int_equal(
			open_fd(fd, &(struct disk_params){.logical = 4096, .overlay = row[i].overlay}, &d, &e), 0);
		if (d.block != row[i].block)
			fail_msg("row %zu: %u", i, d.block);
		disk_close(&d);
		close(fd);
	}
}

static void what_is_no_disk(void **state)
{
	static const struct {
		const char *path;
		bool ro;
		int r;
		const char *words;
	} row[] = {
		{"/", true, -EISDIR, "/ is a directory"},
		{"/", false, -EISDIR, "/ is a directory"},
		{"/dev/null", true, -EINVAL, "/dev/null is neither a file nor a block device"},
		{"/dev/null", false, -EINVAL, "/dev/null is neither a file nor a block device"},
		{"/proc/self/nowhere", true, -ENOENT, "cannot open /proc/self/nowhere"},
	};
	struct disk d = {.fd = 77};
	struct err e;
	int fd;

	for (size_t i = 0; i < ARRAY_SIZE(row); i++)
		for (unsigned overlay = 0; overlay < 2; overlay++) {
			struct disk_params p = {
				.path = row[i].path, .ro = row[i].ro, .overlay = overlay, .logical = 512, .raw = true};

			e = (struct err){0};
			assert_int_equal(disk_open(&p, &d, &e), row[i].r);
			if (!strstr(e.text, row[i].words))
				fail_msg("row %zu: %s", i, e.text);
		}
	fd = make(0);
	assert_int_equal(open_fd(fd, &(struct disk_params){.logical = 512, .raw = true}, &d, &e), -ENODATA);
	assert_non_null(strstr(e.text, "is empty"));
	assert_int_equal(d.fd, 77);
	close(fd);
}

/* Neither a disk that was refused nor one that was closed leaves a file open; nobody closes one twice. */
static void no_file_is_left(void **state)
{
	int fd = make(SIZE), empty = make(0);
	unsigned before = open_fds();
	struct disk d = {.fd = -1};
	struct err e;

	assert_true(open_fd(empty, &(struct disk_params){.logical = 512, .raw = true}, &d, &e) < 0);
	host.read_error = EIO;
	assert_true(open_fd(fd, &(struct disk_params){.logical = 512, .direct = true, .raw = true}, &d, &e) < 0);
	host.read_error = 0;
	setenv("TMPDIR", "/proc/self/nowhere", 1);
	assert_true(open_fd(fd, &(struct disk_params){.logical = 512, .overlay = true, .raw = true}, &d, &e) < 0);
	unsetenv("TMPDIR");
	assert_int_equal(open_fds(), before);
	for (unsigned overlay = 0; overlay < 2; overlay++) {
		const struct disk_params p = {.logical = 512, .overlay = overlay, .raw = true};

		assert_int_equal(open_fd(fd, &p, &d, &e), 0);
		assert_int_equal(open_fds(), before + 1 + overlay);
		disk_close(&d);
		assert_int_equal(open_fds(), before);
		disk_close(&d);
		assert_int_equal(open_fds(), before);
	}
	close(fd);
	close(empty);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(alignment_without_the_page_cache),
		cmocka_unit_test(alignment_with_the_page_cache),
		cmocka_unit_test(sectors_of_the_host),
		cmocka_unit_test(what_is_no_disk),
		cmocka_unit_test(no_file_is_left),
	};

	return run_group(tests);
}
