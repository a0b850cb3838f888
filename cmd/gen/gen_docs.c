// SPDX-License-Identifier: Apache-2.0
/*
 * Runs while the project is built: fills the prose templates in docs/ from the option table and the table of
 * outcomes, so that manual pages and completion cannot fall behind the program. A line of a template that is only a
 * placeholder, such as @OPTIONS@, is replaced by what the table below says; all others are copied, with @VERSION@
 * replaced inside them.
 */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "cmd/gen/gen_completion.h"
#include "cmd/options/command_info.h"
#include "cmd/options/commands.h"
#include "cmd/options/device_list.h"
#include "cmd/options/options.h"
#include "vmm/base/outcome.h"
#include "vmm/base/units.h"
#include "vmm/exec/calls.h"
#include "vmm/program/flat_ports.h"

#define TEXT_COLUMNS 72

/*
 * A word as mdoc text, into @out of at least 4 * len + 1 bytes: a dash stays a dash, and *NAME* stands out. Return: how
 * many bytes were written.
 */
static int escape(char *out, const char *text, int len)
{
	bool bold = false;
	char *at = out;

	for (int i = 0; i < len; i++) {
		switch (text[i]) {
		case '*':
			bold = !bold;
			at = stpcpy(at, bold ? "\\fB" : "\\fP");
			break;
		case '\\': at = stpcpy(at, "\\e"); break;
		case '-': at = stpcpy(at, "\\-"); break;
		case '\'': at = stpcpy(at, "\\(aq"); break;
		case '"': at = stpcpy(at, "\\(dq"); break;
		default: *at++ = text[i];
		}
	}
	*at = '\0';
	return (int)(at - out);
}

#define WORD_MAX 256

static void put_escaped(const char *text, int len)
{
	char out[4 * WORD_MAX + 1];

	assert(len <= WORD_MAX);
	escape(out, text, len);
	fputs(out, stdout);
}

/* mdoc: a sentence ends its line, and no line is long. */
static void put_text(const char *text)
{
	int at = 0;

	while (*text) {
		int len = (int)strcspn(text, " \n"), wide;
		char word[4 * WORD_MAX + 1];

		assert(len <= WORD_MAX);
		wide = escape(word, text, len);
		if (at && at + 1 + wide >= TEXT_COLUMNS) {
			putchar('\n');
			at = 0;
		}
		if (at)
			at += printf(" ");
		else if (*text == '.')
			fputs("\\&", stdout);
		at += printf("%s", word);
		text += len;
		if (*text == '\n') {
			putchar('\n');
			at = 0;
		}
		text += *text != '\0';
	}
	putchar('\n');
}

/* The sentences of the table, and those that follow from its numbers. */
static void put_description(const struct option_def *o)
{
	char valid[OPTION_VALID_MAX], text[512];

	put_text(o->man);
	if (*option_valid(o, valid)) {
		snprintf(text, sizeof(text), "Valid is %s%s%s.", valid, o->deflt ? "; the default is " : "",
			o->deflt ? o->deflt : "");
		put_text(text);
	}
	/* What no word at all means is in the sentences. */
	if (o->bare && *o->bare && o->type != OPT_BOOL) {
		snprintf(text, sizeof(text), "Without a value, or with *on*, it is %s.", o->bare);
		put_text(text);
	}
	if (o->type == OPT_LIST)
		put_text("Keys and values are separated by commas; two commas stand for one in a value.");
	if (o->type == OPT_LIST && o->repeatable)
		put_text("May be given more than once; if the command line has any, those of the configuration file do "
			 "not count.");
	if (o->type == OPT_LIST)
		put_text("Its keys are:");
	if (o->excludes) {
		snprintf(text, sizeof(text), "It cannot be on together with *%s*.", o->excludes);
		put_text(text);
	}
}

/* "Fl \-mem", for an option that may start with "no-". */
static void put_flag(const char *before, const char *prefix, const char *name)
{
	printf("%sFl \\-%s", before, prefix);
	put_escaped(name, (int)strlen(name));
}

/* ".It Cm path No = Ar FILE" and the text, for the keys of a device. */
static void put_list_keys(const struct option_def *o)
{
	puts(".Bl -tag -width Ds");
	for_each_key(k, o) {
		fputs(".It Cm ", stdout);
		put_escaped(k->name, (int)strlen(k->name));
		printf(k->bare ? " Ns Oo = Ns Ar %s Oc\n" : " Ns = Ns Ar %s\n", option_metavar(k));
		put_description(k);
	}
	puts(".El");
}

