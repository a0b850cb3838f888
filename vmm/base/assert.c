// SPDX-License-Identifier: Apache-2.0
#include "vmm/base/assert.h"

#include <stdio.h>
#include <unistd.h>

void assert_failed(const char *where)
{
	char line[128];
	int len = snprintf(line, sizeof(line), "vmm: bug at %s\n", where);

	/* A single write, so that the line is not mixed with those of other threads; a failure cannot be reported. */
	if (write(STDERR_FILENO, line, (size_t)len) < 0)
		__builtin_trap();
	__builtin_trap();
}
