// SPDX-License-Identifier: Apache-2.0
/*
 * `vmm bench exits`, checking its own measurements: a row that took another path is an error, unless KVM is software.
 * The rows are made up, so it needs no /dev/kvm.
 */
#include <fcntl.h>
#include <limits.h>
#include <string.h>

#include "cmd/bench/bench.h"
#include "tests/support/unit.h"
#include "tests/unit/cmd/captured.h"
#include "vmm/base/jsonread.h"
#include "vmm/base/outcome.h"
#include "vmm/base/util.h"
#include "vmm/bench/exit_costs.h"

static bool hardware;
static bool wide;
static bool forgotten;   /* a message has been discarded */
static unsigned odd_row; /* measured on another path; past the last: none is */
static enum exit_costs_state odd_state;

const char *__wrap_kvm_hardware(void);
int __wrap_kvm_open(const char *path, struct kvm *ret, struct err *e);
void __wrap_kvm_close(struct kvm *kvm);
int __wrap_exit_costs_open(struct kvm *kvm, struct exit_costs **ret, struct err *e);
void __wrap_exit_costs_close(struct exit_costs *x);
unsigned __wrap_exit_costs_khz(const struct exit_costs *x);
int __wrap_exit_costs_measure(struct exit_costs *x, unsigned row, unsigned warmup, unsigned iterations,
	struct exit_costs_row *ret, struct err *e);
int __wrap_mlockall(int flags);

const char *__wrap_kvm_hardware(void)
{
	return hardware ? "AMD SVM" : NULL;
}

int __wrap_kvm_open(const char *path, struct kvm *ret, struct err *e)
{
	return 0;
}

void __wrap_kvm_close(struct kvm *kvm)
{
}

int __wrap_exit_costs_open(struct kvm *kvm, struct exit_costs **ret, struct err *e)
{
	*ret = NULL;
	return 0;
}

void __wrap_exit_costs_close(struct exit_costs *x)
{
}

unsigned __wrap_exit_costs_khz(const struct exit_costs *x)
{
	return 2000000;
}

int __wrap_exit_costs_measure(struct exit_costs *x, unsigned row, unsigned warmup, unsigned iterations,
	struct exit_costs_row *ret, struct err *e)
{
	double cycles[] = {1000, 2000, wide ? 3e14 : 4000};

	*ret = (struct exit_costs_row){.name = wide ? "MMIO store" : "OUT",
		.clock = wide ? "LFENCE, RDTSC" : "RDTSCP",
		.from = wide ? EXIT_COSTS_SYSCALL : EXIT_COSTS_RING3,
		.answer = EXIT_COSTS_VMM,
		.cycles = stats_of(cycles, ARRAY_SIZE(cycles)),
		.histogram = histogram_of(cycles, ARRAY_SIZE(cycles), 4),
		.kvm_exits = 3,
		.traced = -1,
		.returns = wide ? 99999999 : 3};
	if (row == odd_row) {
		ret->state = odd_state;
		err_set(&ret->words, 0,
			wide ? "KVM counted 18446744073709551615 exits in 1000000 iterations: it emulates, "
			       "and does not leave the guest; /a/path/that/is/longer/than/a/line/of/a/"
			       "terminal/and/goes/on/and/on/and/on/and/on"
			     : "it went elsewhere");
		/* Emptied by its first byte alone. */
		ret->words.text[0] = forgotten ? '\0' : ret->words.text[0];
	}
	return 0;
}

/* The pages of a sanitizer are too many to be locked. */
int __wrap_mlockall(int flags)
{
	return -1;
}

static void bench(struct captured *r)
{
	static char *argv[] = {(char *)"exits", (char *)"--iterations", (char *)"3", NULL};

	captured_run(r, bench_exits, 3, argv);
}

static void another_path_is_no_success(void **state)
{
	static const char words[] = "vmm: OUT from ring 3 took another path: it went elsewhere\n";
	static const struct {
		bool hardware;
		bool odd;
		enum exit_costs_state state;
		int status;
		const char *err;
	} cases[] = {
		{true, false, EXIT_COSTS_OK, 0, ""},
		{true, true, EXIT_COSTS_OTHER_PATH, EXIT_FAILED, words},
		{false, true, EXIT_COSTS_OTHER_PATH, 0, ""},
		/* What this host cannot run, or a remark, is no other path. */
		{true, true, EXIT_COSTS_CANNOT, 0, ""},
		{true, true, EXIT_COSTS_OK, 0, ""},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases) * exit_costs_rows(); i++) {
		size_t at = i / exit_costs_rows();
		static struct captured r;

		hardware = cases[at].hardware;
		odd_row = cases[at].odd ? (unsigned)(i % exit_costs_rows()) : UINT_MAX;
		odd_state = cases[at].state;
		bench(&r);
		if (r.status != cases[at].status || strcmp(r.err, cases[at].err))
			fail_msg("case %zu, row %u: %d, '%s'", at, odd_row, r.status, r.err);
		assert_int_equal(strstr(r.out, "another path: it went elsewhere\n") != NULL,
			odd_row != UINT_MAX && odd_state == EXIT_COSTS_OTHER_PATH);
		assert_int_equal(strstr(r.out, "cannot run here: it went elsewhere\n") != NULL,
			odd_row != UINT_MAX && odd_state == EXIT_COSTS_CANNOT);
	}
}

