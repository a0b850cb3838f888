// SPDX-License-Identifier: Apache-2.0
/*
 * A share in a snapshot: its driver goes on with another server of the same directory, whatever became of the files
 * meanwhile, and a state that no driver can bring about is refused.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/unit/devices/fuse_bench.h"
#include "vmm/base/crc.h"
#include "vmm/base/le.h"

static uint8_t *bytes;

static struct state_reader save(struct bench *b, bool as_new)
{
	struct state_writer w = {.size = fuse_saved_room()};

	free(bytes);
	bytes = w.data = malloc(w.size);
	assert_non_null(bytes);
	assert_null(fuse_unsaved(b->c.f));
	fuse_save(b->c.f, as_new, 3, &w);
	assert_true(w.used <= w.size);
	return (struct state_reader){.data = bytes, .size = w.used};
}

static int restore(struct bench *b, struct state_reader from)
{
	struct err e = {};
	int r = fuse_restore(b->c.f, 3, &from, &e);

	assert_int_equal(r < 0, e.text[0] != 0);
	if (r == 0)
		assert_int_equal(from.at, from.size);
	return r;
}

/* Another server of the directory, which knows nothing. */
static void move(struct bench *b)
{
	struct state_reader from = save(b, false);
	uint32_t nodes = nodes_of(b);

	fuse_free(b->c.f);
	share(b, b->dir, 0, FDS);
	assert_int_equal(restore(b, from), 0);
	assert_int_equal(nodes_of(b), nodes);
	assert_int_equal(fds_of(b), 0);
}

/* --- What goes on --------------------------------------------------------------------------------------------- */

static uint32_t opened_flags(struct bench *b)
{
	struct fuse_open_out out;

	memcpy(&out, b->c.data, sizeof(out));
	return out.open_flags;
}

static void must_read(struct bench *b, uint64_t node, const char *text)
{
	assert_int_equal(client_read(&b->c, FUSE_READ, node, 0, 100), 0);
	assert_int_equal(b->c.len, strlen(text));
	assert_memory_equal(b->c.data, text, b->c.len);
}

static void a_driver_does_not_notice(void **state)
{
	struct bench *b = *state;
	uint64_t file = open_file(b, "file"), sub = node_of(b, FUSE_ROOT, "sub"), inner = node_of(b, sub, "inner");
	uint64_t gone = node_of(b, FUSE_ROOT, "fifo");
	struct fuse_attr a;

	/* A hole between the nodes, and a node behind it. */
	client_forget(&b->c, gone, 1);
	assert_int_equal(node_of(b, FUSE_ROOT, "link") & UINT32_MAX, gone & UINT32_MAX);
	client_forget(&b->c, node_of(b, FUSE_ROOT, "link"), 2);
	assert_int_equal(client_open(&b->c, sub, true, O_RDONLY), 0);
	for (unsigned i = 0; i < 3; i++) {
		move(b);
		must_read(b, file, "what is in the file");
		assert_int_equal(client_getattr(&b->c, inner, &a), 0);
		assert_int_equal(a.size, strlen("inner"));
		assert_int_equal(client_read(&b->c, FUSE_READDIR, sub, 0, 4096), 0);
		assert_true(b->c.len > 0);
		/* One that is not open stays so. */
		assert_int_equal(client_read(&b->c, FUSE_READ, inner, 0, 100), -EBADF);
		assert_int_equal(client_getattr(&b->c, gone, &a), -ESTALE);
	}
	/* The name leads to the same node; a new one gets the place of the hole, and another number than all before. */
	assert_int_equal(node_of(b, sub, "inner"), inner);
	assert_int_equal(node_of(b, FUSE_ROOT, "out") & UINT32_MAX, gone & UINT32_MAX);
	assert_true(node_of(b, FUSE_ROOT, "out") >> 32 > inner >> 32);
	client_forget(&b->c, node_of(b, FUSE_ROOT, "out"), 3);
	assert_int_equal(client_release(&b->c, file, false), 0);
	assert_int_equal(client_release(&b->c, sub, true), 0);
	client_forget(&b->c, inner, 2);
	client_forget(&b->c, sub, 1);
	client_forget(&b->c, file, 1);
	assert_int_equal(nodes_of(b), 0);
	assert_int_equal(fds_of(b), 0);
}

