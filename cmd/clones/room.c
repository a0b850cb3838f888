// SPDX-License-Identifier: Apache-2.0
/* Limits of the host that would end a clone after others have started: looked at before. */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "cmd/clones/clones.h"
#include "cmd/clones/internal.h"
#include "vmm/base/units.h"

#define FDS_BASE      64
#define CLONE_THREADS 2 /* besides its CPUs: itself, and one that makes the VM */
/* What a clone has before its guest has written anything: its tables, KVM's and its own; measured by vmm bench clone */
#define CLONE_BYTES (1 * MIB)

static bool read_number(const char *path, uint64_t *ret)
{
	CLEANUP_FCLOSE FILE *f = fopen(path, "re");

	/* "max" is no number. */
	return f && fscanf(f, "%" SCNu64, ret) == 1;
}

/* A file of our control group in the unified hierarchy. */
static bool read_cgroup(const char *file, uint64_t *ret)
{
	CLEANUP_FCLOSE FILE *f = fopen("/proc/self/cgroup", "re");
	char line[PATH_MAX], path[PATH_MAX + 64];

	while (f && fgets(line, sizeof(line), f)) {
		if (strncmp(line, "0::", 3))
			continue;
		line[strcspn(line, "\n")] = '\0';
		snprintf(path, sizeof(path), "/sys/fs/cgroup%s/%s", line + 3, file);
		return read_number(path, ret);
	}
	return false;
}

static int check_fds(const struct clones_config *c, struct err *e)
{
	uint64_t need = FDS_BASE + (uint64_t)c->jobs * CLONE_STREAMS;
	struct rlimit now;

	if (getrlimit(RLIMIT_NOFILE, &now) < 0)
		return err_sys(e, -errno, "getrlimit");
	if (need > now.rlim_max)
		return err_set(e, -EMFILE,
			"--clones: %u at once take %" PRIu64 " open files, and the limit is %" PRIu64
			" (ulimit -Hn): raise it, or use --jobs",
			c->jobs, need, (uint64_t)now.rlim_max);
	now.rlim_cur = now.rlim_max;
	return setrlimit(RLIMIT_NOFILE, &now) < 0 ? err_sys(e, -errno, "setrlimit") : 0;
}

static int check_threads(const struct clones_config *c, struct err *e)
{
	uint64_t need = (uint64_t)c->jobs * (CLONE_THREADS + c->config->cpus), limit;
	struct rlimit user;
	const char *what = NULL;

	if (geteuid() != 0 && getrlimit(RLIMIT_NPROC, &user) == 0 && need > user.rlim_cur) {
		what = "ulimit -u";
		limit = user.rlim_cur;
	} else if (read_cgroup("pids.max", &limit) && need > limit) {
		what = "pids.max of the control group";
	} else if (read_number("/proc/sys/kernel/threads-max", &limit) && need > limit) {
		what = "sysctl kernel.threads-max";
	} else if (read_number("/proc/sys/kernel/pid_max", &limit) && need > limit) {
		what = "sysctl kernel.pid_max";
	}
	if (!what)
		return 0;
	return err_set(e, -EAGAIN,
		"--clones: %u at once take %" PRIu64 " threads, and the limit is %" PRIu64
		" (%s): raise it, or use --jobs",
		c->jobs, need, limit, what);
}

static bool available(uint64_t *ret)
{
	CLEANUP_FCLOSE FILE *f = fopen("/proc/meminfo", "re");
	char line[128];

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "MemAvailable: %" SCNu64, ret) == 1) {
			*ret *= KIB;
			return true;
		}
	return false;
}

static int check_memory(const struct clones_config *c, struct err *e)
{
	uint64_t each = CLONE_BYTES + c->own_bytes, need = each * c->jobs, have, used;
	char a[UNITS_TEXT_MAX], b[UNITS_TEXT_MAX];
	const char *where = "this host has";

	if (!available(&have))
		have = UINT64_MAX;
	if (read_cgroup("memory.max", &used)) {
		uint64_t max = used;

		if (!read_cgroup("memory.current", &used))
			used = 0;
		if (max - MIN(used, max) < have) {
			have = max - MIN(used, max);
			where = "the control group has (memory.max)";
		}
	}
	if (need <= have)
		return 0;
	format_size(need / MIB * MIB, a);
	format_size(have / MIB * MIB, b);
	return err_set(e, -ENOMEM, "--clones: %u at once take at least %s of memory%s, and %s %s left: use --jobs",
		c->jobs, a, c->config->prefault ? " with --prefault" : "", where, b);
}

int clones_room(const struct clones_config *c, struct err *e)
{
	int r = check_fds(c, e);

	if (r == 0)
		r = check_threads(c, e);
	return r == 0 ? check_memory(c, e) : r;
}
