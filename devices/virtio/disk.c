// SPDX-License-Identifier: Apache-2.0
/*
 * Theory of operation. Without an overlay each request is one preadv or pwritev on the guest's own windows. Two cases
 * use a bounce buffer: O_DIRECT when the guest's buffers are not aligned, and zeroes that the file system cannot write
 * by itself.
 *
 * The overlay is a sparse unlinked file of the image's size and a map with a bit for each OVERLAY_BLOCK: set, the block
 * is in the overlay; clear, in the base if that has it, else in the image. A write that covers a part of a block first
 * copies the rest of it. The bit is set last. Only one thread writes the map: an overlay's queues share it.
 */
#include "devices/virtio/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "devices/virtio/disk_format.h"
#include "vmm/base/fdpath.h"
#include "vmm/base/iov.h"
#include "vmm/base/path.h"
#include "vmm/base/util.h"

#define OVERLAY_BLOCK DISK_OVERLAY_BLOCK

/* --- Opening ---------------------------------------------------------------------------------------------------- */

static int open_image(const struct disk_params *p, struct err *e)
{
	bool write = !p->ro && !p->overlay;
	/* O_NONBLOCK, so that opening a FIFO does not block; files and block devices ignore it. */
	int flags = (write ? O_RDWR : O_RDONLY) | (p->direct ? O_DIRECT : 0) | O_NONBLOCK | O_NOCTTY;
	int fd = path_open(p->path, flags, 0), r = fd;

	if (fd >= 0)
		return fd;
	if (write && (r == -EACCES || r == -EPERM || r == -EROFS || r == -ETXTBSY))
		return err_set(e, r, "cannot open %s for writing: %s; with ro or overlay the guest can still read it",
			p->path, strerror(-r));
	if (r == -EISDIR)
		return err_set(e, r, "%s is a directory; a disk is a file or a block device", p->path);
	if (p->direct && r == -EINVAL)
		return err_set(e, r,
			"%s: its file system cannot bypass the page cache (O_DIRECT); leave cache=none out", p->path);
	return err_sys(e, r, "cannot open %s", p->path);
}

static int image_size(int fd, const struct disk_params *p, uint64_t *ret, struct err *e)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_sys(e, -errno, "cannot stat %s", p->path);
	if (S_ISDIR(st.st_mode))
		return err_set(e, -EISDIR, "%s is a directory; a disk is a file or a block device", p->path);
	if (S_ISREG(st.st_mode))
		*ret = (uint64_t)st.st_size;
	else if (!S_ISBLK(st.st_mode))
		return err_set(e, -EINVAL, "%s is neither a file nor a block device", p->path);
	else if (ioctl(fd, BLKGETSIZE64, ret) < 0)
		return err_sys(e, -errno, "cannot tell the size of %s", p->path);
	if (!*ret)
		return err_set(e, -ENODATA, "%s is empty; `truncate -s 1G FILE` makes a disk of 1 GiB", p->path);
	return 0;
}

/* A path as one word of a shell; one that is too long for @buf is cut. */
static const char *shell_word(const char *path, char *buf, size_t size)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+=:,@%";
	size_t n = 1;

	if (!path[strspn(path, plain)])
		return path;
	buf[0] = '\'';
	for (; *path && n + 6 < size; path++)
		n += (size_t)snprintf(buf + n, size - n, *path == '\'' ? "'\\''" : "%c", *path);
	snprintf(buf + n, size - n, "'");
	return buf;
}

/*
 * Names both solutions: an image in a container format is converted; a raw image that its guest has made look like one
 * is attached with format=raw. qemu-img would follow a backing file that the guest has named, into the host's files.
 */
static int refuse_container(const struct disk_params *p, const char *format, struct err *e)
{
	char quoted[300];
	const char *word = shell_word(p->path, quoted, sizeof(quoted));

	return err_set(e, -EINVAL,
		"%s is a %s image, and a disk is a raw one: `qemu-img convert -f %s -O raw %s %s.raw` makes a raw "
		"copy; if it was raw and a guest has written it, say format=raw instead, which attaches it as it is",
		p->path, format, format, word, word);
}

