/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A directory of a test's own, and the FUSE server that shares it.
 */
#ifndef TESTS_UNIT_DEVICES_FUSE_BENCH_H
#define TESTS_UNIT_DEVICES_FUSE_BENCH_H

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/support/fuse_client.h"
#include "tests/support/unit.h"

#define FDS 8

struct bench {
	struct fuse_client c;
	char dir[64];
	int dirfd;
};

static inline void write_file(int dir, const char *name, const char *text)
{
	int fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static inline void share(struct bench *b, const char *path, uint32_t nodes, unsigned fds)
{
	struct fuse_params p = {.nodes = nodes, .fds = fds};
	struct err e = {0};

	if (fuse_open_root(path, &p.root, &e) < 0)
		fail_msg("%s", e.text);
	assert_int_equal(fuse_new(&p, &b->c.f), 0);
	b->c.room = 4096;
}

static inline int up_with(void **state, uint32_t nodes, unsigned fds)
{
	struct bench *b = calloc(1, sizeof(*b));

	assert_non_null(b);
	strcpy(b->dir, "/tmp/fuse.XXXXXX");
	assert_non_null(mkdtemp(b->dir));
	b->dirfd = open(b->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	write_file(b->dirfd, "file", "what is in the file");
	assert_int_equal(mkdirat(b->dirfd, "sub", 0755), 0);
	write_file(b->dirfd, "sub/inner", "inner");
	assert_int_equal(symlinkat("/etc/passwd", b->dirfd, "out"), 0);
	assert_int_equal(symlinkat("sub", b->dirfd, "link"), 0);
	assert_int_equal(mkfifoat(b->dirfd, "fifo", 0600), 0);
	share(b, b->dir, nodes, fds);
	*state = b;
	return 0;
}

static inline int up(void **state)
{
	return up_with(state, 0, FDS);
}

static inline int up_small(void **state)
{
	return up_with(state, 4096, FDS);
}

static inline int rm(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

static inline int down(void **state)
{
	struct bench *b = *state;

	fuse_free(b->c.f);
	close(b->dirfd);
	nftw(b->dir, rm, 16, FTW_DEPTH | FTW_PHYS);
	free(b);
	return 0;
}

static inline uint64_t node_of(struct bench *b, uint64_t dir, const char *name)
{
	struct fuse_entry_out e;
	int r = client_lookup(&b->c, dir, name, &e);

	if (r)
		fail_msg("%s: %s", name, strerror(-r));
	return e.nodeid;
}

static inline unsigned fds_of(const struct bench *b)
{
	uint32_t nodes;
	unsigned fds;

	fuse_counts(b->c.f, &nodes, &fds);
	return fds;
}

static inline uint32_t nodes_of(const struct bench *b)
{
	uint32_t nodes;
	unsigned fds;

	fuse_counts(b->c.f, &nodes, &fds);
	return nodes;
}

static inline uint64_t open_file(struct bench *b, const char *name)
{
	uint64_t n = node_of(b, FUSE_ROOT, name);

	assert_int_equal(client_open(&b->c, n, false, O_RDONLY), 0);
	return n;
}

#endif
