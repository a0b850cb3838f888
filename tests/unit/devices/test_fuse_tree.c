// SPDX-License-Identifier: Apache-2.0
/*
 * The tree of a share: directories name by name, nodes that come and go with their descriptors, other file systems.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "tests/support/unit.h"
#include "tests/unit/devices/fuse_bench.h"

/* --- Directories ------------------------------------------------------------------------------------------------ */

#define NAMES 800

static void make_names(struct bench *b, unsigned nr)
{
	for (unsigned i = 0; i < nr; i++) {
		char name[64];
		int fd;

		snprintf(name, sizeof(name), "sub/%0*u", 1 + (int)(i % 40), i);
		fd = openat(b->dirfd, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
		assert_true(fd >= 0);
		close(fd);
	}
}

/* Reads a directory to its end. @seen counts each name once. Return: names, without "." and "..". */
static unsigned read_all(struct bench *b, uint64_t dir, uint32_t opcode, uint32_t size, unsigned *seen, unsigned *nodes)
{
	uint64_t offset = 0;
	unsigned nr = 0;

	for (;;) {
		assert_int_equal(client_read(&b->c, opcode, dir, offset, size), 0);
		if (!b->c.len)
			return nr;
		for (size_t at = 0; at < b->c.len;) {
			struct fuse_dirent d;
			struct fuse_entry_out e = {0};
			char name[256] = "";

			if (opcode == FUSE_READDIRPLUS) {
				memcpy(&e, b->c.data + at, sizeof(e));
				at += sizeof(e);
			}
			memcpy(&d, b->c.data + at, sizeof(d));
			at += sizeof(d);
			memcpy(name, b->c.data + at, d.namelen);
			at += (d.namelen + 7) / 8 * 8;
			offset = d.off;
			if (!strcmp(name, ".") || !strcmp(name, "..")) {
				assert_int_equal(e.nodeid, 0);
				continue;
			}
			nr++;
			*nodes += e.nodeid != 0;
			if (seen)
				seen[atoi(name)]++;
			if (e.nodeid)
				client_forget(&b->c, e.nodeid, 1);
		}
	}
}

static void a_directory_drops_no_name(void **state)
{
	static const uint32_t ops[] = {FUSE_READDIR, FUSE_READDIRPLUS};
	struct bench *b = *state;
	uint64_t dir = node_of(b, FUSE_ROOT, "sub");

	assert_int_equal(unlinkat(b->dirfd, "sub/inner", 0), 0);
	make_names(b, NAMES);
	assert_int_equal(client_open(&b->c, dir, true, O_RDONLY), 0);
	for (size_t i = 0; i < ARRAY_SIZE(ops); i++)
		/* One name at a time, the page that Linux asks for, and all at once */
		for (unsigned size = 232; size <= 200000; size = size * 7) {
			unsigned *seen = calloc(NAMES, sizeof(*seen)), nodes = 0;

			b->c.room = size;
			assert_int_equal(read_all(b, dir, ops[i], size, seen, &nodes), NAMES);
			for (unsigned k = 0; k < NAMES; k++)
				assert_int_equal(seen[k], 1);
			assert_int_equal(nodes, ops[i] == FUSE_READDIRPLUS ? NAMES : 0);
			free(seen);
		}
	assert_int_equal(nodes_of(b), 1);
	assert_int_equal(client_read(&b->c, FUSE_READDIR, dir, 0, 24), -EINVAL);
	assert_int_equal(client_release(&b->c, dir, true), 0);
	assert_int_equal(client_read(&b->c, FUSE_READDIR, dir, 0, 4096), -EBADF);
}

static void any_offset_is_the_hosts_to_judge(void **state)
{
	static const uint64_t offset[] = {1, 7, 1 << 20, INT64_MAX, UINT64_MAX, UINT64_C(1) << 63};
	struct bench *b = *state;

	assert_int_equal(client_open(&b->c, FUSE_ROOT, true, O_RDONLY), 0);
	for (size_t i = 0; i < ARRAY_SIZE(offset); i++) {
		int r = client_read(&b->c, FUSE_READDIRPLUS, FUSE_ROOT, offset[i], 4096);

		assert_true(r == 0 || r == -EINVAL || r == -EOVERFLOW);
	}
	b->c.room = 65536;
	assert_int_equal(read_all(b, FUSE_ROOT, FUSE_READDIR, 4096, NULL, &(unsigned){0}), 5);
}

static void what_is_above_the_share_is_not_named(void **state)
{
	struct bench *b = *state;
	struct stat here;

	assert_int_equal(fstat(b->dirfd, &here), 0);
	assert_int_equal(client_open(&b->c, FUSE_ROOT, true, O_RDONLY), 0);
	assert_int_equal(client_read(&b->c, FUSE_READDIR, FUSE_ROOT, 0, 4096), 0);
	for (size_t at = 0; at < b->c.len;) {
		struct fuse_dirent d;

		memcpy(&d, b->c.data + at, sizeof(d));
		if (b->c.data[at + sizeof(d)] == '.')
			assert_int_equal(d.ino, here.st_ino);
		at += sizeof(d) + (d.namelen + 7) / 8 * 8;
	}
}

static void another_file_system_is_an_empty_directory(void **state)
{
	struct bench *b = *state;
	struct fuse_entry_out e;
	struct fuse_attr a;
	uint64_t proc;

	fuse_free(b->c.f);
	share(b, "/", 0, FDS);
	proc = node_of(b, FUSE_ROOT, "proc");
	assert_int_equal(client_getattr(&b->c, proc, &a), 0);
	assert_true(S_ISDIR(a.mode));
	assert_int_equal(client_lookup(&b->c, proc, "self", &e), -ENOENT);
	assert_int_equal(client_open(&b->c, proc, true, O_RDONLY), 0);
	assert_int_equal(read_all(b, proc, FUSE_READDIRPLUS, 4096, NULL, &(unsigned){0}), 0);
	assert_int_equal(client_ask(&b->c, FUSE_STATFS, proc, NULL, 0), 0);
	assert_int_equal(client_release(&b->c, proc, true), 0);
	assert_int_equal(fds_of(b), 0);
}

static void made_up_file_systems_are_not_shared(void **state)
{
	static const char *const paths[] = {"/proc", "/proc/self/fd", "/sys", "/proc/1/root/proc"};
	struct err e;
	int fd = -1;

	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		e = (struct err){0};
		if (fuse_open_root(paths[i], &fd, &e) != -EINVAL && access(paths[i], F_OK) == 0)
			fail_msg("%s is shared", paths[i]);
	}
	assert_int_equal(fuse_open_root("/etc/passwd", &fd, &e), -ENOTDIR);
	assert_int_equal(fuse_open_root("/nonexistent", &fd, &e), -ENOENT);
	assert_int_equal(fd, -1);
}