static int check_raw(int fd, const struct disk_params *p, uint64_t size, struct err *e)
{
	const char *format = NULL;
	int r = p->raw ? 0 : disk_format(fd, size, &format);

	if (r < 0)
		return err_sys(e, r, "cannot read %s", p->path);
	if (format)
		return refuse_container(p, format, e);
	if (size % p->logical)
		return err_set(e, -EINVAL,
			"%s has %" PRIu64
			" bytes, which is not a multiple of its sectors of %u; `truncate -s %%%u FILE` pads it",
			p->path, size, p->logical, p->logical);
	return 0;
}

static int lock_image(int fd, const struct disk_params *p, struct err *e)
{
	bool shared = p->ro || p->overlay;
	struct flock whole = {.l_type = shared ? F_RDLCK : F_WRLCK, .l_whence = SEEK_SET};

	if (fcntl(fd, F_OFD_SETLK, &whole) == 0)
		return 0;
	if (errno == EAGAIN || errno == EACCES)
		return err_set(e, -EBUSY, "%s is in use: %s", p->path,
			shared ? "another machine writes to it"
			       : "another machine or disk has it; two writers would destroy it");
	return err_sys(e, -errno, "cannot lock %s", p->path);
}

/* The alignment that O_DIRECT needs is found by trying: not every kernel reports it. */
static int direct_alignment(int fd, const struct disk_params *p, uint64_t size, unsigned *ret, struct err *e)
{
	void *buf;
	int r = -EINVAL;

	for (unsigned align = 512; align <= 4096; align *= 2) {
		/* Aligned to exactly this. */
		if (posix_memalign(&buf, 8192, 16384))
			return err_sys(e, -ENOMEM, "cannot allocate a buffer");
		r = pread(fd, (uint8_t *)buf + align, align, size >= 2 * align ? align : 0) < 0 ? -errno : 0;
		free(buf);
		if (r == 0 && align > p->logical)
			return err_set(e, -EINVAL,
				"%s: cache=none needs logical=4096 here, since its sectors have %u bytes", p->path,
				align);
		if (r == 0)
			*ret = align;
		if (r != -EINVAL)
			break;
	}
	return r < 0 ? err_sys(e, r, "cannot read %s with cache=none", p->path) : 0;
}

/* Creates a file without a name. Not every file system supports O_TMPFILE: then it has a name for a moment. */
static COLD int unlinked_file_in(const char *dir)
{
	CLEANUP_FD int in = path_open(dir, O_PATH | O_DIRECTORY, 0);
	char path[64], directory[FD_PATH_SIZE];
	int fd;

	if (in < 0)
		return in;
	fd = openat(in, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd >= 0)
		return fd;
	fd_path(in, directory);
	snprintf(path, sizeof(path), "%s/vmm-overlay.XXXXXX", directory);
	fd = mkostemp(path, O_CLOEXEC);
	if (fd < 0)
		return -errno;
	unlink(path);
	return fd;
}

/* A directory that the operator has set is the only one tried: there is no fallback if it is full. */
static int unlinked_file(const char *for_path, struct err *e)
{
	const char *set = getenv("TMPDIR");
	const char *const usual[] = {"/var/tmp", "/tmp"};
	int fd = -ENOENT;

	if (set && *set) {
		fd = unlinked_file_in(set);
		return fd >= 0 ? fd
			       : err_operator(e,
					 err_sys(e, fd, "cannot make the overlay for %s in %s, which TMPDIR names",
						 for_path, set));
	}
	for (size_t i = 0; i < ARRAY_SIZE(usual) && fd < 0; i++)
		fd = unlinked_file_in(usual[i]);
	return fd >= 0
		? fd
		: err_sys(e, fd, "cannot make the overlay for %s in /var/tmp or /tmp; TMPDIR names another place",
			  for_path);
}

static size_t map_words(const struct disk *d)
{
	return (size_t)((disk_blocks(d) + 63) / 64);
}

