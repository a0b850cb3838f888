// SPDX-License-Identifier: Apache-2.0
/*
 * Of `vmm bench clone`: many clones at once, and resets of the guest of the snapshot.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmd/bench/clone.h"
#include "cmd/report/report.h"
#include "vmm/base/units.h"

/* How long a guest without a marker may take to be there. */
#define SETTLE_NS   (2 * NSEC_PER_SEC)
#define SETTLE_EACH (20 * NSEC_PER_MSEC)
#define END_MS      60000
#define LINE_BYTES  4096 /* of an answer, more of its output than a benchmark has */

static const unsigned sizes[CLONE_ROWS] = {1, 10, 100, 1000};

/* --- Clones ------------------------------------------------------------------------------------------------------- */

/* The last line that it said on standard error, which names the limit that it met. */
static void read_limit(int fd, char ret[static ERR_TEXT_MAX])
{
	char text[ERR_TEXT_MAX], *line;
	off_t size = lseek(fd, 0, SEEK_END);
	ssize_t n = pread(fd, text, sizeof(text) - 1, MAX(size - (off_t)sizeof(text) + 1, 0));

	while (n > 0 && text[n - 1] == '\n')
		n--;
	text[MAX(n, 0)] = '\0';
	line = strrchr(text, '\n');
	line = line ? line + 1 : text;
	if (!strncmp(line, "vmm: ", 5))
		line += 5;
	snprintf(ret, ERR_TEXT_MAX, "%s", *line ? line : "they ended and said nothing");
}

/* Of the host, without what it can give up; 0: not known. */
static double available_kib(void)
{
	CLEANUP_FCLOSE FILE *f = fopen("/proc/meminfo", "re");
	unsigned long long kib = 0;
	char line[128];

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "MemAvailable: %llu", &kib) == 1)
			break;
	return (double)kib;
}

static void look_at_host(void *arg)
{
	double *kib = arg;

	*kib = available_kib();
}

static int run_clones(struct clone_session *s, struct clone_row *row, const char *report, struct timing *t,
	double *ret_kib, struct err *e)
{
	char number[16];
	const char *const more[] = {"--clones", number, report ? "--report" : NULL, report, NULL};
	CLEANUP_FREE char **argv = clone_command(s, more);
	const struct launch l = {
		.argv = argv,
		.marker = s->marker ? s->marker : "\x01 nobody prints this",
		.times = row->clones,
		.there = look_at_host,
		.arg = ret_kib,
		.end_signal = SIGQUIT,
		.timeout_ns = s->marker ? s->timeout_ns : SETTLE_NS + row->clones * SETTLE_EACH,
		.grace_ms = END_MS,
		.waits = true,
		.wake_fd = -1,
		.err_fd = s->err_fd,
	};

	snprintf(number, sizeof(number), "%u", row->clones);
	if (ftruncate(s->err_fd, 0) < 0 || lseek(s->err_fd, 0, SEEK_SET) < 0 || !argv)
		return err_sys(e, -ENOMEM, "cannot set up");
	*t = (struct timing){0};
	return launch_run(&l, t, e);
}

/* When the clone of this report had its first KVM_RUN, in ms; 0: never. */
static double read_first_run(const char *path)
{
	struct run_report report = {0};
	const struct json_doc *d = &report.doc;
	struct err e = {};
	double ms;

	if (run_report_read(path, &report, &e) < 0)
		return 0;
	ms = (double)json_count(json_get(d, json_get(d, d->node, "startup"), "total_ns")) / 1e6;
	run_report_destroy(&report);
	return ms;
}

/* The reports, which go. */
static int read_reports(struct clone_session *s, struct clone_row *row, struct err *e)
{
	CLEANUP_FREE double *ms = calloc(row->clones, sizeof(*ms));
	size_t nr = 0;

	if (!ms)
		return err_sys(e, -ENOMEM, "cannot read reports");
	for (unsigned n = 1; n <= row->clones; n++) {
		char path[sizeof(s->report) + 16];

		snprintf(path, sizeof(path), "%s-%u", s->report, n);
		ms[nr] = read_first_run(path);
		nr += ms[nr] > 0;
		unlink(path);
	}
	row->first_run = stats_of(ms, nr);
	return 0;
}

/* First without reports, which take time and descriptors; then, when they are not too many, with one each. */
static int measure_row(struct clone_session *s, struct clone_row *row, struct err *e)
{
	char pattern[sizeof(s->report) + 4];
	double before = available_kib(), there = 0;
	struct timing t;
	int r = run_clones(s, row, NULL, &t, &there, e);

	if (r < 0)
		return r;
	row->alive = s->marker ? t.markers : t.end == LAUNCH_TIMEOUT ? row->clones : 0;
	row->all_ms = (double)t.marker / 1e6;
	row->host_kib = there > 0 && before > there ? (before - there) / row->clones : 0;
	if (t.end == LAUNCH_ENDED)
		read_limit(s->err_fd, row->limit);
	else if (s->marker && t.end == LAUNCH_TIMEOUT)
		snprintf(row->limit, sizeof(row->limit), "--timeout: %u of %u had answered", t.markers, row->clones);
	if (row->limit[0] || row->clones > CLONE_REPORTS)
		return 0;
	snprintf(pattern, sizeof(pattern), "%s-%%n", s->report);
	r = run_clones(s, row, pattern, &t, &there, e);
	return r < 0 ? r : read_reports(s, row, e);
}

int clone_measure_rows(struct clone_session *s, struct err *e)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < CLONE_ROWS && sizes[i] <= s->clones; i++) {
		struct clone_row *row = &s->row[s->nr_rows++];

		row->clones = sizes[i];
		r = measure_row(s, row, e);
		if (r == 0)
			clone_print_row(s, i);
		if (row->limit[0])
			break;
	}
	return r;
}

