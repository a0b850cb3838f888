// SPDX-License-Identifier: Apache-2.0
#include <errno.h>

#include "boot/modules.h"
#include "tests/support/unit.h"

static struct modules_set set;
static struct err error;

static struct modules_text text(const char *s)
{
	return (struct modules_text){s, strlen(s)};
}

/* The files of the set, with a blank between. */
static const char *files(void)
{
	static char all[8192];
	size_t at = 0;

	*all = '\0';
	for (size_t i = 0; i < set.nr; i++)
		at += (size_t)snprintf(
			all + at, sizeof(all) - at, "%s%.*s", i ? " " : "", (int)set.file[i].len, set.file[i].path);
	return all;
}

static int add(const char *dep, const char *name)
{
	error = (struct err){};
	return modules_add(&set, text(dep), name, &error);
}

/* As depmod writes it: of Debian's 6.1 and 6.12. */
static const char dep[] = "kernel/fs/fuse/fuse.ko:\n"
			  "kernel/fs/fuse/virtiofs.ko: kernel/fs/fuse/fuse.ko kernel/drivers/virtio/virtio.ko "
			  "kernel/drivers/virtio/virtio_ring.ko\n"
			  "kernel/drivers/virtio/virtio_mmio.ko.xz: kernel/drivers/virtio/virtio.ko "
			  "kernel/drivers/virtio/virtio_ring.ko\n"
			  "kernel/drivers/char/virtio_console.ko.zst:kernel/drivers/virtio/virtio.ko\n"
			  "kernel/drivers/char/hw_random/virtio-rng.ko:  a/b.ko\t c.ko \n"
			  "no colon\n"
			  ": nothing\n"
			  "last.ko: a/b.ko";

static void what_a_module_needs_is_loaded_before_it(void **state)
{
	set.nr = 0;
	assert_int_equal(add(dep, "virtiofs"), 0);
	assert_string_equal(files(),
		"kernel/drivers/virtio/virtio_ring.ko kernel/drivers/virtio/virtio.ko "
		"kernel/fs/fuse/fuse.ko kernel/fs/fuse/virtiofs.ko");
	/* What is there already stays where it is. */
	assert_int_equal(add(dep, "virtio-mmio"), 0);
	assert_int_equal(set.nr, 5);
	assert_int_equal(add(dep, "virtio_console"), 0);
	assert_int_equal(add(dep, "virtiofs"), 0);
	assert_string_equal(files(),
		"kernel/drivers/virtio/virtio_ring.ko kernel/drivers/virtio/virtio.ko "
		"kernel/fs/fuse/fuse.ko kernel/fs/fuse/virtiofs.ko "
		"kernel/drivers/virtio/virtio_mmio.ko.xz kernel/drivers/char/virtio_console.ko.zst");
	set.nr = 0;
	assert_int_equal(add(dep, "virtio_rng"), 0);
	assert_string_equal(files(), "c.ko a/b.ko kernel/drivers/char/hw_random/virtio-rng.ko");
	set.nr = 0;
	assert_int_equal(add(dep, "last"), 0);
	assert_string_equal(files(), "a/b.ko last.ko");
	set.nr = 0;
	assert_int_equal(add(dep, "fuse"), 0);
	assert_string_equal(files(), "kernel/fs/fuse/fuse.ko");
}

static void names_are_those_of_files_without_suffix(void **state)
{
	assert_true(modules_name_is("a/x-y_z.ko", 10, "x_y-z"));
	assert_true(modules_name_is("x.ko.gz", 7, "x"));
	assert_true(modules_name_is("x.ko", 4, "x"));
	assert_false(modules_name_is("x.ko.bz2", 8, "x"));
	assert_false(modules_name_is("ax.ko", 5, "x"));
	assert_false(modules_name_is("x.k", 3, "x"));
	assert_false(modules_name_is("x", 1, "x"));
	assert_false(modules_name_is("a/x.ko", 6, "a/x"));
	assert_false(modules_name_is(".ko", 3, ""));
	assert_false(modules_name_is("", 0, "x"));
}

static void a_module_that_is_missing_leaves_the_set(void **state)
{
	set.nr = 0;
	assert_int_equal(add(dep, "fuse"), 0);
	assert_int_equal(add(dep, "virtio_blk"), -ENOENT);
	assert_string_equal(error.text, "modules.dep has no module virtio_blk");
	assert_int_equal(add("", "x"), -ENOENT);
	assert_int_equal(add(dep, ""), -ENOENT);
	assert_int_equal(set.nr, 1);
}

static void a_path_that_leads_elsewhere_is_refused(void **state)
{
	static const char *const wrong[] = {"x.ko: ../y.ko\n", "x.ko: /etc/y.ko\n", "x.ko: a//y.ko\n",
		"x.ko: a/./y.ko\n", "x.ko: a/..\n", "x.ko: a/\n", "../x.ko:\n", "/lib/x.ko: a.ko\n",
		"x.ko: a\033.ko\n"};
	char longest[2 * MODULES_PATH_MAX];

	set.nr = 0;
	assert_int_equal(add(dep, "fuse"), 0);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_int_equal(add(wrong[i], "x"), -EINVAL);
		assert_true(!strncmp(error.text, "modules.dep: not a path below its directory: ", 45));
		assert_int_equal(set.nr, 1);
	}
	snprintf(longest, sizeof(longest), "x.ko: %0*d\n", MODULES_PATH_MAX, 0);
	assert_int_equal(add(longest, "x"), -EINVAL);
	snprintf(longest, sizeof(longest), "x.ko: %0*d\n", MODULES_PATH_MAX - 1, 0);
	assert_int_equal(add(longest, "x"), 0);
}

static void a_set_has_its_limit(void **state)
{
	char many[16 * MODULES_MAX];
	size_t at = 0;

	at = (size_t)snprintf(many, sizeof(many), "x.ko:");
	for (int i = 0; i < MODULES_MAX - 1; i++)
		at += (size_t)snprintf(many + at, sizeof(many) - at, " m%d.ko", i);
	set.nr = 0;
	assert_int_equal(add(many, "x"), 0);
	assert_int_equal(set.nr, MODULES_MAX);
	assert_int_equal(add("y.ko:\n", "y"), -E2BIG);
	assert_int_equal(set.nr, MODULES_MAX);
	snprintf(many + at, sizeof(many) - at, " one.ko");
	set.nr = 0;
	assert_int_equal(add(many, "x"), -E2BIG);
	assert_int_equal(set.nr, 0);
	snprintf(many + at, sizeof(many) - at, " one.ko two.ko");
	assert_int_equal(add(many, "x"), -E2BIG);
}

static void what_is_built_in_needs_no_file(void **state)
{
	const struct modules_text builtin = text("kernel/fs/fuse/fuse.ko\nkernel/drivers/char/virtio_console.ko\n");

	assert_true(modules_are_built_in(builtin, "fuse"));
	assert_true(modules_are_built_in(builtin, "virtio-console"));
	assert_false(modules_are_built_in(builtin, "console"));
	assert_false(modules_are_built_in(text(""), "fuse"));
	assert_false(modules_are_built_in(text("\n\n \n"), "fuse"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_a_module_needs_is_loaded_before_it),
		cmocka_unit_test(names_are_those_of_files_without_suffix),
		cmocka_unit_test(a_module_that_is_missing_leaves_the_set),
		cmocka_unit_test(a_path_that_leads_elsewhere_is_refused),
		cmocka_unit_test(a_set_has_its_limit),
		cmocka_unit_test(what_is_built_in_needs_no_file),
	};

	return run_group(tests);
}
