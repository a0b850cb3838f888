// SPDX-License-Identifier: Apache-2.0
/*
 * `vmm report FILE...`: where the time of a run went, or of several, phase by phase.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>

#include "cmd/options/command_info.h"
#include "cmd/options/commands.h"
#include "cmd/report/report.h"
#include "vmm/base/outcome.h"
#include "vmm/host/fileset.h"
#include "vmm/host/outfile.h"

#define WIDTH_DEFAULT 80
#define WIDTH_MIN     60
#define WIDTH_MAX     160

/* Of the terminal; else of $COLUMNS, which who pipes may set. */
static int columns(void)
{
	const char *env = getenv("COLUMNS");
	struct winsize ws;
	int n = WIDTH_DEFAULT;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &ws) == 0 && ws.ws_col)
		n = ws.ws_col;
	else if (env && atoi(env) > 0)
		n = atoi(env);
	return MAX(WIDTH_MIN, MIN(n, WIDTH_MAX));
}

static int draw(const struct run_report *r, size_t nr, const char *path, struct err *e)
{
	CLEANUP(outfile_close) struct outfile f = OUTFILE_CLOSED;
	int code = outfile_open("--svg", path, NULL, &f, e);

	if (code < 0)
		return code;
	outfile_begin(&f);
	return outfile_commit(&f, report_svg(r, nr, f.out), e);
}

static int show(const struct run_report *r, size_t nr, const char *svg, struct err *e)
{
	if (svg)
		return draw(r, nr, svg, e);
	if (nr == 1)
		report_text(r, columns(), stdout);
	else
		report_compare(r, nr, columns(), stdout);
	errno = 0;
	if (fflush(stdout) || ferror(stdout))
		return err_sys(e, errno ? -errno : -EIO, "cannot write to standard output");
	return 0;
}

/* A picture that is one of the reports it shows would destroy it. */
static int check_files(const char *svg, const char **words, size_t nr, struct err *e)
{
	struct fileset s = {0};

	for (size_t i = 0; i < nr; i++)
		fileset_add(&s, "the report", words[i], FILE_READ);
	fileset_add_streams(&s);
	fileset_add(&s, "--svg", svg, FILE_WRITE);
	return fileset_check(&s, e);
}

int cmd_report(int argc, char **argv)
{
	enum { REPORT_OPTIONS(SUBSET_INDEX) };
	struct subset_option subset[] = {REPORT_OPTIONS(SUBSET_ROW){0}};
	CLEANUP_FREE const char **words = calloc((size_t)argc + 1, sizeof(*words));
	struct run_report run[REPORT_RUNS_MAX] = {0};
	struct err e = {};
	size_t nr = 0, read = 0;
	int r;

	r = words ? subset_parse(argc, argv, "report", subset, words, &nr, &e) : err_sys(&e, -ENOMEM, "cannot start");
	if (r == 0 && !nr)
		r = err_set(&e, -EINVAL, "no report given: vmm report FILE... shows what vmm --report FILE wrote");
	if (r == 0 && nr > REPORT_RUNS_MAX)
		r = err_set(&e, -EINVAL, "%zu reports: at most %d can be compared", nr, REPORT_RUNS_MAX);
	if (r == 0)
		r = check_files(subset[SVG].value.text, words, nr, &e);
	err_operator(&e, r);
	for (; r == 0 && read < nr; read++)
		r = err_operator(&e, run_report_read(words[read], &run[read], &e));
	if (r == 0)
		r = show(run, nr, subset[SVG].value.text, &e);
	if (r < 0)
		fprintf(stderr, "vmm: %s\n", e.text);
	for (size_t i = 0; i < nr && i < REPORT_RUNS_MAX; i++)
		run_report_destroy(&run[i]);
	return r < 0 ? err_exit_status(&e) : 0;
}
