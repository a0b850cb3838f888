// SPDX-License-Identifier: Apache-2.0
/*
 * One thread and one poll(): the launcher's socket, pipes for each test that runs, and the signals. A run of a test is
 * over when the launcher has reported its end and all of its pipes are at end of file, in any order.
 *
 * A guest without a command has two: its console is vmm's standard output. That of a command has four, and what they
 * have but for the report is also in one log, in the order of its arrival; a line begins where it is another's turn.
 */
#include "cmd/test/runner.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>

#include "vmm/base/trace.h"
#include "vmm/base/clock.h"
#include "vmm/results/judge.h"

#define TICK_MS    200
#define ERRORS_MAX (16 * KIB)         /* bytes of standard error that are kept: at least half of it, the last */
#define GRACE_NS   (2 * NSEC_PER_SEC) /* how long pipes may stay open after vmm has ended */
#define REPORT_MAX MIB

/** struct text - @size bytes of @room, and a NUL; owned */
struct text {
	char *s;
	size_t size;
	size_t room;
};

#define PIECES_MAX 1024

/** struct piece - of what a command prints, from offset @out on: it is in the log from @log on */
struct piece {
	size_t out;
	size_t log;
};

/**
 * struct slot - a running test
 * @fd: read ends of its streams, by enum launch_fd; -1: at end of file, or it has none
 * @turn: the stream whose bytes are the last in the log
 * @log: its output; of a command also its standard error, and its kernel's
 * @stream: of a command: what came from each stream; that of standard error is in @errors
 * @piece: of its standard output, @pieces of them; what follows the last may have something else in between
 * @errors: the end of vmm's standard error, @errors_size bytes and a NUL
 * @file: its log file; -1: none
 * @ended: the launcher has reported its end, at @ended_ns
 */
struct slot {
	bool busy;
	size_t job;
	int fd[LAUNCH_FDS];
	int file;
	int turn;
	struct text log;
	struct text stream[LAUNCH_FDS];
	struct piece piece[PIECES_MAX];
	size_t pieces;
	bool truncated;
	char errors[ERRORS_MAX];
	size_t errors_size;
	bool ended;
	bool killed;
	int wait_status;
	uint64_t begin_ns;
	uint64_t ended_ns;
};

/**
 * struct runner
 * @result: of each job; @done: whether it is final
 * @keep: memory that the results borrow
 * @next: the first job that has not been started
 * @again: jobs to retry, @again_nr of them
 */
struct runner {
	struct runner_config config;
	struct launcher *launcher;
	struct result_test *result;
	bool *done;
	struct keep {
		char *log;
		char *path;
		struct ktap ktap;
		char why[JUDGE_WHY_MAX];
	} * keep;
	size_t next;
	size_t *again;
	size_t again_nr;
	struct slot *slot;
	unsigned busy;
	int signals;
	int signal;
	struct result_test *list;
	int r;
};

/* --- Results --------------------------------------------------------------------------------------------------- */

/* A known failure may be of any kind, except that the test could not be run. */
static bool is_expected(const struct runner_job *j, enum result_outcome o)
{
	if (j->known)
		return o != RESULT_PASS && o != RESULT_ERROR;
	if (o == j->expect)
		return true;
	return j->expect == RESULT_PASS && (o == RESULT_SKIP || o == RESULT_XFAIL);
}

static void set_result(struct runner *r, struct slot *s, const struct judge_verdict *v)
{
	const struct runner_job *j = &r->config.job[s->job];
	struct result_test *t = &r->result[s->job];
	struct keep *k = &r->keep[s->job];

	t->name = j->name;
	t->kernel = j->kernel;
	t->outcome = v->outcome;
	t->expected = is_expected(j, v->outcome);
	t->attempts++;
	t->took_ns += s->ended_ns - s->begin_ns;
	t->status = v->status;
	t->log_path = k->path;
	t->ktap = &k->ktap;
	if (!t->expected && v->outcome == RESULT_PASS)
		snprintf(k->why, sizeof(k->why), "it passed, and %s was expected",
			j->known ? "a failure" : result_outcome_name(j->expect));
	else
		snprintf(k->why, sizeof(k->why), "%s", v->why);
	t->why = k->why;
	/* The log of a test that was as expected is not read again, so it is not kept in memory. */
	free(k->log);
	k->log = t->expected ? NULL : TAKE_PTR(s->log.s);
	t->log = k->log;
	t->log_size = k->log ? s->log.size : 0;
}