static void put_option(const struct option_def *o)
{
	const char *metavar = option_metavar(o);

	fputs(".It ", stdout);
	if (o->letter)
		printf("Fl %c , ", o->letter);
	put_flag("", "", o->name);
	if (o->type != OPT_BOOL && metavar)
		printf(o->bare ? " Ns Oo = Ns Ar %s Oc" : " Ar %s", metavar);
	if (option_takes_off(o))
		put_flag(" , ", "no\\-", o->name);
	putchar('\n');
	put_description(o);
	if (o->type == OPT_LIST)
		put_list_keys(o);
}

static void options_of(enum option_section s)
{
	printf(".Ss %s\n.Bl -tag -width Ds\n", option_section_title(s));
	for_each_option(o)
		if (o->section == s)
			put_option(o);
	puts(".El");
}

static void put_options(void)
{
	for (enum option_section s = 0; s < SECTIONS; s++)
		options_of(s);
}

static void put_keys(void)
{
	for (enum option_section s = 0; s < SECTIONS; s++) {
		if (!option_section_name(s))
			continue;
		printf(".Ss Section %s\n.Bl -tag -width Ds\n", option_section_name(s));
		for_each_option(o) {
			if (o->section != s || o->type == OPT_LIST)
				continue;
			fputs(".It Cm ", stdout);
			put_escaped(o->name, (int)strlen(o->name));
			printf(" No = Ar %s\n", option_metavar(o));
			put_description(o);
		}
		puts(".El");
	}
	for_each_option(o) {
		if (o->type != OPT_LIST)
			continue;
		printf(".Ss Section %s\n", o->name);
		put_text(o->man);
		if (o->repeatable)
			put_text("One section for each; the section may be repeated.");
		puts(".Bl -tag -width Ds");
		for_each_key(k, o) {
			fputs(".It Cm ", stdout);
			put_escaped(k->name, (int)strlen(k->name));
			printf(" No = Ar %s\n", option_metavar(k));
			put_description(k);
		}
		puts(".El");
	}
}

static void put_exit_row(int status, const char *text)
{
	const char *colon = strchr(text, ':');

	/* A status that is computed is named in front of its text. */
	if (status >= 0)
		printf(".It %d\n", status);
	else
		printf(".It %.*s\n", (int)(colon - text), text);
	put_text(status >= 0 ? text : colon + 2);
}

#define USAGE_MEANS                                                                                                    \
	"the command line or the configuration file is wrong, or what it names (a kernel, a disk, a socket, "          \
	"a program) is missing or cannot be used"

