// SPDX-License-Identifier: Apache-2.0
#include "cmd/options/settings.h"

#include <errno.h>
#include <string.h>

#include "vmm/base/assert.h"
#include "vmm/machine/machine.h"

void settings_destroy(struct settings *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < OPTIONS_MAX; i++) {
		for (size_t j = 0; j < s->setting[i].nr; j++)
			free(s->setting[i].text[j]);
		free(s->setting[i].text);
	}
	*s = (struct settings){0};
}

/* Puts where and what in front of the words. */
static int blame(
	const struct settings *s, const struct option_def *o, const char *text, unsigned line, int code, struct err *e)
{
	if (s->file)
		return err_wrap(e, code, "%s:%u: %s = %s", s->file, line, o->name, text);
	return err_wrap(e, code, "--%s%s%s", o->name, o->bare ? "=" : " ", *text ? text : "''");
}

int settings_add(struct settings *s, const struct option_def *o, const char *text, unsigned line, struct err *e)
{
	struct setting *t = &s->setting[o - options];
	struct option_value v;
	char **grown, *copy;
	int r;

	if (t->nr && !o->repeatable) {
		if (s->file)
			return err_set(
				e, -EINVAL, "%s:%u: %s: already set on line %u", s->file, line, o->name, t->line);
		return err_set(e, -EINVAL, "--%s: given twice", o->name);
	}
	r = option_parse(o, text, &v, e);
	if (r < 0)
		return blame(s, o, text, line, r, e);
	copy = strdup(text);
	grown = copy ? reallocarray(t->text, t->nr + 1, sizeof(*grown)) : NULL;
	if (!grown) {
		free(copy);
		return err_set(e, -ENOMEM, "out of memory");
	}
	grown[t->nr++] = copy;
	t->text = grown;
	if (t->nr == 1)
		t->line = line;
	return 0;
}

/* Which source counts for an option; NULL: its default. */
static const struct settings *winner(
	const struct option_def *o, const struct settings *file, const struct settings *line)
{
	size_t i = (size_t)(o - options);

	return line->setting[i].nr ? line : file->setting[i].nr ? file : NULL;
}

/* True when a setting is there and not off. */
static bool is_on(const struct option_def *o, const struct settings *s)
{
	const struct setting *t;
	struct option_value v;

	if (!s)
		return false;
	t = &s->setting[o - options];
	return !option_parse(o, t->text[t->nr - 1], &v, NULL) && v.n;
}

static int check_excluded(
	const struct option_def *o, const struct settings *file, const struct settings *line, struct err *e)
{
	const struct option_def *other = option_find(o->excludes, strlen(o->excludes));
	const struct settings *by = winner(o, file, line), *other_by = winner(other, file, line);

	if (!is_on(o, by) || !is_on(other, other_by))
		return 0;
	if (by->file && other_by->file)
		return err_set(e, -EINVAL, "%s:%u: %s: cannot be on together with %s of line %u; choose one", by->file,
			by->setting[o - options].line, o->name, other->name, other_by->setting[other - options].line);
	if (!by->file && !other_by->file)
		return err_set(e, -EINVAL, "--%s: cannot be on together with --%s; choose one", o->name, other->name);
	/* The command line against a file: named from the side of the command line. */
	if (by->file)
		return check_excluded(other, file, line, e);
	return err_set(e, -EINVAL, "--%s: cannot be on together with %s of %s:%u; --no-%s takes that back", o->name,
		other->name, other_by->file, other_by->setting[other - options].line, other->name);
}

int settings_apply_option(const struct option_def *o, const struct settings *by, struct config *c)
{
	const struct setting *t = by ? &by->setting[o - options] : NULL;
	size_t nr = t ? t->nr : o->deflt ? 1 : 0;
	int r = 0;

	for (size_t i = 0; i < nr && r == 0; i++) {
		struct option_value v;

		/* Checked when it was added; a default that does not parse is our bug. */
		r = option_parse(o, t ? t->text[i] : o->deflt, &v, NULL);
		assert(r == 0);
		r = option_store(o, &v, c);
	}
	return r;
}

int settings_apply(const struct settings *file, const struct settings *line, struct config *ret, struct err *e)
{
	struct config c;
	int r = 0;

	for_each_option(o) {
		if (o->excludes)
			r = check_excluded(o, file, line, e);
		if (r < 0)
			return r;
	}
	config_init(&c);
	for_each_option(o) {
		if (!option_section_name(o->section))
			continue;
		r = settings_apply_option(o, winner(o, file, line), &c);
		if (r < 0) {
			err_set(e, r, "out of memory");
			goto fail;
		}
	}
	r = machine_check(&c, e);
	if (r < 0)
		goto fail;
	*ret = c;
	return 0;
fail:
	config_destroy(&c);
	return r;
}
