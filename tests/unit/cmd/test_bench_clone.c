// SPDX-License-Identifier: Apache-2.0
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cmd/bench/clone.h"
#include "tests/support/unit.h"

static double sample[CLONE_METRICS][4];
static struct clone_session session;

/* What is printed of @nr restores */
static const char *printed(unsigned nr)
{
	static char text[4096];
	int out = memfd_create("out", MFD_CLOEXEC), saved = dup(STDOUT_FILENO);
	ssize_t n;

	for (unsigned m = 0; m < CLONE_METRICS; m++)
		session.sample[m] = sample[m];
	session.nr = nr;
	fflush(stdout);
	dup2(out, STDOUT_FILENO);
	clone_print_restores(&session);
	fflush(stdout);
	dup2(saved, STDOUT_FILENO);
	close(saved);
	n = pread(out, text, sizeof(text) - 1, 0);
	assert_true(n > 0);
	text[n] = '\0';
	close(out);
	return text;
}

static void row_of(const char *text, char row[128])
{
	const char *at = strstr(text, "\nfirst KVM_RUN ");

	assert_non_null(at);
	snprintf(row, 128, "%.*s", (int)strcspn(at + 1, "\n"), at + 1);
}

/* A time that is not known counts for nothing, and is said. */
static void what_a_busy_host_hid_is_said(void **state)
{
	char row[128], row_with_unknown[128];
	const char *text;

	memcpy(sample[CLONE_FIRST_RUN], (double[]){3, 4, 5, 0}, sizeof(sample[0]));
	memcpy(sample[CLONE_FLOOR], (double[]){2, 2, 2, 2}, sizeof(sample[0]));
	memcpy(sample[CLONE_FIRST_BYTE], (double[]){6, 7, 8, 9}, sizeof(sample[0]));
	text = printed(3);
	row_of(text, row);
	assert_null(strstr(text, "not known"));
	assert_non_null(strstr(text, "first KVM_RUN / floor: "));
	text = printed(4);
	assert_non_null(strstr(text, "! 1 of 4 times to the first KVM_RUN are not known: the host was too busy\n"));
	assert_null(strstr(text, "first KVM_RUN / floor: "));
	row_of(text, row_with_unknown);
	assert_string_equal(row_with_unknown, row);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_a_busy_host_hid_is_said),
	};

	return run_group(tests);
}