/* --- Nodes and descriptors -------------------------------------------------------------------------------------- */

static void forgotten_nodes_are_gone(void **state)
{
	struct bench *b = *state;
	uint64_t sub = node_of(b, FUSE_ROOT, "sub"), inner = node_of(b, sub, "inner"), again;
	struct {
		struct fuse_batch_in in;
		struct fuse_forget_one one[3];
	} batch = {{3, 0}, {{0, 1}, {UINT64_MAX, 1}, {0, 5}}};
	struct fuse_attr a;

	assert_int_equal(node_of(b, sub, "inner"), inner);
	/* A directory stays while a name in it is known. */
	client_forget(&b->c, sub, UINT64_MAX);
	assert_int_equal(nodes_of(b), 2);
	assert_int_equal(client_getattr(&b->c, inner, &a), 0);
	client_forget(&b->c, inner, 1);
	assert_int_equal(nodes_of(b), 2);
	batch.one[0].nodeid = inner;
	batch.one[2].nodeid = sub;
	assert_int_equal(client_ask(&b->c, FUSE_BATCH_FORGET, 0, &batch, sizeof(batch)), 1);
	assert_int_equal(nodes_of(b), 0);
	assert_int_equal(fds_of(b), 0);
	assert_int_equal(client_getattr(&b->c, inner, &a), -ESTALE);
	/* In the same slot, with another number */
	again = node_of(b, FUSE_ROOT, "file");
	assert_int_not_equal(again, inner);
	assert_int_not_equal(again, sub);
	/* More entries than the request has, and unknown nodes */
	batch.in.count = UINT32_MAX;
	assert_int_equal(client_ask(&b->c, FUSE_BATCH_FORGET, 0, &batch, sizeof(batch)), 1);
	client_forget(&b->c, FUSE_ROOT, UINT64_MAX);
	assert_int_equal(client_getattr(&b->c, FUSE_ROOT, &a), 0);
	/* An open file is not forgotten. */
	assert_int_equal(client_open(&b->c, again, false, O_RDONLY), 0);
	client_forget(&b->c, again, 1);
	assert_int_equal(client_read(&b->c, FUSE_READ, again, 0, 4), 0);
	assert_int_equal(b->c.len, 4);
	assert_int_equal(client_release(&b->c, again, false), 0);
	assert_int_equal(nodes_of(b), 0);
}

