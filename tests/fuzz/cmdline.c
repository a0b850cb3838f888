// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>
#include <string.h>

#include "cmd/options/args.h"
#include "tests/support/config_kit.h"
#include "tests/support/fuzz.h"
#include "vmm/machine/machine.h"

#define WORDS_MAX 64

/* What is printed reads back to the same; what no file can say is refused with one line of words. */
static void survives(const struct config *c)
{
	for (enum ini_extent extent = INI_CHANGED; extent <= INI_ALL; extent++) {
		CLEANUP_FREE char *text = NULL;
		struct config back;
		struct err e = {0};

		if (ini_write(c, extent, &text, &e) < 0) {
			if (!*e.text || strchr(e.text, '\n'))
				abort();
			continue;
		}
		if (config_reread(text, &back, NULL) < 0 || config_difference(c, &back))
			abort();
		config_destroy(&back);
	}
}

/*
 * The words of a command line, one per line. --config is left to the target `ini`: here it would read files of the
 * machine that runs the fuzzer.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP_FREE char *text = strndup((const char *)data, size);
	CLEANUP_SETTINGS struct settings line = {0};
	char *argv[WORDS_MAX + 2] = {(char *)"vmm"}, *rest = text;
	struct settings none = {0};
	struct config c;
	struct args a;
	struct arg arg;
	struct err e = {0};
	int argc = 1, r;

	if (!text)
		return 0;
	while (argc <= WORDS_MAX && rest)
		argv[argc++] = strsep(&rest, "\n");
	args_init(&a, "run", argc, argv);
	while ((r = args_next(&a, &arg, &e)) > 0) {
		if (!arg.option)
			r = args_stray(&a, arg.value, &e);
		else if (arg.option->type != OPT_FLAG)
			r = settings_add(&line, arg.option, arg.value, 0, &e);
		if (r < 0)
			break;
	}
	if (r == 0)
		r = settings_apply(&none, &line, &c, &e);
	if (r < 0) {
		if (!*e.text || strchr(e.text, '\n'))
			abort();
		return 0;
	}
	if (machine_check(&c, NULL))
		abort();
	survives(&c);
	config_destroy(&c);
	return 0;
}
