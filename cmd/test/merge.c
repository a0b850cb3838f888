// SPDX-License-Identifier: Apache-2.0
/*
 * In order: find the records and open them, open the reports, confine this process, read record by record, write the
 * reports. A record is only read when nothing more will be opened: it has text of guests.
 */
#include "cmd/test/merge.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "cmd/test/memory.h"
#include "cmd/test/progress.h"
#include "cmd/test/record.h"
#include "cmd/test/reports.h"
#include "vmm/base/clock.h"
#include "vmm/base/outcome.h"
#include "vmm/base/path.h"
#include "vmm/base/trace.h"

#define LINE_MAX (128 * MIB) /* a log of 16 MiB, each byte of which takes 6; the first line has 1 MiB */
#define READ_MAX (256 * KIB)

/** struct found - a record's file; owns both */
struct found {
	char *path;
	int fd;
};

/**
 * struct merge - records of one run
 * @best: by the number of the test, NULL: none; @from: the record that it is from
 * @done: by the number of the shard, less one: it has a complete record; @seen: it has one
 * @twice: results that another one took the place of
 */
struct merge {
	const struct test_settings *set;
	struct found *file;
	size_t nr;
	struct record_plan plan;
	struct record_result **best;
	struct origin {
		bool complete;
		int64_t when;
	} * from;
	bool *done;
	bool *seen;
	size_t twice;
	size_t missing;
	int64_t begin_s;
	uint64_t end_ns;
	struct reports reports;
	struct progress progress;
	struct result_test *list;
};

static void merge_destroy(struct merge *m)
{
	for (size_t i = 0; i < m->nr; i++) {
		cleanup_fd(&m->file[i].fd);
		free(m->file[i].path);
	}
	free(m->file);
	for (size_t i = 0; m->best && i < m->plan.nr; i++)
		record_result_free(m->best[i]);
	free(m->best);
	free(m->from);
	free(m->done);
	free(m->seen);
	free(m->list);
	record_plan_destroy(&m->plan);
	reports_close(&m->reports);
}

/* --- Files ----------------------------------------------------------------------------------------------------- */

/* Takes ownership of @path. */
static int add_file(struct merge *m, char *path, struct err *e)
{
	struct found *grown = path ? reallocarray(m->file, m->nr + 1, sizeof(*grown)) : NULL;

	if (!grown) {
		free(path);
		return no_memory(e);
	}
	m->file = grown;
	m->file[m->nr] = (struct found){.path = path, .fd = path_open(path, O_RDONLY | O_NOCTTY, 0)};
	return m->file[m->nr++].fd < 0 ? err_sys(e, -errno, "%s", path) : 0;
}

static int is_record(const struct dirent *d)
{
	size_t n = strlen(d->d_name), end = strlen(RECORD_END);

	return d->d_name[0] != '.' && n > end && !strcmp(d->d_name + n - end, RECORD_END);
}

static int add_dir(struct merge *m, const char *dir, struct err *e)
{
	struct dirent **entry = NULL;
	int nr = scandir(dir, &entry, is_record, alphasort), r = 0;

	if (nr < 0)
		return err_sys(e, -errno, "%s", dir);
	if (!nr)
		fprintf(stderr, "vmm: %s: there is no record (*" RECORD_END ") in it\n", dir);
	for (int i = 0; i < nr; i++) {
		char *path = NULL;

		if (r == 0 && asprintf(&path, "%s/%s", dir, entry[i]->d_name) < 0)
			r = no_memory(e);
		else if (r == 0)
			r = add_file(m, path, e);
		free(entry[i]);
	}
	free(entry);
	return r;
}

static int find_files(struct merge *m, struct err *e)
{
	struct rlimit files;
	struct stat st;
	int r = 0;

	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	if (!m->set->nr_paths)
		return err_set(e, -EINVAL, "--merge: no record: vmm test --merge DIR|FILE...");
	for (size_t i = 0; r == 0 && i < m->set->nr_paths; i++) {
		const char *path = m->set->path[i];

		if (stat(path, &st) < 0)
			return err_sys(e, -errno, "%s", path);
		r = S_ISDIR(st.st_mode) ? add_dir(m, path, e) : add_file(m, strdup(path), e);
	}
	return r == 0 && !m->nr ? err_set(e, -EINVAL, "--merge: there is no record to merge") : r;
}

