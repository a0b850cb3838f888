/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows of the table in cmd/options/options.c that only `vmm test` takes.
 */
#ifndef CMD_OPTIONS_OPTIONS_TEST_H
#define CMD_OPTIONS_OPTIONS_TEST_H

#define TEST_OPTION(name_, type_, metavar_, help_, man_)                                                               \
	{                                                                                                              \
		.name = name_, .section = SECTION_TEST, .type = type_, .metavar = metavar_, .help = help_,             \
		.man = OPTION_MAN(man_),                                                                               \
	}

#define TEST_NUMBER(name_, deflt_, min_, max_, help_, man_)                                                            \
	{                                                                                                              \
		.name = name_, .section = SECTION_TEST, .type = OPT_UINT, .deflt = deflt_, .min = min_, .max = max_,   \
		.help = help_, .man = OPTION_MAN(man_),                                                                \
	}

#define TEST_TABLE                                                                                                     \
	{.name = "fresh",                                                                                              \
		.section = SECTION_TEST,                                                                               \
		OPTION_SWITCH("off"),                                                                                  \
		.help = "boot a guest for each command, not a clone",                                                  \
		.man = OPTION_MAN(                                                                                     \
			"Boot a guest for each command.\nWithout it, commands whose kernel and machine are "           \
			"the same have clones of one guest, which is booted before the first of them and has a "       \
			"snapshot taken when it is ready for a command; if that fails, a line says why, and "          \
			"they boot.")},                                                                                \
		TEST_NUMBER("jobs", NULL, 1, 256, "tests or clones at once",                                           \
			"test: how many tests run at once.\n"                                                          \
			"Without it, as many as there are CPUs and as three quarters of the free memory hold; a line " \
			"says which of the two is the limit.\n"                                                        \
			"restore: how many clones run at once; without it, all."),                                     \
		TEST_NUMBER("retries", "0", 0, 100, "try a test again that was not as expected",                       \
			"Try a test again, at most this many times, whose outcome was not as expected.\n"              \
			"One that is as expected then counts as such, and is reported as flaky."),                     \
		TEST_OPTION("only", OPT_STRING, "PATTERN", "run the tests whose name or tag matches",                  \
			"Run only tests with a name or a tag that matches this pattern of *fnmatch*(3)."),             \
		TEST_OPTION("rerun-failed", OPT_PATH, "FILE", "leave out what was right in an earlier --json file",    \
			"Leave out the tests that were as expected in this file, which an earlier *--json* wrote."),   \
		TEST_OPTION("shard", OPT_STRING, "K/N", "run part K of N of the tests",                                \
			"Run part K of N of the tests: each of them is in one of the parts 1/N to N/N.\n"              \
			"All parts need the same list, *--durations* and N.\nA part without a test is no mistake."),   \
		TEST_OPTION("durations", OPT_PATH, "FILE", "how long tests take: an earlier --json file",              \
			"With *--shard*: make the parts equally long by the durations in this file, which an earlier " \
			"*--json* wrote.\nA new test counts as the mean of the others.\n"                              \
			"Without it tests are dealt out one by one."),                                                 \
		TEST_OPTION("record", OPT_PATH, "DIR", "write each result in a new file as it comes",                  \
			"Write each result in a new file of this directory, shard-K-of-N.jsonl, as it comes: a run "   \
			"that is killed loses none that was there.\n*--merge* reads it.\n"                             \
			"The directory is made, and what other runs have left in it stays."),                          \
		{.name = "merge",                                                                                      \
			.section = SECTION_TEST,                                                                       \
			OPTION_SWITCH("off"),                                                                          \
			.help = "no tests: reports of --record directories",                                           \
			.man = OPTION_MAN("Run no test: the words are files and directories that *--record* wrote, "   \
					  "all of one run, whose reports are written.")},                              \
		TEST_OPTION("debug-test", OPT_STRING, "NAME", "one test in the foreground: a shell, or gdb",           \
			"Run the test of this name alone, on the terminal, without a time limit and a verdict.\n"      \
			"In place of a command its guest runs /bin/sh, and a line says what the command is; a "        \
			"program "                                                                                     \
			"without a kernel waits for gdb, which is started, before its first instruction."),            \
		TEST_OPTION("known", OPT_PATH, "FILE", "failures that are known, one a line",                          \
			"Failures that are known.\n"                                                                   \
			"A line has a pattern for the name of a test and perhaps one for the name of a kernel; # "     \
			"begins a comment.\nSuch a test may end in any way but in an error; if it passes, that is "    \
			"reported and counts as a failure."),                                                          \
		TEST_OPTION("allow-splat", OPT_STRING, "REGEX", "complaints of the kernel that are no splat",          \
			"Complaints of the kernel that are no splat: an extended regular expression that matches a "   \
			"line of them, from the first to the end of the trace.\nA list's own *allow-splat* is in "     \
			"place of it."),                                                                               \
		TEST_OPTION("junit", OPT_PATH, "FILE", "write the results as JUnit XML",                               \
			"Write the results as JUnit XML.\n"                                                            \
			"Beyond 20 MB there are further files beside it, with -2 and so on in front of the last "      \
			"dot."),                                                                                       \
		TEST_OPTION("ktap", OPT_PATH, "FILE", "write the results as KTAP", "Write the results as KTAP 1."),    \
		TEST_OPTION("keep-logs", OPT_PATH, "DIR", "keep the output of each test in a directory",               \
			"Keep what each test and its vmm printed, up to 16 MiB, in a file of this directory.\n"        \
			"The directory is made, and what other runs have left in it stays.")

#endif
