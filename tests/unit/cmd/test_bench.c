// SPDX-License-Identifier: Apache-2.0
/* The parts of `vmm bench boot`: ratios, watching a console, splitting a command into words, the runs. */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "cmd/bench/bench.h"
#include "cmd/bench/boot.h"
#include "cmd/bench/launch.h"
#include "cmd/bench/ratio.h"
#include "tests/support/unit.h"
#include "vmm/base/clock.h"
#include "vmm/base/outcome.h"
#include "vmm/base/trace.h"

static void near(double got, double want)
{
	if (fabs(got - want) > 1e-9)
		fail_msg("%.12f, and not %.12f", got, want);
}

/* Against the binomial distribution by hand: 1 - 2 * (C(n,0) + ... + C(n,k-1)) / 2^n. */
static void the_sign_test_is_exact(void **state)
{
	static const struct {
		size_t nr, k;
		double confidence;
	} cases[] = {
		{1, 1, 0},
		{2, 1, 0.5},
		{5, 1, 1 - 2.0 / 32},
		{6, 1, 1 - 2.0 / 64},
		{8, 1, 1 - 2.0 / 256},
		{9, 2, 1 - 2.0 * (1 + 9) / 512},
		{10, 2, 1 - 2.0 * (1 + 10) / 1024},
		{20, 6, 1 - 2.0 * (1 + 20 + 190 + 1140 + 4845 + 15504) / 1048576},
	};
	double a[20], b[20], scratch[20];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct ratio r;

		/* Ratios 1 to nr, in an order that is none. */
		for (size_t n = 0; n < cases[i].nr; n++) {
			b[n] = (double)(n + 3);
			a[n] = b[n] * (double)((n * 7 + 3) % cases[i].nr + 1);
		}
		r = ratio_paired(a, b, scratch, cases[i].nr);
		near(r.lo, (double)cases[i].k);
		near(r.hi, (double)(cases[i].nr + 1 - cases[i].k));
		near(r.value, (double)(cases[i].nr + 1) / 2);
		near(r.confidence, cases[i].confidence);
	}
}

static void many_pairs_do_not_overflow(void **state)
{
	enum { NR = 20000 };
	static double a[NR], b[NR], scratch[NR];
	struct ratio r;

	for (size_t i = 0; i < NR; i++) {
		b[i] = 1;
		a[i] = (double)(i + 1);
	}
	r = ratio_paired(a, b, scratch, NR);
	assert_true(r.confidence >= 0.95 && r.confidence < 0.952);
	/* n/2 - 1.96 * sqrt(n)/2 */
	assert_true(fabs(r.lo - 9861.4) < 3);
	assert_true(fabs(r.hi - 10139.6) < 3);
}

static void the_bootstrap_holds_what_it_should(void **state)
{
	double a[40], b[40], same_a[40], scratch[40];
	struct ratio r, again;

	for (size_t i = 0; i < 40; i++) {
		a[i] = same_a[i] = 110 + (double)(i * 13 % 40) / 4;
		b[i] = 100 + (double)(i * 7 % 40) / 4;
	}
	r = ratio_unpaired(a, 40, b, 40, scratch);
	assert_true(r.lo < r.value && r.value < r.hi);
	assert_true(r.lo > 1.05 && r.hi < 1.15);
	again = ratio_unpaired(same_a, 40, b, 40, scratch);
	near(r.lo, again.lo);
	near(r.hi, again.hi);
	near(r.confidence, 0.95);
	/* One run each: a point, which says nothing of the middle; seven of each are the first that reach 95 %. */
	r = ratio_unpaired((double[]){3}, 1, (double[]){2}, 1, scratch);
	near(r.lo, 1.5);
	near(r.hi, 1.5);
	near(r.confidence, 0);
	near(ratio_unpaired(a, 6, b, 6, scratch).confidence, (1 - 2.0 / 64) * (1 - 2.0 / 64));
	near(ratio_unpaired(a, 7, b, 7, scratch).confidence, 0.95);
}

