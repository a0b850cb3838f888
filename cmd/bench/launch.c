// SPDX-License-Identifier: Apache-2.0
/*
 * clone() as vfork does it, not fork: the moment of exec is read in the child, and until its exec succeeds the child
 * lives in our memory, so that it can leave the moment there, write it into its own environment, and tell why exec
 * failed. What the child does is therefore limited to system calls and stores to variables that the parent does not
 * cache. vfork() itself would share the stack as well.
 */
#include "cmd/bench/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "vmm/base/clock.h"
#include "vmm/base/file.h"
#include "vmm/base/trace.h"
#include "vmm/base/units.h"

extern char **environ;

/* --- What it prints ------------------------------------------------------------------------------------------- */

/* SECONDS with a fraction of up to nine digits, at @s; 0 when there is none. */
static uint64_t seconds(const char *s)
{
	uint64_t ns = 0, unit = NSEC_PER_SEC;

	if (*s < '0' || *s > '9')
		return 0;
	for (; *s >= '0' && *s <= '9' && ns < NSEC_PER_SEC; s++)
		ns = ns * 10 + (uint64_t)(*s - '0');
	ns *= NSEC_PER_SEC;
	if (*s != '.')
		return 0;
	for (s++; *s >= '0' && *s <= '9' && unit > 1; s++) {
		unit /= 10;
		ns += (uint64_t)(*s - '0') * unit;
	}
	return ns;
}

static uint64_t clock_of(const char *line)
{
	const char *at = strstr(line, "clock=");

	if (at)
		return seconds(at + strlen("clock="));
	if (*line != '[')
		return 0;
	line++;
	return seconds(line + strspn(line, " "));
}

static bool ends_with(const struct line_watch *w, const char *text)
{
	size_t len = strlen(text);

	return w->used >= len && !memcmp(w->line + w->used - len, text, len);
}

bool line_watch_feed(struct line_watch *w, const char *data, unsigned len)
{
	struct timing *t = w->timing;

	for (unsigned i = 0; i < len; i++) {
		if (!t->first_byte)
			t->first_byte = w->now;
		if (data[i] == '\n' || data[i] == '\r') {
			if (w->used)
				memcpy(t->tail, w->line, w->used + 1);
			w->used = 0;
			continue;
		}
		if (!data[i])
			continue;
		if (w->used == sizeof(w->line) - 1) {
			memmove(w->line, w->line + sizeof(w->line) / 2, w->used - sizeof(w->line) / 2);
			w->used -= sizeof(w->line) / 2;
		}
		w->line[w->used++] = data[i];
		w->line[w->used] = '\0';
		if (!t->banner && data[i] == 'n' && ends_with(w, "Linux version"))
			t->banner = w->now;
		if (w->marker && ends_with(w, w->marker) && ++t->markers >= w->times) {
			t->marker = w->now;
			t->guest_clock = clock_of(w->line);
			memcpy(t->tail, w->line, w->used + 1);
			return true;
		}
	}
	return false;
}

/* --- Running -------------------------------------------------------------------------------------------------- */

/* Digits into a field of fixed width: nothing here may allocate or lock, since it runs between clone and exec. */
static void put_ns(char *field, size_t width, uint64_t ns)
{
	while (width--) {
		field[width] = (char)('0' + ns % 10);
		ns /= 10;
	}
}

#define NS_DIGITS   20
#define SPAWN_STACK 16384

/* What parent and child share. The child writes the moment of its exec, into the environment too, or why it failed. */
struct start {
	char *const *argv;
	char *const *envp;
	int fds[3];
	char *ns_field;
	volatile uint64_t exec_ns;
	volatile int why;
};

static int start_command(void *arg)
{
	struct start *s = arg;
	sigset_t none;

	sigemptyset(&none);
	/* The command's own process group, so that all it starts goes with it. */
	if (setpgid(0, 0) < 0 || dup2(s->fds[0], STDIN_FILENO) < 0 || dup2(s->fds[1], STDOUT_FILENO) < 0 ||
		dup2(s->fds[2], STDERR_FILENO) < 0 || sigprocmask(SIG_SETMASK, &none, NULL) < 0)
		goto fail;
	s->exec_ns = trace_now_ns();
	put_ns(s->ns_field, NS_DIGITS, s->exec_ns);
	execve(s->argv[0], s->argv, s->envp);
fail:
	s->why = errno;
	_exit(127);
}

static pid_t spawn(struct start *s)
{
	_Alignas(16) char stack[SPAWN_STACK];

	return clone(start_command, stack + sizeof(stack), CLONE_VM | CLONE_VFORK | SIGCHLD, s);
}

/* Our environment and the moment of exec. */
static char **make_env(char *ns_entry)
{
	size_t nr = 0, used = 0;
	char **envp;

	while (environ[nr])
		nr++;
	envp = calloc(nr + 2, sizeof(*envp));
	if (!envp)
		return NULL;
	for (size_t i = 0; i < nr; i++)
		if (strncmp(environ[i], LAUNCH_EXEC_ENV "=", strlen(LAUNCH_EXEC_ENV "=")))
			envp[used++] = environ[i];
	envp[used] = ns_entry;
	return envp;
}