static void another_object_is_stale_alone(void **state)
{
	struct bench *b = *state;
	uint64_t file = open_file(b, "file"), sub = node_of(b, FUSE_ROOT, "sub"), inner = node_of(b, sub, "inner");
	struct fuse_attr a;

	assert_int_equal(client_open(&b->c, inner, false, O_RDONLY), 0);
	move(b);
	write_file(b->dirfd, "new", "another file");
	assert_int_equal(renameat(b->dirfd, "new", b->dirfd, "file"), 0);
	assert_int_equal(client_read(&b->c, FUSE_READ, file, 0, 100), -ESTALE);
	assert_int_equal(client_getattr(&b->c, file, &a), -ESTALE);
	must_read(b, inner, "inner");
	/* The driver looks it up again. */
	assert_true(node_of(b, FUSE_ROOT, "file") != file);
	must_read(b, open_file(b, "file"), "another file");
	/* A file that was removed, and one where the directory above it was. */
	move(b);
	assert_int_equal(unlinkat(b->dirfd, "sub/inner", 0), 0);
	assert_int_equal(client_read(&b->c, FUSE_READ, inner, 0, 100), -ESTALE);
	move(b);
	assert_int_equal(unlinkat(b->dirfd, "sub", AT_REMOVEDIR), 0);
	assert_int_equal(client_getattr(&b->c, sub, &a), -ESTALE);
}

static void pages_of_a_changed_file_are_dropped(void **state)
{
	struct bench *b = *state;
	uint64_t file = open_file(b, "file"), inner = node_of(b, node_of(b, FUSE_ROOT, "sub"), "inner");
	struct fuse_attr a;

	assert_int_equal(client_open(&b->c, inner, false, O_RDONLY), 0);
	move(b);
	write_file(b->dirfd, "file", "it has been changed, and is longer");
	assert_int_equal(client_open(&b->c, inner, false, O_RDONLY), 0);
	assert_int_equal(opened_flags(b), FUSE_OPENED_KEEP_CACHE);
	assert_int_equal(client_open(&b->c, file, false, O_RDONLY), 0);
	assert_int_equal(opened_flags(b), 0);
	assert_int_equal(client_getattr(&b->c, file, &a), 0);
	assert_int_equal(a.size, strlen("it has been changed, and is longer"));
}

static void a_server_that_is_to_forget_has_nothing(void **state)
{
	struct bench *b = *state;
	struct state_reader from;

	open_file(b, "file");
	from = save(b, true);
	assert_int_equal(restore(b, from), 0);
	assert_int_equal(nodes_of(b), 0);
	assert_int_equal(fds_of(b), 0);
	assert_int_equal(client_read(&b->c, FUSE_READ, open_file(b, "file"), 0, 10), 0);
}

static void too_many_nodes_are_refused_with_a_reason(void **state)
{
	struct bench *b = *state;
	struct fuse_params p = {.saved = 3};
	struct state_reader from;
	struct err e = {};
	uint64_t last;

	fuse_free(b->c.f);
	assert_int_equal(fuse_open_root(b->dir, &p.root, &e), 0);
	assert_int_equal(fuse_new(&p, &b->c.f), 0);
	b->c.room = 4096;
	node_of(b, FUSE_ROOT, "file");
	node_of(b, node_of(b, FUSE_ROOT, "sub"), "inner");
	last = node_of(b, FUSE_ROOT, "fifo");
	assert_non_null(strstr(fuse_unsaved(b->c.f), FUSE_SAVED_MAX_TEXT));
	client_forget(&b->c, last, 1);
	from = save(b, false);
	assert_int_equal(restore(b, from), 0);
	assert_int_equal(nodes_of(b), 3);
}

