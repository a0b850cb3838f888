// SPDX-License-Identifier: Apache-2.0
/*
 * What virtio-blk asks of the host, call by call: what is durable before a request is answered, where a bounced request
 * goes, ranges on block devices whose sectors are larger than the guest's, and where an overlay lies.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "tests/unit/devices/blk_bench.h"

/* The linker puts these in front of the C library's: --wrap. */
static struct {
	char log[64];      /* w: written, W: durably, f: fallocate, s: fdatasync */
	unsigned sector;   /* fallocate refuses what cuts one, as that of a block device; 0: any */
	bool no_fallocate; /* as a file system without holes */
	int clear_error;   /* fallocate fails with this */
	bool no_tmpfile;   /* as one without O_TMPFILE */
	bool unkind;       /* each call is interrupted first, and then moves a part of what it could */
	unsigned calls;    /* while it is unkind */
	unsigned reads;    /* calls of preadv */
	int sync_error;    /* fdatasync fails */
	unsigned writes;   /* pwritev succeeds so often, and then fails */
	int write_error;
} host;

static void note(char c)
{
	size_t n = strlen(host.log);

	assert_true(n + 1 < sizeof(host.log));
	host.log[n] = c;
	host.log[n + 1] = '\0';
}

ssize_t __real_pwritev64v2(int fd, const struct iovec *iov, int nr, off_t offset, int flags);
int __real_fdatasync(int fd);
int __real_fallocate64(int fd, int mode, off_t offset, off_t len);
int __real_open64(const char *path, int flags, ...);
ssize_t __wrap_pwritev64v2(int fd, const struct iovec *iov, int nr, off_t offset, int flags);
ssize_t __real_preadv64(int fd, const struct iovec *iov, int nr, off_t offset);
ssize_t __wrap_preadv64(int fd, const struct iovec *iov, int nr, off_t offset);
int __wrap_fdatasync(int fd);
int __wrap_fallocate64(int fd, int mode, off_t offset, off_t len);
int __wrap_open64(const char *path, int flags, mode_t mode);

/* Bytes that one call moves at the most: no multiple of anything. */
#define PART 1999

static bool interrupted(void)
{
	errno = EINTR;
	return host.unkind && host.calls++ % 2 == 0;
}

/* The first bytes of a list of windows, as its first two. */
static int first_part(const struct iovec *iov, int nr, struct iovec part[2])
{
	size_t left = PART;
	int n = 0;

	for (; n < nr && n < 2 && left; n++) {
		part[n] = (struct iovec){iov[n].iov_base, MIN(iov[n].iov_len, left)};
		left -= part[n].iov_len;
	}
	return n;
}

ssize_t __wrap_preadv64(int fd, const struct iovec *iov, int nr, off_t offset)
{
	struct iovec part[2];

	host.reads++;
	if (interrupted())
		return -1;
	return host.unkind ? __real_preadv64(fd, part, first_part(iov, nr, part), offset)
			   : __real_preadv64(fd, iov, nr, offset);
}

ssize_t __wrap_pwritev64v2(int fd, const struct iovec *iov, int nr, off_t offset, int flags)
{
	struct iovec part[2];

	if (interrupted())
		return -1;
	if (host.unkind)
		return __real_pwritev64v2(fd, part, first_part(iov, nr, part), offset, flags);
	note(flags & RWF_DSYNC ? 'W' : 'w');
	errno = host.write_error;
	if (host.write_error && !host.writes--)
		return -1;
	return __real_pwritev64v2(fd, iov, nr, offset, flags);
}

int __wrap_fdatasync(int fd)
{
	if (interrupted())
		return -1;
	note('s');
	errno = host.sync_error;
	return host.sync_error ? -1 : __real_fdatasync(fd);
}

int __wrap_fallocate64(int fd, int mode, off_t offset, off_t len)
{
	if (interrupted())
		return -1;
	note('f');
	errno = host.clear_error;
	if (host.clear_error)
		return -1;
	errno = host.no_fallocate ? EOPNOTSUPP : EINVAL;
	if (host.no_fallocate || (host.sector && ((offset | len) & (host.sector - 1))))
		return -1;
	/* A file in memory has no other way to clear a range. */
	assert_true(mode == (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE) ||
		mode == (FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE));
	return __real_fallocate64(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, len);
}

