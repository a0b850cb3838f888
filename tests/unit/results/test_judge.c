// SPDX-License-Identifier: Apache-2.0
#include "tests/support/unit.h"
#include "vmm/base/util.h"
#include "vmm/results/judge.h"

#define ENDED(status)  ((status) << 8)
#define KILLED(signal) (signal)

static const regex_t *allowed;
static bool truncated;

static void expect(int wait_status, const char *text, enum result_outcome outcome, const char *why)
{
	struct judge_run run = {.wait_status = wait_status,
		.text = text,
		.size = strlen(text),
		.said = "vmm: said",
		.allow = allowed,
		.truncated = truncated};
	struct judge_verdict v;
	struct ktap k;

	assert_int_equal(ktap_read(text, run.size, &k), 0);
	judge_run(&run, &k, &v);
	ktap_destroy(&k);
	assert_string_equal(result_outcome_name(v.outcome), result_outcome_name(outcome));
	assert_string_equal(v.why, why);
}

static void the_exit_status_decides_where_there_are_no_results(void **state)
{
	expect(ENDED(0), "hello\n", RESULT_PASS, "");
	expect(ENDED(1), "", RESULT_PASS, "");
	expect(ENDED(3), "", RESULT_FAIL, "it wrote 1 to the exit port");
	expect(ENDED(123), "", RESULT_FAIL, "it wrote 61 to the exit port");
	expect(ENDED(124), "", RESULT_TIMEOUT, "its time ran out");
	expect(ENDED(34), "", RESULT_PANIC, "the guest panicked");
	expect(ENDED(36), "", RESULT_CRASH, "vmm: said");
	expect(ENDED(32), "", RESULT_CRASH, "the guest reset itself without a result");
	expect(ENDED(38), "", RESULT_CRASH, "the guest halted without a result");
	expect(ENDED(40), "", RESULT_ERROR, "vmm ended with status 40");
}

static void a_test_that_vmm_cannot_run_is_an_error_whatever_it_printed(void **state)
{
	expect(ENDED(2), "1..1\nok 1 a\n", RESULT_ERROR, "vmm: said");
	expect(ENDED(125), "1..1\nok 1 a\n", RESULT_ERROR, "vmm: said");
	expect(KILLED(9), "Kernel panic - not syncing: x\n", RESULT_ERROR, "vmm: said");
	expect(ENDED(159), "", RESULT_ERROR, "vmm: said");
}

static void results_decide_when_the_guest_ended_by_itself(void **state)
{
	expect(ENDED(0), "1..1\nok 1 a\n", RESULT_PASS, "");
	expect(ENDED(1), "1..1\nok 1 a\n", RESULT_PASS, "");
	expect(ENDED(32), "1..1\nok 1 a\n", RESULT_PASS, "");
	expect(ENDED(38), "1..1\nok 1 a\n", RESULT_PASS, "");
	expect(ENDED(38), "1..1\nnot ok 1 a\n", RESULT_FAIL, "1 of 1 failed; a: fail");
	expect(ENDED(0), "1..2\nok 1 a\nnot ok 2 b\n", RESULT_FAIL, "1 of 2 failed; b: fail");
	expect(ENDED(0), "1..1\nok 1 a # SKIP\n", RESULT_SKIP, "all of its results are skips");
	expect(ENDED(0), "1..0 # SKIP\n", RESULT_SKIP, "all of its results are skips");
	expect(ENDED(3), "1..1\nok 1 a\n", RESULT_FAIL, "it wrote 1 to the exit port");
	expect(ENDED(124), "1..1\nok 1 a\n", RESULT_TIMEOUT, "its time ran out");
}

static void a_panic_in_the_text_counts_however_the_run_ended(void **state)
{
	static const char text[] = "1..1\nok 1 a\n[    1.5] Kernel panic - not syncing: Fatal exception\n";

	expect(ENDED(124), text, RESULT_PANIC, "Kernel panic - not syncing: Fatal exception");
	expect(ENDED(0), text, RESULT_PANIC, "Kernel panic - not syncing: Fatal exception");
}

static void a_kernel_that_complains_is_a_splat_of_a_test_that_passed(void **state)
{
	static const char *const lines[] = {"WARNING: CPU: 0 PID: 1 at kernel/x.c:3 f+0x1/0x2",
		"BUG: KASAN: slab-out-of-bounds in f", "WARNING: possible circular locking dependency detected",
		"watchdog: BUG: soft lockup - CPU#0 stuck for 22s!",
		"INFO: task a:1 blocked for more than 120 seconds.", "Oops: 0000 [#1] PREEMPT SMP",
		"general protection fault, probably for non-canonical address 0x1: 0000 [#1]"};
	char text[256];

	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		snprintf(text, sizeof(text), "1..1\n[    1.250000][    T1] %s\nok 1 a\n", lines[i]);
		expect(ENDED(0), text, RESULT_SPLAT, lines[i]);
		snprintf(text, sizeof(text), "%s\n1..1\nok 1 a # SKIP\n", lines[i]);
		expect(ENDED(0), text, RESULT_SPLAT, lines[i]);
		snprintf(text, sizeof(text), "%s\n1..1\nnot ok 1 a\n", lines[i]);
		expect(ENDED(0), text, RESULT_FAIL, "1 of 1 failed; a: fail");
	}
	expect(ENDED(0), "a warning\nWARNING: disk is small\nINFO: tasks are done\n", RESULT_PASS, "");
}

static void what_is_allowed_is_no_splat(void **state)
{
	regex_t r;

	assert_int_equal(regcomp(&r, "at kernel/x\\.c", REG_EXTENDED | REG_NOSUB), 0);
	allowed = &r;
	expect(ENDED(0), "WARNING: CPU: 0 PID: 1 at kernel/x.c:3\n", RESULT_PASS, "");
	expect(ENDED(0), "WARNING: CPU: 0 PID: 1 at kernel/x.c:3\nBUG: other\n", RESULT_SPLAT, "BUG: other");
	expect(ENDED(0), "Kernel panic - not syncing: at kernel/x.c\n", RESULT_PANIC,
		"Kernel panic - not syncing: at kernel/x.c");
	allowed = NULL;
	regfree(&r);
}

static void output_that_is_not_read_is_a_failure(void **state)
{
	truncated = true;
	expect(ENDED(0), "1..1\nok 1 a\n", RESULT_FAIL, "it printed more than is read");
	truncated = false;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_exit_status_decides_where_there_are_no_results),
		cmocka_unit_test(a_test_that_vmm_cannot_run_is_an_error_whatever_it_printed),
		cmocka_unit_test(results_decide_when_the_guest_ended_by_itself),
		cmocka_unit_test(a_panic_in_the_text_counts_however_the_run_ended),
		cmocka_unit_test(a_kernel_that_complains_is_a_splat_of_a_test_that_passed),
		cmocka_unit_test(what_is_allowed_is_no_splat),
		cmocka_unit_test(output_that_is_not_read_is_a_failure),
	};

	return run_group(tests);
}
