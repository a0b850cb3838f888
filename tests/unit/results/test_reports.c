// SPDX-License-Identifier: Apache-2.0
/*
 * The report writers: JUnit is validated by xmllint against tests/data/junit.xsd, KTAP and JSON by our own parsers.
 * Argument: the schema.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/wait.h>

#include "tests/support/ktap_print.h"
#include "tests/support/unit.h"
#include "vmm/base/jsonread.h"
#include "vmm/base/util.h"
#include "vmm/results/results.h"

#define FILES_MAX 64

static const char *schema;
static bool have_xmllint;

/* The files of one run of the writer. */
struct files {
	FILE *out[FILES_MAX];
	char *text[FILES_MAX];
	size_t size[FILES_MAX];
	unsigned nr;
};

static FILE *open_next(void *arg, unsigned i)
{
	struct files *f = arg;

	assert_int_equal(i, f->nr);
	assert_true(i < FILES_MAX);
	f->out[i] = open_memstream(&f->text[i], &f->size[i]);
	f->nr++;
	return f->out[i];
}

static void judge(const char *text, size_t size)
{
	char path[] = "/tmp/vmm-junit-XXXXXX";
	int fd, status;
	pid_t pid;

	if (!have_xmllint)
		return;
	fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, size), size);
	close(fd);
	pid = fork();
	if (pid == 0) {
		execlp("xmllint", "xmllint", "--noout", "--nonet", "--schema", schema, path, NULL);
		_exit(127);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	unlink(path);
	assert_int_equal(status, 0);
}

static struct files write_junit(const struct result_test *test, size_t nr, size_t max)
{
	struct results r = {.name = "vmm test", .test = test, .nr = nr, .complete = true, .when = 1700000000};
	struct files f = {0};

	assert_int_equal(results_junit(&r, open_next, &f, max), 0);
	for (unsigned i = 0; i < f.nr; i++) {
		fclose(f.out[i]);
		judge(f.text[i], f.size[i]);
	}
	return f;
}

static void free_files(struct files *f)
{
	for (unsigned i = 0; i < f->nr; i++)
		free(f->text[i]);
}

static struct result_test a_test(const char *name, enum result_outcome outcome)
{
	return (struct result_test){.name = name,
		.kernel = "6.1",
		.outcome = outcome,
		.expected = outcome == RESULT_PASS,
		.attempts = 1,
		.why = ""};
}

static void with_log(struct result_test *t, struct ktap *k, const char *log)
{
	t->log = log;
	t->log_size = strlen(log);
	assert_int_equal(ktap_read(log, t->log_size, k), 0);
	t->ktap = k;
}

#define HAS(f, i, part)   assert_non_null(strstr((f).text[i], part))
#define LACKS(f, i, part) assert_null(strstr((f).text[i], part))

static void cases_of_a_log_are_cases_of_the_suite(void **state)
{
	struct result_test t = a_test("size", RESULT_FAIL);
	struct ktap k;
	struct files f;

	with_log(&t, &k,
		"1..2\nbooted\nok 1 a\n  1..3\n  ok 1 x # SKIP no\n  why it failed\n  not ok 2 y\n  ok 3 z\nnot ok 2 "
		"b\n");
	f = write_junit(&t, 1, RESULTS_FILE_MAX);
	assert_int_equal(f.nr, 1);
	HAS(f, 0,
		"<testsuite name=\"6.1\" tests=\"4\" failures=\"1\" errors=\"0\" skipped=\"1\" time=\"0.000\" "
		"timestamp=\"2023-11-14T22:13:20\">");
	HAS(f, 0, "<testcase name=\"a\" classname=\"6.1.size\" time=\"0.000\"/>");
	HAS(f, 0, "<testcase name=\"b/x\" classname=\"6.1.size\" time=\"0.000\">\n      <skipped message=\"no\"/>");
	HAS(f, 0,
		"<testcase name=\"b/y\" classname=\"6.1.size\" time=\"0.000\">\n      <failure message=\"fail\" "
		"type=\"fail\"/>\n"
		"      <system-out>  why it failed\n  not ok 2 y\n</system-out>");
	free_files(&f);
	ktap_destroy(&k);
}

