// SPDX-License-Identifier: Apache-2.0
/*
 * Simulates a guest that has taken over threads of vmm: starts a vmm, stops each thread where it waits, makes it
 * execute the system calls of inject_table.c under its own filter and in its own Landlock domain, and lets it continue.
 * The result of a call is read from the thread; its effects on the host are observed from outside: files below DIR,
 * sockets that listen there and elsewhere, the standard streams' flags, another process.
 *
 * A call that a filter refuses raises SIGSYS, which is cancelled before it is delivered: so one machine can be used for
 * all rows.
 *
 * The tracer has to be root: vmm is not dumpable.
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "security/filters.h"
#include "security/seccomp.h"
#include "tests/support/inject_table.h"
#include "tests/support/role_trace.h"
#include "vmm/base/util.h"

#define START_MS    10000 /* for a machine to be locked */
#define SETTLE_MS   200   /* nothing more happens to its threads */
#define CALL_MS     600   /* a call that takes longer blocks */
#define NUMBERS     512   /* above all numbers of calls */
#define FILE_MAX    MIB
#define FILES_MAX   64
#define ARG_SIZE    256
#define TEXT_MAX    512
#define BELOW_STACK 8192

static char dir[256]; /* the host's */
static bool verbose;
static bool all; /* also what ends the machine */
static const char *tried_file;
static const char *input = "pipe";
static char **command;
static unsigned failures, calls;

/* --- The host, seen from outside -------------------------------------------------------------------------------- */

struct file {
	char name[256];
	mode_t mode;
	uid_t uid;
	size_t size;
	char *bytes;
};

static struct file files[FILES_MAX];
static size_t files_nr;

/* What listens, and its name in an effect */
static struct {
	const char *name;
	int fd;
	bool stream;
} ears[] = {{"unix", -1, true}, {"dgram", -1, false}, {"abstract", -1, true}, {"tcp", -1, true}, {"udp", -1, false}};

enum { EAR_UNIX, EAR_DGRAM, EAR_ABSTRACT, EAR_TCP, EAR_UDP };

/* What vmm has as its standard streams: the same open files */
static int streams[3] = {-1, -1, -1};
static int stream_flags[3];
static pid_t victim;

static _Noreturn void fail(const char *what)
{
	fprintf(stderr, "inject: %s: %s\n", what, strerror(errno));
	exit(125);
}

static void put(char *text, const char *word, const char *name)
{
	size_t n = strlen(text);

	snprintf(text + n, TEXT_MAX - n, " %s:%s", word, name);
}

static struct file *file_of(struct file *list, size_t nr, const char *name)
{
	for (size_t i = 0; i < nr; i++)
		if (!strcmp(list[i].name, name))
			return &list[i];
	return NULL;
}

static void read_file(const char *path, struct file *f)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	ssize_t n;

	f->bytes = calloc(1, f->size + 1);
	n = fd < 0 || !f->bytes ? -1 : read(fd, f->bytes, f->size);
	if (n >= 0)
		f->size = (size_t)n;
	if (fd >= 0)
		close(fd);
}

static void scan(const char *path, struct file *list, size_t *nr)
{
	DIR *d = opendir(path);
	struct dirent *de;

	if (!d)
		fail(path);
	while ((de = readdir(d))) {
		char name[sizeof(list->name)];
		struct file *f = &list[*nr];
		struct stat st;

		if (!strcmp(de->d_name, ".") || !strcmp(de->d_name, ".."))
			continue;
		if ((size_t)snprintf(name, sizeof(name), "%s/%s", path, de->d_name) >= sizeof(name) ||
			*nr == FILES_MAX || lstat(name, &st) < 0)
			fail(name);
		*f = (struct file){.mode = st.st_mode, .uid = st.st_uid};
		memcpy(f->name, name + strlen(dir) + 1, strlen(name) - strlen(dir));
		++*nr;
		f->size = S_ISREG(st.st_mode) ? MIN((size_t)st.st_size, FILE_MAX) : 0;
		if (S_ISREG(st.st_mode))
			read_file(name, f);
		else if (S_ISDIR(st.st_mode))
			scan(name, list, nr);
	}
	closedir(d);
}

