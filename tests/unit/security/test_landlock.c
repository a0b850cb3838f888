// SPDX-License-Identifier: Apache-2.0
/*
 * Landlock, tested by trying: what a confined child can no longer do, as far as this host's ABI supports it, and what
 * it still can.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "security/landlock.h"
#include "tests/support/unit.h"

static char dir[64];

static void path_of(char *buf, size_t size, const char *name)
{
	snprintf(buf, size, "%s/%s", dir, name);
}

/* errno of the attempt, 0: it worked */
static int open_of(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC, 0600);

	if (fd < 0)
		return errno;
	close(fd);
	return 0;
}

static int try_read(void)
{
	return open_of("/etc/passwd", O_RDONLY);
}

static int try_list(void)
{
	return open_of("/", O_RDONLY | O_DIRECTORY);
}

static int try_create(void)
{
	char path[128];

	path_of(path, sizeof(path), "new");
	return open_of(path, O_WRONLY | O_CREAT);
}

static int try_write(void)
{
	char path[128];

	path_of(path, sizeof(path), "file");
	return open_of(path, O_WRONLY);
}

/* Tries to make a file of another kind, and takes it away again. */
static int try_make(int (*make)(const char *path))
{
	char path[128];
	int r;

	path_of(path, sizeof(path), "other");
	r = make(path) ? errno : 0;
	remove(path);
	return r;
}

static int make_file(const char *path)
{
	return mknod(path, S_IFREG | 0600, 0);
}

static int make_link(const char *path)
{
	return symlink("file", path);
}

static int make_dir(const char *path)
{
	return mkdir(path, 0700);
}

static int make_fifo(const char *path)
{
	return mkfifo(path, 0600);
}

static int make_socket(const char *path)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), r;

	snprintf(at.sun_path, sizeof(at.sun_path), "%.100s", path);
	r = bind(fd, (struct sockaddr *)&at, sizeof(at));
	close(fd);
	return r;
}

/* Of the numbers that no driver has. */
static int make_char(const char *path)
{
	return mknod(path, S_IFCHR | 0600, makedev(0, 0xff));
}

static int make_block(const char *path)
{
	return mknod(path, S_IFBLK | 0600, makedev(0, 0xff));
}

static int try_mknod(void)
{
	return try_make(make_file);
}

static int try_symlink(void)
{
	return try_make(make_link);
}

static int try_mkdir(void)
{
	return try_make(make_dir);
}

static int try_fifo(void)
{
	return try_make(make_fifo);
}

static int try_socket(void)
{
	return try_make(make_socket);
}

static int try_char(void)
{
	return try_make(make_char);
}

static int try_block(void)
{
	return try_make(make_block);
}

static int try_rmdir(void)
{
	char path[128];

	path_of(path, sizeof(path), "empty");
	return rmdir(path) ? errno : 0;
}

static int try_remove(void)
{
	char path[128];

	path_of(path, sizeof(path), "file");
	return unlink(path) ? errno : 0;
}

static int try_execute(void)
{
	static char *const argv[] = {(char *)"true", NULL};

	execv("/bin/true", argv);
	return errno;
}

static int try_link(void)
{
	char from[128], to[128];
	int r;

	path_of(from, sizeof(from), "file");
	path_of(to, sizeof(to), "sub/file");
	r = link(from, to) ? errno : 0;
	unlink(to);
	return r;
}

static int try_truncate(void)
{
	char path[128];

	path_of(path, sizeof(path), "file");
	return truncate(path, 0) ? errno : 0;
}

static int try_tcp(bool connecting)
{
	struct sockaddr_in to = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(1)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), r;

	if (fd < 0)
		return errno;
	if (!connecting)
		to.sin_port = htons(49999);
	r = connecting ? connect(fd, (struct sockaddr *)&to, sizeof(to)) : bind(fd, (struct sockaddr *)&to, sizeof(to));
	r = r ? errno : 0;
	close(fd);
	return r;
}

static int try_bind(void)
{
	return try_tcp(false);
}

