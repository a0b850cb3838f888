// SPDX-License-Identifier: Apache-2.0
/*
 * /dev and /proc: what programs and C libraries look for there, about the program itself alone.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <time.h>

#include "vmm/exec/task.h"
#include "vmm/exec/walk.h"

enum {
	MAPS = EXEC_PROC_FILE,
	STATUS,
	STAT,
	STATM,
	CMDLINE,
	COMM,
	MOUNTS,
	MEMINFO,
	UPTIME,
	VERSION,
	FILESYSTEMS,
	OVERCOMMIT
};

/** struct fixed - a node that is always there; @target: of a link */
struct fixed {
	const char *path;
	uint8_t kind;
	uint16_t rights;
	int what;
	const char *target;
};

static const struct fixed fixed[] = {
	{"/dev/null", TREE_DEVICE, 0666, EXEC_DEV_NULL, NULL},
	{"/dev/zero", TREE_DEVICE, 0666, EXEC_DEV_ZERO, NULL},
	{"/dev/full", TREE_DEVICE, 0666, EXEC_DEV_FULL, NULL},
	{"/dev/random", TREE_DEVICE, 0666, EXEC_DEV_RANDOM, NULL},
	{"/dev/urandom", TREE_DEVICE, 0666, EXEC_DEV_URANDOM, NULL},
	{"/dev/tty", TREE_DEVICE, 0666, EXEC_DEV_TTY, NULL},
	{"/dev/fd", TREE_LINK, 0777, 0, "/proc/self/fd"},
	{"/dev/stdin", TREE_LINK, 0777, 0, "/proc/self/fd/0"},
	{"/dev/stdout", TREE_LINK, 0777, 0, "/proc/self/fd/1"},
	{"/dev/stderr", TREE_LINK, 0777, 0, "/proc/self/fd/2"},
	{"/proc/self", TREE_LINK, 0777, 0, "2"},
	{"/proc/thread-self", TREE_LINK, 0777, 0, "2"},
	{"/proc/mounts", TREE_LINK, 0777, 0, "self/mounts"},
	{"/proc/2/fd", TREE_DIR, 0500, EXEC_PROC_FDS, NULL},
	{"/proc/2/exe", TREE_PROC, 0777, EXEC_PROC_EXE, NULL},
	{"/proc/2/cwd", TREE_PROC, 0777, EXEC_PROC_CWD, NULL},
	{"/proc/2/root", TREE_PROC, 0777, EXEC_PROC_ROOT, NULL},
	{"/proc/2/maps", TREE_PROC, 0444, MAPS, NULL},
	{"/proc/2/status", TREE_PROC, 0444, STATUS, NULL},
	{"/proc/2/stat", TREE_PROC, 0444, STAT, NULL},
	{"/proc/2/statm", TREE_PROC, 0444, STATM, NULL},
	{"/proc/2/cmdline", TREE_PROC, 0444, CMDLINE, NULL},
	{"/proc/2/comm", TREE_PROC, 0444, COMM, NULL},
	{"/proc/2/mounts", TREE_PROC, 0444, MOUNTS, NULL},
	{"/proc/meminfo", TREE_PROC, 0444, MEMINFO, NULL},
	{"/proc/uptime", TREE_PROC, 0444, UPTIME, NULL},
	{"/proc/version", TREE_PROC, 0444, VERSION, NULL},
	{"/proc/filesystems", TREE_PROC, 0444, FILESYSTEMS, NULL},
	{"/proc/sys/vm/overcommit_memory", TREE_PROC, 0444, OVERCOMMIT, NULL},
};

static int add_fixed(struct tree *t, const struct fixed *x)
{
	const char *name = strrchr(x->path, '/') + 1;
	char dir[64];
	uint32_t parent, node;
	int r;

	snprintf(dir, sizeof(dir), "%.*s", (int)(name - x->path), x->path);
	r = tree_path(t, dir, &parent);
	if (r == 0 && x->target)
		return tree_add_link(t, parent, name, strlen(name), x->target);
	if (r == 0)
		r = tree_add(t, parent, name, strlen(name), x->kind, x->rights, &node);
	if (r == 0)
		t->node[node].what = x->what;
	return r;
}

/* They are mounts, so that they are there whatever of the host is at "/". */
int exec_proc_add(struct exec_files *f)
{
	static const char *const own[] = {"/dev", "/proc"};
	uint32_t node;
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(fixed); i++)
		r = add_fixed(&f->tree, &fixed[i]);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(own); i++) {
		r = tree_path(&f->tree, own[i], &node);
		if (r == 0)
			r = mounts_add_node(&f->mounts, own[i], node, false);
		/* The operator's own is what counts. */
		if (r == -EEXIST)
			r = 0;
	}
	return r;
}

