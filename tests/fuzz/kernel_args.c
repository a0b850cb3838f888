// SPDX-License-Identifier: Apache-2.0
/*
 * A kernel's command line in the eyes of vmm. What must hold: arguments come in order and lie in the line, the walk
 * ends, and an argument put behind "--" changes nothing.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/fuzz.h"
#include "vmm/base/util.h"
#include "vmm/machine/kernel_args.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *line = malloc(size + sizeof(" -- noapic acpi=off"));
	const char *at = line, *before = line;
	struct kernel_irqs k, longer;
	size_t quotes = 0, len;
	struct kernel_arg a;

	if (!line)
		abort();
	memcpy(line, data, size);
	line[size] = '\0';
	len = strlen(line);
	while (kernel_arg_next(&at, &a)) {
		assert(a.name >= before && a.name + a.name_len <= at && at <= line + len);
		assert(!a.value || (a.value > a.name + a.name_len && a.value + a.value_len <= at));
		assert(at > before);
		before = at;
	}
	for (size_t i = 0; i < len; i++)
		quotes += line[i] == '"';
	k = kernel_irqs(line);
	if (quotes % 2 == 0) {
		strcpy(line + len, " -- noapic acpi=off");
		longer = kernel_irqs(line);
		assert(longer.pic == k.pic && longer.acpi_off == k.acpi_off);
	}
	free(line);
	return 0;
}