static int try_connect(void)
{
	return try_tcp(true);
}

static int try_ioctl(void)
{
	/* The pty multiplexer is everywhere; opening it was left to us for this. */
	int fd = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC), n;

	if (fd < 0)
		return errno;
	n = ioctl(fd, TIOCGPTN, &n) ? errno : 0;
	close(fd);
	return n;
}

static int try_signal(void)
{
	return kill(getppid(), 0) ? errno : 0;
}

static int try_abstract(void)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), r;

	if (fd < 0)
		return errno;
	snprintf(to.sun_path + 1, sizeof(to.sun_path) - 1, "vmm-test-%d", getppid());
	r = connect(fd, (struct sockaddr *)&to, sizeof(to)) ? errno : 0;
	close(fd);
	return r;
}

static int try_path(void)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), r;

	if (fd < 0)
		return errno;
	path_of(to.sun_path, sizeof(to.sun_path), "listening");
	r = connect(fd, (struct sockaddr *)&to, sizeof(to)) ? errno : 0;
	close(fd);
	return r;
}

static int try_udp(int what)
{
	struct sockaddr_in to = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(49999)};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	long r;

	if (fd < 0)
		return errno;
	if (what == 0)
		r = bind(fd, (struct sockaddr *)&to, sizeof(to));
	else if (what == 1)
		r = connect(fd, (struct sockaddr *)&to, sizeof(to));
	else
		r = sendto(fd, "", 1, 0, (struct sockaddr *)&to, sizeof(to));
	r = r < 0 ? errno : 0;
	close(fd);
	return (int)r;
}

static int try_udp_bind(void)
{
	return try_udp(0);
}

static int try_udp_connect(void)
{
	return try_udp(1);
}

static int try_udp_send(void)
{
	return try_udp(2);
}

#define BUT_EACCES (-1) /* whatever else the kernel says of it */

/* Each right of each ABI, by what cannot be done without it; @path and @rights: what else it takes, left to it. */
static const struct attempt {
	const char *what;
	int abi;
	int (*what_if)(void);
	int refused;
	int otherwise;
	const char *path;
	uint64_t rights;
} attempts[] = {
	{"reads a file", 1, try_read, EACCES, 0, NULL, 0},
	{"lists a directory", 1, try_list, EACCES, 0, NULL, 0},
	{"writes a file", 1, try_write, EACCES, 0, NULL, 0},
	{"makes a file", 1, try_create, EACCES, 0, NULL, 0},
	{"makes a file and does not open it", 1, try_mknod, EACCES, 0, NULL, 0},
	{"makes a symbolic link", 1, try_symlink, EACCES, 0, NULL, 0},
	{"makes a directory", 1, try_mkdir, EACCES, 0, NULL, 0},
	{"makes a fifo", 1, try_fifo, EACCES, 0, NULL, 0},
	{"makes a socket", 1, try_socket, EACCES, 0, NULL, 0},
	/* Landlock is asked before the capability, which we may not have. */
	{"makes a character device", 1, try_char, EACCES, BUT_EACCES, NULL, 0},
	{"makes a block device", 1, try_block, EACCES, BUT_EACCES, NULL, 0},
	{"removes a directory", 1, try_rmdir, EACCES, 0, NULL, 0},
	{"removes a file", 1, try_remove, EACCES, 0, NULL, 0},
	{"executes", 1, try_execute, EACCES, 0, "/", LL_READ_FILE | LL_READ_DIR},
	{"links into another directory", 1, try_link, EXDEV, 0, NULL, 0}, /* ABI 1 denies it always, as EXDEV */
	{"truncates", 3, try_truncate, EACCES, 0, NULL, 0},
	{"binds a TCP port", 4, try_bind, EACCES, 0, NULL, 0},
	{"connects to a TCP port", 4, try_connect, EACCES, ECONNREFUSED, NULL, 0},
	{"speaks to a device", 5, try_ioctl, EACCES, 0, "/dev/ptmx", LL_READ_FILE | LL_WRITE_FILE},
	{"signals", 6, try_signal, EPERM, 0, NULL, 0},
	{"connects to an abstract socket", 6, try_abstract, EPERM, 0, NULL, 0},
	{"connects to a Unix socket", 9, try_path, EACCES, 0, NULL, 0},
	{"binds a UDP port", 10, try_udp_bind, EACCES, 0, NULL, 0},
	{"connects to a UDP port", 10, try_udp_connect, EACCES, 0, NULL, 0},
	{"sends to a UDP port", 10, try_udp_send, EACCES, 0, NULL, 0},
};

