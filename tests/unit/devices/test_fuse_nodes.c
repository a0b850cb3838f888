// SPDX-License-Identifier: Apache-2.0
/*
 * The table of nodes of a share by itself: full, with numbers that are no node's, and with a host that fails.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "devices/virtio/fuse_nodes.h"
#include "tests/support/unit.h"

#define NODES 4096

static int stats_left = -1; /* calls of statx() until one fails with EIO; -1: none does */

long __real_syscall(long nr, ...);
long __wrap_syscall(long nr, ...);

long __wrap_syscall(long nr, ...)
{
	long a[6];
	va_list args;

	va_start(args, nr);
	for (unsigned i = 0; i < 6; i++)
		a[i] = va_arg(args, long);
	va_end(args);
	if (nr == SYS_statx && stats_left >= 0 && stats_left-- == 0) {
		errno = EIO;
		return -1;
	}
	return __real_syscall(nr, a[0], a[1], a[2], a[3], a[4], a[5]);
}

static unsigned open_fds(void)
{
	unsigned n = 0;

	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static struct fuse_node *add(struct fuse_nodes *t, unsigned i)
{
	const struct statx st = {.stx_mode = S_IFREG, .stx_ino = 1000 + i};
	char name[16];

	snprintf(name, sizeof(name), "f%u", i);
	return fuse_node_add(t, &t->nodes[FUSE_ROOT_NODE], name, strlen(name), &st);
}

static void a_full_table_has_no_more_nodes(void **state)
{
	struct fuse_nodes t;
	struct fuse_node *n;
	uint64_t id;
	unsigned nr = 0;

	assert_int_equal(fuse_nodes_init(&t, open("/", O_PATH | O_CLOEXEC), NODES, 8), 0);
	while ((n = add(&t, nr))) {
		assert_ptr_equal(fuse_node_find(&t, fuse_node_id(&t, n)), n);
		assert_true(++nr < NODES);
	}
	assert_int_equal(t.used, NODES);
	assert_int_equal(t.live, nr);
	/* A number behind the last slot, whatever is in memory there; and wrong generations. */
	memset(&t.nodes[NODES], 0xff, sizeof(t.nodes[0]));
	assert_null(fuse_node_find(&t, UINT64_C(0xffffffff) << 32 | NODES));
	n = &t.nodes[NODES - 1];
	id = fuse_node_id(&t, n);
	assert_ptr_equal(fuse_node_find(&t, id), n);
	assert_null(fuse_node_find(&t, id + (UINT64_C(1) << 32)));
	assert_null(fuse_node_find(&t, id & ~UINT64_C(0xffffffff)));
	fuse_nodes_destroy(&t);
}

/* Each look at a file of the host that fails is the error of the request, and leaves no descriptor open. */
static void a_file_whose_attributes_cannot_be_read(void **state)
{
	char dir[] = "/tmp/vmm-nodes-XXXXXX", path[64];
	unsigned fds = open_fds(), failures[2] = {0};
	struct fuse_nodes t;
	struct statx st;
	int fd;

	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/f", dir);
	fd = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	close(fd);
	for (unsigned readable = 0; readable < 2; readable++)
		for (int r = -1; r < 0; failures[readable] += r < 0) {
			struct fuse_node *n;

			assert_int_equal(fuse_nodes_init(&t, open(dir, O_PATH | O_CLOEXEC), NODES, 8), 0);
			assert_int_equal(fuse_stat_name(AT_FDCWD, path, &st), 0);
			n = fuse_node_add(&t, &t.nodes[FUSE_ROOT_NODE], "f", 1, &st);
			assert_non_null(n);
			stats_left = (int)failures[readable];
			r = fuse_node_fd(&t, n, readable);
			stats_left = -1;
			assert_true(r >= 0 || r == -EIO);
			assert_int_equal(t.fds, r >= 0);
			fuse_nodes_destroy(&t);
			assert_int_equal(open_fds(), fds);
		}
	/* What was opened is looked at; what is opened for reading, which may block, before as well. */
	assert_int_equal(failures[0], 1);
	assert_int_equal(failures[1], 2);
	stats_left = 0;
	assert_int_equal(fuse_nodes_init(&t, open(dir, O_PATH | O_CLOEXEC), NODES, 8), -EIO);
	stats_left = -1;
	assert_int_equal(open_fds(), fds);
	unlink(path);
	rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_full_table_has_no_more_nodes),
		cmocka_unit_test(a_file_whose_attributes_cannot_be_read),
	};

	return run_group(tests);
}