/* Appending to a file is distinguished from changing it. */
static void compare(const struct file *old, const struct file *now, char *text)
{
	if (old->mode != now->mode || old->uid != now->uid)
		put(text, "mode", old->name);
	if (!old->bytes || !now->bytes)
		return;
	if (now->size < old->size || memcmp(old->bytes, now->bytes, old->size))
		put(text, "overwritten", old->name);
	else if (now->size > old->size)
		put(text, "appended", old->name);
}

static void look_at_files(char *text)
{
	struct file now[FILES_MAX];
	size_t nr = 0;

	scan(dir, now, &nr);
	for (size_t i = 0; i < files_nr; i++) {
		const struct file *f = file_of(now, nr, files[i].name);

		if (f)
			compare(&files[i], f, text);
		else
			put(text, "gone", files[i].name);
		free(files[i].bytes);
	}
	for (size_t i = 0; i < nr; i++)
		if (!file_of(files, files_nr, now[i].name))
			put(text, "new", now[i].name);
	memcpy(files, now, sizeof(files));
	files_nr = nr;
}

static bool victim_was_hit(void)
{
	unsigned long long own = 0, shared = 0;
	char path[64], line[128], state = 'Z';
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)victim);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f)) {
		sscanf(line, "State: %c", &state);
		sscanf(line, "SigPnd: %llx", &own);
		sscanf(line, "ShdPnd: %llx", &shared);
	}
	if (f)
		fclose(f);
	return state == 'Z' || state == 'T' || own || shared;
}

/* Adds to @text what changed since the last look. */
static void look_at_host(char *text)
{
	char byte[64];

	look_at_files(text);
	for (size_t i = 0; i < ARRAY_SIZE(ears); i++) {
		int fd = ears[i].stream ? accept4(ears[i].fd, NULL, NULL, SOCK_CLOEXEC)
					: (int)recv(ears[i].fd, byte, sizeof(byte), MSG_DONTWAIT);

		if (fd < 0)
			continue;
		put(text, ears[i].stream ? "connected" : "received", ears[i].name);
		if (ears[i].stream)
			close(fd);
	}
	for (int i = 0; i < 3; i++) {
		int flags = fcntl(streams[i], F_GETFL);

		if (flags != stream_flags[i])
			put(text, "flags", i == 0 ? "stdin" : i == 1 ? "stdout" : "stderr");
		stream_flags[i] = flags;
	}
	if (victim_was_hit())
		put(text, "signal", "victim");
}

static socklen_t unix_address(struct sockaddr_un *sa, const char *path)
{
	*sa = (struct sockaddr_un){.sun_family = AF_UNIX};
	if ((size_t)snprintf(sa->sun_path, sizeof(sa->sun_path), "%s%s%s", *path == '/' ? "" : dir,
		    *path == '/' ? "" : "/", path) >= sizeof(sa->sun_path)) {
		errno = ENAMETOOLONG;
		fail(path);
	}
	return sizeof(*sa);
}

/* The whole of the name counts, zeroes too. */
static socklen_t abstract_address(struct sockaddr_un *sa)
{
	*sa = (struct sockaddr_un){.sun_family = AF_UNIX};
	snprintf(sa->sun_path + 1, sizeof(sa->sun_path) - 1, "vmm-inject-%d", (int)getpid());
	return sizeof(*sa);
}

static void listen_at(int ear, int family, const void *address, socklen_t size)
{
	int fd = socket(family, (ears[ear].stream ? SOCK_STREAM : SOCK_DGRAM) | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, address, size) < 0 || (ears[ear].stream && listen(fd, 8) < 0))
		fail(ears[ear].name);
	ears[ear].fd = fd;
}

static void listen_everywhere(void)
{
	struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct sockaddr_un sa = {0};

	listen_at(EAR_UNIX, AF_UNIX, &sa, unix_address(&sa, "other/unix.sock"));
	listen_at(EAR_DGRAM, AF_UNIX, &sa, unix_address(&sa, "other/dgram.sock"));
	listen_at(EAR_ABSTRACT, AF_UNIX, &sa, abstract_address(&sa));
	listen_at(EAR_TCP, AF_INET, &any, sizeof(any));
	listen_at(EAR_UDP, AF_INET, &any, sizeof(any));
}

static void write_file(const char *name, const char *text)
{
	char path[sizeof(dir) + 64];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		fail(path);
	close(fd);
}