/* As many as the limit have room, however long their names are. */
static void there_is_room_for_the_longest_names(void **state)
{
	struct bench *b = *state;
	char name[NAME_MAX + 1];
	struct state_reader from;
	size_t none = save(b, true).size;

	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = 0;
	write_file(b->dirfd, name, "");
	node_of(b, FUSE_ROOT, name);
	from = save(b, false);
	assert_true((from.size - none) * (FUSE_SAVED_MAX + 1) <= fuse_saved_room());
	assert_int_equal(restore(b, from), 0);
	node_of(b, FUSE_ROOT, name);
	assert_int_equal(nodes_of(b), 1);
}

/* --- What is refused ------------------------------------------------------------------------------------------ */

/* The fields of a node's section, by their places: the table's order. */
enum field { INO = 0, LOOKUPS = 16, PLACE = 32, PARENT = 36, OPENS = 44, TYPE = 48, NAMED = 49, NAME_LEN = 50 };

/* The section of that name and number, after its header. */
static uint8_t *section(const struct state_reader *r, const char *name, uint32_t number)
{
	for (size_t at = 0; at < r->size;) {
		uint8_t *s = bytes + at;

		if (!strcmp((char *)s, name) && le32_get(s + STATE_NAME_MAX) == number)
			return s + STATE_HEADER;
		at += STATE_HEADER + le32_get(s + STATE_HEADER - 4) + STATE_TRAILER;
	}
	fail_msg("no %s %u", name, number);
	return NULL;
}

static void seal(uint8_t *fields)
{
	uint8_t *s = fields - STATE_HEADER;
	size_t n = STATE_HEADER + le32_get(s + STATE_HEADER - 4);

	le32_put(s + n, crc32c(0, s, n));
}

/* Nodes in the order of their places: the root, file, sub, sub/inner. */
enum { ROOT, THE_FILE, SUB, INNER };

static void what_no_driver_can_bring_about_is_refused(void **state)
{
	static const struct {
		const char *why;
		uint32_t node;
		enum field field;
		unsigned size;
		uint64_t value;
	} bad[] = {
		{"another directory", ROOT, INO, 8, 1},
		{"no root first", ROOT, PLACE, 4, 2},
		{"a root with a name", ROOT, NAME_LEN, 1, 1},
		{"a root that is no directory", ROOT, TYPE, 1, S_IFREG >> 12},
		{"place 0", INNER, PLACE, 4, 0},
		{"the root's place", INNER, PLACE, 4, 1},
		{"a place that is taken", INNER, PLACE, 4, 2},
		{"a place behind the table", INNER, PLACE, 4, FUSE_NODES_MAX},
		{"a place far behind it", INNER, PLACE, 4, UINT32_MAX},
		{"no type", INNER, TYPE, 1, 0},
		{"an open link", THE_FILE, TYPE, 1, S_IFLNK >> 12},
		{"a parent that is a file", INNER, PARENT, 4, 2},
		{"a parent that is not there", INNER, PARENT, 4, 100},
		{"no parent", INNER, PARENT, 4, 0},
		{"a directory in itself", SUB, PARENT, 4, 3},
		{"nobody holds it", INNER, LOOKUPS, 8, 0},
		{"lookups without end", INNER, LOOKUPS, 8, UINT64_MAX},
		{"opens without end", INNER, OPENS, 4, UINT32_MAX},
		{"named twice over", INNER, NAMED, 1, 2},
		{"a name of another length", INNER, NAME_LEN, 1, 4},
		{"no name", INNER, NAME_LEN, 1, 0},
	};
	struct bench *b = *state;

	open_file(b, "file");
	node_of(b, node_of(b, FUSE_ROOT, "sub"), "inner");
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct state_reader from = save(b, false);
		uint8_t *s = section(&from, "share-node", bad[i].node);

		memcpy(s + bad[i].field, &bad[i].value, bad[i].size);
		seal(s);
		fuse_free(b->c.f);
		share(b, b->dir, 0, FDS);
		if (restore(b, from) != -EINVAL)
			fail_msg("%s", bad[i].why);
		assert_int_equal(nodes_of(b), 0);
		open_file(b, "file");
		node_of(b, node_of(b, FUSE_ROOT, "sub"), "inner");
	}
}

