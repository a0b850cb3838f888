// SPDX-License-Identifier: Apache-2.0
/*
 * `vmm test`: tests, each in a vmm of its own.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cmd/options/args.h"
#include "cmd/options/command_info.h"
#include "cmd/options/commands.h"
#include "cmd/test/command.h"
#include "cmd/test/merge.h"
#include "vmm/base/outcome.h"

/**
 * struct words - a command line without --kernel, which may be repeated here, and without the words of a command
 * @argv: @argc of them, and room for all
 * @command: @nr_command words: with --root, those behind "--"
 */
struct words {
	char **argv;
	int argc;
	const char **kernel;
	size_t nr_kernels;
	const char **command;
	size_t nr_command;
};

static int split_words(int argc, char **argv, struct words *w, struct err *e)
{
	bool root = false;
	struct args a;
	struct arg arg;
	int r, from = 1;

	args_init(&a, "test", argc, argv);
	w->argv[w->argc++] = argv[0];
	while ((r = args_next(&a, &arg, e)) > 0) {
		bool kernel = arg.option && !strcmp(arg.option->name, "kernel");

		root |= arg.option && !strcmp(arg.option->name, "root");
		if (kernel)
			w->kernel[w->nr_kernels++] = arg.value;
		if (!arg.option && a.ended && root) {
			for (; a.next <= argc; a.next++)
				w->command[w->nr_command++] = argv[a.next - 1];
			break;
		}
		for (; from < a.next; from++)
			if (!kernel)
				w->argv[w->argc++] = argv[from];
	}
	w->argv[w->argc] = NULL;
	return MIN(r, 0);
}

/* The program that runs is also what runs the tests. */
static int find_vmm(char *buf, size_t size, struct err *e)
{
	ssize_t n = readlink("/proc/self/exe", buf, size - 1);

	if (n < 0)
		return err_sys(e, -errno, "cannot read /proc/self/exe");
	buf[n] = '\0';
	return 0;
}

enum { TEST_OPTIONS(SUBSET_INDEX) };

static void take_machine(const struct subset_option *o, struct test_machine *ret)
{
	*ret = (struct test_machine){
		.root = o[ROOT].value.text,
		.as_root = o[AS].value.n == COMMAND_AS_ROOT,
		.modules = o[MODULES].all,
		.nr_modules = o[MODULES].nr,
		.share = o[SHARE].all,
		.nr_shares = o[SHARE].nr,
		.append = o[APPEND].all,
		.nr_appends = o[APPEND].nr,
		.out = o[OUT].value.text,
		.mem_bytes = o[MEM].given ? o[MEM].value.n : 0,
		.cpus = o[CPUS].given ? o[CPUS].value.n : 0,
	};
}

static void take_settings(const struct subset_option *o, struct test_settings *ret)
{
	take_machine(o, &ret->machine);
	ret->fresh = o[FRESH].value.n;
	ret->jobs = (unsigned)o[JOBS].value.n;
	ret->retries = (unsigned)o[RETRIES].value.n;
	ret->timeout_ns = o[TIMEOUT].value.n;
	ret->only = o[ONLY].value.text;
	ret->known = o[KNOWN].value.text;
	ret->allow_splat = o[ALLOW_SPLAT].value.text;
	ret->rerun_failed = o[RERUN_FAILED].value.text;
	ret->junit = o[JUNIT].value.text;
	ret->ktap = o[KTAP].value.text;
	ret->json = o[JSON].value.text;
	ret->logs = o[KEEP_LOGS].value.text;
	ret->shard = o[SHARD].value.text;
	ret->durations = o[DURATIONS].value.text;
	ret->record = o[RECORD].value.text;
	ret->debug = o[DEBUG].value.text;
	ret->merge = o[MERGE].value.n;
	ret->sandbox = o[SANDBOX].given ? sandbox_mode_name((enum sandbox_mode)o[SANDBOX].value.n) : NULL;
	ret->confined = o[SANDBOX].value.n != SANDBOX_OFF;
}

/* What is of no use to --merge and --debug-test, and what --shard and --durations need. */
static int check_together(const struct subset_option *o, bool kernels, bool command, struct err *e)
{
	static const unsigned of_merge = BIT(MERGE) | BIT(JUNIT) | BIT(KTAP) | BIT(JSON) | BIT(SANDBOX);
	static const unsigned of_runs = BIT(JOBS) | BIT(RETRIES) | BIT(SHARD) | BIT(DURATIONS) | BIT(RECORD) |
		BIT(MERGE) | BIT(RERUN_FAILED) | BIT(KNOWN) | BIT(ALLOW_SPLAT) | BIT(JUNIT) | BIT(KTAP) | BIT(JSON) |
		BIT(KEEP_LOGS);

	for (unsigned i = 0; o[DEBUG].given && o[i].name; i++)
		if (o[i].given && (of_runs & BIT(i)))
			return err_set(e, -EINVAL, "--%s: of no use with --debug-test", o[i].name);
	if (o[DURATIONS].given && !o[SHARD].given)
		return err_set(e, -EINVAL, "--durations: for --shard K/N only");
	if (!o[MERGE].value.n)
		return 0;
	for (unsigned i = 0; o[i].name; i++)
		if (o[i].given && !(of_merge & BIT(i)))
			return err_set(e, -EINVAL, "--%s: no test runs with --merge", o[i].name);
	if (kernels || command)
		return err_set(e, -EINVAL, "--%s: no test runs with --merge", kernels ? "kernel" : "root");
	return 0;
}

/* @room: 6 times as many as there are words. */
static int run_tests(int argc, char **argv, const char **room, char **rest, struct err *e)
{
	struct subset_option subset[] = {TEST_OPTIONS(SUBSET_ROW){0}};
	size_t most = (size_t)argc + 1;
	struct words w = {.argv = rest, .kernel = room, .command = room + most};
	struct test_settings set = {.path = room + 2 * most, .kernel = w.kernel, .command = w.command};
	char vmm[PATH_MAX];
	int r = split_words(argc, argv, &w, e);

	subset[MODULES].all = room + 3 * most;
	subset[SHARE].all = room + 4 * most;
	subset[APPEND].all = room + 5 * most;
	if (r == 0)
		r = subset_parse(w.argc, w.argv, "test", subset, room + 2 * most, &set.nr_paths, e);
	if (r == 0)
		r = check_together(subset, w.nr_kernels, w.nr_command, e);
	err_operator(e, r);
	if (r == 0)
		r = find_vmm(vmm, sizeof(vmm), e);
	if (r < 0)
		return r;
	set.vmm = vmm;
	set.nr_kernels = w.nr_kernels;
	set.nr_command = w.nr_command;
	take_settings(subset, &set);
	return set.merge ? test_merge(&set) : test_command(&set);
}

int cmd_test(int argc, char **argv)
{
	CLEANUP_FREE const char **room = calloc(6 * ((size_t)argc + 1), sizeof(*room));
	CLEANUP_FREE char **rest = calloc((size_t)argc + 1, sizeof(*rest));
	struct err e = {};
	int r = room && rest ? run_tests(argc, argv, room, rest, &e) : err_set(&e, -ENOMEM, "out of memory");

	if (r >= 0)
		return r;
	fprintf(stderr, "vmm: %s\n", e.text);
	return err_exit_status(&e);
}
