// SPDX-License-Identifier: Apache-2.0
/*
 * Theory of operation: a stack of blocks, each of which holds the results of one nesting level. A line belongs to the
 * block of its column: kselftest's "# " counts as KTAP_HASH_COLUMNS columns, more than blanks can make up, so that both
 * kinds can nest in each other and remain distinguishable. A line with less indentation closes the blocks in between;
 * their results are kept in the enclosing block (`inner`) and become the children of its next result, since a parent's
 * result follows those of its children.
 *
 * A block is opened by a version, a plan, "# Subtest", or an indented result. After "# " only a version or a plan opens
 * one: "# ok 1" may be a comment.
 */
#include "vmm/results/ktap.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/base/util.h"
#include "vmm/results/ktap_line.h"

#define MISSING_MAX 1000 /* at most so many missing results become cases of their own */

/**
 * struct block - the results of one level
 * @column: of its lines
 * @end: where to append to the list
 * @count: results so far, by position
 * @plan: -1: none
 * @at_end: its plan came after results, so no result may follow
 * @inner: the results of nested blocks that have closed, until their parent's result comes, and their faults
 */
struct block {
	unsigned column;
	struct ktap_case *first;
	struct ktap_case **end;
	uint32_t count;
	int64_t plan;
	bool announced;
	bool at_end;
	struct ktap_case *inner;
	struct ktap_case **inner_end;
	uint32_t inner_faults;
	uint32_t faults;
};

/**
 * struct reader - a log while it is read
 * @block: @depth of them are open; block[0] stands for the whole log and is never closed
 * @log: offset at which the output of the next result begins
 * @yaml: column of a YAML block that is open, -1: none; @after_result: the last line was a result
 */
struct reader {
	struct ktap *ktap;
	const char *text;
	struct block block[KTAP_DEPTH_MAX];
	unsigned depth;
	size_t log;
	int yaml;
	unsigned result_column;
	bool after_result;
	bool stopped;
	int r;
};

static const struct {
	const char *name;
	bool passed;
} outcomes[] = {
#define X(id, name, passed) {name, passed},
	KTAP_OUTCOMES(X)
#undef X
};

static const char *const fault_texts[] = {
#define X(id, text) text,
	KTAP_FAULTS(X)
#undef X
};

const char *ktap_outcome_name(enum ktap_outcome o)
{
	return outcomes[o].name;
}

const char *ktap_fault_text(enum ktap_fault f)
{
	return fault_texts[f];
}

/* --- Cases ----------------------------------------------------------------------------------------------------- */

