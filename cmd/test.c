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
#include "vmm/base/outcome.h"

/**
 * struct words - a command line without --kernel, which may be repeated here and nowhere else
 * @argv: @argc of them, and room for all
 */
struct words {
	char **argv;
	int argc;
	const char **kernel;
	size_t nr_kernels;
};

static int take_kernels(int argc, char **argv, struct words *w, struct err *e)
{
	struct args a;
	struct arg arg;
	int r, from = 1;

	args_init(&a, "test", argc, argv);
	w->argv[w->argc++] = argv[0];
	while ((r = args_next(&a, &arg, e)) > 0) {
		bool kernel = arg.option && !strcmp(arg.option->name, "kernel");

		if (kernel)
			w->kernel[w->nr_kernels++] = arg.value;
		for (; from < a.next; from++)
			if (!kernel)
				w->argv[w->argc++] = argv[from];
	}
	for (; from < argc; from++)
		w->argv[w->argc++] = argv[from];
	w->argv[w->argc] = NULL;
	return r;
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

int cmd_test(int argc, char **argv)
{
	enum { TEST_OPTIONS(SUBSET_INDEX) };
	struct subset_option subset[] = {TEST_OPTIONS(SUBSET_ROW){0}};
	CLEANUP_FREE const char **words = calloc((size_t)argc + 1, sizeof(*words));
	CLEANUP_FREE const char **kernels = calloc((size_t)argc + 1, sizeof(*kernels));
	CLEANUP_FREE char **rest = calloc((size_t)argc + 1, sizeof(*rest));
	struct words w = {.argv = rest, .kernel = kernels};
	struct test_settings set = {.path = words, .kernel = kernels};
	char vmm[PATH_MAX];
	struct err e = {};
	int r;

	r = words && kernels && rest ? take_kernels(argc, argv, &w, &e) : err_set(&e, -ENOMEM, "out of memory");
	if (r == 0)
		r = subset_parse(w.argc, w.argv, "test", subset, words, &set.nr_paths, &e);
	if (r == 0 && !subset[FRESH].value.n)
		r = err_set(&e, -EINVAL, "--fresh=off: clones of a guest are not there yet");
	err_operator(&e, r);
	if (r == 0)
		r = find_vmm(vmm, sizeof(vmm), &e);
	if (r < 0) {
		fprintf(stderr, "vmm: %s\n", e.text);
		return err_exit_status(&e);
	}
	set.vmm = vmm;
	set.nr_kernels = w.nr_kernels;
	set.jobs = (unsigned)subset[JOBS].value.n;
	set.retries = (unsigned)subset[RETRIES].value.n;
	set.timeout_ns = subset[TIMEOUT].value.n;
	set.only = subset[ONLY].value.text;
	set.known = subset[KNOWN].value.text;
	set.rerun_failed = subset[RERUN_FAILED].value.text;
	set.junit = subset[JUNIT].value.text;
	set.ktap = subset[KTAP].value.text;
	set.json = subset[JSON].value.text;
	set.logs = subset[KEEP_LOGS].value.text;
	set.sandbox = subset[SANDBOX].given ? sandbox_mode_name((enum sandbox_mode)subset[SANDBOX].value.n) : NULL;
	set.confined = subset[SANDBOX].value.n != SANDBOX_OFF;
	return test_command(&set);
}
