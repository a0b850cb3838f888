// SPDX-License-Identifier: Apache-2.0
/*
 * One thread and one poll(): signals, the spawner's socket, the streams of the clones that run, and our own two.
 *
 * What a clone prints is printed line by line with its number in front; a line that is not complete waits for its end,
 * that of the clone, or LINE_MAX_ bytes. Nothing is read from clones while more than QUEUE_FULL bytes wait for a reader
 * of ours: then the clones wait too, and signals are still served.
 *
 * A clone is over when the spawner has reported its end and both streams are at their end, in any order; a process that
 * is not ours may hold a stream open, so that wait has a limit.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmd/clones/internal.h"
#include "vmm/base/clock.h"
#include "vmm/base/outcome.h"
#include "vmm/base/trace.h"
#include "vmm/base/util.h"

#define LINE_BYTES 4096
#define QUEUE_FULL (256 * KIB)
#define CHUNK      4096 /* PIPE_BUF: a pipe that is writable takes this much at once */
#define TICK_MS    200
#define STREAM_NS  (2 * NSEC_PER_SEC) /* after the end of a clone */
#define LATE_NS    (5 * NSEC_PER_SEC) /* after the time limit, which the clones know */

/** struct sink - a stream of ours: @used bytes wait in @buf, whose first @at are written */
struct sink {
	int fd;
	char *buf;
	size_t size, used, at;
	bool lost;
};

/** struct live - a clone that runs, @n of them; @ended: reported, at @ended_ns */
struct live {
	unsigned n;
	int fd[CLONE_STREAMS];
	size_t used[CLONE_STREAMS];
	bool ended;
	uint64_t ended_ns;
	char line[CLONE_STREAMS][LINE_BYTES];
};

/**
 * struct collector
 * @live: @jobs of them, n is 0 for one that is free
 * @status: of clone i + 1; -1: it has none yet
 * @orders: signals that were passed on
 */
struct collector {
	const struct clones_config *c;
	int sock;
	int signals;
	struct sink sink[CLONE_STREAMS];
	struct live *live;
	struct pollfd *poll;
	int *status;
	unsigned over;
	unsigned orders;
	int signo;
	int failed;
	bool late;
	bool killed;
};

/* --- Our streams ------------------------------------------------------------------------------------------------- */

static size_t waiting(const struct sink *s)
{
	return s->used - s->at;
}

static void put(struct sink *s, const char *data, size_t n)
{
	if (s->lost)
		return;
	if (s->at && s->used + n > s->size) {
		memmove(s->buf, s->buf + s->at, waiting(s));
		s->used -= s->at;
		s->at = 0;
	}
	if (s->used + n > s->size) {
		s->lost = true;
		return;
	}
	memcpy(s->buf + s->used, data, n);
	s->used += n;
}

static void drain(struct sink *s)
{
	ssize_t n = write(s->fd, s->buf + s->at, MIN(waiting(s), CHUNK));

	if (n < 0 && errno != EINTR && errno != EAGAIN)
		s->lost = true;
	if (n > 0)
		s->at += (size_t)n;
	if (s->lost || s->at == s->used)
		s->at = s->used = 0;
}

/* Without a prefix: a line of ours. */
static void say(struct collector *k, const char *text)
{
	put(&k->sink[1], text, strlen(text));
}

/* --- Streams of clones ------------------------------------------------------------------------------------------- */

static void put_line(struct sink *s, const struct live *l, const char *text, size_t n)
{
	char prefix[16];

	put(s, prefix, (size_t)snprintf(prefix, sizeof(prefix), "%u: ", l->n));
	put(s, text, n);
}

static void flush_line(struct collector *k, struct live *l, int i)
{
	if (!l->used[i])
		return;
	put_line(&k->sink[i], l, l->line[i], l->used[i]);
	if (l->line[i][l->used[i] - 1] != '\n')
		put(&k->sink[i], "\n", 1);
	l->used[i] = 0;
}

static void take_stream(struct collector *k, struct live *l, int i)
{
	char *line = l->line[i], *end;
	ssize_t n = read(l->fd[i], line + l->used[i], LINE_BYTES - l->used[i]);
	size_t from = 0, used;

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n <= 0) {
		flush_line(k, l, i);
		close(TAKE_FD(l->fd[i]));
		return;
	}
	used = l->used[i] + (size_t)n;
	while ((end = memchr(line + from, '\n', used - from))) {
		size_t len = (size_t)(end - line) + 1 - from;

		put_line(&k->sink[i], l, line + from, len);
		from += len;
	}
	memmove(line, line + from, used - from);
	l->used[i] = used - from;
	if (l->used[i] == LINE_BYTES)
		flush_line(k, l, i);
}

/* --- Clones ------------------------------------------------------------------------------------------------------ */