int __wrap_open64(const char *path, int flags, mode_t mode)
{
	if (host.no_tmpfile && (flags & O_TMPFILE) == O_TMPFILE) {
		errno = EOPNOTSUPP;
		return -1;
	}
	return __real_open64(path, flags, mode);
}

/* The calls that a request makes, which ends well. */
static void calls(struct bench *b, uint32_t type, uint64_t sector, uint32_t len, const char *want)
{
	host.log[0] = '\0';
	assert_int_equal(request(b, type, sector, len), OK);
	assert_string_equal(host.log, want);
}

/* 5.2.5: the data on stable storage when the driver gets its answer, depending on the negotiated features. */
static void what_is_durable(void **state)
{
	static const struct {
		uint64_t features;
		int wce; /* what the driver sets; below zero: nothing */
		bool through;
	} row[] = {
		{F_FLUSH, -1, false},
		{0, -1, true}, /* who cannot flush relies on nothing else */
		{F_CONFIG_WCE, -1, true},
		{F_CONFIG_WCE, 1, true},
		{F_FLUSH | F_CONFIG_WCE, -1, false},
		{F_FLUSH | F_CONFIG_WCE, 1, false},
		{F_FLUSH | F_CONFIG_WCE, 0, true},
	};

	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		struct bench *b = make(&(struct setup){0});
		bool through = row[i].through;

		alive(b, row[i].features | BIT(13) | BIT(14));
		if (row[i].wce >= 0)
			vqd_out(&b->d, VQD_CONFIG + 32, (uint64_t)row[i].wce, 1);
		calls(b, OUT, 3, SECTOR, through ? "W" : "w");
		for (unsigned unmap = 0; unmap < 2; unmap++) {
			put_segment(b, 0, 8, 8, unmap);
			host.no_fallocate = false;
			calls(b, WRITE_ZEROES, 0, 16, through ? "fs" : "f");
			host.no_fallocate = true;
			calls(b, WRITE_ZEROES, 0, 16, through ? "fW" : "fw");
			host.no_fallocate = false;
		}
		calls(b, FLUSH, 0, 0, "s");
		drop(b);
	}
}

/* An overlay is gone with the machine: nothing of it is ever waited for. */
static void an_overlay_is_not_durable(void **state)
{
	struct bench *b = make(&(struct setup){.overlay = true});

	alive(b, BIT(13) | BIT(14));
	calls(b, OUT, 0, 4096, "w");
	put_segment(b, 0, 8, 8, 0);
	calls(b, WRITE_ZEROES, 0, 16, "f");
	calls(b, FLUSH, 0, 0, "");
	drop(b);
}

/* A discard is a hint to a file system that has no holes; what else it fails with is the guest's to know. */
static void errors_of_a_discard(void **state)
{
	for (int overlay = 0; overlay < 2; overlay++) {
		struct bench *b = make(&(struct setup){.overlay = overlay});

		alive(b, F_FLUSH | BIT(13) | BIT(14));
		assert_int_equal(request(b, OUT, 8, 2 * 4096), OK);
		put_segment(b, 0, 8, 8, 0);
		calls(b, DISCARD, 0, 16, "f");
		assert_int_equal(request(b, OUT, 8, 2 * 4096), OK);
		host.no_fallocate = true;
		calls(b, DISCARD, 0, 16, "f");
		host.no_fallocate = false;
		host.clear_error = EIO;
		assert_int_equal(request(b, DISCARD, 0, 16), IOERR);
		/* With UNMAP write-zeroes goes another way first, and writes where that fails. */
		put_segment(b, 0, 8, 8, 1);
		assert_int_equal(request(b, WRITE_ZEROES, 0, 16), IOERR);
		host.clear_error = 0;
		put_segment(b, 0, 8, 8, 0);
		assert_int_equal(request(b, DISCARD, 0, 16), OK);
		drop(b);
	}
}

