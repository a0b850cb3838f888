// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "cmd/test/known.h"
#include "cmd/test/list.h"
#include "tests/support/unit.h"
#include "vmm/base/clock.h"
#include "vmm/base/util.h"

static struct test_list list;
static struct err error;

static int add(const char *text)
{
	test_list_destroy(&list);
	return test_list_add_text(&list, "dir/a.ini", text, strlen(text), &error);
}

static void a_section_is_a_test_with_its_settings(void **state)
{
	assert_int_equal(
		add("# tests\n[one]\nmem = 64M\n timeout = 2s\ncpus=2\r\n\n[ two ]\nprogram = p,mode=long\nmem = 1M\n"),
		0);
	assert_int_equal(list.nr, 2);
	assert_string_equal(list.test[0]->name, "a.ini:one");
	assert_string_equal(list.test[0]->dir, "dir/");
	assert_true(list.test[0]->machine);
	assert_int_equal(list.test[0]->nr_args, 4);
	assert_string_equal(list.test[0]->arg[0], "run");
	assert_string_equal(list.test[0]->arg[1], "--mem=64M");
	assert_int_equal(list.test[0]->mem_bytes, 64 * MIB);
	assert_int_equal(list.test[0]->timeout_ns, 2 * NSEC_PER_SEC);
	assert_int_equal(list.test[0]->cpus, 2);
	assert_string_equal(list.test[1]->name, "a.ini:two");
	assert_false(list.test[1]->machine);
	assert_string_equal(list.test[1]->arg[0], "flat");
	assert_string_equal(list.test[1]->arg[1], "p,mode=long");
	assert_string_equal(list.test[1]->arg[2], "--mem=1M");
}

static void keys_of_a_test_are_not_settings(void **state)
{
	assert_int_equal(add("[a]\nexpect = panic\ntags = x yz\nallow-splat = ^BUG\nkernel = k\n"), 0);
	assert_int_equal(list.test[0]->expect, RESULT_PANIC);
	assert_true(list.test[0]->has_allow);
	assert_true(list.test[0]->has_kernel);
	assert_int_equal(list.test[0]->nr_args, 2);
	assert_true(test_case_matches(list.test[0], "yz"));
	assert_true(test_case_matches(list.test[0], "a.ini:*"));
	assert_false(test_case_matches(list.test[0], "y"));
}

static void words_are(const struct test_case *t, const char *want)
{
	char text[256] = "";

	assert_true(t->machine);
	assert_string_equal(t->arg[0], "run");
	for (size_t i = 0; i < t->nr_words; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s<%s>", i ? " " : "", t->word[i]);
	assert_string_equal(text, want);
}

static void a_command_has_words_and_settings(void **state)
{
	assert_int_equal(add("[a]\nmem = 64M\ncommand = ./t.sh  -x 'a  b'\"c d\"e \"it's\" ''\nas = root\n"), 0);
	words_are(list.test[0], "<./t.sh> <-x> <a  bc de> <it's> <>");
	assert_int_equal(list.test[0]->nr_args, 3);
	assert_true(test_case_sets(list.test[0], "as"));
	assert_true(test_case_sets(list.test[0], "mem"));
	assert_false(test_case_sets(list.test[0], "me"));
	assert_false(test_case_sets(list.test[0], "cpus"));
}

static void a_name_is_put_into_the_words_of_a_command(void **state)
{
	static const char *const words[] = {"t{}{}", "{}", "{", "{}.log"};
	FILE *in = fmemopen((void *)"one\n\n  two {}\r\nthree", 22, "r");

	test_list_destroy(&list);
	list.command = words;
	list.nr_command = ARRAY_SIZE(words);
	assert_true(test_list_takes_names(&list));
	assert_int_equal(test_list_add(&list, "/no/such/file", &error), 0);
	assert_int_equal(test_list_add_names(&list, in, &error), 0);
	fclose(in);
	assert_int_equal(list.nr, 4);
	assert_string_equal(list.test[0]->name, "/no/such/file");
	words_are(list.test[0], "<t/no/such/file/no/such/file> </no/such/file> <{> </no/such/file.log>");
	words_are(list.test[1], "<toneone> <one> <{> <one.log>");
	words_are(list.test[2], "<t  two {}  two {}> <  two {}> <{> <  two {}.log>");
	assert_string_equal(list.test[3]->name, "three");
	test_list_destroy(&list);
	list.command = words + 2;
	list.nr_command = 1;
	assert_false(test_list_takes_names(&list));
	list.command = (const char *const[]){"a", "b c"};
	list.nr_command = 2;
	assert_int_equal(test_list_add_command(&list, &error), 0);
	assert_string_equal(list.test[0]->name, "a b c");
	words_are(list.test[0], "<a> <b c>");
}

static void make(const char *dir, const char *name, int mode)
{
	char path[80];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, mode);
	assert_true(fd >= 0);
	close(fd);
}

static void programs_of_a_directory_run_in_it(void **state)
{
	char dir[] = "/tmp/vmm-list-XXXXXX", path[80], with_slash[80];

	assert_non_null(mkdtemp(dir));
	make(dir, "a", 0755);
	make(dir, "b.txt", 0644);
	make(dir, "c,d", 0755);
	make(dir, "e.ini", 0644);
	snprintf(with_slash, sizeof(with_slash), "%s/", dir);
	test_list_destroy(&list);
	list.commands = true;
	assert_int_equal(test_list_add(&list, dir, &error), 0);
	assert_int_equal(list.nr, 2);
	words_are(list.test[0], "<./a>");
	assert_string_equal(list.test[0]->dir, with_slash);
	snprintf(path, sizeof(path), "%s/a", dir);
	assert_string_equal(list.test[0]->name, path);
	words_are(list.test[1], "<./c,d>");
	/* One that is named is meant. */
	snprintf(path, sizeof(path), "%s/b.txt", dir);
	assert_int_equal(test_list_add(&list, path, &error), -EINVAL);
	assert_non_null(strstr(error.text, "neither executable nor a list"));
	snprintf(path, sizeof(path), "rm -r %s", dir);
	assert_int_equal(system(path), 0);
}