static bool is_as_wanted(int got, int want)
{
	return want == BUT_EACCES ? got != EACCES : got == want;
}

/* What is tried on is there, whatever was tried before. */
static void lay_out(void)
{
	char path[128];

	path_of(path, sizeof(path), "file");
	assert_int_equal(open_of(path, O_WRONLY | O_CREAT), 0);
	path_of(path, sizeof(path), "empty");
	assert_true(mkdir(path, 0700) == 0 || errno == EEXIST);
}

/* In a child that allowed itself what `allow` says, or, with an ABI of 0, is not confined at all. */
static int child(int (*what)(void), int abi, const struct landlock_allow *allow, size_t nr)
{
	int status;
	pid_t pid;

	lay_out();
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		struct err e = {0};

		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
		if (abi && landlock_restrict(abi, allow, nr, &e) < 0) {
			fprintf(stderr, "%s\n", e.text);
			_exit(255);
		}
		_exit(what());
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* In the directory, or, without a name, what try_abstract() looks for. */
static int listen_at(const char *name)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un at = {.sun_family = AF_UNIX};

	if (name) {
		path_of(at.sun_path, sizeof(at.sun_path), name);
		unlink(at.sun_path);
	} else {
		snprintf(at.sun_path + 1, sizeof(at.sun_path) - 1, "vmm-test-%d", getpid());
	}
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(fd, 100), 0);
	return fd;
}

/* This host's ABI, or an older one: it denies the accesses that it knows, and nothing else. */
static void nothing_is_left_to(int abi)
{
	int abstract = listen_at(NULL), named = listen_at("listening");

	for (size_t i = 0; i < ARRAY_SIZE(attempts); i++) {
		const struct attempt *a = &attempts[i];
		CLEANUP_FD int path = a->path ? open(a->path, O_PATH | O_CLOEXEC) : -1;
		const struct landlock_allow left = {path, a->rights};
		int got = child(a->what_if, abi, &left, a->path != NULL);
		int want = abi >= a->abi ? a->refused : a->otherwise;

		/* Making files there is not allowed either, and which is looked at first is the kernel's. */
		if (a->what_if == try_link && (got == EXDEV || got == EACCES))
			continue;
		if (!is_as_wanted(got, want))
			fail_msg("%s under ABI %d: %s, wanted %s", a->what, abi, strerror(got), strerror(want));
	}
	close(abstract);
	close(named);
}

static void nothing_is_left(void **state)
{
	for (int abi = 1; abi <= landlock_abi(); abi++)
		nothing_is_left_to(abi);
}

/* The attempts are worth something only if they succeed when nothing stands in their way. */
static void without_it_all_work(void **state)
{
	int abstract = listen_at(NULL), named = listen_at("listening");

	for (size_t i = 0; i < ARRAY_SIZE(attempts); i++) {
		int got = child(attempts[i].what_if, 0, NULL, 0);

		if (!is_as_wanted(got, attempts[i].otherwise))
			fail_msg("%s: %s", attempts[i].what, strerror(got));
	}
	close(abstract);
	close(named);
}

/* What a socket console keeps: removal in one directory, and nothing else there. */
static void what_is_allowed_works(void **state)
{
	int fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct landlock_allow allow = {fd, LL_REMOVE_FILE};

	assert_int_equal(child(try_remove, landlock_abi(), &allow, 1), 0);
	assert_int_equal(child(try_create, landlock_abi(), &allow, 1), EACCES);
	assert_int_equal(child(try_rmdir, landlock_abi(), &allow, 1), EACCES);
	assert_int_equal(child(try_read, landlock_abi(), &allow, 1), EACCES);
	close(fd);
}