/* A log that others wrote to before */
static int open_log(const char *name)
{
	char path[sizeof(dir) + 64];
	int fd;

	write_file(name, "what was written before\n");
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
	if (fd < 0)
		fail(path);
	return fd;
}

static void make_dir(const char *name)
{
	char path[sizeof(dir) + 64];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	if (mkdir(path, 0700) < 0)
		fail(path);
}

static void make_host(void)
{
	sigset_t every;

	make_dir("other");
	make_dir("sock");
	make_dir("sock/below");
	write_file("other/secret", "a key\n");
	write_file("sock/near", "a file beside the sockets of vmm\n");
	write_file("sock/below/near", "and one below\n");
	listen_everywhere();
	victim = fork();
	if (!victim) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		/* What comes in stays to be seen. */
		sigfillset(&every);
		sigprocmask(SIG_SETMASK, &every, NULL);
		for (;;)
			pause();
	}
}

/* --- The machine ------------------------------------------------------------------------------------------------ */

struct target {
	pid_t tid;
	unsigned role;
	struct role_filter filter; /* of vmm-report: none */
	long kept;
};

static pid_t vmm = -1;
static int request = PTRACE_SYSCALL;
static uint64_t syscall_insn;
static struct target targets[64];
static size_t targets_nr;
static bool covered[1024]; /* rows of sandbox_rules */

static const struct role_hooks hooks;

static uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static const char *role_name(unsigned role)
{
	return seccomp_role_name((enum sandbox_role)role);
}

/* Continues all threads but @but. Return: whether @but stopped or ended, as @status says. */
static bool wait_for(pid_t but, int *status, unsigned ms)
{
	uint64_t end = now_ms() + ms, now;
	sigset_t child;

	sigemptyset(&child);
	sigaddset(&child, SIGCHLD); /* blocked: main() */
	for (;;) {
		pid_t tid = waitpid(-1, status, __WALL | WNOHANG);

		if (tid < 0)
			return false;
		if (!tid) {
			now = now_ms();
			if (now >= end)
				return false;
			sigtimedwait(&child, NULL,
				&(struct timespec){(time_t)((end - now) / 1000), (long)((end - now) % 1000) * 1000000});
			continue;
		}
		if (tid == victim)
			continue;
		if (tid == but)
			return true;
		if (WIFSTOPPED(*status))
			role_trace_answer(tid, *status, request, &hooks);
		else
			role_thread_of(tid)->tid = 0;
		if (tid == vmm && !WIFSTOPPED(*status))
			vmm = -1;
	}
}

/* Of the size that every machine finds it with. */
static void make_disk(const char *name)
{
	char path[sizeof(dir) + 64];

	write_file(name, "a disk");
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	if (truncate(path, 64 * KIB) < 0)
		fail(path);
}

static void open_streams(void)
{
	int pair[2];

	make_disk("disk.img");
	make_disk("ro.img");

	for (int i = 0; i < 3; i++)
		if (streams[i] >= 0)
			close(streams[i]);
	if (!strcmp(input, "socket") ? socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0
				     : pipe2(pair, O_CLOEXEC) < 0)
		fail("standard input");
	streams[STDIN_FILENO] = pair[0]; /* the other end stays open: no end of the input */
	streams[STDOUT_FILENO] = open_log("console");
	streams[STDERR_FILENO] = open_log("log");
	if (!strcmp(input, "terminal")) {
		int pty = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);

		if (pty < 0 || grantpt(pty) < 0 || unlockpt(pty) < 0)
			fail("a terminal");
		streams[STDIN_FILENO] = open(ptsname(pty), O_RDWR | O_NOCTTY | O_CLOEXEC);
	}
}

static _Noreturn void run_vmm(int go)
{
	sigset_t none;
	char byte;

	if (read(go, &byte, 1) != 1)
		_exit(125);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setsid();
	for (int i = 0; i < 3; i++)
		if (dup2(streams[i], i) < 0)
			_exit(125);
	ioctl(STDIN_FILENO, TIOCSCTTY, 0);
	execvp(command[0], command);
	_exit(127);
}

