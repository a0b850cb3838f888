// SPDX-License-Identifier: Apache-2.0
/*
 * Files of a guest that are written below a directory: what is written, and what is not.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/unit.h"
#include "vmm/machine/unpack.h"

struct rig {
	char dir[40];
	int fd;
	struct unpack u;
};

static void begin(struct rig *r)
{
	strcpy(r->dir, "/tmp/vmm-unpack-XXXXXX");
	assert_non_null(mkdtemp(r->dir));
	r->fd = open(r->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(r->fd >= 0);
	unpack_begin(&r->u, r->fd);
}

static void end(struct rig *r)
{
	char command[64];

	unpack_end(&r->u);
	close(r->fd);
	snprintf(command, sizeof(command), "rm -r %s", r->dir);
	assert_int_equal(system(command), 0);
}

static int send_sized(struct rig *r, unsigned kind, const char *name, size_t len, const char *data, uint64_t size)
{
	const struct init_file f = {(uint16_t)kind, (uint16_t)len, 0640, size};

	unpack_take(&r->u, &f, sizeof(f));
	unpack_take(&r->u, name, len);
	return unpack_take(&r->u, data, strlen(data));
}

static int send(struct rig *r, unsigned kind, const char *name, const char *data)
{
	return send_sized(r, kind, name, strlen(name), data, strlen(data));
}

static void has(const struct rig *r, const char *path, const char *want)
{
	char text[64] = "";
	int fd = openat(r->fd, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		fail_msg("no file %s", path);
	assert_true(read(fd, text, sizeof(text) - 1) >= 0);
	close(fd);
	assert_string_equal(text, want);
}

static bool is_there(const struct rig *r, const char *path)
{
	return faccessat(r->fd, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static void files_and_directories_are_written(void **state)
{
	struct stat st;
	struct rig r;

	begin(&r);
	assert_int_equal(send(&r, INIT_FILE_REGULAR, "empty", ""), 0);
	assert_int_equal(send(&r, INIT_FILE_DIR, "d", ""), 0);
	assert_int_equal(send(&r, INIT_FILE_DIR, "e", ""), 0);
	assert_int_equal(send(&r, INIT_FILE_REGULAR, "f", "text"), 0);
	assert_int_equal(send(&r, INIT_FILE_UP, "", ""), 0);
	assert_int_equal(send(&r, INIT_FILE_REGULAR, ".hidden name", "more"), 0);
	assert_int_equal(send(&r, INIT_FILE_UP, "", ""), 0);
	assert_false(r.u.complete);
	assert_int_equal(send_sized(&r, INIT_FILE_END, "", 0, "", 7), 0);
	assert_true(r.u.complete);
	assert_int_equal(r.u.skipped, 7);
	has(&r, "empty", "");
	has(&r, "d/e/f", "text");
	has(&r, "d/.hidden name", "more");
	assert_int_equal(fstatat(r.fd, "d/e/f", &st, 0), 0);
	assert_int_equal(st.st_mode & 07111, 0);
	/* Nothing comes behind the end. */
	assert_int_equal(send(&r, INIT_FILE_REGULAR, "late", "x"), -EPROTO);
	assert_false(is_there(&r, "late"));
	end(&r);
}

static void a_stream_may_come_in_any_pieces(void **state)
{
	const struct init_file f = {INIT_FILE_REGULAR, 4, 0777, 5}, last = {INIT_FILE_END, 0, 0, 0};
	uint8_t all[2 * sizeof(f) + 9];

	memcpy(all, &f, sizeof(f));
	memcpy(all + sizeof(f), "name12345", 9);
	memcpy(all + sizeof(f) + 9, &last, sizeof(last));
	for (size_t piece = 1; piece <= sizeof(all); piece++) {
		struct stat st;
		struct rig r;

		begin(&r);
		for (size_t at = 0; at < sizeof(all); at += piece)
			assert_int_equal(unpack_take(&r.u, all + at, MIN(piece, sizeof(all) - at)), 0);
		assert_true(r.u.complete);
		has(&r, "name", "12345");
		assert_int_equal(fstatat(r.fd, "name", &st, 0), 0);
		assert_true(st.st_mode & 0100);
		end(&r);
	}
}

static void names_are_single_components(void **state)
{
	static const char *const wrong[] = {"", ".", "..", "/", "/etc", "a/b", "../x", "a\nb", "\033[31m", "\x7f"};

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
		for (unsigned kind = INIT_FILE_DIR; kind <= INIT_FILE_REGULAR; kind += INIT_FILE_REGULAR) {
			struct rig r;

			begin(&r);
			assert_int_equal(send(&r, kind, wrong[i], ""), -EILSEQ);
			/* And nothing else is taken. */
			assert_int_equal(send(&r, INIT_FILE_REGULAR, "fine", ""), -EILSEQ);
			assert_false(is_there(&r, "fine"));
			end(&r);
		}
}

