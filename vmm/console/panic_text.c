// SPDX-License-Identifier: Apache-2.0
/*
 * Theory of operation. Works byte by byte, without a line buffer: a line has its prefix (level, bracket groups,
 * blanks), then its text, where each pattern that still matches is a bit in `candidates`, and is then skipped to its
 * end. The patterns differ in their first byte, and none starts with a byte that a prefix can contain, so nothing is
 * read twice. Only the first panic line is stored.
 * The kernel does not end a line that a program has begun, such as a shell's prompt: its own starts behind it, and is
 * recognized by its time stamp.
 */
#include "vmm/console/panic_text.h"

#include <string.h>

#include "vmm/base/util.h"
#include "vmm/console/printable.h"

/* Longer than "[4294967295.123456]" and "[CPU254]"; longer text in brackets is not a prefix. */
#define GROUP_MAX  24
#define GROUPS_MAX 2
/* Size of the window in which the end of a line is searched */
#define WINDOW 128

enum { AT_START, IN_LEVEL, IN_GROUP, AFTER_GROUP, IN_TEXT, IGNORED };

static const struct {
	const char *text;
	uint32_t bit;
} patterns[] = {
	{"Linux version ", PANIC_TEXT_BANNER}, {"Kernel panic - not syncing", PANIC_TEXT_SEEN},
	{"---[ end Kernel panic", PANIC_TEXT_END},
	{"reboot: Restarting system", 0}, /* of the last line only: @restarting */
};

/* The number of bytes before the first of those in @ends. In windows, so that a rare one is not searched to the end. */
static size_t length_before(const uint8_t *data, size_t n, const char *ends)
{
	for (size_t at = 0; at < n; at += WINDOW) {
		const size_t window = MIN(n - at, (size_t)WINDOW);
		size_t len = window;

		for (const char *end = ends; *end; end++) {
			const uint8_t *found = memchr(data + at, *end, len);

			if (found)
				len = (size_t)(found - data) - at;
		}
		if (len < window)
			return at + len;
	}
	return n;
}

size_t panic_text_line_length(const uint8_t *data, size_t n)
{
	return length_before(data, n, "\n\r");
}

static uint32_t find(struct panic_text *w, uint32_t bit)
{
	if (atomic_load_explicit(&w->found, memory_order_relaxed) & bit)
		return 0;
	atomic_fetch_or(&w->found, bit);
	return bit;
}

static uint32_t text_byte(struct panic_text *w, uint8_t c)
{
	uint32_t news = 0;

	for (size_t i = 0; i < ARRAY_SIZE(patterns); i++) {
		if (!(w->candidates & BIT(i)))
			continue;
		if ((uint8_t)patterns[i].text[w->at] != c) {
			w->candidates &= (uint8_t)~BIT(i);
			continue;
		}
		if (patterns[i].text[w->at + 1])
			continue;
		w->candidates = 0;
		if (!patterns[i].bit)
			atomic_store_explicit(&w->restarting, true, memory_order_relaxed);
		else
			news = find(w, patterns[i].bit);
		if (news == PANIC_TEXT_SEEN) {
			w->line_len = strlen(patterns[i].text);
			memcpy(w->line, patterns[i].text, w->line_len);
			w->capturing = true;
		}
		break;
	}
	w->at++;
	if (!w->candidates)
		w->state = IGNORED;
	return news;
}

static bool in_group_ok(uint8_t c)
{
	/* Digits, the decimal point, padding; T and C mark a task or a CPU as the caller. */
	return (c >= '0' && c <= '9') || c == '.' || c == ' ' || c == 'T' || c == 'C';
}

static uint32_t prefix_byte(struct panic_text *w, uint8_t c)
{
	switch (w->state) {
	case AT_START:
		if (c == '<') {
			w->state = IN_LEVEL;
			w->in_group = 0;
			return 0;
		}
		break;
	case IN_LEVEL:
		if (c == '>')
			w->state = AFTER_GROUP;
		else if (c < '0' || c > '9' || ++w->in_group > 3)
			w->state = IGNORED;
		return 0;
	case IN_GROUP:
		w->stamped |= c == '.';
		if (c == ']')
			w->state = w->behind && !w->stamped ? IGNORED : AFTER_GROUP;
		else if (!in_group_ok(c) || ++w->in_group > GROUP_MAX)
			w->state = IGNORED;
		return 0;
	case AFTER_GROUP:
		if (c == ' ')
			return 0;
		break;
	}
	if (c == '[' && w->groups < GROUPS_MAX) {
		w->state = IN_GROUP;
		w->groups++;
		w->in_group = 0;
		return 0;
	}
	w->state = IN_TEXT;
	w->at = 0;
	w->candidates = (uint8_t)(BIT(ARRAY_SIZE(patterns)) - 1);
	return text_byte(w, c);
}

/* A bracket in the middle of a line may start the kernel's time stamp. */
static void bracket_inside(struct panic_text *w)
{
	w->state = IN_GROUP;
	w->groups = 1;
	w->in_group = 0;
	w->behind = true;
	w->stamped = false;
}

static uint32_t capture_done(struct panic_text *w)
{
	w->capturing = false;
	return find(w, PANIC_TEXT_LINE);
}

static uint32_t feed_byte(struct panic_text *w, uint8_t c)
{
	uint32_t news = 0;

	if (c == '\n' || c == '\r') {
		if (w->capturing)
			news = capture_done(w);
		w->state = AT_START;
		w->groups = 0;
		w->behind = false;
		return news;
	}
	if (w->state == AT_START)
		atomic_store_explicit(&w->restarting, false, memory_order_relaxed);
	if (w->capturing) {
		w->line[w->line_len++] = (char)c;
		return w->line_len == sizeof(w->line) ? capture_done(w) : 0;
	}
	if (w->state != IGNORED)
		news = w->state == IN_TEXT ? text_byte(w, c) : prefix_byte(w, c);
	if (w->state == IGNORED && c == '[')
		bracket_inside(w);
	return news;
}

uint32_t panic_text_feed(struct panic_text *w, const uint8_t *data, size_t n, uint64_t now_ns)
{
	uint32_t news = 0;

	if (!n)
		return 0;
	atomic_store_explicit(&w->last_ns, now_ns, memory_order_relaxed);
	for (size_t i = 0; i < n; i++) {
		if (w->state == IGNORED && !w->capturing)
			i += length_before(data + i, n - i, "\n\r[");
		if (i < n)
			news |= feed_byte(w, data[i]);
	}
	return news;
}

bool panic_text_seen(const struct panic_text *w)
{
	return atomic_load(&w->found) & PANIC_TEXT_SEEN;
}

bool panic_text_ended(const struct panic_text *w)
{
	return atomic_load(&w->found) & PANIC_TEXT_END;
}

bool panic_text_banner_seen(const struct panic_text *w)
{
	return atomic_load(&w->found) & PANIC_TEXT_BANNER;
}

bool panic_text_restarting(const struct panic_text *w)
{
	return atomic_load(&w->restarting);
}

uint64_t panic_text_last_byte_ns(const struct panic_text *w)
{
	return atomic_load_explicit(&w->last_ns, memory_order_relaxed);
}

size_t panic_text_line(const struct panic_text *w, char *buf, size_t size)
{
	return printable_text(buf, size, w->line, w->line_len, PRINTABLE_LINE);
}
