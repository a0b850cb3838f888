// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>
#include <string.h>

#include "tests/support/fuzz.h"
#include "vmm/base/units.h"

/* What parses must print in a form that parses to the same value. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = strndup((const char *)data, size);
	char buf[UNITS_TEXT_MAX];
	uint64_t a, b;

	if (!text)
		return 0;
	if (!parse_size(text, &a) && (parse_size(format_size(a, buf), &b) || a != b))
		abort();
	if (!parse_duration(text, &a) && (parse_duration(format_duration(a, buf), &b) || a != b))
		abort();
	if (!parse_u64(text, &a) && text[0] == '-')
		abort();
	free(text);
	return 0;
}
