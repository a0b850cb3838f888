// SPDX-License-Identifier: Apache-2.0
#include "cmd/gen/gen_completion.h"

#include <stdio.h>
#include <string.h>

#include "cmd/options/command_info.h"
#include "cmd/options/commands.h"
#include "cmd/options/device_list.h"
#include "cmd/options/options.h"

/* What a shell can offer as the value of an option. */
enum offer {
	OFFER_NOTHING,
	OFFER_FILES,
	OFFER_WORDS,
	OFFER_LIST, /* words with commas between, of which those that end in "=" take a file */
};

static enum offer offer_of(const struct option_def *o)
{
	switch (o->type) {
	case OPT_PATH: return OFFER_FILES;
	case OPT_BOOL:
	case OPT_PORT:
	case OPT_CHOICE: return OFFER_WORDS;
	case OPT_CONSOLE:
	case OPT_LIST: return OFFER_LIST;
	case OPT_FLAG:
	case OPT_UINT:
	case OPT_SIZE:
	case OPT_DURATION:
	case OPT_STRING:
	case OPT_MAC:
	case OPT_USER: break;
	}
	return OFFER_NOTHING;
}

static void put_choices(const char *before, const struct option_def *o)
{
	for (const char *const *c = o->choices; *c; c++)
		printf("%s%s%s%s", c == o->choices ? "" : " ", before, *before ? "=" : "", *c);
}

/* The words, with blanks between. */
static void put_words(const struct option_def *o)
{
	switch (o->type) {
	case OPT_CHOICE: put_choices("", o); break;
	case OPT_CONSOLE: fputs("stdio pty file= socket= null virtio", stdout); break;
	case OPT_LIST:
		for_each_key(k, o) {
			fputs(k == o->list->keys ? "" : " ", stdout);
			if (k->type == OPT_CHOICE)
				put_choices(k->name, k);
			else
				printf("%s%s", k->name, k->bare ? "" : "=");
		}
		break;
	default: fputs("on off", stdout);
	}
}

/* --- bash -------------------------------------------------------------------------------------------------------- */

void put_bash_commands(void)
{
#define X(name, help) puts("\t" #name);
	COMMANDS(X)
#undef X
	puts("\thelp");
}

void put_bash_options(void)
{
	const struct subset_option *how;

	for (const struct command_info *c = command_infos; c->name; c++) {
		printf("\t'%s')\n\t\toptions='", c->name);
		for_each_option(o) {
			if (!command_takes(c, o, &how))
				continue;
			printf("\n\t\t\t--%s%s", o->name, o->type != OPT_FLAG && !o->bare ? "=" : "");
			if (option_takes_off(o))
				printf(" --no-%s", o->name);
		}
		puts("'\n\t\t;;");
	}
}

/* Options that take their value as the next word too are known by their "=" in the list above. */
void put_bash_values(void)
{
	for_each_option(o) {
		enum offer offer = offer_of(o);

		if (offer == OFFER_NOTHING)
			continue;
		printf("\t%s) ", o->name);
		if (offer == OFFER_FILES) {
			puts("kind=files ;;");
			continue;
		}
		printf("kind=%s offered='", offer == OFFER_LIST ? "list" : "words");
		put_words(o);
		puts("' ;;");
	}
}

/* --- zsh --------------------------------------------------------------------------------------------------------- */

/* Inside single quotes, with a backslash before what _arguments and _values read. */
static void put_zsh_text(const char *text)
{
	for (; *text; text++) {
		if (*text == '\'')
			fputs("'\\'", stdout);
		else if (strchr("[]:\\", *text))
			putchar('\\');
		putchar(*text);
	}
}