static void two_directories_that_are_in_each_other(void **state)
{
	struct bench *b = *state;
	uint64_t sub = node_of(b, FUSE_ROOT, "sub");
	struct state_reader from;
	uint8_t *s;

	assert_int_equal(mkdirat(b->dirfd, "sub/deep", 0755), 0);
	node_of(b, sub, "deep");
	open_file(b, "file");
	from = save(b, false);
	s = section(&from, "share-node", 1);
	le32_put(s + PARENT, 3);
	seal(s);
	assert_int_equal(restore(b, from), -EINVAL);
	assert_int_equal(nodes_of(b), 0);
}

static void names_that_lead_elsewhere(void **state)
{
	static const char *const bad[] = {"..\0le", "a/../", "/etc/", "fi\0le", "sub/x"};
	struct bench *b = *state;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct state_reader from;
		uint8_t *s;

		assert_int_equal(mkdirat(b->dirfd, "12345", 0755), 0);
		node_of(b, FUSE_ROOT, "12345");
		from = save(b, false);
		s = section(&from, "share-name", 1);
		memcpy(s, bad[i], 5);
		seal(s);
		assert_int_equal(restore(b, from), -EINVAL);
		assert_int_equal(nodes_of(b), 0);
		assert_int_equal(unlinkat(b->dirfd, "12345", AT_REMOVEDIR), 0);
	}
}

static void one_name_of_two_nodes(void **state)
{
	struct bench *b = *state;
	struct state_reader from;
	uint8_t *s;

	node_of(b, FUSE_ROOT, "file");
	node_of(b, FUSE_ROOT, "fifo");
	from = save(b, false);
	s = section(&from, "share-name", 2);
	memcpy(s, "file", 4);
	seal(s);
	assert_int_equal(restore(b, from), -EINVAL);
	/* One of them was found under the name before the other: it is the other's no more. */
	from = save(b, false);
	node_of(b, FUSE_ROOT, "file");
	node_of(b, FUSE_ROOT, "fifo");
	from = save(b, false);
	s = section(&from, "share-name", 2);
	memcpy(s, "file", 4);
	seal(s);
	s = section(&from, "share-node", 2);
	s[NAMED] = 0;
	seal(s);
	assert_int_equal(restore(b, from), 0);
	assert_int_equal(nodes_of(b), 2);
}

static void a_state_that_is_cut(void **state)
{
	struct bench *b = *state;
	struct state_reader from;

	node_of(b, node_of(b, FUSE_ROOT, "sub"), "inner");
	from = save(b, false);
	for (size_t n = from.size; n-- > 0;) {
		assert_int_equal(restore(b, (struct state_reader){.data = bytes, .size = n}), -EINVAL);
		assert_int_equal(nodes_of(b), 0);
	}
	assert_int_equal(restore(b, from), 0);
	assert_int_equal(nodes_of(b), 2);
}

static int down_saved(void **state)
{
	free(bytes);
	bytes = NULL;
	return down(state);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, up, down_saved)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_driver_does_not_notice),
		TEST(another_object_is_stale_alone),
		TEST(pages_of_a_changed_file_are_dropped),
		TEST(a_server_that_is_to_forget_has_nothing),
		TEST(too_many_nodes_are_refused_with_a_reason),
		TEST(there_is_room_for_the_longest_names),
		TEST(what_no_driver_can_bring_about_is_refused),
		TEST(two_directories_that_are_in_each_other),
		TEST(names_that_lead_elsewhere),
		TEST(one_name_of_two_nodes),
		TEST(a_state_that_is_cut),
	};

	return run_group(tests);
}