static void verdicts(void **state)
{
	static const struct {
		struct ratio r;
		double limit;
		enum ratio_verdict want;
	} rows[] = {
		{{1.02, 1.00, 1.04, 0.95}, 1.05, RATIO_WITHIN},
		{{1.02, 1.00, 1.05, 0.95}, 1.05, RATIO_WITHIN},
		{{1.02, 1.00, 1.06, 0.95}, 1.05, RATIO_UNDECIDED},
		{{1.07, 1.05, 1.09, 0.95}, 1.05, RATIO_UNDECIDED},
		{{1.07, 1.04, 1.09, 0.95}, 1.05, RATIO_UNDECIDED},
		{{1.07, 1.06, 1.09, 0.95}, 1.05, RATIO_ABOVE},
		{{7, 6, 8, 0.94}, 1.05, RATIO_UNDECIDED},
		{{0.1, 0.1, 0.1, 0.5}, 1.05, RATIO_UNDECIDED},
		{{1.05, 1.05, 1.05, 0.95}, 1.05, RATIO_WITHIN},
		{{0.5, 0.45, 0.55, 0.96}, 0.4, RATIO_ABOVE},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (ratio_judge(&rows[i].r, rows[i].limit) != rows[i].want)
			fail_msg("row %zu", i);
}

/* --- Made-up sessions ------------------------------------------------------------------------------------------- */

enum { RUNS = 12 };

/* Two sides of made-up runs: ours takes @ratio times as long. */
struct made_up {
	struct bench_session s;
	char *argv[BENCH_SIDES][4];
	double samples[BENCH_SIDES][BENCH_METRICS][RUNS];
};

static void make_up(struct made_up *m, double ratio)
{
	*m = (struct made_up){.s = {.runs = RUNS, .nr_sides = 2, .marker = "up"}};
	for (unsigned i = 0; i < BENCH_SIDES; i++) {
		m->argv[i][0] = (char *)(i ? "/bin/other" : "/bin/vmm");
		m->argv[i][1] = (char *)"--append";
		m->argv[i][2] = (char *)"console=ttyS0 quiet";
		m->s.side[i].argv = m->argv[i];
		m->s.side[i].name = i ? "other" : "vmm";
		m->s.side[i].nr = RUNS;
		for (unsigned k = 0; k < BENCH_METRICS; k++) {
			m->s.side[i].sample[k] = m->samples[i][k];
			for (unsigned n = 0; n < RUNS; n++)
				m->samples[i][k][n] = (i ? 1 : ratio) * (100 + (double)(n * 5 % RUNS));
		}
	}
}

static char *written(void (*write)(const struct bench_session *s, FILE *out), const struct bench_session *s)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	write(s, out);
	fclose(out);
	return text;
}

static void print_all(const struct bench_session *s, FILE *out)
{
	bench_print_commands(s, out);
	bench_print(s, out);
	bench_judge(s, out);
}

static void draw_all(const struct bench_session *s, FILE *out)
{
	bench_draw(out, (void *)s);
}

static void of_two_ratios_the_worse_counts(void **state)
{
	double fast[] = {50, 50, 50, 50, 50, 50, 50}, slow[] = {500, 500, 500, 500, 500, 500, 500}, few[] = {100};
	struct made_up m;

	make_up(&m, 1.2);
	m.s.max_ratio = 1.1;
	assert_int_equal(bench_judge(&m.s, stderr), EXIT_REGRESSION);
	m.s.max_ratio = 1.3;
	assert_int_equal(bench_judge(&m.s, stderr), 0);
	m.s.max_ratio = 1.2;
	m.samples[0][BENCH_MARKER][0] *= 0.5;
	m.samples[0][BENCH_MARKER][1] *= 1.5;
	m.samples[0][BENCH_MARKER][2] *= 0.6;
	m.samples[0][BENCH_MARKER][3] *= 1.6;
	m.samples[0][BENCH_MARKER][4] *= 0.7;
	m.samples[0][BENCH_MARKER][5] *= 1.7;
	m.samples[0][BENCH_MARKER][6] *= 0.8;
	m.samples[0][BENCH_MARKER][7] *= 1.8;
	assert_int_equal(bench_judge(&m.s, stderr), EXIT_UNDECIDED);
	m.s.baseline = fast;
	m.s.nr_baseline = 7;
	assert_int_equal(bench_judge(&m.s, stderr), EXIT_REGRESSION);
	m.s.baseline = slow;
	assert_int_equal(bench_judge(&m.s, stderr), EXIT_UNDECIDED);
	m.s.nr_sides = 1;
	assert_int_equal(bench_judge(&m.s, stderr), 0);
	m.s.baseline = few;
	m.s.nr_baseline = 1;
	assert_int_equal(bench_judge(&m.s, stderr), EXIT_UNDECIDED);
}