/* Where the byte at @out of a command's standard output is in the log. */
static size_t in_log(const struct slot *s, size_t out)
{
	size_t i = s->pieces;

	while (i && s->piece[i - 1].out > out)
		i--;
	return i ? MIN(s->piece[i - 1].log + (out - s->piece[i - 1].out), s->log.size) : 0;
}

/* Results are read from what a command prints, and shown with what else was printed between them. */
static void place_cases(const struct slot *s, struct ktap_case *c)
{
	for (; c; c = c->next) {
		if (c->log_end > c->log)
			c->log_end = MIN(in_log(s, c->log_end - 1) + 1, s->log.size);
		else
			c->log_end = in_log(s, c->log);
		c->log = in_log(s, c->log);
		place_cases(s, c->child);
	}
}

static void free_texts(struct slot *s)
{
	free(TAKE_PTR(s->log.s));
	for (size_t i = 0; i < LAUNCH_FDS; i++)
		free(TAKE_PTR(s->stream[i].s));
}

static void finish(struct runner *r, struct slot *s)
{
	const struct runner_config *c = &r->config;
	const bool command = c->job[s->job].command;
	const struct text *out = command ? &s->stream[LAUNCH_OUT] : &s->log;
	const struct text *console = command ? &s->stream[LAUNCH_CONSOLE] : &s->log;
	struct text *report = &s->stream[LAUNCH_REPORT];
	struct judge_run run = {.wait_status = s->wait_status,
		.text = console->s,
		.size = console->size,
		.command = command,
		.ended = command ? judge_report(report->s, report->size) : OUTCOME_NONE,
		.truncated = s->truncated,
		.errors = s->errors,
		.allow = c->job[s->job].allow};
	struct judge_verdict v;
	struct keep *k = &r->keep[s->job];

	ktap_destroy(&k->ktap);
	if (ktap_read(out->s, out->size, &k->ktap) < 0)
		r->r = -ENOMEM;
	if (command)
		place_cases(s, k->ktap.root.child);
	judge_run(&run, &k->ktap, &v);
	if (s->killed) {
		v.outcome = RESULT_ERROR;
		snprintf(v.why, sizeof(v.why), "vmm did not end at its time limit, and was killed");
	}
	set_result(r, s, &v);
	free_texts(s);
	if (s->file >= 0)
		close(TAKE_FD(s->file));
	s->busy = false;
	r->busy--;
	if (c->ops && c->ops->attempt)
		c->ops->attempt(c->arg, s->job, &r->result[s->job]);
	if (!r->result[s->job].expected && r->result[s->job].attempts <= c->retries && !r->signal) {
		r->again[r->again_nr++] = s->job;
		return;
	}
	r->done[s->job] = true;
	if (c->ops && c->ops->ends)
		c->ops->ends(c->arg, s->job, &r->result[s->job]);
}

/* --- Output of a test ------------------------------------------------------------------------------------------ */

static bool grow(struct text *t, size_t n)
{
	size_t room = t->room ? t->room : 4 * KIB;
	char *grown;

	while (room < t->size + n + 1)
		room *= 2;
	if (room == t->room)
		return true;
	grown = realloc(t->s, room);
	if (!grown)
		return false;
	t->s = grown;
	t->room = room;
	return true;
}

/* Return: false: it is more than @most bytes, or there is no memory. */
static bool take_text(struct text *t, const char *data, size_t n, size_t most)
{
	if (t->size + n > most || !grow(t, n))
		return false;
	memcpy(t->s + t->size, data, n);
	t->size += n;
	t->s[t->size] = '\0';
	return true;
}

static void take_output(struct slot *s, const char *data, size_t n)
{
	if (!take_text(&s->log, data, n, RUNNER_LOG_MAX))
		s->truncated = true;
}