/* What the socket device keeps: connections to what listens in one directory. */
static void sockets_of_a_directory_are_reached(void **state)
{
	int fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC), listening = listen_at("listening");
	struct landlock_allow allow = {fd, LL_CONNECT};

	for (int abi = 1; abi <= landlock_abi(); abi++)
		assert_int_equal(child(try_path, abi, &allow, 1), 0);
	close(listening);
	close(fd);
}

static int read_what_is_open(void)
{
	char byte;

	/* Opened before: 100, by the test. */
	return read(100, &byte, 1) == 1 ? 0 : errno;
}

static void what_is_open_stays_open(void **state)
{
	int fd = open("/etc/passwd", O_RDONLY);

	assert_int_equal(dup2(fd, 100), 100);
	close(fd);
	assert_int_equal(child(read_what_is_open, landlock_abi(), NULL, 0), 0);
	close(100);
}

/* A descriptor without a path: the message names the call, and nothing is confined partially. */
static void failures_are_told(void **state)
{
	struct landlock_allow bad = {-1, LL_READ_FILE};
	struct err e = {0};

	assert_true(landlock_restrict(landlock_abi(), &bad, 1, &e) < 0);
	assert_non_null(strstr(e.text, "landlock_add_rule"));
	assert_int_equal(try_read(), 0);
}

static void missing_rights_are_named(void **state)
{
	char buf[160];

	landlock_missing(LANDLOCK_ABI_KNOWN, buf, sizeof(buf));
	assert_string_equal(buf, "");
	for (int abi = 1; abi <= 2; abi++) {
		landlock_missing(abi, buf, sizeof(buf));
		assert_string_equal(buf,
			"truncation, TCP, device ioctls, signals, abstract sockets, "
			"Unix sockets by path, UDP");
	}
	landlock_missing(5, buf, sizeof(buf));
	assert_string_equal(buf, "signals, abstract sockets, Unix sockets by path, UDP");
	landlock_missing(9, buf, sizeof(buf));
	assert_string_equal(buf, "UDP");
	landlock_missing(0, buf, sizeof(buf));
	assert_true(!strncmp(buf, "files, ", 7));
	landlock_missing(0, buf, 4);
	assert_string_equal(buf, "fil");
}

static int set_up(void **state)
{
	char path[128];

	snprintf(dir, sizeof(dir), "/tmp/vmm-landlock-XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	path_of(path, sizeof(path), "sub");
	return mkdir(path, 0700);
}

static int tear_down(void **state)
{
	static const char *const names[] = {"sub/file", "file", "new", "other", "listening"};
	char path[128];

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		path_of(path, sizeof(path), names[i]);
		unlink(path);
	}
	path_of(path, sizeof(path), "sub");
	rmdir(path);
	path_of(path, sizeof(path), "empty");
	rmdir(path);
	return rmdir(dir);
}

/* landlock_create_ruleset(NULL, 0, LANDLOCK_CREATE_RULESET_VERSION) */
static long kernels_abi(void)
{
	return syscall(444, NULL, 0, 1);
}

static void the_version_is_the_kernels(void **state)
{
	assert_in_range(kernels_abi(), 1, 1000);
	assert_int_equal(landlock_abi(), kernels_abi());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_version_is_the_kernels),
		cmocka_unit_test(without_it_all_work),
		cmocka_unit_test(nothing_is_left),
		cmocka_unit_test(what_is_allowed_works),
		cmocka_unit_test(sockets_of_a_directory_are_reached),
		cmocka_unit_test(what_is_open_stays_open),
		cmocka_unit_test(failures_are_told),
		cmocka_unit_test(missing_rights_are_named),
	};

	if (kernels_abi() < 0)
		return skip_program("this kernel has no Landlock");
	return run_group_with(tests, set_up, tear_down);
}
