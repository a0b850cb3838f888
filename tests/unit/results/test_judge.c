// SPDX-License-Identifier: Apache-2.0
#include "tests/support/unit.h"
#include "vmm/base/util.h"
#include "vmm/results/judge.h"

#define ENDED(status)  ((status) << 8)
#define KILLED(signal) (signal)

static enum outcome ended; /* of a command; OUTCOME_NONE: it has none */
static const char *console;
static const regex_t *allowed;
static const char *errors = "vmm: said\n";
static bool truncated;

static void expect(int wait_status, const char *text, enum result_outcome outcome, const char *why)
{
	struct judge_run run = {.wait_status = wait_status,
		.text = ended ? console : text,
		.size = strlen(ended ? console : text),
		.command = ended,
		.ended = ended,
		.errors = errors,
		.allow = allowed,
		.truncated = truncated};
	struct judge_verdict v;
	struct ktap k;

	assert_int_equal(ktap_read(text, strlen(text), &k), 0);
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
	expect(ENDED(36), "", RESULT_CRASH, "the guest crashed");
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

static void a_commands_status_decides_with_its_results(void **state)
{
	ended = OUTCOME_COMMAND;
	console = "[    1.000000] hello\n";
	expect(ENDED(0), "", RESULT_PASS, "");
	expect(ENDED(0), "1..1\nok 1 a\n", RESULT_PASS, "");
	expect(ENDED(0), "1..1\nnot ok 1 a\n", RESULT_FAIL, "1 of 1 failed; a: fail");
	expect(ENDED(1), "1..1\nnot ok 1 a\n", RESULT_FAIL, "1 of 1 failed; a: fail");
	expect(ENDED(1), "", RESULT_FAIL, "it exited with status 1");
	expect(ENDED(1), "1..1\nok 1 a\n", RESULT_FAIL, "it exited with status 1, and all its results passed");
	expect(ENDED(124), "", RESULT_FAIL, "it exited with status 124");
	expect(ENDED(125), "", RESULT_FAIL, "it exited with status 125");
	expect(ENDED(34), "", RESULT_FAIL, "it exited with status 34");
	expect(ENDED(139), "1..1\nok 1 a\n", RESULT_FAIL, "signal 11 ended it");
	/* A kselftest exits so, but the results count. */
	expect(ENDED(4), "1..0 # SKIP\n", RESULT_SKIP, "all of its results are skips");
	expect(ENDED(0), "ok 1 # SKIP\n", RESULT_SKIP, "all of its results are skips");
	expect(ENDED(4), "", RESULT_FAIL, "it exited with status 4");
	expect(ENDED(3), "1..0 # SKIP\n", RESULT_FAIL, "it exited with status 3, and all its results passed");
	ended = OUTCOME_NONE;
}

static void an_end_without_a_commands_status_is_told(void **state)
{
	console = "";
	ended = OUTCOME_TIMEOUT;
	expect(ENDED(124), "1..1\nok 1 a\n", RESULT_TIMEOUT, "its time ran out");
	ended = OUTCOME_PANIC;
	expect(ENDED(255), "1..1\nok 1 a\n", RESULT_PANIC, "the guest panicked");
	ended = OUTCOME_CRASH;
	expect(ENDED(255), "", RESULT_CRASH, "the guest crashed");
	ended = OUTCOME_RESET;
	expect(ENDED(255), "1..1\nok 1 a\n", RESULT_CRASH, "no status of the command: the guest reset itself");
	ended = OUTCOME_POWEROFF;
	expect(ENDED(255), "1..1\nok 1 a\n", RESULT_CRASH, "no status of the command: the guest powered off");
	ended = OUTCOME_FAILURE;
	expect(ENDED(125), "1..1\nok 1 a\n", RESULT_ERROR, "vmm: said");
	ended = OUTCOME_SIGNAL;
	expect(KILLED(15), "1..1\nok 1 a\n", RESULT_ERROR, "vmm: said");
	ended = OUTCOME_NONE;
}

/* What a command prints is not its kernel's. */
static void a_commands_kernel_complains_on_the_console(void **state)
{
	ended = OUTCOME_COMMAND;
	console = "";
	expect(ENDED(0), "BUG: x\nKernel panic - not syncing: x\n", RESULT_PASS, "");
	console = "[    1.000000] BUG: KASAN: use-after-free\r\n[    1.000000] ---[ end trace 0 ]---\r\n";
	expect(ENDED(0), "1..1\nok 1 a\n", RESULT_SPLAT, "BUG: KASAN: use-after-free");
	expect(ENDED(1), "", RESULT_FAIL, "it exited with status 1");
	ended = OUTCOME_PANIC;
	console = "[    1.000000] Kernel panic - not syncing: Fatal exception\r\n";
	expect(ENDED(255), "", RESULT_PANIC, "Kernel panic - not syncing: Fatal exception");
	ended = OUTCOME_NONE;
}

static enum outcome ended_in(const char *report)
{
	char text[128];

	strcpy(text, report);
	return judge_report(text, strlen(text));
}

static void a_report_says_how_a_command_ended(void **state)
{
	assert_int_equal(ended_in("{\"outcome\": {\"name\": \"command\"}}"), OUTCOME_COMMAND);
	assert_int_equal(ended_in("{\"outcome\": {\"name\": \"timeout\"}}\n"), OUTCOME_TIMEOUT);
	assert_int_equal(ended_in("{\"outcome\": {\"name\": \"signal\"}}"), OUTCOME_SIGNAL);
	assert_int_equal(ended_in("{\"outcome\": {\"name\": \"\"}}"), OUTCOME_NONE);
	assert_int_equal(ended_in("{\"outcome\": {\"name\": 1}}"), OUTCOME_NONE);
	assert_int_equal(ended_in("{\"outcome\": \"command\"}"), OUTCOME_NONE);
	assert_int_equal(ended_in("{\"outcome\": {\"name\": \"command\"}"), OUTCOME_NONE);
	assert_int_equal(ended_in("[]"), OUTCOME_NONE);
	assert_int_equal(ended_in(""), OUTCOME_NONE);
}

static void the_reason_is_what_vmm_says_of_the_end(void **state)
{
	errors =
		"vmm: a warning\nvmm: the guest crashed: KVM says so (triple fault)\nCPU 0: running\n"
		"last console output:\n| vmm: the guest crashed: not this\nvmm: no driver in the guest started disk0\n";
	expect(ENDED(36), "", RESULT_CRASH, "vmm: the guest crashed: KVM says so (triple fault)");
	errors = "vmm: the first\nvmm: k: No such file or directory\n| text\n";
	expect(ENDED(2), "", RESULT_ERROR, "vmm: k: No such file or directory");
	errors = "";
	expect(ENDED(125), "", RESULT_ERROR, "vmm did not end by itself");
	errors = "vmm: said\n";
}

static void a_timeout_says_where_the_cpus_were(void **state)
{
	errors = "vmm: the time limit of 20 s ran out\n"
		 "CPU 0: running, 64-bit mode, RIP 0xffffffff81000000 (f+0x1), RSP 0x1, CR3 0x2, interrupts on\n"
		 "  code: eb fe\nCPU 1: its registers cannot be read\n| CPU 7: text of the guest\n";
	expect(ENDED(124), "", RESULT_TIMEOUT,
		"its time ran out; CPU 0: running, 64-bit mode, RIP 0xffffffff81000000 (f+0x1); CPU 1: its registers "
		"cannot "
		"be read");
	errors = "CPU 0: a\nCPU 1: b\nCPU 2: c\nCPU 3: d\nCPU 4: e\n";
	expect(ENDED(124), "", RESULT_TIMEOUT, "its time ran out; CPU 0: a; CPU 1: b; CPU 2: c; CPU 3: d");
	errors = "vmm: said\n";
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

#define CUT   "------------[ cut here ]------------\n"
#define WARN  CUT "a text of its own\nWARNING: CPU: 0 PID: 1 at x.c:3 f+0x1/0x2\nCall Trace:\n f+0x1/0x2\n"
#define OOPS  "BUG: kernel NULL pointer dereference, address: 8\nOops: 0002 [#1] SMP\nRIP: 0010:g+0x1/0x2\n"
#define TRACE "---[ end trace 0000000000000000 ]---\n"

static void a_report_is_one_complaint_that_any_of_its_lines_allows(void **state)
{
	static const char *const ways[] = {
		"text of its own", "WARNING: CPU", "^ *f\\+0x1", "NULL", "Oops", "RIP: 0010:g"};
	static const char *const texts[] = {WARN TRACE, WARN TRACE, WARN TRACE, OOPS TRACE, OOPS TRACE, OOPS TRACE};
	char text[1024];
	regex_t r;

	expect(ENDED(0), WARN TRACE, RESULT_SPLAT, "WARNING: CPU: 0 PID: 1 at x.c:3 f+0x1/0x2");
	expect(ENDED(0), CUT "kernel BUG at x.c:1!\n" TRACE, RESULT_SPLAT, "kernel BUG at x.c:1!");
	expect(ENDED(0), CUT "what is this\n", RESULT_SPLAT, "------------[ cut here ]------------");
	for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
		assert_int_equal(regcomp(&r, ways[i], REG_EXTENDED | REG_NOSUB), 0);
		allowed = &r;
		expect(ENDED(0), texts[i], RESULT_PASS, "");
		snprintf(text, sizeof(text), "%sBUG: other\n", texts[i]);
		expect(ENDED(0), text, RESULT_SPLAT, "BUG: other");
		snprintf(text, sizeof(text), "%s" CUT "WARNING: CPU: 0 PID: 9\n" TRACE, texts[i]);
		if (i != 1)
			expect(ENDED(0), text, RESULT_SPLAT, "WARNING: CPU: 0 PID: 9");
		allowed = NULL;
		regfree(&r);
	}
}

/* Its end is looked for in 200 lines. */
static void a_report_is_so_long_at_most(void **state)
{
	static const char first[] = "INFO: task b:1 blocked\n", allows[] = "task a:1\n";
	char text[1024];
	regex_t r;

	assert_int_equal(regcomp(&r, "task a:1", REG_EXTENDED | REG_NOSUB), 0);
	allowed = &r;
	for (unsigned lines = 200; lines <= 201; lines++) {
		int n = snprintf(text, sizeof(text), "%s%s", first, allows);

		for (unsigned i = 2; i < lines; i++)
			n += snprintf(text + n, sizeof(text) - (size_t)n, "x\n");
		snprintf(text + n, sizeof(text) - (size_t)n, "%s", TRACE);
		if (lines == 200)
			expect(ENDED(0), text, RESULT_PASS, "");
		else
			expect(ENDED(0), text, RESULT_SPLAT, "INFO: task b:1 blocked");
	}
	allowed = NULL;
	regfree(&r);
}

static void a_report_without_an_end_is_its_first_lines(void **state)
{
	regex_t r;

	assert_int_equal(regcomp(&r, "task a:1|CPU: 0", REG_EXTENDED | REG_NOSUB), 0);
	allowed = &r;
	expect(ENDED(0), "INFO: task a:1 blocked\nINFO: task b:1 blocked\n", RESULT_SPLAT, "INFO: task b:1 blocked");
	expect(ENDED(0), "INFO: task a:1 blocked\n" WARN TRACE, RESULT_PASS, "");
	expect(ENDED(0), "INFO: task a:1 blocked\n" OOPS TRACE, RESULT_SPLAT,
		"BUG: kernel NULL pointer dereference, address: 8");
	expect(ENDED(0), WARN "BUG: other\n", RESULT_SPLAT, "BUG: other");
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
		cmocka_unit_test(a_commands_status_decides_with_its_results),
		cmocka_unit_test(an_end_without_a_commands_status_is_told),
		cmocka_unit_test(a_commands_kernel_complains_on_the_console),
		cmocka_unit_test(a_report_says_how_a_command_ended),
		cmocka_unit_test(the_reason_is_what_vmm_says_of_the_end),
		cmocka_unit_test(a_timeout_says_where_the_cpus_were),
		cmocka_unit_test(a_panic_in_the_text_counts_however_the_run_ended),
		cmocka_unit_test(a_kernel_that_complains_is_a_splat_of_a_test_that_passed),
		cmocka_unit_test(what_is_allowed_is_no_splat),
		cmocka_unit_test(a_report_is_so_long_at_most),
		cmocka_unit_test(a_report_is_one_complaint_that_any_of_its_lines_allows),
		cmocka_unit_test(a_report_without_an_end_is_its_first_lines),
		cmocka_unit_test(output_that_is_not_read_is_a_failure),
	};

	return run_group(tests);
}
