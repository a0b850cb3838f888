// SPDX-License-Identifier: Apache-2.0
/*
 * The message for a word of the command line that is not understood.
 */
#include <errno.h>
#include <string.h>

#include "cmd/options/args.h"
#include "cmd/options/command_info.h"
#include "cmd/options/commands.h"
#include "cmd/options/foreign.h"

/* Does command @cmd take the option whose name is in front of a blank or comma? Where none is named, each is taken. */
static bool takes(const char *cmd, const char *name)
{
	const struct command_info *c = cmd ? command_find(cmd) : NULL;
	const struct option_def *o = option_find(name, strcspn(name, " ,"));
	const struct subset_option *how;

	return !c || (o && command_takes(c, o, &how));
}

/* A hint names no option that the command does not take. */
static bool fits(const char *cmd, const char *ours)
{
	const char *dashes = strstr(ours, "--");

	return !dashes || takes(cmd, dashes + 2);
}

int args_unknown(const struct args *a, const char *word, const char *name, size_t len, struct err *e)
{
	const struct option_def *near = option_nearest(name, len);
	bool negated = len > 3 && !strncmp(name, "no-", 3);
	const char *ours = foreign_find(NULL, name, len);
	char hint[160];

	if (ours && fits(a->cmd, ours))
		return err_set(e, -EINVAL, "%.200s: unknown option%s", word, foreign_hint(ours, hint, sizeof(hint)));
	if (negated && option_find(name + 3, len - 3))
		return err_set(e, -EINVAL, "%.200s: unknown option; --%.*s cannot be switched off", word,
			(int)(len - 3), name + 3);
	if (!ours && near && takes(a->cmd, near->name))
		return err_set(e, -EINVAL, "%.200s: unknown option; did you mean --%s%s?", word,
			negated && option_takes_off(near) ? "no-" : "", near->name);
	return err_set(e, -EINVAL, "%.200s: unknown option; `vmm help %s` lists all", word, a->cmd ? a->cmd : "run");
}

/* A word behind an option that takes a value after "=" only. */
static void behind_bare(const struct option_def *o, const char *word, struct err *e)
{
	const struct option_def *first = o->type == OPT_LIST ? o->list->keys : NULL;
	char valid[OPTION_VALID_MAX];
	struct option_value v;

	option_valid(o, valid);
	if (!option_parse(o, word, &v, NULL))
		err_set(e, -EINVAL, "%.200s: belongs to no option; if it is the value of --%s: --%s=%.200s", word,
			o->name, o->name, word);
	else if (first && !option_parse(first, word, &v, NULL))
		err_set(e, -EINVAL, "%.200s: belongs to no option; did you mean --%s=%s=%.200s?", word, o->name,
			first->name, word);
	else
		err_set(e, -EINVAL, "%.200s: belongs to no option; --%s takes a value only after =: %s", word, o->name,
			*valid ? valid : option_metavar(o));
}

/* The value of an option that takes one after "=" only, or a word of a text without quotes around it. */
static bool is_of_option(const struct args *a, const char *word, struct err *e)
{
	if (a->bare)
		behind_bare(a->bare, word, e);
	else if (a->unquoted && a->unquoted->type == OPT_STRING)
		err_set(e, -EINVAL,
			"%.200s: belongs to no option; a --%s of several words needs quotes: --%s '... %.200s'", word,
			a->unquoted->name, a->unquoted->name, word);
	else
		return false;
	return true;
}

int args_stray(const struct args *a, const char *word, struct err *e)
{
#define X(name, help)                                                                                                  \
	if (!strcmp(word, #name))                                                                                      \
		return err_set(e, -EINVAL, "%s: a subcommand comes before all options: vmm %s ...", word, word);
	COMMANDS(X)
#undef X
	if (is_of_option(a, word, e))
		return -EINVAL;
	if (args_is_file(word))
		return err_set(e, -EINVAL,
			"%.200s: belongs to no option; as a kernel, disk or initrd: --kernel FILE, "
			"--disk path=FILE, --initrd FILE",
			word);
	return err_set(e, -EINVAL, "%.200s: belongs to no option; `vmm help %s` lists them",
		*word ? word : "an empty word", a->cmd ? a->cmd : "run");
}
