// SPDX-License-Identifier: Apache-2.0
/*
 * The complete text of each report of one run that has every kind of result, and what is left of them when memory runs
 * out.
 */
#include <errno.h>

#include "tests/support/unit.h"
#include "vmm/base/util.h"
#include "vmm/results/results.h"

static const char log_text[] = "KTAP version 1\n"
			       "1..7\n"
			       "ok 1 good\n"
			       "not ok 2 bad\n"
			       "ok 3 left # SKIP no disk\n"
			       "not ok 4 known # TODO soon\n"
			       "not ok 5 late # TIMEOUT 45 seconds\n"
			       "not ok 6 broken # ERROR no memory\n";

static struct ktap ktap;
static struct result_test test[] = {
	{.name = "flaky",
		.kernel = "6.1",
		.outcome = RESULT_PASS,
		.expected = true,
		.attempts = 2,
		.took_ns = 1500000000,
		.why = ""},
	{.name = "all",
		.kernel = "6.1",
		.outcome = RESULT_FAIL,
		.attempts = 1,
		.took_ns = 250000000,
		.why = "4 of 7 failed",
		.log_path = "logs/all.log"},
	{.name = "none", .kernel = "", .outcome = RESULT_SKIP, .expected = true, .attempts = 1, .why = "no network"},
	{.name = "known",
		.kernel = "6.12",
		.outcome = RESULT_XFAIL,
		.expected = true,
		.attempts = 1,
		.why = "expected"},
	{.name = "slow",
		.kernel = "6.12",
		.outcome = RESULT_TIMEOUT,
		.attempts = 1,
		.status = 124,
		.why = "its time ran out"},
	{.name = "gone", .kernel = "6.1", .outcome = RESULT_ERROR, .attempts = 3, .status = 125, .why = ""},
};
static const struct results run = {.name = "vmm test",
	.test = test,
	.nr = ARRAY_SIZE(test),
	.complete = true,
	.when = 1700000000,
	.took_ns = 2500000000};

static int set_up(void **state)
{
	test[1].log = log_text;
	test[1].log_size = sizeof(log_text) - 1;
	test[1].ktap = &ktap;
	return ktap_read(log_text, sizeof(log_text) - 1, &ktap);
}

static int tear_down(void **state)
{
	ktap_destroy(&ktap);
	return 0;
}

static const char json_text_all[] =
	"{\n"
	"  \"format\": \"vmm test 1\",\n"
	"  \"name\": \"vmm test\",\n"
	"  \"complete\": true,\n"
	"  \"when\": 1700000000,\n"
	"  \"seconds\": 2.5,\n"
	"  \"tests\": [\n"
	"    {\"name\": \"flaky\", \"kernel\": \"6.1\", \"outcome\": \"pass\", \"expected\": true, \"flaky\": "
	"true, \"attempts\": 2, \"seconds\": 1.5, \"status\": 0},\n"
	"    {\"name\": \"all\", \"kernel\": \"6.1\", \"outcome\": \"fail\", \"expected\": false, \"flaky\": "
	"false, \"attempts\": 1, \"seconds\": 0.25, \"status\": 0, \"why\": \"4 of 7 failed\", \"log\": "
	"\"logs/all.log\", \"totals\": {\"pass\": 1, \"fail\": 1, \"skip\": 1, \"xfail\": 1, \"timeout\": 1, "
	"\"error\": 1, \"missing\": 1}, \"faults\": [\"results that the plan has are missing\"], "
	"\"cases\": [{\"name\": \"good\", \"outcome\": \"pass\", \"passed\": true}, {\"name\": \"bad\", "
	"\"outcome\": \"fail\", \"passed\": false}, {\"name\": \"left\", \"outcome\": \"skip\", \"passed\": "
	"true, \"reason\": \"no disk\"}, {\"name\": \"known\", \"outcome\": \"xfail\", \"passed\": true, "
	"\"reason\": \"soon\"}, {\"name\": \"late\", \"outcome\": \"timeout\", \"passed\": false, \"reason\": "
	"\"45 seconds\"}, {\"name\": \"broken\", \"outcome\": \"error\", \"passed\": false, \"reason\": \"no "
	"memory\"}, {\"name\": \"\", \"outcome\": \"missing\", \"passed\": false}]},\n"
	"    {\"name\": \"none\", \"outcome\": \"skip\", \"expected\": true, \"flaky\": false, \"attempts\": "
	"1, \"seconds\": 0, \"status\": 0, \"why\": \"no network\"},\n"
	"    {\"name\": \"known\", \"kernel\": \"6.12\", \"outcome\": \"xfail\", \"expected\": true, \"flaky\": "
	"false, \"attempts\": 1, \"seconds\": 0, \"status\": 0, \"why\": \"expected\"},\n"
	"    {\"name\": \"slow\", \"kernel\": \"6.12\", \"outcome\": \"timeout\", \"expected\": false, "
	"\"flaky\": false, \"attempts\": 1, \"seconds\": 0, \"status\": 124, \"why\": \"its time ran out\"},\n"
	"    {\"name\": \"gone\", \"kernel\": \"6.1\", \"outcome\": \"error\", \"expected\": false, \"flaky\": "
	"false, \"attempts\": 3, \"seconds\": 0, \"status\": 125}]\n"
	"}\n";