static void a_name_ends_with_no_byte_0_and_is_short(void **state)
{
	char name[300];
	struct rig r;

	begin(&r);
	assert_int_equal(send_sized(&r, INIT_FILE_REGULAR, "a\0b", 3, "", 0), -EILSEQ);
	end(&r);
	memset(name, 'n', sizeof(name));
	begin(&r);
	assert_int_equal(send_sized(&r, INIT_FILE_REGULAR, name, 256, "", 0), -EPROTO);
	end(&r);
	begin(&r);
	assert_int_equal(send_sized(&r, INIT_FILE_REGULAR, name, 255, "", 0), 0);
	end(&r);
}

/* What was in the directory is replaced, not written through. */
static void no_link_is_followed(void **state)
{
	struct stat st;
	struct rig r;

	begin(&r);
	assert_int_equal(symlinkat("victim", r.fd, "link"), 0);
	assert_int_equal(symlinkat("..", r.fd, "up"), 0);
	assert_int_equal(mkfifoat(r.fd, "fifo", 0600), 0);
	assert_int_equal(send(&r, INIT_FILE_REGULAR, "victim", "safe"), 0);
	assert_int_equal(linkat(r.fd, "victim", r.fd, "hard", 0), 0);
	assert_int_equal(send(&r, INIT_FILE_REGULAR, "link", "new"), 0);
	assert_int_equal(send(&r, INIT_FILE_REGULAR, "hard", "other"), 0);
	assert_int_equal(send(&r, INIT_FILE_REGULAR, "fifo", "file"), 0);
	has(&r, "victim", "safe");
	has(&r, "link", "new");
	has(&r, "hard", "other");
	assert_int_equal(fstatat(r.fd, "fifo", &st, AT_SYMLINK_NOFOLLOW), 0);
	assert_true(S_ISREG(st.st_mode));
	assert_true(send(&r, INIT_FILE_DIR, "up", "") < 0);
	end(&r);
	/* A file is no directory, and a directory no file. */
	begin(&r);
	assert_int_equal(send(&r, INIT_FILE_REGULAR, "f", ""), 0);
	assert_int_equal(send(&r, INIT_FILE_DIR, "f", ""), -ENOTDIR);
	end(&r);
	begin(&r);
	assert_int_equal(send(&r, INIT_FILE_DIR, "d", ""), 0);
	assert_int_equal(send(&r, INIT_FILE_UP, "", ""), 0);
	assert_true(send(&r, INIT_FILE_REGULAR, "d", "") < 0);
	end(&r);
}

static void what_it_takes_is_bounded(void **state)
{
	struct rig r;

	begin(&r);
	assert_int_equal(send(&r, INIT_FILE_UP, "", ""), -EPROTO);
	end(&r);
	begin(&r);
	assert_int_equal(send(&r, INIT_FILE_END + 1, "", ""), -EPROTO);
	end(&r);
	begin(&r);
	assert_int_equal(send_sized(&r, INIT_FILE_REGULAR, "x", 1, "", UINT64_MAX), -EFBIG);
	assert_false(is_there(&r, "x"));
	end(&r);
	begin(&r);
	r.u.bytes = UNPACK_BYTES_MAX - 1;
	assert_int_equal(send(&r, INIT_FILE_REGULAR, "x", "1"), 0);
	assert_int_equal(send(&r, INIT_FILE_REGULAR, "y", "2"), -EFBIG);
	end(&r);
	begin(&r);
	r.u.entries = UNPACK_ENTRIES_MAX - 1;
	assert_int_equal(send(&r, INIT_FILE_REGULAR, "x", ""), 0);
	assert_int_equal(send(&r, INIT_FILE_DIR, "y", ""), -EFBIG);
	end(&r);
	begin(&r);
	for (unsigned i = 0; i < INIT_FILES_DEPTH; i++)
		assert_int_equal(send(&r, INIT_FILE_DIR, "d", ""), 0);
	assert_int_equal(send(&r, INIT_FILE_END, "", ""), -EPROTO);
	end(&r);
	begin(&r);
	for (unsigned i = 0; i < INIT_FILES_DEPTH; i++)
		assert_int_equal(send(&r, INIT_FILE_DIR, "d", ""), 0);
	assert_int_equal(send(&r, INIT_FILE_DIR, "d", ""), -EFBIG);
	end(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files_and_directories_are_written),
		cmocka_unit_test(a_stream_may_come_in_any_pieces),
		cmocka_unit_test(names_are_single_components),
		cmocka_unit_test(a_name_ends_with_no_byte_0_and_is_short),
		cmocka_unit_test(no_link_is_followed),
		cmocka_unit_test(what_it_takes_is_bounded),
	};

	return run_group(tests);
}
