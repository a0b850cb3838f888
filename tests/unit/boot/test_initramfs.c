// SPDX-License-Identifier: Apache-2.0
/*
 * The initramfs of a command as cpio(1) reads it: our init, and modules in their order.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "boot/init/init.h"
#include "boot/initramfs.h"
#include "tests/support/unit.h"
#include "vmm/base/util.h"

static struct err error;

static int file_with(const char *text, size_t n)
{
	FILE *f = tmpfile();
	int fd;

	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, n, f), n);
	fflush(f);
	fd = dup(fileno(f));
	fclose(f);
	return fd;
}

/* What `cpio` prints with @args of @archive. */
static void cpio_says(const void *archive, size_t size, const char *args, char *ret, size_t max)
{
	char name[] = "/tmp/test-initramfs.XXXXXX", line[256];
	int fd = mkstemp(name);
	FILE *out;
	size_t n;

	assert_int_equal(write(fd, archive, size), size);
	close(fd);
	snprintf(line, sizeof(line), "cpio -i --quiet %s <%s", args, name);
	out = popen(line, "r");
	assert_non_null(out);
	n = fread(ret, 1, max - 1, out);
	ret[n] = 0;
	assert_int_equal(pclose(out), 0);
	unlink(name);
}

static void init_and_modules(void **state)
{
	const struct initramfs_module module[] = {
		{file_with("first module", 12), "fuse.ko"},
		{file_with("\xfd"
			   "7zXZ\0second",
			 12),
			"virtiofs.ko.xz"},
	};
	static char text[65536];
	void *archive;
	size_t size;

	assert_int_equal(initramfs_pack(module, 2, &archive, &size, &error), 0);
	cpio_says(archive, size, "-t", text, sizeof(text));
	assert_string_equal(
		text, "dev\ndev/console\ninit\nmodules\nmodules/list\nmodules/fuse.ko\nmodules/virtiofs.ko.xz\n");
	cpio_says(archive, size, "--to-stdout modules/list", text, sizeof(text));
	assert_string_equal(text, "fuse.ko\nvirtiofs.ko.xz\n");
	cpio_says(archive, size, "--to-stdout modules/fuse.ko", text, sizeof(text));
	assert_string_equal(text, "first module");
	cpio_says(archive, size, "--to-stdout modules/virtiofs.ko.xz", text, sizeof(text));
	assert_memory_equal(text,
		"\xfd"
		"7zXZ\0second",
		12);
	cpio_says(archive, size, "--to-stdout init", text, sizeof(text));
	assert_memory_equal(text, init_program, MIN(init_program_size, sizeof(text) - 1));
	/* A static program for x86-64. */
	assert_memory_equal(init_program, "\177ELF\2\1\1", 7);
	free(archive);
	close(module[0].fd);
	close(module[1].fd);
}

static void without_modules(void **state)
{
	char text[4096];
	void *archive;
	size_t size;

	assert_int_equal(initramfs_pack(NULL, 0, &archive, &size, &error), 0);
	cpio_says(archive, size, "-t", text, sizeof(text));
	assert_string_equal(text, "dev\ndev/console\ninit\nmodules\nmodules/list\n");
	free(archive);
}

static void files_that_cannot_be_read(void **state)
{
	struct initramfs_module module = {-1, "gone.ko"};
	void *archive = &module;
	size_t size = 7;

	assert_int_equal(initramfs_pack(&module, 1, &archive, &size, &error), -EBADF);
	assert_non_null(strstr(error.text, "gone.ko"));
	module.fd = open("/dev", O_RDONLY | O_DIRECTORY);
	assert_int_equal(initramfs_pack(&module, 1, &archive, &size, &error), -EISDIR);
	close(module.fd);
	module.fd = file_with("x", 1);
	assert_int_equal(ftruncate(module.fd, (off_t)INITRAMFS_MAX + 1), 0);
	assert_int_equal(initramfs_pack(&module, 1, &archive, &size, &error), -EFBIG);
	assert_ptr_equal(archive, &module);
	assert_int_equal(size, 7);
	close(module.fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(init_and_modules),
		cmocka_unit_test(without_modules),
		cmocka_unit_test(files_that_cannot_be_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
