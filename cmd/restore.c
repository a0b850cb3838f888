// SPDX-License-Identifier: Apache-2.0
/*
 * `vmm restore`: goes on with the guest of a snapshot, once or in clones.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "cmd/clones/clones.h"
#include "cmd/clones/names.h"
#include "cmd/command.h"
#include "cmd/each.h"
#include "cmd/main.h"
#include "cmd/options/command_info.h"
#include "cmd/options/commands.h"
#include "cmd/options/restore.h"
#include "cmd/plan.h"
#include "cmd/run.h"
#include "cmd/working_set.h"
#include "vmm/base/clock.h"
#include "vmm/base/file.h"
#include "vmm/base/outcome.h"
#include "vmm/base/path.h"

enum { RESTORE_OPTIONS(SUBSET_INDEX) };

/**
 * struct restore - all of the command; what clones share is the spawner's
 * @argv, @line: the command line
 * @run: the first run, or each clone's: @nr_runs of them
 * @nr: of the guests that are restored
 * @word: of --word, or NULL
 * @own_netns: each has a network namespace of its own
 * @confinement: entered by the spawner, inherited by the clones
 * @ram: mapped by the spawner
 */
struct restore {
	char **argv;
	struct settings line;
	struct run *run;
	unsigned nr_runs;
	unsigned nr;
	char *word;
	bool own_netns;
	struct confinement confinement;
	struct memory ram;
	uint64_t limit_at_ns;
};

/* Before the sandbox, as a configuration file: what is behind facts and settings is read as plain bytes. */
static int open_snapshot(struct run *run, const char *path, struct err *e)
{
	int fd, r = file_open_regular("snapshot", path, &fd, e);

	if (r < 0)
		return r;
	r = snapshot_read(fd, run->version, &run->restored, e);
	if (r < 0) {
		close(fd);
		return err_wrap(e, r, "%s", path);
	}
	return 0;
}

/* What the guests get: the text, or what a file has. */
static int read_word(struct restore *c, struct err *e)
{
	struct run *run = c->run;
	const char *text = run->config.word;
	CLEANUP_FD int fd = -1;
	int r;

	if (!text)
		return 0;
	run->word = text;
	run->word_size = strlen(text);
	if (text[0] == '@') {
		fd = path_open(text + 1, O_RDONLY, 0);
		r = fd < 0 ? fd : file_read_all(fd, MACHINE_WORD_MAX, &c->word, &run->word_size);
		if (r < 0 && r != -EFBIG)
			return err_sys(e, r, "--word: cannot read %s", text + 1);
		run->word = c->word;
	}
	if (!run->word || run->word_size > MACHINE_WORD_MAX)
		return err_set(e, -EINVAL, "--word: more than %d bytes", MACHINE_WORD_MAX);
	return 0;
}

/* --- Clones ------------------------------------------------------------------------------------------------------ */

/* Clone @n, from 1, whose files are its own. */
static int open_own(struct restore *c, unsigned n, struct err *e)
{
	struct run *first = &c->run[0], *run = &c->run[n - 1];
	int r = 0;

	if (n > 1) {
		*run = RUN_NONE;
		memcpy(run->version, first->version, sizeof(run->version));
		r = restore_config(first->restored.settings, &c->line, &run->config, e);
	}
	if (r == 0 && c->nr_runs > 1)
		r = clones_name(&run->config, n, e);
	if (r == 0 && c->own_netns)
		r = sandbox_join_netns(&c->confinement.sandbox, run->config.netns, e);
	/* The buffers of the first. */
	run->restored = first->restored;
	run->watch_fd = first->watch_fd;
	run->word = first->word;
	run->word_size = first->word_size;
	run->set = first->set;
	if (r == 0)
		r = run_open(run, c->argv, e);
	return r < 0 && c->nr_runs > 1 ? err_wrap(e, r, "clone %u", n) : r;
}