static void a_test_that_its_cases_do_not_explain_is_a_case_too(void **state)
{
	struct result_test t = a_test("oops", RESULT_SPLAT);
	struct ktap k;
	struct files f;

	with_log(&t, &k, "1..1\nok 1 a\n");
	t.why = "WARNING: at <kernel> & \"co\"";
	t.log_path = "logs/oops.log";
	f = write_junit(&t, 1, RESULTS_FILE_MAX);
	HAS(f, 0, "tests=\"2\" failures=\"1\"");
	HAS(f, 0, "<failure message=\"WARNING: at &lt;kernel&gt; &amp; &quot;co&quot;\" type=\"splat\"/>");
	HAS(f, 0, "<system-err>the whole log: logs/oops.log</system-err>");
	free_files(&f);
	ktap_destroy(&k);
}

static void what_was_expected_is_no_failure(void **state)
{
	struct result_test t[3] = {
		a_test("known", RESULT_FAIL), a_test("surprise", RESULT_PASS), a_test("host", RESULT_ERROR)};
	struct ktap k;
	struct files f;

	with_log(&t[0], &k, "1..1\nnot ok 1 a\n");
	t[0].expected = true;
	t[1].expected = false;
	f = write_junit(t, 3, RESULTS_FILE_MAX);
	HAS(f, 0, "tests=\"3\" failures=\"1\" errors=\"1\" skipped=\"1\"");
	HAS(f, 0, "<testcase name=\"surprise\" classname=\"6.1.surprise\" time=\"0.000\">\n      <failure ");
	free_files(&f);
	ktap_destroy(&k);
}

static void names_are_unique_in_a_file(void **state)
{
	struct result_test t[2] = {a_test("same", RESULT_PASS), a_test("same", RESULT_PASS)};
	char *log = calloc(1, 40000 * 8);
	struct ktap k;
	struct files f;

	for (int i = 0; i < 30; i++)
		strcat(log, "ok - n\n");
	with_log(&t[0], &k, log);
	t[1].ktap = &k;
	f = write_junit(t, 2, RESULTS_FILE_MAX);
	HAS(f, 0, "name=\"n\"");
	HAS(f, 0, "name=\"n (2)\"");
	HAS(f, 0, "tests=\"60\"");
	free_files(&f);
	ktap_destroy(&k);
	free(log);
}