/* A warning of the kernel must be printed to be noticed. */
static void quiet_is_noticed_where_nothing_else_sets_what_is_printed(void **state)
{
	static const struct {
		const char *words;
		bool quiet;
	} rows[] = {
		{"append = quiet", true},
		{"append = a=b quiet\nappend = c", true},
		{"cmdline = console=ttyS0 quiet x", true},
		{"append = quietly", false},
		{"append = a=quiet", false},
		{"append = quiet loglevel=3", false},
		{"append = loglevel=7\nappend = quiet", false},
		{"append = quiet ignore_loglevel", false},
		{"append = debug quiet", false},
		{"append = quiet debugfs=off", true},
		{"initrd = quiet", false},
	};
	char text[128];

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		snprintf(text, sizeof(text), "[a]\n%s\n", rows[i].words);
		assert_int_equal(add(text), 0);
		assert_int_equal(test_case_is_quiet(list.test[0]), rows[i].quiet);
	}
}

static void what_is_wrong_is_said_with_its_line(void **state)
{
	static const struct {
		const char *text;
		const char *words;
	} wrong[] = {
		{"mem = 1M\n", "dir/a.ini:1: mem = 1M: stands before the first [NAME]"},
		{"[a\n", "dir/a.ini:1: [a: a section is [NAME]"},
		{"[]\n", "dir/a.ini:1: []: a section is [NAME]"},
		{"[a]\n[a]\n", "dir/a.ini:2: [a]: there is a test of this name already"},
		{"[a]\nword\n", "dir/a.ini:2: word: neither [NAME] nor KEY = VALUE"},
		{"[a]\nfoo = 1\n", "dir/a.ini:2: foo: neither a key of a test nor a setting of vmm"},
		{"[a]\nhelp = 1\n", "dir/a.ini:2: help: neither a key of a test nor a setting of vmm"},
		{"[a]\nmem = x\n", "dir/a.ini:2: mem = x: "},
		{"[a]\nexpect = error\n", "dir/a.ini:2: expect = error: not an outcome"},
		{"[a]\nallow-splat = (\n", "dir/a.ini:2: allow-splat = (: not a regular expression"},
		{"[a]\nallow-splat = a\nallow-splat = b\n", "dir/a.ini:3: allow-splat: already set"},
		{"[a]\nmem = 64M\nprogram = p\n", "dir/a.ini:3: program: stands in front"},
		{"[a]\nprogram = p\ncpus = 2\n", "dir/a.ini:3: cpus: has no effect on a program without a kernel"},
		{"[a]\ncommand = 'a\n", "dir/a.ini:2: command: a quote has no end"},
		{"[a]\ncommand =\n", "dir/a.ini:2: command: has no word"},
		{"[a]\ncommand = a\ncommand = b\n", "dir/a.ini:3: command: stands once"},
		{"[a]\nprogram = p\ncommand = a\n", "dir/a.ini:3: command: stands once, and not with program"},
		{"[a]\ncommand = a\nprogram = p\n", "dir/a.ini:3: program: stands in front"},
		{"[a]\n\x01\n", "dir/a.ini:2: not a text file: byte 0x01"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		assert_true(add(wrong[i].text) < 0);
		assert_memory_equal(error.text, wrong[i].words, strlen(wrong[i].words));
	}
}

static void more_settings_than_fit_are_refused(void **state)
{
	char text[20 + 12 * (TEST_ARGS_MAX + 2)] = "[a]\n";

	for (int i = 0; i < TEST_ARGS_MAX; i++)
		strcat(text, "append = a\n");
	assert_int_equal(add(text), 0);
	strcat(text, "append = a\n");
	assert_int_equal(add(text), -EINVAL);
}

static void known_failures_are_patterns_of_test_and_kernel(void **state)
{
	static const char text[] = "# all\nflaky-*\nnet* 6.1*  # later\n\n";
	struct known k = {0};

	assert_int_equal(known_add_text(&k, "known", text, strlen(text), &error), 0);
	assert_true(known_has(&k, "flaky-1", "any"));
	assert_true(known_has(&k, "flaky-1", ""));
	assert_true(known_has(&k, "net.ini:a", "6.1.2"));
	assert_false(known_has(&k, "net.ini:a", "6.2"));
	assert_false(known_has(&k, "steady", "6.1"));
	known_destroy(&k);
	assert_int_equal(known_add_text(&k, "known", "a b c\n", 6, &error), -EINVAL);
	assert_non_null(strstr(error.text, "known:1: "));
	known_destroy(&k);
}

static int tear_down(void **state)
{
	test_list_destroy(&list);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_section_is_a_test_with_its_settings),
		cmocka_unit_test(keys_of_a_test_are_not_settings),
		cmocka_unit_test(a_command_has_words_and_settings),
		cmocka_unit_test(a_name_is_put_into_the_words_of_a_command),
		cmocka_unit_test(programs_of_a_directory_run_in_it),
		cmocka_unit_test(quiet_is_noticed_where_nothing_else_sets_what_is_printed),
		cmocka_unit_test(what_is_wrong_is_said_with_its_line),
		cmocka_unit_test(more_settings_than_fit_are_refused),
		cmocka_unit_test(known_failures_are_patterns_of_test_and_kernel),
	};

	return run_group_with(tests, NULL, tear_down);
}