static char *copy_text(const char *s, const char *end)
{
	size_t n;

	while (s < end && (*s == ' ' || *s == '\t'))
		s++;
	while (end > s && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	n = MIN((size_t)(end - s), (size_t)KTAP_NAME_MAX - 1);
	/* A NUL would end the name early. */
	n = strnlen(s, n);
	return strndup(s, n);
}

static struct ktap_case *add_case(struct reader *rd, struct block *b)
{
	struct ktap_case *c;

	if (rd->r < 0 || rd->ktap->nr >= KTAP_CASES_MAX) {
		rd->stopped = true;
		rd->ktap->root.faults |= rd->r < 0 ? 0 : BIT(KTAP_FAULT_MANY);
		return NULL;
	}
	c = calloc(1, sizeof(*c));
	if (!c) {
		rd->r = -ENOMEM;
		rd->stopped = true;
		return NULL;
	}
	rd->ktap->nr++;
	c->number = ++b->count;
	*b->end = c;
	b->end = &c->next;
	return c;
}

static void set_text(struct reader *rd, char **ret, char *copy)
{
	if (!copy) {
		rd->r = -ENOMEM;
		rd->stopped = true;
		return;
	}
	free(*ret);
	*ret = copy;
}

static bool list_passed(const struct ktap_case *c)
{
	for (; c; c = c->next)
		if (!ktap_passed(c))
			return false;
	return true;
}

static void free_cases(struct ktap_case *c)
{
	while (c) {
		struct ktap_case *next = c->next;

		free_cases(c->child);
		free(c->name);
		free(c->reason);
		free(c);
		c = next;
	}
}

/* The results of closed nested blocks become the children of @c. */
static void adopt(struct block *b, struct ktap_case *c)
{
	c->child = b->inner;
	c->faults |= b->inner_faults;
	b->inner = NULL;
	b->inner_end = &b->inner;
	b->inner_faults = 0;
	if (c->said_ok && outcomes[c->outcome].passed && !list_passed(c->child))
		c->faults |= BIT(KTAP_FAULT_PARENT);
}

/* A case for which there is no line. */
static struct ktap_case *made_up(struct reader *rd, struct block *b, size_t at)
{
	struct ktap_case *c = add_case(rd, b);

	if (!c)
		return NULL;
	c->outcome = KTAP_MISSING;
	c->log = c->log_end = at;
	set_text(rd, &c->name, strdup(""));
	set_text(rd, &c->reason, strdup(""));
	return c;
}

/* --- Blocks ---------------------------------------------------------------------------------------------------- */

static struct block *top(struct reader *rd)
{
	return &rd->block[rd->depth - 1];
}

static void begin_results(struct block *b)
{
	b->count = 0;
	b->plan = -1;
	b->announced = false;
	b->at_end = false;
}

static bool open_block(struct reader *rd, unsigned column)
{
	struct block *b;

	if (rd->depth == KTAP_DEPTH_MAX)
		return false;
	b = &rd->block[rd->depth++];
	*b = (struct block){.column = column};
	b->end = &b->first;
	b->inner_end = &b->inner;
	begin_results(b);
	return true;
}

/* Ends a block: at a line with less indentation, another version or the end of the log. */
static void end_results(struct reader *rd, struct block *b, size_t at)
{
	struct ktap_case *c;

	if (b->inner || b->inner_faults) {
		c = made_up(rd, b, at);
		if (c) {
			adopt(b, c);
			c->faults |= BIT(KTAP_FAULT_ENDS);
		} else if (b->inner) {
			/* The limit of cases is reached: the results stay in the tree, which owns them. */
			*b->end = b->inner;
			b->end = b->inner_end;
			b->inner = NULL;
			b->inner_end = &b->inner;
		}
	}
	if (b->plan >= 0 && b->count < b->plan) {
		b->faults |= BIT(KTAP_FAULT_MISSING);
		for (uint32_t i = 0; b->count < b->plan && i < MISSING_MAX; i++)
			if (!made_up(rd, b, at))
				break;
	}
	if (b->announced && b->plan < 0 && !b->count)
		b->faults |= BIT(KTAP_FAULT_EMPTY);
	begin_results(b);
}

static void close_block(struct reader *rd, size_t at)
{
	struct block *b = top(rd), *outer = b - 1;

	end_results(rd, b, at);
	rd->depth--;
	*outer->inner_end = b->first;
	if (b->first)
		outer->inner_end = b->end;
	outer->inner_faults |= b->faults;
}

/* Closes the blocks that are indented further than @column. Return: whether the innermost is now that of @column. */
static bool find_block(struct reader *rd, unsigned column, size_t at)
{
	while (rd->depth > 1 && top(rd)->column > column)
		close_block(rd, at);
	return top(rd)->column == column;
}

/* --- Lines ----------------------------------------------------------------------------------------------------- */

static void take_result(struct reader *rd, struct block *b, const struct ktap_said *s, const struct ktap_line *l)
{
	struct ktap_case *c = add_case(rd, b);

	if (!c)
		return;
	c->said_ok = s->ok;
	c->outcome = s->outcome;
	set_text(rd, &c->name, copy_text(s->name, s->name_end));
	set_text(rd, &c->reason, copy_text(s->reason, s->reason_end));
	/* kselftest.h puts the name behind the directive. */
	if (rd->r == 0 && !*c->name && outcomes[c->outcome].passed) {
		char *name = c->name;

		c->name = c->reason;
		c->reason = name;
	}
	c->log = rd->log;
	c->log_end = rd->log = l->next;
	if (s->numbered && s->number != c->number)
		c->faults |= BIT(KTAP_FAULT_NUMBER);
	if (b->plan >= 0 && (c->number > b->plan || b->at_end))
		c->faults |= BIT(KTAP_FAULT_BEYOND);
	adopt(b, c);
	rd->after_result = true;
	rd->result_column = l->column;
}

static void take_plan(struct block *b, uint32_t plan, bool skip)
{
	if (b->plan >= 0)
		b->faults |= BIT(KTAP_FAULT_PLAN);
	else if (b->count > plan)
		b->faults |= BIT(KTAP_FAULT_PLAN);
	b->at_end = b->count > 0;
	if (b->plan < 0)
		b->plan = plan;
	b->announced = !skip || plan;
}

/* A version begins a new set of results: the one before it in this column is complete. */
static void take_version(struct reader *rd, struct block *b, size_t at)
{
	if (b->count || b->plan >= 0)
		end_results(rd, b, at);
	b->announced = true;
}

static void take_bail(struct reader *rd, const struct ktap_line *l)
{
	struct ktap_case *root = &rd->ktap->root;

	root->faults |= BIT(KTAP_FAULT_BAIL);
	set_text(rd, &root->reason, copy_text(l->s, l->end));
}

/* Whether the line belongs to a YAML block of TAP 13 and 14: between --- and ..., two columns within a result. */
static bool in_yaml(struct reader *rd, const struct ktap_line *l)
{
	size_t n = (size_t)(l->end - l->s);
	bool after = rd->after_result;

	rd->after_result = false;
	if (rd->yaml >= 0) {
		if (n && l->column < (unsigned)rd->yaml)
			rd->yaml = -1;
		else if (n == 3 && l->column == (unsigned)rd->yaml && !memcmp(l->s, "...", 3)) {
			rd->yaml = -1;
			return true;
		}
		return rd->yaml >= 0;
	}
	if (!after || n != 3 || memcmp(l->s, "---", 3) || l->column != rd->result_column + 2)
		return false;
	rd->yaml = (int)l->column;
	return true;
}

static void take_line(struct reader *rd, const struct ktap_line *given)
{
	struct ktap_line l = *given;
	bool skip, version, subtest;
	uint32_t plan = 0;
	struct ktap_said said;
	bool is_a_plan, result;

	if (in_yaml(rd, &l))
		return;
	if (ktap_line_takes(&l, "Bail out!")) {
		if (l.column < KTAP_HASH_COLUMNS && rd->ktap->found)
			take_bail(rd, &l);
		return;
	}
	version = ktap_line_version(l);
	subtest = !version && ktap_line_takes(&l, "# Subtest");
	is_a_plan = ktap_line_plan(l, &plan, &skip);
	result = ktap_line_result(l, &said) && (!said.bare || rd->ktap->found);
	if (!version && !subtest && !is_a_plan && !result)
		return;
	if (!find_block(rd, l.column, l.begin)) {
		/* After "# " it may be a comment, so it opens no block. */
		if (result && l.column >= KTAP_HASH_COLUMNS)
			return;
		if (!open_block(rd, l.column))
			return;
	}
	if (subtest) {
		/* TAP 14 writes it in the column of the parent's results: the block begins with the next line. */
		top(rd)->announced = true;
		return;
	}
	rd->ktap->found = true;
	if (version)
		take_version(rd, top(rd), l.begin);
	else if (is_a_plan)
		take_plan(top(rd), plan, skip);
	else
		take_result(rd, top(rd), &said, &l);
}

/* The end of the log: closes the open blocks; results whose parent never came get a case for it. */
static void end_log(struct reader *rd, size_t size)
{
	struct ktap_case *root = &rd->ktap->root;
	struct block *b;

	while (rd->depth > 1)
		close_block(rd, size);
	b = &rd->block[0];
	if (b->count || b->plan >= 0 || b->announced || !b->inner) {
		end_results(rd, b, size);
		root->child = b->first;
	} else {
		/* The whole log was indented. */
		root->child = b->inner;
		root->faults |= b->inner_faults;
	}
	root->faults |= b->faults;
	root->log_end = size;
	root->said_ok = true;
	root->outcome = list_passed(root->child) && !root->faults ? KTAP_PASS : KTAP_FAIL;
}

int ktap_read(const char *text, size_t size, struct ktap *ret)
{
	struct reader rd = {.ktap = ret, .yaml = -1};
	struct ktap_line line;
	size_t at = 0;

	*ret = (struct ktap){0};
	open_block(&rd, 0);
	set_text(&rd, &ret->root.name, strdup(""));
	set_text(&rd, &ret->root.reason, strdup(""));
	while (!rd.stopped && ktap_line_next(text, size, &at, &line))
		take_line(&rd, &line);
	end_log(&rd, size);
	return rd.r;
}

void ktap_destroy(struct ktap *k)
{
	free_cases(k->root.child);
	free(k->root.name);
	free(k->root.reason);
	*k = (struct ktap){0};
}

bool ktap_passed(const struct ktap_case *c)
{
	return outcomes[c->outcome].passed && !c->faults && list_passed(c->child);
}

static void count_cases(const struct ktap_case *c, struct ktap_totals *t)
{
	for (; c; c = c->next) {
		t->faults += c->faults != 0;
		if (c->child) {
			count_cases(c->child, t);
			continue;
		}
		t->of[c->outcome]++;
		t->total++;
	}
}

void ktap_count(const struct ktap *k, struct ktap_totals *ret)
{
	*ret = (struct ktap_totals){.faults = k->root.faults != 0};
	count_cases(k->root.child, ret);
}
