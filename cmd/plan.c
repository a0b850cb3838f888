// SPDX-License-Identifier: Apache-2.0
#include "cmd/plan.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "cmd/terminal.h"
#include "security/landlock.h"
#include "vmm/base/fdpath.h"
#include "vmm/check/facts.h"
#include "vmm/console/console.h"
#include "vmm/exec/exec.h"
#include "vmm/exec/files.h"
#include "vmm/kvm/exit_trace.h"
#include "vmm/machine/machine.h"
#include "vmm/machine/unpack.h"
#include "vmm/machine/virtio/kinds.h"
#include "vmm/program/flat.h"
#include "vmm/snapshot/disks.h"
#include "vmm/snapshot/working_set.h"

/* Standard streams and copies of them, /dev/kvm, kernel, initrd, the VM, its eventfds, timers and loops: about 40. */
#define FDS_BASE        64
#define FDS_PER_CPU     1
#define FDS_COMMAND     80 /* modules of its kernel, and copies of the streams */
#define FDS_GDB         8  /* listener, debugger, wake-ups, a loop, the process that owns a path */
#define FDS_PER_PROGRAM 4  /* its file, its vCPU, and a VM */
/* With a report: what the host tells of itself, and KVM's counters of each CPU */
#define FDS_REPORT         (HOST_FACTS_PARAMS_MAX + 8)
#define FDS_REPORT_PER_CPU 1

/*
 * What a guest may print to standard output that is a file, or a log grow: more than anybody reads, less than a disk.
 */
#define CALLER_FILE_BYTES (64 * GIB)

/* A descriptor of the caller's that is a file may become this much longer. */
static uint64_t caller_file(int fd)
{
	struct stat st;

	return fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) ? 0 : (uint64_t)st.st_size + CALLER_FILE_BYTES;
}

static uint64_t caller_path(const char *path)
{
	return path ? caller_file(fd_of_path(path)) : 0;
}

static uint64_t largest_stream(void)
{
	return MAX(caller_file(STDOUT_FILENO), caller_file(STDERR_FILENO));
}

/* How large a file of ours can become: the limit is one for all files. 0: a file without a cap was asked for. */
static uint64_t largest_file(const struct config *c)
{
	struct virtio_needs needs;
	uint64_t largest = MAX(1, largest_stream()), copied = 0;

	if (c->console == CONSOLE_FILE && !c->console_cap_bytes)
		return 0;
	largest = MAX(largest, MAX(caller_path(c->console_path), MAX(caller_path(c->report), caller_path(c->trace))));
	if (c->console == CONSOLE_FILE)
		largest = MAX(largest, c->console_cap_bytes);
	/* Bounded by what is kept in memory until then: 300 bytes for each event, 2 lines of 120 for each exit. */
	if (c->report)
		largest = MAX(largest, 16 * MIB);
	if (c->trace)
		largest = MAX(largest, 16 * MIB + c->cpus * UINT64_C(240) * EXIT_TRACE_MAX);
	if (c->working_set)
		largest = MAX(largest, WORKING_SET_FILE_MAX);
	if (c->core)
		largest = MAX(largest, machine_core_largest(c));
	if (c->out)
		largest = MAX(largest, (uint64_t)UNPACK_BYTES_MAX);
	for (size_t i = 0; virtio_needs(c, i, &needs); i++) {
		struct stat st;

		if (!needs.opens)
			continue;
		/* OPEN will say what is wrong with it. An overlay is a file as large as its image. */
		if (stat(needs.opens, &st) < 0 || (S_ISBLK(st.st_mode) && needs.copies))
			return 0;
		if (S_ISREG(st.st_mode))
			largest = MAX(largest, (uint64_t)st.st_size);
		if (needs.copies)
			copied += snapshot_overlay_bytes((uint64_t)st.st_size);
	}
	/* A snapshot has what is in the overlays as well. */
	return c->snapshot ? MAX(largest, machine_snapshot_largest(c) + copied) : largest;
}

/* A path that names a descriptor; what we start, as passt, does not get it. */
static void keep_path(const char *path, struct sandbox_plan *plan)
{
	int fd = path ? fd_of_path(path) : -1;

	if (fd <= STDERR_FILENO || plan->nr_keep == SANDBOX_KEEP_MAX)
		return;
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	plan->keep[plan->nr_keep++] = fd;
}