/*
 * Waits for the end of the command, kills its group when that does not come in time, and at last what is left of the
 * group. *@ret_end_ns is when it ended.
 */
static int reap(pid_t pid, int signo, unsigned grace_ms, struct timing *t, uint64_t *ret_end_ns, struct err *e)
{
	CLEANUP_FD int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	struct pollfd p = {.fd = pidfd, .events = POLLIN};
	uint64_t deadline = trace_now_ns() + (grace_ms ? grace_ms : LAUNCH_GRACE_MS) * NSEC_PER_MSEC;
	struct rusage ru;
	siginfo_t si;
	pid_t r;

	if (pidfd < 0) {
		r = -errno;
		kill(-pid, SIGKILL);
		waitpid(pid, NULL, 0);
		return err_sys(e, r, "pidfd_open");
	}
	if (signo)
		kill(-pid, signo);
	while (signo != SIGKILL) {
		uint64_t now = trace_now_ns();

		if (now >= deadline || poll(&p, 1, (int)((deadline - now) / NSEC_PER_MSEC) + 1) > 0)
			break;
	}
	if (!p.revents)
		kill(-pid, SIGKILL);
	/* Not reaped yet: the group's number stays ours until the last kill. */
	while (waitid(P_PID, (id_t)pid, &si, WEXITED | WNOWAIT) < 0 && errno == EINTR)
		;
	*ret_end_ns = trace_now_ns();
	kill(-pid, SIGKILL);
	do
		r = wait4(pid, &t->status, 0, &ru);
	while (r < 0 && errno == EINTR);
	if (r < 0)
		return err_sys(e, -errno, "wait4");
	t->cpu = ((uint64_t)ru.ru_utime.tv_sec + (uint64_t)ru.ru_stime.tv_sec) * NSEC_PER_SEC +
		((uint64_t)ru.ru_utime.tv_usec + (uint64_t)ru.ru_stime.tv_usec) * NSEC_PER_USEC;
	t->rss_bytes = (uint64_t)ru.ru_maxrss * KIB;
	return 0;
}

/* What a command may say on standard error and have kept. */
#define STDERR_MAX MIB

/*
 * Reads what has come on one stream. Return: 1 when the marker is complete, 0 to go on, -1 at the stream's end.
 */
static int look(const struct launch *l, struct line_watch *w, int fd, int keep_fd, uint64_t exec_ns)
{
	char buf[4096];
	ssize_t n = read(fd, buf, sizeof(buf));

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return 0;
	w->now = trace_now_ns() - exec_ns;
	if (n <= 0)
		return -1;
	/* Best effort: it is only quoted. */
	if (keep_fd >= 0 && lseek(keep_fd, 0, SEEK_CUR) < (off_t)STDERR_MAX && write(keep_fd, buf, (size_t)n) < 0)
		return 0;
	if (keep_fd < 0 && l->out)
		l->out(l->arg, buf, (size_t)n);
	return line_watch_feed(w, buf, (unsigned)n) || (keep_fd < 0 && l->first_byte);
}

/* Reads until the marker, the end, the time limit or the wake-up. */
static enum launch_end watch(const struct launch *l, int out_fd, int err_fd, uint64_t exec_ns, struct timing *t)
{
	struct timing err_timing = {0};
	struct line_watch out = {.marker = l->marker, .times = l->times, .timing = t},
			  err = {.marker = l->marker, .times = l->times, .timing = &err_timing};
	struct pollfd p[] = {{.fd = out_fd, .events = POLLIN}, {.fd = err_fd, .events = POLLIN},
		{.fd = l->wake_fd, .events = POLLIN}};
	int r = 0;

	for (;;) {
		uint64_t now = trace_now_ns() - exec_ns;

		if (now >= l->timeout_ns)
			return LAUNCH_TIMEOUT;
		if (poll(p, 3, (int)MIN((l->timeout_ns - now) / NSEC_PER_MSEC + 1, UINT64_C(60000))) < 0)
			continue; /* EINTR; the time limit ends what else there might be */
		if (p[2].revents)
			return LAUNCH_GIVEN_UP;
		if (p[0].revents)
			r = look(l, &out, out_fd, -1, exec_ns);
		if (r > 0)
			return LAUNCH_MARKER;
		if (p[1].revents) {
			int er = look(l, &err, err_fd, l->err_fd, exec_ns);

			if (er > 0) {
				t->marker = err_timing.marker;
				return LAUNCH_MARKER;
			}
			if (er < 0)
				p[1].fd = -1;
		}
		if (r == 0)
			continue;
		/* The end of standard output is the end; what standard error still holds is quoted. */
		while (p[1].fd >= 0 && look(l, &err, err_fd, l->err_fd, exec_ns) == 0 && poll(&p[1], 1, 0) > 0)
			;
		if (out.used)
			memcpy(t->tail, out.line, out.used + 1);
		return LAUNCH_ENDED;
	}
}

