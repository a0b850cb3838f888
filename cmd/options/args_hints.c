// SPDX-License-Identifier: Apache-2.0
/*
 * What is said of a word of the command line that is not understood.
 */
#include <errno.h>
#include <string.h>

#include "cmd/options/args.h"
#include "cmd/options/commands.h"
#include "cmd/options/foreign.h"

int args_unknown(const char *word, const char *name, size_t len, struct err *e)
{
	const struct option_def *near = option_nearest(name, len);
	const char *ours = foreign_find(NULL, name, len);

	if (ours)
		return err_set(e, -EINVAL, "%.200s: unknown option; did you mean %s?", word, ours);
	if (near)
		return err_set(e, -EINVAL, "%.200s: unknown option; did you mean --%s%s?", word,
			len > 3 && !strncmp(name, "no-", 3) && option_takes_off(near) ? "no-" : "", near->name);
	return err_set(e, -EINVAL, "%.200s: unknown option; `vmm help run` lists all", word);
}

/* The value of an option that takes one after "=" only, or a word of a text without quotes around it. */
static bool is_of_option(const struct args *a, const char *word, struct err *e)
{
	const struct option_def *o = a->bare, *first = o && o->type == OPT_LIST ? o->list->keys : NULL;
	struct option_value v;

	if (o && !option_parse(o, word, &v, NULL)) {
		err_set(e, -EINVAL, "%.200s: belongs to no option; if it is the value of --%s: --%s=%.200s", word,
			o->name, o->name, word);
		return true;
	}
	if (first && !option_parse(first, word, &v, NULL)) {
		err_set(e, -EINVAL, "%.200s: belongs to no option; did you mean --%s=%s=%.200s?", word, o->name,
			first->name, word);
		return true;
	}
	if (a->unquoted && a->unquoted->type == OPT_STRING) {
		err_set(e, -EINVAL,
			"%.200s: belongs to no option; a --%s of several words needs quotes: --%s '... %.200s'", word,
			a->unquoted->name, a->unquoted->name, word);
		return true;
	}
	return false;
}

int args_stray(const struct args *a, const char *word, struct err *e)
{
	if (is_of_option(a, word, e))
		return -EINVAL;
#define X(name, help)                                                                                                  \
	if (!strcmp(word, #name))                                                                                      \
		return err_set(e, -EINVAL, "%s: a subcommand comes before all options: vmm %s ...", word, word);
	COMMANDS(X)
#undef X
	if (args_is_file(word))
		return err_set(e, -EINVAL,
			"%.200s: belongs to no option; as a kernel, disk or initrd: --kernel FILE, "
			"--disk path=FILE, --initrd FILE",
			word);
	return err_set(
		e, -EINVAL, "%.200s: belongs to no option; `vmm help run` lists them", *word ? word : "an empty word");
}
