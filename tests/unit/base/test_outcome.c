// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "tests/support/unit.h"
#include "vmm/base/outcome.h"
#include "vmm/base/util.h"

/* The contract of the manual, written down a second time on purpose. */
static void exit_statuses(void **state)
{
	static const struct {
		struct verdict v;
		int status;
	} cases[] = {
		{{.outcome = OUTCOME_POWEROFF}, 0},
		{{.outcome = OUTCOME_RESET}, 32},
		{{.outcome = OUTCOME_PANIC}, 34},
		{{.outcome = OUTCOME_CRASH}, 36},
		{{.outcome = OUTCOME_HALT}, 38},
		{{.outcome = OUTCOME_DEBUG_EXIT, .value = 0}, 1},
		{{.outcome = OUTCOME_DEBUG_EXIT, .value = 1}, 3},
		{{.outcome = OUTCOME_DEBUG_EXIT, .value = 61}, 123},
		{{.outcome = OUTCOME_DEBUG_EXIT, .value = 62}, 123},
		{{.outcome = OUTCOME_DEBUG_EXIT, .value = UINT32_MAX}, 123},
		{{.outcome = OUTCOME_DEBUG_EXIT, .value = UINT64_MAX}, 123},
		{{.outcome = OUTCOME_TIMEOUT}, 124},
		{{.outcome = OUTCOME_FAILURE}, 125},
		{{.outcome = OUTCOME_SIGNAL, .value = 2}, 130},
		{{.outcome = OUTCOME_SIGNAL, .value = 31}, 159},
		{{.outcome = OUTCOME_SIGNAL, .value = 64}, 192},
		{{.outcome = OUTCOME_COMMAND}, 0},
		{{.outcome = OUTCOME_COMMAND, .value = 137}, 137},
		{{.outcome = OUTCOME_ANSWERED}, 0},
		{{.outcome = OUTCOME_ANSWERED, .value = 34}, 34},
		{{.outcome = OUTCOME_NONE}, 125},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(verdict_exit_status(&cases[i].v), cases[i].status);
}

static void every_row_has_words(void **state)
{
	for (int o = OUTCOME_NONE; o <= OUTCOME_SIGNAL; o++) {
		assert_non_null(outcome_name(o));
		assert_true(strlen(outcome_name(o)) > 0);
		assert_true(strlen(outcome_text(o)) > 0);
		for (int other = OUTCOME_NONE; other < o; other++)
			assert_string_not_equal(outcome_name(o), outcome_name(other));
	}
	for (int d = DETECTOR_NONE; d <= DETECTOR_VMM; d++) {
		assert_non_null(detector_text(d));
		assert_true(strlen(detector_text(d)) > 0);
	}
	assert_string_equal(outcome_name(OUTCOME_DEBUG_EXIT), "debug-exit");
	assert_string_equal(detector_text(DETECTOR_PVPANIC), "pvpanic device");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(exit_statuses),
		cmocka_unit_test(every_row_has_words),
	};

	return run_group(tests);
}