static int signal_at(const struct launch *l, enum launch_end end)
{
	if (end == LAUNCH_ENDED)
		return 0;
	return end == LAUNCH_MARKER || (end == LAUNCH_TIMEOUT && l->waits) ? l->end_signal : SIGKILL;
}

int launch_run(const struct launch *l, struct timing *ret, struct err *e)
{
	char ns_entry[] = LAUNCH_EXEC_ENV "=00000000000000000000";
	CLEANUP_FD int in_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	CLEANUP_FREE char **envp = make_env(ns_entry);
	CLEANUP_FD int out_fd = -1, out_read_fd = -1;
	CLEANUP_FD int err_fd = -1, err_read_fd = -1;
	struct start start = {.argv = l->argv, .envp = envp, .ns_field = ns_entry + strlen(LAUNCH_EXEC_ENV "=")};
	struct timing t = {0};
	uint64_t end_ns;
	int pipes[2], r;
	pid_t pid;

	if (in_fd < 0)
		return err_sys(e, -errno, "cannot open /dev/null");
	if (!envp)
		return err_sys(e, -ENOMEM, "cannot make an environment");
	if (pipe2(pipes, O_CLOEXEC) < 0)
		return err_sys(e, -errno, "cannot make a pipe");
	out_read_fd = pipes[0];
	out_fd = pipes[1];
	if (pipe2(pipes, O_CLOEXEC) < 0)
		return err_sys(e, -errno, "cannot make a pipe");
	err_read_fd = pipes[0];
	err_fd = pipes[1];
	fcntl(err_read_fd, F_SETFL, O_NONBLOCK);
	start.fds[0] = l->in_fd ? l->in_fd : in_fd;
	start.fds[1] = out_fd;
	start.fds[2] = err_fd;
	pid = spawn(&start);
	if (pid < 0)
		return err_sys(e, -errno, "cannot start %s", l->argv[0]);
	close(TAKE_FD(out_fd));
	close(TAKE_FD(err_fd));
	if (start.why) {
		reap(pid, 0, 0, &t, &end_ns, NULL);
		return err_sys(e, -start.why, "cannot run %s", l->argv[0]);
	}
	t.end = watch(l, out_read_fd, err_read_fd, start.exec_ns, &t);
	if (l->there && signal_at(l, t.end) == l->end_signal)
		l->there(l->arg);
	r = reap(pid, signal_at(l, t.end), l->grace_ms, &t, &end_ns, e);
	if (r < 0)
		return r;
	if (t.end == LAUNCH_ENDED && !l->marker) {
		t.end = LAUNCH_MARKER;
		t.marker = end_ns - start.exec_ns;
	}
	*ret = t;
	return 0;
}

void launch_quote(int fd)
{
	char text[2049];
	off_t size = lseek(fd, 0, SEEK_END);
	off_t from = size > (off_t)sizeof(text) - 1 ? size - (off_t)sizeof(text) + 1 : 0;
	ssize_t n = pread(fd, text, sizeof(text) - 1, from);

	if (n <= 0)
		return;
	text[n] = '\0';
	fprintf(stderr, "%s%s", text, text[n - 1] == '\n' ? "" : "\n");
}

/* --- Commands as words ---------------------------------------------------------------------------------------- */

int split_words(const char *text, char ***ret, struct err *e)
{
	/* At most one word for every two characters, and no word is longer than its source. */
	size_t len = strlen(text), max = len / 2 + 2, nr = 0;
	char **words = malloc(max * sizeof(*words) + len + 1);
	char *out, quote = 0;
	bool in = false;

	if (!words)
		return err_sys(e, -ENOMEM, "cannot split a command");
	out = (char *)(words + max);
	for (const char *s = text; *s; s++) {
		bool blank = *s == ' ' || *s == '\t' || *s == '\n';

		if (!quote && blank) {
			if (in)
				*out++ = '\0';
			in = false;
			continue;
		}
		if (!in)
			words[nr++] = out;
		in = true;
		if (*s == quote)
			quote = 0;
		else if (!quote && (*s == '\'' || *s == '"'))
			quote = *s;
		else if (*s == '\\' && quote != '\'' && s[1])
			*out++ = *++s;
		else
			*out++ = *s;
	}
	*out = '\0';
	words[nr] = NULL;
	if (quote || !nr) {
		free(words);
		return quote ? err_set(e, -EINVAL, "'%.200s': a quote %c has no end", text, quote)
			     : err_set(e, -EINVAL, "'%.200s': no command", text);
	}
	*ret = words;
	return 0;
}

static bool runnable(const char *path)
{
	return file_is_regular(path) && access(path, X_OK) == 0;
}

char *find_program(const char *name)
{
	const char *path = getenv("PATH");
	char *found = NULL;

	if (strchr(name, '/'))
		return runnable(name) ? strdup(name) : NULL;
	for (path = path ? path : "/usr/bin:/bin"; *name && path;) {
		const char *end = strchrnul(path, ':');

		if (asprintf(&found, "%.*s%s%s", (int)(end - path), path, end > path ? "/" : "./", name) < 0)
			return NULL;
		if (runnable(found))
			return found;
		free(found);
		path = *end ? end + 1 : NULL;
	}
	return NULL;
}
