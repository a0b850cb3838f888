// SPDX-License-Identifier: Apache-2.0
/*
 * Files of a guest, written below a directory: whatever the stream is, there are only files and directories below it,
 * no more bytes than were sent, and nothing beside it.
 */
#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/fuzz.h"
#include "vmm/machine/unpack.h"

static char top[] = "/tmp/vmm-fuzz-unpack-XXXXXX", below[sizeof(top) + 2];
static uint64_t bytes;

static void must(bool right)
{
	if (!right)
		abort();
}

static int look(const char *path, const struct stat *st, int type, struct FTW *at)
{
	must(type == FTW_F || type == FTW_DP);
	must(S_ISREG(st->st_mode) || S_ISDIR(st->st_mode));
	must(!(st->st_mode & 07000));
	must(at->level <= INIT_FILES_DEPTH + 1);
	if (type == FTW_F)
		bytes += (uint64_t)st->st_size;
	return remove(path);
}

/* The only name beside "." and ".." is that of the directory. */
static unsigned names_of_top(void)
{
	DIR *d = opendir(top);
	unsigned nr = 0;

	must(d != NULL);
	while (readdir(d))
		nr++;
	closedir(d);
	return nr;
}

static void clean_up(void)
{
	rmdir(top);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct unpack u;
	int fd, r;

	if (!*below) {
		must(mkdtemp(top) != NULL);
		atexit(clean_up);
		snprintf(below, sizeof(below), "%s/d", top);
	}
	must(mkdir(below, 0700) == 0);
	fd = open(below, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	must(fd >= 0);
	unpack_begin(&u, fd);
	r = unpack_take(&u, data, size / 2);
	must(unpack_take(&u, data + size / 2, size - size / 2) <= r);
	must(!u.complete || u.depth == 0);
	unpack_end(&u);
	close(fd);
	must(names_of_top() == 3);
	bytes = 0;
	must(nftw(below, look, 8, FTW_PHYS | FTW_DEPTH) == 0);
	must(bytes <= size);
	return 0;
}
