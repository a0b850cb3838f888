// SPDX-License-Identifier: Apache-2.0
/*
 * Shards of `vmm test`: each test is in exactly one, they are equally long as far as the durations of an earlier run
 * tell, and every machine computes the same; and what is read of an earlier run.
 */
#include <errno.h>
#include <string.h>

#include "cmd/test/shard.h"
#include "tests/support/unit.h"

#define JOBS 200

static void a_shard_is_two_numbers(void **state)
{
	static const char *const wrong[] = {"", "1", "/", "1/", "/2", "0/2", "3/2", "1/0", "-1/2", "1/2 ", " 1/2",
		"+1/2", "1/2/3", "1/10001", "99999999999999999999/1", "1/99999999999999999999", "a/b", "1:2"};
	struct shard s = {0};
	struct err e = {};

	assert_int_equal(shard_parse("3/8", &s, &e), 0);
	assert_true(s.k == 3 && s.of == 8);
	assert_int_equal(shard_parse("10000/10000", &s, &e), 0);
	assert_int_equal(shard_parse("1/1", &s, &e), 0);
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		assert_int_equal(shard_parse(wrong[i], &s, &e), -EINVAL);
		assert_true(s.k == 1 && s.of == 1);
		assert_non_null(strstr(e.text, "--shard "));
	}
}

static struct runner_job job[JOBS];
static char names[JOBS][16];

static void make_jobs(void)
{
	for (size_t i = 0; i < JOBS; i++) {
		snprintf(names[i], sizeof(names[i]), "t%03zu", i / 2);
		job[i] = (struct runner_job){.name = names[i], .kernel = i % 2 ? "6.1" : ""};
	}
}

static void read_earlier(struct earlier *a, const char *text)
{
	char path[] = "/tmp/vmm-earlier-XXXXXX";
	int fd = mkstemp(path);
	struct err e = {};

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	assert_int_equal(earlier_read(a, "durations", path, &e), 0);
	unlink(path);
}

static void without_durations_tests_are_dealt_out(void **state)
{
	struct earlier none = {0};
	unsigned in[JOBS];

	make_jobs();
	assert_int_equal(shard_assign(job, JOBS, &none, 7, in), 0);
	for (size_t i = 0; i < JOBS; i++)
		assert_int_equal(in[i], i % 7 + 1);
	/* More shards than tests: some have none. */
	assert_int_equal(shard_assign(job, 3, &none, 7, in), 0);
	assert_true(in[0] == 1 && in[1] == 2 && in[2] == 3);
	assert_int_equal(shard_assign(job, 0, &none, 7, in), 0);
}

/* Test 5 on no kernel takes as long as all others together; the others are new, known, or of no duration. */
static void durations_make_shards_equally_long(void **state)
{
	struct earlier a = {0};
	unsigned in[JOBS], again[JOBS], nr[5] = {0};
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	fputs("{\"format\": \"vmm test 1\", \"tests\": [{\"name\": \"t002\", \"seconds\": 100}", f);
	for (int i = 10; i < 100; i++)
		fprintf(f,
			", {\"name\": \"t%03d\", \"seconds\": %d}, {\"name\": \"t%03d\", \"kernel\": \"6.1\", "
			"\"seconds\": 1}",
			i, i % 3 ? 1 : 0, i);
	fputs("]}", f);
	fclose(f);
	read_earlier(&a, text);
	free(text);
	make_jobs();
	assert_int_equal(shard_assign(job, JOBS, &a, 4, in), 0);
	assert_int_equal(shard_assign(job, JOBS, &a, 4, again), 0);
	assert_memory_equal(in, again, sizeof(in));
	for (size_t i = 0; i < JOBS; i++) {
		assert_in_range(in[i], 1, 4);
		nr[in[i]]++;
	}
	assert_int_equal(in[4], 1);
	assert_int_equal(nr[1] + nr[2] + nr[3] + nr[4], JOBS);
	/* 100 s beside a sum of about 250: it has its shard to itself, and the others share. */
	assert_int_equal(nr[1], 1);
	assert_in_range(nr[2], JOBS / 4, JOBS / 3 + 5);
	assert_in_range(nr[3], JOBS / 4, JOBS / 3 + 5);
	earlier_destroy(&a);
}

static void an_earlier_run_is_asked_by_name_and_kernel(void **state)
{
	struct earlier a = {0};
	double s = 0;

	assert_false(earlier_was_expected(&a, "a", ""));
	assert_false(earlier_seconds(&a, "a", "", &s));
	read_earlier(&a,
		"{\"format\": \"vmm test 1\", \"tests\": [{\"name\": \"b\", \"expected\": true, \"seconds\": 2.5}, "
		"{\"name\": \"a\", \"kernel\": \"6.1\", \"expected\": true, \"seconds\": 1}, "
		"{\"name\": \"a\", \"kernel\": \"5.10\", \"expected\": false, \"seconds\": 3}, "
		"{\"name\": \"a\", \"kernel\": \"5.10\", \"expected\": true, \"seconds\": 4}, "
		"{\"name\": \"c\", \"expected\": 1, \"seconds\": \"1\"}, 7]}");
	assert_true(earlier_was_expected(&a, "b", ""));
	assert_true(earlier_was_expected(&a, "a", "6.1"));
	/* Of several the first. */
	assert_false(earlier_was_expected(&a, "a", "5.10"));
	assert_true(earlier_seconds(&a, "a", "5.10", &s) && s > 2.9 && s < 3.1);
	assert_false(earlier_was_expected(&a, "a", ""));
	assert_false(earlier_was_expected(&a, "b", "6.1"));
	assert_false(earlier_was_expected(&a, "c", ""));
	assert_false(earlier_seconds(&a, "c", "", &s));
	earlier_destroy(&a);
}

static void a_file_that_is_none_is_refused(void **state)
{
	struct earlier a = {0};
	struct err e = {};

	assert_int_equal(earlier_read(&a, "durations", "/no/such", &e), -ENOENT);
	assert_string_equal(e.text, "--durations /no/such: No such file or directory");
	earlier_destroy(&a);
	assert_int_equal(earlier_read(&a, "durations", "/dev/null", &e), -EINVAL);
	earlier_destroy(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_shard_is_two_numbers),
		cmocka_unit_test(without_durations_tests_are_dealt_out),
		cmocka_unit_test(durations_make_shards_equally_long),
		cmocka_unit_test(an_earlier_run_is_asked_by_name_and_kernel),
		cmocka_unit_test(a_file_that_is_none_is_refused),
	};

	return run_group(tests);
}
