// SPDX-License-Identifier: Apache-2.0
#include "cmd/options/help.h"

#include <string.h>

#include "cmd/options/commands.h"
#include "cmd/options/version.h"

#define COLUMN 27 /* where the explanations start */

#if defined(__clang__)
#define COMPILER __VERSION__ /* starts with the name */
#else
#define COMPILER "gcc " __VERSION__
#endif

/* `text` from column `at` on, broken between words; continued under COLUMN. */
static void print_wrapped(FILE *out, int at, const char *text)
{
	const char *blank = "";

	if (at >= COLUMN) {
		fputc('\n', out);
		at = 0;
	}
	at += fprintf(out, "%*s", COLUMN - at, "");
	while (*text) {
		int len = (int)strcspn(text, " ");

		if (*blank && at + 1 + len >= HELP_COLUMNS) {
			at = fprintf(out, "\n%*s", COLUMN, "") - 1;
			blank = "";
		}
		at += fprintf(out, "%s%.*s", blank, len, text);
		text += len;
		text += strspn(text, " ");
		blank = " ";
	}
	fputc('\n', out);
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

static void print_option(FILE *out, const struct option_def *o)
{
	char text[256];
	int at = print_name(out, o);

	if (o->deflt)
		snprintf(text, sizeof(text), "%s (%s)", o->help, o->deflt);
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
	for (enum option_section s = 0; s < SECTIONS; s++) {
		fprintf(out, "\n%s:\n", option_section_title(s));
		for_each_option(o)
			if (o->section == s)
				print_option(out, o);
	}
	fputs("\nDefaults are in parentheses. SIZE: 128M, 1G (binary units); TIME: 500ms, 30s;\n"
	      "PORT: 0xf4. The guest's console is on stdout, what vmm says on stderr.\n"
	      "The manual, vmm(1), tells more, and what each exit status means.\n",
		out);
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