/* Buffers that O_DIRECT does not take go through one of ours, piece by piece: each to and from its own place. */
static void bounced_at_an_offset(void **state)
{
	const uint32_t len = 2 * DISK_BOUNCE_SIZE - 4096;
	const uint64_t sector = 17;
	struct bench *b = make(&(struct setup){0});
	struct vqd_buf buf[3] = {{0}};
	uint8_t *data;

	b->disk.align = SECTOR; /* as found for a file that is open with O_DIRECT */
	alive(b, UINT64_MAX);
	buf[0] = (struct vqd_buf){b->header, 16, false};
	buf[1] = (struct vqd_buf){b->data + 8, len, true};
	buf[2] = (struct vqd_buf){b->status, 1, true};
	put_header(b, IN, sector);
	assert_int_equal(vqd_request(&b->d, 0, buf, 3, false), len + 1);
	assert_int_equal(*(uint8_t *)vqd_ptr(&b->d, b->status), OK);
	for (uint32_t n = 0; n < len / SECTOR; n++)
		data_is(b, 8 + n * SECTOR, SECTOR, (uint8_t)(sector + n));

	data = (uint8_t *)vqd_ptr(&b->d, b->data) + 8;
	for (uint32_t n = 0; n < len / SECTOR; n++)
		memset(data + n * SECTOR, (int)(0xff - n), SECTOR);
	buf[1].write = false;
	put_header(b, OUT, sector);
	vqd_request(&b->d, 0, buf, 3, false);
	assert_int_equal(*(uint8_t *)vqd_ptr(&b->d, b->status), OK);
	for (uint64_t n = 0; n < DISK_SIZE / SECTOR; n++)
		image_is(b, n, n < sector || n >= sector + len / SECTOR ? (uint8_t)n : (uint8_t)(0xff - (n - sector)));
	drop(b);
}

/*
 * Sectors of 512 for the guest on a device with sectors of 4096: a discard gives back whole ones of the host, touches
 * nothing beside them, zeroes are zeroes to the sector, and neither is an error.
 */
static void sectors_smaller_than_the_host_s(void **state)
{
	static const struct {
		uint64_t sector;
		uint32_t sectors;
	} range[] = {{0, 8}, {8, 16}, {1, 1}, {7, 2}, {1, 22}, {8, 1}, {9, 15}, {3, 30}, {16, 9}, {511, 1}};
	struct bench *b = make(&(struct setup){0});

	b->disk.block = host.sector = 4096;
	alive(b, UINT64_MAX);
	for (size_t i = 0; i < ARRAY_SIZE(range); i++) {
		uint64_t from = range[i].sector, to = from + range[i].sectors;

		for (uint32_t unmap = 0; unmap < 3; unmap++) {
			bool discard = unmap == 2;

			host.log[0] = '\0';
			put_segment(b, 0, from, range[i].sectors, discard ? 0 : unmap);
			assert_int_equal(request(b, discard ? DISCARD : WRITE_ZEROES, 0, 16), OK);
			for (uint64_t n = 0; n < DISK_SIZE / SECTOR; n++) {
				bool gone = n >= from && n < to;

				if (discard && gone) /* whole ones, which a file reads as zeroes then */
					gone = n >= align_up(from, 8) && n < align_down(to, 8);
				image_is(b, n, gone ? 0 : (uint8_t)n);
			}
			/* As it was. */
			for (uint64_t n = from; n < to; n++) {
				memset(vqd_ptr(&b->d, b->data), (int)n, SECTOR);
				host.log[0] = '\0';
				assert_int_equal(request(b, OUT, n, SECTOR), OK);
			}
		}
	}
	/* In write-through all of it is durable: the edges and the part between them. */
	alive(b, BIT(13) | BIT(14));
	put_segment(b, 0, 7, 10, 0);
	calls(b, WRITE_ZEROES, 0, 16, "WfsW");
	host.sector = 0;
	drop(b);
}

/* A request in buffers of odd lengths, of 8 KiB in all. */
static void request_in_pieces(struct bench *b, uint32_t type, uint64_t sector)
{
	struct vqd_buf buf[6] = {{b->header, 16, false}};
	static const uint32_t len[4] = {1, 4095, 3000, 1096};
	uint32_t at = 0;

	for (unsigned i = 0; i < 4; at += len[i++])
		buf[1 + i] = (struct vqd_buf){b->data + at, len[i], type == IN};
	buf[5] = (struct vqd_buf){b->status, 1, true};
	put_header(b, type, sector);
	vqd_request(&b->d, 0, buf, 6, false);
	assert_int_equal(*(uint8_t *)vqd_ptr(&b->d, b->status), OK);
}