void put_zsh_commands(void)
{
#define X(name, help)                                                                                                  \
	fputs("\t\t'" #name ":", stdout);                                                                              \
	put_zsh_text(help);                                                                                            \
	puts("'");
	COMMANDS(X)
#undef X
	puts("\t\t'help:print what a command takes'");
}

void put_zsh_lists(void)
{
	for_each_option(o) {
		if (offer_of(o) != OFFER_LIST)
			continue;
		printf("_vmm_%s() {\n\t_vmm_list ", o->name);
		put_words(o);
		puts("\n}\n");
	}
}

static void put_zsh_value(const struct option_def *o)
{
	fputs(o->bare ? "::" : ":", stdout);
	put_zsh_text(option_metavar(o));
	switch (offer_of(o)) {
	case OFFER_FILES: fputs(":_files", stdout); break;
	case OFFER_LIST: printf(":_vmm_%s", o->name); break;
	case OFFER_WORDS:
		fputs(":(", stdout);
		put_words(o);
		putchar(')');
		break;
	case OFFER_NOTHING: fputs(": ", stdout);
	}
}

static void put_zsh_option(const struct option_def *o)
{
	printf("\t\t'%s--%s%s[", o->repeatable ? "*" : "", o->name, o->type == OPT_FLAG ? "" : o->bare ? "=-" : "=");
	put_zsh_text(o->help);
	putchar(']');
	if (o->type != OPT_FLAG)
		put_zsh_value(o);
	puts("'");
	if (option_takes_off(o)) {
		printf("\t\t'--no-%s[off\\: ", o->name);
		put_zsh_text(o->help);
		puts("]'");
	}
}

void put_zsh_options(void)
{
	const struct subset_option *how;

	for (const struct command_info *c = command_infos; c->name; c++) {
		printf("\t'%s') specs=(\n", c->name);
		for_each_option(o)
			if (command_takes(c, o, &how))
				put_zsh_option(o);
		puts("\t\t) ;;");
	}
}

/* --- fish -------------------------------------------------------------------------------------------------------- */

static void put_fish_text(const char *text)
{
	putchar('\'');
	for (; *text; text++) {
		if (*text == '\'' || *text == '\\')
			putchar('\\');
		putchar(*text);
	}
	putchar('\'');
}

void put_fish_commands(void)
{
#define X(name, help)                                                                                                  \
	fputs("complete -c vmm -n __vmm_first -a " #name " -d ", stdout);                                              \
	put_fish_text(help);                                                                                           \
	putchar('\n');
	COMMANDS(X)
#undef X
	puts("complete -c vmm -n __vmm_first -a help -d 'print what a command takes'");
#define X(name, help) puts("complete -c vmm -n '__vmm_is help' -a " #name);
	COMMANDS(X)
#undef X
}

/* "complete -c vmm -n '__vmm_is run check'": the names of the commands that take it, without their blanks. */
static void put_fish_start(const struct option_def *o)
{
	const struct subset_option *how;

	fputs("complete -c vmm -n '__vmm_is", stdout);
	for (const struct command_info *c = command_infos; c->name; c++) {
		if (!command_takes(c, o, &how))
			continue;
		putchar(' ');
		for (const char *p = c->name; *p; p++)
			putchar(*p == ' ' ? '-' : *p);
	}
	putchar('\'');
}

static void put_fish_option(const struct option_def *o)
{
	put_fish_start(o);
	if (o->letter)
		printf(" -s %c", o->letter);
	printf(" -l %s -d ", o->name);
	put_fish_text(o->help);
	if (o->type != OPT_FLAG && !o->bare)
		fputs(" -r", stdout);
	switch (offer_of(o)) {
	case OFFER_FILES: fputs(" -F", stdout); break;
	case OFFER_NOTHING: fputs(" -f", stdout); break;
	case OFFER_WORDS:
	case OFFER_LIST:
		printf(offer_of(o) == OFFER_LIST ? " -f -a '(__vmm_list " : " -f -a '");
		put_words(o);
		fputs(offer_of(o) == OFFER_LIST ? ")'" : "'", stdout);
	}
	putchar('\n');
	if (option_takes_off(o)) {
		put_fish_start(o);
		printf(" -l no-%s -f -d ", o->name);
		put_fish_text(o->help);
		putchar('\n');
	}
}

void put_fish_options(void)
{
	for_each_option(o)
		put_fish_option(o);
}
