// SPDX-License-Identifier: Apache-2.0
/*
 * Paths through directories of other users: which links are followed, which files are written to, and that a name that
 * is swapped meanwhile never leads to a file that does not belong to the swapping user. First as root, with all tests,
 * then as an ordinary user.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <linux/openat2.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/support/unit.h"
#include "vmm/base/clock.h"
#include "vmm/base/path.h"
#include "vmm/base/trace.h"

#define THEM    1234
#define US      1235
#define RACE_NS (150 * NSEC_PER_MSEC)

/* A host that has no openat2(), or a container runtime that refuses it. */
static bool no_openat2;
long __real_syscall(long nr, long a, long b, long c, long d, long e, long f);
long __wrap_syscall(long nr, long a, long b, long c, long d, long e, long f);

long __wrap_syscall(long nr, long a, long b, long c, long d, long e, long f)
{
	if (nr == SYS_openat2 && no_openat2) {
		errno = EPERM;
		return -1;
	}
	return __real_syscall(nr, a, b, c, d, e, f);
}

static char top[32];

static int root_error;

int __real_open64(const char *path, int flags, ...);
int __wrap_open64(const char *path, int flags, ...);
int __wrap_open64(const char *path, int flags, ...)
{
	mode_t mode = 0;
	va_list ap;

	if (root_error && !strcmp(path, "/")) {
		errno = root_error;
		return -1;
	}
	va_start(ap, flags);
	if (flags & O_CREAT)
		mode = va_arg(ap, mode_t);
	va_end(ap);
	return __real_open64(path, flags, mode);
}

static void make_file(const char *path, const char *text, mode_t mode, uid_t owner)
{
	CLEANUP_FD int fd = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_int_equal(fchmod(fd, mode), 0);
	assert_int_equal(fchown(fd, owner, owner), 0);
}

static void make_dir(const char *path, mode_t mode, uid_t owner)
{
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(chmod(path, mode), 0);
	assert_int_equal(chown(path, owner, owner), 0);
}

static void make_link(const char *to, const char *path, uid_t owner)
{
	assert_int_equal(symlink(to, path), 0);
	assert_int_equal(lchown(path, owner, owner), 0);
}

static int setup(void **state)
{
	strcpy(top, "/tmp/vmm-path-XXXXXX");
	no_openat2 = false;
	return !mkdtemp(top) || chdir(top) < 0 || chmod(".", 0755) < 0 ? -1 : 0;
}

static int teardown(void **state)
{
	char command[64];

	snprintf(command, sizeof(command), "rm -rf %s", top);
	return seteuid(0) < 0 || chdir("/") < 0 || system(command) ? -1 : 0;
}

/* Asserts that @path leads to a file with this text, or what else comes of it. */
static void assert_opens(const char *path, const char *text)
{
	CLEANUP_FD int fd = path_open(path, O_RDONLY, 0);
	char got[16] = "";

	if (fd < 0)
		fail_msg("%s: %s", path, strerror(-fd));
	assert_true(read(fd, got, sizeof(got) - 1) >= 0);
	assert_string_equal(got, text);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
}

static void assert_fails(const char *path, int flags, int code)
{
	CLEANUP_FD int fd = path_open(path, flags, 0600);

	if (fd != code)
		fail_msg("%s: %s, not %s", path, fd < 0 ? strerror(-fd) : "opened", strerror(-code));
}

static void assert_writes(const char *path)
{
	CLEANUP_FD int fd = path_open(path, O_WRONLY | O_CREAT, 0600);

	if (fd < 0)
		fail_msg("%s: %s", path, strerror(-fd));
}

static bool is_there(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

/*
 * A path without links costs one descriptor: the last that there is will do. A walk, which a host without openat2()
 * needs, has a directory open as well.
 */
static void one_descriptor_is_enough(void **state)
{
	const struct open_how how = {.flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_NO_SYMLINKS};
	struct rlimit was, few;
	char path[64];
	int next, fd;

	next = (int)syscall(SYS_openat2, AT_FDCWD, "/", &how, sizeof(how), 0, 0);
	if (next < 0) {
		fprintf(stderr, "SKIPPED: openat2() (%s)\n", strerror(errno));
		return;
	}
	close(next);
	make_dir("dir", 0755, geteuid());
	make_file("dir/file", "ours", 0644, geteuid());
	snprintf(path, sizeof(path), "%s/dir/file", top);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &was), 0);
	few = (struct rlimit){(rlim_t)next + 1, was.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	fd = path_open(path, O_RDONLY, 0);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
	assert_int_equal(fd, next);
	close(fd);
}

/* An absolute path is never looked up from the working directory, whatever fails. */
static void a_root_that_cannot_be_opened(void **state)
{
	make_dir("odd", 0755, geteuid());
	make_file("odd/file", "ours", 0644, geteuid());
	no_openat2 = true;
	root_error = EMFILE;
	assert_fails("/odd/file", O_RDONLY, -EMFILE);
	root_error = 0;
	assert_fails("/odd/file", O_RDONLY, -ENOENT);
	assert_opens("odd/file", "ours");
}