/* Descriptors that were passed to us on purpose. */
static void keep_fds(const struct config *c, struct sandbox_plan *plan)
{
	CLEANUP_FREE char *snapshot = c->snapshot ? machine_snapshot_path(c->snapshot) : NULL;
	const char *const paths[] = {c->kernel, c->initrd, c->console_path, c->report, c->trace, snapshot};

	for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
		keep_path(paths[i], plan);
}

static uint32_t devices_of(const struct config *c)
{
	return SANDBOX_HAS(PIT) | (c->report || c->trace || c->working_set ? SANDBOX_HAS(REPORT) : 0) |
		(c->gdb ? SANDBOX_HAS(GDB) : 0) | (c->core ? SANDBOX_HAS(CORE) : 0) |
		(c->snapshot ? SANDBOX_HAS(SNAPSHOT) : 0) | (config_is_each(c) ? SANDBOX_HAS(RESET) : 0);
}

static void allow_path(struct sandbox_plan *plan, const struct sandbox_path *path)
{
	if (plan->nr_paths < SANDBOX_PATHS_MAX)
		plan->path[plan->nr_paths++] = *path;
}

static void plan_virtio(const struct config *c, struct sandbox_plan *plan)
{
	struct virtio_needs needs;

	for (size_t i = 0; virtio_needs(c, i, &needs); i++) {
		plan->devices |= needs.sandbox;
		plan->max_fds += needs.fds;
		keep_path(needs.opens, plan);
		if (needs.fd >= 0 && plan->nr_keep < SANDBOX_KEEP_MAX)
			plan->keep[plan->nr_keep++] = needs.fd;
	}
}

void plan_early(const struct config *config, struct sandbox_plan *ret)
{
	*ret = (struct sandbox_plan){
		.mode = config->sandbox,
		.jail =
			{
				.user = config->user,
				.uid = config->uid,
				.gid = config->gid,
				/* In a user namespace all files would belong to nobody. */
				.userns = config->nr_shares ? SANDBOX_USERNS_OFF : config->userns,
				.chroot = config->chroot,
				.netns = config->netns,
				.cgroup = config->cgroup,
			},
		.max_fds = FDS_BASE + FDS_PER_CPU * config->cpus + (config->gdb ? FDS_GDB : 0) +
			(config->root ? FDS_COMMAND : 0) +
			(config->report || config->trace ? FDS_REPORT + FDS_REPORT_PER_CPU * config->cpus : 0),
		.max_file_bytes = largest_file(config),
		.devices = devices_of(config),
		.fds = SANDBOX_NO_FDS,
		.report_fd = -1,
	};
	keep_fds(config, ret);
	plan_virtio(config, ret);
}

void plan_restored(int fd, struct sandbox_plan *plan)
{
	if (fd < 0)
		return;
	if (plan->nr_keep < SANDBOX_KEEP_MAX)
		plan->keep[plan->nr_keep++] = fd;
	if (plan->devices & SANDBOX_HAS(BALLOON))
		plan->devices |= SANDBOX_HAS(GIVEN_BACK);
}

/*
 * A descriptor of the caller's that the console or the log goes to; see vmm/host/nbio.h. That of a file is not named: a
 * log that is open for appending stays so.
 */
static void plan_stream(int fd, struct sandbox_plan *plan)
{
	int *named = plan->fds.of[SANDBOX_FD_STREAM];
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return;
	if (S_ISSOCK(st.st_mode))
		plan->devices |= SANDBOX_HAS(STREAM);
	if (!S_ISCHR(st.st_mode) && !S_ISFIFO(st.st_mode))
		return;
	plan->devices |= SANDBOX_HAS(FILES);
	/* The standard streams have the places of their numbers, any other the last. */
	named[MIN(fd, SANDBOX_FD_MAX - 1)] = fd;
}

void plan_streams(const struct terminal *terminal, int report_fd, struct sandbox_plan *plan)
{
	plan->report_fd = report_fd;
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		plan_stream(fd, plan);
	if (terminal) {
		plan->devices |= SANDBOX_HAS(TERMINAL);
		plan->last_words = terminal_restore;
	}
}

void plan_confine(const struct config *config, const struct terminal *terminal, const struct machine *machine,
	int report_fd, struct sandbox_plan *plan)
{
	plan_streams(terminal, report_fd, plan);
	plan_opened(config, machine, plan);
}