/* A host that is interrupted by signals, and moves less than it was asked for: the guest sees none of it. */
static void interrupted_and_short(void **state)
{
	for (int overlay = 0; overlay < 2; overlay++) {
		struct bench *b = make(&(struct setup){.overlay = overlay});
		uint8_t *data;

		alive(b, UINT64_MAX);
		host.unkind = true;
		host.calls = 0;
		request_in_pieces(b, IN, 20);
		for (unsigned n = 0; n < 16; n++)
			data_is(b, n * SECTOR, SECTOR, (uint8_t)(20 + n));
		data = vqd_ptr(&b->d, b->data);
		for (unsigned n = 0; n < 16; n++)
			memset(data + (size_t)n * SECTOR, (int)(0xe0 + n), SECTOR);
		request_in_pieces(b, OUT, 99);
		assert_int_equal(request(b, FLUSH, 0, 0), OK);
		put_segment(b, 0, 101, 3, 1);
		assert_int_equal(request(b, WRITE_ZEROES, 0, 16), OK);
		put_segment(b, 0, 200, 8, 0);
		assert_int_equal(request(b, DISCARD, 0, 16), OK);
		request_in_pieces(b, IN, 99);
		for (unsigned n = 0; n < 16; n++)
			data_is(b, n * SECTOR, SECTOR, (uint8_t)(n >= 2 && n < 5 ? 0 : 0xe0 + n));
		/* The data next to it is unchanged. */
		request_in_pieces(b, IN, 88);
		data_is(b, 10 * SECTOR, SECTOR, 98);
		request_in_pieces(b, IN, 115);
		data_is(b, 0, SECTOR, 115);
		host.unkind = false;
		assert_int_equal(virtio_payload(&b->blk.dev).host_errors, 0);
		drop(b);
	}
}

/* A disk that cannot make data durable reports an error, also for write-zeroes of a guest that cannot flush. */
static void a_flush_that_fails(void **state)
{
	struct bench *b = make(&(struct setup){0});

	alive(b, UINT64_MAX);
	host.sync_error = EIO;
	assert_int_equal(request(b, FLUSH, 0, 0), IOERR);
	put_segment(b, 0, 8, 8, 0);
	assert_int_equal(request(b, WRITE_ZEROES, 0, 16), OK);
	alive(b, BIT(13) | BIT(14)); /* in write-through */
	put_segment(b, 0, 8, 8, 0);
	assert_int_equal(request(b, WRITE_ZEROES, 0, 16), IOERR);
	host.sync_error = 0;
	assert_int_equal(request(b, WRITE_ZEROES, 0, 16), OK);
	drop(b);
}

/* The place of an overlay is full: the request fails, and what could be read before can be read after. */
static void an_overlay_that_is_full(void **state)
{
	/* Across two blocks and a part of each; which of its writes fails: both copies, then the data. */
	for (unsigned fails = 0; fails < 3; fails++) {
		struct bench *b = make(&(struct setup){.overlay = true});

		alive(b, UINT64_MAX);
		memset(vqd_ptr(&b->d, b->data), 0xaa, 8 * SECTOR);
		host.log[0] = '\0';
		host.writes = fails;
		host.write_error = ENOSPC;
		assert_int_equal(request(b, OUT, 12, 8 * SECTOR), IOERR);
		host.write_error = 0;
		assert_int_equal(request(b, IN, 8, 16 * SECTOR), OK);
		for (unsigned n = 0; n < 16; n++)
			data_is(b, n * SECTOR, SECTOR, (uint8_t)(8 + n));
		memset(vqd_ptr(&b->d, b->data), 0xaa, 8 * SECTOR);
		assert_int_equal(request(b, OUT, 12, 8 * SECTOR), OK);
		assert_int_equal(request(b, IN, 8, 16 * SECTOR), OK);
		for (unsigned n = 0; n < 16; n++)
			data_is(b, n * SECTOR, SECTOR, (uint8_t)(n >= 4 && n < 12 ? 0xaa : 8 + n));
		drop(b);
	}
}

/* --- Where an overlay lies --------------------------------------------------------------------------------------- */

