// SPDX-License-Identifier: Apache-2.0
/*
 * Images in a container format: refused with the command that converts them, attached when raw is said; and raw images
 * that are none, each at the sizes where the last bytes cross a page.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "devices/virtio/disk.h"
#include "devices/virtio/disk_format.h"
#include "tests/support/unit.h"

#define SIZE 65536

struct image {
	const char *what;
	int at; /* below zero: from the end */
	const char *bytes;
	size_t len;
	const char *format; /* NULL: raw */
};

#define TEXT(s) (s), sizeof(s) - 1

static const struct image images[] = {
	{"qcow", 0, TEXT("QFI\xfb\0\0\0\1"), "qcow"},
	{"qcow2", 0, TEXT("QFI\xfb\0\0\0\2"), "qcow2"},
	{"qcow2 version 3", 0, TEXT("QFI\xfb\0\0\0\3"), "qcow2"},
	{"QED", 0, TEXT("QED\0"), "qed"},
	{"VMDK, sparse", 0, TEXT("KDMV\1\0\0\0"), "vmdk"},
	{"VMDK, of ESX", 0, TEXT("COWD\1\0\0\0"), "vmdk"},
	{"VMDK, seSparse", 0, TEXT("\xbe\xba\xfe\xca\0\0\0\0"), "vmdk"},
	{"VMDK, a descriptor", 0, TEXT("# Disk DescriptorFile\nversion=1\n"), "vmdk"},
	{"VMDK, a descriptor in other letters", 0, TEXT("# disk descriptorfile\r\n"), "vmdk"},
	{"VDI", 0x40, TEXT("\x7f\x10\xda\xbe"), "vdi"},
	{"VHD, dynamic", 0, TEXT("conectix"), "vpc"},
	{"VHD, fixed", -512, TEXT("conectix"), "vpc"},
	{"VHD, of whatever features", 0, TEXT("conectix\377\377\377\377"), "vpc"},
	{"VHD, fixed, with the old footer", -511, TEXT("conectix"), "vpc"},
	{"VHDX", 0, TEXT("vhdxfile"), "vhdx"},
	{"Parallels", 0, TEXT("WithoutFreeSpace"), "parallels"},
	{"Parallels, extended", 0, TEXT("WithouFreSpacExt"), "parallels"},
	{"Bochs", 0, TEXT("Bochs Virtual HD Image"), "bochs"},
	{"Apple's", -512, TEXT("koly"), "dmg"},
	/* These are raw, or formats that a guest may have on its disk. */
	{"zeroes", 0, TEXT(""), NULL},
	{"a boot sector", 510, TEXT("\x55\xaa"), NULL},
	{"ISO 9660", 0x8001, TEXT("CD001"), NULL},
	{"LUKS", 0, TEXT("LUKS\xba\xbe"), NULL},
	{"ext4", 0x438, TEXT("\x53\xef"), NULL},
	{"squashfs", 0, TEXT("hsqs"), NULL},
	{"gzip", 0, TEXT("\x1f\x8b\x08"), NULL},
	{"qcow2 in the second sector", 512, TEXT("QFI\xfb\0\0\0\3"), NULL},
	{"nearly qcow2", 0, TEXT("QFI\xfa\0\0\0\3"), NULL},
	{"VDI's text alone", 0, TEXT("<<< Oracle VM VirtualBox Disk Image >>>\n"), NULL},
	{"VHD's cookie in the last sector but one", -1024, TEXT("conectix"), NULL},
	{"VHD's cookie at the very end", -8, TEXT("conectix"), NULL},
};

static int make(const struct image *i, off_t size)
{
	int fd = memfd_create("image", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, size), 0);
	if (i->len)
		assert_int_equal(pwrite(fd, i->bytes, i->len, i->at < 0 ? size + i->at : i->at), i->len);
	return fd;
}

static void each_format(void **state)
{
	for (const struct image *i = images; i < images + ARRAY_SIZE(images); i++) {
		for (off_t size = SIZE; size <= SIZE + 4096; size += 512) {
			int fd = make(i, size);
			const char *format = "untouched";

			assert_int_equal(disk_format(fd, (uint64_t)size, &format), 0);
			if (!format != !i->format || (format && strcmp(format, i->format)))
				fail_msg("%s, %lld bytes: %s", i->what, (long long)size, format ? format : "raw");
			close(fd);
		}
	}
}

