// SPDX-License-Identifier: Apache-2.0
/*
 * The jail: another user, root, network and control group, and the namespace of an ordinary user's machine.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "security/landlock.h"
#include "security/sandbox.h"
#include "security/stages.h"
#include "tests/support/unit.h"
#include "tests/unit/security/stage_kit.h"

static const struct refusal *refused;

/* As root: out of it, into an empty root, without a network. */
static void the_whole_jail(void)
{
	struct sandbox_plan plan = plan_of(SANDBOX_STRICT);
	struct sandbox s = {0};
	struct err e = {0};
	struct stat st;
	int net, mine;

	plan.jail.user = true;
	plan.jail.uid = 1234;
	plan.jail.gid = 2345;
	plan.jail.chroot = "";
	plan.jail.netns = "";
	must(sandbox_early(&s, &plan, &e) == 0);
	sandbox_open(&s, NULL);
	net = open("/proc/self/net/dev", O_RDONLY);
	mine = open("/proc/self/status", O_RDONLY);
	must(net >= 0 && mine >= 0);
	if (sandbox_confine(&s, &e) < 0) {
		dprintf(2, "%s\n", e.text);
		_exit(strstr(e.text, "initramfs") ? 0 : 98);
	}
	must(getuid() == 1234 && geteuid() == 1234 && getgid() == 2345 && getegid() == 2345);
	must(getgroups(0, NULL) == 0);
	must(s.got.not_dumpable && prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0);
	must(setuid(0) < 0);
	must(s.got.own_root && s.got.netns && s.got.uid == 1234 && s.got.gid == 2345);
	must(proc_number(mine, "CapEff:", 16) == 0 && proc_number(mine, "CapBnd:", 16) == 0);
	must(stat("/", &st) == 0 && st.st_nlink == 2 && (st.st_mode & 07777) == 0555);
	must(stat("/etc", &st) < 0 && errno == ENOENT);
	must(stat("..", &st) == 0 && stat("../etc", &st) < 0);
}

static void wrong_jails(void)
{
	static const struct {
		struct sandbox_jail jail;
		const char *words;
	} wrong[] = {
		{{.chroot = "/nowhere"}, "--chroot /nowhere: No such file"},
		{{.netns = "/nowhere"}, "--netns /nowhere: No such file"},
		{{.netns = "/dev/null"}, "--netns /dev/null: not a network namespace"},
		{{.netns = "none-such"}, "--netns /run/netns/none-such: No such file"},
		{{.cgroup = "/tmp"}, "--cgroup /tmp: not a control group"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		struct sandbox_plan plan = plan_of(SANDBOX_OFF);
		struct sandbox s = {0};
		struct err e = {0};

		plan.jail = wrong[i].jail;
		must(run_stages(&s, &plan, &e) < 0);
		if (strncmp(e.text, wrong[i].words, strlen(wrong[i].words))) {
			dprintf(2, "'%s' is not '%s'\n", e.text, wrong[i].words);
			_exit(97);
		}
	}
}

static const struct refusal jail_refusals[] = {
	{SYS_unshare, 0, CLONE_NEWNET, -1, "--netns: a new network namespace: permission denied: only root can", true},
	{SYS_unshare, 0, CLONE_NEWNS, -1, "--chroot: a mount namespace: permission denied: only root can", true},
	{SYS_mount, -1, 0, -1, "--chroot: a private mount namespace: permission denied: only root can", true},
	{SYS_mount, 3, MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RDONLY, -1, "--chroot: an empty root: ", true},
	{SYS_umount2, -1, 0, -1, "--chroot: leaving the old root: ", true},
	{SYS_setgroups, -1, 0, -1, "--user: 1234:2345: permission denied: only root can", true},
	{SYS_setresgid, -1, 0, -1, "--user: 1234:2345: permission denied: only root can", true},
	{SYS_setresuid, -1, 0, -1, "--user: 1234:2345: permission denied: only root can", true},
};

static void jail_without(void)
{
	struct sandbox_plan plan = plan_of(SANDBOX_OFF);
	struct sandbox s = {0};
	struct err e = {0};
	int r;

	plan.jail = (struct sandbox_jail){.user = true, .uid = 1234, .gid = 2345, .chroot = "", .netns = ""};
	host_refuses(refused);
	r = run_stages(&s, &plan, &e);
	/* In a container the root may be one that cannot be left. */
	must(r < 0 && (strstr(e.text, refused->words) || strstr(e.text, "initramfs")));
	must(getuid() == 0);
}

/* What the operator has requested explicitly is an error when it is not available, in every mode. */
static void each_step_of_the_jail_is_refused(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(jail_refusals); i++) {
		int status;

		/*
		 * The C library makes these for all threads, and aborts where one has another answer: ThreadSanitizer's
		 * own thread does not have this test's filter.
		 */
		if (UNDER_TSAN && !strncmp(jail_refusals[i].words, "--user", 6))
			continue;
		refused = &jail_refusals[i];
		status = status_of(jail_without);
		if (status)
			fail_msg("a jail without '%s': status 0x%x", refused->words, status);
	}
}