static bool is_locked(void)
{
	for (size_t i = 0; i < ROLE_THREADS_MAX; i++)
		if (role_threads[i].tid && role_threads[i].now.there && role_threads[i].now.role == SANDBOX_LOOP)
			return true;
	return false;
}

/* A system call instruction in the memory of vmm, and with it the page of code that it is in. */
static void find_code(void)
{
	char path[64], line[512];
	unsigned char code[4096];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/maps", (int)vmm);
	f = fopen(path, "re");
	if (!f)
		fail(path);
	syscall_insn = 0;
	while (!syscall_insn && fgets(line, sizeof(line), f)) {
		unsigned long long from, to;
		char mode[8];

		if (sscanf(line, "%llx-%llx %7s", &from, &to, mode) != 3 || mode[2] != 'x' || strstr(line, "vsyscall"))
			continue;
		for (; !syscall_insn && from < to; from += sizeof(code))
			for (size_t i = 0; role_fetch(vmm, from, code, sizeof(code)) && i + 1 < sizeof(code); i++)
				if (code[i] == 0x0f && code[i + 1] == 0x05) {
					syscall_insn = from + i;
					break;
				}
	}
	fclose(f);
	if (!syscall_insn)
		fail("a system call instruction");
}

static void find_targets(void)
{
	targets_nr = 0;
	for (size_t i = 0; i < ROLE_THREADS_MAX && targets_nr < ARRAY_SIZE(targets); i++) {
		const struct role_thread *t = &role_threads[i];
		struct target *target = &targets[targets_nr];

		if (!t->tid)
			continue;
		*target = (struct target){t->tid, t->now.role, t->now, -1};
		targets_nr += t->now.there;
	}
}

static void start_vmm(void)
{
	const long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC | PTRACE_O_TRACEFORK |
		PTRACE_O_TRACEVFORK | PTRACE_O_EXITKILL;
	uint64_t end = now_ms() + START_MS;
	int go[2], status;

	memset(role_threads, 0, sizeof(role_threads));
	request = PTRACE_SYSCALL;
	open_streams();
	if (pipe2(go, O_CLOEXEC) < 0)
		fail("pipe");
	vmm = fork();
	if (!vmm)
		run_vmm(go[0]);
	if (vmm < 0 || ptrace(PTRACE_SEIZE, vmm, 0, options) < 0 || write(go[1], "", 1) != 1)
		fail("PTRACE_SEIZE");
	close(go[0]);
	close(go[1]);
	while (vmm > 0 && !is_locked() && now_ms() < end)
		wait_for(0, &status, 5);
	if (!is_locked()) {
		fprintf(stderr, "inject: %s was not locked in time; what it says is in %s/log\n", command[0], dir);
		exit(125);
	}
	wait_for(0, &status, SETTLE_MS);
	request = PTRACE_CONT;
	find_code();
	find_targets();
	for (int i = 0; i < 3; i++)
		stream_flags[i] = fcntl(streams[i], F_GETFL);
}

static void stop_vmm(void)
{
	int status;

	if (vmm <= 0)
		return;
	/* What is left of it does not have to be in a state to end well. */
	kill(vmm, SIGKILL);
	for (uint64_t end = now_ms() + START_MS; vmm > 0 && now_ms() < end;)
		wait_for(0, &status, 5);
	/* The processes beside it end when it has. */
	wait_for(0, &status, SETTLE_MS);
}

/* --- One call --------------------------------------------------------------------------------------------------- */

static int find_fd(pid_t pid, const char *end)
{
	char path[64], link[256];
	int best = -1;
	struct dirent *de;
	DIR *d;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	d = opendir(path);
	if (!d)
		return -1;
	while ((de = readdir(d))) {
		ssize_t n = readlinkat(dirfd(d), de->d_name, link, sizeof(link) - 1);
		int fd = atoi(de->d_name);

		if (n < (ssize_t)strlen(end) || (best >= 0 && fd > best))
			continue;
		link[n] = '\0';
		if (!strcmp(link + n - strlen(end), end) || !strncmp(link, end, strlen(end)))
			best = fd;
	}
	closedir(d);
	return best;
}

/* The memory that goes with the arguments of a call; it is put below the stack of the thread. */
struct memory {
	uint64_t at;
	size_t used;
	char bytes[6 * ARG_SIZE];
};

