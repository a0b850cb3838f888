// SPDX-License-Identifier: Apache-2.0
/*
 * Which jobs of `vmm test` get clones, of which guest, and by which command line; with a script in the place of vmm.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/test/snapshots.h"
#include "tests/support/unit.h"
#include "vmm/base/clock.h"

#define JOBS 8

struct bench {
	char dir[64], vmm[96], log[96];
	struct launch_spec spec[JOBS];
	struct runner_job job[JOBS];
	size_t nr;
	struct test_snapshots s;
};

/* What it is called with goes to a file; @script follows. */
static void up(struct bench *b, const char *script)
{
	FILE *f;

	*b = (struct bench){.dir = "/tmp/vmm-snapshots.XXXXXX"};
	assert_non_null(mkdtemp(b->dir));
	snprintf(b->vmm, sizeof(b->vmm), "%s/vmm", b->dir);
	snprintf(b->log, sizeof(b->log), "%s/log", b->dir);
	f = fopen(b->vmm, "w");
	assert_non_null(f);
	fprintf(f, "#!/bin/sh\necho \"$*\" >>%s\n%s\n", b->log, script);
	fclose(f);
	assert_int_equal(chmod(b->vmm, 0700), 0);
}

static void down(struct bench *b)
{
	test_snapshots_destroy(&b->s);
	for (size_t i = 0; i < b->nr; i++) {
		for (char **word = b->spec[i].argv; *word; word++)
			free(*word);
		free(b->spec[i].argv);
	}
	unlink(b->log);
	unlink(b->vmm);
	assert_int_equal(rmdir(b->dir), 0);
}

/* @line: of options and, behind --, a command; blanks between its words */
static void add_job(struct bench *b, const char *line)
{
	char *copy = strdup(line), *rest = copy, *word;
	char **argv = calloc(32, sizeof(*argv));
	size_t n = 0;

	assert_true(copy && argv);
	argv[n++] = strdup(b->vmm);
	argv[n++] = strdup("run");
	while ((word = strsep(&rest, " ")))
		argv[n++] = strdup(word);
	free(copy);
	b->job[b->nr] = (struct runner_job){.name = "test", .kernel = "vmlinux", .command = true};
	b->spec[b->nr++] = (struct launch_spec){.argv = argv};
}

static void take(struct bench *b)
{
	struct err e = {};

	if (test_snapshots_take(&b->s, b->spec, b->job, b->nr, 2, 60 * NSEC_PER_SEC, &e) < 0)
		fail_msg("%s", e.text);
}

static void line_of(struct bench *b, size_t i, char *buf, size_t size)
{
	size_t n = 0;

	buf[0] = 0;
	for (char **word = b->spec[i].argv + 1; *word; word++)
		n += (size_t)snprintf(buf + n, size - n, "%s%s", n ? " " : "", *word);
}

static void must_be(struct bench *b, size_t i, const char *line)
{
	char text[1024];

	line_of(b, i, text, sizeof(text));
	assert_string_equal(text, line);
}

/* Lines of the log, sorted by nothing: @nr of them have @text. */
static void must_have_run(struct bench *b, unsigned nr, const char *text)
{
	FILE *f = fopen(b->log, "r");
	char line[1024];
	unsigned n = 0;

	while (f && fgets(line, sizeof(line), f))
		n += strstr(line, text) != NULL;
	if (f)
		fclose(f);
	assert_int_equal(n, nr);
}

#define WRITES "echo \"machine\" >&5; echo \"a warning\" >&3"

