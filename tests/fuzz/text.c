// SPDX-License-Identifier: Apache-2.0
/*
 * Text of a guest through every writer that it can reach: terminal and log, JSON, SVG. Each output is read back by
 * rules that are stricter than a reader's.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/fuzz.h"
#include "vmm/base/json.h"
#include "vmm/base/jsonread.h"
#include "vmm/base/svg.h"
#include "vmm/base/text.h"
#include "vmm/console/printable.h"

static void must(bool right)
{
	if (!right)
		abort();
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Nothing that a terminal or the runner of a CI system acts on. */
static void check_line(const char *line, size_t n)
{
	size_t blanks = 0;

	for (size_t i = 0; i < n; i++) {
		must((line[i] >= ' ' && line[i] <= '~') || line[i] == '\t');
		must(i + 2 >= n || line[i] != '#' || line[i + 1] != '#' ||
			(line[i + 2] != '[' && !is_letter(line[i + 2])));
	}
	while (blanks < n && (line[blanks] == ' ' || line[blanks] == '\t'))
		blanks++;
	must(n - blanks < 2 || line[blanks] != ':' || line[blanks + 1] != ':');
}

static void check_printable(const uint8_t *data, size_t size, size_t room)
{
	char *out = malloc(room);

	if (!out)
		return;
	for (int how = 0; how < 4; how++) {
		enum printable_mode mode = how & 1 ? PRINTABLE_LINES : PRINTABLE_LINE;
		size_t n = how & 2 ? printable_tail(out, room, data, size, mode)
				   : printable_text(out, room, data, size, mode);
		char *rest = out, *line;

		must(n < room && strlen(out) == n);
		must(mode == PRINTABLE_LINES || !strpbrk(out, "\n\t"));
		while ((line = strsep(&rest, "\n")))
			check_line(line, strlen(line));
	}
	free(out);
}

/* A document of one string comes back as it went, where it was UTF-8; and no byte of it is a control character. */
static void check_json(const char *text)
{
	struct json_doc d = {0};
	bool valid = true;
	char *out = NULL;
	struct json j;
	size_t size;
	FILE *f = open_memstream(&out, &size);

	if (!f)
		return;
	json_begin(&j, f);
	json_string(&j, NULL, text);
	must(json_finish(&j) == 0);
	fclose(f);
	for (const char *s = out; *s; s += text_length(s)) {
		must(text_length(s) > 0);
		must(!text_is_hidden(text_value(s, text_length(s))) || (*s == '\n' && !s[1]));
	}
	must(json_read(out, size, &d, NULL) == 0 && d.nr == 1);
	for (const char *s = text; *s && valid; s += text_length(s))
		valid = text_length(s) > 0;
	must(!valid || !strcmp(json_text(d.node, ""), text));
	json_doc_destroy(&d);
	free(out);
}

/* Between the tags nothing but characters that are seen, and the four references. */
static void check_svg(const char *text, double width)
{
	static const char *const reference[] = {"&lt;", "&gt;", "&amp;", "&quot;"};
	char *out = NULL, *s, *end;
	size_t size;
	FILE *f = open_memstream(&out, &size);

	if (!f)
		return;
	svg_text(f, 1, 2, SVG_LEFT, 12, width, text);
	fclose(f);
	s = strchr(out, '>');
	end = strrchr(out, '<');
	must(s && end && end > s && !strcmp(end, "</text>\n"));
	for (s++; s < end; s += text_length(s)) {
		bool known = false;

		must(text_length(s) > 0 && !text_is_hidden(text_value(s, text_length(s))));
		must(!strchr("<>\"", *s));
		for (size_t i = 0; *s == '&' && i < ARRAY_SIZE(reference); i++)
			known |= !strncmp(s, reference[i], strlen(reference[i]));
		must(*s != '&' || known);
	}
	free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text;

	if (!size)
		return 0;
	check_printable(data + 1, size - 1, 1 + 4 * (size_t)data[0]);
	text = strndup((const char *)data + 1, size - 1);
	if (!text)
		return 0;
	check_json(text);
	check_svg(text, data[0] & 1 ? data[0] : 0);
	free(text);
	return 0;
}