/* --- Without anybody else ---------------------------------------------------------------------------------------- */

static void names(void)
{
	char path[600], number[32];
	CLEANUP_FD int file = open("dir/file", O_RDONLY | O_CLOEXEC);

	assert_opens("dir/file", "ours");
	assert_opens("./dir//../dir/./file", "ours");
	snprintf(path, sizeof(path), "%s//dir/file", top);
	assert_opens(path, "ours");
	assert_opens("link", "ours");
	assert_opens("way/file", "ours");
	assert_opens("way/../link", "ours");
	assert_opens("absolute", "ours");
	assert_opens("chain", "ours");
	snprintf(number, sizeof(number), "/proc/self/fd/%d", file);
	assert_opens(number, "ours");
	snprintf(number, sizeof(number), "/dev/fd/%d", file);
	assert_opens(number, "ours");
	assert_fails("", O_RDONLY, -ENOENT);
	assert_fails("none", O_RDONLY, -ENOENT);
	assert_fails("way/none", O_RDONLY, -ENOENT);
	assert_fails("link/", O_RDONLY, -ENOTDIR);
	assert_fails("link/file", O_RDONLY, -ENOTDIR);
	assert_fails("dir/file/", O_WRONLY | O_CREAT, -ENOTDIR);
	assert_fails("new/", O_WRONLY | O_CREAT, -ENOENT);
	assert_fails("circle", O_RDONLY, -ELOOP);
	memset(path, 'x', 300);
	path[300] = '\0';
	assert_fails(path, O_RDONLY | O_CREAT, -ENAMETOOLONG);
	for (size_t i = 0; i < 3; i++) {
		static const char *const paths[] = {"way/", "way", "/"};
		CLEANUP_FD int fd = path_open(paths[i], O_PATH | O_DIRECTORY, 0);

		assert_true(fd >= 0);
	}
}

static void links_of_our_own_are_followed(void **state)
{
	char path[64];

	make_dir("dir", 0755, geteuid());
	make_file("dir/file", "ours", 0644, geteuid());
	make_link("dir/file", "link", geteuid());
	make_link("dir", "way", geteuid());
	snprintf(path, sizeof(path), "%s/dir/file", top);
	make_link(path, "absolute", geteuid());
	make_link("way/../absolute", "chain", geteuid());
	make_link("circle", "circle", geteuid());
	names();
	no_openat2 = true;
	names();
}

static void a_file_is_made(void **state)
{
	static const char *const paths[] = {"new", "way/new", "dangling"};
	struct stat st;

	make_dir("dir", 0755, geteuid());
	make_link("dir", "way", geteuid());
	make_link("dir/far", "dangling", geteuid());
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		CLEANUP_FD int fd = path_open(paths[i], O_WRONLY | O_CREAT, 0640);

		assert_true(fd >= 0);
		assert_int_equal(fstat(fd, &st), 0);
		assert_int_equal(st.st_mode, S_IFREG | 0640);
	}
	assert_true(is_there("dir/new") && is_there("dir/far"));
}

/* --- Other users ------------------------------------------------------------------------------------------------- */

/* What is @us's, in a directory of theirs and beside it. */
static void make_scene(uid_t us)
{
	make_file("victim", "secret", 0600, us);
	make_dir("ours", 0755, us);
	make_file("ours/file", "secret", 0600, us);
	make_dir("theirs", 0755, THEM);
	make_file("theirs/file", "theirs", 0666, THEM);
	make_link("../victim", "theirs/link", THEM);
	make_dir("theirs/dir", 0755, THEM);
	make_file("theirs/dir/file", "theirs", 0666, THEM);
	make_link("../ours", "theirs/way", THEM);
	make_link("file", "theirs/own", THEM);
	make_link("dir", "theirs/own_way", THEM);
	make_link("../ours/new", "theirs/dangling", THEM);
	make_link("theirs/link", "to_link", us);
}

static void links(void)
{
	assert_opens("theirs/own", "theirs");
	assert_opens("theirs/own_way/file", "theirs");
	assert_fails("theirs/link", O_RDONLY, -ENOLINK);
	assert_fails("theirs/link", O_PATH, -ENOLINK);
	assert_fails("theirs/link", O_WRONLY | O_CREAT, -ENOLINK);
	assert_fails("theirs/way/file", O_RDONLY, -ENOLINK);
	assert_fails("theirs/way", O_PATH | O_DIRECTORY, -ENOLINK);
	/* Through a link that is followed, to one that is not. */
	assert_fails("to_link", O_RDONLY, -ENOLINK);
	assert_fails("theirs/dangling", O_WRONLY | O_CREAT, -ENOENT);
	assert_false(is_there("ours/new"));
}

static void a_link_of_theirs_leads_to_what_is_theirs_only(void **state)
{
	make_scene(0);
	links();
	no_openat2 = true;
	links();
}

static void so_it_does_for_an_ordinary_user(void **state)
{
	make_scene(US);
	assert_int_equal(seteuid(US), 0);
	links();
}

