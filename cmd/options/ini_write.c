// SPDX-License-Identifier: Apache-2.0
/*
 * The inverse of ini.c: a configuration as a file.
 */
#include <errno.h>
#include <string.h>

#include "cmd/options/device_list.h"
#include "cmd/options/format.h"
#include "cmd/options/ini.h"

#define BLANKS " \t"

/**
 * struct ini_sink - a file while it is written
 * @heading: of the section, NULL: it is there already
 * @owner: name of the list whose key is written, or NULL
 */
struct ini_sink {
	FILE *out;
	enum ini_extent extent;
	const char *heading;
	const struct option_def *owner;
	struct err *e;
};

/* The first line of a section is behind its heading. */
static void open_section(struct ini_sink *s)
{
	if (s->heading)
		fprintf(s->out, "\n[%s]\n", s->heading);
	s->heading = NULL;
}

static int cannot_say(struct ini_sink *s, const struct option_def *o, const char *text, const char *why)
{
	return err_set(s->e, -EINVAL, "--%s%s%s %.200s: %s, which a configuration file cannot say",
		s->owner ? s->owner->name : o->name, s->owner ? " " : "", s->owner ? o->name : "", text, why);
}

static int put_line(struct ini_sink *s, const struct option_def *o, const char *text)
{
	size_t len = strlen(text);

	for (size_t i = 0; i < len; i++) {
		unsigned char ch = (unsigned char)text[i];

		if ((ch < 0x20 && ch != '\t') || ch == 0x7f)
			return cannot_say(s, o, text, "has a control character");
	}
	if (len && (strchr(BLANKS, text[0]) || strchr(BLANKS, text[len - 1])))
		return cannot_say(s, o, text, "begins or ends with a blank");
	open_section(s);
	fprintf(s->out, "%s =%s%s\n", o->name, len ? " " : "", text);
	return 0;
}

/* What was joined by blanks is taken apart at those that no line can have. */
static int put_joined(struct ini_sink *s, const struct option_def *o, char *text)
{
	size_t len = strlen(text), before = strspn(text, " "), after = 0;
	int r;

	if (before == len && len)
		before--;
	while (after < len - before && text[len - 1 - after] == ' ')
		after++;
	text[len - after] = '\0';
	open_section(s);
	for (size_t i = 0; i < before; i++)
		fprintf(s->out, "%s =\n", o->name);
	r = put_line(s, o, text + before);
	for (size_t i = 0; i < after; i++)
		fprintf(s->out, "%s =\n", o->name);
	return r;
}

static int put_value(struct ini_sink *s, const struct option_def *o, const struct option_value *v)
{
	CLEANUP_FREE char *text = option_format(o, v);
	struct option_value back;

	if (!text)
		return err_set(s->e, -ENOMEM, "out of memory");
	/* For a configuration that was not made from the table, such as one whose root directory is called "on". */
	if (option_parse(o, text, &back, NULL) < 0 || !option_same(v, &back))
		return cannot_say(s, o, text, "means something else in a file");
	return o->joined ? put_joined(s, o, text) : put_line(s, o, text);
}

/* All occurrences. @always: whatever the default is. */
static int put_setting(struct ini_sink *s, const struct option_def *o, const void *element, bool always)
{
	struct option_value v;
	size_t i;
	int r = 0;

	for (i = 0; r == 0 && option_load(o, element, i, &v); i++)
		if (always || s->extent == INI_ALL || !option_is_default(o, &v))
			r = put_value(s, o, &v);
	if (!i && s->extent == INI_ALL && !s->owner) {
		open_section(s);
		fprintf(s->out, "#%s = %s\n", o->name, option_metavar(o));
	}
	return r;
}

/* A section for each device. One in which nothing would stand has its first key, since an empty one is an error. */
static int put_list(struct ini_sink *s, const struct option_def *o, const struct config *c)
{
	const void *element;
	int r = 0;

	s->owner = o;
	for (size_t i = 0; r == 0 && (element = o->list->at(c, i)); i++) {
		s->heading = o->name;
		for_each_key(k, o)
			if (r == 0)
				r = put_setting(s, k, element, false);
		if (r == 0 && s->heading)
			r = put_setting(s, &o->list->keys[0], element, true);
	}
	s->owner = NULL;
	return r;
}

static bool is_wanted(const struct ini_sink *s, const struct option_def *o)
{
	return s->extent != INI_SAVED || o->saved >= OPTION_SAVED;
}

static int put_all(struct ini_sink *s, const struct config *c)
{
	int r = 0;

	fprintf(s->out, "# For vmm --config FILE; vmm.conf(5) explains each setting.%s\n",
		s->extent != INI_ALL ? " What is not here is at its default." : "");
	for (enum option_section section = 0; section < SECTIONS; section++) {
		s->heading = option_section_name(section);
		if (!s->heading)
			continue;
		for_each_option(o)
			if (r == 0 && o->section == section && o->type != OPT_LIST && is_wanted(s, o))
				r = put_setting(s, o, c, false);
	}
	for_each_option(o)
		if (r == 0 && o->type == OPT_LIST && is_wanted(s, o))
			r = put_list(s, o, c);
	return r;
}

int ini_write(const struct config *c, enum ini_extent extent, char **ret, struct err *e)
{
	CLEANUP_FREE char *text = NULL;
	size_t size = 0;
	struct ini_sink s = {.out = open_memstream(&text, &size), .extent = extent, .e = e};
	int r;

	if (!s.out)
		return err_set(e, -ENOMEM, "out of memory");
	r = put_all(&s, c);
	if (fclose(s.out) && r == 0)
		r = err_set(e, -ENOMEM, "out of memory");
	if (r == 0 && size > INI_FILE_MAX)
		r = err_set(e, -EFBIG, "the settings are longer than the 1 MiB that a configuration file may have");
	if (r < 0)
		return r;
	*ret = TAKE_PTR(text);
	return 0;
}
