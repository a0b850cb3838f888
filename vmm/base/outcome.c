// SPDX-License-Identifier: Apache-2.0
#include "vmm/base/outcome.h"

/* clang-format off */
static const struct {
	const char *name;
	const char *text;
	int status;
} outcomes[] = {
	[OUTCOME_NONE] = {"none", "nothing ended the run", EXIT_FAILED},
#define X(id, name_, status_, text_) [OUTCOME_##id] = {name_, text_, status_},
	OUTCOMES(X)
#undef X
};
/* clang-format on */

static const char *const detectors[] = {
#define X(id, text) [DETECTOR_##id] = text,
	DETECTORS(X)
#undef X
};

const char *outcome_name(enum outcome o)
{
	return outcomes[o].name;
}

const char *outcome_text(enum outcome o)
{
	return outcomes[o].text;
}

const char *detector_text(enum detector d)
{
	return detectors[d];
}

int err_exit_status(const struct err *e)
{
	return e->by_operator ? EXIT_USAGE : EXIT_FAILED;
}

int verdict_exit_status(const struct verdict *v)
{
	switch (v->outcome) {
	case OUTCOME_DEBUG_EXIT: return v->value <= DEBUG_EXIT_MAX ? (int)(2 * v->value + 1) : EXIT_DEBUG_TOO_LARGE;
	case OUTCOME_SIGNAL: return 128 + (int)v->value;
	case OUTCOME_COMMAND:
	case OUTCOME_ANSWERED: return (int)v->value;
	default: return outcomes[v->outcome].status;
	}
}