/* An ordinary user gets an error about what only root can do. */
static void a_users_jail(void)
{
	struct sandbox_plan plan = plan_of(SANDBOX_STRICT);
	struct sandbox s = {0};
	struct err e = {0};

	must(setresgid(2345, 2345, 2345) == 0 && setresuid(1234, 1234, 1234) == 0);
	plan.jail.chroot = "/";
	must(run_stages(&s, &plan, &e) == -EPERM);
	must(strstr(e.text, "--chroot: /: permission denied: only root can") != NULL);
}

static void a_user_needs_nothing(void)
{
	struct sandbox_plan plan = plan_of(SANDBOX_STRICT);
	struct sandbox s = {0};
	struct err e = {0};

	if (!getuid())
		must(setgroups(0, NULL) == 0 && setresgid(2345, 2345, 2345) == 0 && setresuid(1234, 1234, 1234) == 0);
	must(run_stages(&s, &plan, &e) == 0);
	must(!s.got.bounding_empty && s.got.no_capabilities && s.got.landlock_abi > 0);
	must(sandbox_lock(&s, SANDBOX_VCPU, NULL) == 0);
}

/* The process is in the group when the kernel has taken its number; what looks like a group may refuse it. */
static void a_cgroup(void)
{
	char dir[] = "/tmp/vmm-cgroup-XXXXXX", file[64], text[8] = "";
	struct err e = {0};
	int fd;

	must(mkdtemp(dir) != NULL);
	snprintf(file, sizeof(file), "%s/cgroup.procs", dir);
	fd = open(file, O_RDWR | O_CREAT | O_EXCL, 0600);
	must(fd >= 0);
	must(jail_enter_cgroup(dir, &e) == 0 && !*e.text);
	must(read(fd, text, sizeof(text)) == 1 && !strcmp(text, "0"));
	must(unlink(file) == 0 && mkdir(file, 0700) == 0);
	must(jail_enter_cgroup(dir, &e) == -EISDIR && !strncmp(e.text, "--cgroup /tmp/vmm-cgroup-", 25));
	/* The file of a group is no link to another. */
	must(rmdir(file) == 0 && symlink("/dev/full", file) == 0);
	must(jail_enter_cgroup(dir, &e) == -ELOOP && unlink(file) == 0);
	if (mknod(file, S_IFCHR | 0600, makedev(1, 7) /* full */) == 0) {
		must(jail_enter_cgroup(dir, &e) == -ENOSPC && strstr(e.text, "No space left") != NULL);
		must(unlink(file) == 0);
	}
	must(rmdir(dir) == 0);
}

static const struct refusal pivot_root = {SYS_pivot_root, -1, 0, -1, "", true};

/* pivot_root() out of an initramfs is impossible, and root gets a hint; a missing privilege is another error. */
static void no_empty_root(void)
{
	struct err e = {0};

	host_refuses(&pivot_root);
	must(jail_empty_root(&e) == -EPERM);
	must(!strcmp(e.text, "--chroot: pivot_root: permission denied: only root can"));
}

static void no_empty_root_in_an_initramfs(void)
{
	struct err e = {0};

	host_refuses_with(&pivot_root, EINVAL);
	must(jail_empty_root(&e) == -EINVAL && strstr(e.text, "initramfs") != NULL);
}

/* Inode of a namespace of ours, by a descriptor of /proc/self, since an empty root has no /proc. */
static ino_t namespace(int self, const char *name)
{
	struct stat st;

	must(fstatat(self, name, &st, 0) == 0);
	return st.st_ino;
}

static bool userns_can_be_had(void)
{
	int status;
	pid_t pid = fork();

	if (!pid)
		_exit(unshare(CLONE_NEWUSER) ? 1 : unshare(CLONE_NEWNS | CLONE_NEWNET) != 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status == 0;
}

/* What an ordinary user's machine is in, and is not. */
static void in_a_namespace(const char *netns, const char *new_root)
{
	struct sandbox_plan plan = plan_of(SANDBOX_STRICT);
	struct sandbox s = {0};
	struct err e = {0};
	struct stat st;
	int self, mine;
	ino_t user, mnt, net;
	bool root;

	if (!getuid())
		must(setgroups(0, NULL) == 0 && setresgid(2345, 2345, 2345) == 0 && setresuid(1234, 1234, 1234) == 0);
	must(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) == 0); /* for /proc/self to be ours */
	plan.jail = (struct sandbox_jail){.userns = SANDBOX_USERNS_AUTO, .netns = netns, .chroot = new_root};
	root = !SANITIZED || new_root;
	self = open("/proc/self", O_RDONLY | O_DIRECTORY);
	mine = open("/proc/self/status", O_RDONLY);
	must(self >= 0 && mine >= 0);
	plan.keep[plan.nr_keep++] = self;
	plan.keep[plan.nr_keep++] = mine;
	user = namespace(self, "ns/user"), mnt = namespace(self, "ns/mnt"), net = namespace(self, "ns/net");
	must(sandbox_early(&s, &plan, &e) == 0);
	sandbox_open(&s, NULL);
	must(sandbox_confine(&s, &e) == 0);
	must(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0);
	must(s.got.userns && s.got.own_root == root && s.got.netns == (netns != NULL));
	must(s.got.uid == (uid_t)proc_number(mine, "Uid:", 10)); /* the host's view */
	must(namespace(self, "ns/user") != user);
	must((namespace(self, "ns/mnt") != mnt) == root);
	must((namespace(self, "ns/net") != net) == (netns != NULL));
	must(proc_number(mine, "CapEff:", 16) == 0 && proc_number(mine, "CapPrm:", 16) == 0);
	must(proc_number(mine, "CapBnd:", 16) == 0 && s.got.bounding_empty);
	must(!root || (stat("/etc", &st) < 0 && errno == ENOENT && stat("/", &st) == 0 && st.st_nlink == 2));
	must(mount("none", "/", "tmpfs", 0, NULL) < 0 && errno == EPERM);
	must(chroot(".") < 0 && errno == EPERM);
	sandbox_build(&s);
	must(sandbox_lock(&s, SANDBOX_LOOP, NULL) == 0);
}

