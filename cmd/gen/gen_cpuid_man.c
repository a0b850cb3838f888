// SPDX-License-Identifier: Apache-2.0
/*
 * Runs while the project is built: copies the prose of docs/vmm-cpuid.7.in and puts the CPUID table in place of the
 * line @TABLE@, so that the manual says what the program does. Rows of a register with the same treatment and reason
 * are one entry.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "vmm/base/util.h"
#include "vmm/cpuid/words.h"

#define TEXT_COLUMNS 72

static struct cpuid_words unpacked;

static const char *const reg_names[] = {"eax", "ebx", "ecx", "edx", "all registers"};

/* One word of running text; mdoc: a control character at the start of a line is text. */
static void put_word(const char *word, int len, int *at)
{
	if (*at && *at + 1 + len >= TEXT_COLUMNS) {
		putchar('\n');
		*at = 0;
	}
	if (*at)
		putchar(' ');
	else if (*word == '.' || *word == '\'')
		fputs("\\&", stdout);
	for (int i = 0; i < len; i++)
		if (word[i] == '-')
			fputs("\\-", stdout);
		else if (word[i] == '\'')
			fputs("\\(aq", stdout);
		else
			putchar(word[i]);
	*at += len + 1;
}

static void put_text(const char *text, int *at)
{
	while (*text) {
		int len = (int)strcspn(text, " ");

		put_word(text, len, at);
		text += len;
		text += strspn(text, " ");
	}
}

static const char *treatment(const struct cpuid_rule *r)
{
	static const char *const kept[] = {
		[CPUID_ALWAYS] = "kept",
		[CPUID_IF_NESTED] = "kept with --nested",
		[CPUID_IF_PMU] = "kept with --pmu",
		[CPUID_IF_APIC] = "kept unless the guest leaves its APIC alone",
		[CPUID_IF_XSAVE] = "kept",
	};
	static const char *const set[] = {
		[CPUID_ALWAYS] = "set",
		[CPUID_IF_DEADLINE] = "set if KVM can",
		[CPUID_IF_SMP] = "set with several CPUs",
	};
	const char *words = NULL;

	switch ((enum cpuid_action)r->action) {
	case CPUID_KEEP: words = r->when < ARRAY_SIZE(kept) ? kept[r->when] : NULL; break;
	case CPUID_CLEAR: words = "cleared"; break;
	case CPUID_SET: words = r->when < ARRAY_SIZE(set) ? set[r->when] : NULL; break;
	case CPUID_COMPUTE: words = "computed"; break;
	}
	if (!words) {
		fprintf(stderr, "leaf %#x %s: a condition that the manual has no words for\n", r->leaf,
			cpuid_rule_name(&unpacked, r));
		exit(1);
	}
	return words;
}

static bool same_item(const struct cpuid_rule *a, const struct cpuid_rule *b)
{
	return a->leaf == b->leaf && a->first == b->first && a->last == b->last && a->reg == b->reg &&
		a->vendors == b->vendors && !strcmp(cpuid_rule_reason(&unpacked, a), cpuid_rule_reason(&unpacked, b)) &&
		!strcmp(treatment(a), treatment(b));
}

static void put_item(const struct cpuid_rule *first)
{
	int at = 0;

	fputs(".It ", stdout);
	put_text(reg_names[first->reg], &at);
	fputs(", ", stdout);
	put_text(treatment(first), &(int){0});
	if (first->vendors != CPUID_ANY)
		fputs(first->vendors == CPUID_AMD ? " (AMD)" : " (Intel)", stdout);
	putchar('\n');
	at = 0;
	for (const struct cpuid_rule *r = first; r < cpuid_rules + cpuid_rules_nr && r->leaf == first->leaf; r++) {
		char text[96];

		if (!same_item(r, first))
			continue;
		if (r->hi - r->lo == 31)
			snprintf(text, sizeof(text), "%s%s", r > first ? "/ " : "", cpuid_rule_name(&unpacked, r));
		else if (r->hi > r->lo)
			snprintf(text, sizeof(text), "%s%s [%u:%u]", r > first ? "/ " : "",
				cpuid_rule_name(&unpacked, r), r->hi, r->lo);
		else
			snprintf(text, sizeof(text), "%s%s [%u]", r > first ? "/ " : "", cpuid_rule_name(&unpacked, r),
				r->lo);
		put_text(text, &at);
	}
	printf("\n.br\n");
	at = 0;
	put_text(cpuid_rule_reason(&unpacked, first), &at);
	printf(".\n");
}

static void put_heading(const struct cpuid_rule *r)
{
	printf(".Ss Leaf 0x%x", r->leaf);
	if (r->last == CPUID_ANY_INDEX)
		printf(r->first ? ", sub\\-leaf %u and up" : ", all sub\\-leaves", r->first);
	else if (r->last > r->first)
		printf(", sub\\-leaves %u to %u", r->first, r->last);
	else if (cpuid_leaf_indexed(r->leaf))
		printf(", sub\\-leaf %u", r->first);
	printf("\n.Bl -tag -width Ds\n");
}

static void put_table(void)
{
	const struct cpuid_rule *heading = NULL;

	for (const struct cpuid_rule *r = cpuid_rules; r < cpuid_rules + cpuid_rules_nr; r++) {
		bool told = false;

		if (!heading || heading->leaf != r->leaf || heading->first != r->first || heading->last != r->last) {
			if (heading)
				printf(".El\n");
			put_heading(r);
			heading = r;
		}
		for (const struct cpuid_rule *before = heading; before < r; before++)
			told |= same_item(before, r);
		if (!told)
			put_item(r);
	}
	printf(".El\n");
}

int main(int argc, char **argv)
{
	CLEANUP_FCLOSE FILE *in = argc == 2 ? fopen(argv[1], "r") : NULL;
	char line[512];

	if (!in) {
		fprintf(stderr, "usage: gen-cpuid-man TEMPLATE (%s)\n", strerror(errno));
		return 2;
	}
	if (cpuid_words_unpack(&unpacked) < 0)
		return 1;
	while (fgets(line, sizeof(line), in)) {
		if (!strcmp(line, "@TABLE@\n"))
			put_table();
		else
			fputs(line, stdout);
	}
	return ferror(in) || fflush(stdout) || ferror(stdout);
}
