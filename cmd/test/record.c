// SPDX-License-Identifier: Apache-2.0
#include "cmd/test/record.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "cmd/test/memory.h"
#include "vmm/base/crc.h"
#include "vmm/base/path.h"

#define RUNS_MAX 10000 /* records of one shard in a directory */

/* Return: a descriptor; a negative errno. */
static int make_file(struct test_record *r, const char *dir, const struct shard *s, unsigned run)
{
	char again[16] = "";

	free(TAKE_PTR(r->path));
	if (run > 1)
		snprintf(again, sizeof(again), "-%u", run);
	if (asprintf(&r->path, "%s/shard-%u-of-%u%s" RECORD_END, dir, s->k, s->of, again) < 0) {
		r->path = NULL;
		return -ENOMEM;
	}
	return path_open(r->path, O_WRONLY | O_CREAT | O_EXCL | O_NOCTTY, 0666);
}

int test_record_open(struct test_record *r, const char *dir, const struct shard *shard, struct err *e)
{
	int fd = -EEXIST;

	if (mkdir(dir, 0777) < 0 && errno != EEXIST)
		return err_sys(e, -errno, "--record %s", dir);
	for (unsigned run = 1; fd == -EEXIST && run <= RUNS_MAX; run++)
		fd = make_file(r, dir, shard, run);
	if (fd < 0)
		return err_sys(e, fd, "--record %s: cannot make %s", dir, r->path ? r->path : "a file");
	r->out = fdopen(fd, "w");
	if (!r->out) {
		close(fd);
		return err_sys(e, -ENOMEM, "--record %s", dir);
	}
	/* Each result is one write. */
	setvbuf(r->out, NULL, _IONBF, 0);
	return 0;
}

static int fingerprint(const char *path, uint32_t *ret_crc, uint64_t *ret_size)
{
	CLEANUP_FD int fd = path_open(path, O_RDONLY | O_NOCTTY, 0);
	char buf[64 * KIB];
	ssize_t n;

	*ret_crc = 0;
	*ret_size = 0;
	if (fd < 0)
		return -errno;
	while ((n = read(fd, buf, sizeof(buf))) > 0) {
		*ret_crc = crc32c(*ret_crc, buf, (size_t)n);
		*ret_size += (uint64_t)n;
	}
	return n < 0 ? -errno : 0;
}

int test_record_kernels(char *const *path, const char *const *label, size_t nr, char **ret, struct err *e)
{
	size_t size = 0;
	FILE *f = open_memstream(ret, &size);
	uint64_t bytes;
	uint32_t crc;
	int r = 0;

	if (!f)
		return no_memory(e);
	for (size_t i = 0; r == 0 && i < nr; i++) {
		r = fingerprint(path[i], &crc, &bytes);
		if (r < 0)
			err_sys(e, r, "--kernel %s", path[i]);
		fprintf(f, "%s%s (%llu bytes, CRC-32C %08x)", i ? ", " : "", label[i], (unsigned long long)bytes, crc);
	}
	if (fclose(f) && r == 0)
		return no_memory(e);
	return r;
}

static void note(struct test_record *r, int code)
{
	if (r->r == 0)
		r->r = code;
}

void test_record_attempt(struct test_record *r, size_t test, const struct result_test *t)
{
	if (!r->out || r->r < 0)
		return;
	note(r, record_write_result(r->out, test, t));
	r->results += t->attempts == 1;
}

int test_record_end(struct test_record *r, bool complete, uint64_t took_ns, struct err *e)
{
	if (!r->out)
		return 0;
	/* What could not be written as a whole must not look as if it were. */
	if (r->r == 0)
		note(r, record_write_end(r->out, r->results, complete, took_ns));
	if (fclose(TAKE_PTR(r->out)))
		note(r, errno ? -errno : -EIO);
	return r->r < 0 ? err_sys(e, r->r, "--record: cannot write %s", r->path) : 0;
}

void test_record_close(struct test_record *r)
{
	if (r->out)
		fclose(r->out);
	free(r->path);
	*r = RECORD_NONE;
}
