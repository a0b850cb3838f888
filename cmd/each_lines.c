// SPDX-License-Identifier: Apache-2.0
/*
 * Lines and their answers.
 */
#include <string.h>

#include "cmd/each_internal.h"
#include "vmm/base/json.h"

/* --- Answers ------------------------------------------------------------------------------------------------------ */

static ssize_t put_json(void *arg, const char *data, size_t n)
{
	each_put(arg, data, n);
	return (ssize_t)n;
}

FILE *each_json_new(struct each *x)
{
	static const cookie_io_functions_t io = {.write = put_json};

	return fopencookie(x->s, "w", io);
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

static void answer_json(struct each *x, int status, const char *how, const struct round_end *end, const char *output)
{
	struct json j;

	json_begin(&j, x->json);
	j.line_depth = 0;
	json_object(&j, NULL);
	json_u64(&j, "n", x->s->n);
	json_i64(&j, "status", status);
	json_string(&j, "how", how);
	json_u64(&j, "ns", end->took_ns);
	json_u64(&j, "reset_ns", end->reset_ns);
	json_u64(&j, "pages", end->pages);
	json_u64(&j, "replaced", x->s->refused + x->s->killed);
	json_string(&j, "output", output);
	if (end->lost)
		json_u64(&j, "lost", end->lost);
	json_end(&j);
	json_finish(&j);
}

static void answer_line(struct each *x, int status, const char *how, const char *why, const struct round_end *end)
{
	struct each_state *s = x->s;
	size_t echo = echo_length(s->input + s->at, s->len, end->output, end->size), size = end->size - echo;

	if (x->json_wanted) {
		memcpy(s->text, end->output + echo, size);
		for (size_t i = 0; i < size; i++)
			if (!s->text[i])
				s->text[i] = (char)0xff; /* becomes U+FFFD, as what is not UTF-8 */
		s->text[size] = '\0';
		answer_json(x, status, how, end, s->text);
		return;
	}
	each_put(s, end->output + echo, size);
	if (status)
		each_say(x, why);
	if (end->lost)
		each_say(x, "its output was longer than 4 MiB: the end is lost");
}

/* --- Lines -------------------------------------------------------------------------------------------------------- */

static bool find_line(struct each_state *s)
{
	uint8_t *newline = memchr(s->input + s->at, '\n', s->nr - s->at);

	if (newline) {
		s->len = (size_t)(newline + 1 - (s->input + s->at));
		return true;
	}
	if (s->nr - s->at > EACH_LINE_MAX) {
		s->len = s->nr - s->at;
		return true;
	}
	if (!s->ended)
		return false;
	/* The last one, without a newline. */
	s->input[s->nr] = '\n';
	s->len = s->nr == s->at ? 0 : s->nr++ + 1 - s->at;
	return true;
}

static bool take_line(struct each *x)
{
	const struct round_end none = {.output = (const uint8_t *)""};
	struct each_state *s = x->s;
	bool whole = s->input[s->at + s->len - 1] == '\n';

	if (s->skipping) {
		s->at += s->len;
		s->skipping = !whole;
		return false;
	}
	if (whole && s->len <= x->guest->room(x->guest_arg))
		return true;
	s->n++;
	s->skipping = !whole;
	each_answer(x, EXIT_USAGE, "too-long",
		whole ? "longer than the guest's buffer: no guest gets it" : "longer than 1 MiB: no guest gets it",
		&none);
	s->at += s->len;
	return false;
}

const struct each_form each_lines = {
	.read_max = EACH_LINE_MAX + 1, .find = find_line, .take = take_line, .answer = answer_line};
