// SPDX-License-Identifier: Apache-2.0
/*
 * Archives byte for byte, and as cpio(1) reads them.
 */
#include <errno.h>
#include <stdint.h>
#include <sys/stat.h>

#include "boot/cpio.h"
#include "tests/support/unit.h"
#include "vmm/base/util.h"

static uint8_t room[8192];
static struct err error;

static void an_archive_is_what_the_specification_says(void **state)
{
	static const char want[] = "070701"   /* magic */
				   "00000001" /* inode */
				   "000081A4" /* mode */
				   "000003E8" /* uid */
				   "00000064" /* gid */
				   "00000001" /* links */
				   "00000000" /* time */
				   "00000005" /* size */
				   "00000000" /* major, minor of the file system */
				   "00000000"
				   "00000000" /* of the device */
				   "00000000"
				   "00000004" /* name with its NUL */
				   "00000000" /* check */
				   "a/b\0\0\0"
				   "hello\0\0\0"
				   "070701"
				   "00000000000000000000000000000000000000010000000000000000000000000000000000000000"
				   "000000000000000B00000000"
				   "TRAILER!!!\0\0\0\0";
	const struct cpio_entry file = {.name = "a/b", .mode = S_IFREG | 0644, .uid = 1000, .gid = 100, .size = 5};
	struct cpio c;
	size_t size;

	memset(room, 0xee, sizeof(room));
	cpio_begin(&c, room, sizeof(room));
	assert_int_equal(cpio_add_bytes(&c, &file, "hello", &error), 0);
	assert_int_equal(cpio_end(&c, &size, &error), 0);
	assert_int_equal(size, sizeof(want) - 1);
	assert_memory_equal(room, want, size);
	assert_int_equal(room[size], 0xee);
}

static const struct cpio_entry several[] = {
	{.name = "dev", .mode = S_IFDIR | 0755},
	{.name = "dev/console", .mode = S_IFCHR | 0600, .major = 5, .minor = 1},
	{.name = "init", .mode = S_IFREG | 0755, .size = 3},
	{.name = "bin", .mode = S_IFLNK | 0777, .size = 7},
	{.name = "empty", .mode = S_IFREG | 0600},
};
static const char *const bytes[] = {"", "", "abc", "usr/bin", ""};

static int pack(struct cpio *c, void *buf, size_t max, size_t *ret_size)
{
	int r = 0;

	cpio_begin(c, buf, max);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(several); i++)
		r = cpio_add_bytes(c, &several[i], bytes[i], &error);
	return r ? r : cpio_end(c, ret_size, &error);
}

static void counting_tells_what_writing_needs(void **state)
{
	size_t counted, written;
	struct cpio c;

	assert_int_equal(pack(&c, NULL, 0, &counted), 0);
	assert_int_equal(counted % 4, 0);
	assert_int_equal(pack(&c, room, counted, &written), 0);
	assert_int_equal(written, counted);
	for (size_t less = 0; less < counted; less++) {
		memset(room, 0xee, sizeof(room));
		assert_int_equal(pack(&c, room, less, &written), -ENOSPC);
		assert_int_equal(room[less], 0xee);
		assert_true(c.at <= less);
	}
}

static void what_an_archive_cannot_have_is_refused(void **state)
{
	static const char *const names[] = {
		"", "/a", "a/", "a//b", ".", "./a", "a/./b", "..", "../a", "a/..", "TRAILER!!!"};
	struct cpio_entry entry = {.mode = S_IFREG | 0644};
	char name[CPIO_NAME_MAX + 1];
	struct cpio c;
	void *to;

	cpio_begin(&c, NULL, 0);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		entry.name = names[i];
		assert_int_equal(cpio_add(&c, &entry, &to, &error), -EINVAL);
	}
	memset(name, 'n', CPIO_NAME_MAX);
	name[CPIO_NAME_MAX] = '\0';
	entry.name = name;
	assert_int_equal(cpio_add(&c, &entry, &to, &error), -EINVAL);
	assert_int_equal(c.at, 0);
	name[CPIO_NAME_MAX - 1] = '\0';
	assert_int_equal(cpio_add(&c, &entry, &to, &error), 0);
	entry.name = "...a";
	assert_int_equal(cpio_add(&c, &entry, &to, &error), 0);
	entry.size = UINT32_MAX + UINT64_C(1);
	assert_int_equal(cpio_add(&c, &entry, &to, &error), -EINVAL);
	entry.size = UINT32_MAX;
	assert_int_equal(cpio_add(&c, &entry, &to, &error), 0);
	entry = (struct cpio_entry){.name = "d", .mode = S_IFDIR | 0755, .size = 1};
	assert_int_equal(cpio_add(&c, &entry, &to, &error), -EINVAL);
	entry = (struct cpio_entry){.name = "l", .mode = S_IFLNK | 0777};
	assert_int_equal(cpio_add(&c, &entry, &to, &error), -EINVAL);
	entry = (struct cpio_entry){.name = "f", .mode = S_IFIFO | 0644};
	assert_int_equal(cpio_add(&c, &entry, &to, &error), -EINVAL);
}

/* cpio(1) lists what is in it, with its kinds, sizes and targets. */
static void cpio_reads_it(void **state)
{
	static const char *const want[] = {"drwxr-xr-x", " dev\n", "crw-------", "5,   1", " dev/console\n",
		"-rwxr-xr-x", " init\n", "lrwxrwxrwx", " bin -> usr/bin\n", " empty\n"};
	char path[] = "/tmp/vmm-cpio-XXXXXX", command[64], list[1024];
	const char *at = list;
	struct cpio c;
	size_t size;
	FILE *f;
	int fd;

	if (system("cpio --version >/dev/null 2>&1") != 0) {
		if (getenv("CI") || getenv("VMM_TEST_REQUIRED"))
			fail_msg("no cpio here");
		print_message("not compared: no cpio here\n");
		return;
	}
	assert_int_equal(pack(&c, room, sizeof(room), &size), 0);
	fd = mkstemp(path);
	assert_int_equal(write(fd, room, size), size);
	close(fd);
	snprintf(command, sizeof(command), "cpio -itv --quiet <%s", path);
	f = popen(command, "r");
	size = fread(list, 1, sizeof(list) - 1, f);
	list[size] = '\0';
	assert_int_equal(pclose(f), 0);
	unlink(path);
	for (size_t i = 0; i < ARRAY_SIZE(want); i++) {
		at = strstr(at, want[i]);
		if (!at)
			fail_msg("no \"%s\" there in:\n%s", want[i], list);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_archive_is_what_the_specification_says),
		cmocka_unit_test(counting_tells_what_writing_needs),
		cmocka_unit_test(what_an_archive_cannot_have_is_refused),
		cmocka_unit_test(cpio_reads_it),
	};

	return run_group(tests);
}
