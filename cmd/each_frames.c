// SPDX-License-Identifier: Apache-2.0
/*
 * Frames and their answers.
 */
#include "cmd/each_internal.h"

static void answer_frame(struct each *x, int status, const char *how, const char *why, const struct round_end *end)
{
	struct frame_answer a = {
		.status = (uint32_t)status,
		.flags = (end->verdict.outcome == OUTCOME_NONE && !status ? FRAME_MARKED : 0) |
			(end->lost ? FRAME_LOST : 0) | (end->refused ? FRAME_REPLACED : 0),
		.pages = (uint32_t)end->pages,
		.ns = end->took_ns,
		.n = x->s->n,
		.size = end->size,
	};
	uint8_t head[FRAME_ANSWER_HEAD];

	frame_put_head(&a, head);
	each_put(x->s, head, sizeof(head));
	each_put(x->s, end->output, end->size);
}

static void refuse(struct each *x, const char *how, const char *why)
{
	const struct round_end none = {.output = (const uint8_t *)""};

	x->s->n++;
	each_answer(x, EXIT_USAGE, how, why, &none);
	each_say(x, why);
}

/* What is left of a frame that was too long. Return: true: all of it is gone. */
static bool skip(struct each_state *s)
{
	uint64_t n = MIN(s->skip, s->nr - s->at);

	s->at += n;
	s->skip = s->ended ? 0 : s->skip - n;
	return !s->skip;
}

static bool find_frame(struct each_state *s)
{
	uint64_t len = 0;

	if (!skip(s) || frame_find(s->input + s->at, s->nr - s->at, s->ended, &len) == FRAME_PART)
		return false;
	s->len = MIN(len, s->nr - s->at);
	return true;
}

static bool take_frame(struct each *x)
{
	struct each_state *s = x->s;
	uint64_t len;
	enum frame_found found = frame_find(s->input + s->at, s->nr - s->at, s->ended, &len);

	if (found == FRAME_WHOLE && len - FRAME_HEAD <= x->guest->room(x->guest_arg))
		return true;
	if (found == FRAME_CUT)
		refuse(x, "cut", "its end is missing: no guest gets it");
	else if (found == FRAME_TOO_LONG)
		refuse(x, "too-long", "longer than 1 MiB: no guest gets it");
	else
		refuse(x, "too-long", "longer than the guest's buffer: no guest gets it");
	s->skip = len;
	skip(s);
	return false;
}

const struct each_form each_frames = {.read_max = FRAME_HEAD + FRAME_MAX,
	.head = FRAME_HEAD,
	.find = find_frame,
	.take = take_frame,
	.answer = answer_frame};
