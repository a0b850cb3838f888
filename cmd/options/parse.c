// SPDX-License-Identifier: Apache-2.0
#include "cmd/options/parse.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/options/args.h"
#include "cmd/options/command_info.h"
#include "cmd/options/ini.h"
#include "cmd/options/settings.h"
#include "vmm/base/file.h"

/* One option of the command line. */
static int take(const struct arg *arg, const char *cmd, struct own_option *own, struct settings *line, struct err *e)
{
	const char *only = option_section_command(arg->option->section);
	int r;

	/* main() has answered --help and --version before a subcommand sees them. */
	if (arg->option->type == OPT_FLAG)
		return 0;
	if (only && strcmp(only, cmd))
		return command_refuses(cmd, arg->option, e);
	r = settings_add(line, arg->option, arg->value, 0, e);
	for (; r == 0 && only && own->name; own++) {
		if (!strcmp(own->name, arg->option->name)) {
			own->given = true;
			r = option_parse(arg->option, arg->value, &own->value, e);
		}
	}
	return r;
}

int options_take_words(struct config *c, char **word, size_t nr)
{
	c->command = nr ? calloc(nr, sizeof(*c->command)) : NULL;
	if (nr && !c->command)
		return -ENOMEM;
	for (; c->nr_command < nr; c->nr_command++) {
		c->command[c->nr_command] = strdup(word[c->nr_command]);
		if (!c->command[c->nr_command])
			return -ENOMEM;
	}
	return 0;
}

int options_parse_own(int argc, char **argv, const char *cmd, struct own_option *own, struct config *ret, struct err *e)
{
	CLEANUP_SETTINGS struct settings file = {0}, line = {0};
	const struct option_def *config = option_find("config", strlen("config"));
	const struct option_def *kernel = option_find("kernel", strlen("kernel"));
	const struct option_def *root = option_find("root", strlen("root"));
	const struct setting *path = &line.setting[config - options];
	struct config c;
	struct args a;
	struct arg arg;
	int r, word = argc;

	args_init(&a, cmd, argc, argv);
	while ((r = args_next(&a, &arg, e)) > 0) {
		if (!arg.option && a.ended && line.setting[root - options].nr) {
			word = a.next - 1;
			break;
		}
		/* A kernel needs no word before it; but what comes behind `--rng` must be one to be taken for it. */
		if (!arg.option && !line.setting[kernel - options].nr &&
			(a.bare ? file_is_regular(arg.value) : args_is_file(arg.value)))
			arg.option = kernel;
		r = arg.option ? take(&arg, cmd, own, &line, e) : args_stray(&a, arg.value, e);
		if (r < 0)
			break;
	}
	r = MIN(r, 0);
	if (r == 0 && path->nr) {
		file.file = path->text[0];
		r = ini_read(file.file, &file, e);
	}
	if (r == 0)
		r = settings_apply(&file, &line, &c, e);
	if (r)
		return r;
	if (file.file) {
		c.config_file = strdup(file.file);
		if (!c.config_file) {
			config_destroy(&c);
			return err_set(e, -ENOMEM, "out of memory");
		}
	}
	r = options_take_words(&c, argv + word, (size_t)(argc - word));
	if (r < 0) {
		config_destroy(&c);
		return err_set(e, r, "out of memory");
	}
	*ret = c;
	return 0;
}

int options_parse(int argc, char **argv, const char *cmd, struct config *ret, struct err *e)
{
	struct own_option none = {0};

	return options_parse_own(argc, argv, cmd, &none, ret, e);
}