static int open_overlay(struct disk *d, struct err *e)
{
	int fd = make_image(), r;
	char path[32];
	struct disk_params p = {.path = path, .overlay = true, .logical = SECTOR};

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	r = disk_open(&p, d, e);
	close(fd);
	return r;
}

/* One writer, or any number of readers; an overlay only reads its image. */
static void an_image_has_one_writer(void **state)
{
	enum way { WRITES, READS, KEEPS };
	static const struct {
		enum way first, second;
		bool both;
	} row[] = {
		{WRITES, WRITES, false},
		{WRITES, READS, false},
		{READS, WRITES, false},
		{WRITES, KEEPS, false},
		{KEEPS, WRITES, false},
		{READS, READS, true},
		{READS, KEEPS, true},
		{KEEPS, KEEPS, true},
	};
	int fd = make_image();
	char path[32];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		struct disk_params p = {.path = path, .logical = SECTOR};
		struct disk d[2];
		struct err e = {0};

		p.ro = row[i].first == READS;
		p.overlay = row[i].first == KEEPS;
		assert_int_equal(disk_open(&p, &d[0], &e), 0);
		assert_int_equal(fcntl(d[0].fd, F_GETFL) & O_ACCMODE, row[i].first == WRITES ? O_RDWR : O_RDONLY);
		p.ro = row[i].second == READS;
		p.overlay = row[i].second == KEEPS;
		assert_int_equal(disk_open(&p, &d[1], &e), row[i].both ? 0 : -EBUSY);
		if (row[i].both)
			disk_close(&d[1]);
		else
			assert_non_null(strstr(e.text, " is in use: "));
		disk_close(&d[0]);
		/* It was let go of. */
		p.ro = p.overlay = false;
		assert_int_equal(disk_open(&p, &d[0], &e), 0);
		disk_close(&d[0]);
	}
	close(fd);
}

