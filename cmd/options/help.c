// SPDX-License-Identifier: Apache-2.0
#include "cmd/options/help.h"

#include <string.h>

#include "cmd/options/command_info.h"
#include "cmd/options/commands.h"
#include "cmd/options/version.h"
#include "vmm/base/wrap.h"

#define COLUMN 27 /* where the explanations start */

#if defined(__clang__)
#define COMPILER __VERSION__ /* starts with the name */
#else
#define COMPILER "gcc " __VERSION__
#endif

static void print_wrapped(FILE *out, int at, const char *text)
{
	/* At least a blank behind the name. */
	wrap_print(out, at == COLUMN ? at + 1 : at, COLUMN, HELP_COLUMNS, text);
}

static int print_name(FILE *out, const struct option_def *o)
{
	const char *metavar = option_metavar(o);
	int n = fprintf(out, "  ");

	if (o->letter)
		n += fprintf(out, "-%c, ", o->letter);
	if (o->type == OPT_BOOL)
		n += fprintf(out, "--[no-]%s", o->name);
	else if (!metavar)
		n += fprintf(out, "--%s", o->name);
	else
		n += fprintf(out, o->bare ? "--%s[=%s]" : "--%s %s", o->name, metavar);
	return n;
}

static void print_option(FILE *out, const struct option_def *o, const struct subset_option *how)
{
	const char *deflt = how && how->deflt ? how->deflt : o->deflt;
	char text[256];
	int at = print_name(out, o);

	if (deflt)
		snprintf(text, sizeof(text), "%s (%s)", o->help, deflt);
	else
		snprintf(text, sizeof(text), "%s", o->help);
	print_wrapped(out, at, text);
}

void help_print(FILE *out)
{
	fputs("usage: vmm [run] KERNEL [OPTION...]\n"
	      "       vmm COMMAND [OPTION...]\n"
	      "\n"
	      "Commands:\n",
		out);
#define X(name, help) print_wrapped(out, fprintf(out, "  %s", #name), help);
	COMMANDS(X)
#undef X
	fputs("\nWhat most machines need:\n", out);
	for_each_option(o)
		if (o->common)
			print_option(out, o, NULL);
	fputs("\nDefaults are in parentheses. SIZE: 128M, 1.5G (binary); TIME: 500ms, 1.5s.\n"
	      "The guest's console is on stdout, what vmm says on stderr.\n"
	      "`vmm help run` has all options of a machine, `vmm help COMMAND` those of\n"
	      "another command; the manual, vmm(1), explains them.\n",
		out);
}

/* The settings of a machine, as far as command @c has them for itself or, all of them, for `run`. */
static void print_machine(FILE *out, const struct command_info *c, bool all)
{
	const struct subset_option *how;

	for (enum option_section s = 0; s < SECTIONS; s++) {
		bool titled = false;

		for_each_option(o) {
			if (o->section != s || !command_takes(c, o, &how) || !(all || option_section_command(s)))
				continue;
			if (!titled)
				fprintf(out, "\n%s:\n", all ? option_section_title(s) : "Options");
			titled = true;
			print_option(out, o, NULL);
		}
	}
	if (!all)
		fputs("\nThe settings of the machine are those of `vmm run`: `vmm help run`.\n", out);
}

static void print_lines(FILE *out, const char *title, const char *text)
{
	fprintf(out, "\n%s:\n", title);
	while (*text) {
		int len = (int)strcspn(text, "\n");

		fprintf(out, "  %.*s\n", len, text);
		text += len + 1;
	}
}

static void print_command(FILE *out, const struct command_info *c)
{
	fprintf(out, "usage: vmm %s %s\n\n%s\n", c->name, c->usage, c->text);
	if (c->takes)
		fputs("\nOptions:\n", out);
	for (const struct subset_option *p = c->takes; p && p->name; p++)
		print_option(out, option_find(p->name, strlen(p->name)), p);
	if (c->machine) {
		const struct subset_option *how;

		for_each_option(o)
			if (option_section_command(o->section) && command_takes(c, o, &how) && !how)
				print_option(out, o, NULL);
		fputs("\nWhat else it takes of `vmm run`: what a snapshot does not have.\n", out);
	} else if (!c->takes) {
		print_machine(out, c, !strcmp(c->name, "run"));
	}
	print_lines(out, "Exit status", c->ends);
	print_lines(out, "Examples", c->examples);
}

bool help_has(const char *name)
{
	for (const struct command_info *c = command_infos; c->name; c++)
		if (!strcmp(c->name, name))
			return true;
	return false;
}

bool help_command(FILE *out, const char *name)
{
	size_t len = strlen(name);
	bool any = false;

	for (const struct command_info *c = command_infos; c->name; c++) {
		if (!strcmp(c->name, name)) {
			print_command(out, c);
			return true;
		}
		/* One that has several, such as bench: a line each. */
		if (strncmp(c->name, name, len) || c->name[len] != ' ')
			continue;
		fprintf(out, "%s vmm %s %s\n", any ? "      " : "usage:", c->name, c->usage);
		any = true;
	}
	if (any)
		fprintf(out, "\n`vmm help %s NAME` has the options of each.\n", name);
	return any;
}

void help_version(FILE *out)
{
	fprintf(out, "vmm " VMM_VERSION "\nbuilt from %s by %s for %s%s\n", VMM_COMMIT, COMPILER,
#if defined(__x86_64__)
		"x86-64",
#else
		"a foreign machine",
#endif
#if defined(__SANITIZE_ADDRESS__)
		", with AddressSanitizer"
#elif defined(__SANITIZE_THREAD__)
		", with ThreadSanitizer"
#else
		""
#endif
	);
}

void help_build(struct report_info *ret)
{
	ret->version = VMM_VERSION;
	ret->commit = VMM_COMMIT;
	ret->compiler = COMPILER;
}