void exec_node_stat(const struct exec_task *t, uint32_t node, struct stat *ret)
{
	static const uint8_t minors[] = {
		[EXEC_DEV_NULL] = 3,
		[EXEC_DEV_ZERO] = 5,
		[EXEC_DEV_FULL] = 7,
		[EXEC_DEV_RANDOM] = 8,
		[EXEC_DEV_URANDOM] = 9,
		[EXEC_DEV_TTY] = 0,
	};
	const struct tree_node *n = &t->files->tree.node[node];

	if (n->kind == TREE_OPENED) {
		*ret = t->files->libraries->of[n->what].st;
		return;
	}
	tree_stat(&t->files->tree, node, ret);
	if (n->kind == TREE_DEVICE)
		ret->st_rdev = makedev(n->what == EXEC_DEV_TTY ? 5 : 1, minors[n->what]);
	if (exec_proc_is_link(n))
		ret->st_mode = S_IFLNK | n->rights;
}

bool exec_proc_is_link(const struct tree_node *n)
{
	return n->kind == TREE_PROC && n->what < EXEC_PROC_FILE;
}

/* As a name of the program has it: that of the root directory is "/". */
static size_t copy_name(const char *name, char *ret)
{
	return (size_t)snprintf(ret, PATH_MAX, "%s", *name ? name : "/");
}

size_t exec_proc_link(const struct exec_task *t, const struct tree_node *n, char ret[static PATH_MAX])
{
	const struct exec_files *f = t->files;

	switch (n->what) {
	case EXEC_PROC_EXE: return copy_name(t->path, ret);
	case EXEC_PROC_CWD: return copy_name(f->name[f->cwd], ret);
	default: return copy_name("", ret);
	}
}

size_t exec_fd_link(struct exec_task *t, const struct exec_open *o, char ret[static PATH_MAX])
{
	static const char *const names[] = {[EXEC_EVENT] = "eventfd",
		[EXEC_EPOLL] = "eventpoll",
		[EXEC_TIMERFD] = "timerfd",
		[EXEC_SIGNALFD] = "signalfd"};
	struct stat st;
	const char *what;

	if (o->kind < ARRAY_SIZE(names) && names[o->kind])
		return (size_t)snprintf(ret, PATH_MAX, "anon_inode:[%s]", names[o->kind]);
	if (o->kind == EXEC_HOST || o->kind == EXEC_NODE)
		return copy_name(exec_files_name(t->files, o), ret);
	if (exec_open_status(t, o, &st) < 0)
		memset(&st, 0, sizeof(st));
	what = S_ISFIFO(st.st_mode) ? "pipe" : S_ISSOCK(st.st_mode) ? "socket" : "stream";
	return (size_t)snprintf(ret, PATH_MAX, "%s:[%" PRIu64 "]", what, (uint64_t)st.st_ino);
}

/* --- Files -------------------------------------------------------------------------------------------------- */

/** struct text - truncated at @size */
struct text {
	char *buf;
	size_t size;
	size_t used;
};

static void PRINTF(2, 3) add(struct text *x, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(x->buf + x->used, x->size - x->used, fmt, ap);
	va_end(ap);
	x->used = MIN(x->used + (size_t)MAX(n, 0), x->size - 1);
}

static void put_maps(struct text *x, const struct exec_task *t)
{
	static const char *const names[] = {[AREA_HEAP] = "[heap]", [AREA_STACK] = "[stack]"};
	const struct area *a;

	for (size_t i = 0; (a = space_nth(&t->space, i)); i++) {
		const char *name = a->kind == AREA_IMAGE ? t->path
			: a->kind == AREA_VDSO           ? (a->rights & SPACE_X ? "[vdso]" : "[vvar]")
			: a->kind < ARRAY_SIZE(names)    ? names[a->kind]
							 : NULL;

		add(x, "%" PRIx64 "-%" PRIx64 " %c%c%cp 00000000 00:00 0", a->start, a->end,
			a->rights & SPACE_R ? 'r' : '-', a->rights & SPACE_W ? 'w' : '-',
			a->rights & SPACE_X ? 'x' : '-');
		add(x, name ? "%26s%s\n" : "%s%s\n", "", name ? name : "");
	}
}

static uint64_t mapped_bytes(const struct exec_task *t)
{
	const struct area *a;
	uint64_t bytes = 0;

	for (size_t i = 0; (a = space_nth(&t->space, i)); i++)
		bytes += a->end - a->start;
	return bytes;
}

