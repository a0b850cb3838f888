// SPDX-License-Identifier: Apache-2.0
/*
 * The steps of a jailer, done by the process itself.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "security/stages.h"
#include "vmm/base/path.h"

#define NETNS_DIR "/run/netns"

/* An error of a step that needs a privilege. */
static int failed(int code, const char *option, const char *what, struct err *e)
{
	if (code == -EPERM)
		return err_set(e, code, "%s: %s: permission denied: only root can", option, what);
	return err_sys(e, code, "%s: %s", option, what);
}

int jail_enter_cgroup(const char *dir, struct err *e)
{
	CLEANUP_FD int dir_fd = path_open(dir, O_PATH | O_DIRECTORY, 0);
	CLEANUP_FD int fd = dir_fd < 0 ? -1 : openat(dir_fd, "cgroup.procs", O_WRONLY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0 && errno == ENOENT)
		return err_operator(e,
			err_set(e, -ENOENT,
				"--cgroup %s: not a control group (it has no cgroup.procs): name its directory, as in "
				"/sys/fs/cgroup/NAME, and make it first",
				dir));
	/* 0: the process that writes it. */
	if (fd < 0 || write(fd, "0", 1) < 0)
		return err_operator(e, err_sys(e, -errno, "--cgroup %s", dir));
	return 0;
}

int jail_enter_netns(const char *name, struct err *e)
{
	/* A name that does not fit is too long for the kernel as well. */
	char named[sizeof(NETNS_DIR) + NAME_MAX + 2];
	const char *path = strchr(name, '/') ? name : named;
	CLEANUP_FD int fd = -1;

	snprintf(named, sizeof(named), NETNS_DIR "/%s", name);
	fd = path_open(path, O_RDONLY | O_NOCTTY | O_NONBLOCK, 0);
	if (fd < 0)
		return err_operator(e, err_sys(e, fd, "--netns %s", path));
	if (setns(fd, CLONE_NEWNET) == 0)
		return 0;
	if (errno == EINVAL)
		return err_operator(e, err_set(e, -EINVAL, "--netns %s: not a network namespace", path));
	return failed(-errno, "--netns", path, e);
}

int jail_new_netns(struct err *e)
{
	return unshare(CLONE_NEWNET) < 0 ? failed(-errno, "--netns", "a new network namespace", e) : 0;
}

int jail_change_root(const char *dir, struct err *e)
{
	CLEANUP_FD int fd = path_open(dir, O_PATH | O_DIRECTORY, 0);

	if (fd < 0 || fchdir(fd) < 0)
		return err_operator(e, err_sys(e, -errno, "--chroot %s", dir));
	if (chroot(".") < 0)
		return failed(-errno, "--chroot", dir, e);
	return 0;
}

/* Replaces the root by an empty, read-only tmpfs. */
int jail_empty_root(struct err *e)
{
	/* Any directory can be the mount point, since it becomes the root at once. */
	static const char *const places[] = {"/tmp", "/run", "/proc", "/dev"};
	int r = -ENOENT;

	if (unshare(CLONE_NEWNS) < 0)
		return failed(-errno, "--chroot", "a mount namespace", e);
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return failed(-errno, "--chroot", "a private mount namespace", e);
	for (size_t i = 0; i < ARRAY_SIZE(places) && r < 0; i++) {
		r = mount("tmpfs", places[i], "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RDONLY,
			"nr_inodes=2,mode=0555");
		r = r < 0 ? -errno : chdir(places[i]) < 0 ? -errno : 0;
	}
	if (r < 0)
		return err_sys(e, r, "--chroot: an empty root");
	/* The old root ends up on top of the new one, and is unmounted (pivot_root(2), "pivot_root(".", ".")"). */
	if (syscall(SYS_pivot_root, ".", ".") < 0)
		return errno == EINVAL ? err_set(e, -EINVAL,
						 "--chroot: pivot_root: this system's root is an initramfs, which "
						 "cannot be left: use --chroot=DIR")
				       : failed(-errno, "--chroot", "pivot_root", e);
	if (umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
		return err_sys(e, -errno, "--chroot: leaving the old root");
	return 0;
}

int jail_become(uid_t uid, gid_t gid, struct err *e)
{
	char text[64];

	snprintf(text, sizeof(text), "%u:%u", (unsigned)uid, (unsigned)gid);
	/* An ordinary user who gives their own name already has these ids. */
	if (setgroups(0, NULL) < 0 && !(errno == EPERM && geteuid() == uid && getegid() == gid && geteuid()))
		return failed(-errno, "--user", text, e);
	if (setresgid(gid, gid, gid) < 0 || setresuid(uid, uid, uid) < 0)
		return failed(-errno, "--user", text, e);
	return 0;
}

/*
 * No user of the host is mapped: nothing done later needs one, files that we make belong to the user we run as, and a
 * map would have to be written to /proc while we are dumpable.
 */
int jail_new_userns(struct err *e)
{
	if (unshare(CLONE_NEWUSER) == 0)
		return 0;
	if (errno == EPERM || errno == ENOSPC)
		return err_set(e, -errno, "--userns: this host does not permit a user namespace; `vmm check` says why");
	return err_sys(e, -errno, "--userns");
}

int sandbox_userns_available(void)
{
	int status;
	pid_t pid = fork();

	if (pid < 0)
		return -errno;
	if (!pid)
		_exit(unshare(CLONE_NEWUSER) < 0 || unshare(CLONE_NEWNS) < 0 ? errno : 0);
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) ? -WEXITSTATUS(status) : -EPERM;
}