static void one_machine_is_booted_once(void **state)
{
	struct bench b;
	struct stat st;

	up(&b, WRITES);
	add_job(&b, "--mem=64M --kernel=/k --as=root --out=/o/1 --report=/dev/fd/4 --timeout=5s --root=/ -- sh -c a");
	add_job(&b, "--mem=64M --kernel=/k --out=/o/2 --console=file=/dev/fd/3 --timeout=9s --root=/ -- --mem=1 {}");
	add_job(&b, "--mem=96M --kernel=/k --root=/ -- a");
	add_job(&b, "--mem=64M --kernel=/k --sandbox=off --root=/ -- a");
	take(&b);
	must_have_run(&b, 1, "run ");
	must_have_run(&b, 1,
		"run --mem=64M --kernel=/k --root=/ --timeout=60000ms --console=file=/dev/fd/3 "
		"--snapshot=/dev/fd/5,on=ready\n");
	must_be(&b, 0, "restore /dev/fd/5 --as=root --out=/o/1 --report=/dev/fd/4 --timeout=5s -- sh -c a");
	must_be(&b, 1, "restore /dev/fd/5 --out=/o/2 --console=file=/dev/fd/3 --timeout=9s -- --mem=1 {}");
	/* One that nobody shares its machine with boots by itself. */
	must_be(&b, 2, "run --mem=96M --kernel=/k --root=/ -- a");
	must_be(&b, 3, "run --mem=64M --kernel=/k --sandbox=off --root=/ -- a");
	assert_int_equal(b.spec[0].snapshot, b.spec[1].snapshot);
	assert_true(b.spec[0].snapshot >= LAUNCH_FD_ABOVE);
	assert_int_equal(b.spec[2].snapshot, 0);
	/* Nobody can change it any more. */
	assert_int_equal(fstat(b.spec[0].snapshot, &st), 0);
	assert_int_equal(st.st_size, 8);
	assert_int_equal(pwrite(b.spec[0].snapshot, "x", 1, 0), -1);
	assert_int_equal(ftruncate(b.spec[0].snapshot, 0), -1);
	/* What the kernel complained of is each test's. */
	assert_int_equal(b.job[1].boot_size, 10);
	assert_memory_equal(b.job[1].boot, "a warning\n", 10);
	assert_null(b.job[2].boot);
	down(&b);
}

static void machines_have_one_each(void **state)
{
	struct bench b;

	up(&b, WRITES);
	for (unsigned i = 0; i < 2; i++) {
		add_job(&b, "--kernel=/k1 --root=/ -- a");
		add_job(&b, "--kernel=/k2 --root=/ --no-acpi -- a");
		add_job(&b, "--kernel=/k2 --root=/ --disk path=/d -- a");
	}
	take(&b);
	must_have_run(&b, 2, "run ");
	must_have_run(&b, 1, "--kernel=/k1 --root=/ --timeout");
	must_have_run(&b, 1, "--kernel=/k2 --root=/ --acpi=off --timeout");
	assert_true(b.spec[0].snapshot && b.spec[0].snapshot == b.spec[3].snapshot);
	assert_true(b.spec[1].snapshot && b.spec[1].snapshot == b.spec[4].snapshot);
	assert_true(b.spec[0].snapshot != b.spec[1].snapshot);
	/* What a snapshot has no place for boots. */
	must_be(&b, 5, "run --kernel=/k2 --root=/ --disk path=/d -- a");
	down(&b);
}

static void one_that_fails_leaves_boots(void **state)
{
	static const char *const scripts[] = {"exit 125", "echo x >&5; exit 2", "exit 0", "kill -9 $$",
		"printf 'vmm: no \\033[31m memory\\n' >&2; exit 125"};

	for (size_t i = 0; i < ARRAY_SIZE(scripts); i++) {
		struct bench b;

		up(&b, scripts[i]);
		add_job(&b, "--kernel=/k --root=/ -- a");
		add_job(&b, "--kernel=/k --root=/ -- b");
		take(&b);
		must_be(&b, 0, "run --kernel=/k --root=/ -- a");
		must_be(&b, 1, "run --kernel=/k --root=/ -- b");
		assert_int_equal(b.spec[0].snapshot, 0);
		assert_null(b.job[0].boot);
		down(&b);
	}
}

static void tests_without_a_command_boot(void **state)
{
	struct bench b;

	up(&b, WRITES);
	add_job(&b, "--kernel=/k --root=/ -- a");
	add_job(&b, "--kernel=/k --root=/ -- b");
	b.job[0].command = b.job[1].command = false;
	take(&b);
	must_have_run(&b, 0, "");
	must_be(&b, 0, "run --kernel=/k --root=/ -- a");
	down(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_machine_is_booted_once),
		cmocka_unit_test(machines_have_one_each),
		cmocka_unit_test(one_that_fails_leaves_boots),
		cmocka_unit_test(tests_without_a_command_boot),
	};

	return run_group(tests);
}
