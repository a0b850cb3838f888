// SPDX-License-Identifier: Apache-2.0
#include "vmm/results/ktap_line.h"

#include <string.h>

#include "vmm/base/util.h"

#define COLUMN_MAX 255

/* --- Words of a line ------------------------------------------------------------------------------------------- */

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

bool ktap_line_takes(struct ktap_line *l, const char *word)
{
	size_t n = strlen(word);

	if ((size_t)(l->end - l->s) < n || memcmp(l->s, word, n))
		return false;
	l->s += n;
	return true;
}

static void skip_blanks(struct ktap_line *l)
{
	while (l->s < l->end && is_blank(*l->s))
		l->s++;
}

/* Reads digits; false when there are none. Larger numbers become KTAP_PLAN_MAX. */
static bool takes_number(struct ktap_line *l, uint32_t *ret)
{
	uint32_t n = 0;

	if (l->s == l->end || !is_digit(*l->s))
		return false;
	for (; l->s < l->end && is_digit(*l->s); l->s++)
		n = n >= KTAP_PLAN_MAX / 10 ? KTAP_PLAN_MAX : n * 10 + (uint32_t)(*l->s - '0');
	*ret = n;
	return true;
}

/* Whether the word at @s is @word, in upper or lower case. */
static bool is_word(const char *s, const char *end, const char *word)
{
	size_t n = strlen(word);

	if ((size_t)(end - s) < n || strncasecmp(s, word, n))
		return false;
	s += n;
	return s == end || !(((*s | 0x20) >= 'a' && (*s | 0x20) <= 'z') || is_digit(*s) || *s == '_');
}

/* "[    0.123456] ", "[    T1] ": only characters that printk uses there. */
static bool skip_group(struct ktap_line *l)
{
	const char *s = l->s;

	if (s == l->end || *s != '[')
		return false;
	for (s++; s < l->end && *s != ']'; s++)
		if (!is_digit(*s) && *s != ' ' && *s != '.' && *s != 'T' && *s != 'C')
			return false;
	if (s == l->end || s == l->s + 1)
		return false;
	l->s = s + 1;
	return true;
}

static void skip_prefix(struct ktap_line *l)
{
	bool group;

	if (l->end - l->s > 2 && l->s[0] == '<' && is_digit(l->s[1])) {
		const char *s = l->s + 2;

		while (s < l->end && is_digit(*s))
			s++;
		if (s < l->end && *s == '>')
			l->s = s + 1;
	}
	group = skip_group(l);
	if (group)
		skip_group(l);
	if (group && l->s < l->end && *l->s == ' ')
		l->s++;
}

/* Cuts a line's prefix and indentation off. */
static void measure(struct ktap_line *l)
{
	unsigned blanks = 0;

	while (l->end > l->s && (l->end[-1] == '\r' || is_blank(l->end[-1])))
		l->end--;
	while (l->s < l->end && *l->s == '\r')
		l->s++;
	skip_prefix(l);
	l->column = 0;
	for (;;) {
		blanks = 0;
		for (; l->s < l->end && is_blank(*l->s); l->s++)
			blanks += *l->s == '\t' ? 8 - blanks % 8 : 1;
		l->column += MIN(blanks, (unsigned)COLUMN_MAX);
		/* "# Subtest" is a line of this column; "#" without a blank is a comment. */
		if (l->end - l->s < 2 || l->s[0] != '#' || l->s[1] != ' ' || is_word(l->s + 2, l->end, "Subtest") ||
			l->column >= KTAP_DEPTH_MAX * KTAP_HASH_COLUMNS)
			return;
		l->column = l->column / KTAP_HASH_COLUMNS * KTAP_HASH_COLUMNS + KTAP_HASH_COLUMNS;
		l->s += 2;
	}
}

/* --- What it says ---------------------------------------------------------------------------------------------- */

/*
 * The outcome that each directive gives to "ok" and "not ok". TAP allows the first three in upper and lower case; "#
 * error -22" after a result is a comment.
 */
