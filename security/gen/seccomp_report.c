// SPDX-License-Identifier: Apache-2.0
/*
 * `scripts/seccomp-report`: which system calls each thread may make, and why. With --tsv one row per line, for tests.
 */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "security/rules.h"

static const struct {
	const char *name;
	const char *text;
} roles[] =
	{
#define X(id, name, text) [SANDBOX_##id] = {name, text},
		SANDBOX_ROLES(X)
#undef X
},
  devices[] = {
#define X(id, name, text) [SANDBOX_DEVICE_##id] = {name, text},
	  SANDBOX_DEVICES(X)
#undef X
};

static bool shown(const struct sandbox_rule *r, int role)
{
	return r->role == (enum sandbox_role)role && r->device != SANDBOX_DEVICE_SANITIZER;
}

/* A refused call is not an allowed one. */
static bool counts(const struct sandbox_rule *r, int role)
{
	return shown(r, role) && !r->refused;
}

/* Counts calls, not rows: several rows may be about one call. */
static unsigned calls(int role, bool always)
{
	unsigned n = 0;

	for (size_t i = 0; i < sandbox_rules_nr; i++) {
		bool seen = false;

		if (!counts(&sandbox_rules[i], role) || (always && sandbox_rules[i].device != SANDBOX_DEVICE_ALWAYS))
			continue;
		for (size_t j = 0; j < i; j++)
			seen |= counts(&sandbox_rules[j], role) && sandbox_rules[j].nr == sandbox_rules[i].nr &&
				(!always || sandbox_rules[j].device == SANDBOX_DEVICE_ALWAYS);
		n += !seen;
	}
	return n;
}

static void print_row(const struct sandbox_rule *r)
{
	printf("  %-16s %-42s %-9s %s\n", r->call, r->what, devices[r->device].name, r->why);
}

static void print_tsv(void)
{
	for (size_t i = 0; i < sandbox_rules_nr; i++) {
		const struct sandbox_rule *r = &sandbox_rules[i];

		printf("%s\t%s\t%s\t%s\t%s\n", roles[r->role].name, devices[r->device].name, r->call, r->what, r->why);
	}
}

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "--tsv")) {
		print_tsv();
		return 0;
	}
	if (argc > 1) {
		fprintf(stderr, "usage: seccomp-report [--tsv]\n");
		return 2;
	}
	for (int role = 0; role < SANDBOX_ROLE_COUNT; role++) {
		printf("%s: %s\n%u system calls with all devices on, %u on every machine\n\n", roles[role].name,
			roles[role].text, calls(role, false), calls(role, true));
		printf("  %-16s %-42s %-9s %s\n", "call", "only with", "device", "why");
		for (size_t i = 0; i < sandbox_rules_nr; i++)
			if (shown(&sandbox_rules[i], role))
				print_row(&sandbox_rules[i]);
		printf("\n");
	}
	printf("devices\n");
	for (int d = 1; d < SANDBOX_DEVICE_COUNT; d++)
		printf("  %-10s %s\n", devices[d].name, devices[d].text);
	printf("\nWhat a build with sanitizers allows on top is in security/rules.c, under SANITIZER.\n");
	return 0;
}
