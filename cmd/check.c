// SPDX-License-Identifier: Apache-2.0
/*
 * `vmm check`: checks whether a stock kernel would boot on this host, and whether this configuration is valid. It
 * starts only the probe guest.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cmd/options/commands.h"
#include "cmd/options/parse.h"
#include "vmm/base/loop.h"
#include "vmm/base/outcome.h"
#include "vmm/base/wrap.h"
#include "vmm/check/hostcheck.h"
#include "vmm/machine/machine.h"

#define COLUMN 42 /* where the explanations start */

/* A line for each item where a program may read it, and as many as it takes where a terminal ends. */
static void print_item(const char *grade, const char *name, const char *text)
{
	wrap_print(stdout, printf("  %-8s %-30s ", grade, name), COLUMN, wrap_columns(STDOUT_FILENO), text);
}

static void print_items(const struct host_items *items)
{
	static const char *const grades[] = {[HOST_OK] = "ok", [HOST_NOTE] = "note", [HOST_BAD] = "MISSING"};
	const char *group = "";

	for (size_t i = 0; i < items->nr; i++) {
		const struct host_item *it = &items->item[i];

		if (strcmp(group, it->group))
			printf("%s\n", it->group);
		group = it->group;
		print_item(grades[it->grade], it->name, it->text);
	}
}

/* Opens and builds the machine, short of starting it. */
static int check_config(const struct config *config, struct err *e)
{
	const struct machine_stdio nowhere = {.in_fd = -1, .out_fd = STDOUT_FILENO};
	struct machine *m = NULL;
	struct trace *trace = NULL;
	struct loop *loop = NULL;
	int r;

	r = trace_new(trace_now_ns(), &trace);
	if (r == 0)
		r = loop_new(&loop);
	if (r < 0)
		err_sys(e, r, "cannot set up");
	if (r == 0)
		r = machine_open(config, &nowhere, trace, loop, &m, e);
	if (r == 0)
		r = machine_build(m, e);
	machine_destroy(m);
	loop_free(loop);
	trace_free(trace);
	return r;
}

int cmd_check(int argc, char **argv)
{
	struct host_items items;
	struct err e = {};
	struct config config;
	int status = 0;
	int r;

	r = options_parse(argc, argv, "check", &config, &e);
	if (r < 0) {
		fprintf(stderr, "vmm: %s\n", e.text);
		return EXIT_USAGE;
	}
	host_check(&items);
	print_items(&items);
	if (!host_boots(&items))
		status = EXIT_FAILED;

	printf("configuration\n");
	r = sandbox_missing(config.sandbox, &e);
	print_item(r < 0 ? "BAD" : "ok", "sandbox", r < 0 ? e.text : sandbox_mode_name(config.sandbox));
	if (r < 0)
		status = EXIT_FAILED;
	/* A check does not create the sockets, files or ptys of a run. */
	config.console = CONSOLE_NULL;
	if (!config.kernel) {
		print_item("ok", "settings", "no --kernel given: values checked, nothing built");
	} else {
		r = check_config(&config, &e);
		if (r == 0)
			print_item("ok", config.kernel, "the machine can be built as configured");
		else /* the host's part of it is not what the operator named */
			print_item(
				e.by_operator ? "BAD" : "MISSING", e.by_operator ? config.kernel : "machine", e.text);
		/* A host on which nothing boots is the more important problem. */
		if (r < 0 && !status)
			status = err_exit_status(&e);
	}
	printf("%s\n",
		status ? "A stock kernel would not boot here with these settings." : "A stock kernel would boot here.");
	config_destroy(&config);
	return status;
}
