// SPDX-License-Identifier: Apache-2.0
#include "cmd/test/progress.h"

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "vmm/base/clock.h"
#include "vmm/base/trace.h"
#include "vmm/console/printable.h"

#define BAR_WIDTH   20
#define REDRAW_NS   (100 * NSEC_PER_MSEC)
#define COLUMNS_MAX 200
#define LINE_MAX    1200

void progress_init(struct progress *p, const struct runner_job *job, size_t nr)
{
	*p = (struct progress){.job = job, .nr = nr, .terminal = isatty(STDOUT_FILENO), .begin_ns = trace_now_ns()};
}

static int columns(void)
{
	struct winsize ws;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &ws) < 0 || !ws.ws_col)
		return 80;
	return MIN((int)ws.ws_col, COLUMNS_MAX);
}

static void erase(struct progress *p)
{
	if (p->drawn)
		fputs("\r\033[K", stdout);
	p->drawn = false;
}

/* Draws the bar, the counts, and the test that has been running longest. */
static void draw(struct progress *p)
{
	char bar[BAR_WIDTH + 1], name[COLUMNS_MAX], line[COLUMNS_MAX + 1];
	size_t full = p->nr ? p->done * BAR_WIDTH / p->nr : 0;
	uint64_t now = trace_now_ns();

	if (!p->terminal || now - p->drawn_ns < REDRAW_NS)
		return;
	p->drawn_ns = now;
	memset(bar, ' ', BAR_WIDTH);
	memset(bar, '=', full);
	bar[BAR_WIDTH] = '\0';
	*name = '\0';
	if (p->nr_running) {
		const char *first = p->job[p->running[0]].name;

		printable_text(name, sizeof(name), first, strlen(first), PRINTABLE_LINE);
	}
	/* Truncated to the width of the terminal. */
	if (snprintf(line, (size_t)columns(), "[%s] %zu/%zu, %zu failed, %zu running: %s", bar, p->done, p->nr, p->bad,
		    p->nr_running, name) < 0)
		return;
	erase(p);
	fputs(line, stdout);
	fflush(stdout);
	p->drawn = true;
}

static void on_begin(void *arg, size_t job)
{
	struct progress *p = arg;

	if (p->nr_running < RUNNER_JOBS_MAX)
		p->running[p->nr_running++] = job;
}

static void no_longer(struct progress *p, size_t job)
{
	for (size_t i = 0; i < p->nr_running; i++) {
		if (p->running[i] != job)
			continue;
		memmove(&p->running[i], &p->running[i + 1], (p->nr_running - i - 1) * sizeof(p->running[0]));
		p->nr_running--;
		return;
	}
}

/* Prints a line for a test: guest text and file names are escaped. */
static void say(const char *word, const struct result_test *t)
{
	char line[LINE_MAX], out[2 * LINE_MAX];

	snprintf(line, sizeof(line), "%s%s%s (%.1f s)%s%s", t->name, *t->kernel ? " on " : "", t->kernel,
		(double)t->took_ns / NSEC_PER_SEC, *t->why ? ": " : "", t->why);
	printable_text(out, sizeof(out), line, strlen(line), PRINTABLE_LINE);
	printf("%s %s\n", word, out);
	if (t->log_path && !t->expected) {
		printable_text(out, sizeof(out), t->log_path, strlen(t->log_path), PRINTABLE_LINE);
		printf("  its output: %s\n", out);
	}
}

static const char *const words[] = {
#define X(id, name, text) #id,
	RESULT_OUTCOMES(X)
#undef X
};

static void on_end(void *arg, size_t job, const struct result_test *t)
{
	struct progress *p = arg;

	no_longer(p, job);
	p->done++;
	p->of[t->outcome]++;
	erase(p);
	if (!t->expected) {
		p->bad++;
		say(t->outcome == RESULT_PASS ? "UNEXPECTED PASS" : words[t->outcome], t);
	} else if (result_is_flaky(t)) {
		p->flaky++;
		say("FLAKY", t);
	}
	fflush(stdout);
}

static void on_tick(void *arg)
{
	draw(arg);
}

const struct runner_ops progress_ops = {.begins = on_begin, .ends = on_end, .tick = on_tick};

void progress_summary(struct progress *p, int signal)
{
	erase(p);
	printf("%zu of %zu tests in %.1f s: %zu as expected, %zu not", p->done, p->nr,
		(double)(trace_now_ns() - p->begin_ns) / NSEC_PER_SEC, p->done - p->bad, p->bad);
	if (p->flaky)
		printf(", %zu flaky", p->flaky);
	fputs("; outcomes:", stdout);
	for (int o = 0; o < RESULT_OUTCOME_COUNT; o++)
		if (p->of[o])
			printf(" %s %zu", result_outcome_name((enum result_outcome)o), p->of[o]);
	putchar('\n');
	if (signal)
		printf("ended by signal %d: %zu tests did not end\n", signal, p->nr - p->done);
	fflush(stdout);
}
