// SPDX-License-Identifier: Apache-2.0
/*
 * Theory of operation. One line at a time: read, a round of the machine, its answer written to the end, then the next.
 * So a slow reader slows the guests down and nothing piles up, and a writer that waits for an answer before it writes
 * the next line gets it. All in the control loop, which never blocks: signals are served meanwhile.
 */
#include "cmd/each.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cmd/each_internal.h"

static void next(struct each *x);

/* --- Answers ------------------------------------------------------------------------------------------------------ */

void each_put(struct each_state *s, const void *data, size_t n)
{
	n = MIN(n, EACH_ANSWER_MAX - s->answer_nr);
	memcpy(s->answer + s->answer_nr, data, n);
	s->answer_nr += n;
}

void each_say(const struct each *x, const char *what)
{
	fprintf(stderr, "vmm: %s %" PRIu64 ": %s\n", x->unit, x->s->n, what);
}

void each_answer(struct each *x, int status, const char *how, const char *why, const struct round_end *end)
{
	struct each_state *s = x->s;

	s->answer_nr = s->sent = 0;
	if (!s->status)
		s->status = status;
	x->form->answer(x, status, how, why, end);
}

/* --- The end of a round ------------------------------------------------------------------------------------------- */

static void done(struct each_state *s)
{
	s->phase = EACH_ANSWERED;
	s->at = s->next;
	s->phase = EACH_WAITS;
}

void each_ended(struct each *x, int status, const char *how, const char *why, const struct round_end *end)
{
	each_answer(x, status, how, why, end);
	done(x->s);
}

/* The first time; each answer in JSON has the count. */
static void say_refused(const struct each *x, const char *why)
{
	if (x->s->refused++ == 0)
		fprintf(stderr, "vmm: %s: another guest takes its place, here and whenever this happens\n", why);
}

static void on_ended(void *arg, const struct round_end *end)
{
	const struct verdict *v = &end->verdict;
	struct each *x = arg;

	if (end->refused)
		say_refused(x, end->refused);
	if (v->outcome == OUTCOME_NONE)
		each_ended(x, 0, "mark", "", end);
	else
		each_ended(x, verdict_exit_status(v), outcome_name(v->outcome),
			v->outcome == OUTCOME_TIMEOUT ? EACH_TOO_LONG : outcome_text(v->outcome), end);
}

static void replace(struct each *x)
{
	x->s->replace = true;
	x->guest->end(x->guest_arg, OUTCOME_ANSWERED, 0);
}

static void on_lost(void *arg)
{
	replace(arg);
}

static void failed(struct each *x, const char *what, int r)
{
	fprintf(stderr, "vmm: cannot %s: %s\n", what, strerror(-r));
	x->guest->end(x->guest_arg, OUTCOME_FAILURE, 0);
}

/* Return: true when the answer is written. */
static bool send_answer(struct each *x)
{
	struct each_state *s = x->s;

	while (s->sent < s->answer_nr) {
		ssize_t r = nbio_write(&x->out, s->answer + s->sent, s->answer_nr - s->sent);

		if (r == -EAGAIN) {
			if (!x->writing)
				x->writing = loop_add(x->loop, &x->out_src, EPOLLOUT) == 0;
			return false;
		}
		if (r < 0) {
			failed(x, "write an answer to standard output", (int)r);
			return false;
		}
		s->sent += (size_t)r;
	}
	if (x->writing)
		loop_remove(&x->out_src);
	x->writing = false;
	return true;
}

static void on_writable(struct loop_source *s, uint32_t events)
{
	struct each *x = container_of(s, struct each, out_src);

	if (send_answer(x))
		next(x);
}

/* --- Input -------------------------------------------------------------------------------------------------------- */

/* Return: 1: there is something new, or the end; 0: not yet; a negative errno. */
static int read_some(struct each *x)
{
	struct each_state *s = x->s;
	ssize_t r;

	if (s->ended)
		return 1;
	memmove(s->input, s->input + s->at, s->nr - s->at);
	s->nr -= s->at;
	s->at = 0;
	r = nbio_read(&x->in, s->input + s->nr, x->form->read_max - s->nr);
	if (r == -EAGAIN && !x->reading) {
		x->reading = loop_add(x->loop, &x->in_src, EPOLLIN) == 0;
		return 0;
	}
	if (r < 0)
		return r == -EAGAIN ? 0 : (int)r;
	if (x->reading)
		loop_remove(&x->in_src);
	x->reading = false;
	s->nr += (size_t)r;
	s->ended = r == 0;
	return 1;
}

/* If the machine has to be replaced, the next one gets the input. */
static void run_round(struct each *x)
{
	struct each_state *s = x->s;
	struct err e = {};

	s->next = s->at + s->len;
	s->n++;
	s->phase = EACH_RUNS;
	if (x->guest->round(x->guest_arg, s->input + s->at + x->form->head, s->len - x->form->head, &e) == 0)
		return;
	s->n--;
	s->phase = EACH_WAITS;
	say_refused(x, e.text);
	replace(x);
}