static const char ktap_text_all[] = "KTAP version 1\n"
				    "1..6\n"
				    "ok 1 - flaky on 6.1\n"
				    "  KTAP version 1\n"
				    "  1..7\n"
				    "  ok 1 - good\n"
				    "  not ok 2 - bad\n"
				    "  ok 3 - left # SKIP no disk\n"
				    "  ok 4 - known # XFAIL soon\n"
				    "  not ok 5 - late # TIMEOUT 45 seconds\n"
				    "  not ok 6 - broken # ERROR no memory\n"
				    "  not ok 7 -  # ERROR its result is missing\n"
				    "not ok 2 - all on 6.1\n"
				    "ok 3 - none # SKIP no network\n"
				    "ok 4 - known on 6.12 # XFAIL expected\n"
				    "not ok 5 - slow on 6.12 # TIMEOUT its time ran out\n"
				    "not ok 6 - gone on 6.1 # ERROR it could not be run\n";

static const char junit_text_all[] =
	"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
	"<testsuites name=\"vmm test\">\n"
	"  <testsuite name=\"6.1\" tests=\"9\" failures=\"2\" errors=\"3\" skipped=\"2\" time=\"1.750\" "
	"timestamp=\"2023-11-14T22:13:20\">\n"
	"    <testcase name=\"flaky\" classname=\"6.1.flaky\" time=\"1.500\">\n"
	"      <system-out>flaky: it passed in attempt 2</system-out>\n"
	"    </testcase>\n"
	"    <testcase name=\"good\" classname=\"6.1.all\" time=\"0.000\"/>\n"
	"    <testcase name=\"bad\" classname=\"6.1.all\" time=\"0.000\">\n"
	"      <failure message=\"fail\" type=\"fail\"/>\n"
	"      <system-out>not ok 2 bad\n"
	"</system-out>\n"
	"      <system-err>the whole log: logs/all.log</system-err>\n"
	"    </testcase>\n"
	"    <testcase name=\"left\" classname=\"6.1.all\" time=\"0.000\">\n"
	"      <skipped message=\"no disk\"/>\n"
	"    </testcase>\n"
	"    <testcase name=\"known\" classname=\"6.1.all\" time=\"0.000\">\n"
	"      <skipped message=\"soon\"/>\n"
	"    </testcase>\n"
	"    <testcase name=\"late\" classname=\"6.1.all\" time=\"0.000\">\n"
	"      <failure message=\"45 seconds\" type=\"timeout\"/>\n"
	"      <system-out>not ok 5 late # TIMEOUT 45 seconds\n"
	"</system-out>\n"
	"      <system-err>the whole log: logs/all.log</system-err>\n"
	"    </testcase>\n"
	"    <testcase name=\"broken\" classname=\"6.1.all\" time=\"0.000\">\n"
	"      <error message=\"no memory\" type=\"error\"/>\n"
	"      <system-out>not ok 6 broken # ERROR no memory\n"
	"</system-out>\n"
	"      <system-err>the whole log: logs/all.log</system-err>\n"
	"    </testcase>\n"
	"    <testcase name=\"7\" classname=\"6.1.all\" time=\"0.000\">\n"
	"      <error message=\"missing\" type=\"missing\"/>\n"
	"      <system-err>the whole log: logs/all.log</system-err>\n"
	"    </testcase>\n"
	"    <testcase name=\"gone\" classname=\"6.1.gone\" time=\"0.000\">\n"
	"      <error message=\"it could not be run\" type=\"error\"/>\n"
	"    </testcase>\n"
	"  </testsuite>\n"
	"  <testsuite name=\"vmm test\" tests=\"1\" failures=\"0\" errors=\"0\" skipped=\"1\" time=\"0.000\" "
	"timestamp=\"2023-11-14T22:13:20\">\n"
	"    <testcase name=\"none\" classname=\"none\" time=\"0.000\">\n"
	"      <skipped message=\"no network\"/>\n"
	"    </testcase>\n"
	"  </testsuite>\n"
	"  <testsuite name=\"6.12\" tests=\"2\" failures=\"1\" errors=\"0\" skipped=\"1\" time=\"0.000\" "
	"timestamp=\"2023-11-14T22:13:20\">\n"
	"    <testcase name=\"known\" classname=\"6.12.known\" time=\"0.000\">\n"
	"      <skipped message=\"expected\"/>\n"
	"    </testcase>\n"
	"    <testcase name=\"slow\" classname=\"6.12.slow\" time=\"0.000\">\n"
	"      <failure message=\"its time ran out\" type=\"timeout\"/>\n"
	"    </testcase>\n"
	"  </testsuite>\n"
	"</testsuites>\n";