static void files_of_others_in_a_sticky_directory(uid_t us)
{
	make_dir("tmp", 01777, 0);
	make_file("tmp/theirs", "theirs", 0666, THEM);
	make_file("tmp/root", "root", 0666, 0);
	make_file("tmp/ours", "ours", 0600, us);
	make_file("tmp/linked", "ours", 0600, us);
	assert_int_equal(link("tmp/linked", "tmp/again"), 0);
	assert_int_equal(mkfifo("tmp/fifo", 0666), 0);
	assert_int_equal(chown("tmp/fifo", THEM, THEM), 0);
	make_dir("open", 0777, 0);
	make_file("open/theirs", "theirs", 0666, THEM);
	assert_int_equal(chmod("open/theirs", 0666), 0);
	assert_int_equal(seteuid(us), 0);
	assert_writes("tmp/ours");
	assert_writes("tmp/root");
	assert_writes("tmp/new");
	assert_writes("open/theirs");
	assert_fails("tmp/theirs", O_WRONLY | O_CREAT, -EACCES);
	assert_fails("tmp/linked", O_WRONLY | O_CREAT, -EACCES);
	assert_fails("tmp/fifo", O_RDWR | O_CREAT, -EACCES);
	assert_opens("tmp/theirs", "theirs");
}

static void a_file_of_others_in_tmp_is_not_written_to(void **state)
{
	files_of_others_in_a_sticky_directory(0);
}

static void nor_by_an_ordinary_user(void **state)
{
	files_of_others_in_a_sticky_directory(US);
}

/* --- Races ------------------------------------------------------------------------------------------------------- */

/* They change two names around until they are killed; without a second one, they make and remove a link. */
static pid_t attack(const char *a, const char *b)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (seteuid(0) < 0 || setresgid(THEM, THEM, THEM) < 0 || setresuid(THEM, THEM, THEM) < 0)
		_exit(1);
	while (b &&
		__real_syscall(SYS_renameat2, AT_FDCWD, (long)a, AT_FDCWD, (long)b, 2 /* RENAME_EXCHANGE */, 0) == 0)
		;
	while (!b && (unlink(a) == 0 || errno == ENOENT) && (symlink("../ours/new", a) == 0 || errno == EEXIST))
		;
	_exit(1);
}

static void end_attack(pid_t pid)
{
	int status;

	assert_int_equal(seteuid(0), 0);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status)); /* it has not ended before */
}

static void race(uid_t us, const char *path, int flags, const char *a, const char *b)
{
	const uint64_t until = trace_now_ns() + RACE_NS;
	unsigned opened = 0, refused = 0;
	pid_t pid = attack(a, b);

	assert_int_equal(seteuid(us), 0);
	/* Both cases have to occur, however slow this machine is. */
	while (trace_now_ns() < until || !opened || !refused) {
		CLEANUP_FD int fd = path_open(path, flags, 0600);
		struct stat st;

		refused += fd == -ENOLINK;
		if (fd < 0)
			continue;
		opened++;
		assert_int_equal(fstat(fd, &st), 0);
		assert_int_equal(st.st_uid, THEM);
	}
	end_attack(pid);
}

static void races(uid_t us)
{
	make_scene(us);
	race(us, "theirs/file", O_RDONLY, "theirs/file", "theirs/link");
	race(us, "theirs/file", O_WRONLY | O_CREAT, "theirs/file", "theirs/link");
	race(us, "theirs/dir/file", O_RDONLY, "theirs/dir", "theirs/way");
	race(us, "theirs/dir", O_PATH | O_DIRECTORY, "theirs/dir", "theirs/way");
}

static void names_are_swapped_under_root(void **state)
{
	races(0);
}

static void names_are_swapped_under_an_ordinary_user(void **state)
{
	races(US);
}

/* A dangling link appears where a file is to be made: the file is never made at the link's target. */
static void a_link_appears_where_a_file_is_made(void **state)
{
	const uint64_t until = trace_now_ns() + RACE_NS;
	pid_t pid;

	make_scene(0);
	pid = attack("theirs/new", NULL);
	while (trace_now_ns() < until) {
		int fd = path_open("theirs/new", O_WRONLY | O_CREAT, 0600);

		if (fd >= 0)
			close(fd);
		unlink("theirs/new");
		assert_false(is_there("ours/new"));
	}
	end_attack(pid);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest own[] = {
		T(one_descriptor_is_enough),
		T(a_root_that_cannot_be_opened),
		T(links_of_our_own_are_followed),
		T(a_file_is_made),
	};
	const struct CMUnitTest tests[] = {
		T(a_link_of_theirs_leads_to_what_is_theirs_only),
		T(so_it_does_for_an_ordinary_user),
		T(a_file_of_others_in_tmp_is_not_written_to),
		T(nor_by_an_ordinary_user),
		T(names_are_swapped_under_root),
		T(names_are_swapped_under_an_ordinary_user),
		T(a_link_appears_where_a_file_is_made),
	};

	if (geteuid()) {
		fprintf(stderr, "SKIPPED: what other users do (only root can be several)\n");
		return run_group(own);
	}
	return run_group(own) + run_group(tests);
}