static int enter_early(struct restore *c, const int *keep, size_t nr_keep, struct err *e)
{
	struct sandbox_plan *plan = &c->confinement.plan;

	plan_early(&c->run[0].config, plan);
	plan_restored(c->run[0].restored.fd, plan);
	/* Each clone's is entered before its devices are opened. */
	c->own_netns = c->nr_runs > 1 && plan->jail.netns && strstr(plan->jail.netns, "%n");
	if (c->own_netns)
		plan->jail.netns = NULL;
	for (size_t i = 0; i < nr_keep && plan->nr_keep < SANDBOX_KEEP_MAX; i++)
		plan->keep[plan->nr_keep++] = keep[i];
	plan->max_fds *= c->nr_runs;
	return sandbox_early(&c->confinement.sandbox, plan, e);
}

static int open_clones(void *arg, const int *keep, size_t nr_keep, struct clones_fds *fds, struct err *e)
{
	struct restore *c = arg;
	struct run *first = &c->run[0];
	const struct each_config each = {.frames = first->config.each_frame,
		.json = first->config.each_line == EACH_LINE_JSON,
		.limit_ns = first->config.line_timeout_ns};
	int r = enter_early(c, keep, nr_keep, e);

	if (r == 0 && gmem_install_sigbus() < 0)
		r = err_sys(e, -errno, "sigaction");
	if (r == 0)
		r = machine_watch_snapshot(&first->restored, &first->watch_fd, e);
	if (r < 0)
		return r;
	sandbox_open(&c->confinement.sandbox, NULL);
	r = clones_fds_take(fds, 0, e);
	if (r < 0)
		return r;
	if (config_is_each(&first->config))
		r = each_open(&each, &first->each, e);
	if (r < 0)
		return r;
	for (unsigned n = 1; r == 0 && n <= c->nr_runs; n++) {
		r = open_own(c, n, e);
		if (r == 0 && c->nr_runs > 1)
			r = clones_fds_take(fds, n, e);
		if (r < 0)
			return r;
	}
	/* Where the last clone's devices are is no place for the others. */
	if (c->own_netns)
		r = sandbox_join_netns(&c->confinement.sandbox, "", e);
	if (r < 0)
		return r;
	plan_opened(&first->config, first->machine, &c->confinement.plan);
	c->confinement.plan.report_fd = STDERR_FILENO;
	r = confinement_enter(&c->confinement, NULL, e);
	return r == 0 ? machine_map_snapshot(&first->config, &first->restored, &c->ram, e) : r;
}

static int run_clone(void *arg, unsigned n)
{
	struct restore *c = arg;
	struct run *run = &c->run[c->nr_runs > 1 ? n - 1 : 0];
	struct verdict v = {OUTCOME_FAILURE, DETECTOR_VMM, 0};
	uint64_t now = trace_now_ns();
	struct err e = {};
	int r;

	run->ram = c->ram;
	run->clone = n;
	run->clones = c->nr;
	if (c->limit_at_ns)
		run->config.timeout_ns = c->limit_at_ns > now ? c->limit_at_ns - now : 1;
	r = run_forked(run, &c->confinement, &e);
	if (r == 0)
		r = machine_run(run->machine, &v, &e);
	/* The last one has the report. */
	if (each_to_be_replaced(run->each))
		return 0;
	return run_end(run, r, &v, &e);
}

static int run_clones(struct restore *c, unsigned nr, unsigned jobs, struct err *e)
{
	static const struct clones_ops ops = {.open = open_clones, .run = run_clone};
	const struct config *config = &c->run[0].config;
	struct clones_config clones = {
		.nr = nr,
		.jobs = MIN(jobs, nr),
		.ops = &ops,
		.arg = c,
		.config = config,
		.own_bytes = config->prefault ? config->mem_bytes
			: c->run->set         ? working_set_bytes(&c->run->set->set)
					      : 0,
		.limit_at_ns = c->limit_at_ns,
	};
	bool own;
	int r = clones_check(config, nr, &own, e);
	struct run *runs;

	c->nr = nr;
	if (r == 0)
		r = clones_room(&clones, e);
	if (r < 0)
		return err_operator(e, r);
	if (own && nr > 1) {
		runs = realloc(c->run, nr * sizeof(*runs));
		if (!runs)
			return err_sys(e, -ENOMEM, "cannot allocate %u clones", nr);
		c->run = runs;
		c->nr_runs = nr;
		clones.config = &runs[0].config;
	} else if (own) {
		r = clones_name(&c->run[0].config, 1, e);
	}
	return r == 0 ? clones_run(&clones, e) : r;
}