/* --- The host ---------------------------------------------------------------------------------------------------- */

static int memory_left = -1; /* allocations until one fails; -1: none does */

void *__real_calloc(size_t nr, size_t size);
void *__wrap_calloc(size_t nr, size_t size);
FILE *__real_open_memstream(char **text, size_t *size);
FILE *__wrap_open_memstream(char **text, size_t *size);

static bool no_memory(void)
{
	return memory_left >= 0 && memory_left-- == 0;
}

void *__wrap_calloc(size_t nr, size_t size)
{
	return no_memory() ? NULL : __real_calloc(nr, size);
}

FILE *__wrap_open_memstream(char **text, size_t *size)
{
	return no_memory() ? NULL : __real_open_memstream(text, size);
}

/* --- Tests ------------------------------------------------------------------------------------------------------- */

static FILE *open_given(void *arg, unsigned i)
{
	assert_int_equal(i, 0);
	return arg;
}

static int write_junit(const struct results *r, FILE *out)
{
	return results_junit(r, open_given, out, RESULTS_FILE_MAX);
}

static void expect_text(int (*write)(const struct results *r, FILE *out), const char *expected)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_int_equal(write(&run, out), 0);
	fclose(out);
	assert_string_equal(text, expected);
	free(text);
}

static void json(void **state)
{
	expect_text(results_json, json_text_all);
}

static void ktap_version_1(void **state)
{
	expect_text(results_ktap, ktap_text_all);
}

static void junit(void **state)
{
	expect_text(write_junit, junit_text_all);
}

static void an_explanation(void **state)
{
	char why[300];

	results_explain(&ktap, why, sizeof(why));
	assert_string_equal(why,
		"4 of 7 failed; results that the plan has are missing; bad: fail; late: timeout; broken: "
		"error; result 7: missing");
}

/* Each allocation of the writer fails once. */
static void no_memory_for_junit_is_an_error(void **state)
{
	FILE *out = fopen("/dev/null", "w");
	int failed = 0, r;

	assert_non_null(out);
	do {
		memory_left = failed;
		r = write_junit(&run, out);
		failed += r != 0;
		assert_true(r == 0 || r == -ENOMEM);
	} while (r);
	memory_left = -1;
	/* At least one for each suite and each case */
	assert_true(failed >= 3 + 12);
	fclose(out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(json),
		cmocka_unit_test(ktap_version_1),
		cmocka_unit_test(junit),
		cmocka_unit_test(an_explanation),
		cmocka_unit_test(no_memory_for_junit_is_an_error),
	};

	return run_group_with(tests, set_up, tear_down);
}