static void next(struct each *x)
{
	struct each_state *s = x->s;

	while (send_answer(x)) {
		int r;

		if (!x->form->find(s)) {
			r = read_some(x);
			if (r < 0)
				failed(x, "read standard input", r);
			if (r <= 0)
				return;
			continue;
		}
		if (!s->len) {
			x->guest->end(x->guest_arg, OUTCOME_ANSWERED, s->status);
			return;
		}
		if (x->form->take(x)) {
			run_round(x);
			return;
		}
	}
}

static void on_readable(struct loop_source *s, uint32_t events)
{
	next(container_of(s, struct each, in_src));
}

void each_idle(struct each *x)
{
	next(x);
}

/* --- A machine ---------------------------------------------------------------------------------------------------- */

static void on_idle(void *arg)
{
	next(arg);
}

static int begin_round(void *arg, const uint8_t *input, size_t n, struct err *e)
{
	return machine_round(arg, input, n, e);
}

static uint64_t frame_room(void *arg)
{
	return machine_frame_room(arg);
}

/* Its console takes any line. */
static uint64_t line_room(void *arg)
{
	return UINT64_MAX;
}

static void end_machine(void *arg, enum outcome outcome, int status)
{
	machine_end(arg, outcome, DETECTOR_VMM, (uint64_t)status);
}

/* --- Its life ----------------------------------------------------------------------------------------------------- */

static int take_streams(struct each *x, struct err *e)
{
	int r = nbio_open(&x->in, STDIN_FILENO, NBIO_IN);

	if (r < 0)
		return err_operator(e, err_sys(e, r, "%s: standard input has no %ss", x->option, x->unit));
	r = nbio_open(&x->out, STDOUT_FILENO, NBIO_OUT);
	if (r < 0)
		return err_operator(e, err_sys(e, r, "%s: standard output takes no answers", x->option));
	nbio_ignore_signals();
	x->in_src = (struct loop_source){.fd = x->in.fd, .ready = on_readable};
	x->out_src = (struct loop_source){.fd = x->out.fd, .ready = on_writable};
	return 0;
}

int each_open(const struct each_config *c, struct each **ret, struct err *e)
{
	struct each *x = calloc(1, sizeof(*x));
	int r;

	if (!x)
		return err_sys(e, -ENOMEM, "memory for what guests answer");
	*x = (struct each){
		.form = c->frames ? &each_frames : &each_lines,
		.option = c->frames ? "--each-frame" : "--each-line",
		.unit = c->frames ? "frame" : "line",
		.json_wanted = c->json,
		.limit_ns = c->limit_ns,
		.in = NBIO_CLOSED,
		.out = NBIO_CLOSED,
	};
	/* What is not touched takes no memory. */
	x->s = mmap(NULL, sizeof(*x->s), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (x->s == MAP_FAILED)
		x->s = NULL;
	x->json = x->s ? each_json_new(x) : NULL;
	r = x->json ? take_streams(x, e) : err_sys(e, -ENOMEM, "memory for what guests answer");
	if (r < 0)
		each_close(x);
	else
		*ret = x;
	return r;
}

/* Of another process, which may have been its guest's. What the phase does not use may be anything. */
static bool is_valid(const struct each_state *s)
{
	return s->at <= s->nr && s->nr < EACH_INPUT_MAX && s->sent <= s->answer_nr && s->answer_nr <= EACH_ANSWER_MAX &&
		(s->phase == EACH_WAITS || s->next <= s->nr) && (s->phase != EACH_RUNS || s->len <= s->nr - s->at);
}

/* What the last process left. */
static void take_over(struct each *x)
{
	struct round_end none = {.output = (const uint8_t *)""};
	struct each_state *s = x->s;
	char why[80];

	if (s->phase == EACH_RUNS && s->signo) {
		snprintf(why, sizeof(why), "its process was killed by signal %d (%s)", s->signo, strsignal(s->signo));
		none.refused = why;
		each_answer(x, 128 + s->signo, "killed", why, &none);
	}
	if (s->phase != EACH_WAITS)
		done(s);
	s->signo = 0;
}

void each_begin_with(struct each *x, const struct each_guest *guest, void *arg, struct loop *loop)
{
	x->guest = guest;
	x->guest_arg = arg;
	x->loop = loop;
}

int each_begin(struct each *x, struct machine *m, struct loop *loop, struct err *e)
{
	static const struct rounds_ops ops = {.idle = on_idle, .ended = on_ended, .lost = on_lost};
	static const struct each_guest frames = {begin_round, frame_room, end_machine};
	static const struct each_guest lines = {begin_round, line_room, end_machine};

	x->m = m;
	each_begin_with(x, x->form == &each_frames ? &frames : &lines, m, loop);
	if (!is_valid(x->s))
		return err_set(e, -EINVAL, "%s: the process before this one has damaged what it left", x->option);
	take_over(x);
	return machine_rounds_init(m, &ops, x, x->limit_ns, x->form == &each_frames, e);
}

void each_close(struct each *x)
{
	if (!x)
		return;
	if (x->reading)
		loop_remove(&x->in_src);
	if (x->writing)
		loop_remove(&x->out_src);
	nbio_close(&x->out);
	nbio_close(&x->in);
	if (x->json)
		fclose(x->json);
	if (x->s)
		munmap(x->s, sizeof(*x->s));
	free(x);
}
