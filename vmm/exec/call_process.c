// SPDX-License-Identifier: Apache-2.0
#include <asm/prctl.h>
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <time.h>

#include "vmm/exec/image.h"
#include "vmm/exec/task.h"

#define RLIMITS        16
#define RANDOM_MAX     UINT64_C(0x7fffffff)
#define GRND_INSECURE_ 4

/* --- Who it is --------------------------------------------------------------------------------------------- */

int64_t exec_sys_getpid(struct exec_task *t, const uint64_t *a)
{
	return EXEC_PID;
}

int64_t exec_sys_getppid(struct exec_task *t, const uint64_t *a)
{
	return 1;
}

int64_t exec_sys_getid(struct exec_task *t, const uint64_t *a)
{
	return EXEC_ID;
}

int64_t exec_sys_of_itself(struct exec_task *t, const uint64_t *a)
{
	return !(uint32_t)a[0] || (uint32_t)a[0] == EXEC_PID ? EXEC_PID : -ESRCH;
}

int64_t exec_sys_setpgid(struct exec_task *t, const uint64_t *a)
{
	int64_t r = exec_sys_of_itself(t, a);

	if (r < 0)
		return r;
	return !(uint32_t)a[1] || (uint32_t)a[1] == EXEC_PID ? 0 : -EPERM;
}

int64_t exec_sys_setsid(struct exec_task *t, const uint64_t *a)
{
	return -EPERM;
}

int64_t exec_sys_wait4(struct exec_task *t, const uint64_t *a)
{
	return -ECHILD;
}

int64_t exec_sys_uname(struct exec_task *t, const uint64_t *a)
{
	static const struct utsname name = {
		.sysname = "Linux",
		.nodename = "vmm",
		.release = "6.1.0",
		.version = "#1 vmm exec",
		.machine = "x86_64",
		.domainname = "(none)",
	};

	return space_write(&t->space, a[0], &name, sizeof(name));
}

int64_t exec_sys_sysinfo(struct exec_task *t, const uint64_t *a)
{
	struct timespec up = {0};
	struct sysinfo s;

	memset(&s, 0, sizeof(s));
	clock_gettime(CLOCK_BOOTTIME, &up);
	s.uptime = up.tv_sec;
	s.totalram = t->space.pages;
	s.freeram = t->space.pages - t->space.used;
	s.procs = 1;
	s.mem_unit = PAGE_4K;
	return space_write(&t->space, a[0], &s, sizeof(s));
}

/* --- Its processor ----------------------------------------------------------------------------------------- */

int64_t exec_sys_arch_prctl(struct exec_task *t, const uint64_t *a)
{
	uint64_t base;
	int r;

	switch (a[0]) {
	case ARCH_SET_FS:
	case ARCH_SET_GS: return a[1] >= SPACE_HIGH ? -EPERM : t->ops->set_base(t, a[0] == ARCH_SET_GS, a[1]);
	case ARCH_GET_FS:
	case ARCH_GET_GS:
		r = t->ops->get_base(t, a[0] == ARCH_GET_GS, &base);
		return r < 0 ? r : space_write(&t->space, a[1], &base, sizeof(base));
	default: return -EINVAL;
	}
}

int64_t exec_sys_sched_getaffinity(struct exec_task *t, const uint64_t *a)
{
	uint64_t first = 1;
	int r;

	if ((uint32_t)a[0] && !exec_thread_of(t, (int)a[0]))
		return -ESRCH;
	if (a[1] < sizeof(first) || a[1] % sizeof(first))
		return -EINVAL;
	r = space_write(&t->space, a[2], &first, sizeof(first));
	return r < 0 ? r : (int64_t)sizeof(first);
}

int64_t exec_sys_getcpu(struct exec_task *t, const uint64_t *a)
{
	const uint32_t zero = 0;
	int r = 0;

	for (int i = 0; r == 0 && i < 2; i++)
		if (a[i])
			r = space_write(&t->space, a[i], &zero, sizeof(zero));
	return r;
}