static void a_new_driver_starts_with_nothing(void **state)
{
	static const uint32_t op[] = {FUSE_DESTROY, FUSE_INIT, 0};
	struct bench *b = *state;

	for (size_t i = 0; i < ARRAY_SIZE(op); i++) {
		uint64_t n = open_file(b, "file");
		struct fuse_attr a;

		assert_int_equal(fds_of(b), 1);
		if (op[i] == FUSE_INIT)
			assert_int_equal(client_init(&b->c, 7, 37), 0);
		else if (op[i])
			assert_int_equal(client_ask(&b->c, op[i], 0, NULL, 0), 0);
		else
			fuse_reset(b->c.f);
		assert_int_equal(fds_of(b), 0);
		assert_int_equal(nodes_of(b), 0);
		assert_int_equal(client_getattr(&b->c, n, &a), -ESTALE);
		assert_int_not_equal(node_of(b, FUSE_ROOT, "file"), n);
	}
}

static void another_object_under_the_name_is_stale(void **state)
{
	struct bench *b = *state;
	uint64_t n = node_of(b, FUSE_ROOT, "file"), sub = node_of(b, FUSE_ROOT, "sub"),
		 inner = node_of(b, sub, "inner");
	struct fuse_attr a;

	write_file(b->dirfd, "new", "new");
	assert_int_equal(renameat(b->dirfd, "new", b->dirfd, "file"), 0);
	assert_int_equal(client_getattr(&b->c, n, &a), -ESTALE);
	assert_int_equal(client_open(&b->c, n, false, O_RDONLY), -ESTALE);
	assert_int_not_equal(node_of(b, FUSE_ROOT, "file"), n);
	/* The directory is moved: its entries are found through its descriptor, until that is closed. */
	assert_int_equal(renameat(b->dirfd, "sub", b->dirfd, "moved"), 0);
	assert_int_equal(client_getattr(&b->c, inner, &a), 0);
	client_forget(&b->c, n, 1);
	assert_int_equal(unlinkat(b->dirfd, "moved/inner", 0), 0);
	assert_int_equal(client_getattr(&b->c, inner, &a), -ESTALE);
	assert_int_equal(client_open(&b->c, inner, false, O_RDONLY), -ESTALE);
}