static uint64_t place(struct memory *m, const void *bytes, size_t size)
{
	uint64_t at = m->at + m->used;

	if (size > ARG_SIZE)
		size = ARG_SIZE;
	if (bytes)
		memcpy(m->bytes + m->used, bytes, size);
	m->used += ARG_SIZE;
	return at;
}

static uint64_t place_path(struct memory *m, const char *name)
{
	char path[ARG_SIZE];

	if ((size_t)snprintf(path, sizeof(path), "%s%s%s", *name == '/' ? "" : dir, *name == '/' ? "" : "/", name) >=
		sizeof(path)) {
		errno = ENAMETOOLONG;
		fail(name);
	}
	return place(m, path, strlen(path) + 1);
}

static uint64_t place_iovec(struct memory *m, const struct inject_arg *a)
{
	size_t size = a->text ? strlen(a->text) : (size_t)a->n, at = m->used;
	struct iovec iov;

	/* The bytes follow the iovec. */
	place(m, NULL, 0);
	iov = (struct iovec){(void *)(uintptr_t)(m->at + at + sizeof(iov)), size}; /* NOLINT */
	memcpy(m->bytes + at, &iov, sizeof(iov));
	if (a->text)
		memcpy(m->bytes + at + sizeof(iov), a->text, size);
	return m->at + at;
}

static uint64_t place_address(struct memory *m, const struct inject_arg *a)
{
	struct sockaddr_in in = {0};
	struct sockaddr_un sa = {0};
	socklen_t size = sizeof(in);

	if (a->kind == INJECT_UNIX)
		return place(m, &sa, unix_address(&sa, a->text));
	if (a->kind == INJECT_ABSTRACT)
		return place(m, &sa, abstract_address(&sa));
	getsockname(ears[a->n ? EAR_UDP : EAR_TCP].fd, &in, &size);
	return place(m, &in, sizeof(in));
}

static pid_t another_thread(const struct target *t)
{
	for (size_t i = 0; i < targets_nr; i++)
		if (targets[i].tid != t->tid && targets[i].role <= SANDBOX_PROGRAM)
			return targets[i].tid;
	return t->tid;
}

/* Return: false: there is no such descriptor. */
static bool argument(const struct target *t, const struct inject_arg *a, struct memory *m, uint64_t *ret)
{
	int fd;

	switch (a->kind) {
	case INJECT_NUMBER: *ret = a->n; break;
	case INJECT_FD:
		fd = find_fd(t->tid, a->text);
		*ret = (uint64_t)fd;
		return fd >= 0;
	case INJECT_ITS: *ret = (uint32_t)t->filter.fds.of[a->n][0]; break;
	case INJECT_BYTES: *ret = place(m, a->text, strlen(a->text) + 1); break;
	case INJECT_ROOM: *ret = place(m, NULL, a->n); break;
	case INJECT_IOVEC: *ret = place_iovec(m, a); break;
	case INJECT_PATH: *ret = place_path(m, a->text); break;
	case INJECT_UNIX:
	case INJECT_ABSTRACT:
	case INJECT_INET: *ret = place_address(m, a); break;
	case INJECT_KEPT: *ret = (uint64_t)t->kept; break;
	case INJECT_SELF: *ret = (uint64_t)vmm; break;
	case INJECT_VICTIM: *ret = (uint64_t)victim; break;
	case INJECT_CODE: *ret = syscall_insn & ~UINT64_C(4095); break;
	case INJECT_THREAD: *ret = (uint64_t)another_thread(t); break;
	}
	return true;
}

/* Stops a thread, wherever it is. Return: false: it ended. */
static bool stop(const struct target *t)
{
	int status;

	/* Any other stop takes the interruption away. */
	while (ptrace(PTRACE_INTERRUPT, t->tid, 0, 0) == 0 && wait_for(t->tid, &status, START_MS)) {
		if (!WIFSTOPPED(status))
			return false;
		if (status >> 16 == PTRACE_EVENT_STOP)
			return true;
		role_trace_answer(t->tid, status, request, &hooks);
	}
	return false;
}

static bool is_pending(pid_t tid, int sig)
{
	struct ptrace_peeksiginfo_args from = {.nr = 8};
	siginfo_t info[8];
	long n = ptrace(PTRACE_PEEKSIGINFO, tid, &from, info);

	for (long i = 0; i < n; i++)
		if (info[i].si_signo == sig)
			return true;
	return false;
}