static void hostile_text_is_harmless(void **state)
{
	struct result_test t = a_test("evil", RESULT_FAIL);
	struct ktap k;
	struct files f;

	with_log(&t, &k,
		"1..1\n::error::x\n  ::warning::y\na :: b\n##[group]z\nx "
		"##vso[task]\n\x1b[31mred\x07\r\n\xff\xc0\xaf\xed\xa0\x80"
		"]]> <!-- \xe2\x80\xae [[ATTACHMENT|/etc/passwd]]\rq\nnot ok 1 - <&\">\x01\xff ::\n");
	f = write_junit(&t, 1, RESULTS_FILE_MAX);
	HAS(f, 0, "\n\\x3a:error::x\n  \\x3a:warning::y\na :: b\n#\\x23[group]z\nx #\\x23vso[task]\n");
	HAS(f, 0, "\xef\xbf\xbd[31mred\xef\xbf\xbd\n\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
	HAS(f, 0, "]]&gt; &lt;!-- \xef\xbf\xbd [\\x5bATTACHMENT|/etc/passwd]]");
	HAS(f, 0, "name=\"&lt;&amp;&quot;&gt;\xef\xbf\xbd\xef\xbf\xbd ::\"");
	LACKS(f, 0, "\x1b");
	LACKS(f, 0, "[[ATTACHMENT");
	free_files(&f);
	ktap_destroy(&k);
}

static void a_log_is_cut_to_its_beginning_and_its_end(void **state)
{
	struct result_test t = a_test("long", RESULT_TIMEOUT);
	size_t size = 3 * RESULTS_LOG_MAX;
	char *log = malloc(size + 1);
	struct files f;

	memset(log, 'x', size);
	memcpy(log, "begin", 5);
	memcpy(log + size - 3, "end", 4);
	t.log = log;
	t.log_size = size;
	f = write_junit(&t, 1, RESULTS_FILE_MAX);
	assert_in_range(f.size[0], RESULTS_LOG_MAX, RESULTS_LOG_MAX + 1000);
	HAS(f, 0, "<system-out>beginx");
	HAS(f, 0, "\n[131072 bytes are left out here]\n");
	HAS(f, 0, "xend</system-out>");
	free_files(&f);
	free(log);
}

static void a_log_that_is_full_of_escapes_is_bounded_too(void **state)
{
	struct result_test t = a_test("quotes", RESULT_FAIL);
	char *log = malloc(2 * RESULTS_LOG_MAX + 1);
	struct files f;

	memset(log, '"', 2 * RESULTS_LOG_MAX);
	log[2 * RESULTS_LOG_MAX] = '\0';
	t.log = log;
	t.log_size = 2 * RESULTS_LOG_MAX;
	f = write_junit(&t, 1, RESULTS_FILE_MAX);
	assert_in_range(f.size[0], 6 * RESULTS_LOG_MAX, 6 * RESULTS_LOG_MAX + 1000);
	free_files(&f);
	free(log);
}

static void a_large_run_is_split_between_cases(void **state)
{
	enum { NR = 100 };
	struct result_test t[NR];
	char log[1001], name[NR][16];
	unsigned cases = 0;
	struct files f;

	memset(log, 'x', 1000);
	log[1000] = '\0';
	for (int i = 0; i < NR; i++) {
		snprintf(name[i], sizeof(name[i]), "t%d", i);
		t[i] = a_test(name[i], RESULT_FAIL);
		t[i].kernel = i % 2 ? "6.1" : "6.12";
		t[i].log = log;
		t[i].log_size = 1000;
	}
	f = write_junit(t, NR, 30000);
	assert_in_range(f.nr, 4, 12);
	for (unsigned i = 0; i < f.nr; i++) {
		assert_true(f.size[i] <= 30000);
		for (const char *s = f.text[i]; (s = strstr(s, "<testcase ")); s++)
			cases++;
	}
	assert_int_equal(cases, NR);
	free_files(&f);
}

static void no_test_at_all_is_a_file(void **state)
{
	struct files f = write_junit(NULL, 0, RESULTS_FILE_MAX);

	assert_int_equal(f.nr, 1);
	free_files(&f);
}

static FILE *open_full(void *arg, unsigned i)
{
	return arg;
}

static void a_disk_that_is_full_is_an_error(void **state)
{
	struct result_test t = a_test("a", RESULT_PASS);
	struct results r = {.name = "vmm test", .test = &t, .nr = 1};
	FILE *full = fopen("/dev/full", "w");

	assert_non_null(full);
	assert_true(results_junit(&r, open_full, full, RESULTS_FILE_MAX) < 0);
	assert_true(results_junit(&r, open_full, NULL, RESULTS_FILE_MAX) < 0);
	clearerr(full);
	assert_int_equal(results_ktap(&r, full), -EIO);
	clearerr(full);
	assert_true(results_json(&r, full) < 0);
	fclose(full);
}

static void ktap_reads_back(void **state)
{
	struct result_test t[6] = {a_test("good", RESULT_PASS), a_test("bad # SKIP", RESULT_FAIL),
		a_test("slow", RESULT_TIMEOUT), a_test("gone\nok 9 fake", RESULT_SKIP), a_test("known", RESULT_FAIL),
		a_test("[[ATTACHMENT|[x]]]", RESULT_PANIC)};
	struct results r = {.name = "vmm test", .test = t, .nr = ARRAY_SIZE(t), .complete = true};
	char text[4096] = "", got[2048] = "";
	FILE *out = fmemopen(text, sizeof(text), "w");
	struct ktap in, k;

	with_log(&t[1], &in, "1..2\nok 1 a\n  1..2\n  ok 1 x # SKIP y\nnot ok 2 b\n");
	t[3].expected = t[4].expected = true;
	t[4].ktap = &in;
	assert_int_equal(results_ktap(&r, out), 0);
	fclose(out);
	assert_null(strstr(text, "\nok 9"));
	assert_int_equal(ktap_read(text, strlen(text), &k), 0);
	out = fmemopen(got, sizeof(got), "w");
	ktap_print(out, &k);
	fclose(out);
	assert_string_equal(got,
		"good on 6.1=pass bad \\x23 SKIP on 6.1=fail{a=pass b=error{x=skip =error}} slow on 6.1=timeout "
		"gone\\x0aok 9 fake on 6.1=skip known on 6.1=xfail \\x5b[ATTACHMENT|[x]]] on 6.1=error");
	ktap_destroy(&k);
	ktap_destroy(&in);
}

static void a_run_that_was_interrupted_says_so(void **state)
{
	struct results r = {.name = "vmm test"};
	char text[256] = "";
	FILE *out = fmemopen(text, sizeof(text), "w");

	assert_int_equal(results_ktap(&r, out), 0);
	fclose(out);
	assert_non_null(strstr(text, "Bail out!"));
}

static void json_has_everything(void **state)
{
	struct result_test t[2] = {a_test("a", RESULT_FAIL), a_test("b", RESULT_PASS)};
	struct results r = {.name = "vmm test", .test = t, .nr = 2, .complete = true};
	const struct json_node *tests, *cases, *n;
	struct json_doc d = {0};
	char *text = NULL;
	struct ktap in;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	with_log(&t[0], &in, "1..2\nok 1 x\x1b\n  1..1\n  not ok 1 y\nok 2 z\n");
	t[0].why = "1 of 2";
	t[1].attempts = 2;
	assert_int_equal(results_json(&r, out), 0);
	fclose(out);
	assert_int_equal(json_read(text, size, &d, NULL), 0);
	tests = json_get(&d, d.node, "tests");
	n = json_first(&d, tests);
	assert_string_equal(json_text(json_get(&d, n, "outcome"), ""), "fail");
	assert_string_equal(json_text(json_get(&d, n, "why"), ""), "1 of 2");
	cases = json_get(&d, n, "cases");
	assert_int_equal(json_count(json_get(&d, json_get(&d, n, "totals"), "pass")), 1);
	assert_int_equal(json_count(json_get(&d, json_get(&d, n, "totals"), "fail")), 1);
	n = json_first(&d, cases);
	assert_string_equal(json_text(json_get(&d, n, "name"), ""), "x\x1b");
	n = json_next(&d, cases, n);
	assert_string_equal(
		json_text(json_first(&d, json_get(&d, n, "faults")), ""), ktap_fault_text(KTAP_FAULT_PARENT));
	n = json_next(&d, tests, json_first(&d, tests));
	assert_true(json_get(&d, n, "flaky")->number > 0);
	json_doc_destroy(&d);
	ktap_destroy(&in);
	free(text);
}

static void an_explanation_names_the_first_faults(void **state)
{
	static const char text[] = "1..4\nok 1 a\n  1..1\n  not ok 1 x\nok 2 b\nok 7 c\n";
	struct ktap k;
	char buf[200];

	assert_int_equal(ktap_read(text, sizeof(text) - 1, &k), 0);
	results_explain(&k, buf, sizeof(buf));
	assert_string_equal(buf,
		"2 of 4 failed; results that the plan has are missing; x: fail; b: it says ok, but a test within it "
		"failed; c: its number is wrong; result 4: missing");
	results_explain(&k, buf, 10);
	assert_string_equal(buf, "2 of 4 fa");
	ktap_destroy(&k);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cases_of_a_log_are_cases_of_the_suite),
		cmocka_unit_test(a_test_that_its_cases_do_not_explain_is_a_case_too),
		cmocka_unit_test(what_was_expected_is_no_failure),
		cmocka_unit_test(names_are_unique_in_a_file),
		cmocka_unit_test(hostile_text_is_harmless),
		cmocka_unit_test(a_log_is_cut_to_its_beginning_and_its_end),
		cmocka_unit_test(a_log_that_is_full_of_escapes_is_bounded_too),
		cmocka_unit_test(a_large_run_is_split_between_cases),
		cmocka_unit_test(no_test_at_all_is_a_file),
		cmocka_unit_test(a_disk_that_is_full_is_an_error),
		cmocka_unit_test(ktap_reads_back),
		cmocka_unit_test(a_run_that_was_interrupted_says_so),
		cmocka_unit_test(json_has_everything),
		cmocka_unit_test(an_explanation_names_the_first_faults),
	};

	schema = argc > 1 ? argv[1] : "tests/data/junit.xsd";
	have_xmllint = system("xmllint --version >/dev/null 2>&1") == 0;
	if (!have_xmllint && getenv("VMM_TEST_REQUIRED"))
		return skip_program("xmllint is missing");
	return run_group(tests);
}