static void put_exit_status(void)
{
	puts(".Bl -tag -width Ds");
#define X(id, name, status, text)                                                                                      \
	put_exit_row(status, text);                                                                                    \
	if (OUTCOME_##id == OUTCOME_POWEROFF)                                                                          \
		put_exit_row(EXIT_USAGE, USAGE_MEANS);
	OUTCOMES(X)
#undef X
	puts(".El");
}

static void put_commands(void)
{
	puts(".Bl -tag -width Ds");
#define X(name, help)                                                                                                  \
	puts(".It Cm " #name);                                                                                         \
	put_text(help);
	COMMANDS(X)
#undef X
	puts(".El");
}

/* Where commands that share an option have a range or a default of their own. */
static void put_differences(const struct option_def *o)
{
	const struct subset_option *how;

	for (const struct command_info *c = command_infos; c->name; c++) {
		char valid[OPTION_VALID_MAX], text[512];
		struct option_def own = *o;

		if (!command_takes(c, o, &how) || !how || (!how->deflt && !how->max))
			continue;
		subset_limit(&own, how);
		snprintf(text, sizeof(text), "Of `vmm %s`, valid is %s%s%s.", c->name, option_valid(&own, valid),
			own.deflt ? "; the default is " : "", own.deflt ? own.deflt : "");
		put_text(text);
	}
}

static void own_options(enum option_section s)
{
	puts(".Bl -tag -width Ds");
	for_each_option(o) {
		if (o->section != s)
			continue;
		put_option(o);
		put_differences(o);
	}
	puts(".El");
}

static void put_flat_options(void)
{
	own_options(SECTION_FLAT);
}

static void put_exec_options(void)
{
	own_options(SECTION_EXEC);
}

/* Those whose handler is @missing, or all others: the text, or the bare name where there is none. */
static void put_calls(bool missing)
{
	static const struct {
		const char *name, *handler, *note;
	} calls[] = {
#define CALL(name, args, handler, note) {#name, #handler, note},
		EXEC_CALLS(CALL)
#undef CALL
	};

	puts(".Bl -tag -width Ds -compact");
	for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
		if (!strcmp(calls[i].handler, "missing") != missing)
			continue;
		printf(".It Fn %s\n", calls[i].name);
		if (*calls[i].note)
			put_text(calls[i].note);
	}
	puts(".El");
}

static void put_exec_calls(void)
{
	put_calls(false);
}

static void put_exec_missing(void)
{
	put_calls(true);
}

static void put_bench_options(void)
{
	own_options(SECTION_BENCH);
}

static void put_test_options(void)
{
	own_options(SECTION_TEST);
}

static void put_restore_options(void)
{
	own_options(SECTION_RESTORE);
}

static void put_flat_port(unsigned port, unsigned ports, const char *text)
{
	if (ports > 1)
		printf(".It 0x%x to 0x%x\n", port, port + ports - 1);
	else
		printf(".It 0x%x\n", port);
	put_text(text);
}

static void put_flat_ports(void)
{
	puts(".Bl -tag -width Ds");
#define X(id, port, ports, text) put_flat_port(port, ports, text);
	FLAT_PORTS(X)
#undef X
	puts(".El");
}

static void put_units(void)
{
	put_text("A size is " UNITS_SIZE
		 "; the units are binary, B or iB may follow them, and a number of bytes needs none.\n"
		 "A time is " UNITS_TIME "; 0 needs no unit.\n"
		 "A port is a decimal number, or a hexadecimal one after 0x.");
}

static const struct {
	const char *name;
	void (*put)(void);
} placeholders[] = {
	{"@OPTIONS@", put_options},
	{"@KEYS@", put_keys},
	{"@COMMANDS@", put_commands},
	{"@EXIT_STATUS@", put_exit_status},
	{"@BASH_VALUES@", put_bash_values},
	{"@BASH_OPTIONS@", put_bash_options},
	{"@BASH_COMMANDS@", put_bash_commands},
	{"@ZSH_COMMANDS@", put_zsh_commands},
	{"@ZSH_LISTS@", put_zsh_lists},
	{"@ZSH_OPTIONS@", put_zsh_options},
	{"@FISH_COMMANDS@", put_fish_commands},
	{"@FISH_OPTIONS@", put_fish_options},
	{"@TEST_OPTIONS@", put_test_options},
	{"@RESTORE_OPTIONS@", put_restore_options},
	{"@UNITS@", put_units},
	{"@BENCH_OPTIONS@", put_bench_options},
	{"@EXEC_OPTIONS@", put_exec_options},
	{"@EXEC_CALLS@", put_exec_calls},
	{"@EXEC_MISSING@", put_exec_missing},
	{"@FLAT_OPTIONS@", put_flat_options},
	{"@FLAT_PORTS@", put_flat_ports},
};

static int put_line(char *line, const char *version)
{
	static const char mark[] = "@VERSION@";
	char *at;

	line[strcspn(line, "\n")] = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(placeholders); i++) {
		if (!strcmp(line, placeholders[i].name)) {
			placeholders[i].put();
			return 0;
		}
	}
	at = strstr(line, mark);
	if (at)
		printf("%.*s%s%s\n", (int)(at - line), line, version, at + strlen(mark));
	else if (line[0] == '@')
		return -EINVAL;
	else
		puts(line);
	return 0;
}

int main(int argc, char **argv)
{
	CLEANUP_FREE char *line = NULL;
	CLEANUP_FCLOSE FILE *in = NULL;
	size_t size = 0;

	if (argc != 3) {
		fprintf(stderr, "usage: gen-docs VERSION TEMPLATE\n");
		return 2;
	}
	in = fopen(argv[2], "r");
	if (!in) {
		fprintf(stderr, "gen-docs: %s: %s\n", argv[2], strerror(errno));
		return 1;
	}
	while (getline(&line, &size, in) >= 0) {
		if (put_line(line, argv[1]) < 0) {
			fprintf(stderr, "gen-docs: %s: %s: no such placeholder\n", argv[2], line);
			return 1;
		}
	}
	if (ferror(in) || fflush(stdout) || ferror(stdout)) {
		fprintf(stderr, "gen-docs: %s: %s\n", argv[2], strerror(errno));
		return 1;
	}
	return 0;
}
