/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The results of a log in one line, for tests to compare: "name=outcome!FAULT{children}", blanks between them, and the
 * faults of the log as a whole at the end.
 */
#ifndef TESTS_SUPPORT_KTAP_PRINT_H
#define TESTS_SUPPORT_KTAP_PRINT_H

#include <stdio.h>

#include "vmm/results/ktap.h"

static inline void ktap_print_faults(FILE *out, uint32_t faults)
{
	static const char *const names[] = {
#define X(id, text) #id,
		KTAP_FAULTS(X)
#undef X
	};

	for (int f = 0; f < KTAP_FAULT_COUNT; f++)
		if (faults & (1u << f))
			fprintf(out, "!%s", names[f]);
}

static inline void ktap_print_cases(FILE *out, const struct ktap_case *c)
{
	for (const char *gap = ""; c; c = c->next, gap = " ") {
		fprintf(out, "%s%s=%s", gap, c->name, ktap_outcome_name(c->outcome));
		ktap_print_faults(out, c->faults);
		if (c->child) {
			fputc('{', out);
			ktap_print_cases(out, c->child);
			fputc('}', out);
		}
	}
}

static inline void ktap_print(FILE *out, const struct ktap *k)
{
	ktap_print_cases(out, k->root.child);
	ktap_print_faults(out, k->root.faults);
}

#endif