/* What the one system call answered */
struct answer {
	bool killed;
	bool blocked;
	bool ended;
	int other_signal;
	long value;
};

/* One instruction on; then the thread has its trap and, when the call was refused, SIGSYS: in either order. */
static void step(pid_t tid, struct answer *ret)
{
	struct user_regs_struct regs;
	int status;

	ptrace(PTRACE_SINGLESTEP, tid, 0, 0);
	for (;;) {
		if (!wait_for(tid, &status, CALL_MS)) {
			ret->blocked = true;
			ptrace(PTRACE_INTERRUPT, tid, 0, 0);
			if (!wait_for(tid, &status, START_MS))
				break;
		}
		if (!WIFSTOPPED(status)) {
			ret->ended = true;
			return;
		}
		if (WSTOPSIG(status) == SIGSYS)
			ret->killed = true;
		else if (status >> 16 == PTRACE_EVENT_STOP && !ret->blocked)
			; /* of an earlier interruption: the call has not been made */
		else if (WSTOPSIG(status) == SIGTRAP)
			break;
		else
			ret->other_signal = WSTOPSIG(status);
		ptrace(PTRACE_SINGLESTEP, tid, 0, 0);
	}
	if (is_pending(tid, SIGSYS))
		ret->killed = true;
	ptrace(PTRACE_GETREGS, tid, 0, &regs);
	ret->value = (long)regs.rax;
}

/* The thread continues with @regs as if nothing had happened; signals that the call left pending are removed. */
static void resume(pid_t tid, struct user_regs_struct *regs, int sig)
{
	int status;

	ptrace(PTRACE_SETREGS, tid, 0, regs);
	while (is_pending(tid, SIGSYS) || is_pending(tid, SIGTRAP)) {
		ptrace(PTRACE_CONT, tid, 0, 0);
		if (!wait_for(tid, &status, START_MS) || !WIFSTOPPED(status))
			return;
	}
	ptrace(PTRACE_CONT, tid, 0, sig);
}

static bool call_in(struct target *t, const struct inject_row *row, struct answer *ret, uint64_t *arg)
{
	struct user_regs_struct saved, regs;
	struct memory m = {0};
	struct iovec here, there;

	*ret = (struct answer){0};
	if (!stop(t)) {
		ret->ended = true;
		return true;
	}
	ptrace(PTRACE_GETREGS, t->tid, 0, &saved);
	m.at = (saved.rsp - BELOW_STACK) & ~UINT64_C(15);
	for (size_t i = 0; i < 6; i++)
		if (!argument(t, &row->arg[i], &m, &arg[i])) {
			ptrace(PTRACE_CONT, t->tid, 0, 0);
			return false;
		}
	here = (struct iovec){m.bytes, m.used};
	there = (struct iovec){(void *)(uintptr_t)m.at, m.used}; /* NOLINT */
	if (m.used && process_vm_writev(t->tid, &here, 1, &there, 1, 0) != (ssize_t)m.used)
		fail("process_vm_writev");
	regs = saved;
	regs.rip = syscall_insn;
	regs.orig_rax = (unsigned long long)-1;
	regs.rax = (unsigned long long)row->nr;
	regs.rdi = arg[0];
	regs.rsi = arg[1];
	regs.rdx = arg[2];
	regs.r10 = arg[3];
	regs.r8 = arg[4];
	regs.r9 = arg[5];
	ptrace(PTRACE_SETREGS, t->tid, 0, &regs);
	step(t->tid, ret);
	if (!ret->ended)
		resume(t->tid, &saved, ret->other_signal);
	return true;
}

/* --- The table -------------------------------------------------------------------------------------------------- */

static void describe(const struct answer *a, char *text)
{
	if (a->ended)
		snprintf(text, TEXT_MAX, "ended");
	else if (a->killed)
		snprintf(text, TEXT_MAX, "killed");
	else if (a->blocked)
		snprintf(text, TEXT_MAX, "blocks");
	else if (a->value < 0 && a->value > -4096)
		snprintf(text, TEXT_MAX, "%s", strerrorname_np((int)-a->value));
	else
		snprintf(text, TEXT_MAX, "ok");
	if (a->other_signal && a->other_signal != SIGCHLD && a->other_signal != SIGURG)
		put(text, "raised", sigabbrev_np(a->other_signal));
}

