// SPDX-License-Identifier: Apache-2.0
/*
 * Runs while the project is built: prints the rows of table.c as the program has them, see table.h. A place
 * in the one text takes two bytes where a pointer takes eight, and nothing has to be relocated when a program starts.
 */
#include <string.h>

#include "vmm/base/util.h"
#include "vmm/cpuid/rows.h"

static char words[UINT16_MAX];
static size_t words_nr;

/* Where @text stands in @words; at the end when it did not yet. */
static unsigned place_of(const char *text)
{
	size_t size = strlen(text) + 1;

	for (size_t at = 0; at < words_nr; at += strlen(words + at) + 1)
		if (!strcmp(words + at, text))
			return (unsigned)at;
	if (size > sizeof(words) - words_nr) {
		fprintf(stderr, "gen-cpuid: too many words\n");
		exit(1);
	}
	memcpy(words + words_nr, text, size);
	words_nr += size;
	return (unsigned)(words_nr - size);
}

static void print_rule(const struct cpuid_row *row)
{
	const struct cpuid_rule *r = &row->rule;

	printf("{0x%x, 0x%x, %u, %u, %u, %u, %u, %u, %u, %u, %u, %u}", r->leaf, r->value, r->first, r->last, r->reg,
		r->lo, r->hi, r->vendors, r->action, r->when, place_of(row->name), place_of(row->reason));
}

int main(void)
{
	printf("/* Made by vmm/cpuid/gen_cpuid.c from vmm/cpuid/table.c. */\n#include \"vmm/cpuid/table.h\"\n\n");
	printf("const struct cpuid_rule cpuid_rules[] = {\n");
	for (size_t i = 0; i < cpuid_rows_nr; i++) {
		print_rule(&cpuid_rows[i]);
		printf(",\n");
	}
	printf("};\n\nconst size_t cpuid_rules_nr = %zu;\n\nconst struct cpuid_rule cpuid_rule_unknown = ",
		cpuid_rows_nr);
	print_rule(&cpuid_row_unknown);
	printf(";\n\nconst char cpuid_words[] = {");
	for (size_t i = 0; i < words_nr; i++)
		printf(i % 20 ? "%d," : "\n%d,", words[i]);
	printf("\n};\n");
	return fflush(stdout) || ferror(stdout);
}
