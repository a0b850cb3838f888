// SPDX-License-Identifier: Apache-2.0
/*
 * Theory of operation. A line is buffered, and parsed at its end; its time is that of its first byte, since a serial
 * port is slow.
 *
 * The clock. The kernel reads its clock when it creates a line and prints the line at once or later. So (our time of
 * the first byte) - (the time in brackets) is the guest's zero plus a delay, which is never negative, and the minimum
 * over all lines is the best estimate. Lines of time 0 were created before the clock ran and are ignored.
 *
 * Initcalls come in pairs, "calling NAME+0x0/0x10 @ TASK" and "initcall NAME+0x0/0x10 returned 0 after N usecs". Only
 * the second line has the duration; the first has start and task, and gives an upper bound.
 */
#include "vmm/console/timeline.h"

#include <limits.h>
#include <string.h>

#include "vmm/base/clock.h"
#include "vmm/base/util.h"
#include "vmm/console/panic_text.h"

/* 136 years: a larger time is invalid, and sums of two cannot overflow. */
#define TIME_MAX_S UINT64_C(4294967295)

/* A line without its prefix, and its time. @guest_ns: 0: unknown, or before the guest's clock ran. */
struct line {
	const char *text;
	uint64_t host_ns;
	uint64_t guest_ns;
};

bool timeline_name(const char *text, char *ret)
{
	size_t n = 0;

	while (n < TIMELINE_NAME_MAX - 1 && (unsigned char)text[n] > ' ' && (unsigned char)text[n] < 0x7f)
		n++;
	memcpy(ret, text, n);
	ret[n] = '\0';
	return n > 0;
}

/* Parses decimal digits at *@p, and moves it past them. Return: false: none, or too many. */
static bool read_number(const char **p, uint64_t max, uint64_t *ret)
{
	uint64_t v = 0;
	const char *s = *p;

	if (*s < '0' || *s > '9')
		return false;
	for (; *s >= '0' && *s <= '9'; s++) {
		v = v * 10 + (uint64_t)(*s - '0');
		if (v > max)
			return false;
	}
	*p = s;
	*ret = v;
	return true;
}

/* "[    1.234567] ", the format of CONFIG_PRINTK_TIME. */
static bool read_time(const char **p, uint64_t *ret_ns)
{
	const char *s = *p;
	uint64_t sec, usec;

	if (*s++ != '[')
		return false;
	s += strspn(s, " ");
	if (!read_number(&s, TIME_MAX_S, &sec) || *s++ != '.' || strspn(s, "0123456789") != 6 ||
		!read_number(&s, 999999, &usec) || *s++ != ']')
		return false;
	*ret_ns = sec * NSEC_PER_SEC + usec * NSEC_PER_USEC;
	*p = s;
	return true;
}

/* "[    T1]", which CONFIG_PRINTK_CALLER adds. */
static void skip_caller(const char **p)
{
	const char *s = *p + strspn(*p, " ");

	if (*s++ != '[')
		return;
	s += strspn(s, " ");
	if ((*s != 'T' && *s != 'C') || !strspn(s + 1, "0123456789"))
		return;
	s += 1 + strspn(s + 1, "0123456789");
	if (*s == ']')
		*p = s + 1;
}

static void note_time(struct timeline *b, const struct line *l)
{
	int64_t zero = (int64_t)(l->host_ns - l->guest_ns);
	size_t i = TIMELINE_NEAREST;

	if (!b->lines++)
		for (size_t k = 0; k < TIMELINE_NEAREST; k++)
			b->nearest[k] = INT64_MAX;
	while (i > 0 && zero < b->nearest[i - 1]) {
		if (i < TIMELINE_NEAREST)
			b->nearest[i] = b->nearest[i - 1];
		b->nearest[--i] = zero;
	}
}

bool timeline_clock(const struct timeline *b, struct guest_clock *ret)
{
	if (!b->lines)
		return false;
	*ret = (struct guest_clock){.lines = b->lines, .zero_ns = b->nearest[0]};
	if (b->lines >= TIMELINE_NEAREST)
		ret->spread_ns = (uint64_t)(b->nearest[TIMELINE_NEAREST - 1] - b->nearest[0]);
	return true;
}

static void mark(struct timeline *b, const struct line *l, const char *rest)
{
	char name[TIMELINE_NAME_MAX];

	if (!timeline_name(rest, name))
		return;
	if (b->marked)
		b->marked(b, name);
	if (b->marks == TIMELINE_MARKS_MAX) {
		b->marks_lost++;
		return;
	}
	b->marks++;
	trace_mark_at(b->trace, l->host_ns, name, "console");
}

/* "foo_init+0x0/0x10 [module]": copies the name; moves *@p past all of it. */
static bool read_function(const char **p, char *ret)
{
	if (!timeline_name(*p, ret))
		return false;
	*p += strcspn(*p, " ");
	ret[strcspn(ret, "+")] = '\0';
	if (!strncmp(*p, " [", 2) && strchr(*p, ']'))
		*p = strchr(*p, ']') + 1;
	*p += strspn(*p, " ");
	return ret[0] != '\0';
}