static void the_table_names_its_rows(void **state)
{
	struct made_up m;
	char *text;

	make_up(&m, 1.5);
	m.samples[1][BENCH_MARKER][7] = 1000;
	m.s.max_ratio = 1.1;
	text = written(print_all, &m.s);
	assert_non_null(strstr(text, "vmm: /bin/vmm --append 'console=ttyS0 quiet'\nother: /bin/other "));
	/* 12 runs: p90 is known, p99 is not. */
	assert_non_null(
		strstr(text, "  vmm                       150.0    158.2    165.0        -    166.5      9.0\n"));
	assert_non_null(strstr(text,
		"  other                     100.0    105.5    110.0        -   1000.0      6.0\n"
		"    outliers: 1 of 12 above 126.0\n"));
	assert_non_null(strstr(text, "  vmm / other: 1.50, 1.50 to 1.50 with 96.1 % confidence\n"));
	assert_non_null(strstr(text, "to the other command: all of the interval is above --max-ratio 1.1\n"));
	free(text);
}

/* Names of 64 characters, words longer than a line, figures wider than a column, and a phase's longest label. */
static void no_line_is_too_wide(void **state)
{
	static const char *const names[] = {"a-name-that-is-as-long-as-names-may-be-which-is-sixty-four-chars",
		"\u00e9\u00e9\u00e9 and another one that is as long as names may be: sixty-four ch"};
	static char path[300];
	double baseline[] = {1, 2, 3, 4, 5, 6, 7, 8};
	struct made_up m;
	char *text;

	memset(path, 'x', sizeof(path) - 1);
	make_up(&m, 1e14);
	m.s.side[0].name = names[0];
	m.s.side[1].name = names[1];
	m.argv[0][2] = m.argv[1][1] = path;
	m.s.baseline = baseline;
	m.s.nr_baseline = ARRAY_SIZE(baseline);
	m.s.max_ratio = 1.05;
	m.s.side[0].missed = m.s.side[1].missed = 1000000;
	memset(m.s.phases.row[0].label, 'x', sizeof(m.s.phases.row[0].label) - 1);
	m.s.phases.row[0].sample = m.samples[0][0];
	m.s.phases.row[0].nr = RUNS;
	m.s.phases.nr_rows = 1;
	m.s.phases.runs = RUNS;
	text = written(print_all, &m.s);
	assert_non_null(strstr(text, "phase, ms"));
	for (const char *line = text; *line; line += strcspn(line, "\n") + 1) {
		size_t columns = 0;

		for (const char *at = line; *at && *at != '\n'; at++)
			columns += (*at & 0xc0) != 0x80;
		if (columns > 80)
			fail_msg("%zu columns: %.*s", columns, (int)strcspn(line, "\n"), line);
	}
	free(text);
}

static size_t count(const char *text, const char *what)
{
	size_t n = 0;

	for (; (text = strstr(text, what)); text += strlen(what))
		n++;
	return n;
}

/* Runs in order, then a histogram of each side, on one axis; names are text, not markup; the same each time. */
static void the_picture(void **state)
{
	struct made_up m;
	char *text, *again;

	make_up(&m, 1.5);
	m.s.side[0].name = "<new> & \"old\"";
	text = written(draw_all, &m.s);
	assert_int_equal(count(text, "<circle "), 2 * RUNS);
	assert_int_equal(count(text, ">Runs in their order</text>"), 1);
	/* In the legend, and as the title of its histogram. */
	assert_int_equal(count(text, ">&lt;new&gt; &amp; &quot;old&quot;</text>"), 1);
	assert_int_equal(count(text, ">&lt;new&gt; &amp; &quot;old&quot;: distribution of 12 runs</text>"), 1);
	assert_int_equal(count(text, ">other: distribution of 12 runs</text>"), 1);
	assert_null(strstr(text, "<new>"));
	assert_int_equal(count(text, ">samples</text>"), 2);
	/* The slower side's axis begins where that of the faster does. */
	assert_int_equal(count(text, ">100</text>"), 3);
	again = written(draw_all, &m.s);
	assert_string_equal(text, again);
	free(again);
	free(text);
	/* None is an empty sheet. */
	m.s.side[0].nr = m.s.side[1].nr = 0;
	text = written(draw_all, &m.s);
	assert_non_null(strstr(text, "</svg>"));
	assert_null(strstr(text, "<circle "));
	free(text);
}