static int open_overlay(struct disk *d, const struct disk_params *p, struct err *e)
{
	d->map = calloc(map_words(d), sizeof(*d->map));
	if (!d->map)
		return err_sys(e, -ENOMEM, "cannot allocate the map of the overlay for %s", p->path);
	d->overlay_fd = unlinked_file(p->path, e);
	if (d->overlay_fd < 0)
		return d->overlay_fd;
	if (ftruncate(d->overlay_fd, (off_t)d->size_bytes) < 0)
		return err_sys(
			e, -errno, "cannot make the overlay for %s as large; TMPDIR names another place", p->path);
	return 0;
}

/* A block device discards and zeroes whole sectors; a file any bytes. */
static unsigned host_block(int fd)
{
	int sector;

	return ioctl(fd, BLKSSZGET, &sector) == 0 && sector > 0 ? (unsigned)sector : 1;
}

COLD int disk_open(const struct disk_params *p, struct disk *ret, struct err *e)
{
	struct disk d = {.overlay_fd = -1, .logical = p->logical, .ro = p->ro, .align = 1};
	int r;

	d.fd = open_image(p, e);
	if (d.fd < 0)
		return d.fd;
	d.block = p->overlay ? 1 : host_block(d.fd);
	r = image_size(d.fd, p, &d.size_bytes, e);
	if (r == 0)
		r = check_raw(d.fd, p, d.size_bytes, e);
	if (r == 0)
		r = lock_image(d.fd, p, e);
	if (r == 0 && p->direct)
		r = direct_alignment(d.fd, p, d.size_bytes, &d.align, e);
	if (r == 0 && p->overlay)
		r = open_overlay(&d, p, e);
	if (r < 0) {
		disk_close(&d);
		return r;
	}
	*ret = d;
	return 0;
}

void disk_close(struct disk *d)
{
	if (!d || d->fd < 0)
		return;
	close(d->fd);
	if (d->overlay_fd >= 0)
		close(d->overlay_fd);
	free(d->map);
	free(d->base.map);
	*d = (struct disk){.fd = -1, .overlay_fd = -1};
}

int disk_io_init(struct disk_io *io)
{
	io->bounce = NULL;
	return -posix_memalign(&io->bounce, 4096, DISK_BOUNCE_SIZE);
}

void disk_io_destroy(struct disk_io *io)
{
	if (!io)
		return;
	free(io->bounce);
	io->bounce = NULL;
}

/* --- Moving bytes ------------------------------------------------------------------------------------------------ */

enum direction { READ, WRITE, WRITE_DURABLE };

