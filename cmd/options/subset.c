// SPDX-License-Identifier: Apache-2.0
#include "cmd/options/subset.h"

#include <errno.h>
#include <string.h>

#include "cmd/options/args.h"
#include "cmd/options/command_info.h"
#include "vmm/base/assert.h"

static struct option_def limited(const struct subset_option *p)
{
	const struct option_def *o = option_find(p->name, strlen(p->name));
	struct option_def copy;

	assert(o);
	copy = *o;
	subset_limit(&copy, p);
	return copy;
}

static int take(const struct arg *arg, const char *cmd, struct subset_option *subset, struct err *e)
{
	const char *name = arg->option->name;

	/* main() has answered --help and --version. */
	if (arg->option->type == OPT_FLAG)
		return 0;
	for (; subset->name && strcmp(subset->name, name); subset++)
		;
	return subset->name ? subset_take(arg, subset, e) : command_refuses(cmd, arg->option, e);
}

int subset_take(const struct arg *arg, struct subset_option *subset, struct err *e)
{
	const char *name = arg->option->name;
	struct option_def o;
	int r;

	if (subset->given && !subset->all)
		return err_set(e, -EINVAL, "--%s: given twice", name);
	subset->given = true;
	o = limited(subset);
	r = option_parse(&o, arg->value, &subset->value, e);
	if (r < 0)
		return err_wrap(e, r, "--%s%s%s", name, o.bare ? "=" : " ", *arg->value ? arg->value : "''");
	if (subset->all)
		subset->all[subset->nr++] = subset->value.text;
	return 0;
}

int subset_parse(int argc, char **argv, const char *cmd, struct subset_option *subset, const char **words,
	size_t *ret_nr, struct err *e)
{
	size_t nr = 0;
	const struct command_info *info;
	struct args a;
	struct arg arg;
	int r;

	for (struct subset_option *p = subset; p->name; p++) {
		struct option_def o = limited(p);
		const char *deflt = o.deflt;

		/* A default that does not parse is our bug. */
		r = deflt ? option_parse(&o, deflt, &p->value, e) : 0;
		assert(r == 0);
		p->given = false;
	}
	args_init(&a, cmd, argc, argv);
	info = command_find(cmd);
	while ((r = args_next(&a, &arg, e)) > 0) {
		if (!arg.option) {
			words[nr++] = arg.value;
			a.ended = a.ended || (info && info->ends_options);
		}
		if (arg.option && (r = take(&arg, cmd, subset, e)) < 0)
			return r;
	}
	if (r == 0)
		*ret_nr = nr;
	return r;
}