/* Feeds @text in chunks of @chunk; the k-th byte arrives at time k + 1. */
static bool feed(const char *text, const char *marker, unsigned chunk, struct timing *t)
{
	struct line_watch w = {.marker = marker, .timing = t};
	bool done = false;

	*t = (struct timing){0};
	for (size_t at = 0; text[at] && !done; at += MIN(chunk, strlen(text + at))) {
		w.now = at + 1;
		done = line_watch_feed(&w, text + at, (unsigned)MIN(chunk, strlen(text + at)));
	}
	return done;
}

static void a_marker_is_found_however_it_arrives(void **state)
{
	static const char text[] = "[    0.000000] Linux version 6.1\r\nclock=1.269123456 init-up\n";
	struct timing t;

	for (unsigned chunk = 1; chunk < sizeof(text); chunk++) {
		assert_true(feed(text, "init-up", chunk, &t));
		assert_int_equal(t.first_byte, 1);
		assert_int_equal(t.guest_clock, UINT64_C(1269123456));
		assert_true(t.banner >= 1 && t.banner <= 28 && t.marker >= t.banner);
		assert_string_equal(t.tail, "clock=1.269123456 init-up");
	}
	assert_true(feed(text, "init-up", 1, &t));
	assert_int_equal(t.banner, strlen("[    0.000000] Linux version"));
	assert_int_equal(t.marker, sizeof(text) - 2);
	assert_false(feed(text, "init-down", 7, &t));
	/* Not across lines. */
	assert_false(feed("ini\nt-up\n", "init-up", 3, &t));
}

static void the_clock_of_a_line(void **state)
{
	struct timing t;

	assert_true(feed("[    1.500001] Kernel panic", "panic", 99, &t));
	assert_int_equal(t.guest_clock, 1500001000);
	assert_true(feed("[x] panic", "panic", 99, &t));
	assert_int_equal(t.guest_clock, 0);
	assert_true(feed("clock=12 panic", "panic", 99, &t));
	assert_int_equal(t.guest_clock, 0);
	assert_true(feed("clock=99999999999999999999999999.5 panic", "panic", 99, &t));
}

/* A guest that never ends its line costs no more than the buffer, and its marker is found still. */
static void a_line_without_end(void **state)
{
	struct timing t;
	struct line_watch w = {.marker = "init-up", .timing = &t, .now = 1};

	t = (struct timing){0};
	for (int i = 0; i < 5000; i++)
		assert_false(line_watch_feed(&w, "x\0y", 3));
	assert_true(line_watch_feed(&w, "init-up", 7));
}

static void a_marker_that_comes_often(void **state)
{
	struct timing t = {0};
	struct line_watch w = {.marker = "up", .times = 3, .timing = &t, .now = 1};

	assert_false(line_watch_feed(&w, "[1] up\n[2] up\n", 14));
	assert_int_equal(t.markers, 2);
	assert_int_equal(t.marker, 0);
	assert_true(line_watch_feed(&w, "[3] up\n", 7));
	assert_int_equal(t.markers, 3);
}

static void words_of_a_command(void **state)
{
	CLEANUP_FREE char **w = NULL;
	struct err e = {0};

	assert_int_equal(split_words(" a  'b c' \"d 'e'\" f\\ g '' h\"i\"j ", &w, &e), 0);
	assert_string_equal(w[0], "a");
	assert_string_equal(w[1], "b c");
	assert_string_equal(w[2], "d 'e'");
	assert_string_equal(w[3], "f g");
	assert_string_equal(w[4], "");
	assert_string_equal(w[5], "hij");
	assert_null(w[6]);
	free(TAKE_PTR(w));
	/* The densest there is: the table must hold it. */
	assert_int_equal(split_words("a b c d e f g", &w, &e), 0);
	assert_string_equal(w[6], "g");
	assert_null(w[7]);
	free(TAKE_PTR(w));
	assert_int_equal(split_words("''''", &w, &e), 0);
	assert_string_equal(w[0], "");
	assert_null(w[1]);
	assert_int_equal(split_words("a 'b", NULL, &e), -EINVAL);
	assert_int_equal(split_words(" \t", NULL, &e), -EINVAL);
}