static void a_namespace(void)
{
	in_a_namespace(NULL, NULL);
}

static void a_namespace_and_a_network(void)
{
	in_a_namespace("", NULL);
}

static void a_namespace_for_chroot(void)
{
	in_a_namespace(NULL, "");
}

/* What is looked up by its path is still there. */
static void a_namespace_with_paths(void)
{
	struct sandbox_plan plan = plan_of(SANDBOX_STRICT);
	struct sandbox s = {0};
	struct err e = {0};

	plan.jail.userns = SANDBOX_USERNS_AUTO;
	plan.path[0] = (struct sandbox_path){"/etc", LL_READ_FILE, true, false};
	plan.nr_paths = 1;
	must(run_stages(&s, &plan, &e) == 0);
	must(s.got.userns && !s.got.own_root);
	must(open("/etc/passwd", O_RDONLY) >= 0);
}

/* Hosts that forbid it wholly (a sysctl) or by halves (AppArmor): without it, unless it was asked for. */
static void no_namespace(long nr, bool by_halves, uint32_t as)
{
	struct refusal refusal = {.nr = nr, .arg = -1, .set = -1};
	const char *words = by_halves ? "an empty root"
		: as == EINVAL        ? "--userns: Invalid argument"
				      : "--userns: this host does not permit a user namespace";

	host_refuses_with(&refusal, as);
	for (int mode = SANDBOX_USERNS_AUTO; mode <= SANDBOX_USERNS_ON; mode++) {
		struct sandbox_plan plan = plan_of(SANDBOX_STRICT);
		struct sandbox s = {0};
		struct err e = {0};

		plan.jail.userns = (enum sandbox_userns)mode;
		must((run_stages(&s, &plan, &e) == 0) == (mode == SANDBOX_USERNS_AUTO));
		if (mode == SANDBOX_USERNS_ON)
			must(strstr(e.text, words));
		else
			must(!s.got.own_root && s.got.userns == by_halves && !*e.text && s.got.landlock_abi > 0);
		if (by_halves)
			break; /* confined already */
	}
}

static void no_namespace_at_all(void)
{
	no_namespace(SYS_unshare, false, EPERM);
}

/* A kernel that was built without them. */
static void no_such_namespace(void)
{
	no_namespace(SYS_unshare, false, EINVAL);
}

static void no_mounts_in_it(void)
{
	no_namespace(SYS_mount, true, EPERM);
}

/* Whoever started us may have ignored the ends of children: the answer is an error, at once. */
static void the_answer_is_not_to_be_had(void)
{
	signal(SIGCHLD, SIG_IGN);
	must(sandbox_userns_available() == -ECHILD);
}

static void namespaces(void **state)
{
	in_child(the_answer_is_not_to_be_had);
	in_child(no_namespace_at_all);
	in_child(no_such_namespace);
	if (!userns_can_be_had()) {
		print_message("no user namespaces here: what is done in one is left out\n");
		return;
	}
	in_child(a_namespace);
	in_child(a_namespace_and_a_network);
	in_child(a_namespace_for_chroot);
	in_child(a_namespace_with_paths);
	in_child(no_mounts_in_it);
}

static void jails(void **state)
{
	in_child(wrong_jails);
	in_child(a_cgroup);
	in_child(a_user_needs_nothing);
	if (getuid()) {
		print_message("not root: what only root can is left out\n");
		return;
	}
	in_child(the_whole_jail);
	in_child(no_empty_root);
	in_child(no_empty_root_in_an_initramfs);
	each_step_of_the_jail_is_refused();
	in_child(a_users_jail);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(jails),
		cmocka_unit_test(namespaces),
	};

	return run_group(tests);
}
