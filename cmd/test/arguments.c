// SPDX-License-Identifier: Apache-2.0
#include "cmd/test/arguments.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>

#include "cmd/test/memory.h"
#include "vmm/base/clock.h"
#include "vmm/base/util.h"

/* A kernel prints its warnings, and few lines else: each byte of a serial port is an exit. */
#define COMMAND_APPEND "quiet loglevel=5"
#define DEBUG_SHELL    "/bin/sh" /* in place of a command */

/* --- Paths ----------------------------------------------------------------------------------------------------- */

static int find(const char *option, const char *path, char **ret, struct err *e)
{
	*ret = realpath(path, NULL);
	return *ret ? 0 : err_sys(e, -errno, "--%s %s", option, path);
}

static int check_shares(const struct test_machine *m, struct err *e)
{
	for (size_t i = 0; i < m->nr_shares; i++) {
		const char *path = m->share[i];

		if (!strncmp(path, "path=", 5))
			path += 5;
		if (*path != '/')
			return err_set(e, -EINVAL,
				"--share %s: its path has to be absolute, as tests run in "
				"directories of their own",
				m->share[i]);
	}
	return 0;
}

/* Each test makes its directory below. */
static int make_out(const char *path, char **ret, struct err *e)
{
	struct stat st;

	if (mkdir(path, 0777) < 0 && errno != EEXIST)
		return err_sys(e, -errno, "--out %s", path);
	if (stat(path, &st) == 0 && !S_ISDIR(st.st_mode))
		return err_sys(e, -ENOTDIR, "--out %s", path);
	return find("out", path, ret, e);
}

int test_paths_find(const struct test_settings *set, struct test_paths *ret, struct err *e)
{
	const struct test_machine *m = &set->machine;
	int r = check_shares(m, e);

	if (r == 0 && m->nr_modules && m->nr_modules != set->nr_kernels)
		return err_set(e, -EINVAL, "--modules: given %zu times, and there are %zu kernels: one for each",
			m->nr_modules, set->nr_kernels);
	ret->modules = calloc(m->nr_modules + 1, sizeof(*ret->modules));
	if (!ret->modules)
		return no_memory(e);
	if (r == 0 && m->out)
		r = make_out(m->out, &ret->out, e);
	if (r == 0 && m->root)
		r = find("root", m->root, &ret->root, e);
	for (; r == 0 && ret->nr_modules < m->nr_modules; ret->nr_modules++)
		r = find("modules", m->modules[ret->nr_modules], &ret->modules[ret->nr_modules], e);
	return r;
}

void test_paths_destroy(struct test_paths *p)
{
	free(p->root);
	free(p->out);
	for (size_t i = 0; p->modules && i < p->nr_modules; i++)
		free(p->modules[i]);
	free(p->modules);
	*p = (struct test_paths){0};
}

/* --- Arguments ------------------------------------------------------------------------------------------------- */

/** struct words - @nr of them, with room for @room; @failed: there was no memory for one */
struct words {
	char **word;
	size_t nr;
	size_t room;
	bool failed;
};

static __attribute__((format(printf, 2, 3))) void add(struct words *w, const char *format, ...)
{
	char *text = NULL;
	va_list ap;

	if (w->failed)
		return;
	va_start(ap, format);
	/* After a failure the pointer is undefined. */
	w->failed = w->nr + 1 == w->room || vasprintf(&text, format, ap) < 0;
	va_end(ap);
	if (!w->failed)
		w->word[w->nr++] = text;
}

/* What a machine has of the whole run: its own settings come behind, and are not here. */
static void add_machine(struct words *w, const struct test_case *t, const struct test_machine *m)
{
	if (t->nr_words)
		add(w, "--append=" COMMAND_APPEND);
	for (size_t i = 0; i < m->nr_appends; i++)
		add(w, "--append=%s", m->append[i]);
	if (m->mem_bytes && !test_case_sets(t, "mem"))
		add(w, "--mem=%llu", (unsigned long long)m->mem_bytes);
	if (m->cpus && !test_case_sets(t, "cpus"))
		add(w, "--cpus=%llu", (unsigned long long)m->cpus);
}

static void add_command(struct words *w, const struct test_case *t, const struct test_settings *set,
	const struct test_paths *paths, size_t kernel, const char *out)
{
	const struct test_machine *m = &set->machine;

	if (!test_case_sets(t, "root"))
		add(w, "--root=%s", paths->root);
	if (m->as_root && !test_case_sets(t, "as"))
		add(w, "--as=root");
	if (kernel < paths->nr_modules && !test_case_sets(t, "modules"))
		add(w, "--modules=%s", paths->modules[kernel]);
	if (paths->out && !test_case_sets(t, "out"))
		add(w, "--out=%s/%s", paths->out, out);
	for (size_t i = 0; i < m->nr_shares; i++)
		add(w, "--share=%s", m->share[i]);
	if (set->debug)
		return;
	add(w, "--console=file=/dev/fd/%d", LAUNCH_CONSOLE_FD);
	add(w, "--report=/dev/fd/%d", LAUNCH_REPORT_FD);
}

static int check_command(const struct test_case *t, const struct test_paths *paths, struct err *e)
{
	static const char *const ours[] = {"console", "report"};

	if (!paths->root && !test_case_sets(t, "root"))
		return err_set(e, -EINVAL, "%s: no root for its command; --root / has the host's files", t->name);
	for (size_t i = 0; i < ARRAY_SIZE(ours); i++)
		if (test_case_sets(t, ours[i]))
			return err_set(e, -EINVAL, "%s: %s is set by `vmm test` for a command", t->name, ours[i]);
	return 0;
}

int test_arguments(const struct test_case *t, const struct test_settings *set, const struct test_paths *paths,
	const char *kernel, size_t nr, const char *out, struct launch_spec *ret, struct err *e)
{
	const struct test_machine *m = &set->machine;
	size_t room = t->nr_args + t->nr_words + m->nr_appends + m->nr_shares + 16;
	struct words w = {.word = calloc(room, sizeof(*w.word)), .room = room};
	int r = t->nr_words ? check_command(t, paths, e) : 0;

	*ret = (struct launch_spec){.argv = w.word, .dir = t->dir};
	if (!w.word)
		return no_memory(e);
	add(&w, "%s", set->vmm);
	add(&w, "%s", t->arg[0]);
	if (t->machine)
		add_machine(&w, t, m);
	for (size_t i = 1; i < t->nr_args; i++)
		if (!set->debug || strncmp(t->arg[i], "--timeout=", 10))
			add(&w, "%s", t->arg[i]);
	if (test_case_is_quiet(t))
		add(&w, "--append=loglevel=5");
	if (kernel)
		add(&w, "--kernel=%s", kernel);
	if (!t->timeout_ns && !set->debug)
		add(&w, "--timeout=%llums", (unsigned long long)(set->timeout_ns / NSEC_PER_MSEC));
	if (set->sandbox)
		add(&w, "--sandbox=%s", set->sandbox);
	if (t->nr_words) {
		add_command(&w, t, set, paths, nr, out);
		add(&w, "--");
	}
	if (t->nr_words && set->debug)
		add(&w, DEBUG_SHELL);
	for (size_t i = 0; i < t->nr_words && !set->debug; i++)
		add(&w, "%s", t->word[i]);
	return r < 0 ? r : w.failed ? no_memory(e) : 0;
}

void test_arguments_destroy(struct launch_spec *s)
{
	for (size_t i = 0; s->argv && s->argv[i]; i++)
		free(s->argv[i]);
	free(s->argv);
}
