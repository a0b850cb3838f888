// SPDX-License-Identifier: Apache-2.0
/*
 * Finds the subcommand and calls it; the default is `run`. --help and --version are handled here, at any position.
 */
#include <stdlib.h>
#include <signal.h>
#include <string.h>

#include "cmd/bench/launch.h"
#include "cmd/main.h"
#include "cmd/options/args.h"
#include "cmd/options/command_info.h"
#include "cmd/options/commands.h"
#include "cmd/tool.h"
#include "cmd/usage.h"
#include "vmm/base/trace.h"

/* Written once, at entry. */
static uint64_t entry_ns;

uint64_t main_entry_ns(void)
{
	return entry_ns;
}

uint64_t main_exec_ns(void)
{
	const char *text = getenv(LAUNCH_EXEC_ENV);
	uint64_t ns;
	char *end;

	if (!text || *text < '0' || *text > '9')
		return 0;
	ns = strtoull(text, &end, 10);
	return *end || ns > entry_ns ? 0 : ns;
}

static const struct command {
	const char *name;
	int (*run)(int argc, char **argv);
} commands[] = {
#define X(name, help) {#name, cmd_##name},
	COMMANDS(X)
#undef X
};

static const struct command *find_command(const char *word)
{
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		if (!strcmp(word, commands[i].name))
			return &commands[i];
	return NULL;
}

/* --help or --version among the options, as far as they can be understood; the subcommand tells what is wrong. */
static const struct option_def *asked_for(const struct command *named, int argc, char **argv)
{
	const struct command_info *info = named ? command_find(named->name) : NULL;
	struct args a;
	struct arg arg;

	args_init(&a, NULL, argc, argv);
	while (args_next(&a, &arg, NULL) > 0) {
		if (arg.option && arg.option->type == OPT_FLAG)
			return arg.option;
		if (!arg.option && info && info->ends_options)
			break;
	}
	return NULL;
}

int main(int argc, char **argv)
{
	const struct command *named = NULL;
	const struct option_def *flag;

	entry_ns = trace_now_ns();
	/* A parent may have ignored it: then nothing would be known of how children end. */
	signal(SIGCHLD, SIG_DFL);
	if (argc > 1 && !strcmp(argv[1], "help"))
		return usage_help(argc > 2 ? argv[2] : "", argc > 3 ? argv[3] : "");
	if (argc > 1 && argv[1][0] != '-') {
		/* The name of a command counts before that of a file: ./check is one. */
		named = find_command(argv[1]);
		if (!named && !args_is_file(argv[1]))
			return usage_no_command(argv[1], " and no file");
	}
	if (named) {
		argc--;
		argv++;
		/* Its options are its own. */
		if (tool_is(named->name))
			return named->run(argc, argv);
	}
	flag = asked_for(named, argc, argv);
	if (flag && !strcmp(flag->name, "help"))
		return usage_help(named ? named->name : "", argc > 1 ? argv[1] : "");
	if (flag)
		return usage_version();
	return (named ? named : &commands[0])->run(argc, argv);
}