int64_t exec_sys_getrandom(struct exec_task *t, const uint64_t *a)
{
	uint64_t len = MIN(a[1], RANDOM_MAX), done = 0;

	if (a[2] & ~(uint64_t)(GRND_NONBLOCK | GRND_RANDOM | GRND_INSECURE_) ||
		(a[2] & GRND_RANDOM && a[2] & GRND_INSECURE_))
		return -EINVAL;
	while (done < len && !atomic_load_explicit(t->stop, memory_order_relaxed)) {
		uint8_t *window;
		size_t n;
		ssize_t got;
		int r = space_window(&t->space, a[0] + done, len - done, SPACE_W, &window, &n);

		if (r < 0)
			return done ? (int64_t)done : r;
		got = getrandom(window, n, 0);
		if (got < 0 && errno != EINTR)
			return -errno;
		done += got < 0 ? 0 : (uint64_t)got;
	}
	return (int64_t)done;
}

/* --- Limits and names -------------------------------------------------------------------------------------- */

static struct rlimit64 limit_of(const struct exec_task *t, uint64_t which)
{
	switch (which) {
	case RLIMIT_STACK: return (struct rlimit64){IMAGE_STACK_SIZE, RLIM64_INFINITY};
	case RLIMIT_NOFILE: return (struct rlimit64){EXEC_FILES_MAX, EXEC_FILES_MAX};
	case RLIMIT_CORE: return (struct rlimit64){0, 0};
	case RLIMIT_NPROC: return (struct rlimit64){1, 1};
	case RLIMIT_NICE:
	case RLIMIT_RTPRIO: return (struct rlimit64){0, 0};
	default: return (struct rlimit64){RLIM64_INFINITY, RLIM64_INFINITY};
	}
}

int64_t exec_sys_prlimit64(struct exec_task *t, const uint64_t *a)
{
	uint32_t which = (uint32_t)a[1];
	struct rlimit64 limit;
	int r = 0;

	if ((uint32_t)a[0] && (uint32_t)a[0] != EXEC_PID)
		return -ESRCH;
	if (which >= RLIMITS)
		return -EINVAL;
	if (a[2])
		r = space_read(&t->space, a[2], &limit, sizeof(limit));
	if (r == 0 && a[2] && limit.rlim_cur > limit.rlim_max)
		r = -EINVAL;
	if (r < 0 || !a[3])
		return r;
	limit = limit_of(t, which);
	return space_write(&t->space, a[3], &limit, sizeof(limit));
}

int64_t exec_sys_getrlimit(struct exec_task *t, const uint64_t *a)
{
	return exec_sys_prlimit64(t, (const uint64_t[]){0, a[0], 0, a[1]});
}

static int64_t set_name(struct exec_task *t, uint64_t at)
{
	char name[EXEC_NAME_MAX];
	ptrdiff_t len = space_string(&t->space, at, name, sizeof(name));

	if (len == -EFAULT)
		return len;
	name[sizeof(name) - 1] = '\0';
	memcpy(t->name, name, sizeof(name));
	return 0;
}

int64_t exec_sys_prctl(struct exec_task *t, const uint64_t *a)
{
	switch ((uint32_t)a[0]) {
	case PR_SET_NAME: return set_name(t, a[1]);
	case PR_GET_NAME: return space_write(&t->space, a[1], t->name, sizeof(t->name));
	case PR_GET_DUMPABLE: return 0;
	case PR_SET_DUMPABLE: return a[1] > 1 ? -EINVAL : 0;
	case PR_GET_NO_NEW_PRIVS: return 1;
	case PR_SET_NO_NEW_PRIVS: return a[1] == 1 && !a[2] && !a[3] && !a[4] ? 0 : -EINVAL;
	default: return -EINVAL;
	}
}