/* Keeps the end; what is dropped is whole lines, unless a line is longer than half of the buffer. */
static void take_errors(struct slot *s, const char *data, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (s->errors_size == ERRORS_MAX - 1) {
			const char *nl = memchr(s->errors + ERRORS_MAX / 2, '\n', ERRORS_MAX / 2 - 1);
			size_t drop = nl ? (size_t)(nl + 1 - s->errors) : ERRORS_MAX / 2;

			s->errors_size -= drop;
			memmove(s->errors, s->errors + drop, s->errors_size);
		}
		s->errors[s->errors_size++] = data[i] ? data[i] : '?';
	}
	s->errors[s->errors_size] = '\0';
}

static void keep(struct runner *r, struct slot *s, const char *data, size_t n)
{
	if (s->file >= 0 && !s->truncated && write(s->file, data, n) != (ssize_t)n)
		r->r = errno ? -errno : -EIO;
}

/* What a command prints comes next in the log, at @out of all that it has printed. */
static void note_piece(struct slot *s, size_t out)
{
	const struct piece *last = &s->piece[s->pieces ? s->pieces - 1 : 0];
	bool goes_on = s->pieces && last->log + (out - last->out) == s->log.size;

	if (!goes_on && s->pieces < PIECES_MAX)
		s->piece[s->pieces++] = (struct piece){out, s->log.size};
}

/* What a command prints, or its kernel. */
static void take_part(struct runner *r, struct slot *s, int from, const char *data, size_t n)
{
	const size_t before = s->stream[from].size;

	if (from != LAUNCH_ERR && !take_text(&s->stream[from], data, n, RUNNER_LOG_MAX))
		s->truncated = true;
	if (from != s->turn && s->log.size && s->log.s[s->log.size - 1] != '\n') {
		take_output(s, "\n", 1);
		keep(r, s, "\n", 1);
	}
	s->turn = from;
	if (from == LAUNCH_OUT)
		note_piece(s, before);
	take_output(s, data, n);
}

/* Reads the available bytes; at end of file the stream is closed. */
static void take_stream(struct runner *r, struct slot *s, int from)
{
	const bool command = r->config.job[s->job].command;
	char buf[32 * KIB];
	ssize_t n = read(s->fd[from], buf, sizeof(buf));

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n <= 0) {
		close(TAKE_FD(s->fd[from]));
		return;
	}
	/* One that is too long is none. */
	if (from == LAUNCH_REPORT) {
		take_text(&s->stream[from], buf, (size_t)n, REPORT_MAX);
		return;
	}
	if (command)
		take_part(r, s, from, buf, (size_t)n);
	else if (from == LAUNCH_OUT)
		take_output(s, buf, (size_t)n);
	if (from == LAUNCH_ERR)
		take_errors(s, buf, (size_t)n);
	keep(r, s, buf, (size_t)n);
}

/* --- Starting -------------------------------------------------------------------------------------------------- */

void runner_file_name(const struct runner_job *j, const char *end, char *buf, size_t size)
{
	snprintf(buf, size, "%.48s%s%.*s.%zu%s", j->kernel, *j->kernel ? "-" : "", 120, j->name, j->number + 1, end);
	for (char *s = buf; *s; s++)
		if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_", *s) ||
			(s == buf && *s == '.'))
			*s = '_';
}

static int open_log(struct runner *r, struct slot *s)
{
	const struct runner_config *c = &r->config;
	struct keep *k = &r->keep[s->job];
	char name[RUNNER_NAME_MAX];

	s->file = -1;
	if (c->log_dir < 0)
		return 0;
	runner_file_name(&c->job[s->job], ".log", name, sizeof(name));
	/* Further attempts are appended. */
	s->file = openat(
		c->log_dir, name, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | (k->path ? O_APPEND : O_TRUNC), 0666);
	if (s->file < 0)
		return -errno;
	if (!k->path && asprintf(&k->path, "%s%s", c->log_path, name) < 0)
		k->path = NULL;
	return 0;
}