/* Blocks of the overlay are larger than sectors: the last one of an image may be short. */
static void an_overlay_with_a_short_last_block(void **state)
{
	const uint64_t size = 3 * 4096 + 3 * SECTOR;
	int fd = make_image();
	char path[32], data[3 * SECTOR];
	struct disk_params p = {.path = path, .overlay = true, .logical = SECTOR};
	struct iovec one = {.iov_base = data};
	struct disk_io io;
	struct err e = {0};
	struct disk d;

	assert_int_equal(ftruncate(fd, (off_t)size), 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	assert_int_equal(disk_open(&p, &d, &e), 0);
	assert_int_equal(disk_io_init(&io), 0);
	assert_int_equal(d.size_bytes, size);
	/* Nothing of a disk is for a program that vmm starts. */
	assert_int_equal(fcntl(d.fd, F_GETFD), FD_CLOEXEC);
	assert_int_equal(fcntl(d.overlay_fd, F_GETFD), FD_CLOEXEC);
	/* The sector in its middle, then all of it. */
	memset(data, 0xaa, SECTOR);
	one.iov_len = SECTOR;
	assert_int_equal(disk_write(&d, &io, &one, 1, size - 2 * SECTOR, SECTOR, false), 0);
	one.iov_len = 3 * SECTOR;
	assert_int_equal(disk_read(&d, &io, &one, 1, size - 3 * SECTOR, 3 * SECTOR), 0);
	for (unsigned n = 0; n < 3; n++)
		for (unsigned i = 0; i < SECTOR; i++)
			assert_int_equal((uint8_t)data[n * SECTOR + i], n == 1 ? 0xaa : 24 + n);
	memset(data, 0xbb, sizeof(data));
	assert_int_equal(disk_write(&d, &io, &one, 1, size - 3 * SECTOR, 3 * SECTOR, false), 0);
	memset(data, 0, sizeof(data));
	assert_int_equal(disk_read(&d, &io, &one, 1, size - 3 * SECTOR, 3 * SECTOR), 0);
	for (unsigned i = 0; i < sizeof(data); i++)
		assert_int_equal((uint8_t)data[i], 0xbb);
	disk_io_destroy(&io);
	disk_close(&d);
	/* A sector that is cut is none. */
	assert_int_equal(ftruncate(fd, (off_t)size - 1), 0);
	assert_int_equal(disk_open(&p, &d, &e), -EINVAL);
	assert_non_null(strstr(e.text, "not a multiple of its sectors of 512"));
	close(fd);
}

/* Blocks side by side that lie in the same file are read by one call. */
static void an_overlay_is_read_in_runs(void **state)
{
	/* The blocks of 4 KiB that are written, one more each time, and the calls that eight of them are read by. */
	static const struct {
		unsigned block, reads;
	} step[] = {{3, 3}, {4, 3}, {7, 4}, {0, 5}, {1, 5}, {2, 3}, {5, 3}, {6, 1}};
	struct bench *b = make(&(struct setup){.overlay = true});
	uint8_t *data;

	alive(b, UINT64_MAX);
	data = vqd_ptr(&b->d, b->data);
	host.reads = 0;
	assert_int_equal(request(b, IN, 0, 8 * 4096), OK);
	assert_int_equal(host.reads, 1);
	for (size_t i = 0; i < ARRAY_SIZE(step); i++) {
		memset(data, 0xa0 + (int)step[i].block, 4096);
		assert_int_equal(request(b, OUT, step[i].block * 8, 4096), OK);
		host.reads = 0;
		assert_int_equal(request(b, IN, 0, 8 * 4096), OK);
		assert_int_equal(host.reads, step[i].reads);
	}
	for (unsigned i = 0; i < 8 * 4096; i++)
		assert_int_equal(data[i], 0xa0 + i / 4096);
	drop(b);
}

static bool lies_in(const struct disk *d, const char *dir)
{
	char link[32], path[256];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", d->overlay_fd);
	n = readlink(link, path, sizeof(path) - 1);
	assert_true(n > 0);
	path[n] = '\0';
	return !strncmp(path, dir, strlen(dir)) && strstr(path, " (deleted)");
}

static unsigned files_in(const char *dir)
{
	DIR *d = opendir(dir);
	unsigned nr = 0;

	assert_non_null(d);
	while (readdir(d))
		nr++;
	closedir(d);
	return nr - 2;
}

static void where_an_overlay_lies(void **state)
{
	char dir[] = "/tmp/vmm-overlay-test.XXXXXX", words[128];
	const char *was = getenv("TMPDIR");
	struct err e = {};
	struct disk d;

	assert_non_null(mkdtemp(dir));
	for (int i = 0; i < 2; i++) {
		host.no_tmpfile = i;
		setenv("TMPDIR", dir, 1);
		assert_int_equal(open_overlay(&d, &e), 0);
		assert_true(lies_in(&d, dir));
		assert_int_equal(files_in(dir), 0);
		disk_close(&d);
		/* Where none is set, and where the setting is empty. */
		for (int set = 0; set < 2; set++) {
			if (set)
				setenv("TMPDIR", "", 1);
			else
				unsetenv("TMPDIR");
			assert_int_equal(open_overlay(&d, &e), 0);
			assert_true(lies_in(&d, "/var/tmp/") || lies_in(&d, "/tmp/"));
			disk_close(&d);
		}
	}
	host.no_tmpfile = false;
	/* A directory that was named and cannot be used is not passed over. */
	rmdir(dir);
	setenv("TMPDIR", dir, 1);
	assert_int_equal(open_overlay(&d, &e), -ENOENT);
	snprintf(words, sizeof(words), " in %s, which TMPDIR names: No such file", dir);
	assert_non_null(strstr(e.text, words));
	assert_true(e.by_operator);
	setenv("TMPDIR", "/proc", 1);
	assert_true(open_overlay(&d, &e) < 0);
	assert_non_null(strstr(e.text, "in /proc, which TMPDIR names"));
	if (was)
		setenv("TMPDIR", was, 1);
	else
		unsetenv("TMPDIR");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_durable),
		cmocka_unit_test(an_overlay_is_not_durable),
		cmocka_unit_test(errors_of_a_discard),
		cmocka_unit_test(bounced_at_an_offset),
		cmocka_unit_test(sectors_smaller_than_the_host_s),
		cmocka_unit_test(interrupted_and_short),
		cmocka_unit_test(a_flush_that_fails),
		cmocka_unit_test(an_overlay_that_is_full),
		cmocka_unit_test(an_image_has_one_writer),
		cmocka_unit_test(an_overlay_with_a_short_last_block),
		cmocka_unit_test(an_overlay_is_read_in_runs),
		cmocka_unit_test(where_an_overlay_lies),
	};

	return run_group(tests);
}
