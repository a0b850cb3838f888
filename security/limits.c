// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "security/stages.h"

#define DATA_ROOM (256 * MIB)

/* Linux 5.9; not in every C library */
#ifndef SYS_close_range
#define SYS_close_range 436
#endif

extern char **environ;

/*
 * The environment may contain secrets, which /proc/PID/environ and anything that reads our memory would expose: the
 * text itself is overwritten. PATH is kept to find programs that we start, TMPDIR to place an overlay.
 */
void limits_clear_environment(void)
{
	size_t kept = 0;

	for (size_t i = 0; environ && environ[i]; i++) {
		if (!strncmp(environ[i], "PATH=", 5) || !strncmp(environ[i], "TMPDIR=", 7))
			environ[kept++] = environ[i];
		else
			explicit_bzero(environ[i], strlen(environ[i]));
	}
	if (environ)
		environ[kept] = NULL;
}

static int close_range_of(unsigned first, unsigned last)
{
	if (first > last || syscall(SYS_close_range, first, last, 0) == 0)
		return 0;
	return -errno;
}

/* The next fd to keep that is at least `from`; UINT32_MAX: there is none. */
static unsigned next_kept(const int *keep, size_t nr, unsigned from)
{
	unsigned best = UINT32_MAX;

	for (size_t i = 0; i < nr; i++)
		if (keep[i] >= 0 && (unsigned)keep[i] >= from && (unsigned)keep[i] < best)
			best = (unsigned)keep[i];
	return best;
}

int limits_close_fds(const int *keep, size_t nr, struct err *e)
{
	unsigned from = STDERR_FILENO + 1;
	int r = 0;

	while (r == 0) {
		unsigned kept = next_kept(keep, nr, from);

		r = close_range_of(from, kept == UINT32_MAX ? UINT32_MAX : kept - 1);
		if (kept == UINT32_MAX)
			break;
		from = kept + 1;
	}
	return r < 0 ? err_sys(e, r, "close_range") : 0;
}

/*
 * The number of a closed standard stream must not be reused by something that we open: the guest's console would be
 * written there. An O_PATH fd can be neither read nor written, so the stream still behaves as closed.
 */
int limits_fill_standard_fds(struct err *e)
{
	for (int fd = 0; fd <= STDERR_FILENO; fd++) {
		if (fcntl(fd, F_GETFD) >= 0)
			continue;
		/* open takes the lowest number, which is this one. */
		if (open("/dev/null", O_PATH) < 0 && open("/", O_PATH) < 0)
			return err_sys(e, -errno, "cannot stand in for the closed standard stream %d", fd);
	}
	return 0;
}

/* Lowers a limit, soft and hard; a lower one is kept. */
static int lower(int resource, uint64_t value, const char *name, struct err *e)
{
	struct rlimit now, want;

	if (getrlimit(resource, &now) < 0)
		return err_sys(e, -errno, "getrlimit(%s)", name);
	want.rlim_cur = now.rlim_cur < value ? now.rlim_cur : value;
	want.rlim_max = now.rlim_max < value ? now.rlim_max : value;
	if (setrlimit(resource, &want) < 0)
		return err_sys(e, -errno, "setrlimit(%s)", name);
	return 0;
}

int limits_set(const struct sandbox_plan *plan, struct err *e)
{
	int r;

	/* RLIMIT_NPROC is not changed: KVM starts a thread on our account at the first KVM_RUN. */
	r = lower(RLIMIT_CORE, 0, "RLIMIT_CORE", e);
	if (r == 0 && plan->max_fds)
		r = lower(RLIMIT_NOFILE, plan->max_fds, "RLIMIT_NOFILE", e);
	if (r == 0 && plan->max_file_bytes)
		r = lower(RLIMIT_FSIZE, plan->max_file_bytes, "RLIMIT_FSIZE", e);
	return r;
}

/*
 * The memory that the control loop may still allocate: lines of the log, buffers of a report, the kernel's symbols. No
 * other thread allocates any.
 */
void limits_set_data(int statm_fd)
{
	char text[128];
	ssize_t n = pread(statm_fd, text, sizeof(text) - 1, 0);
	uint64_t pages;

	if (n <= 0)
		return;
	text[n] = '\0';
	/* proc(5): size, resident, shared, text, lib, data + stack */
	if (sscanf(text, "%*u %*u %*u %*u %*u %" SCNu64, &pages) == 1)
		lower(RLIMIT_DATA, pages * (uint64_t)sysconf(_SC_PAGESIZE) + DATA_ROOM, "RLIMIT_DATA", NULL);
}

int limits_not_dumpable(struct err *e)
{
	return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 ? err_sys(e, -errno, "prctl(PR_SET_DUMPABLE)") : 0;
}