/* --- One record ------------------------------------------------------------------------------------------------ */

/**
 * struct reading - a record's file while it is read, without stdio, whose calls the filter does not have
 * @text: @size bytes of @room, those before @at are read
 */
struct reading {
	const struct found *file;
	struct record record;
	char *text;
	size_t at;
	size_t size;
	size_t room;
	unsigned long line;
};

/* Return: bytes; 0: the end; a negative errno. */
static ssize_t read_more(struct reading *r)
{
	ssize_t n;

	memmove(r->text, r->text + r->at, r->size - r->at);
	r->size -= r->at;
	r->at = 0;
	if (r->room - r->size < READ_MAX) {
		size_t room = 2 * r->room + 2 * READ_MAX;
		char *grown;

		if (r->size > (r->line ? LINE_MAX : MIB))
			return -EFBIG;
		grown = realloc(r->text, room);
		if (!grown)
			return -ENOMEM;
		r->text = grown;
		r->room = room;
	}
	do
		n = read(r->file->fd, r->text + r->size, READ_MAX - 1);
	while (n < 0 && errno == EINTR);
	r->size += n > 0 ? (size_t)n : 0;
	return n < 0 ? -errno : n;
}

static int take_line(struct reading *r, char *nl, struct err *e)
{
	char *line = r->text + r->at;
	int code;

	*nl = '\0';
	r->at = (size_t)(nl + 1 - r->text);
	r->line++;
	code = record_read_line(&r->record, line, (size_t)(nl - line), e);
	return code < 0 ? err_wrap(e, code, "%s:%lu", r->file->path, r->line) : 0;
}

/* A last line without an end is what a killed run has left of it: it does not count. */
static int read_lines(struct reading *r, struct err *e)
{
	size_t looked = 0;
	int code = 0;

	while (code == 0) {
		char *from = r->text + r->at + looked;
		char *nl = r->size > r->at + looked ? memchr(from, '\n', r->size - r->at - looked) : NULL;
		ssize_t n;

		if (nl) {
			code = take_line(r, nl, e);
			looked = 0;
			continue;
		}
		looked = r->size - r->at;
		n = read_more(r);
		if (n == 0)
			return 0;
		if (n < 0)
			return err_sys(e, (int)n, "%s: cannot read", r->file->path);
	}
	return code;
}

static int make_room(struct merge *m, struct err *e)
{
	if (m->best)
		return 0;
	m->best = calloc(m->plan.nr + 1, sizeof(struct record_result *));
	m->from = calloc(m->plan.nr + 1, sizeof(*m->from));
	m->list = calloc(m->plan.nr + 1, sizeof(*m->list));
	m->done = calloc(m->plan.of, sizeof(*m->done));
	m->seen = calloc(m->plan.of, sizeof(*m->seen));
	return m->best && m->from && m->list && m->done && m->seen ? 0 : no_memory(e);
}

/* Takes the result of test @i out of the record if it is the better one. */
static void choose(struct merge *m, struct record *r, size_t i)
{
	const struct origin from = {.complete = r->ended && r->complete, .when = r->when}, had = m->from[i];

	if (m->best[i]) {
		m->twice++;
		if (from.complete != had.complete ? had.complete : from.when <= had.when)
			return;
	}
	record_result_free(m->best[i]);
	m->best[i] = TAKE_PTR(r->result[i]);
	m->from[i] = from;
}

static void say_cut(const struct reading *r)
{
	const struct record *c = &r->record;

	if (!record_has_plan(c))
		fprintf(stderr, "vmm: %s: it ends before its first result\n", r->file->path);
	else
		fprintf(stderr, "vmm: %s: shard %u of %u ended early: %zu of its %zu tests have a result\n",
			r->file->path, c->shard, c->plan->of, c->nr, c->mine);
}

