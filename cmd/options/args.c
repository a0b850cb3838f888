// SPDX-License-Identifier: Apache-2.0
#include "cmd/options/args.h"

#include <errno.h>
#include <string.h>

#include "vmm/base/file.h"

void args_init(struct args *a, const char *cmd, int argc, char **argv)
{
	*a = (struct args){.cmd = cmd, .argc = argc, .argv = argv, .next = 1};
}

static int next_short(const struct args *a, const char *word, struct arg *ret, struct err *e)
{
	for_each_option(o) {
		if (o->letter && word[1] == o->letter && !word[2]) {
			*ret = (struct arg){.option = o};
			return 1;
		}
	}
	return args_unknown(a, word, word + 1, strcspn(word + 1, "="), e);
}

/* The value of an option that needs one: after "=", or the next word. */
static int take_value(
	struct args *a, const struct option_def *o, const char *inline_value, struct arg *ret, struct err *e)
{
	const char *value = inline_value;

	if (!value) {
		if (a->next >= a->argc)
			return err_set(e, -EINVAL, "--%s: needs a value: --%s %s", o->name, o->name, option_metavar(o));
		value = a->argv[a->next];
		/* Far more often a forgotten value than one that starts so. */
		if (!strncmp(value, "--", 2))
			return err_set(e, -EINVAL,
				"--%s: needs a value, but %.200s follows; if that is the value: --%s=%.200s", o->name,
				value, o->name, value);
		a->next++;
		a->unquoted = o;
	}
	*ret = (struct arg){.option = o, .value = value};
	return 1;
}

int args_next(struct args *a, struct arg *ret, struct err *e)
{
	const struct option_def *o;
	const char *word, *name, *eq;
	size_t len;

	if (a->next < a->argc && !a->ended && !strcmp(a->argv[a->next], "--")) {
		a->ended = true;
		a->bare = NULL;
		a->unquoted = NULL;
		a->next++;
	}
	if (a->next >= a->argc)
		return 0;
	word = a->argv[a->next++];
	if (a->ended || word[0] != '-' || !word[1]) {
		*ret = (struct arg){.value = word};
		return 1;
	}
	a->bare = NULL;
	a->unquoted = NULL;
	if (word[1] != '-')
		return next_short(a, word, ret, e);

	name = word + 2;
	len = strcspn(name, "=");
	eq = name[len] ? name + len + 1 : NULL;
	o = option_find(name, len);
	if (!o && !strncmp(name, "no-", 3)) {
		o = option_find(name + 3, len - 3);
		if (!o || !option_takes_off(o))
			return args_unknown(a, word, name, len, e);
		if (eq)
			return err_set(e, -EINVAL, "%.200s: takes no value", word);
		*ret = (struct arg){.option = o, .value = "off"};
		return 1;
	}
	if (!o)
		return args_unknown(a, word, name, len, e);
	if (o->type == OPT_FLAG) {
		if (eq)
			return err_set(e, -EINVAL, "%.200s: takes no value", word);
		*ret = (struct arg){.option = o};
		return 1;
	}
	if (o->bare && !eq) {
		a->bare = o;
		*ret = (struct arg){.option = o, .value = o->bare};
		return 1;
	}
	return take_value(a, o, eq, ret, e);
}

bool args_is_file(const char *word)
{
	return strchr(word, '/') || (*word && file_is_regular(word));
}
