// SPDX-License-Identifier: Apache-2.0
#include "cmd/usage.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cmd/options/commands.h"
#include "cmd/options/foreign.h"
#include "cmd/options/help.h"
#include "cmd/tool.h"
#include "vmm/base/outcome.h"

/* The answer to --help or --version has to arrive. */
static int printed(void)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return 0;
	fprintf(stderr, "vmm: cannot write to standard output: %s\n", strerror(errno));
	return EXIT_FAILED;
}

static const char *nearest_command(const char *word)
{
	static const char *const names[] = {
#define X(name, help) #name,
		COMMANDS(X)
#undef X
			"help",
	};
	const char *near = foreign_find("", word, strlen(word));
	unsigned best = 2;

	for (size_t i = 0; !near && i < ARRAY_SIZE(names); i++)
		if (strlen(word) >= 2 && !strncmp(word, names[i], strlen(word)))
			near = names[i];
	for (size_t i = 0; strlen(word) >= 3 && i < ARRAY_SIZE(names); i++) {
		unsigned d = edit_distance(word, strlen(word), names[i], strlen(names[i]), best);

		if (d < best || (d == best && !near)) {
			best = d;
			near = names[i];
		}
	}
	return near;
}

int usage_no_command(const char *word, const char *nor)
{
	const char *near = nearest_command(word);
	struct err e = {};

	if (near)
		err_set(&e, -EINVAL, "%.200s: unknown command; did you mean %s?", word, near);
	else
		err_set(&e, -EINVAL, "%.200s: no command%s; `vmm --help` lists the commands", *word ? word : "''", nor);
	fprintf(stderr, "vmm: %s\n", e.text);
	return EXIT_USAGE;
}

int usage_help(const char *word, const char *second)
{
	char name[32], *help[] = {NULL, (char *)"--help", NULL};

	if (tool_is(word))
		return tool_exec(word, help);
	errno = 0;
	snprintf(name, sizeof(name), "%.15s %.15s", word, second);
	if (!*word || !strcmp(word, "help"))
		help_print(stdout);
	else if (*second && *second != '-' && !help_has(word) && !help_has(name))
		return usage_no_command(name, "");
	else if (!help_command(stdout, name) && !help_command(stdout, word))
		return usage_no_command(word, "");
	return printed();
}

int usage_version(void)
{
	errno = 0;
	help_version(stdout);
	return printed();
}