#if !WITH_TSAN
static struct timing run(const char *script, const char *marker, uint64_t timeout_ns)
{
	char *argv[] = {(char *)"/bin/sh", (char *)"-c", (char *)script, NULL};
	CLEANUP_FD int err_fd = memfd_create("err", MFD_CLOEXEC);
	struct launch l = {.argv = argv,
		.marker = marker,
		.end_signal = SIGKILL,
		.timeout_ns = timeout_ns,
		.wake_fd = -1,
		.err_fd = err_fd};
	struct timing t;

	assert_int_equal(launch_run(&l, &t, NULL), 0);
	return t;
}

static void runs_end_as_they_should(void **state)
{
	struct timing t;

	t = run("echo hi; sleep 0.2; echo mark; sleep 100", "mark", 20 * NSEC_PER_SEC);
	assert_int_equal(t.end, LAUNCH_MARKER);
	assert_true(t.first_byte && t.first_byte < t.marker && t.marker >= NSEC_PER_SEC / 5 &&
		t.marker < 20 * NSEC_PER_SEC);
	assert_true(t.cpu > 0 && t.rss_bytes > 0);
	assert_int_equal(run("echo mark >&2; sleep 100", "mark", 20 * NSEC_PER_SEC).end, LAUNCH_MARKER);
	t = run("echo no; exit 7", "mark", 20 * NSEC_PER_SEC);
	assert_int_equal(t.end, LAUNCH_ENDED);
	assert_int_equal(WEXITSTATUS(t.status), 7);
	assert_string_equal(t.tail, "no");
	t = run("sleep 0.1; exit 3", NULL, 20 * NSEC_PER_SEC);
	assert_int_equal(t.end, LAUNCH_MARKER);
	assert_true(t.marker >= NSEC_PER_SEC / 10);
	assert_int_equal(run("sleep 100", "mark", NSEC_PER_SEC / 5).end, LAUNCH_TIMEOUT);
}

struct heard {
	char text[64];
	size_t used;
	unsigned there;
};

static void hear(void *arg, const char *data, size_t n)
{
	struct heard *h = arg;

	memcpy(h->text + h->used, data, n);
	h->used += n;
}

static void be_there(void *arg)
{
	((struct heard *)arg)->there++;
}

/* It reads what is typed; the first byte of the answer ends it, or its time, in order. */
static void what_is_typed_is_answered(void **state)
{
	char *argv[] = {(char *)"/bin/sh", (char *)"-c", (char *)"read x; echo \"<$x>\"; read y", NULL};
	struct heard h = {.used = 0};
	struct launch l = {.argv = argv,
		.first_byte = true,
		.out = hear,
		.there = be_there,
		.arg = &h,
		.end_signal = SIGQUIT,
		.timeout_ns = 20 * NSEC_PER_SEC,
		.wake_fd = -1,
		.err_fd = -1};
	struct timing t;
	int in[2];

	/* A shell starts what is in its background with it ignored. */
	signal(SIGQUIT, SIG_DFL);
	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	assert_int_equal(write(in[1], "abc\n", 4), 4);
	l.in_fd = in[0];
	assert_int_equal(launch_run(&l, &t, NULL), 0);
	assert_int_equal(t.end, LAUNCH_MARKER);
	assert_true(t.first_byte > 0 && !t.marker);
	assert_string_equal(h.text, "<abc>\n");
	assert_int_equal(h.there, 1);
	assert_true(WIFSIGNALED(t.status) && WTERMSIG(t.status) == SIGQUIT);
	l.timeout_ns = 2 * NSEC_PER_SEC;
	l.waits = true;
	assert_int_equal(launch_run(&l, &t, NULL), 0);
	assert_int_equal(t.end, LAUNCH_TIMEOUT);
	assert_int_equal(h.there, 2);
	assert_true(WIFSIGNALED(t.status) && WTERMSIG(t.status) == SIGQUIT);
	close(in[0]);
	close(in[1]);
}

