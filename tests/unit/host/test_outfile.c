// SPDX-License-Identifier: Apache-2.0
/*
 * A document replaces the last one whole or not at all: by a rename of ours, or of the process that is made before the
 * sandbox; in place where there is no other way; behind what the caller has written where the path is a descriptor.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "tests/support/unit.h"
#include "vmm/host/outfile.h"

static char dir[] = "/tmp/vmm-outfile.XXXXXX";

static int set_up(void **state)
{
	return !mkdtemp(dir) || chdir(dir) < 0 ? -1 : 0;
}

static int tear_down(void **state)
{
	return chdir("/") < 0 || rmdir(dir) < 0 ? -1 : 0;
}

static void put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0640);

	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static void holds(const char *path, const char *text)
{
	char buf[64] = "";
	int fd = open(path, O_RDONLY);

	assert_true(fd >= 0);
	assert_true(read(fd, buf, sizeof(buf) - 1) >= 0);
	assert_string_equal(buf, text);
	close(fd);
}

/* No temporary file is left: there are @nr files here. */
static void files_are(unsigned nr)
{
	DIR *d = opendir(".");
	unsigned seen = 0;

	for (struct dirent *e; (e = readdir(d));)
		seen += e->d_name[0] != '.' || strlen(e->d_name) > 2;
	closedir(d);
	assert_int_equal(seen, nr);
}

/* As on a host that has no Landlock. */
static const struct sandbox_as as = {.mode = SANDBOX_BEST_EFFORT};

static void open_it(const char *path, bool sandboxed, struct outfile *f)
{
	struct err e = {};

	if (outfile_open("--x", path, sandboxed ? &as : NULL, f, &e) < 0)
		fail_msg("%s", e.text);
}

