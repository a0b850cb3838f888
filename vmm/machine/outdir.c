// SPDX-License-Identifier: Apache-2.0
#include "vmm/machine/outdir.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "security/landlock.h"
#include "vmm/base/path.h"
#include "vmm/machine/unpack.h"

#define ANSWER_S 10

/** struct answer - of the process, at its end */
struct answer {
	int r;
	bool complete;
	uint64_t skipped;
	char name[UNPACK_NAME_MAX + 1];
};

/* Its descriptors: the socket to vmm is CHILD_SOCK, the directory CHILD_FD, the pipe CHILD_FD + 1. */
static void unpack_pipe(struct unpack *u)
{
	static char buf[64 * KIB];
	ssize_t n;

	while ((n = read(CHILD_FD + 1, buf, sizeof(buf))) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 || unpack_take(u, buf, (size_t)n) < 0)
			break;
	}
}

static void serve(void *arg)
{
	const struct sandbox_as *as = arg;
	/* It keeps the user of the caller, also when vmm changes its user: the files are that one's. */
	const struct sandbox_as same_user = {.mode = as->mode};
	const struct sandbox_process sandbox = {
		.as = &same_user,
		.role = SANDBOX_OUT,
		.dir_fd = CHILD_FD,
		.rights = LL_MAKE_REG | LL_MAKE_DIR | LL_REMOVE_FILE | LL_WRITE_FILE | LL_READ_DIR,
		.capabilities = true, /* root may write to directories of others */
	};
	struct err e = {};
	struct unpack u;
	struct answer a = {0};

	unpack_begin(&u, CHILD_FD);
	u.r = sandbox_process_enter(&sandbox, &e);
	if (u.r == 0)
		unpack_pipe(&u);
	a.r = u.r;
	a.complete = u.complete;
	a.skipped = u.skipped;
	memcpy(a.name, u.name, sizeof(a.name));
	_exit(write(CHILD_SOCK, &a, sizeof(a)) != sizeof(a));
}

static int start(struct outdir *o, int dir, const struct sandbox_as *as)
{
	const struct timeval limit = {.tv_sec = ANSWER_S};
	CLEANUP_FD int from = -1;
	int end[2], r;

	if (pipe2(end, O_CLOEXEC) < 0)
		return -errno;
	from = end[0];
	o->pipe = end[1];
	r = child_start("vmm-out", (const int[CHILD_FDS_MAX]){dir, from}, serve, (void *)as, &o->child);
	if (r == 0 && setsockopt(o->child.sock, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) < 0)
		r = -errno;
	return r;
}

int outdir_open(const char *path, const struct sandbox_as *as, struct outdir *ret, struct err *e)
{
	struct outdir o = OUTDIR_NONE;
	CLEANUP_FD int dir = -1;
	int r;

	if (mkdir(path, 0777) < 0 && errno != EEXIST)
		return err_operator(e, err_sys(e, -errno, "--out %s", path));
	dir = path_open(path, O_RDONLY | O_DIRECTORY, 0);
	if (dir < 0)
		return err_operator(e, err_sys(e, dir, "--out %s", path));
	r = start(&o, dir, as);
	if (r < 0) {
		outdir_close(&o);
		return err_sys(e, r, "--out %s", path);
	}
	*ret = o;
	return 0;
}

int outdir_finish(struct outdir *o, const char *path, char *note, size_t size, struct err *e)
{
	struct answer a = {.r = -ECHILD};
	ssize_t n;

	*note = '\0';
	close(TAKE_FD(o->pipe));
	do
		n = read(o->child.sock, &a, sizeof(a));
	while (n < 0 && errno == EINTR);
	if (n != sizeof(a))
		a = (struct answer){.r = n < 0 ? -ETIMEDOUT : -ECHILD};
	a.name[sizeof(a.name) - 1] = '\0';
	outdir_close(o);
	if (a.r == -EILSEQ || a.r == -EPROTO)
		return err_set(e, a.r, "--out %s: the guest sent what is no name or no file", path);
	if (a.r == -EFBIG)
		return err_set(e, a.r, "--out %s: more than %d files, 1 GiB or %d directories in each other", path,
			UNPACK_ENTRIES_MAX, INIT_FILES_DEPTH);
	if (a.r < 0)
		return err_sys(e, a.r, "--out %s: cannot write %s", path, *a.name ? a.name : "the guest's files");
	if (!a.complete)
		return err_set(e, -ENODATA, "--out %s: the guest ended before it had sent all of its files", path);
	if (a.skipped)
		snprintf(note, size, "--out %s: %llu left out that are neither files nor directories", path,
			(unsigned long long)a.skipped);
	return 0;
}

void outdir_close(struct outdir *o)
{
	if (o->pipe >= 0)
		close(TAKE_FD(o->pipe));
	if (o->child.sock >= 0)
		close(TAKE_FD(o->child.sock));
}