/* --- Resets, by --each-line --------------------------------------------------------------------------------------- */

/**
 * struct answers - of all rounds
 * @text: what came, @used bytes of @room; owned
 * @reset, @guest, @pages: of line i in round k at i * rounds + k; one allocation, owned
 */
struct answers {
	char *text;
	size_t used, room;
	double *reset, *guest, *pages;
};

static void answers_destroy(struct answers *a)
{
	free(a->text);
	free(a->reset);
}

static void take_answer(void *arg, const char *data, size_t n)
{
	struct answers *a = arg;

	n = MIN(n, a->room - a->used);
	memcpy(a->text + a->used, data, n);
	a->used += n;
}

static int read_lines(struct clone_session *s, struct err *e)
{
	CLEANUP_FCLOSE FILE *f = fopen(s->lines, "re");
	char line[CLONE_LINE_MAX];

	if (!f)
		return err_operator(e, err_sys(e, -errno, "--lines %.200s", s->lines));
	while (fgets(line, sizeof(line), f)) {
		size_t len = strcspn(line, "\n");

		if (s->nr_lines == CLONE_LINES_MAX || len == sizeof(line) - 1)
			return err_operator(e,
				err_set(e, -EINVAL, "--lines %.200s: more than %d lines, or %d bytes in one", s->lines,
					CLONE_LINES_MAX, CLONE_LINE_MAX - 2));
		memcpy(s->line[s->nr_lines].text, line, len);
		s->line[s->nr_lines++].text[len] = '\0';
	}
	return s->nr_lines ? 0 : err_operator(e, err_set(e, -EINVAL, "--lines %.200s: it has none", s->lines));
}

/* The lines in turn, as often as there are rounds. */
static int write_lines(const struct clone_session *s, int fd)
{
	for (unsigned k = 0; k < s->rounds; k++)
		for (size_t i = 0; i < s->nr_lines; i++)
			if (dprintf(fd, "%s\n", s->line[i].text) < 0)
				return -errno;
	return lseek(fd, 0, SEEK_SET) < 0 ? -errno : 0;
}

static int one_answer(struct clone_session *s, struct answers *a, char *line, size_t at, struct err *e)
{
	struct json_doc d = {0};
	int r = json_read(line, strlen(line), &d, e);

	if (r < 0)
		return r;
	if (json_count(json_get(&d, d.node, "status")))
		r = err_set(
			e, -EIO, "the guest of line '%s' ended, and did not set a mark", s->line[at / s->rounds].text);
	a->reset[at] = (double)json_count(json_get(&d, d.node, "reset_ns")) / 1e3;
	a->guest[at] = (double)json_count(json_get(&d, d.node, "ns")) / 1e3;
	a->pages[at] = (double)json_count(json_get(&d, d.node, "pages"));
	json_doc_destroy(&d);
	return r;
}

static int sum_up(struct clone_session *s, struct answers *a, struct err *e)
{
	char *rest = NULL, *line;
	size_t got = 0, all = s->nr_lines * s->rounds;
	int r = 0;

	a->text[a->used] = '\0';
	line = strtok_r(a->text, "\n", &rest);
	for (; r == 0 && line && got < all; line = strtok_r(NULL, "\n", &rest), got++)
		r = one_answer(s, a, line, got % s->nr_lines * s->rounds + got / s->nr_lines, e);
	if (r == 0 && got < all)
		r = err_set(e, -EIO, "%zu answers came to %zu lines", got, all);
	for (size_t i = 0; r == 0 && i < s->nr_lines; i++) {
		s->line[i].reset = stats_of(a->reset + i * s->rounds, s->rounds);
		s->line[i].guest = stats_of(a->guest + i * s->rounds, s->rounds);
		s->line[i].pages = stats_of(a->pages + i * s->rounds, s->rounds);
	}
	return r;
}

static int answers_init(const struct clone_session *s, struct answers *a, struct err *e)
{
	size_t all = s->nr_lines * s->rounds;

	a->room = all * LINE_BYTES;
	a->text = malloc(a->room + 1);
	a->reset = calloc(3 * all, sizeof(*a->reset));
	a->guest = a->reset + all;
	a->pages = a->guest + all;
	return a->text && a->reset ? 0 : err_sys(e, -ENOMEM, "cannot keep %zu answers", all);
}

int clone_measure_lines(struct clone_session *s, struct err *e)
{
	static const char *const more[] = {"--each-line=json", NULL};
	CLEANUP_FREE char **argv = clone_command(s, more);
	CLEANUP_FD int in = memfd_create("lines", MFD_CLOEXEC);
	CLEANUP(answers_destroy) struct answers a = {0};
	const struct launch l = {.argv = argv,
		.in_fd = in,
		.out = take_answer,
		.arg = &a,
		.timeout_ns = s->timeout_ns,
		.wake_fd = -1,
		.err_fd = s->err_fd};
	struct timing t = {0};
	int r = read_lines(s, e);

	if (r == 0)
		r = answers_init(s, &a, e);
	if (r == 0 && (!argv || in < 0 || write_lines(s, in) < 0 || ftruncate(s->err_fd, 0) < 0))
		r = err_sys(e, -ENOMEM, "cannot set up");
	if (r == 0)
		r = launch_run(&l, &t, e);
	if (r < 0)
		return r;
	r = sum_up(s, &a, e);
	if (r < 0)
		launch_quote(s->err_fd);
	else
		clone_print_lines(s);
	return r < 0 ? err_operator(e, err_wrap(e, r, "--lines")) : 0;
}