static int take_record(struct merge *m, struct reading *r, struct err *e)
{
	struct record *c = &r->record;
	int code;

	if (!c->ended || !c->complete)
		say_cut(r);
	if (!record_has_plan(c)) {
		if (c->first)
			record_plan_destroy(&m->plan);
		return 0;
	}
	code = make_room(m, e);
	if (code < 0)
		return code;
	for (size_t i = 0; i < c->tests; i++)
		if (c->result[i])
			choose(m, c, i);
	m->seen[c->shard - 1] = true;
	m->done[c->shard - 1] |= c->ended && c->complete;
	m->begin_s = m->begin_s ? MIN(m->begin_s, c->when) : c->when;
	m->end_ns = MAX(m->end_ns, (uint64_t)c->when * NSEC_PER_SEC + c->took_ns);
	return 0;
}

static int read_record(struct merge *m, const struct found *f, struct err *e)
{
	struct reading r = {.file = f};
	int code;

	record_begin(&r.record, &m->plan);
	code = read_lines(&r, e);
	if (code == 0)
		code = take_record(m, &r, e);
	record_destroy(&r.record);
	free(r.text);
	return code;
}

/* --- The whole ------------------------------------------------------------------------------------------------- */

static void say_missing(struct merge *m)
{
	for (unsigned k = 0; k < m->plan.of; k++) {
		if (m->done[k])
			continue;
		m->missing++;
		fprintf(stderr, "vmm: shard %u of %u is missing: it has no %srecord\n", k + 1, m->plan.of,
			m->seen[k] ? "complete " : "");
	}
}

static void list_results(struct merge *m)
{
	m->progress.nr = m->plan.nr;
	m->progress.begin_ns = trace_now_ns() - (m->end_ns - (uint64_t)m->begin_s * NSEC_PER_SEC);
	for (size_t i = 0; i < m->plan.nr; i++) {
		const struct record_test *t = &m->plan.test[i];

		m->list[i] = m->best[i]
			? m->best[i]->t
			: (struct result_test){.name = t->name,
				  .kernel = t->kernel,
				  .outcome = RESULT_ERROR,
				  .status = EXIT_FAILED,
				  .why = m->seen[t->shard - 1] ? "it has no result: its shard ended early"
							       : "it has no result: its shard has no record"};
		progress_ops.ends(&m->progress, i, &m->list[i]);
	}
}

static int prepare(struct merge *m, struct err *e)
{
	const struct test_settings *set = m->set;
	int r = find_files(m, e);

	if (r == 0)
		r = reports_open(&m->reports, set->junit, set->ktap, set->json, e);
	err_operator(e, r);
	/* It looks whether there is a terminal, which the filter has no call for. */
	progress_init(&m->progress, NULL, 0);
	if (r == 0 && set->confined)
		r = reports_confine(&m->reports, -1, e);
	for (size_t i = 0; r == 0 && i < m->nr; i++)
		r = err_operator(e, read_record(m, &m->file[i], e));
	if (r == 0 && !m->best)
		return err_operator(e, err_set(e, -EINVAL, "--merge: no record has a plan"));
	return r;
}

int test_merge(const struct test_settings *set)
{
	CLEANUP(merge_destroy) struct merge m = {.set = set, .reports = REPORTS_CLOSED};
	struct results all = {.name = "vmm test"};
	struct err e = {};
	int r = prepare(&m, &e);

	if (r == 0) {
		printf("%zu record%s of %u shard%s", m.nr, m.nr == 1 ? "" : "s", m.plan.of, m.plan.of == 1 ? "" : "s");
		if (m.twice)
			printf("; %zu results are in more than one record, and count once", m.twice);
		putchar('\n');
		say_missing(&m);
		list_results(&m);
		all.test = m.list;
		all.nr = m.plan.nr;
		all.complete = !m.missing;
		all.when = m.begin_s;
		all.took_ns = m.end_ns - (uint64_t)m.begin_s * NSEC_PER_SEC;
		r = reports_write(&m.reports, &all, &e);
		progress_summary(&m.progress, 0);
	}
	if (r < 0) {
		fprintf(stderr, "vmm: %s\n", e.text);
		return err_exit_status(&e);
	}
	if (m.missing || m.progress.of[RESULT_ERROR])
		return EXIT_FAILED;
	return m.progress.bad ? EXIT_TEST_FAILED : 0;
}