/* Transfers all of the windows, and modifies the list. */
static int move(int fd, enum direction dir, struct iovec *iov, size_t nr, uint64_t offset)
{
	while (nr) {
		ssize_t n = dir == READ
			? preadv(fd, iov, (int)nr, (off_t)offset)
			: pwritev2(fd, iov, (int)nr, (off_t)offset, dir == WRITE_DURABLE ? RWF_DSYNC : 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		offset += (uint64_t)n;
		iov_skip(&iov, &nr, (uint64_t)n);
	}
	return 0;
}

static int move_buffer(int fd, enum direction dir, void *buf, size_t len, uint64_t offset)
{
	struct iovec one = {.iov_base = buf, .iov_len = len};

	return move(fd, dir, &one, 1, offset);
}

static bool aligned(const struct iovec *iov, size_t nr, unsigned align)
{
	for (size_t i = 0; i < nr; i++)
		if (!is_aligned((uintptr_t)iov[i].iov_base | iov[i].iov_len, align))
			return false;
	return true;
}

/* O_DIRECT with unaligned buffers: through the bounce buffer. */
static int move_bounced(int fd, enum direction dir, struct disk_io *io, const struct iovec *iov, size_t nr,
	uint64_t offset, uint64_t len)
{
	for (uint64_t done = 0; done < len;) {
		size_t n = MIN(len - done, DISK_BOUNCE_SIZE);
		int r;

		if (dir != READ)
			vq_read(iov, nr, done, io->bounce, n);
		r = move_buffer(fd, dir, io->bounce, n, offset + done);
		if (r < 0)
			return r;
		if (dir == READ)
			vq_write(iov, nr, done, io->bounce, n);
		done += n;
	}
	return 0;
}

static int move_image(const struct disk *d, enum direction dir, struct disk_io *io, const struct iovec *iov, size_t nr,
	uint64_t offset, uint64_t len)
{
	size_t n = iov_cut(iov, nr, 0, len, io->slice);

	if (unlikely(d->align > 1) && !aligned(io->slice, n, d->align))
		return move_bounced(d->fd, dir, io, iov, nr, offset, len);
	return move(d->fd, dir, io->slice, n, offset);
}

/* --- The overlay ------------------------------------------------------------------------------------------------- */

enum layer { IMAGE, BASE, OVERLAY };

static bool has_block(const uint64_t *map, uint64_t block)
{
	return map[block / 64] & BIT(block % 64);
}

static enum layer layer_of(const struct disk *d, uint64_t block)
{
	if (has_block(d->map, block))
		return OVERLAY;
	return d->base.map && has_block(d->base.map, block) ? BASE : IMAGE;
}

/* Return: the file of a layer; *@offset becomes that in it. */
static int file_of(const struct disk *d, enum layer layer, uint64_t *offset)
{
	if (layer == BASE)
		*offset += d->base.at;
	return layer == OVERLAY ? d->overlay_fd : layer == BASE ? d->base.fd : d->fd;
}

/* Return: the number of bytes from `offset` on, at most `len`, whose blocks are all in the same layer. */
static uint64_t run_of(const struct disk *d, uint64_t offset, uint64_t len, enum layer *ret_layer)
{
	uint64_t block = offset / OVERLAY_BLOCK, end = (offset + len - 1) / OVERLAY_BLOCK, next = block + 1;

	*ret_layer = layer_of(d, block);
	while (next <= end && layer_of(d, next) == *ret_layer)
		next++;
	return MIN(next * OVERLAY_BLOCK - offset, len);
}

static int overlay_read(
	const struct disk *d, struct disk_io *io, const struct iovec *iov, size_t nr, uint64_t offset, uint64_t len)
{
	for (uint64_t done = 0, n; done < len; done += n) {
		uint64_t from = offset + done;
		enum layer layer;
		int fd, r;

		n = run_of(d, from, len - done, &layer);
		fd = file_of(d, layer, &from);
		r = move(fd, READ, io->slice, iov_cut(iov, nr, done, n, io->slice), from);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Called before a write that covers only a part of the block at `at`: copies the rest from below the overlay. */
static int copy_block(struct disk *d, struct disk_io *io, uint64_t at)
{
	uint64_t start = align_down(at, OVERLAY_BLOCK), len = MIN(OVERLAY_BLOCK, d->size_bytes - start), from = start;
	enum layer layer = layer_of(d, start / OVERLAY_BLOCK);
	int fd, r;

	if (layer == OVERLAY)
		return 0;
	fd = file_of(d, layer, &from);
	r = move_buffer(fd, READ, io->bounce, len, from);
	return r < 0 ? r : move_buffer(d->overlay_fd, WRITE, io->bounce, len, start);
}

static int copy_edges(struct disk *d, struct disk_io *io, uint64_t offset, uint64_t len)
{
	int r = 0;

	if (!is_aligned(offset, OVERLAY_BLOCK))
		r = copy_block(d, io, offset);
	if (r == 0 && !is_aligned(offset + len, OVERLAY_BLOCK) && offset + len < d->size_bytes)
		r = copy_block(d, io, offset + len);
	return r;
}

COLD void disk_forget(struct disk *d)
{
	if (d->map)
		memset(d->map, 0, map_words(d) * sizeof(*d->map));
}

static void mark(struct disk *d, uint64_t offset, uint64_t len)
{
	for (uint64_t b = offset / OVERLAY_BLOCK; b <= (offset + len - 1) / OVERLAY_BLOCK; b++)
		d->map[b / 64] |= BIT(b % 64);
}

static int overlay_write(
	struct disk *d, struct disk_io *io, const struct iovec *iov, size_t nr, uint64_t offset, uint64_t len)
{
	int r = copy_edges(d, io, offset, len);

	if (r == 0)
		r = move(d->overlay_fd, WRITE, io->slice, iov_cut(iov, nr, 0, len, io->slice), offset);
	if (r == 0)
		mark(d, offset, len);
	return r;
}

/* --- Requests ---------------------------------------------------------------------------------------------------- */

int disk_read(
	const struct disk *d, struct disk_io *io, const struct iovec *iov, size_t nr, uint64_t offset, uint64_t len)
{
	if (d->map)
		return overlay_read(d, io, iov, nr, offset, len);
	return move_image(d, READ, io, iov, nr, offset, len);
}

int disk_write(struct disk *d, struct disk_io *io, const struct iovec *iov, size_t nr, uint64_t offset, uint64_t len,
	bool durable)
{
	if (!len)
		return 0;
	if (d->map)
		return overlay_write(d, io, iov, nr, offset, len);
	return move_image(d, durable ? WRITE_DURABLE : WRITE, io, iov, nr, offset, len);
}

int disk_flush(const struct disk *d)
{
	int r;

	if (d->map || d->ro)
		return 0;
	do
		r = fdatasync(d->fd);
	while (r < 0 && errno == EINTR);
	return r < 0 ? -errno : 0;
}

static int allocate(int fd, int mode, uint64_t offset, uint64_t len)
{
	int r;

	do
		r = fallocate(fd, mode, (off_t)offset, (off_t)len);
	while (r < 0 && errno == EINTR);
	return r < 0 ? -errno : 0;
}

static bool unsupported(int r)
{
	return r == -EOPNOTSUPP || r == -ENOSYS || r == -ENODEV;
}

int disk_discard(struct disk *d, uint64_t offset, uint64_t len)
{
	uint64_t block = d->map ? OVERLAY_BLOCK : d->block;
	uint64_t start = align_up(offset, block), end = align_down(offset + len, block);
	int r = 0;

	if (!d->map) {
		/* Discard is a hint: a file system without holes keeps the data. */
		if (start < end)
			r = allocate(d->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, start, end - start);
		return unsupported(r) ? 0 : r;
	}
	for (uint64_t at = start, n; at < end && r == 0; at += n) {
		enum layer layer;

		n = run_of(d, at, end - at, &layer);
		if (layer == OVERLAY)
			r = allocate(d->overlay_fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, at, n);
	}
	return unsupported(r) ? 0 : r;
}

static int write_zeroes(int fd, enum direction dir, struct disk_io *io, uint64_t offset, uint64_t len)
{
	memset(io->bounce, 0, MIN(len, DISK_BOUNCE_SIZE));
	for (uint64_t done = 0; done < len;) {
		size_t n = MIN(len - done, DISK_BOUNCE_SIZE);
		int r = move_buffer(fd, dir, io->bounce, n, offset + done);

		if (r < 0)
			return r;
		done += n;
	}
	return 0;
}

/* Zeroes whole blocks of the host, by fallocate() if it can. */
static int zero_blocks(
	struct disk *d, int fd, struct disk_io *io, uint64_t offset, uint64_t len, bool unmap, bool durable)
{
	int how = unmap ? FALLOC_FL_PUNCH_HOLE : FALLOC_FL_ZERO_RANGE;
	int r = allocate(fd, how | FALLOC_FL_KEEP_SIZE, offset, len);

	if (unsupported(r))
		return write_zeroes(fd, durable ? WRITE_DURABLE : WRITE, io, offset, len);
	return r == 0 && durable ? disk_flush(d) : r;
}

int disk_zero(struct disk *d, struct disk_io *io, uint64_t offset, uint64_t len, bool unmap, bool durable)
{
	uint64_t end = offset + len, first = MIN(align_up(offset, d->block), end);
	uint64_t last = MAX(align_down(end, d->block), first);
	enum direction dir = durable ? WRITE_DURABLE : WRITE;
	int fd = d->map ? d->overlay_fd : d->fd;
	int r = 0;

	if (d->map)
		r = copy_edges(d, io, offset, len);
	/* The guest's sectors may be smaller than the host's blocks: the rest at either end is written. */
	if (r == 0 && first > offset)
		r = write_zeroes(fd, dir, io, offset, first - offset);
	if (r == 0 && last > first)
		r = zero_blocks(d, fd, io, first, last - first, unmap, durable);
	if (r == 0 && end > last)
		r = write_zeroes(fd, dir, io, last, end - last);
	if (r == 0 && d->map)
		mark(d, offset, len);
	return r;
}