/* As a disk that is full: no file may grow. */
static void no_room(bool full)
{
	struct rlimit limit;

	signal(SIGXFSZ, full ? SIG_IGN : SIG_DFL);
	getrlimit(RLIMIT_FSIZE, &limit);
	limit.rlim_cur = full ? 0 : limit.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* As a file system that has no O_TMPFILE. */
static bool no_unnamed;

int __real_openat64(int at, const char *path, int flags, ...);
int __wrap_openat64(int at, const char *path, int flags, ...);

int __wrap_openat64(int at, const char *path, int flags, ...)
{
	va_list words;
	mode_t mode;

	if (no_unnamed && (flags & O_TMPFILE) == O_TMPFILE) {
		errno = EOPNOTSUPP;
		return -1;
	}
	va_start(words, flags);
	mode = va_arg(words, mode_t);
	va_end(words);
	return __real_openat64(at, path, flags, mode);
}

static void replaces_whole_or_not_at_all(void **state)
{
	for (int sandboxed = 0; sandboxed < 2; sandboxed++) {
		struct outfile f;
		struct err e = {};
		struct stat st;

		put("a", "old");
		chmod("a", 0600);
		open_it("a", sandboxed, &f);
		outfile_begin(&f);
		fputs("new", f.out);
		fflush(f.out);
		holds("a", "old");
		files_are(no_unnamed ? 2 : 1);
		assert_int_equal(outfile_commit(&f, 0, &e), 0);
		outfile_close(&f);
		holds("a", "new");
		files_are(1);
		stat("a", &st);
		assert_int_equal(st.st_mode & 0777, 0600);

		/* Given up by the caller, and because writing failed. */
		open_it("a", sandboxed, &f);
		fputs("half", f.out);
		outfile_close(&f);
		holds("a", "new");
		files_are(1);
		open_it("a", sandboxed, &f);
		fputs("half", f.out);
		assert_int_equal(outfile_commit(&f, -ENOSPC, &e), -ENOSPC);
		assert_non_null(strstr(e.text, "--x: cannot write a, which stays as it was: No space left"));
		outfile_close(&f);
		holds("a", "new");
		files_are(1);
		/* And because the last bytes, which were still with us, found no room. */
		open_it("a", sandboxed, &f);
		fputs("half", f.out);
		no_room(true);
		assert_int_equal(outfile_commit(&f, 0, &e), -EFBIG);
		no_room(false);
		assert_non_null(strstr(e.text, "--x: cannot write a, which stays as it was: File too large"));
		outfile_close(&f);
		holds("a", "new");
		files_are(1);
		/* The caller has flushed, and did not look. */
		open_it("a", sandboxed, &f);
		fputs("half", f.out);
		no_room(true);
		fflush(f.out);
		no_room(false);
		assert_true(ferror(f.out));
		assert_true(outfile_commit(&f, 0, &e) < 0);
		outfile_close(&f);
		holds("a", "new");
		files_are(1);
		/* Or bytes long before. */
		open_it("a", sandboxed, &f);
		no_room(true);
		fputs("half", f.out);
		assert_int_equal(fflush(f.out), EOF);
		no_room(false);
		fputs("and half", f.out);
		assert_true(outfile_commit(&f, 0, &e) < 0);
		outfile_close(&f);
		holds("a", "new");
		files_are(1);
		unlink("a");
	}
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
}

static void a_new_file_and_a_link(void **state)
{
	mode_t mask = umask(027);
	struct outfile f;
	struct err e = {};
	struct stat st;

	open_it("new", true, &f);
	assert_int_equal(access("new", F_OK), -1);
	fputs("1", f.out);
	assert_int_equal(outfile_commit(&f, 0, &e), 0);
	outfile_close(&f);
	holds("new", "1");
	stat("new", &st);
	assert_int_equal(st.st_mode & 0777, 0600); /* of a machine: its user's alone */

	open_it("other", false, &f);
	assert_int_equal(outfile_commit(&f, 0, &e), 0);
	outfile_close(&f);
	stat("other", &st);
	assert_int_equal(st.st_mode & 0777, 0640); /* as the umask says */
	unlink("other");

	assert_int_equal(symlink("new", "link"), 0);
	open_it("link", false, &f);
	fputs("2", f.out);
	assert_int_equal(outfile_commit(&f, 0, &e), 0);
	outfile_close(&f);
	holds("new", "2");
	assert_int_equal(lstat("link", &st), 0);
	assert_true(S_ISLNK(st.st_mode));
	unlink("new");
	/* A dangling link: its target is made. */
	open_it("link", true, &f);
	fputs("3", f.out);
	assert_int_equal(outfile_commit(&f, 0, &e), 0);
	outfile_close(&f);
	holds("new", "3");
	unlink("new");
	unlink("link");
	files_are(0);
	umask(mask);
}

static void killed_with(bool named)
{
	int ready[2], status;
	char byte;
	pid_t pid;

	put("a", "old");
	assert_int_equal(pipe(ready), 0);
	pid = fork();
	if (!pid) {
		struct outfile f;

		no_unnamed = named;
		open_it("a", true, &f);
		fputs("half", f.out);
		fflush(f.out);
		if (write(ready[1], "", 1) == 1)
			pause();
		_exit(1);
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	files_are(1 + named);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	/* The other process hears of it by itself. */
	for (int i = 0; i < 500; i++) {
		struct timespec ts = {.tv_nsec = 10000000};
		DIR *d = opendir(".");
		unsigned nr = 0;

		while (readdir(d))
			nr++;
		closedir(d);
		if (nr == 3)
			break;
		nanosleep(&ts, NULL);
	}
	files_are(1);
	holds("a", "old");
	unlink("a");
	close(ready[0]);
	close(ready[1]);
}

/* However the process ends, an unfinished file is removed and the old one is kept. */
static void killed(void **state)
{
	killed_with(false);
	killed_with(true);
}

/* Us and the process that renames at once, as the end of a control group does: without a name nothing is left. */
static void killed_together(void **state)
{
	int ready[2], status;
	pid_t pid, publisher;

	put("a", "old");
	assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	assert_int_equal(pipe(ready), 0);
	pid = fork();
	if (!pid) {
		struct outfile f;

		open_it("a", true, &f);
		fputs("half", f.out);
		fflush(f.out);
		if (write(ready[1], &f.publisher.pid, sizeof(f.publisher.pid)) == sizeof(f.publisher.pid))
			pause();
		_exit(1);
	}
	assert_int_equal(read(ready[0], &publisher, sizeof(publisher)), sizeof(publisher));
	kill(publisher, SIGKILL);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(waitpid(publisher, &status, 0), publisher);
	assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 0), 0);
	files_are(1);
	holds("a", "old");
	unlink("a");
	close(ready[0]);
	close(ready[1]);
}

/* A file system without O_TMPFILE: the other name goes in every case but one, which is named. */
static void without_unnamed(void **state)
{
	no_unnamed = true;
	replaces_whole_or_not_at_all(state);
	no_unnamed = false;
}

/* The renaming process survives signals that a terminal or a service manager sends to the whole group. */
static void signals_of_the_group(void **state)
{
	char left[sizeof(((struct outfile *)0)->temporary)];
	struct outfile f;
	struct err e = {};

	open_it("a", true, &f);
	assert_int_equal(kill(f.publisher.pid, SIGTERM), 0);
	assert_int_equal(kill(f.publisher.pid, SIGINT), 0);
	assert_int_equal(kill(f.publisher.pid, SIGHUP), 0);
	fputs("1", f.out);
	assert_int_equal(outfile_commit(&f, 0, &e), 0);
	outfile_close(&f);
	holds("a", "1");
	unlink("a");

	/* And when it was killed, that is an error, and not a wait. */
	open_it("a", true, &f);
	kill(f.publisher.pid, SIGKILL);
	fputs("1", f.out);
	assert_int_equal(outfile_commit(&f, 0, &e), -ECHILD);
	outfile_close(&f);
	files_are(0);

	no_unnamed = true;
	open_it("a", true, &f);
	no_unnamed = false;
	snprintf(left, sizeof(left), "%s", f.temporary);
	kill(f.publisher.pid, SIGKILL);
	fputs("1", f.out);
	assert_int_equal(outfile_commit(&f, 0, &e), -ECHILD);
	assert_non_null(strstr(e.text, left));
	outfile_close(&f);
	assert_int_equal(unlink(left), 0);
	files_are(0);
}

