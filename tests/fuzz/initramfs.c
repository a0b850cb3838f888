// SPDX-License-Identifier: Apache-2.0
/*
 * A modules.dep: the input is text, in which some names are looked up. Every file of the set stays below its directory
 * and is there once. Then the set is packed: a reader of this test's own finds in the archive what was put into it, and
 * into a buffer that is one byte shorter it does not fit.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "boot/cpio.h"
#include "boot/modules.h"
#include "tests/support/fuzz.h"
#include "vmm/base/util.h"

static void must(bool right)
{
	if (!right)
		abort();
}

static void check_file(const struct modules_text *dep, const struct modules_set *set, size_t i)
{
	const struct modules_file *f = &set->file[i];

	must(f->path >= dep->s && f->path + f->len <= dep->s + dep->size);
	must(f->len > 0 && f->len < MODULES_PATH_MAX && f->path[0] != '/' && f->path[f->len - 1] != '/');
	must(!memmem(f->path, f->len, "/../", 4) && !memchr(f->path, '\n', f->len) && !memchr(f->path, ' ', f->len));
	must(f->len < 3 || (memcmp(f->path, "../", 3) && memcmp(f->path + f->len - 3, "/..", 3)));
	for (size_t j = 0; j < i; j++)
		must(set->file[j].len != f->len || memcmp(set->file[j].path, f->path, f->len));
}

static bool has(const struct modules_set *set, const char *name)
{
	for (size_t i = 0; i < set->nr; i++)
		if (modules_name_is(set->file[i].path, set->file[i].len, name))
			return true;
	return false;
}

static uint32_t number(const uint8_t *header, unsigned i)
{
	char text[9] = {0};

	memcpy(text, header + 6 + 8 * i, 8);
	return (uint32_t)strtoul(text, NULL, 16);
}

/* Reads the archive as buffer-format.rst says. */
static void check_archive(const uint8_t *buf, size_t size, const struct modules_set *set)
{
	size_t at = 0;

	for (size_t i = 0; i <= set->nr; i++) {
		const uint8_t *header = buf + at, *name = header + 110;
		uint32_t name_size, data_size;

		must(at % 4 == 0 && size - at >= 110 && !memcmp(header, "070701", 6));
		name_size = number(header, 11);
		data_size = number(header, 6);
		must(size - at - 110 >= name_size && name_size && !name[name_size - 1]);
		at = (at + 110 + name_size + 3) & ~(size_t)3;
		must(size - at >= data_size);
		if (i == set->nr) {
			must(!strcmp((const char *)name, "TRAILER!!!") && !data_size && at == size);
			break;
		}
		must(name_size == set->file[i].len + 1 && !memcmp(name, set->file[i].path, set->file[i].len));
		must(data_size == set->file[i].len && !memcmp(buf + at, set->file[i].path, data_size));
		at = (at + data_size + 3) & ~(size_t)3;
	}
}

/* Each file has its own name as its bytes. */
static int pack(const struct modules_set *set, void *buf, size_t max, size_t *ret)
{
	char name[MODULES_PATH_MAX];
	struct err e = {};
	struct cpio c;
	int r = 0;

	cpio_begin(&c, buf, max);
	for (size_t i = 0; r == 0 && i < set->nr; i++) {
		const struct cpio_entry entry = {.name = name, .mode = S_IFREG | 0644, .size = set->file[i].len};

		memcpy(name, set->file[i].path, set->file[i].len);
		name[set->file[i].len] = '\0';
		r = cpio_add_bytes(&c, &entry, name, &e);
	}
	return r ? r : cpio_end(&c, ret, &e);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const names[] = {"virtiofs", "virtio_console", "a", "b-c"};
	const struct modules_text dep = {(const char *)data, size};
	struct modules_set set = {};
	struct err e = {};
	size_t counted = 0, written = 0;
	uint8_t *buf;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		size_t before = set.nr;
		int r = modules_add(&set, dep, names[i], &e);

		must(r == 0 || r == -ENOENT || r == -EINVAL || r == -E2BIG);
		must(r == 0 ? set.nr > 0 : set.nr == before);
		must(r < 0 || has(&set, names[i]));
		modules_are_built_in(dep, names[i]);
	}
	for (size_t i = 0; i < set.nr; i++)
		check_file(&dep, &set, i);
	/* A file may have the name of the trailer. */
	if (pack(&set, NULL, 0, &counted) < 0)
		return 0;
	buf = malloc(counted);
	must(buf && pack(&set, buf, counted, &written) == 0 && written == counted);
	check_archive(buf, written, &set);
	must(pack(&set, buf, counted - 1, &written) == -ENOSPC);
	free(buf);
	return 0;
}