static const struct directive {
	const char *word;
	bool any_case;
	enum ktap_outcome ok;
	enum ktap_outcome not_ok;
} directives[] = {
	{"SKIP", true, KTAP_SKIP, KTAP_SKIP},
	{"SKIPPED", true, KTAP_SKIP, KTAP_SKIP},
	{"TODO", true, KTAP_PASS, KTAP_XFAIL},
	{"XFAIL", false, KTAP_XFAIL, KTAP_XFAIL},
	{"TIMEOUT", false, KTAP_TIMEOUT, KTAP_TIMEOUT},
	{"ERROR", false, KTAP_ERROR, KTAP_ERROR},
};

bool ktap_line_version(struct ktap_line l)
{
	uint32_t n;

	return (ktap_line_takes(&l, "TAP version ") || ktap_line_takes(&l, "KTAP version ")) && takes_number(&l, &n) &&
		l.s == l.end;
}

bool ktap_line_plan(struct ktap_line l, uint32_t *ret, bool *ret_skip)
{
	if (!ktap_line_takes(&l, "1..") || !takes_number(&l, ret))
		return false;
	skip_blanks(&l);
	*ret_skip = false;
	if (l.s == l.end)
		return true;
	if (*l.s != '#')
		return false;
	l.s++;
	skip_blanks(&l);
	*ret_skip = is_word(l.s, l.end, "skip") || is_word(l.s, l.end, "skipped");
	return true;
}

static bool is_directive(const char *word, const char *end, const struct directive *d)
{
	return is_word(word, end, d->word) && (d->any_case || !memcmp(word, d->word, strlen(d->word)));
}

/* Finds the # of a directive in a result's text, which follows a blank; or the end of the text. */
static const char *find_directive(const char *s, const char *end, const struct directive **ret, const char **ret_rest)
{
	*ret = NULL;
	*ret_rest = end;
	for (const char *p = s; p < end; p++) {
		const char *word = p + 1;

		if (*p != '#' || (p > s && !is_blank(p[-1])))
			continue;
		while (word < end && is_blank(*word))
			word++;
		for (size_t i = 0; i < ARRAY_SIZE(directives); i++) {
			if (!is_directive(word, end, &directives[i]))
				continue;
			*ret = &directives[i];
			*ret_rest = word + strlen(directives[i].word);
			return p;
		}
	}
	return end;
}

bool ktap_line_result(struct ktap_line l, struct ktap_said *ret)
{
	struct ktap_said s = {.ok = true};
	const struct directive *d;

	if (ktap_line_takes(&l, "not ok"))
		s.ok = false;
	else if (!ktap_line_takes(&l, "ok"))
		return false;
	if (l.s < l.end && !is_blank(*l.s))
		return false;
	skip_blanks(&l);
	s.bare = l.s == l.end;
	s.numbered = takes_number(&l, &s.number);
	/* "ok 3rd" has no number, and "ok go" is a program's own message: a result without a number has " - ". */
	if (s.numbered && l.s < l.end && !is_blank(*l.s))
		return false;
	if (s.numbered)
		skip_blanks(&l);
	else if (l.s < l.end && *l.s != '-' && *l.s != '#')
		return false;
	if (l.s < l.end && *l.s == '-' && (l.s + 1 == l.end || is_blank(l.s[1])))
		l.s++;
	s.name = l.s;
	s.name_end = find_directive(l.s, l.end, &d, &s.reason);
	s.reason_end = l.end;
	s.outcome = d ? (s.ok ? d->ok : d->not_ok) : s.ok ? KTAP_PASS : KTAP_FAIL;
	*ret = s;
	return true;
}

bool ktap_line_next(const char *text, size_t size, size_t *at, struct ktap_line *ret)
{
	const char *nl;

	if (*at == size)
		return false;
	nl = memchr(text + *at, '\n', size - *at);
	ret->begin = *at;
	ret->s = text + *at;
	ret->end = nl ? nl : text + size;
	*at = ret->next = (size_t)(ret->end - text) + (nl ? 1 : 0);
	measure(ret);
	return true;
}
