// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <string.h>

#include "vmm/base/util.h"
#include "vmm/console/printable.h"
#include "vmm/results/results.h"

/* Readers limit the nesting depth, and the test itself is one level. */
#define DEPTH_MAX (KTAP_DEPTH_MAX - 2)
#define TEXT_MAX  (4 * KTAP_NAME_MAX)

/*
 * A name or a reason: on one line, without a # that could begin a directive, and without the [[ of an attachment, which
 * Jenkins takes from any output.
 */
static void put_text(FILE *out, const char *text)
{
	char buf[TEXT_MAX];

	printable_text(buf, sizeof(buf), text, strlen(text), PRINTABLE_LINE);
	for (const char *s = buf; *s; s++) {
		if (*s == '#')
			fputs("\\x23", out);
		else if (s[0] == '[' && s[1] == '[')
			fputs("\\x5b", out);
		else
			fputc(*s, out);
	}
}

static void put_line(FILE *out, unsigned depth, bool ok, size_t number)
{
	fprintf(out, "%*s%sok %zu - ", (int)(2 * depth), "", ok ? "" : "not ", number);
}

static void put_directive(FILE *out, const char *word, const char *text)
{
	if (!*word)
		return;
	fprintf(out, " # %s", word);
	if (*text)
		fputc(' ', out);
	put_text(out, text);
}

static void put_end(FILE *out, const struct ktap_case *c)
{
	bool passed = ktap_passed(c);

	if (passed)
		put_directive(out,
			c->outcome == KTAP_SKIP            ? "SKIP"
				: c->outcome == KTAP_XFAIL ? "XFAIL"
							   : "",
			c->reason);
	else if (c->faults)
		put_directive(out, "ERROR", ktap_fault_text(__builtin_ctz(c->faults)));
	else if (c->outcome == KTAP_TIMEOUT)
		put_directive(out, "TIMEOUT", c->reason);
	else if (c->outcome == KTAP_ERROR || c->outcome == KTAP_MISSING)
		put_directive(out, "ERROR", c->outcome == KTAP_MISSING ? "its result is missing" : c->reason);
	fputc('\n', out);
}

static void put_plan(FILE *out, unsigned depth, size_t nr)
{
	fprintf(out, "%*sKTAP version 1\n%*s1..%zu\n", (int)(2 * depth), "", (int)(2 * depth), "", nr);
}

static void put_cases(FILE *out, const struct ktap_case *first, unsigned depth)
{
	size_t nr = 0;

	if (!first || depth > DEPTH_MAX)
		return;
	for (const struct ktap_case *c = first; c; c = c->next)
		nr++;
	put_plan(out, depth, nr);
	nr = 0;
	for (const struct ktap_case *c = first; c; c = c->next) {
		put_cases(out, c->child, depth + 1);
		put_line(out, depth, ktap_passed(c), ++nr);
		put_text(out, c->name);
		put_end(out, c);
	}
}

static void put_test(FILE *out, const struct result_test *t, size_t number)
{
	bool ok = t->expected;

	/* A result that is "ok" must have no subtest that is "not ok". */
	if (t->ktap && (!ok || ktap_passed(&t->ktap->root)))
		put_cases(out, t->ktap->root.child, 1);
	put_line(out, 0, ok, number);
	put_text(out, t->name);
	if (*t->kernel) {
		fputs(" on ", out);
		put_text(out, t->kernel);
	}
	if (ok && t->outcome == RESULT_SKIP)
		put_directive(out, "SKIP", t->why);
	else if (ok && t->outcome != RESULT_PASS)
		put_directive(out, "XFAIL", t->why);
	else if (t->outcome == RESULT_TIMEOUT)
		put_directive(out, "TIMEOUT", t->why);
	else if (t->outcome != RESULT_PASS && t->outcome != RESULT_FAIL)
		put_directive(out, "ERROR", *t->why ? t->why : result_outcome_text(t->outcome));
	fputc('\n', out);
}

int results_ktap(const struct results *r, FILE *out)
{
	put_plan(out, 0, r->nr);
	for (size_t i = 0; i < r->nr; i++)
		put_test(out, &r->test[i], i + 1);
	if (!r->complete)
		fputs("Bail out! the run was interrupted\n", out);
	return fflush(out) || ferror(out) ? -EIO : 0;
}