static void take_status(struct collector *k, unsigned n, int wait_status)
{
	char text[160];

	if (WIFEXITED(wait_status)) {
		k->status[n - 1] = WEXITSTATUS(wait_status);
		return;
	}
	k->status[n - 1] = 128 + WTERMSIG(wait_status);
	snprintf(text, sizeof(text), "vmm: clone %u was killed by signal %d (%s%s)\n", n, WTERMSIG(wait_status),
		strsignal(WTERMSIG(wait_status)),
		WTERMSIG(wait_status) == SIGKILL ? "; the host does that too when memory runs out" : "");
	if (!k->killed)
		say(k, text);
}

static struct live *find(struct collector *k, unsigned n)
{
	for (unsigned i = 0; i < k->c->jobs; i++)
		if (k->live[i].n == n)
			return &k->live[i];
	return NULL;
}

static void take_event(struct collector *k, const struct clones_said *said, const int *fd)
{
	struct live *l;

	switch (said->event) {
	case CLONES_STARTED:
		l = find(k, 0);
		l->n = said->n;
		memcpy(l->fd, fd, sizeof(l->fd));
		l->used[0] = l->used[1] = 0;
		l->ended = false;
		break;
	case CLONES_ENDED:
		l = find(k, said->n);
		l->ended = true;
		l->ended_ns = trace_now_ns();
		take_status(k, said->n, said->value);
		break;
	default: k->failed = said->value; break;
	}
}

/* Return: false: the spawner is gone. */
static bool take_said(struct collector *k)
{
	struct clones_said said;
	struct iovec iov = {&said, sizeof(said)};
	union {
		struct cmsghdr head;
		char bytes[CMSG_SPACE(CLONE_STREAMS * sizeof(int))];
	} control;
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};
	int fd[CLONE_STREAMS] = {-1, -1};
	ssize_t n = recvmsg(k->sock, &msg, MSG_CMSG_CLOEXEC);

	if (n < 0 && errno == EINTR)
		return true;
	if (n != sizeof(said))
		return false;
	if (msg.msg_controllen >= sizeof(control.head))
		memcpy(fd, CMSG_DATA(&control.head), sizeof(fd));
	take_event(k, &said, fd);
	return true;
}

/* A clone whose slot is free again only when all of its output was read. */
static void check_live(struct collector *k, struct live *l, uint64_t now)
{
	if (!l->n || !l->ended)
		return;
	for (int i = 0; i < CLONE_STREAMS && now - l->ended_ns > STREAM_NS; i++)
		if (l->fd[i] >= 0) {
			flush_line(k, l, i);
			close(TAKE_FD(l->fd[i]));
		}
	if (l->fd[0] >= 0 || l->fd[1] >= 0)
		return;
	l->n = 0;
	k->over++;
}

/* --- Signals and time -------------------------------------------------------------------------------------------- */

static void order(struct collector *k, int signo)
{
	const struct clones_order o = {.signo = signo};

	k->killed |= signo == SIGKILL;
	while (send(k->sock, &o, sizeof(o), MSG_NOSIGNAL) < 0 && errno == EINTR)
		;
}

/* The first asks the guests, the second ends them, as it is with one; the third ends what has not listened. */
static void take_signal(struct collector *k)
{
	struct signalfd_siginfo si;

	if (read(k->signals, &si, sizeof(si)) != sizeof(si))
		return;
	if (!k->signo)
		k->signo = (int)si.ssi_signo;
	order(k, ++k->orders > 2 ? SIGKILL : (int)si.ssi_signo);
}

static void check_time(struct collector *k, uint64_t now)
{
	if (!k->c->limit_at_ns || now < k->c->limit_at_ns)
		return;
	if (!k->late)
		order(k, 0);
	k->late = true;
	if (!k->killed && now > k->c->limit_at_ns + LATE_NS)
		order(k, SIGKILL);
}

/* --- The end ----------------------------------------------------------------------------------------------------- */

static unsigned running(const struct collector *k)
{
	unsigned n = 0;

	for (unsigned i = 0; i < k->c->jobs; i++)
		n += k->live[i].n != 0;
	return n;
}

static bool finished(const struct collector *k)
{
	if (waiting(&k->sink[0]) || waiting(&k->sink[1]) || running(k))
		return false;
	return k->over == k->c->nr || k->failed || k->signo || k->late;
}

/* What a clone that was never started counts as. */
static int unstarted(const struct collector *k)
{
	const struct verdict late = {OUTCOME_TIMEOUT, DETECTOR_TIMER, 0};

	if (k->failed)
		return k->failed;
	return k->signo ? 128 + k->signo : verdict_exit_status(&late);
}

