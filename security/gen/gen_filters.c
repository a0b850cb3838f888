// SPDX-License-Identifier: Apache-2.0
/*
 * Runs during the build: generates filters.c from the table in rules.c. The names of the system calls are libseccomp's,
 * which knows more of them than this host's headers do; vmm itself is not linked with it.
 *
 * usage: gen-filters > filters.c
 */
#include <inttypes.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "security/rules.h"

#define CALLS_MAX 1024
#define CONDS_MAX 256

static struct sandbox_cond conds[CONDS_MAX];
static unsigned conds_nr;

/* The index of @cond in @conds; appends it when it is not there. */
static unsigned place_of(const struct sandbox_cond *cond)
{
	for (unsigned i = 0; i < conds_nr; i++)
		if (conds[i].arg == cond->arg && conds[i].mask == cond->mask && conds[i].value == cond->value)
			return i;
	if (conds_nr == CONDS_MAX) {
		fprintf(stderr, "gen-filters: too many conditions\n");
		exit(1);
	}
	conds[conds_nr] = *cond;
	return conds_nr++;
}

static int by_role_and_call(const void *a, const void *b)
{
	const struct sandbox_rule *x = *(const struct sandbox_rule *const *)a;
	const struct sandbox_rule *y = *(const struct sandbox_rule *const *)b;

	if (x->role != y->role)
		return x->role < y->role ? -1 : 1;
	if (x->nr != y->nr)
		return x->nr < y->nr ? -1 : 1;
	return x < y ? -1 : x > y;
}

static void print_rule(const struct sandbox_rule *rule)
{
	bool sanitizer = rule->device == SANDBOX_DEVICE_SANITIZER;
	unsigned nr = 0, place[SANDBOX_CONDS_MAX] = {0};

	for (size_t i = 0; i < SANDBOX_CONDS_MAX; i++)
		if (rule->cond[i].arg >= 0)
			place[nr++] = place_of(&rule->cond[i]);
	printf("%s\t{%d, %d, %d, %d, %u, {%u, %u}}, /* %s %s */\n%s", sanitizer ? "#if SANITIZED\n" : "", rule->nr,
		(int)rule->role, (int)rule->device, rule->refused, nr, place[0], place[1], rule->call, rule->what,
		sanitizer ? "#endif\n" : "");
}

static void print_names(void)
{
	unsigned nr = 0;

	printf("};\n\nconst char filter_calls[] =\n");
	for (unsigned i = 0; i < CALLS_MAX; i++) {
		char *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_X86_64, (int)i);

		if (!name)
			continue;
		for (; nr < i; nr++)
			printf("\t\"\\0\"\n");
		printf("\t\"%s\\0\"\n", name);
		nr++;
		free(name);
	}
	printf("\t;\n\nconst size_t filter_calls_nr = %u;\n", nr);
}

int main(void)
{
	const struct sandbox_rule **sorted = calloc(sandbox_rules_nr, sizeof(*sorted));

	if (!sorted)
		return 1;
	for (size_t i = 0; i < sandbox_rules_nr; i++)
		sorted[i] = &sandbox_rules[i];
	qsort(sorted, sandbox_rules_nr, sizeof(*sorted), by_role_and_call);
	printf("/* Made by security/gen/gen_filters.c from security/rules.c. */\n#include \"security/filters.h\"\n\n");
	printf("#include \"security/stages.h\"\n\nconst struct filter_rule filter_rules[] = {\n");
	for (size_t i = 0; i < sandbox_rules_nr; i++)
		print_rule(sorted[i]);
	printf("};\n\nconst size_t filter_rules_nr = sizeof(filter_rules) / sizeof(filter_rules[0]);\n\n");
	printf("const struct sandbox_cond filter_conds[] = {\n");
	for (unsigned i = 0; i < conds_nr; i++)
		printf("\t{%d, UINT64_C(0x%" PRIx64 "), UINT64_C(0x%" PRIx64 ")},\n", conds[i].arg, conds[i].mask,
			conds[i].value);
	print_names();
	free(sorted);
	return fflush(stdout) || ferror(stdout);
}
