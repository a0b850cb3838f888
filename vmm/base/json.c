// SPDX-License-Identifier: Apache-2.0
/*
 * RFC 8259. The layout is readable: one line for each member of an object, numbers of an array share a line.
 */
#include "vmm/base/json.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>

#include "vmm/base/assert.h"
#include "vmm/base/text.h"

static void indent(struct json *j)
{
	fprintf(j->out, "\n%*s", (int)(2 * j->depth), "");
}

/* Valid JSON without escapes, but a terminal might act on it, or it would be invisible. */
static void put_quoted(FILE *out, const char *text)
{
	fputc('"', out);
	while (*text) {
		int n = text_length(text);
		uint32_t c = n ? text_value(text, n) : 0xfffd;

		if (c == '"' || c == '\\')
			fprintf(out, "\\%c", (int)c);
		else if (c == '\n')
			fputs("\\n", out);
		else if (c == '\t')
			fputs("\\t", out);
		else if (!n || text_is_hidden(c))
			fprintf(out, "\\u%04x", (unsigned)c);
		else
			fwrite(text, 1, (size_t)n, out);
		text += n ? n : 1;
	}
	fputc('"', out);
}

/* Writes what precedes a value: comma, newline, name. */
static void lead(struct json *j, const char *key, bool short_value)
{
	bool *some = &j->some[j->depth];

	/* There is one top-level value; members of an object have a name, other values do not. */
	assert(j->depth || !*some);
	assert(!j->depth ? !key : j->object[j->depth] == !!key);
	if (*some)
		fputc(',', j->out);
	if (j->depth && j->depth <= j->line_depth && (key || !short_value))
		indent(j);
	else if (*some)
		fputc(' ', j->out);
	*some = true;
	if (key) {
		put_quoted(j->out, key);
		fputs(": ", j->out);
	}
}

static void open_level(struct json *j, const char *key, bool object)
{
	lead(j, key, false);
	assert(j->depth < JSON_DEPTH_MAX);
	j->depth++;
	j->object[j->depth] = object;
	j->some[j->depth] = false;
	fputc(object ? '{' : '[', j->out);
}

void json_begin(struct json *j, FILE *out)
{
	*j = (struct json){.out = out, .line_depth = JSON_DEPTH_MAX};
}

void json_object(struct json *j, const char *key)
{
	open_level(j, key, true);
}

void json_array(struct json *j, const char *key)
{
	open_level(j, key, false);
}

void json_end(struct json *j)
{
	bool object, some;

	assert(j->depth);
	object = j->object[j->depth];
	some = j->some[j->depth];
	j->depth--;
	/* The level that closes is one deeper than we are now. */
	if (object && some && j->depth < j->line_depth)
		indent(j);
	fputc(object ? '}' : ']', j->out);
}

void json_string(struct json *j, const char *key, const char *text)
{
	lead(j, key, true);
	if (text)
		put_quoted(j->out, text);
	else
		fputs("null", j->out);
}

void json_bytes(struct json *j, const char *key, const char *data, size_t size)
{
	lead(j, key, true);
	fputc('"', j->out);
	for (size_t i = 0; i < size; i++) {
		unsigned char c = (unsigned char)data[i];

		if (c == '\n')
			fputs("\\n", j->out);
		else if (c == '"' || c == '\\')
			fprintf(j->out, "\\%c", c);
		else if (c < ' ' || c > '~')
			fprintf(j->out, "\\u%04x", c ? c : JSON_BYTE_NUL);
		else
			fputc(c, j->out);
	}
	fputc('"', j->out);
}

void json_u64(struct json *j, const char *key, uint64_t n)
{
	lead(j, key, true);
	fprintf(j->out, "%" PRIu64, n);
}

void json_i64(struct json *j, const char *key, int64_t n)
{
	lead(j, key, true);
	fprintf(j->out, "%" PRId64, n);
}

void json_double(struct json *j, const char *key, double x)
{
	lead(j, key, true);
	if (isfinite(x))
		fprintf(j->out, "%.15g", x);
	else
		fputs("null", j->out);
}

void json_bool(struct json *j, const char *key, bool b)
{
	lead(j, key, true);
	fputs(b ? "true" : "false", j->out);
}

void json_null(struct json *j, const char *key)
{
	lead(j, key, true);
	fputs("null", j->out);
}

int json_finish(struct json *j)
{
	assert(!j->depth && j->some[0]);
	errno = 0;
	fputc('\n', j->out);
	if (fflush(j->out) == 0 && !ferror(j->out))
		return 0;
	return errno ? -errno : -EIO;
}