/* Pipes from the job, whose ends are @theirs. */
static int open_pipes(struct slot *s, int *theirs, size_t nr)
{
	int end[2];

	for (size_t i = 0; i < nr; i++) {
		if (pipe2(end, O_CLOEXEC) < 0)
			return -errno;
		s->fd[i] = end[0];
		theirs[i] = end[1];
		fcntl(end[0], F_SETFL, O_NONBLOCK);
	}
	return 0;
}

/* The texts of a test are strings, also of one that prints nothing. */
static bool begin_texts(struct slot *s)
{
	bool began = take_text(&s->log, "", 0, 0);

	s->pieces = 0;
	for (size_t i = 0; i < LAUNCH_FDS; i++)
		began = began && take_text(&s->stream[i], "", 0, 0);
	return began;
}

/* A clone's kernel has booted already: what it complained of is the test's as well. */
static void take_boot(struct runner *r, struct slot *s)
{
	const struct runner_job *j = &r->config.job[s->job];

	if (!j->boot_size)
		return;
	take_part(r, s, LAUNCH_CONSOLE, j->boot, j->boot_size);
	keep(r, s, j->boot, j->boot_size);
}

static int start(struct runner *r, struct slot *s, size_t job)
{
	const size_t nr = r->config.job[job].command ? LAUNCH_FDS : LAUNCH_ERR + 1;
	int theirs[LAUNCH_FDS] = {-1, -1, -1, -1}, code;

	*s = (struct slot){.job = job, .fd = {-1, -1, -1, -1}, .file = -1, .begin_ns = trace_now_ns()};
	code = begin_texts(s) ? open_log(r, s) : -ENOMEM;
	if (code == 0)
		take_boot(r, s);
	if (code == 0)
		code = open_pipes(s, theirs, nr);
	if (code == 0)
		code = launcher_run(r->launcher, (uint32_t)job, theirs, nr);
	for (size_t i = 0; i < nr; i++)
		cleanup_fd(&theirs[i]);
	if (code < 0) {
		for (size_t i = 0; i < nr; i++)
			cleanup_fd(&s->fd[i]);
		cleanup_fd(&s->file);
		free_texts(s);
		return code;
	}
	s->busy = true;
	r->busy++;
	if (r->config.ops && r->config.ops->begins)
		r->config.ops->begins(r->config.arg, job);
	return 0;
}

/* Fills the free slots; retries come first. */
static void start_more(struct runner *r)
{
	for (unsigned i = 0; i < r->config.jobs && r->r == 0 && !r->signal; i++) {
		if (r->slot[i].busy)
			continue;
		if (r->again_nr)
			r->r = start(r, &r->slot[i], r->again[--r->again_nr]);
		else if (r->next < r->config.nr)
			r->r = start(r, &r->slot[i], r->next++);
	}
}

/* --- Running --------------------------------------------------------------------------------------------------- */

static void take_ends(struct runner *r)
{
	struct launch_end end;
	int code;

	while ((code = launcher_next(r->launcher, &end)) > 0)
		for (unsigned i = 0; i < r->config.jobs; i++) {
			struct slot *s = &r->slot[i];

			if (!s->busy || s->ended || s->job != end.job)
				continue;
			s->ended = true;
			s->ended_ns = trace_now_ns();
			s->wait_status = end.wait_status;
		}
	if (code < 0)
		r->r = code;
}

static void check_slot(struct runner *r, struct slot *s, uint64_t now)
{
	uint64_t limit = r->config.job[s->job].limit_ns;
	bool open = false;

	/* Every process that vmm started is gone, so a pipe that is still open is held by some other process. */
	for (size_t i = 0; i < LAUNCH_FDS; i++) {
		if (s->fd[i] >= 0 && s->ended && now - s->ended_ns > GRACE_NS)
			close(TAKE_FD(s->fd[i]));
		open |= s->fd[i] >= 0;
	}
	if (!s->ended && !s->killed && limit && now - s->begin_ns > limit) {
		s->killed = true;
		launcher_signal(r->launcher, (uint32_t)s->job, SIGKILL);
	}
	if (s->ended && !open)
		finish(r, s);
}

