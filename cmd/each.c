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
#include <unistd.h>

#include "vmm/base/json.h"
#include "vmm/host/nbio.h"
#include "vmm/machine/rounds.h"

/* A byte of output is at most 6 of JSON. The rest of an object takes less than 4 KiB. */
#define ANSWER_MAX (6 * ROUND_OUTPUT_MAX + 4 * KIB)

/**
 * struct each
 * @in: its bytes from @at to @nr in @line are not used up yet; @line has room for a newline more
 * @reading, @writing: @in_src and @out_src are watched
 * @line_len: of the line that the guest has, from @at on, with its newline
 * @skipping: up to the next newline: what is left of a line that was too long
 * @n: number of the line; @status: of the first one that is not 0
 * @answer: @sent of @answer_nr bytes are written
 * @json: writes to @answer
 */
struct each {
	struct machine *m;
	enum each_line format;
	uint64_t limit_ns;
	struct loop *loop;
	struct nbio in, out;
	struct loop_source in_src, out_src;
	bool reading, writing, ended, skipping;
	uint8_t *line;
	size_t at, nr, line_len;
	uint64_t n;
	int status;
	char *answer;
	size_t answer_nr, sent;
	FILE *json;
};

static void next(struct each *x);

/* --- Answers ------------------------------------------------------------------------------------------------------ */

static ssize_t put_answer(void *arg, const char *data, size_t n)
{
	struct each *x = arg;

	n = MIN(n, ANSWER_MAX - x->answer_nr);
	memcpy(x->answer + x->answer_nr, data, n);
	x->answer_nr += n;
	return (ssize_t)n;
}

/*
 * The guest's terminal echoes what it is given, as a terminal shows it (termios(3), ECHO, ECHOCTL, ONLCR). Return: the
 * bytes of output that are that.
 */
static size_t echo_length(const uint8_t *line, size_t n, const uint8_t *output, size_t size)
{
	size_t at = 0;

	for (size_t i = 0; i < n; i++) {
		uint8_t c = line[i], shown[2] = {c}, len = 1;

		if (c == '\n') {
			shown[0] = '\r';
			shown[1] = '\n';
			len = 2;
		} else if (c < 0x20 && c != '\t') {
			shown[0] = '^';
			shown[1] = c + 0x40;
			len = 2;
		}
		if (size - at < len || memcmp(output + at, shown, len) != 0)
			return 0;
		at += len;
	}
	return at;
}

static void answer_json(struct each *x, int status, const char *how, const struct round_end *end, char *output)
{
	struct json j;

	json_begin(&j, x->json);
	j.line_depth = 0;
	json_object(&j, NULL);
	json_u64(&j, "n", x->n);
	json_i64(&j, "status", status);
	json_string(&j, "how", how);
	json_u64(&j, "ns", end->took_ns);
	json_u64(&j, "pages", end->pages);
	json_string(&j, "output", output);
	if (end->lost)
		json_u64(&j, "lost", end->lost);
	json_end(&j);
	json_finish(&j);
}

static void say(const struct each *x, const char *what)
{
	fprintf(stderr, "vmm: line %" PRIu64 ": %s\n", x->n, what);
}

static void answer(struct each *x, int status, const char *how, const char *why, const struct round_end *end)
{
	size_t echo = echo_length(x->line + x->at, x->line_len, end->output, end->size), size = end->size - echo;

	x->answer_nr = x->sent = 0;
	if (!x->status)
		x->status = status;
	if (x->format == EACH_LINE_JSON) {
		char *text = x->answer + ANSWER_MAX;

		memcpy(text, end->output + echo, size);
		for (size_t i = 0; i < size; i++)
			if (!text[i])
				text[i] = (char)0xff; /* becomes U+FFFD, as what is not UTF-8 */
		text[size] = '\0';
		answer_json(x, status, how, end, text);
		return;
	}
	put_answer(x, (const char *)end->output + echo, size);
	if (status)
		say(x, why);
	if (end->lost)
		say(x, "its output was longer than 4 MiB: the end is lost");
}

static void on_ended(void *arg, const struct round_end *end)
{
	const struct verdict *v = &end->verdict;
	struct each *x = arg;

	if (v->outcome == OUTCOME_NONE)
		answer(x, 0, "mark", "", end);
	else
		answer(x, verdict_exit_status(v), outcome_name(v->outcome),
			v->outcome == OUTCOME_TIMEOUT ? "it took longer than --line-timeout" : outcome_text(v->outcome),
			end);
	x->at += x->line_len;
}

static void failed(struct each *x, const char *what, int r)
{
	fprintf(stderr, "vmm: cannot %s: %s\n", what, strerror(-r));
	machine_end(x->m, OUTCOME_FAILURE, DETECTOR_VMM, 0);
}

