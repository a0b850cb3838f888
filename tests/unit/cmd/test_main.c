// SPDX-License-Identifier: Apache-2.0
/*
 * The front desk: what `vmm` does before any of its commands. main() itself runs inside the test.
 */
#include <fcntl.h>
#include <string.h>

#include "tests/unit/cmd/captured.h"
#include "vmm/base/outcome.h"

int vmm_main(int argc, char **argv);

#define main vmm_main
#include "cmd/main.c"
#undef main

static void without_a_word_it_says_what_is_missing(void **state)
{
	static struct captured r;
	char *argv[] = {(char *)"vmm", NULL};

	captured_run(&r, vmm_main, 1, argv);
	assert_int_equal(r.status, EXIT_USAGE);
	assert_string_equal(r.out, "");
	assert_non_null(strstr(r.err, "vmm: no kernel to boot"));
}

static void a_word_is_a_command_or_a_file(void **state)
{
	static struct captured r;
	char *argv[] = {(char *)"vmm", (char *)"nonexistent", NULL};

	captured_run(&r, vmm_main, 2, argv);
	assert_int_equal(r.status, EXIT_USAGE);
	assert_non_null(strstr(r.err, "vmm: nonexistent: no command and no file"));
	argv[1] = (char *)"--version";
	captured_run(&r, vmm_main, 2, argv);
	assert_int_equal(r.status, 0);
	assert_memory_equal(r.out, "vmm ", 4);
	assert_string_equal(r.err, "");
}

/* The version is shorter than any buffer: that it could not be written shows when the buffer is flushed. */
static void an_answer_that_does_not_arrive_is_an_error(void **state)
{
	char *argv[] = {(char *)"vmm", (char *)"--version", NULL};
	int full = open("/dev/full", O_WRONLY | O_CLOEXEC), saved = dup(STDOUT_FILENO), status;

	assert_true(full >= 0 && saved >= 0);
	fflush(stdout);
	dup2(full, STDOUT_FILENO);
	status = vmm_main(2, argv);
	dup2(saved, STDOUT_FILENO);
	clearerr(stdout);
	close(saved);
	close(full);
	assert_int_equal(status, EXIT_FAILED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_a_word_it_says_what_is_missing),
		cmocka_unit_test(a_word_is_a_command_or_a_file),
		cmocka_unit_test(an_answer_that_does_not_arrive_is_an_error),
	};

	return run_group(tests);
}