static void call_begins(struct timeline *b, const struct line *l, const char *rest)
{
	struct timeline_call *c = NULL, n = {.guest_ns = l->guest_ns, .host_ns = l->host_ns};

	rest += strspn(rest, " ");
	if (!read_function(&rest, n.name) || strncmp(rest, "@ ", 2))
		return;
	rest += 2;
	if (!read_number(&rest, UINT32_MAX, &n.task))
		return;
	/* A free slot, or that of the oldest call: its end was lost. */
	for (size_t i = 0; i < TIMELINE_CALLS_MAX; i++)
		if (!c || !b->call[i].name[0] || (c->name[0] && b->call[i].host_ns < c->host_ns))
			c = &b->call[i];
	*c = n;
}

static void call_ends(struct timeline *b, const struct line *l, const char *rest)
{
	static const char after[] = " after ";
	struct timeline_call none = {0}, *c = &none;
	char name[TIMELINE_NAME_MAX];
	uint64_t took, start = 0;
	const char *number;

	if (!read_function(&rest, name) || strncmp(rest, "returned ", 9))
		return;
	number = strstr(rest, after);
	if (!number)
		return;
	number += strlen(after);
	if (!read_number(&number, TIME_MAX_S, &took) || strncmp(number, " usecs", 6))
		return;
	took *= NSEC_PER_USEC;
	for (size_t i = 0; i < TIMELINE_CALLS_MAX; i++)
		if (!strcmp(b->call[i].name, name))
			c = &b->call[i];
	/* Until it has a clock the kernel counts in jiffies; the times of the two lines bound the duration. */
	if (c->guest_ns && l->guest_ns >= c->guest_ns)
		took = MIN(took, l->guest_ns - c->guest_ns);
	if (l->guest_ns)
		start = c->guest_ns ? c->guest_ns : l->guest_ns - MIN(took, l->guest_ns);
	trace_initcall_at(b->trace, l->host_ns, name, start, took, c->task);
	*c = (struct timeline_call){0};
}

static bool starts_with(const char *text, const char *with, const char **ret_rest)
{
	size_t n = strlen(with);

	if (strncmp(text, with, n))
		return false;
	*ret_rest = text + n;
	return true;
}

enum { FOUND_UNPACKED = 1, FOUND_DONE = 2, FOUND_INIT = 4 };

/* True the first time. */
static bool first(struct timeline *b, unsigned bit)
{
	bool is = !(b->found & bit);

	b->found |= bit;
	return is;
}

static void init_begins(struct timeline *b, const struct line *l, const char *rest)
{
	char path[TIMELINE_NAME_MAX];

	if (timeline_name(rest, path) && !strncmp(rest + strlen(path), " as init process", 16) && first(b, FOUND_INIT))
		trace_init_started_at(b->trace, l->host_ns, path);
}

static void read_line(struct timeline *b)
{
	struct line l = {.text = b->line, .host_ns = b->line_ns};
	const char *rest;

	b->line[b->len] = '\0';
	/* "<6>": a level, on consoles that show it */
	if (l.text[0] == '<' && l.text[1] >= '0' && l.text[1] <= '9' && l.text[2] == '>')
		l.text += 3;
	if (read_time(&l.text, &l.guest_ns)) {
		skip_caller(&l.text);
		l.text += l.text[0] == ' ';
		if (l.guest_ns)
			note_time(b, &l);
	}
	if (starts_with(l.text, "calling ", &rest))
		call_begins(b, &l, rest);
	else if (starts_with(l.text, "initcall ", &rest))
		call_ends(b, &l, rest);
	else if (starts_with(l.text, "vmm-mark=", &rest))
		mark(b, &l, rest);
	else if (starts_with(l.text, "Run ", &rest))
		init_begins(b, &l, rest);
	else if (starts_with(l.text, "Freeing unused kernel ", &rest) && first(b, FOUND_DONE))
		trace_kernel_done_at(b->trace, l.host_ns);
	else if (starts_with(l.text, "Booting the kernel", &rest) && first(b, FOUND_UNPACKED))
		trace_kernel_unpacked_at(b->trace, l.host_ns);
}

void timeline_feed(struct timeline *b, const uint8_t *data, size_t n, uint64_t now_ns)
{
	while (n) {
		size_t len = panic_text_line_length(data, n), kept;

		if (len && !b->in_line) {
			b->in_line = true;
			b->line_ns = now_ns;
			b->len = 0;
		}
		kept = MIN(len, TIMELINE_LINE_MAX - b->len);
		memcpy(b->line + b->len, data, kept);
		b->len += kept;
		if (len == n)
			return;
		if (b->in_line)
			read_line(b);
		b->in_line = false;
		data += len + 1;
		n -= len + 1;
	}
}