/* Return: true when the answer is written. */
static bool send_answer(struct each *x)
{
	while (x->sent < x->answer_nr) {
		ssize_t r = nbio_write(&x->out, x->answer + x->sent, x->answer_nr - x->sent);

		if (r == -EAGAIN) {
			if (!x->writing)
				x->writing = loop_add(x->loop, &x->out_src, EPOLLOUT) == 0;
			return false;
		}
		if (r < 0) {
			failed(x, "write an answer to standard output", (int)r);
			return false;
		}
		x->sent += (size_t)r;
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

/* --- Lines -------------------------------------------------------------------------------------------------------- */

/* Return: 1: there is something new, or the end; 0: not yet; a negative errno. */
static int read_some(struct each *x)
{
	ssize_t r;

	if (x->ended)
		return 1;
	memmove(x->line, x->line + x->at, x->nr - x->at);
	x->nr -= x->at;
	x->at = 0;
	r = nbio_read(&x->in, x->line + x->nr, EACH_LINE_MAX + 1 - x->nr);
	if (r == -EAGAIN && !x->reading) {
		x->reading = loop_add(x->loop, &x->in_src, EPOLLIN) == 0;
		return 0;
	}
	if (r < 0)
		return r == -EAGAIN ? 0 : (int)r;
	if (x->reading)
		loop_remove(&x->in_src);
	x->reading = false;
	x->nr += (size_t)r;
	x->ended = r == 0;
	return 1;
}

/* Finds the end of the line at @at. Return: false: more has to be read. */
static bool find_line(struct each *x)
{
	uint8_t *newline = memchr(x->line + x->at, '\n', x->nr - x->at);

	if (newline) {
		x->line_len = (size_t)(newline + 1 - (x->line + x->at));
		return true;
	}
	if (x->nr - x->at > EACH_LINE_MAX) {
		x->line_len = x->nr - x->at;
		return true;
	}
	if (!x->ended)
		return false;
	/* The last one, without a newline. */
	x->line[x->nr] = '\n';
	x->line_len = x->nr == x->at ? 0 : x->nr++ + 1 - x->at;
	return true;
}

static void too_long(struct each *x)
{
	const struct round_end none = {.output = (const uint8_t *)""};

	answer(x, EXIT_USAGE, "too-long", "longer than 1 MiB: no guest gets it", &none);
	x->at = x->nr;
}

/* With a line in front. Return: true: the guest has it; false: it is done with. */
static bool take_line(struct each *x)
{
	bool whole = x->line[x->at + x->line_len - 1] == '\n';

	if (x->skipping) {
		x->at += x->line_len;
		x->skipping = !whole;
		return false;
	}
	x->n++;
	if (whole) {
		machine_round(x->m, x->line + x->at, x->line_len);
		return true;
	}
	x->skipping = true;
	too_long(x);
	return false;
}

static void next(struct each *x)
{
	while (send_answer(x)) {
		int r;

		if (!find_line(x)) {
			r = read_some(x);
			if (r < 0)
				failed(x, "read standard input", r);
			if (r <= 0)
				return;
			continue;
		}
		if (!x->line_len) {
			machine_end(x->m, OUTCOME_ANSWERED, DETECTOR_VMM, (uint64_t)x->status);
			return;
		}
		if (take_line(x))
			return;
	}
}

static void on_readable(struct loop_source *s, uint32_t events)
{
	next(container_of(s, struct each, in_src));
}

static void on_idle(void *arg)
{
	next(arg);
}

/* --- Its life ----------------------------------------------------------------------------------------------------- */

static int take_streams(struct each *x, struct err *e)
{
	int r = nbio_open(&x->in, STDIN_FILENO, NBIO_IN);

	if (r < 0)
		return err_operator(e, err_sys(e, r, "--each-line: standard input has no lines"));
	r = nbio_open(&x->out, STDOUT_FILENO, NBIO_OUT);
	if (r < 0)
		return err_operator(e, err_sys(e, r, "--each-line: standard output takes no answers"));
	nbio_ignore_signals();
	x->in_src = (struct loop_source){.fd = x->in.fd, .ready = on_readable};
	x->out_src = (struct loop_source){.fd = x->out.fd, .ready = on_writable};
	return 0;
}

int each_open(const struct config *c, struct loop *loop, struct each **ret, struct err *e)
{
	static const cookie_io_functions_t io = {.write = put_answer};
	struct each *x = calloc(1, sizeof(*x));
	int r;

	if (!x)
		return err_sys(e, -ENOMEM, "--each-line");
	*x = (struct each){.loop = loop, .format = c->each_line, .limit_ns = c->line_timeout_ns, .in = NBIO_CLOSED};
	x->out = NBIO_CLOSED;
	/* What is not touched takes no memory. */
	x->line = malloc(EACH_LINE_MAX + 2);
	x->answer = malloc(ANSWER_MAX + ROUND_OUTPUT_MAX + 1);
	x->json = fopencookie(x, "w", io);
	r = x->line && x->answer && x->json ? take_streams(x, e) : err_sys(e, -ENOMEM, "--each-line");
	if (r < 0)
		each_close(x);
	else
		*ret = x;
	return r;
}

int each_begin(struct each *x, struct machine *m, struct err *e)
{
	static const struct rounds_ops ops = {.idle = on_idle, .ended = on_ended};

	x->m = m;
	return machine_rounds_init(m, &ops, x, x->limit_ns, e);
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
	free(x->answer);
	free(x->line);
	free(x);
}