static void a_descriptor(void **state)
{
	static const int flags[] = {0, O_APPEND};
	struct outfile f;
	struct err e = {};
	char path[32];
	int fd;

	for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
		fd = open("log", O_WRONLY | O_CREAT | O_TRUNC | flags[i], 0600);
		assert_int_equal(write(fd, "before ", 7), 7);
		snprintf(path, sizeof(path), "/dev/fd/%d", fd);
		open_it(path, true, &f);
		outfile_begin(&f);
		fputs("ours ", f.out);
		assert_int_equal(outfile_commit(&f, 0, &e), 0);
		outfile_close(&f);
		assert_int_equal(write(fd, "after", 5), 5);
		close(fd);
		holds("log", "before ours after");
	}
	fd = open("log", O_RDONLY);
	snprintf(path, sizeof(path), "/dev/fd/%d", fd);
	assert_int_equal(outfile_open("--x", path, &as, &f, &e), -EBADF);
	assert_non_null(strstr(e.text, "is not open for writing"));
	close(fd);
	assert_int_equal(outfile_open("--x", path, &as, &f, &e), -EBADF);
	assert_non_null(strstr(e.text, "is not open"));
	assert_true(e.by_operator);
	unlink("log");
}

/* A directory in which an ordinary user can make nothing: the file is emptied when the run begins, not before. */
static void in_place(void **state)
{
	int status;
	pid_t pid;

	put("a", "the last one, which is longer");
	assert_int_equal(chmod("a", 0666), 0);
	assert_int_equal(chmod(".", 0755), 0);
	pid = fork();
	if (!pid) {
		struct outfile f;
		struct err e = {};

		if (geteuid() == 0 && setresuid(65534, 65534, 65534) < 0)
			_exit(2);
		else if (geteuid() != 65534)
			chmod(".", 0555);
		open_it("a", true, &f);
		holds("a", "the last one, which is longer");
		outfile_begin(&f);
		holds("a", "");
		fputs("new", f.out);
		_exit(outfile_commit(&f, 0, &e) != 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(chmod(".", 0700), 0);
	holds("a", "new");
	files_are(1);
	unlink("a");
}

/* A directory so deep that the kernel does not say where it is: nothing can be renamed there, and the file is kept. */
static void where_no_path_leads(void **state)
{
	enum { DEEP = 20 };
	char name[251];
	struct outfile f;
	struct err e = {};

	memset(name, 'd', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	for (unsigned i = 0; i < DEEP; i++)
		assert_true(mkdir(name, 0700) == 0 && chdir(name) == 0);
	put("a", "the last one, which is longer");
	open_it("a", false, &f);
	outfile_begin(&f);
	fputs("new", f.out);
	assert_int_equal(outfile_commit(&f, 0, &e), 0);
	holds("a", "new");
	files_are(1);
	unlink("a");
	for (unsigned i = 0; i < DEEP; i++)
		assert_true(chdir("..") == 0 && rmdir(name) == 0);
}

static void what_is_no_file(void **state)
{
	struct outfile f;
	struct err e = {};
	int fd;

	assert_int_equal(mkfifo("fifo", 0600), 0);
	assert_int_equal(outfile_open("--x", "fifo", &as, &f, &e), -ENXIO);
	fd = open("fifo", O_RDONLY | O_NONBLOCK);
	open_it("fifo", true, &f);
	fputs("1", f.out);
	assert_int_equal(outfile_commit(&f, 0, &e), 0);
	outfile_close(&f);
	holds("/dev/null", "");
	assert_int_equal(read(fd, (char[4]){0}, 4), 1);
	close(fd);
	unlink("fifo");
	assert_int_equal(outfile_open("--x", ".", &as, &f, &e), -EISDIR);
	assert_int_equal(outfile_open("--x", "no/such", &as, &f, &e), -ENOENT);
	open_it("/dev/full", true, &f);
	fputs("1", f.out);
	assert_int_equal(outfile_commit(&f, 0, &e), -ENOSPC);
	assert_non_null(strstr(e.text, "which is not complete now"));
	outfile_close(&f);
	files_are(0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(replaces_whole_or_not_at_all),
		cmocka_unit_test(without_unnamed),
		cmocka_unit_test(a_new_file_and_a_link),
		cmocka_unit_test(killed),
		cmocka_unit_test(killed_together),
		cmocka_unit_test(signals_of_the_group),
		cmocka_unit_test(a_descriptor),
		cmocka_unit_test(in_place),
		cmocka_unit_test(where_no_path_leads),
		cmocka_unit_test(what_is_no_file),
	};

	return run_group_with(tests, set_up, tear_down);
}