static void few_descriptors_are_open(void **state)
{
	struct bench *b = *state;
	uint64_t dir[40], at = FUSE_ROOT;
	char name[16];
	int fd, next;

	/* Side by side, and one in the other */
	for (unsigned i = 0; i < ARRAY_SIZE(dir); i++) {
		snprintf(name, sizeof(name), "d%u", i);
		assert_int_equal(mkdirat(b->dirfd, name, 0755), 0);
		dir[i] = node_of(b, FUSE_ROOT, name);
		assert_int_equal(client_open(&b->c, dir[i], true, O_RDONLY), 0);
		assert_in_range(fds_of(b), 1, FDS);
	}
	fd = openat(b->dirfd, "d0", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (unsigned i = 0; i < 40; i++) {
		assert_int_equal(mkdirat(fd, "x", 0755), 0);
		next = openat(fd, "x", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		close(fd);
		fd = next;
		at = node_of(b, i ? at : dir[0], "x");
	}
	write_file(fd, "end", "the end");
	close(fd);
	at = node_of(b, at, "end");
	for (unsigned i = 0; i < ARRAY_SIZE(dir); i++) {
		assert_int_equal(client_read(&b->c, FUSE_READDIR, dir[i], 0, 4096), 0);
		assert_true(b->c.len > 0);
	}
	/* All of its ancestors have been closed meanwhile. */
	assert_int_equal(client_open(&b->c, at, false, O_RDONLY), 0);
	assert_int_equal(client_read(&b->c, FUSE_READ, at, 0, 100), 0);
	assert_memory_equal(b->c.data, "the end", 7);
	assert_in_range(fds_of(b), 1, FDS);
}

static void an_open_file_without_a_name_keeps_its_descriptor(void **state)
{
	struct bench *b = *state;
	uint64_t n[FDS + 1];
	char name[16];

	for (unsigned i = 0; i < FDS; i++) {
		snprintf(name, sizeof(name), "f%u", i);
		write_file(b->dirfd, name, name);
		n[i] = open_file(b, name);
		assert_int_equal(unlinkat(b->dirfd, name, 0), 0);
	}
	n[FDS] = node_of(b, FUSE_ROOT, "file");
	/* All descriptors are in use: one more is an error for the guest, and the open ones stay open. */
	assert_int_equal(client_open(&b->c, n[FDS], false, O_RDONLY), -ENFILE);
	for (unsigned round = 0; round < 2; round++)
		for (unsigned i = 0; i < FDS; i++) {
			assert_int_equal(client_read(&b->c, FUSE_READ, n[i], 0, 10), 0);
			assert_int_equal(b->c.len, 2);
			assert_int_equal(b->c.data[1], '0' + i);
		}
	assert_int_equal(client_open(&b->c, n[FDS], false, O_RDONLY), -ENFILE);
	assert_int_equal(client_release(&b->c, n[3], false), 0);
	assert_int_equal(client_open(&b->c, n[FDS], false, O_RDONLY), 0);
	assert_int_equal(client_read(&b->c, FUSE_READ, n[FDS], 0, 4), 0);
	assert_memory_equal(b->c.data, "what", 4);
	assert_int_equal(fds_of(b), FDS);
}

static void no_room_for_a_node_is_no_lost_name(void **state)
{
	struct bench *b = *state;
	struct fuse_entry_out e;
	uint64_t dir = node_of(b, FUSE_ROOT, "sub");
	unsigned made, nodes = 0;

	make_names(b, 1000);
	for (made = 0; made < 5000; made++) {
		char name[16];

		snprintf(name, sizeof(name), "n%u", made);
		assert_int_equal(symlinkat("x", b->dirfd, name), 0);
		if (client_lookup(&b->c, FUSE_ROOT, name, &e) != 0)
			break;
	}
	assert_int_equal(b->c.out.error, -ENOMEM);
	assert_in_range(made, 4000, 4095);
	assert_int_equal(client_open(&b->c, dir, true, O_RDONLY), 0);
	assert_int_equal(read_all(b, dir, FUSE_READDIRPLUS, 4096, NULL, &nodes), 1001);
	assert_int_equal(nodes, 0);
	client_forget(&b->c, e.nodeid, 1);
	assert_int_equal(client_lookup(&b->c, FUSE_ROOT, "file", &e), 0);
}

static void a_limit_of_the_host_closes_what_is_not_needed(void **state)
{
	struct bench *b = *state;
	uint64_t sub = node_of(b, FUSE_ROOT, "sub"), n = node_of(b, sub, "inner");
	struct rlimit old, low;
	int taken[64], nr = 0;

	assert_int_equal(fds_of(b), 1);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	low = (struct rlimit){64, old.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
	while ((taken[nr] = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0)
		nr++;
	/* Only the descriptor of the file's directory is left, which is needed to open the file. */
	assert_int_equal(client_open(&b->c, n, false, O_RDONLY), -ENFILE);
	close(taken[--nr]);
	assert_int_equal(client_open(&b->c, n, false, O_RDONLY), 0);
	/* Now that is closed for another file. */
	assert_int_equal(client_open(&b->c, node_of(b, FUSE_ROOT, "file"), false, O_RDONLY), 0);
	assert_int_equal(fds_of(b), 2);
	while (nr)
		close(taken[--nr]);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, up, down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_directory_drops_no_name),
		T(any_offset_is_the_hosts_to_judge),
		T(what_is_above_the_share_is_not_named),
		T(another_file_system_is_an_empty_directory),
		T(made_up_file_systems_are_not_shared),
		T(forgotten_nodes_are_gone),
		T(a_new_driver_starts_with_nothing),
		T(another_object_under_the_name_is_stale),
		T(few_descriptors_are_open),
		T(an_open_file_without_a_name_keeps_its_descriptor),
		cmocka_unit_test_setup_teardown(no_room_for_a_node_is_no_lost_name, up_small, down),
		T(a_limit_of_the_host_closes_what_is_not_needed),
	};

	return run_group(tests);
}
