// SPDX-License-Identifier: Apache-2.0
/*
 * What `vmm check` says of hosts other than this one, and what the report of a run on such a host says.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "security/landlock.h"
#include "security/sandbox.h"
#include "tests/support/unit.h"
#include "vmm/hostcheck.h"
#include "vmm/report.h"

#define OLD "truncation, TCP bind and connect, device ioctls, signals and abstract sockets"

static const struct host_item *landlock(struct host_items *h, int abi)
{
	h->nr = 0;
	host_landlock(h, abi);
	assert_int_equal(h->nr, 1);
	assert_string_equal(h->item[0].name, "Landlock");
	/* A machine runs with an older one, or, if the operator says so, without. */
	assert_true(host_boots(h));
	return &h->item[0];
}

static void rights_that_an_older_landlock_lacks(void **state)
{
	const struct host_item *i;
	struct host_items h;

	i = landlock(&h, LANDLOCK_ABI_KNOWN);
	assert_int_equal(i->grade, HOST_OK);
	assert_string_equal(i->text, "ABI 7");
	i = landlock(&h, LANDLOCK_ABI_KNOWN + 1);
	assert_int_equal(i->grade, HOST_OK);
	i = landlock(&h, 5);
	assert_int_equal(i->grade, HOST_NOTE);
	assert_true(!strncmp(i->text, "ABI 5, which cannot deny signals and abstract sockets;", 54));
	i = landlock(&h, 1);
	assert_int_equal(i->grade, HOST_NOTE);
	assert_true(
		!strncmp(i->text, "ABI 1, which cannot deny " OLD ";", strlen("ABI 1, which cannot deny " OLD ";")));
	assert_non_null(strstr(i->text, "a newer kernel can")); /* not cut short */
	i = landlock(&h, -ENOSYS);
	assert_int_equal(i->grade, HOST_NOTE);
	assert_non_null(strstr(i->text, "not in this kernel"));
	i = landlock(&h, -EOPNOTSUPP);
	assert_int_equal(i->grade, HOST_NOTE);
	assert_non_null(strstr(i->text, "lsm="));
}

static void the_report_lists_them(void **state)
{
	static char *const argv[] = {(char *)"vmm", NULL};
	const struct report_info info = {.version = "1", .commit = "c", .compiler = "cc", .argv = argv};
	struct sandbox_achieved got = {.mode = SANDBOX_STRICT, .landlock_abi = 1};
	const struct report_end end = {.verdict = {OUTCOME_FAILURE, DETECTOR_VMM, 0}, .sandbox = &got};
	char path[] = "/tmp/vmm-report-XXXXXX", text[65536];
	struct report *report;
	struct config config;
	struct trace *trace;
	struct err e = {0};
	size_t n;
	FILE *f;

	close(mkstemp(path));
	config_init(&config);
	config.report = path;
	landlock_missing(1, got.unhandled, sizeof(got.unhandled));
	assert_int_equal(trace_new(trace_now_ns(), &trace), 0);
	assert_int_equal(report_new(&config, &info, trace, &report), 0);
	assert_int_equal(report_open(report, &e), 0);
	assert_int_equal(report_write(report, &end, &e), 0);
	trace_free(trace);
	report_free(report);
	f = fopen(path, "r");
	assert_non_null(f);
	n = fread(text, 1, sizeof(text) - 1, f);
	text[n] = '\0';
	fclose(f);
	unlink(path);
	assert_non_null(strstr(text, "\"landlock_abi\": 1"));
	assert_non_null(strstr(text, "\"landlock_cannot_deny\": \"" OLD "\""));
	config.report = NULL;
	config_destroy(&config);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rights_that_an_older_landlock_lacks),
		cmocka_unit_test(the_report_lists_them),
	};

	return run_group(tests);
}