/* --- --each-line: clones, one after another ---------------------------------------------------------------------- */

static int run_first(void *arg)
{
	return run_clone(arg, 1);
}

static int run_each(struct restore *c, struct err *e)
{
	CLEANUP(clones_fds_destroy) struct clones_fds fds = {0};
	struct run *run = &c->run[0];
	int r = open_clones(c, NULL, 0, &fds, e);

	return r == 0 ? each_processes(run->each, &run->config, run_first, c, e) : r;
}

/* --- The command ------------------------------------------------------------------------------------------------- */

static int parse(struct restore *c, int argc, char **argv, struct subset_option *own, struct err *e)
{
	struct run *run = c->run;
	struct restore_words words = {0};
	int r;

	run_version(run->version);
	r = restore_parse(argc, argv, own, &c->line, &words, e);
	if (r == 0 && own[JOBS].given && !own[CLONES].given)
		r = err_set(e, -EINVAL, "--jobs: how many of --clones run at once");
	if (r == 0)
		r = sandbox_standard_fds(e);
	if (r == 0)
		r = open_snapshot(run, words.path, e);
	if (r == 0)
		r = restore_config(run->restored.settings, &c->line, &run->config, e);
	if (r == 0)
		r = command_restore(&run->config, words.command, words.nr, e);
	if (r == 0 && run->config.nr_shares && (own[CLONES].given || config_is_each(&run->config)))
		r = err_set(e, -EINVAL,
			"--%s: not with the --share of the snapshot: guests of one process would share its directory's "
			"position",
			own[CLONES].given ? "clones" : "each-line");
	if (r == 0)
		r = read_word(c, e);
	if (r == 0)
		r = run_set_new(&run->config, &run->restored, !own[CLONES].given && !config_is_each(&run->config),
			&run->set, e);
	return r == 0 ? run_check(run, e) : r;
}

static int run_restored(struct restore *c, const struct subset_option *own, char **argv, uint64_t cpu_before_main)
{
	struct run *run = c->run;
	struct err e = {};
	int status;

	if (!own[CLONES].given && !config_is_each(&run->config))
		return run_machine(run, argv, cpu_before_main);
	if (run->config.timeout_ns)
		c->limit_at_ns = main_entry_ns() + run->config.timeout_ns;
	if (own[CLONES].given)
		status = run_clones(c, (unsigned)own[CLONES].value.n,
			own[JOBS].given ? (unsigned)own[JOBS].value.n : UINT32_MAX, &e);
	else
		status = run_each(c, &e);
	if (status >= 0)
		return status;
	fprintf(stderr, "vmm: %s\n", e.text);
	return err_exit_status(&e);
}

int cmd_restore(int argc, char **argv)
{
	struct subset_option own[] = {RESTORE_OPTIONS(SUBSET_ROW){0}};
	uint64_t cpu_before_main = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
	struct restore c = {
		.argv = argv, .run = malloc(sizeof(*c.run)), .nr_runs = 1, .nr = 1, .confinement = CONFINEMENT_NONE};
	struct err e = {};
	int status = EXIT_USAGE;

	if (!c.run) {
		fprintf(stderr, "vmm: out of memory\n");
		return EXIT_FAILED;
	}
	*c.run = RUN_NONE;
	if (parse(&c, argc, argv, own, &e) < 0)
		fprintf(stderr, "vmm: %s\n", e.text);
	else
		status = run_restored(&c, own, argv, cpu_before_main);
	run_destroy(c.run);
	settings_destroy(&c.line);
	free(c.word);
	free(c.run);
	return status;
}
