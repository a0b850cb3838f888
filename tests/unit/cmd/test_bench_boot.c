// SPDX-License-Identifier: Apache-2.0
/*
 * What `vmm bench boot` shows while it measures. The runs are made up: nothing is started.
 */
#include <errno.h>
#include <pty.h>
#include <stdint.h>
#include <string.h>

#include "cmd/bench/bench.h"
#include "cmd/bench/launch.h"
#include "tests/unit/cmd/captured.h"
#include "vmm/base/clock.h"

static unsigned runs;

int __wrap_launch_run(const struct launch *l, struct timing *ret, struct err *e);

/* The first takes 10.5 ms, each other a millisecond more. */
int __wrap_launch_run(const struct launch *l, struct timing *ret, struct err *e)
{
	const uint64_t took = 10500000 + runs++ * NSEC_PER_MSEC;

	*ret = (struct timing){
		.end = LAUNCH_MARKER, .first_byte = took / 2, .marker = took, .cpu = took, .rss_bytes = 1};
	return 0;
}

/* With a terminal as standard error. Return: its contents */
static const char *on_a_terminal(int argc, char **argv)
{
	static char shown[4096];
	static struct captured r;
	int master, slave, saved = dup(STDERR_FILENO), out = memfd_create("out", MFD_CLOEXEC),
			   saved_out = dup(STDOUT_FILENO);
	ssize_t n;
	size_t size = 0;

	runs = 0;
	assert_int_equal(openpty(&master, &slave, NULL, NULL, NULL), 0);
	fflush(stdout);
	dup2(slave, STDERR_FILENO);
	dup2(out, STDOUT_FILENO);
	r.status = bench_boot(argc, argv);
	fflush(stdout);
	dup2(saved, STDERR_FILENO);
	dup2(saved_out, STDOUT_FILENO);
	close(saved);
	close(saved_out);
	close(out);
	/* A worker of the kernel brings it over, in any number of parts; with the last writer gone it ends in EIO. */
	close(slave);
	while ((n = read(master, shown + size, sizeof(shown) - 1 - size)) > 0)
		size += (size_t)n;
	close(master);
	assert_int_equal(r.status, 0);
	assert_true(size > 0);
	shown[size] = '\0';
	return shown;
}

static void who_waits_sees_each_run_and_the_one_before(void **state)
{
	char *argv[] = {(char *)"boot", (char *)"--runs", (char *)"3", (char *)"--warmup", (char *)"1", (char *)"--",
		(char *)"--kernel", (char *)"/dev/null", NULL};
	static const char want[] = "\r\033[Kwarm-up 1 of 1"
				   "\r\033[Krun 1 of 3"
				   "\r\033[Krun 2 of 3  vmm 11.5 ms"
				   "\r\033[Krun 3 of 3  vmm 12.5 ms"
				   "\r\033[K";

	assert_string_equal(on_a_terminal(8, argv), want);
}

static void both_sides_of_a_pair_are_shown(void **state)
{
	char *argv[] = {(char *)"boot", (char *)"--runs", (char *)"2", (char *)"--warmup", (char *)"0",
		(char *)"--versus", (char *)"/bin/true", (char *)"--", (char *)"--kernel", (char *)"/dev/null", NULL};
	static const char want[] = "\r\033[Krun 1 of 2"
				   "\r\033[Krun 2 of 2  vmm 10.5 ms  true 11.5 ms"
				   "\r\033[K";

	assert_string_equal(on_a_terminal(10, argv), want);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_waits_sees_each_run_and_the_one_before),
		cmocka_unit_test(both_sides_of_a_pair_are_shown),
	};

	return run_group(tests);
}
