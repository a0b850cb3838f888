// SPDX-License-Identifier: Apache-2.0
#include "vmm/results/results.h"

#include <stdarg.h>

#include "vmm/base/util.h"

#define NAMES_MAX 5 /* in an explanation */

static const struct {
	const char *name;
	const char *text;
} outcomes[] = {
#define X(id, name, text) {name, text},
	RESULT_OUTCOMES(X)
#undef X
};

const char *result_outcome_name(enum result_outcome o)
{
	return outcomes[o].name;
}

const char *result_outcome_text(enum result_outcome o)
{
	return outcomes[o].text;
}

bool result_is_flaky(const struct result_test *t)
{
	return t->attempts > 1 && t->expected;
}

/* A text buffer of fixed size. */
struct words {
	char *buf;
	size_t size;
	size_t used;
	unsigned names;
};

static PRINTF(2, 3) void say(struct words *w, const char *fmt, ...)
{
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprintf(w->buf + w->used, w->size - w->used, fmt, args);
	va_end(args);
	w->used = MIN(w->used + (size_t)MAX(n, 0), w->size - 1);
}

static void name_faults(struct words *w, const struct ktap_case *c, const char *name)
{
	for (int f = 0; f < KTAP_FAULT_COUNT; f++)
		if (c->faults & BIT(f))
			say(w, "%s%s%s%s", w->used ? "; " : "", name, *name ? ": " : "", ktap_fault_text(f));
}

static bool all_passed(const struct ktap_case *c)
{
	while (c && ktap_passed(c))
		c = c->next;
	return !c;
}

/* Names the innermost cases that did not pass, and the cases with a fault. */
static void name_cases(struct words *w, const struct ktap_case *c)
{
	char number[32];

	for (; c && w->names < NAMES_MAX; c = c->next) {
		const char *name = c->name;

		name_cases(w, c->child);
		if (ktap_passed(c) || (!c->faults && !all_passed(c->child)) || w->names == NAMES_MAX)
			continue;
		if (!*name) {
			snprintf(number, sizeof(number), "result %u", c->number);
			name = number;
		}
		w->names++;
		if (c->faults)
			name_faults(w, c, name);
		else
			say(w, "%s%s: %s", w->used ? "; " : "", name, ktap_outcome_name(c->outcome));
	}
}

void results_explain(const struct ktap *k, char *buf, size_t size)
{
	struct words w = {.buf = buf, .size = size};
	struct ktap_totals t;
	uint32_t bad;

	*buf = '\0';
	ktap_count(k, &t);
	bad = t.of[KTAP_FAIL] + t.of[KTAP_TIMEOUT] + t.of[KTAP_ERROR] + t.of[KTAP_MISSING];
	if (bad)
		say(&w, "%u of %u failed", bad, t.total);
	name_faults(&w, &k->root, "");
	name_cases(&w, k->root.child);
}