static void put_status(struct text *x, const struct exec_task *t)
{
	uint64_t size = mapped_bytes(t) / KIB, used = (uint64_t)t->space.used * (PAGE_4K / KIB);

	add(x, "Name:\t%s\nUmask:\t%04o\nState:\tR (running)\nTgid:\t%d\nNgid:\t0\nPid:\t%d\nPPid:\t1\nTracerPid:\t0\n",
		t->name, t->files->mask, EXEC_PID, EXEC_PID);
	add(x, "Uid:\t%d\t%d\t%d\t%d\nGid:\t%d\t%d\t%d\t%d\n", EXEC_ID, EXEC_ID, EXEC_ID, EXEC_ID, EXEC_ID, EXEC_ID,
		EXEC_ID, EXEC_ID);
	add(x, "FDSize:\t%d\nGroups:\t\nVmPeak:\t%8" PRIu64 " kB\nVmSize:\t%8" PRIu64 " kB\n", EXEC_FILES_MAX, size,
		size);
	add(x, "VmHWM:\t%8" PRIu64 " kB\nVmRSS:\t%8" PRIu64 " kB\nThreads:\t%u\n",
		(uint64_t)t->space.most * (PAGE_4K / KIB), used, t->nr_threads);
	add(x, "SigBlk:\t%016" PRIx64 "\nNoNewPrivs:\t1\nSeccomp:\t0\nCpus_allowed:\t1\nCpus_allowed_list:\t0\n",
		t->now->blocked);
}

static void put_stat(struct text *x, const struct exec_task *t)
{
	add(x, "%d (%s) R 1 %d %d 0 -1 0 %" PRIu64, EXEC_PID, t->name, EXEC_PID, EXEC_PID, t->faults);
	add(x, " 0 0 0 0 0 0 0 20 0 1 0 0 %" PRIu64 " %u", mapped_bytes(t), t->space.used);
	for (int i = 25; i <= 52; i++)
		add(x, " 0");
	add(x, "\n");
}

static void put_mounts(struct text *x, const struct exec_task *t)
{
	const struct mounts *m = &t->files->mounts;

	for (unsigned i = 0; i < m->nr; i++)
		add(x, "%s %s %s %s 0 0\n", m->of[i].root < 0 ? "vmm" : "host", *m->of[i].at ? m->of[i].at : "/",
			m->of[i].root < 0 ? "tmpfs" : "vmm", m->of[i].writable ? "rw" : "ro");
}

static void put_system(struct text *x, const struct exec_task *t, int what)
{
	uint64_t all = (uint64_t)t->space.pages * (PAGE_4K / KIB),
		 left = all - (uint64_t)t->space.used * (PAGE_4K / KIB);
	struct timespec up = {0};

	switch (what) {
	case MEMINFO:
		add(x,
			"MemTotal:       %8" PRIu64 " kB\nMemFree:        %8" PRIu64 " kB\nMemAvailable:   %8" PRIu64
			" kB\n",
			all, left, left);
		add(x, "Buffers:               0 kB\nCached:                0 kB\nSwapTotal:             0 kB\n");
		add(x, "SwapFree:              0 kB\n");
		break;
	case UPTIME:
		clock_gettime(CLOCK_BOOTTIME, &up);
		add(x, "%lld.%02ld 0.00\n", (long long)up.tv_sec, up.tv_nsec / 10000000);
		break;
	case VERSION: add(x, "Linux version 6.1.0 (vmm exec) #1\n"); break;
	case FILESYSTEMS: add(x, "nodev\ttmpfs\nnodev\tproc\n"); break;
	default: add(x, "1\n");
	}
}

size_t exec_proc_text(struct exec_task *t, const struct tree_node *n, char *buf, size_t size)
{
	struct text x = {buf, size, 0};

	switch (n->what) {
	case MAPS: put_maps(&x, t); break;
	case STATUS: put_status(&x, t); break;
	case STAT: put_stat(&x, t); break;
	case STATM: add(&x, "%" PRIu64 " %u 0 0 0 0 0\n", mapped_bytes(t) / PAGE_4K, t->space.used); break;
	case CMDLINE:
		for (const char *const *arg = t->argv; arg && *arg && x.used + 1 < x.size; arg++) {
			add(&x, "%s", *arg);
			x.used = MIN(x.used + 1, x.size - 1);
		}
		break;
	case COMM: add(&x, "%s\n", t->name); break;
	case MOUNTS: put_mounts(&x, t); break;
	default: put_system(&x, t, n->what);
	}
	return x.used;
}