static void take_signal(struct runner *r)
{
	struct signalfd_siginfo si;

	if (read(r->signals, &si, sizeof(si)) == sizeof(si) && !r->signal)
		r->signal = (int)si.ssi_signo;
}

/* Waits for events and handles them. */
static void turn(struct runner *r, struct pollfd *p)
{
	unsigned jobs = r->config.jobs;
	struct pollfd *of = p + 2;
	int n;

	p[0] = (struct pollfd){.fd = r->signals, .events = POLLIN};
	p[1] = (struct pollfd){.fd = r->launcher->sock, .events = POLLIN};
	for (unsigned i = 0; i < jobs * LAUNCH_FDS; i++) {
		const struct slot *s = &r->slot[i / LAUNCH_FDS];

		of[i] = (struct pollfd){.fd = s->busy ? s->fd[i % LAUNCH_FDS] : -1, .events = POLLIN};
	}
	n = poll(p, 2 + jobs * LAUNCH_FDS, TICK_MS);
	if (n < 0 && errno != EINTR)
		r->r = -errno;
	if (n > 0 && p[0].revents)
		take_signal(r);
	for (unsigned i = 0; n > 0 && i < jobs * LAUNCH_FDS; i++)
		if (of[i].revents)
			take_stream(r, &r->slot[i / LAUNCH_FDS], (int)(i % LAUNCH_FDS));
	if (n > 0 && p[1].revents)
		take_ends(r);
	for (unsigned i = 0; i < jobs; i++)
		if (r->slot[i].busy)
			check_slot(r, &r->slot[i], trace_now_ns());
	if (r->config.ops && r->config.ops->tick)
		r->config.ops->tick(r->config.arg);
}

int runner_run(struct runner *r, int *ret_signal)
{
	struct pollfd *p = calloc(2 + LAUNCH_FDS * (size_t)r->config.jobs, sizeof(*p));

	if (!p)
		return -ENOMEM;
	for (start_more(r); r->busy && r->r == 0 && !r->signal; start_more(r))
		turn(r, p);
	free(p);
	*ret_signal = r->signal;
	return r->r;
}

const struct result_test *runner_results(struct runner *r, size_t *ret_nr)
{
	size_t nr = 0;

	for (size_t i = 0; i < r->config.nr; i++)
		if (r->done[i])
			r->list[nr++] = r->result[i];
	*ret_nr = nr;
	return r->list;
}

int runner_new(const struct runner_config *config, struct launcher *l, struct runner **ret)
{
	struct runner *r = calloc(1, sizeof(*r));
	sigset_t set;

	if (!r)
		return -ENOMEM;
	r->config = *config;
	r->launcher = l;
	r->result = calloc(config->nr + 1, sizeof(*r->result));
	r->list = calloc(config->nr + 1, sizeof(*r->list));
	r->keep = calloc(config->nr + 1, sizeof(*r->keep));
	r->done = calloc(config->nr + 1, sizeof(*r->done));
	r->again = calloc(config->nr + 1, sizeof(*r->again));
	r->slot = calloc(config->jobs, sizeof(*r->slot));
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGQUIT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	r->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (!r->result || !r->list || !r->keep || !r->done || !r->again || !r->slot || r->signals < 0) {
		runner_free(r);
		return -ENOMEM;
	}
	*ret = r;
	return 0;
}

void runner_free(struct runner *r)
{
	if (!r)
		return;
	for (unsigned i = 0; r->slot && i < r->config.jobs; i++) {
		if (!r->slot[i].busy)
			continue;
		for (size_t j = 0; j < LAUNCH_FDS; j++)
			cleanup_fd(&r->slot[i].fd[j]);
		cleanup_fd(&r->slot[i].file);
		free_texts(&r->slot[i]);
	}
	for (size_t i = 0; r->keep && i < r->config.nr; i++) {
		free(r->keep[i].log);
		free(r->keep[i].path);
		ktap_destroy(&r->keep[i].ktap);
	}
	cleanup_fd(&r->signals);
	free(r->result);
	free(r->list);
	free(r->keep);
	free(r->done);
	free(r->again);
	free(r->slot);
	free(r);
}