/* 2 GHz: 2,000 cycles are a microsecond. */
static void a_row_has_its_figures(void **state)
{
	static struct captured r;

	odd_row = UINT_MAX;
	bench(&r);
	assert_non_null(
		strstr(r.out, "ring 3              OUT         VMM       1000    2000       -        -    1000\n"));
	assert_non_null(strstr(r.out, "ring 3              OUT         VMM           3        -        3  RDTSCP\n"));
}

/* The widest output: the longest names and remarks, figures wider than a column. */
static void no_line_is_too_wide(void **state)
{
	static struct captured r;
	const char *line = r.out;
	size_t lines = 0;

	odd_row = 3;
	wide = true;
	for (odd_state = EXIT_COSTS_OK; odd_state <= EXIT_COSTS_OTHER_PATH; odd_state++) {
		bench(&r);
		for (line = r.out; *line; line += strcspn(line, "\n") + 1, lines++)
			if (strcspn(line, "\n") > 80)
				fail_msg("%.*s", (int)strcspn(line, "\n"), line);
	}
	wide = false;
	assert_true(lines > 3 * exit_costs_rows());
}

static unsigned open_files(void)
{
	unsigned nr = 0;

	for (int fd = 0; fd < 256; fd++)
		nr += fcntl(fd, F_GETFD) >= 0;
	return nr;
}

/* And in the file, which ends with a line. */
static void a_file_has_them_too(void **state)
{
	static struct captured r;
	static char text[65536];
	char path[] = "/tmp/vmm-exits.XXXXXX";
	char *argv[] = {(char *)"exits", (char *)"--iterations", (char *)"3", (char *)"--json", path, NULL};
	const struct json_node *rows, *row;
	struct json_doc d;
	int fd = mkstemp(path);
	unsigned open_before;
	ssize_t n;

	assert_true(fd >= 0);
	close(fd);
	hardware = true;
	odd_row = 1;
	odd_state = EXIT_COSTS_OK;
	forgotten = true;
	open_before = open_files();
	captured_run(&r, bench_exits, 5, argv);
	forgotten = false;
	assert_int_equal(open_files(), open_before);
	assert_int_equal(r.status, 0);
	fd = open(path, O_RDONLY);
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	unlink(path);
	assert_in_range(n, 3, sizeof(text) - 2);
	assert_string_equal(text + n - 2, "}\n");
	assert_int_equal(json_read(text, (size_t)n, &d, NULL), 0);
	assert_int_equal(json_count(json_get(&d, d.node, "iterations")), 3);
	assert_int_equal(json_count(json_get(&d, d.node, "tsc_khz")), 2000000);
	rows = json_get(&d, d.node, "rows");
	row = json_first(&d, rows);
	assert_int_equal(json_get(&d, json_next(&d, rows, row), "note")->type, JSON_NULL);
	assert_int_equal(json_count(json_get(&d, row, "returns")), 3);
	assert_int_equal(json_count(json_get(&d, json_get(&d, row, "cycles"), "median")), 2000);
	json_doc_destroy(&d);
}

/* Nothing is measured with a command line that is not understood. */
static void a_wrong_option_measures_nothing(void **state)
{
	static struct captured r;
	char *unknown[] = {(char *)"exits", (char *)"--iteration", (char *)"3", NULL};
	char *no_number[] = {(char *)"exits", (char *)"--iterations", (char *)"many", NULL};

	captured_run(&r, bench_exits, 3, unknown);
	assert_int_equal(r.status, EXIT_USAGE);
	assert_string_equal(r.out, "");
	assert_non_null(strstr(r.err, "vmm: --iteration: "));
	captured_run(&r, bench_exits, 3, no_number);
	assert_int_equal(r.status, EXIT_USAGE);
	assert_string_equal(r.out, "");
	assert_non_null(strstr(r.err, "vmm: --iterations many: "));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(another_path_is_no_success),
		cmocka_unit_test(a_row_has_its_figures),
		cmocka_unit_test(a_file_has_them_too),
		cmocka_unit_test(no_line_is_too_wide),
		cmocka_unit_test(a_wrong_option_measures_nothing),
	};

	return run_group(tests);
}