/* Files with odd lengths, and files shorter than the part that is examined. */
static void odd_sizes(void **state)
{
	static const struct image fixed = {"", -512, TEXT("conectix"), ""}, old = {"", -511, TEXT("conectix"), ""};
	static const struct image start = {"", 0, TEXT("QFI\xfb"), ""};
	const char *format;

	for (off_t size = 512; size < 3 * 4096; size += size < 1024 || size > 4000 ? 1 : 64) {
		const struct image *const with[] = {&fixed, &old, &start};

		for (size_t i = 0; i < ARRAY_SIZE(with); i++) {
			int fd = make(with[i], size);

			format = NULL;
			assert_int_equal(disk_format(fd, (uint64_t)size, &format), 0);
			if (!format)
				fail_msg("%zu: not seen in %lld bytes", i, (long long)size);
			close(fd);
		}
	}
	for (off_t size = 1; size < 512; size += 7) {
		int fd = make(&(struct image){.bytes = ""}, size);

		format = "untouched";
		assert_int_equal(disk_format(fd, (uint64_t)size, &format), 0);
		assert_null(format);
		close(fd);
	}
}

static int open_image(int fd, bool raw, struct err *e)
{
	struct disk d;
	char path[32];
	const struct disk_params p = {.path = path, .raw = raw, .logical = 512};
	int r;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	r = disk_open(&p, &d, e);
	if (r == 0)
		disk_close(&d);
	return r;
}

static void refused_unless_raw_is_said(void **state)
{
	struct err e = {};
	int fd = make(&images[1], SIZE);
	char words[128];

	assert_int_equal(open_image(fd, false, &e), -EINVAL);
	snprintf(words, sizeof(words), "`qemu-img convert -f qcow2 -O raw /proc/self/fd/%d /proc/self/fd/%d.raw`", fd,
		fd);
	assert_non_null(strstr(e.text, words));
	assert_non_null(strstr(e.text, "format=raw"));
	assert_int_equal(open_image(fd, true, &e), 0);
	close(fd);

	/* A size that cuts a sector: `truncate` is the wrong advice for a container, and right for a raw one. */
	fd = make(&images[1], SIZE + 100);
	assert_int_equal(open_image(fd, false, &e), -EINVAL);
	assert_null(strstr(e.text, "truncate"));
	assert_non_null(strstr(e.text, "qemu-img convert"));
	assert_int_equal(open_image(fd, true, &e), -EINVAL);
	assert_non_null(strstr(e.text, "truncate"));
	close(fd);
}

/* The command is one that a shell takes, whatever the file is called. */
static void odd_names(void **state)
{
	static const struct {
		const char *name, *word;
	} names[] = {
		{"two words.img", "'two words.img' 'two words.img'.raw"},
		{"it's.img", "'it'\\''s.img' 'it'\\''s.img'.raw"},
		{"plain-1.qcow2", "plain-1.qcow2 plain-1.qcow2.raw"},
	};

	char dir[] = "/tmp/vmm-format.XXXXXX";

	assert_non_null(mkdtemp(dir));
	assert_int_equal(chdir(dir), 0);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct disk_params p = {.logical = 512};
		struct err e = {};
		struct disk d;
		int fd = open(names[i].name, O_RDWR | O_CREAT | O_EXCL, 0600);

		assert_true(fd >= 0);
		assert_int_equal(write(fd, "QFI\xfb\0\0\0\3", 8), 8);
		p.path = names[i].name;
		assert_int_equal(disk_open(&p, &d, &e), -EINVAL);
		if (!strstr(e.text, names[i].word))
			fail_msg("%s", e.text);
		unlink(names[i].name);
		close(fd);
	}
	assert_int_equal(chdir("/"), 0);
	assert_int_equal(rmdir(dir), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_format),
		cmocka_unit_test(odd_sizes),
		cmocka_unit_test(refused_unless_raw_is_said),
		cmocka_unit_test(odd_names),
	};

	return run_group(tests);
}