static bool is_one_of(const char *text, const char *want)
{
	size_t len = strlen(text);

	for (const char *at = want; at; at = strchr(at, '|')) {
		at += *at == '|';
		if (!strncmp(at, text, len) && (!at[len] || at[len] == '|'))
			return true;
	}
	return false;
}

static void cover(const struct role_filter *f, int nr, const uint64_t *arg)
{
	for (size_t i = 0; i < sandbox_rules_nr; i++)
		if (role_allows(&sandbox_rules[i], f, (uint64_t)nr, arg))
			covered[i] = true;
}

static bool is_allowed(const struct target *t, const struct inject_row *row)
{
	return (row->roles & INJECT_ROLE(t->role)) && (t->filter.devices & row->devices);
}

/* Another row has the same call for this thread. */
static bool has_twin(const struct target *t, size_t i)
{
	for (size_t k = 0; k < inject_rows_nr; k++)
		if (k != i && inject_rows[k].nr == inject_rows[i].nr && is_allowed(t, &inject_rows[k]) &&
			!strcmp(inject_rows[k].words, inject_rows[i].words))
			return true;
	return false;
}

static void note_tried(size_t row)
{
	FILE *f = tried_file ? fopen(tried_file, "ae") : NULL;

	if (!f)
		return;
	fprintf(f, "%zu\n", row);
	fclose(f);
}

static void try(struct target *t, size_t i)
{
	const struct inject_row *row = &inject_rows[i];
	const char *want = is_allowed(t, row) ? row->want : "killed";
	char text[TEXT_MAX];
	uint64_t arg[6];
	struct answer a;
	int status;
	bool good;

	if ((!is_allowed(t, row) && has_twin(t, i)) || !call_in(t, row, &a, arg))
		return;
	describe(&a, text);
	/* Other processes may act on it. */
	if (row->ends)
		wait_for(0, &status, SETTLE_MS);
	/* What the thread itself then does in its own time is not looked for. */
	look_at_host(text);
	if (row->nr == SYS_socket && !a.killed)
		t->kept = a.value;
	good = is_one_of(text, want);
	failures += !good;
	calls++;
	if (is_allowed(t, row)) {
		note_tried(i);
		cover(&t->filter, row->nr, arg);
	}
	if (verbose || !good)
		printf("%s%s: %s(%s): %s%s%s%s%s\n", good ? "" : "not ", role_name(t->role), row->call, row->words,
			text, good ? "" : ", not: ", good ? "" : want, is_allowed(t, row) ? ": " : "",
			is_allowed(t, row) ? row->why : "");
	fflush(stdout);
}

static bool has_rule(const struct role_filter *f, int nr)
{
	for (size_t i = 0; i < filter_rules_nr; i++)
		if (filter_rules[i].role == f->role && (f->devices & 1u << filter_rules[i].device) &&
			filter_rules[i].nr == nr)
			return true;
	return false;
}

/* uretprobe and uprobe are for code that the kernel itself puts into a program; filters do not see them. */
static bool is_hidden(int nr)
{
	return nr == 335 || nr == 336;
}

/* Every number that no rule of the thread names */
static void sweep(struct target *t)
{
	char text[TEXT_MAX] = "";

	for (int nr = 0; nr < NUMBERS; nr++) {
		struct inject_row row = {.nr = nr, .call = seccomp_call_name(nr)};
		struct answer a;
		uint64_t arg[6];

		if (has_rule(&t->filter, nr) || is_hidden(nr))
			continue;
		for (size_t i = 0; i < 6; i++)
			row.arg[i] = (struct inject_arg){.n = UINT64_MAX};
		call_in(t, &row, &a, arg);
		calls++;
		if (a.killed)
			continue;
		failures++;
		printf("not %s: %s (%d): not killed\n", role_name(t->role), row.call, nr);
	}
	look_at_host(text);
	if (*text) {
		failures++;
		printf("not %s: calls that no rule names:%s\n", role_name(t->role), text);
	}
}