void plan_opened(const struct config *config, const struct machine *machine, struct sandbox_plan *plan)
{
	/* Where the thread of role STATE makes its files */
	const char *const dirs[] = {machine_core_dir(machine), machine_snapshot_dir(machine)};
	const char *share;

	if (config->console == CONSOLE_PTY) {
		plan->devices |= SANDBOX_HAS(PTY);
		/* To see at the end whether anybody reads it. */
		allow_path(plan,
			&(struct sandbox_path){console_pty_name(machine_console(machine)),
				LL_READ_FILE | LL_WRITE_FILE | LL_IOCTL_DEV, false, false});
	}
	if (config->console == CONSOLE_FILE)
		plan_stream(fd_of_path(config->console_path), plan);
	if (config->console == CONSOLE_SOCKET)
		plan->devices |= SANDBOX_HAS(SOCKET);
	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++)
		if (dirs[i])
			allow_path(plan,
				&(struct sandbox_path){
					dirs[i], LL_WRITE_FILE | LL_MAKE_REG | LL_REMOVE_FILE, false, false});
	for (size_t i = 0; (share = machine_share_dir(machine, i)); i++)
		allow_path(plan, &(struct sandbox_path){share, LL_READ_FILE | LL_READ_DIR, false, true});
	/* To say how many pages are free, when they are too few. */
	if (config->backing == BACKING_HUGE_2M || config->backing == BACKING_HUGE_1G)
		allow_path(plan, &(struct sandbox_path){"/sys/kernel/mm/hugepages", LL_READ_FILE, true, false});
}

void plan_flat_early(enum sandbox_mode mode, const struct flat_config *config, struct sandbox_plan *ret)
{
	*ret = (struct sandbox_plan){
		.mode = mode,
		.max_fds = FDS_BASE + FDS_PER_PROGRAM * (uint64_t)config->nr + (config->gdb ? FDS_GDB : 0),
		/* Nothing is written but the output. */
		.max_file_bytes = MAX(1, largest_stream()),
		.devices = SANDBOX_HAS(FLAT) | (config->gdb ? SANDBOX_HAS(GDB) : 0),
		.fds = SANDBOX_NO_FDS,
		.report_fd = -1,
	};
	for (unsigned i = 0; i < config->nr; i++)
		keep_path(config->source[i].path, ret);
}

void plan_flat_confine(const struct terminal *terminal, int report_fd, struct sandbox_plan *plan)
{
	plan_streams(terminal, report_fd, plan);
}

void plan_exec_early(enum sandbox_mode mode, const struct exec_config *config, struct sandbox_plan *ret)
{
	bool any = config->nr_ro || config->nr_rw || config->system;

	*ret = (struct sandbox_plan){
		.mode = mode,
		.max_fds = FDS_BASE + LIBRARIES_MAX + 2 * MOUNTS_MAX + (any ? EXEC_FILES_MAX : 0),
		/* Nothing is written but the streams, unless there is --rw. */
		.max_file_bytes = config->nr_rw ? 0 : MAX(MAX(1, largest_stream()), caller_file(STDIN_FILENO)),
		/* In a user namespace all files would belong to nobody. */
		.jail = {.userns = any ? SANDBOX_USERNS_OFF : SANDBOX_USERNS_AUTO},
		.devices = (any ? SANDBOX_HAS(TREE) : 0) | (config->nr_rw ? SANDBOX_HAS(CHANGES) : 0) |
			(config->rounds ? SANDBOX_HAS(ROUNDS) : 0),
		.fds = SANDBOX_NO_FDS,
		.report_fd = -1,
	};
	keep_path(config->path, ret);
}

/* The same again, by the host's kernel: what a bug of ours lets through must not reach other files. */
static void plan_mount(const struct mount *m, struct sandbox_plan *plan)
{
	uint64_t rights = LL_READ_FILE;

	if (m->root < 0)
		return;
	if (m->file < 0)
		rights |= LL_READ_DIR;
	if (m->writable)
		rights |= LL_WRITE_FILE | LL_TRUNCATE;
	if (m->writable && m->file < 0)
		rights |= LL_REMOVE_DIR | LL_REMOVE_FILE | LL_MAKE_DIR | LL_MAKE_REG | LL_MAKE_SYM | LL_REFER;
	allow_path(plan, &(struct sandbox_path){m->rule, rights, false, false});
}

void plan_exec_confine(const struct mounts *mounts, int report_fd, struct sandbox_plan *plan)
{
	for (unsigned i = 0; i < mounts->nr; i++)
		plan_mount(&mounts->of[i], plan);
	plan_streams(NULL, report_fd, plan);
}
