/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows of the table in cmd/options/options.c that only `vmm bench` takes.
 */
#ifndef CMD_OPTIONS_OPTIONS_BENCH_H
#define CMD_OPTIONS_OPTIONS_BENCH_H

#define BENCH_NUMBER(name_, deflt_, min_, max_, help_, man_)                                                           \
	{                                                                                                              \
		.name = name_, .section = SECTION_BENCH, .type = OPT_UINT, .deflt = deflt_, .min = min_, .max = max_,  \
		.help = help_, .man = OPTION_MAN(man_),                                                                \
	}
#define BENCH_FILE(name_, help_, man_)                                                                                 \
	{                                                                                                              \
		.name = name_, .section = SECTION_BENCH, .type = OPT_PATH, .metavar = "FILE", .help = help_,           \
		.man = OPTION_MAN(man_),                                                                               \
	}

#define BENCH_TEXT(name_, metavar_, help_, man_)                                                                       \
	{                                                                                                              \
		.name = name_, .section = SECTION_BENCH, .type = OPT_STRING, .metavar = metavar_, .help = help_,       \
		.man = OPTION_MAN(man_),                                                                               \
	}

#define BENCH_BOOT_OPTIONS                                                                                             \
	BENCH_NUMBER("runs", "10", 1, 1000000, "boots or restores that are counted",                                   \
		"boot, clone: how many boots, or restores and snapshots, are counted."),                               \
		BENCH_TEXT("marker", "TEXT", "what the guest prints when its boot is done",                            \
			"boot: a boot is done when this text is on standard output or standard error, and is then "    \
			"ended.\n"                                                                                     \
			"Without it a boot is done when the command ends.\n"                                           \
			"clone: what each clone prints once it runs; without it clones have 2 s and 20 ms each."),     \
		BENCH_TEXT("input", "TEXT", "what is typed to a restored guest",                                       \
			"clone: what is typed to a restored guest, whose first byte then answers it, with a newline "  \
			"behind; without it nothing is typed."),                                                       \
		BENCH_FILE("lines", "lines for the guest, each with a reset",                                          \
			"clone: give the guest of the snapshot each line of this file, again and again, and time "     \
			"the resets in between (*--each-line* of vmm restore)."),                                      \
		BENCH_TEXT("versus", "'CMD'", "another command, which takes turns with vmm",                           \
			"boot: another command, which takes turns with vmm.\n"                                         \
			"Blanks separate its words, and quotes and backslashes work as in a shell, which it is not: "  \
			"nothing is expanded."),                                                                       \
		BENCH_FILE("csv", "write every boot to a file", "boot: write a line for each boot to this file."),     \
		BENCH_FILE("baseline", "compare with this earlier --json file",                                        \
			"boot, clone: compare with the boots or restores in this file, which an earlier *--json* "     \
			"wrote."),                                                                                     \
		BENCH_TEXT("name", "TEXT", "what the rows of vmm are named (vmm)",                                     \
			"boot: the name of the rows of *vmm*, up to 64 characters; vmm unless told otherwise."),       \
		BENCH_TEXT("versus-name", "TEXT", "what those of --versus are named",                                  \
			"boot: the name of the rows of *--versus*; unless told otherwise its program's."),             \
		BENCH_TEXT("max-ratio", "R", "exit with 40 if slower than this, 41 if undecided",                      \
			"boot, clone: exit with status 40 when the median is more than this many times that of "       \
			"*--baseline*, *--versus* or the floor, as 1.05: when all of the ratio's interval is above "   \
			"R.\n"                                                                                         \
			"When the interval holds R, or too few runs were made for a confidence of 95 %, the status "   \
			"is 41: undecided."),                                                                          \
	{                                                                                                              \
		.name = "phases", .section = SECTION_BENCH, OPTION_SWITCH("off"),                                      \
		.help = "a table of the phases of vmm's runs",                                                         \
		.man = OPTION_MAN("boot: let each run of vmm write a report, and sum up its phases, from exec on.\n"   \
				  "To write it costs some tenths of a ms, most of them in the phase of that name."),   \
	}

#define BENCH_OPTIONS                                                                                                  \
	BENCH_NUMBER("count", "1000", 1, 100000, "guests made one after the other, and alive in the rounds",           \
		"lifecycle: how many guests are made and closed one after the other, and how many are alive in the "   \
		"rounds."),                                                                                            \
		BENCH_NUMBER("alive", "1000", 0, 100000, "guests made without closing any",                            \
			"lifecycle: how many guests are made before any is closed, with a row each 1,000.\n"           \
			"A limit of the host may end it sooner; it says which."),                                      \
		BENCH_NUMBER("rounds", "5", 1, 1000, "how often the live guests run again",                            \
			"lifecycle: how often all live guests run again, for each way to reset them.\n"                \
			"clone: how many resets there are of each kind; exec: how many calls."),                       \
		BENCH_NUMBER("iterations", "10000", 1, 1000000, "how often each path is timed",                        \
			"exits: how often each path is timed."),                                                       \
		BENCH_NUMBER("warmup", "1000", 1, 1000000, "how often it runs before that",                            \
			"exits: how often each path runs before it is timed.\n"                                        \
			"boot, clone: how many boots or restores come before those that are counted."),                \
		BENCH_NUMBER("pin", NULL, 0, 1023, "the host's CPU to run on",                                         \
			"exits: the CPU of the host to which the program is bound."),                                  \
		BENCH_FILE("json", "write all of it to a file, as JSON", "Write all figures to this file, as JSON."),  \
		BENCH_FILE("svg", "draw the figures into a file", "Draw the figures into this file, as SVG.")

#endif