/* A rule in force that no row of the table tried is a gap of the table. */
static void look_for_gaps(void)
{
	for (size_t i = 0; i < sandbox_rules_nr; i++) {
		const struct sandbox_rule *rule = &sandbox_rules[i];

		if (covered[i] || rule->device == SANDBOX_DEVICE_SANITIZER)
			continue;
		for (size_t k = 0; k < targets_nr; k++)
			if (targets[k].role == (unsigned)rule->role &&
				(targets[k].filter.devices & 1u << rule->device)) {
				printf("%s: no row tries %s%s%s\n", all ? "not ok" : "#", rule->call,
					*rule->what ? " " : "", rule->what);
				failures += all;
				break;
			}
	}
}

static void list_rows(void)
{
	for (size_t i = 0; i < inject_rows_nr; i++) {
		const struct inject_row *row = &inject_rows[i];

		printf("%zu\t", i);
		for (unsigned role = 0; role < SANDBOX_ROLE_COUNT; role++)
			if (row->roles & INJECT_ROLE(role))
				printf("%s ", role_name(role));
		printf("\t%s(%s)\t%s\t%s\n", row->call, row->words, row->want, row->why);
	}
}

static void restart(void)
{
	char text[TEXT_MAX] = "";

	stop_vmm();
	start_vmm();
	look_at_host(text);
}

/* The @nth target of a role, of which there are the same in each machine, if not in the same order; NULL: none */
static struct target *target_of(unsigned role, unsigned nth)
{
	for (size_t k = 0; k < targets_nr; k++)
		if (targets[k].role == role && !nth--)
			return &targets[k];
	return NULL;
}

/* What a machine does not survive, each on one of its own. */
static void try_ends(void)
{
	for (size_t i = 0; i < inject_rows_nr; i++) {
		if (!inject_rows[i].ends)
			continue;
		for (unsigned role = 0; role < SANDBOX_ROLE_COUNT; role++) {
			const struct target *t;

			for (unsigned nth = 0; (t = target_of(role, nth)) && is_allowed(t, &inject_rows[i]); nth++) {
				restart();
				if (target_of(role, nth))
					try(target_of(role, nth), i);
			}
		}
	}
}

static void try_all(void)
{
	for (size_t k = 0; k < targets_nr; k++) {
		for (size_t i = 0; i < inject_rows_nr && vmm > 0; i++)
			if (!inject_rows[i].ends && (inject_rows[i].only & INJECT_ROLE(targets[k].role)))
				try(&targets[k], i);
		if (vmm > 0 && all)
			sweep(&targets[k]);
	}
	if (vmm < 0) {
		printf("not ok: vmm did not survive\n");
		failures++;
	}
}

static void usage(void)
{
	fprintf(stderr,
		"usage: inject [-v] [-a] [-i pipe|socket|terminal] [-o FILE] DIR CMD [ARG...]\n"
		"       inject -l\n"
		"  -v  say what came of each call\n"
		"  -a  also the calls that end a machine, and each that no rule names; every rule has to be tried\n"
		"  -i  what CMD's standard input is\n"
		"  -o  append to FILE the numbers of the rows that a filter allowed\n"
		"  -l  list the rows: number, roles, call, what is to come of it, why\n"
		"DIR is where CMD's files are; in it the host's are made.\n");
	exit(2);
}

int main(int argc, char **argv)
{
	char text[TEXT_MAX] = "";
	sigset_t child;
	int opt;

	while ((opt = getopt(argc, argv, "+vai:o:l")) != -1) {
		switch (opt) {
		case 'v': verbose = true; break;
		case 'a': all = true; break;
		case 'i': input = optarg; break;
		case 'o': tried_file = optarg; break;
		case 'l': list_rows(); return 0;
		default: usage();
		}
	}
	if (argc - optind < 2 || strlen(argv[optind]) >= sizeof(dir))
		usage();
	memcpy(dir, argv[optind], strlen(argv[optind]) + 1);
	command = argv + optind + 1;
	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigprocmask(SIG_BLOCK, &child, NULL);
	make_host();
	start_vmm();
	look_at_host(text);
	try_all();
	if (all)
		try_ends();
	look_for_gaps();
	printf("# %u calls, %u as they should not be\n", calls, failures);
	stop_vmm();
	kill(victim, SIGKILL);
	return failures > 0;
}
