// SPDX-License-Identifier: Apache-2.0
/*
 * Runs while the project is built: prints the rows of table.c as the program has them, see table.h, and their words
 * compressed, see words.h.
 */
#include <string.h>
#include <zlib.h>

#include "vmm/base/util.h"
#include "vmm/cpuid/rows.h"
#include "vmm/cpuid/words.h"

static struct cpuid_words words;
static size_t words_size;
static const char *reasons[CPUID_REASONS_MAX];
static unsigned reasons_nr;

static void fail(const char *why)
{
	fprintf(stderr, "gen-cpuid: %s\n", why);
	exit(1);
}

static void add_word(const char *text)
{
	size_t size = strlen(text) + 1;

	if (size > sizeof(words.text) - words_size)
		fail("too many words: CPUID_WORDS_MAX");
	memcpy(words.text + words_size, text, size);
	words_size += size;
}

/* The number of @reason, which is added when it has none yet. */
static unsigned number_of(const char *reason)
{
	for (unsigned i = 0; i < reasons_nr; i++)
		if (!strcmp(reasons[i], reason))
			return i;
	if (reasons_nr == CPUID_REASONS_MAX)
		fail("too many reasons: CPUID_REASONS_MAX");
	add_word(reason);
	reasons[reasons_nr] = reason;
	return reasons_nr++;
}

static void print_rule(const struct cpuid_row *row)
{
	const struct cpuid_rule *r = &row->rule;

	printf("{0x%x, 0x%x, %u, %u, %u, %u, %u, %u, %u, %u, %u}", r->leaf, r->value, r->first, r->last, r->reg, r->lo,
		r->hi, r->vendors, r->action, r->when, number_of(row->reason));
}

static void print_packed(void)
{
	static unsigned char packed[2 * CPUID_WORDS_MAX];
	uLongf size = sizeof(packed);

	if (compress2(packed, &size, (const Bytef *)words.text, words_size, Z_BEST_COMPRESSION) != Z_OK)
		fail("zlib cannot compress the words");
	printf("const unsigned char cpuid_packed_words[] = {");
	for (size_t i = 0; i < size; i++)
		printf(i % 20 ? "%d," : "\n%d,", packed[i]);
	printf("\n};\n\nconst size_t cpuid_packed_words_size = %lu;\n\n", size);
}

int main(void)
{
	printf("/* Made by vmm/cpuid/gen_cpuid.c from vmm/cpuid/table.c. */\n#include \"vmm/cpuid/words.h\"\n\n");
	printf("const struct cpuid_rule cpuid_rules[] = {\n");
	for (size_t i = 0; i < cpuid_rows_nr; i++) {
		print_rule(&cpuid_rows[i]);
		printf(",\n");
	}
	printf("};\n\nconst size_t cpuid_rules_nr = %zu;\n\nconst struct cpuid_rule cpuid_rule_unknown = ",
		cpuid_rows_nr);
	print_rule(&cpuid_row_unknown);
	printf(";\n\nconst unsigned cpuid_reasons_nr = %u;\n\n", reasons_nr);
	for (size_t i = 0; i < cpuid_rows_nr; i++)
		add_word(cpuid_rows[i].name);
	add_word(cpuid_row_unknown.name);
	print_packed();
	return fflush(stdout) || ferror(stdout);
}
