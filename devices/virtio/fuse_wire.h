/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The FUSE protocol's structures in memory: Linux include/uapi/linux/fuse.h, version 7.31, which the drivers of Linux
 * 5.4 and later speak; FUSE_STATX is from 7.39. Numbers are in the byte order of the guest, little-endian.
 */
#ifndef DEVICES_VIRTIO_FUSE_WIRE_H
#define DEVICES_VIRTIO_FUSE_WIRE_H

#include <stdint.h>

#define FUSE_MAJOR     7
#define FUSE_MINOR     31 /* our version: a driver with a later one falls back to it */
#define FUSE_MINOR_MIN 31 /* virtio-fs came with it */
#define FUSE_ROOT      1

/* enum fuse_opcode */
enum {
	FUSE_LOOKUP = 1,
	FUSE_FORGET = 2, /* no reply */
	FUSE_GETATTR = 3,
	FUSE_SETATTR = 4,
	FUSE_READLINK = 5,
	FUSE_SYMLINK = 6,
	FUSE_MKNOD = 8,
	FUSE_MKDIR = 9,
	FUSE_UNLINK = 10,
	FUSE_RMDIR = 11,
	FUSE_RENAME = 12,
	FUSE_LINK = 13,
	FUSE_OPEN = 14,
	FUSE_READ = 15,
	FUSE_WRITE = 16,
	FUSE_STATFS = 17,
	FUSE_RELEASE = 18,
	FUSE_SETXATTR = 21,
	FUSE_GETXATTR = 22,
	FUSE_LISTXATTR = 23,
	FUSE_REMOVEXATTR = 24,
	FUSE_INIT = 26,
	FUSE_OPENDIR = 27,
	FUSE_READDIR = 28,
	FUSE_RELEASEDIR = 29,
	FUSE_CREATE = 35,
	FUSE_INTERRUPT = 36, /* no reply */
	FUSE_DESTROY = 38,
	FUSE_BATCH_FORGET = 42, /* no reply */
	FUSE_FALLOCATE = 43,
	FUSE_READDIRPLUS = 44,
	FUSE_RENAME2 = 45,
	FUSE_LSEEK = 46,
	FUSE_COPY_FILE_RANGE = 47,
	FUSE_TMPFILE = 51,
	FUSE_STATX = 52,
};

/* fuse_init_in.flags */
#define FUSE_F_ASYNC_READ       (UINT32_C(1) << 0)
#define FUSE_F_AUTO_INVAL_DATA  (UINT32_C(1) << 12)
#define FUSE_F_DO_READDIRPLUS   (UINT32_C(1) << 13)
#define FUSE_F_READDIRPLUS_AUTO (UINT32_C(1) << 14)
#define FUSE_F_PARALLEL_DIROPS  (UINT32_C(1) << 18)
#define FUSE_F_MAX_PAGES        (UINT32_C(1) << 22)
#define FUSE_F_CACHE_SYMLINKS   (UINT32_C(1) << 23)

#define FUSE_OPENED_KEEP_CACHE (UINT32_C(1) << 1) /* fuse_open_out.open_flags */

struct fuse_in {
	uint32_t len;
	uint32_t opcode;
	uint64_t unique;
	uint64_t nodeid;
	uint32_t uid, gid, pid;
	uint32_t padding;
};

struct fuse_out {
	uint32_t len;
	int32_t error;
	uint64_t unique;
};

struct fuse_attr {
	uint64_t ino, size, blocks;
	uint64_t atime, mtime, ctime;
	uint32_t atimensec, mtimensec, ctimensec;
	uint32_t mode, nlink, uid, gid, rdev, blksize, flags;
};

struct fuse_entry_out {
	uint64_t nodeid, generation;
	uint64_t entry_valid, attr_valid; /* seconds that the driver may keep them */
	uint32_t entry_valid_nsec, attr_valid_nsec;
	struct fuse_attr attr;
};

struct fuse_attr_out {
	uint64_t attr_valid;
	uint32_t attr_valid_nsec, dummy;
	struct fuse_attr attr;
};

struct fuse_getattr_in {
	uint32_t flags, dummy;
	uint64_t fh;
};

struct fuse_statx_in {
	uint32_t flags, reserved;
	uint64_t fh;
	uint32_t sx_flags, sx_mask;
};

/* Before the 256 bytes of struct statx of Linux include/uapi/linux/stat.h */
struct fuse_statx_out {
	uint64_t attr_valid;
	uint32_t attr_valid_nsec, flags;
	uint64_t spare[2];
};

struct fuse_open_in {
	uint32_t flags, open_flags;
};

struct fuse_open_out {
	uint64_t fh;
	uint32_t open_flags, padding;
};

/* FUSE_READ, FUSE_READDIR and FUSE_READDIRPLUS */
struct fuse_read_in {
	uint64_t fh, offset;
	uint32_t size, read_flags;
	uint64_t lock_owner;
	uint32_t flags, padding;
};

struct fuse_release_in {
	uint64_t fh;
	uint32_t flags, release_flags;
	uint64_t lock_owner;
};

struct fuse_xattr_in {
	uint32_t size, padding;
};

struct fuse_xattr_out {
	uint32_t size, padding;
};

struct fuse_init_in {
	uint32_t major, minor, max_readahead, flags;
};

struct fuse_init_out {
	uint32_t major, minor, max_readahead, flags;
	uint16_t max_background, congestion_threshold;
	uint32_t max_write, time_gran;
	uint16_t max_pages, map_alignment;
	uint32_t flags2, unused[7];
};

struct fuse_statfs_out {
	uint64_t blocks, bfree, bavail, files, ffree;
	uint32_t bsize, namelen, frsize, padding, spare[6];
};

struct fuse_forget_in {
	uint64_t nlookup;
};

struct fuse_batch_in {
	uint32_t count, dummy;
};

struct fuse_forget_one {
	uint64_t nodeid, nlookup;
};

struct fuse_lseek_in {
	uint64_t fh, offset;
	uint32_t whence, padding;
};

struct fuse_lseek_out {
	uint64_t offset;
};

/* Followed by the name, padded with zeroes to a multiple of 8. */
struct fuse_dirent {
	uint64_t ino, off;
	uint32_t namelen, type;
};

_Static_assert(sizeof(struct fuse_in) == 40 && sizeof(struct fuse_out) == 16, "headers");
_Static_assert(sizeof(struct fuse_attr) == 88 && sizeof(struct fuse_entry_out) == 128, "attributes");
_Static_assert(sizeof(struct fuse_attr_out) == 104 && sizeof(struct fuse_statx_out) == 32, "attributes");
_Static_assert(sizeof(struct fuse_init_out) == 64 && sizeof(struct fuse_statfs_out) == 80, "init, statfs");
_Static_assert(sizeof(struct fuse_read_in) == 40 && sizeof(struct fuse_release_in) == 24, "read, release");
_Static_assert(sizeof(struct fuse_dirent) == 24 && sizeof(struct fuse_lseek_in) == 24, "dirent, lseek");

#endif