/* What the command started goes with it. */
static void nothing_is_left_behind(void **state)
{
	struct timing t = run("sleep 1000 & echo clock=$!.0 mark; wait", "mark", 20 * NSEC_PER_SEC);
	pid_t pid = (pid_t)(t.guest_clock / NSEC_PER_SEC);

	assert_true(pid > 1);
	/* Its new parent may take a moment to reap it; a zombie is gone enough. */
	for (int i = 0; i < 1000; i++) {
		char path[64], text[256] = "";
		CLEANUP_FD int fd = -1;

		snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0 || read(fd, text, sizeof(text) - 1) <= 0 || strstr(text, ") Z"))
			return;
		usleep(10000);
	}
	fail_msg("process %d is alive", (int)pid);
}

/* The command learns when its exec was, and that is before anything it does itself. */
static void exec_is_handed_in(void **state)
{
	uint64_t before = trace_now_ns();
	struct timing t = run("echo \"exec $VMM_EXEC_NS mark\"", "mark", 20 * NSEC_PER_SEC);
	unsigned long long exec_ns;

	assert_int_equal(sscanf(t.tail, "exec %llu mark", &exec_ns), 1);
	assert_true(exec_ns > before && exec_ns < trace_now_ns());
}

static void a_program_that_cannot_run(void **state)
{
	char *argv[] = {(char *)"/nonexistent", NULL};
	struct launch l = {.argv = argv, .timeout_ns = NSEC_PER_SEC, .wake_fd = -1, .err_fd = -1};
	struct timing t;
	struct err e = {0};

	assert_int_equal(launch_run(&l, &t, &e), -ENOENT);
	assert_non_null(strstr(e.text, "/nonexistent"));
}
#endif

static int baseline(const char *text, double **ret, size_t *nr, struct err *e)
{
	CLEANUP_FD int fd = memfd_create("baseline", MFD_CLOEXEC);
	char path[64];

	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return bench_baseline_read(path, &(struct bench_baseline){"boot", "ours", "vmm", "marker_ms"}, ret, nr, e);
}

static void baselines(void **state)
{
	static const char *const bad[] = {
		"",
		"{}",
		"{\"schema\": \"vmm-bench-boot-2\", \"vmm\": {\"marker_ms\": [1]}}",
		"{\"schema\": \"vmm-bench-boot-1\", \"vmm\": {\"marker_ms\": []}}",
		"{\"schema\": \"vmm-bench-boot-1\", \"vmm\": {\"marker_ms\": [1, -2]}}",
		"{\"schema\": \"vmm-bench-boot-1\", \"vmm\": {\"marker_ms\": [1, nan]}}",
		"{\"schema\": \"vmm-bench-boot-1\", \"vmm\": {\"marker_ms\": [1, 2",
		"{\"schema\": \"vmm-bench-boot-1\", \"vmm\": {\"marker_ms\": 1}}",
		"{\"schema\": \"vmm-bench-boot-1\", \"vmm\": {}}",
		"{\"schema\": \"vmm-bench\", \"bench\": \"exits\", \"ours\": {\"marker_ms\": [1]}}",
		"{\"schema\": \"vmm-bench\", \"ours\": {\"marker_ms\": [1]}}",
		"{\"schema\": \"vmm-bench\", \"bench\": \"boot\", \"vmm\": {\"marker_ms\": [1]}}",
	};
	CLEANUP_FREE double *s = NULL;
	size_t nr = 0;

	/* As another program would write it. */
	assert_int_equal(baseline("{\"schema\":\"vmm-bench-boot-1\",\"vmm\":{\"command\":[\"marker_ms\"],\n"
				  "\"marker_ms\" :[ 1.5,2e1 ]},\"versus\":{\"marker_ms\":[9]}}",
				 &s, &nr, NULL),
		0);
	assert_int_equal(nr, 2);
	near(s[0], 1.5);
	near(s[1], 20);
	free(TAKE_PTR(s));
	assert_int_equal(
		baseline("{\"schema\": \"vmm-bench\", \"version\": 1, \"bench\": \"boot\", \"vmm\": {\"version\": "
			 "\"1\"}, "
			 "\"ours\": {\"name\": \"ours\", \"marker_ms\": [3]}, \"versus\": {\"marker_ms\": [9]}}",
			&s, &nr, NULL),
		0);
	assert_int_equal(nr, 1);
	near(s[0], 3);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct err e = {0};

		assert_true(baseline(bad[i], NULL, NULL, &e) < 0);
		assert_true(*e.text);
	}
}