static int status_of_all(struct collector *k)
{
	unsigned bad = 0, first = 0, unknown = 0;
	char text[200];

	for (unsigned i = 0; i < k->c->nr; i++) {
		if (k->status[i] < 0) {
			unknown++;
			k->status[i] = unstarted(k);
		}
		bad += k->status[i] != 0;
		if (k->status[i] && !first)
			first = i + 1;
	}
	if (k->failed && unknown == k->c->nr)
		return k->failed;
	snprintf(text, sizeof(text), "vmm: %u of %u clones did not end with status 0, first clone %u with %d", bad,
		k->c->nr, first, first ? k->status[first - 1] : 0);
	if (bad && k->c->nr > 1) {
		say(k, text);
		snprintf(text, sizeof(text), "; %u were not started\n", unknown);
		say(k, unknown ? text : "\n");
	}
	return first ? k->status[first - 1] : 0;
}

/* --- The loop ---------------------------------------------------------------------------------------------------- */

static void set_polls(struct collector *k)
{
	bool full = waiting(&k->sink[0]) > QUEUE_FULL || waiting(&k->sink[1]) > QUEUE_FULL;
	struct pollfd *p = k->poll;

	*p++ = (struct pollfd){.fd = k->signals, .events = POLLIN};
	*p++ = (struct pollfd){.fd = k->sock, .events = POLLIN};
	for (int i = 0; i < CLONE_STREAMS; i++)
		*p++ = (struct pollfd){.fd = waiting(&k->sink[i]) ? k->sink[i].fd : -1, .events = POLLOUT};
	for (unsigned j = 0; j < k->c->jobs; j++)
		for (int i = 0; i < CLONE_STREAMS; i++)
			*p++ = (struct pollfd){.fd = k->live[j].n && !full ? k->live[j].fd[i] : -1, .events = POLLIN};
}

/* Return: false: the spawner is gone. */
static bool turn(struct collector *k)
{
	const struct timespec tick = ns_to_timespec(TICK_MS * NSEC_PER_MSEC);
	struct pollfd *p = k->poll;
	bool there = true;
	uint64_t now;
	int n;

	set_polls(k);
	n = ppoll(p, 4 + CLONE_STREAMS * (nfds_t)k->c->jobs, &tick, NULL);
	now = trace_now_ns();
	if (n > 0 && p[0].revents)
		take_signal(k);
	for (int i = 0; n > 0 && i < CLONE_STREAMS; i++)
		if (p[2 + i].revents)
			drain(&k->sink[i]);
	for (unsigned j = 0; n > 0 && j < k->c->jobs; j++)
		for (int i = 0; i < CLONE_STREAMS; i++)
			if (p[4 + CLONE_STREAMS * j + (unsigned)i].revents)
				take_stream(k, &k->live[j], i);
	if (n > 0 && p[1].revents)
		there = take_said(k);
	for (unsigned j = 0; j < k->c->jobs; j++)
		check_live(k, &k->live[j], now);
	check_time(k, now);
	return there;
}

int collector_new(const struct clones_config *c, int sock, int signals, struct collector **ret)
{
	struct collector *k = calloc(1, sizeof(*k));
	bool there = k;

	if (!k)
		return -ENOMEM;
	k->c = c;
	k->sock = sock;
	k->signals = signals;
	k->live = calloc(c->jobs, sizeof(*k->live));
	k->status = malloc(c->nr * sizeof(*k->status));
	k->poll = calloc(4 + CLONE_STREAMS * (size_t)c->jobs, sizeof(*k->poll));
	for (int i = 0; i < CLONE_STREAMS; i++) {
		/* All that can be read between two looks at whether it is full */
		k->sink[i].size = QUEUE_FULL + c->jobs * (size_t)(LINE_BYTES * 2 + 64) + LINE_BYTES * 32;
		k->sink[i].fd = STDOUT_FILENO + i;
		k->sink[i].buf = malloc(k->sink[i].size);
		there &= k->sink[i].buf != NULL;
	}
	if (!there || !k->live || !k->status || !k->poll) {
		collector_free(k);
		return -ENOMEM;
	}
	for (unsigned i = 0; i < c->nr; i++)
		k->status[i] = -1;
	*ret = k;
	return 0;
}

void collector_free(struct collector *k)
{
	if (!k)
		return;
	for (int i = 0; i < CLONE_STREAMS; i++)
		free(k->sink[i].buf);
	free(k->live);
	free(k->status);
	free(k->poll);
	free(k);
}

int collector_run(struct collector *k)
{
	int r;

	while (!finished(k)) {
		if (turn(k))
			continue;
		if (!k->failed)
			say(k, "vmm: the process that starts clones was killed, and with it the clones\n");
		k->failed = k->failed ? k->failed : EXIT_FAILED;
		break;
	}
	r = status_of_all(k);
	while (waiting(&k->sink[0]) || waiting(&k->sink[1]))
		for (int i = 0; i < CLONE_STREAMS; i++)
			if (waiting(&k->sink[i]))
				drain(&k->sink[i]);
	return r;
}