#define PHASE                                                                                                          \
	"\"phases\": [{\"group\": \"setup\", \"name\": \"a\", \"label\": \"first\", \"start_ns\": 0, \"wall_ns\": "    \
	"2000000}]"

static void add_report(struct bench_phases *p, const char *rest)
{
	CLEANUP_FD int fd = open(p->path, O_WRONLY | O_TRUNC | O_CLOEXEC);
	struct err e = {0};

	assert_true(fd >= 0 && dprintf(fd, "{\"schema\": \"vmm-report\", \"version\": 1%s}", rest) > 0);
	assert_int_equal(bench_phases_add(p, &e), 0);
}

static char *phases_text(const struct bench_phases *p)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	bench_phases_print(p, out);
	fclose(out);
	return text;
}

/* A run that ended before its guest started has no phases of a start: no rows of zeroes are printed for them. */
static void phases_are_those_of_the_reports(void **state)
{
	struct bench_phases p = {0};
	struct err e = {0};
	char *text;

	assert_int_equal(bench_phases_init(&p, 2, &e), 0);
	add_report(&p, ", " PHASE);
	text = phases_text(&p);
	assert_non_null(strstr(text, " first                       2.00     2.00        -        -     2.00"));
	assert_null(strstr(text, "main to KVM_RUN"));
	free(text);
	/* What not every run had is no row. */
	add_report(
		&p, ", \"startup\": {\"total_ns\": 5000000, \"own_ns\": 3000000, \"kvm_ioctl_ns\": 2000000}, " PHASE);
	text = phases_text(&p);
	assert_null(strstr(text, "main to KVM_RUN"));
	free(text);
	bench_phases_destroy(&p);
	p = (struct bench_phases){0};
	assert_int_equal(bench_phases_init(&p, 1, &e), 0);
	add_report(
		&p, ", \"startup\": {\"total_ns\": 5000000, \"own_ns\": 3000000, \"kvm_ioctl_ns\": 2000000}, " PHASE);
	text = phases_text(&p);
	assert_non_null(strstr(text, " main to KVM_RUN             5.00     5.00"));
	assert_non_null(strstr(text, "   our own time              3.00     3.00"));
	assert_non_null(strstr(text, "   in KVM's ioctls           2.00     2.00"));
	assert_null(strstr(text, "exec to main"));
	free(text);
	bench_phases_destroy(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_sign_test_is_exact),
		cmocka_unit_test(many_pairs_do_not_overflow),
		cmocka_unit_test(the_bootstrap_holds_what_it_should),
		cmocka_unit_test(verdicts),
		cmocka_unit_test(of_two_ratios_the_worse_counts),
		cmocka_unit_test(the_table_names_its_rows),
		cmocka_unit_test(no_line_is_too_wide),
		cmocka_unit_test(the_picture),
		cmocka_unit_test(a_marker_is_found_however_it_arrives),
		cmocka_unit_test(the_clock_of_a_line),
		cmocka_unit_test(a_line_without_end),
		cmocka_unit_test(a_marker_that_comes_often),
		cmocka_unit_test(words_of_a_command),
		cmocka_unit_test(baselines),
		cmocka_unit_test(phases_are_those_of_the_reports),
#if !WITH_TSAN /* which takes clone(CLONE_VM) for a fork; there are no threads here */
		cmocka_unit_test(runs_end_as_they_should),
		cmocka_unit_test(what_is_typed_is_answered),
		cmocka_unit_test(nothing_is_left_behind),
		cmocka_unit_test(exec_is_handed_in),
		cmocka_unit_test(a_program_that_cannot_run),
#endif
	};

	return run_group(tests);
}
